//! `u` in a receipt: the plan of the change that takes it back.
//!
//! In: a receipt on the screen. Out: the dialog before the inverse change, which is confirmed like any other. The server is looked at
//! again first: what was known before is what was known before the change.

use crate::change::Undo;
use crate::console::app::layer::Layer;
use crate::console::app::model::Model;
use crate::console::app::msg::Effect;
use crate::console::app::update::plan;
use crate::console::screens;
use crate::console::types::change::{AccessChange, ChangeKind, SpaceChange};
use crate::console::types::problem::Problem;
use tui_input::Input;

/// The way back from the receipt that is shown.
pub(super) fn open(model: &mut Model) -> Vec<Effect> {
    let Some(undo) = model.undo().cloned() else {
        return vec![];
    };
    // The receipt of the inverse change takes its place.
    model.layers.pop();
    match undo {
        Undo::Revoke(key) => access(model, AccessChange::Revoke(key)),
        Undo::Authorize { new, file } => access(model, AccessChange::Restore(new, file)),
        Undo::Resume(key) => access(model, AccessChange::Resume(key)),
        Undo::Reopen(request) => access(model, AccessChange::Reopen(request)),
        // Pins are asked for with each plan.
        Undo::Unpin(name) => plan::open(model, ChangeKind::Space(SpaceChange::Unpin(name))),
        Undo::Pin {
            name,
            path,
            reason,
            expires,
        } => {
            let change = ChangeKind::Space(SpaceChange::Pin(vec![path]));
            plan::open_with(model, change, |dialog| {
                let text = |text: Option<String>| Input::new(text.unwrap_or_default());
                dialog.texts.name = Input::new(name.to_string());
                dialog.texts.reason = text(reason);
                dialog.texts.expires = text(expires.map(|end| end.to_string()));
            })
        }
    }
}

fn access(model: &mut Model, change: AccessChange) -> Vec<Effect> {
    plan::open_unasked(model, ChangeKind::Access(change));
    model.access.look_first = true;
    vec![Effect::Access(screens::access::Effect::Read)]
}

/// The server was looked at: the plan is made of that, or can't be made.
pub(super) fn looked(model: &mut Model, problem: Option<Problem>) -> Vec<Effect> {
    if !std::mem::take(&mut model.access.look_first) {
        return vec![];
    }
    match (model.layers.last_mut(), problem) {
        (Some(Layer::Plan(dialog)), Some(problem)) => dialog.plan = Some(Err(problem)),
        (Some(Layer::Plan(_)), None) => return plan::ask(model),
        _ => {}
    }
    vec![]
}
