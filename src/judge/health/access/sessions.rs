//! Sessions that stay open.
//!
//! In: the open sessions of the cache user. Out: a warning where one has been open for so long that it holds up collections: what
//! was uploaded since it began is kept, and `gc --idle` waits for its end.

use super::{Check, Looked, State, check};
use crate::domain::Age;
use crate::domain::count::count;

/// An upload takes minutes, or hours over a slow line. A session that is open for longer was forgotten, or its client is gone.
const LONG: Age = Age(86_400);

/// The session that has been open for the longest time, and how many others are too old.
pub(super) fn checks(looked: &Looked<'_>) -> Option<Check> {
    let open = looked.facts.sessions.as_ref().ok()?;
    let mut old: Vec<_> = open
        .iter()
        .filter_map(|session| Some((session.since?, session)))
        .filter(|(since, _)| since.age(looked.now) > LONG)
        .collect();
    old.sort_by_key(|(since, _)| *since);
    let (since, session) = old.first()?;
    let key = looked
        .keys
        .iter()
        .find(|row| Some(row.fingerprint) == session.fingerprint);
    let client = key
        .map(|row| row.comment.as_str())
        .filter(|name| !name.is_empty());
    let client = client.unwrap_or("an unknown client");
    let others = match old.len() - 1 {
        0 => String::new(),
        more => format!(", and {}", count(more, "more session")),
    };
    let summary = format!(
        "a session of {client} has been open for {}{others}: collections keep what was uploaded since it began",
        since.age(looked.now)
    );
    let fix = format!(
        "if its client is gone, end it: K on screen 6, or kill {} on the server",
        session.pid
    );
    let id = "sessions-old";
    Some(check(id, State::Warning, summary, Some(fix.into())))
}
