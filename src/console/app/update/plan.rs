//! The dialog before a change, from opening it to the job.
//!
//! In: what shall be changed, keys, the plan once it is made. Out: requests for plans, and the job's beginning. Whether it may be
//! done is decided by `change::Plan::confirm` alone; [`start`] is the only place of the console where a change begins.

use crate::change::access::USUAL;
use crate::change::{Answer, Item, Plan, Undo};
use crate::console::app::layer::Layer;
use crate::console::app::model::Model;
use crate::console::app::msg::Effect;
use crate::console::plan::full_text;
use crate::console::plan::state::{Inputs, PlanDialog};
use crate::console::plan::update::{self, Out};
use crate::console::screens::activity::job::Job;
use crate::console::types::action::Act;
use crate::console::types::change::{AccessChange, ChangeKind};
use crate::console::types::context::Context;
use crate::console::types::key::Key;
use crate::console::types::problem::Problem;
use crate::console::widgets::layout;
use std::path::PathBuf;

/// Opens the dialog and asks for its plan.
pub(super) fn open(model: &mut Model, change: ChangeKind) -> Vec<Effect> {
    open_with(model, change, |_| {})
}

/// The same, with something chosen or written already.
pub(super) fn open_with(
    model: &mut Model,
    change: ChangeKind,
    set: impl FnOnce(&mut PlanDialog),
) -> Vec<Effect> {
    let lifetime = match change {
        ChangeKind::Access(AccessChange::Approve(_)) => model.access.lifetime,
        _ => USUAL,
    };
    let mut dialog = PlanDialog::new(change, lifetime);
    set(&mut dialog);
    model.layers.push(Layer::Plan(Box::new(dialog)));
    with(model, update::ask)
}

/// Opens the dialog before anything is asked: its plan is asked for by [`ask`], after the server was looked at again.
pub(super) fn open_unasked(model: &mut Model, change: ChangeKind) {
    let dialog = PlanDialog::new(change, USUAL);
    model.layers.push(Layer::Plan(Box::new(dialog)));
}

/// Asks for the plan of the dialog on top.
pub(super) fn ask(model: &mut Model) -> Vec<Effect> {
    with(model, update::ask)
}

/// Does something with the dialog on top, and what follows from it.
fn with(
    model: &mut Model,
    change: impl FnOnce(&mut PlanDialog, &mut Context, &Inputs<'_>) -> Out,
) -> Vec<Effect> {
    let inputs = Inputs {
        sources: &model.sources,
        access: model.access.known.as_ref(),
        assessment: model.space.assessment.as_ref(),
        theme: &model.themes[model.theme],
    };
    let Some(Layer::Plan(dialog)) = model.layers.last_mut() else {
        return vec![];
    };
    match change(dialog, &mut model.cx, &inputs) {
        Out::Nothing => {}
        Out::Make(request_id, request) => {
            return vec![Effect::Plan {
                request_id,
                request,
            }];
        }
        Out::Close => drop(model.layers.pop()),
        Out::Say(text) => model.toast = Some(text),
        Out::Confirm(answer) => return confirm(model, &answer),
    }
    vec![]
}

/// An action of the dialog.
pub(super) fn act(model: &mut Model, act: Act) -> Vec<Effect> {
    if act == Act::PlanItems {
        return list(model);
    }
    with(model, |dialog, cx, inputs| {
        update::act(dialog, act, cx, inputs)
    })
}

/// A key while something is typed into the dialog.
pub(super) fn typed(model: &mut Model, key: Key) -> Vec<Effect> {
    with(model, |dialog, cx, inputs| {
        update::typed(dialog, key, cx, inputs)
    })
}

/// Text was pasted into the dialog.
pub(super) fn paste(model: &mut Model, text: &str) -> Vec<Effect> {
    with(model, |dialog, cx, inputs| {
        update::paste(dialog, text, cx, inputs)
    })
}

/// A plan was made: it belongs to the dialog that has asked for it, if that is still open.
pub(super) fn planned(
    model: &mut Model,
    request_id: u64,
    plan: Result<Box<Plan>, Problem>,
) -> Vec<Effect> {
    for layer in &mut model.layers {
        if let Layer::Plan(dialog) = layer
            && dialog.request_id == request_id
        {
            dialog.plan = Some(plan);
            break;
        }
    }
    vec![]
}

/// Shows all of the plan.
fn list(model: &mut Model) -> Vec<Effect> {
    if let Some(text) = model.plan_dialog().and_then(full_text::text) {
        model.layers.push(Layer::Text(text));
    }
    vec![]
}

/// Marks a plan as read when its list is scrolled down past the last warning.
pub(super) fn note_read(model: &mut Model) {
    if let [.., Layer::Plan(dialog), Layer::Text(text)] = model.layers.as_mut_slice() {
        let (_, page) = layout::text_box(model.cx.size);
        dialog.read |= full_text::warnings_seen(dialog, text, page);
    }
}

/// The dialog is confirmed: its plan becomes a job.
fn confirm(model: &mut Model, answer: &Answer) -> Vec<Effect> {
    let Some(Layer::Plan(dialog)) = model.layers.pop() else {
        return vec![];
    };
    if dialog.change.signs() {
        let authority = dialog.texts.authority.value().trim();
        authority.clone_into(&mut model.access.authority);
    }
    let reason = dialog.texts.reason.value().trim().to_owned();
    let planned = dialog.change.plans_reason() || reason.is_empty();
    let Some(Ok(mut plan)) = dialog.plan else {
        return vec![];
    };
    if !planned {
        plan.reason = Some(reason);
    }
    start(model, *plan, answer)
}

/// Confirms the plan and starts the job.
fn start(model: &mut Model, plan: Plan, answer: &Answer) -> Vec<Effect> {
    let (title, total, change) = (plan.summary.clone(), plan.items.len(), plan.change);
    let amounts = plan.amounts.as_ref().map(|amounts| &amounts.bytes);
    let estimate = amounts.map(|bytes| (bytes.on_disk_low, bytes.on_disk_high));
    let repairs = match change {
        "repair" | "delete" => plan.items.iter().filter_map(Item::path).cloned().collect(),
        _ => vec![],
    };
    let lines = plan.lines.iter();
    let planned = lines
        .filter(|(label, _)| matches!(*label, "file" | "+" | "-" | "expires" | "rules"))
        .cloned()
        .chain(plan.reason.clone().map(|reason| ("reason", reason)))
        .collect();
    let undo = Undo::of(&plan);
    let certificate = plan.items.iter().find_map(|item| match item {
        Item::Certificate { out, .. } => Some(PathBuf::from(out)),
        _ => None,
    });
    match plan.confirm(answer, model.cx.policy) {
        Ok(confirmed) => {
            let job = model.cx.next_number();
            model.activity.jobs.insert(
                0,
                Job {
                    estimate,
                    planned,
                    repairs,
                    certificate,
                    undo,
                    ..Job::new(job, change, title.clone(), model.cx.now, total)
                },
            );
            model.toast = Some(format!("{title}: running, 6 shows how far"));
            vec![Effect::Run {
                job,
                confirmed: Box::new(confirmed),
            }]
        }
        Err(refusal) => {
            model.toast = Some(refusal.to_string());
            vec![]
        }
    }
}
