//! What has happened with those who use the cache, and those who want to.
//!
//! In: what two looks at access have found. Out: events.

use super::Event;
use crate::domain::When;
use crate::domain::ssh_key::Fingerprint;
use crate::judge::access::{KeyRow, Refused, RequestRow};
use std::collections::BTreeSet;

/// Clients that were refused, or refused again, since the look before.
pub fn logins(before: &[Refused], now: &[Refused]) -> Vec<Event> {
    let new = now.iter().filter_map(|one| {
        let old = before
            .iter()
            .find(|old| old.fingerprint == one.fingerprint)
            .filter(|old| old.times <= one.times);
        let times = one.times - old.map_or(0, |old| old.times);
        // Where a login came in between, the count began anew.
        let again = old.is_none_or(|old| old.last.at < one.last.at || times > 0);
        again.then(|| Event::RefusedLogin {
            fingerprint: one.fingerprint,
            comment: one.comment.clone(),
            from: one.last.from.clone(),
            times: times.max(1),
            last: one.last.at,
            message: one.message.clone(),
        })
    });
    // The latest stands first among them; as events they come in the order of time.
    let mut new: Vec<Event> = new.collect();
    new.reverse();
    new
}

/// Requests that were not there at the look before.
pub fn requests(before: &[RequestRow], now: &[RequestRow]) -> Vec<Event> {
    let new = now
        .iter()
        .filter(|one| !before.iter().any(|old| old.id == one.id));
    new.map(|one| Event::Request {
        id: one.id.clone(),
        fingerprint: one.fingerprint,
        comment: one.comment.clone(),
    })
    .collect()
}

/// A key with an end that was reported: its fingerprint, its end, and whether that was over.
pub type Ending = (Fingerprint, When, bool);

/// Keys that end before `until` or have ended; those in `reported` were reported before, and `reported` is what holds now.
pub fn endings(
    reported: &mut BTreeSet<Ending>,
    keys: &[KeyRow],
    now: When,
    until: When,
) -> Vec<Event> {
    let mut holds = BTreeSet::new();
    let mut events = Vec::new();
    for key in keys {
        let due = |end: &When| *end <= until && key.suspended.is_none();
        let Some(expires) = key.expires.filter(due) else {
            continue;
        };
        let ending = (key.fingerprint, expires, expires <= now);
        // In two files a key is reported once.
        if holds.insert(ending) && !reported.contains(&ending) {
            events.push(Event::KeyExpiring {
                fingerprint: key.fingerprint,
                comment: key.comment.clone(),
                expires,
                expired: ending.2,
            });
        }
    }
    *reported = holds;
    events
}
