//! The choice of a plan that waits for a second administrator.
//!
//! In: the plans as they were read last. Out: the dialog. What is chosen is planned again, or is planned to be dropped.

use super::layer::Waiting;
use super::model::Model;
use crate::change::two::may;
use crate::console::types::reason::{Reason, no};
use crate::console::widgets::Pen;
use crate::console::widgets::choice::{self, Choice};
use crate::domain::When;
use crate::domain::two_persons::{FoundPlan, TwoPersons};
use std::borrow::Cow;

/// The plans, and the time there.
pub(super) fn plans(model: &Model) -> Option<(&TwoPersons, When)> {
    let known = model.space.known.as_deref()?;
    let two = known.two.as_ref().ok()?;
    Some((two, known.there(model.cx.now)))
}

/// Whether there is anything to list.
pub(super) fn can_list(model: &Model) -> Reason {
    match model.space.known.as_deref().map(|known| &known.two) {
        None => no("the plans that wait have not been read yet"),
        Some(Err(why)) => Err(Cow::Owned(why.to_string())),
        Some(Ok(two)) if two.hidden => no("the plans that wait are hidden from this login"),
        Some(Ok(two)) if two.plans.is_empty() => no("no plan waits for a second administrator"),
        Some(Ok(_)) => Ok(()),
    }
}

/// Whether this login is another administrator than the one who has made it.
pub(super) fn is_confirmable(model: &Model, found: &FoundPlan) -> bool {
    let known = model.space.known.as_deref();
    known.is_some_and(|known| may(found, &known.login, known.there(model.cx.now)).is_ok())
}

/// Draws it.
pub(super) fn draw(model: &Model, pen: &mut Pen<'_>, waiting: &Waiting) {
    let all = waiting.all.iter().map(|found| Choice {
        mark: None,
        name: &found.id,
        colour: None,
        note: note(model, found),
    });
    let all: Vec<Choice<'_>> = all.collect();
    choice::draw(
        pen,
        model.cx.size,
        "Plans that wait for a second administrator",
        waiting.list,
        &all,
    );
}

/// What enter does, and what it is.
fn note(model: &Model, found: &FoundPlan) -> String {
    let there = plans(model).map_or(model.cx.now, |(_, there)| there);
    match &found.plan {
        Err(why) => format!("drop: {why}"),
        Ok(plan) if found.begun => format!("drop: was confirmed; {}", plan.summary),
        Ok(plan) if plan.is_over(there) => format!("drop: has ended; {}", plan.summary),
        Ok(plan) => {
            let verb = if is_confirmable(model, found) {
                "confirm"
            } else {
                "drop (your own)"
            };
            format!("{verb}: {}, by {}", plan.summary, plan.first.by)
        }
    }
}
