//! What comes in about space, the planner's form, the views.
//!
//! In: the screen, the context, what was found out or pressed. Out: the changed screen, and what is to be asked next.

use super::Effect;
use super::form::{Field, Form};
use super::state::Space;
use crate::console::types::assessment::SpaceAssessment;
use crate::console::types::context::Context;
use crate::console::types::key::{Code, Key};
use crate::console::types::problem::Problem;
use crate::console::types::space::{Planned, SpaceSnapshot};
use std::sync::Arc;

/// Looks at the server.
pub fn read(space: &mut Space, cx: &mut Context) -> Effect {
    let look = cx.next_number();
    space.look = look;
    Effect::Read { look, known: None }
}

/// The same without the passes over the store's folders, where they have been made.
pub fn look_quickly(space: &mut Space, cx: &mut Context) -> Effect {
    let passed = |known: &&Arc<SpaceSnapshot>| known.last_use.is_some() && known.links.is_some();
    let known = space.known.as_ref().filter(passed).cloned();
    let look = cx.next_number();
    space.look = look;
    Effect::Read { look, known }
}

/// The server was looked at, or could not be. Only the newest look counts.
pub fn known(
    space: &mut Space,
    cx: &mut Context,
    look: u64,
    known: Result<Arc<SpaceSnapshot>, Problem>,
) -> Vec<Effect> {
    if look != space.look {
        return vec![];
    }
    match known {
        Ok(known) => {
            let before = space.known.as_ref().and_then(|known| known.saved());
            let saved = known.saved();
            space.known = Some(known);
            space.problem = None;
            let effects = assess(space, cx);
            if effects.is_empty() && before != saved {
                return replan(space, cx);
            }
            effects
        }
        Err(problem) => {
            space.problem = Some(problem);
            vec![]
        }
    }
}

/// Asks for what follows from the look for the store, once both are whole.
pub fn assess(space: &mut Space, cx: &mut Context) -> Vec<Effect> {
    let Some(known) = space.known.clone() else {
        return vec![];
    };
    let whole = !cx.data.loading && cx.data.problem.is_none();
    let Some(inventory) = cx.data.inventory.clone().filter(|_| whole) else {
        return vec![];
    };
    if known.roots.is_err() {
        space.assessment = None;
        space.planned = None;
        return vec![];
    }
    if known.last_use.is_none() {
        return vec![];
    }
    let done = space.assessment.as_ref().is_some_and(|assessment| {
        assessment.known.look == known.look && Arc::ptr_eq(&assessment.inventory, &inventory)
    });
    if done {
        return vec![];
    }
    let request_id = cx.next_number();
    space.assessing = request_id;
    space.working = true;
    vec![Effect::Assess {
        request_id,
        generation: cx.data.generation,
        inventory,
        known,
    }]
}

/// It was worked out.
pub fn assessed(
    space: &mut Space,
    cx: &mut Context,
    request_id: u64,
    assessment: Result<Arc<SpaceAssessment>, Problem>,
) -> Vec<Effect> {
    if request_id != space.assessing {
        return vec![];
    }
    space.working = false;
    let assessment = match assessment {
        Ok(assessment) if assessment.generation == cx.data.generation => assessment,
        Ok(_) => return vec![],
        Err(problem) => {
            space.problem = Some(problem);
            return vec![];
        }
    };
    space.take(assessment);
    replan(space, cx)
}

/// The screen comes into view, or goes out of it. A plan of what is shown no more goes when there is a newer look.
pub fn show(space: &mut Space, cx: &mut Context, shown: bool) -> Vec<Effect> {
    space.shown = shown;
    let planned = space.planned.as_ref().map(|planned| &planned.assessment);
    let is_newest = match (planned, &space.assessment) {
        (Some(planned), Some(assessment)) => Arc::ptr_eq(planned, assessment),
        (_, None) => true,
        (None, Some(_)) => false,
    };
    if shown && !is_newest {
        return replan(space, cx);
    }
    vec![]
}

/// Asks for the plan by the rules of the form.
pub fn replan(space: &mut Space, cx: &mut Context) -> Vec<Effect> {
    let Some(assessment) = space.assessment.clone() else {
        return vec![];
    };
    if !space.shown {
        space.planned = None;
        return vec![];
    }
    let saved = space.known.as_ref().and_then(|known| known.saved());
    let request_id = cx.next_number();
    space.request_id = request_id;
    space.stale = true;
    vec![Effect::Plan {
        request_id,
        assessment,
        rules: space.rules(),
        saved,
    }]
}

/// The planner has planned.
pub fn planned(space: &mut Space, cx: &Context, request_id: u64, planned: Planned) {
    if request_id == space.request_id && planned.assessment.generation == cx.data.generation {
        space.replan(planned);
    }
}

/// Does something with the form; a change of the rules gives a new plan at once.
pub fn form(space: &mut Space, cx: &mut Context, change: impl FnOnce(&mut Form)) -> Vec<Effect> {
    let before = space.rules();
    change(&mut space.form);
    if before == space.rules() {
        return vec![];
    }
    replan(space, cx)
}

/// Plans by the server's policy, or by the rules.
pub fn by_policy(space: &mut Space, cx: &mut Context, on: bool) -> Vec<Effect> {
    if space.by_policy == on {
        return vec![];
    }
    space.by_policy = on;
    replan(space, cx)
}

/// A key while the form is edited; what the form says that can't be read is not kept.
pub fn form_key(space: &mut Space, cx: &mut Context, key: Key) -> Result<Vec<Effect>, String> {
    let interrupt = key.ctrl && key.code == Code::Char('c');
    if key.is("esc") || interrupt {
        return Ok(form(space, cx, |form| form.leave(false)));
    }
    if key.is("enter") {
        if let Some((_, why)) = &space.form.problem {
            return Err(why.clone());
        }
        return Ok(form(space, cx, |form| form.leave(true)));
    }
    Ok(match key.code {
        Code::Named("tab" | "down") => form(space, cx, |form| form.turn(1)),
        Code::Named("shift-tab" | "up") => form(space, cx, |form| form.turn(Field::ALL.len() - 1)),
        _ => form(space, cx, |form| form.edit(key)),
    })
}
