//! What all dialogs with a plan share: the plan comes in, is told in full, and becomes a job.
//!
//! In: a plan that was made, and how it was confirmed. Out: lines of text, or the job's beginning. Whether it may be done is decided
//! by `change::Plan::confirm` alone; [`start`] is the only place of the console where a change begins.

use crate::change::{Answer, Item, Plan};
use crate::console::app::layer::Layer;
use crate::console::app::model::Model;
use crate::console::app::msg::Effect;
use crate::console::screens::activity::job::Job;
use crate::console::types::problem::Problem;
use crate::console::widgets::layout;
use crate::console::widgets::pen::wrap;

/// Columns of what follows a label.
const WIDE: usize = 62;

/// A plan was made: it belongs to the dialog that has asked for it, if that is still open.
pub(super) fn planned(
    model: &mut Model,
    asked: u64,
    plan: Result<Box<Plan>, Problem>,
) -> Vec<Effect> {
    for layer in &mut model.layers {
        let (number, slot) = match layer {
            Layer::Sign(dialog) => (dialog.asked, &mut dialog.plan),
            Layer::Access(dialog) => (dialog.asked, &mut dialog.plan),
            Layer::Space(dialog) => (dialog.asked, &mut dialog.plan),
            _ => continue,
        };
        if number == asked {
            *slot = Some(plan);
            break;
        }
    }
    vec![]
}

/// The plan that can be told, or the word that there is none yet.
pub(super) fn made(plan: Option<&Result<Box<Plan>, Problem>>) -> Result<&Plan, String> {
    match plan {
        Some(Ok(plan)) => Ok(plan),
        _ => Err("there is no plan to list yet".to_owned()),
    }
}

fn warnings(plan: &Plan) -> impl Iterator<Item = (&'static str, &str)> {
    plan.warnings.iter().map(|text| ("warning", text.as_str()))
}

/// What a plan says, its warnings first: label and value.
pub(super) fn said(plan: &Plan) -> impl Iterator<Item = (&'static str, &str)> {
    let lines = plan.lines.iter();
    warnings(plan).chain(lines.map(|(label, value)| (*label, value.as_str())))
}

/// Notes a plan as read when its list is scrolled down past the last warning.
pub(super) fn note_read(model: &mut Model) {
    if let [.., dialog, Layer::Text(text)] = model.layers.as_slice()
        && let Some((number, Some(plan))) = dialog.plan()
    {
        let warned = columns(warnings(plan));
        let (_, page) = layout::text_box(model.cx.size);
        if text.lines.starts_with(&warned) && text.top + page >= warned.len() {
            model.read = Some(number);
        }
    }
}

/// The same, and the commands that do it by hand.
pub(super) fn all(plan: &Plan) -> impl Iterator<Item = (&'static str, &str)> {
    let commands = plan.commands.iter();
    said(plan).chain(commands.map(|command| ("same as", command.as_str())))
}

/// All of it as a text to copy.
pub(super) fn text(plan: &Plan) -> String {
    let lines: Vec<String> = all(plan)
        .map(|(label, value)| format!("{label} {value}"))
        .collect();
    lines.join("\n")
}

/// Labels and values in two columns.
pub(super) fn columns<'a>(said: impl Iterator<Item = (&'static str, &'a str)>) -> Vec<String> {
    let mut lines = Vec::new();
    for (label, value) in said {
        for (index, part) in wrap(value, WIDE).into_iter().enumerate() {
            lines.push(format!("{:<9} {part}", if index == 0 { label } else { "" }));
        }
    }
    lines
}

/// Confirms the plan and starts the job.
pub(super) fn start(model: &mut Model, plan: Plan, answer: &Answer) -> Vec<Effect> {
    let (title, total, change) = (plan.summary.clone(), plan.items.len(), plan.change);
    let amounts = plan.amounts.as_ref().map(|amounts| &amounts.bytes);
    let estimate = amounts.map(|bytes| (bytes.on_disk_low, bytes.on_disk_high));
    let mends = match change {
        "repair" | "delete" => plan.items.iter().filter_map(Item::path).cloned().collect(),
        _ => vec![],
    };
    let lines = plan.lines.iter();
    let planned = lines
        .filter(|(label, _)| matches!(*label, "file" | "+" | "-" | "expires" | "rules"))
        .cloned()
        .chain(plan.reason.clone().map(|reason| ("reason", reason)))
        .collect();
    match plan.confirm(answer, model.cx.policy) {
        Ok(confirmed) => {
            let job = model.cx.next_number();
            model.activity.jobs.insert(
                0,
                Job {
                    estimate,
                    planned,
                    mends,
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
