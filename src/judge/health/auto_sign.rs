//! Does signing run by itself, where it should?
//!
//! In: what the server's auto-sign says of its last run. Out: one check, where it is installed.

use super::{Check, Line, State, Vitals};
use crate::domain::Age;
use crate::domain::count::{count, number};
use crate::domain::text::visible;

const ID: &str = "auto-sign";

/// Its timer starts it every five minutes.
const LONG: Age = Age(3600);

/// The check.
pub(super) fn check(vitals: &Vitals<'_>) -> Option<Check> {
    let (run, now) = vitals.auto_sign?;
    let last = run.at.map(|at| at.age(now));
    let ago = last.map_or_else(
        || "it has never run".to_owned(),
        |age| format!("last ran {age} ago"),
    );
    let (summary, fix) = if let Some(problem) = &run.problem {
        (
            format!("auto-sign can't do its work: {}; {ago}", visible(problem)),
            "systemctl start storekeeper-auto-sign on the server, once that is fixed",
        )
    } else if !run.on {
        (
            format!("auto-sign is off: its timer does not run; {ago}"),
            "systemctl enable --now storekeeper-auto-sign.timer on the server, or setup SERVER --auto-sign --off",
        )
    } else if last.is_none_or(|age| age > LONG) {
        (
            format!("auto-sign is on, and {ago}"),
            "systemctl status storekeeper-auto-sign.timer storekeeper-auto-sign on the server",
        )
    } else {
        let summary = format!(
            "auto-sign is on, {ago}: it signed {} and left {}",
            count(run.signed, "path"),
            number(run.waiting)
        );
        return Some(Check {
            line: Line {
                text: format!("auto-sign is on, {ago}"),
                note: format!(
                    "signed {}, left {}",
                    number(run.signed),
                    number(run.waiting)
                ),
                subject: None,
            },
            ..Check::new(ID, State::Fine, summary, None)
        });
    };
    Some(Check::new(ID, State::Warning, summary, Some(fix.into())))
}
