//! Does the policy timer collect, where it should?
//!
//! In: what the server's policy timer says of its last run. Out: one check, where it is installed.

use super::{Check, Line, State, Vitals};
use crate::domain::count::count;
use crate::domain::text::visible;

const ID: &str = "policy-timer";

/// The check.
pub(super) fn check(vitals: &Vitals<'_>) -> Option<Check> {
    let (run, now) = vitals.policy_timer?;
    let ago = run.at.map_or_else(
        || "it has not run yet".to_owned(),
        |at| format!("last ran {} ago", at.age(now)),
    );
    let (summary, fix) = if let Some(problem) = &run.problem {
        (
            format!(
                "the policy timer could not collect: {}; {ago}",
                visible(problem)
            ),
            "systemctl start storekeeper-gc on the server, once that is fixed",
        )
    } else if run.failed {
        (
            format!("the policy timer could not be run by systemd; {ago}"),
            "systemctl status storekeeper-gc on the server",
        )
    } else if !run.on {
        (
            format!("the policy timer is off: its timer does not run; {ago}"),
            "systemctl enable --now storekeeper-gc.timer on the server, or setup SERVER --gc --off",
        )
    } else {
        let took = format!("took {}, {}", count(run.paths, "path"), run.freed);
        let note = if run.at.is_some() { took.as_str() } else { "" };
        let summary = if note.is_empty() {
            format!("the policy timer is on, {ago}")
        } else {
            format!("the policy timer is on, {ago}: it {took}")
        };
        return Some(Check {
            line: Line {
                text: format!("policy timer is on, {ago}"),
                note: note.to_owned(),
                subject: None,
            },
            ..Check::new(ID, State::Fine, summary, None)
        });
    };
    Some(Check::new(ID, State::Warning, summary, Some(fix.into())))
}
