//! What the overview says about access.
//!
//! In: what is known of it. Out: lines that lead to screen 4.

use crate::console::access::{SOON, sentence};
use crate::console::model::{Model, Screen, Trouble};
use crate::console::screens::overview::Check;
use crate::domain::count::count;
use crate::judge::finding::{Finding, Level};
use crate::judge::health::State;

/// The lines, and how many checks were fine.
pub fn checks(model: &Model) -> (Vec<Check>, usize) {
    let line = |level: State, text: String, note: String| Check {
        level,
        text,
        note,
        screen: Some(Screen::Access),
        trouble: None,
    };
    let mut checks = Vec::new();
    let mut fine = 0;
    if let Some(Trouble { summary, .. }) = &model.access.trouble {
        let text = format!("who may log in could not be read: {summary}");
        checks.push(line(State::Unknown, text, String::new()));
    }
    let Some(known) = &model.access.known else {
        return (checks, fine);
    };
    match known.requests.as_slice() {
        [] => fine += usize::from(known.facts.requests.is_ok()),
        waiting => {
            let text = match waiting.len() {
                1 => "1 key request waits".to_owned(),
                n => format!("{} wait", count(n, "key request")),
            };
            let oldest = waiting
                .iter()
                .filter_map(|entry| entry.row.first_seen)
                .min();
            let note =
                oldest.map_or_else(String::new, |at| format!("oldest {}", at.age(model.now)));
            checks.push(line(State::Warning, text, note));
        }
    }
    let mut dangers = 0;
    for finding in &known.notices {
        if let Some(level) = level(finding) {
            dangers += 1;
            checks.push(line(level, sentence(finding), String::new()));
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
    let odd: Vec<(&str, &Finding)> = known
        .keys
        .iter()
        .filter_map(|entry| {
            let finding = entry.row.findings.iter().find(posture)?;
            Some((entry.row.comment.as_str(), finding))
        })
        .collect();
    match odd.iter().max_by_key(|(_, finding)| finding.level) {
        None => fine += 1,
        Some((owner, finding)) => {
            let state = match finding.level {
                Level::Refuse => State::Critical,
                _ => State::Warning,
            };
            let text = format!(
                "{} to look at: {}",
                count(odd.len(), "key"),
                finding.message
            );
            checks.push(line(state, text, (*owner).chars().take(20).collect()));
        }
    }
    let ending: Vec<&str> = known
        .keys
        .iter()
        .filter(|entry| {
            let end = entry.row.expires;
            end.is_some_and(|end| end > model.now && model.now.age(end) <= SOON)
        })
        .map(|entry| entry.row.comment.as_str())
        .collect();
    match ending.as_slice() {
        [] => fine += 1,
        [one] => checks.push(line(
            State::Warning,
            "1 key expires within 7 days".to_owned(),
            one.chars().take(24).collect(),
        )),
        several => checks.push(line(
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
