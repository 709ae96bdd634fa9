//! What the Overview says about access: the same checks as `storekeeper status`, and where each leads.
//!
//! In: what is known of access. Out: lines that lead to screen 4.

use crate::console::screens::access::state::Access;
use crate::console::screens::check::{Check, Target};
use crate::console::types::access::{AccessSnapshot, Anchor};
use crate::console::types::context::Context;
use crate::console::types::screen::Screen;
use crate::judge::health::access::{Looked, of};
use crate::judge::health::{self, State, Subject};

/// Refused clients that have a line each.
const REFUSED: usize = 3;

/// The lines, and how many checks were fine.
pub fn checks(cx: &Context, access: &Access) -> (Vec<Check>, usize) {
    let mut checks = Vec::new();
    if let Some(problem) = &access.problem {
        let text = format!("who may log in could not be read: {problem}");
        let check = health::Check::new("access", State::Unknown, text, None);
        checks.push(line(check));
    }
    let Some(known) = &access.known else {
        return (checks, 0);
    };
    let all = of(&looked(cx, known));
    let before = all.len();
    let open = |check: &health::Check| check.state != State::Fine || check.line.subject.is_some();
    let found: Vec<Check> = all.into_iter().filter(open).map(line).collect();
    let fine = before - found.len();
    checks.extend(found);
    (checks, fine)
}

fn looked<'a>(cx: &'a Context, known: &'a AccessSnapshot) -> Looked<'a> {
    Looked {
        server: &cx.server,
        facts: &known.facts,
        posture: &known.posture,
        files: &known.file_rows,
        keys: known.keys.iter().map(|entry| &entry.row).collect(),
        refused: &known.refused,
        named: REFUSED,
        limits: cx.limits,
        now: cx.now,
    }
}

fn line(check: health::Check) -> Check {
    let health::Line {
        text,
        note,
        subject,
    } = check.line;
    let target = subject.map(|subject| match subject {
        Subject::Request(key) => Anchor::Request(key),
        Subject::Key(key, file, line) => Anchor::Key(key, file, line),
        Subject::Refused(key) => Anchor::Refused(key),
        Subject::Finding(message) => Anchor::Notice(message),
    });
    let whole = || match &check.fix {
        // The screen has the rest.
        Some(fix) if matches!(target, Some(Anchor::Notice(_))) => {
            format!("{}; {fix}", check.summary)
        }
        _ => check.summary.clone(),
    };
    Check {
        id: match &target {
            // Each refused client is a line of its own.
            Some(Anchor::Key(key, ..) | Anchor::Refused(key)) if check.id == "refused-clients" => {
                format!("{}:{key}", check.id)
            }
            _ => check.id.to_owned(),
        },
        level: check.state,
        whole: check.summary.clone(),
        fix: check.fix.as_ref().map(ToString::to_string),
        text: if text.is_empty() { whole() } else { text },
        note,
        screen: Some(Screen::Access),
        target: target.map(Target::Access),
        problem: None,
    }
}
