//! The list of what runs by itself: which there are, and how each is.
//!
//! In: what was found on the server, and what each says of its last run. Out: the dialog. What is chosen is planned to be installed, or
//! to be removed where it is there.

use super::layer::Installed;
use super::model::Model;
use crate::console::widgets::Pen;
use crate::console::widgets::choice::{self, Choice};
use crate::domain::When;
use crate::domain::installable::{Installable, Installation};
use crate::domain::text::visible;

/// Draws it.
pub(super) fn draw(model: &Model, pen: &mut Pen<'_>, installed: &Installed) {
    let all = Installable::ALL.into_iter().enumerate();
    let all = all.map(|(at, what)| Choice {
        mark: None,
        name: what.label(),
        colour: None,
        note: match installed.all.as_ref().and_then(|all| all.get(at)) {
            None => "being looked at".to_owned(),
            Some(found) => note(model, found),
        },
    });
    let all: Vec<Choice<'_>> = all.collect();
    choice::draw(
        pen,
        model.cx.size,
        "Install or remove what runs by itself",
        installed.list,
        &all,
    );
}

/// How it is, what was chosen for it, and how its last run went.
fn note(model: &Model, found: &Installation) -> String {
    let state = found.state();
    if !found.is_there() {
        return format!("{state}; {}", found.what.does());
    }
    let chosen = found.chosen.to_string();
    let chosen = if chosen.is_empty() {
        String::new()
    } else {
        format!(": {}", visible(&chosen))
    };
    let last = match last(model, found.what) {
        None => String::new(),
        Some((_, Some(problem))) => format!("; failed: {}", visible(&problem)),
        Some((None, None)) => "; has not run yet".to_owned(),
        Some((Some(at), None)) => {
            let now = model.cx.facts.as_ref();
            let now = now.map_or(model.cx.now, |facts| facts.there(model.cx.now));
            format!("; last ran {} ago", at.age(now))
        }
    };
    format!("{state}{chosen}{last}")
}

/// When it ran last, and what went wrong.
fn last(model: &Model, what: Installable) -> Option<(Option<When>, Option<String>)> {
    let facts = model.cx.facts.as_deref()?;
    match what {
        Installable::AutoSign => {
            let run = facts.auto_sign.as_ref()?;
            Some((run.at, run.problem.clone()))
        }
        Installable::PolicyTimer => {
            let run = facts.policy_timer.as_ref()?;
            Some((run.at, run.problem.clone()))
        }
        Installable::Lease => {
            let run = model.space.known.as_ref()?.facts.lease.as_ref()?;
            Some((run.at, run.problem.clone()))
        }
        Installable::Knock => None,
    }
}
