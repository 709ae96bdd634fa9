//! What the overview says about access.
//!
//! In: what is known of it. Out: lines that lead to screen 4.

use crate::console::screens::access::state::Access;
use crate::console::screens::check::{Check, Target};
use crate::console::types::access::{Anchor, KeyEntry, Line, SOON};
use crate::console::types::context::Context;
use crate::console::types::screen::Screen;
use crate::domain::count::count;
use crate::judge::access::{Cause, Refused};
use crate::judge::finding::{Finding, Level};
use crate::judge::health::State;

/// Refused clients that have a line each.
const REFUSED: usize = 3;

/// The lines, and how many checks were fine.
#[allow(clippy::too_many_lines, reason = "one paragraph for each check")]
pub fn checks(cx: &Context, access: &Access) -> (Vec<Check>, usize) {
    let line = |id: &str, target: Option<Anchor>, level: State, text: String, note: String| Check {
        id: id.to_owned(),
        level,
        text,
        note,
        screen: Some(Screen::Access),
        target: target.map(Target::Access),
        problem: None,
    };
    let mut checks = Vec::new();
    let mut fine = 0;
    if let Some(problem) = &access.problem {
        let text = format!("who may log in could not be read: {problem}");
        checks.push(line("access", None, State::Unknown, text, String::new()));
    }
    let Some(known) = &access.known else {
        return (checks, fine);
    };
    // A request that waits is told as that.
    let refused = known.refused.iter();
    let refused: Vec<&Refused> = refused.filter(|one| one.cause != Cause::Waits).collect();
    fine += usize::from(refused.is_empty() && known.facts.events.is_ok());
    for (at, one) in refused.iter().take(REFUSED).enumerate() {
        let name: String = one.name().chars().take(24).collect();
        let times = count(usize::try_from(one.times).unwrap_or(usize::MAX), "time");
        let text = format!("{name} refused {times}: {}", one.message);
        let last = format!("last {} ago", one.last.at.age(cx.now));
        let note = match refused.len() - 1 - at {
            more @ 1.. if at + 1 == REFUSED => format!("{last}, and {more} more"),
            _ => last,
        };
        let key = known.keys.iter();
        let key = key.filter(|entry| entry.row.fingerprint == one.fingerprint);
        let target = key.max_by_key(|entry| entry.row.active);
        let target = target.map(|entry| Line::Key(entry).anchor());
        let id = format!("refused-{}", one.fingerprint);
        checks.push(line(&id, target, State::Warning, text, note));
    }
    match known.requests.as_slice() {
        [] => fine += usize::from(known.facts.requests.is_ok()),
        waiting => {
            let text = match waiting.len() {
                1 => "1 key request waits".to_owned(),
                n => format!("{} wait", count(n, "key request")),
            };
            let oldest = waiting
                .iter()
                .filter_map(|entry| Some((entry.row.first_seen?, entry)))
                .min_by_key(|(at, _)| *at);
            let named = oldest.map_or(waiting.first(), |(_, entry)| Some(entry));
            let target = named.map(|entry| Line::Request(entry).anchor());
            let note =
                oldest.map_or_else(String::new, |(at, _)| format!("oldest {}", at.age(cx.now)));
            checks.push(line("requests", target, State::Warning, text, note));
        }
    }
    let mut dangers = 0;
    for finding in &known.notices {
        if let Some(level) = level(finding) {
            dangers += 1;
            let target = Some(Line::Notice(finding).anchor());
            checks.push(line(
                finding.code,
                target,
                level,
                finding.notice().to_string(),
                String::new(),
            ));
        }
    }
    fine += usize::from(dangers == 0);
    // What holds for every key is said once, by the server's findings.
    let posture = |finding: &&Finding| {
        finding.level > Level::Note
            && !known
                .notices
                .iter()
                .any(|notice| notice.code == finding.code)
            && !matches!(finding.code, "expiring" | "expired")
    };
    let odd: Vec<(&KeyEntry, &Finding)> = known
        .keys
        .iter()
        .filter_map(|entry| {
            let finding = entry.row.findings.iter().find(posture)?;
            Some((entry, finding))
        })
        .collect();
    match odd.iter().max_by_key(|(_, finding)| finding.level) {
        None => fine += 1,
        Some((entry, finding)) => {
            let state = match finding.level {
                Level::Refuse => State::Critical,
                _ => State::Warning,
            };
            // What a finding says of "the key" is said of its owner.
            let message = &finding.message;
            let can = message.strip_prefix("the key ").unwrap_or(message);
            let owner: String = match entry.row.comment.as_str() {
                "" => entry.row.fingerprint.to_string().chars().take(20).collect(),
                comment => comment.chars().take(30).collect(),
            };
            let text = format!("{owner} {can}");
            let others = match odd.len() - 1 {
                0 => String::new(),
                more => format!("and {}", count(more, "more key")),
            };
            let target = Some(Line::Key(entry).anchor());
            checks.push(line("odd-keys", target, state, text, others));
        }
    }
    let ending: Vec<&KeyEntry> = known
        .keys
        .iter()
        .filter(|entry| {
            let end = entry.row.expires;
            end.is_some_and(|end| end > cx.now && cx.now.age(end) <= SOON)
        })
        .collect();
    let first = ending.iter().min_by_key(|entry| entry.row.expires);
    let target = first.map(|entry| Line::Key(entry).anchor());
    match ending.as_slice() {
        [] => fine += 1,
        [one] => checks.push(line(
            "expiring",
            target,
            State::Warning,
            "1 key expires within 7 days".to_owned(),
            one.row.comment.chars().take(24).collect(),
        )),
        several => checks.push(line(
            "expiring",
            target,
            State::Warning,
            format!("{} expire within 7 days", count(several.len(), "key")),
            String::new(),
        )),
    }
    (checks, fine)
}

/// How a notice stands on the overview; good-to-know ones stay on screen 4.
fn level(finding: &Finding) -> Option<State> {
    match (finding.level, finding.code) {
        (Level::Refuse, _) => Some(State::Critical),
        (Level::Warning, "posture-unknown") | (Level::Note, "log-level" | "unknown") => {
            Some(State::Unknown)
        }
        (Level::Warning, _) => Some(State::Warning),
        (Level::Note, _) => None,
    }
}
