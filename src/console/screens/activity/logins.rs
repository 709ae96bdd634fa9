//! The parts of screen 6 that tell of logins: sessions of the cache user that are open now, and what sshd's log says.

use crate::console::screens::access::state::Access;
use crate::console::screens::activity::state::Activity;
use crate::console::screens::activity::state::Part;
use crate::console::screens::activity::view::{draw_find, draw_head, draw_row, draw_words};
use crate::console::screens::paragraph;
use crate::console::types::access::AccessSnapshot;
use crate::console::types::action::Act;
use crate::console::types::context::Context;
pub use crate::console::types::log::word;
use crate::console::widgets::Pen;
use crate::console::widgets::layout;
use crate::console::widgets::pen::row;
use crate::domain::access::{AccessFacts, Fact, LogEvent, LogKind, LogSource, Session};
use crate::domain::count::{count, number};
use crate::domain::ssh_key::Fingerprint;
use crate::domain::text::visible;
use ratatui::layout::Rect;

/// Draws the part that is chosen.
pub fn draw(cx: &Context, activity: &Activity, access: &Access, pen: &mut Pen<'_>) {
    let areas = layout::lists(cx.size, false);
    let theme = pen.theme;
    let Some(known) = &access.known else {
        draw_find(cx, activity, access, pen, areas.find, "");
        let text = match &access.problem {
            Some(problem) => problem.to_string(),
            None => "Sessions not loaded yet.".to_owned(),
        };
        return paragraph(pen, areas.list, &text, theme.dim);
    };
    let sessions = activity.part == Part::Sessions;
    if sessions {
        let about = format!(" {}", open(known));
        draw_find(cx, activity, access, pen, areas.find, &about);
    } else {
        draw_filter(cx, activity, access, pen, areas.find, known);
    }
    let unknown = if sessions {
        known.facts.sessions.as_ref().err()
    } else {
        known.facts.events.as_ref().err()
    };
    if let Some(why) = unknown {
        let counted = if sessions {
            Vec::new()
        } else {
            undated(&known.facts, |key| owner(known, Some(key)))
        };
        if !counted.is_empty() {
            draw_head(pen, areas.head, ["AGO", "WHAT", "", "WHO"]);
        }
        let fit = usize::from(areas.list.height.saturating_sub(4));
        let mut below = areas.list;
        for (y, (what, said)) in counted.iter().take(fit).enumerate() {
            draw_row(pen, row(areas.list, y as u16), false, ("?", what, "", said));
            below = row(areas.list, y as u16 + 2);
            below.height = areas.list.bottom().saturating_sub(below.y);
        }
        return paragraph(pen, below, &visible(&why.to_string()), theme.warning);
    }
    let rows = activity.rows(access.known.as_deref());
    if rows == 0 {
        let text = if sessions {
            "No open sessions for the cache user.".to_owned()
        } else {
            nothing(cx, activity)
        };
        return paragraph(pen, areas.list, &text, theme.dim);
    }
    let head = if sessions {
        ["SINCE", "STATE", "PROCESS", "WHO"]
    } else {
        ["AGO", "WHAT", "PROCESS", "WHO"]
    };
    draw_head(pen, areas.head, head);
    let list = activity.list;
    for (y, index) in list.view(rows, usize::from(areas.list.height)).enumerate() {
        let line = row(areas.list, y as u16);
        let current = index == list.cursor;
        if sessions {
            let Some(session) = fact(&known.facts.sessions).get(index) else {
                continue;
            };
            let since = session
                .since
                .map_or_else(|| "?".to_owned(), |since| since.age(cx.now).to_string());
            let pid = session.pid.to_string();
            draw_row(
                pen,
                line,
                current,
                (&since, "open", &pid, &who(known, session)),
            );
        } else if let Some((line_of, event)) = activity.log_line(Some(known), index) {
            let ago = event.at.age(cx.now).to_string();
            let pid = event.pid.map_or_else(String::new, |pid| pid.to_string());
            let said = said(known, event);
            let said = if line_of.ours {
                format!("ours: {said}")
            } else {
                said
            };
            draw_row(pen, line, current, (&ago, word(&event.kind), &pid, &said));
        }
    }
}

/// What there is of a fact.
fn fact<T>(fact: &Fact<Vec<T>>) -> &[T] {
    fact.as_deref().unwrap_or_default()
}

/// What a log without dates says of each key: a word, then who, how often and from where.
fn undated(
    facts: &AccessFacts,
    owner: impl Fn(Fingerprint) -> String,
) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    for (key, seen) in &facts.undated {
        let from = match seen.addresses.as_slice() {
            [] => String::new(),
            addresses => format!(", from {}", visible(&addresses.join(", "))),
        };
        let accepted = word(&LogKind::Accepted(String::new()));
        let refused = word(&LogKind::RefusedByOptions);
        for (what, often) in [(accepted, seen.accepted), (refused, seen.refused)] {
            if often > 0 {
                let times = count(usize::try_from(often).unwrap_or(usize::MAX), "time");
                lines.push((what, format!("{}, {times}{from}", owner(*key))));
            }
        }
    }
    lines
}

/// How many sessions are open.
fn open(known: &AccessSnapshot) -> String {
    match &known.facts.sessions {
        Ok(sessions) => format!("{} open now", count(sessions.len(), "session")),
        Err(_) => "? sessions".to_owned(),
    }
}

/// Why the log's list is empty, and what shows more.
fn nothing(cx: &Context, activity: &Activity) -> String {
    let filter = activity.filter();
    let ours = activity.log.ours;
    if ours > 0 {
        let key = cx.keymap.names(Act::OurLogins);
        return format!("Nothing but {ours} of ours, by storekeeper; {key} shows them.");
    }
    if filter.is_set() {
        let key = cx.keymap.names(Act::Back);
        return format!("No entry matches; {key} clears the filter.");
    }
    "No logins in sshd's log.".to_owned()
}

/// The filter of the log, where there is one, and what it leaves.
fn draw_filter(
    cx: &Context,
    activity: &Activity,
    access: &Access,
    pen: &mut Pen<'_>,
    area: Rect,
    known: &AccessSnapshot,
) {
    let filter = activity.filter();
    if !filter.is_set() && !activity.typing {
        let about = format!(" {}", reach(cx, activity, known));
        return draw_find(cx, activity, access, pen, area, &about);
    }
    let narrowed: &[&str] = if filter.refused { &["refused"] } else { &[] };
    let counted = counted(cx, activity, known);
    draw_words(pen, area, activity, narrowed, &counted);
}

/// How many entries are shown of how many, and how many of this console are not.
fn counted(cx: &Context, activity: &Activity, known: &AccessSnapshot) -> String {
    let Ok(events) = &known.facts.events else {
        return "? in sshd's log".to_owned();
    };
    let shown = activity.log.shown.len();
    let of = if activity.filter().is_set() {
        format!("{} of {}", number(shown), number(events.len()))
    } else {
        number(shown)
    };
    let hidden = match activity.log.ours {
        ours if ours > 0 && !activity.ours => {
            let key = cx.keymap.names(Act::OurLogins);
            format!(", {} of ours hidden ({key})", number(ours))
        }
        _ => String::new(),
    };
    format!("{of} in sshd's log{hidden}")
}

/// How much of sshd's log there is, and how far back it goes.
fn reach(cx: &Context, activity: &Activity, known: &AccessSnapshot) -> String {
    let entries = counted(cx, activity, known);
    let entries = match known.facts.log.dropped {
        0 => entries,
        _ => format!("the newest {entries}"),
    };
    match known
        .facts
        .reach
        .as_ref()
        .filter(|_| known.facts.events.is_ok())
    {
        Some(reach) => {
            let source = match &reach.source {
                LogSource::File(file) => visible(file).into_owned(),
                LogSource::Journal => "the journal".to_owned(),
            };
            format!("{entries}, {source} since {}", reach.since)
        }
        None => entries,
    }
}

/// What the other parts of the screen have, in few words.
pub fn others(activity: &Activity, access: &Access) -> Option<String> {
    let known = access.known.as_ref()?;
    let sessions = match &known.facts.sessions {
        Ok(sessions) => count(sessions.len(), "session"),
        Err(_) => "? sessions".to_owned(),
    };
    Some(match activity.part {
        Part::Changes => format!("{sessions}, sshd's log"),
        Part::Sessions => "sshd's log, changes".to_owned(),
        Part::Log => format!("changes, {sessions}"),
    })
}

/// Whose key it is, by the comment of its line.
fn owner(known: &AccessSnapshot, key: Option<Fingerprint>) -> String {
    let Some(key) = key else {
        return "a key that is not known".to_owned();
    };
    let entry = known.keys.iter().find(|entry| entry.row.fingerprint == key);
    let comment = entry.map(|entry| entry.key.comment().into_owned());
    match comment.filter(|comment| !comment.is_empty()) {
        Some(comment) => visible(&comment).into_owned(),
        None if entry.is_some() => key.to_string(),
        None => format!("{key}, not authorized now"),
    }
}

/// `ada@ci-3, from 10.2.0.7`.
fn who(known: &AccessSnapshot, session: &Session) -> String {
    let from = session.from.as_deref().map_or_else(
        || "an address that is not known".into(),
        |from| visible(from),
    );
    format!("{} from {from}", owner(known, session.fingerprint))
}

/// Who it is about, and what else the log says.
pub fn said(known: &AccessSnapshot, event: &LogEvent) -> String {
    let mut parts = Vec::new();
    if event.fingerprint.is_some() {
        parts.push(owner(known, event.fingerprint));
    }
    match &event.kind {
        LogKind::Accepted(method) | LogKind::Failed(method) if event.fingerprint.is_none() => {
            parts.push(visible(method).into_owned());
        }
        LogKind::Found { file, line } => parts.push(format!("{} line {line}", visible(file))),
        LogKind::RefusedByOptions => parts.push("by the key's options".to_owned()),
        LogKind::BadModes(why) => parts.push(visible(why).into_owned()),
        LogKind::Session { command, .. } if command.is_empty() => parts.push("a shell".to_owned()),
        LogKind::Session { command, .. } => parts.push(visible(command).into_owned()),
        _ => {}
    }
    let place = match (event.user.as_str(), event.address.as_str()) {
        ("", "") => String::new(),
        (user, "") => format!("as {}", visible(user)),
        ("", address) => format!("from {}", visible(address)),
        (user, address) => format!("as {} from {}", visible(user), visible(address)),
    };
    if !place.is_empty() {
        parts.push(place);
    }
    parts.join(", ")
}

/// The overview's line: `2 sessions: ada@ci-3 (4m), a key that is not known from 10.2.0.9`.
pub fn on_now(cx: &Context, access: &Access) -> Option<String> {
    let known = access.known.as_ref()?;
    let sessions = match &known.facts.sessions {
        Ok(sessions) => sessions,
        Err(why) => return Some(format!("? {}", visible(&why.to_string()))),
    };
    if sessions.is_empty() {
        return Some("nobody".to_owned());
    }
    let each: Vec<String> = sessions
        .iter()
        .take(4)
        .map(|session| {
            let age = session.since.map(|since| since.age(cx.now));
            let age = age.map_or_else(String::new, |age| format!(" ({age})"));
            let known_key = session
                .fingerprint
                .is_some_and(|key| known.keys.iter().any(|own| own.row.fingerprint == key));
            if known_key {
                format!("{}{age}", owner(known, session.fingerprint))
            } else {
                format!("{}{age}", who(known, session))
            }
        })
        .collect();
    let more = if sessions.len() > 4 { ", …" } else { "" };
    Some(format!(
        "{}: {}{more}",
        count(sessions.len(), "session"),
        each.join(", ")
    ))
}
