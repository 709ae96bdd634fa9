//! What comes from the server: facts, the store, rows, groups, jobs.

use crate::change::{Outcome, Receipt};
use crate::console::app::layer::Layer;
use crate::console::app::model::Model;
use crate::console::app::msg::Effect;
use crate::console::screens;
use crate::console::screens::activity::job::{State, receipt_lines, undo_line};
use crate::console::screens::activity::state::PastChange;
use crate::console::types::JobId;
use crate::console::types::problem::Problem;
use crate::console::types::screen::Screen;
use crate::console::types::server::Link;
use crate::console::types::text::Text;
use crate::console::widgets::layout;
use crate::domain::installable::Installable;
use crate::inventory::{Inventory, Row};
use crate::server::facts::Facts;
use std::sync::Arc;

/// The connection is open.
pub(super) fn up(model: &mut Model, facts: Arc<Facts>) -> Vec<Effect> {
    let round_trip = match model.cx.link {
        Link::Up { round_trip } => round_trip,
        _ => None,
    };
    model.cx.link = Link::Up { round_trip };
    model.cx.facts = Some(facts);
    model
        .sources
        .retain(|source| !matches!(source.key, crate::change::KeySource::Server { .. }));
    let own = crate::console::app::update::sign::server_sources(model);
    model.sources.splice(0..0, own);
    let space = crate::console::app::update::space::read(model);
    vec![
        Effect::Activity(screens::activity::Effect::ReadAudit),
        Effect::Access(screens::access::Effect::Read),
        space,
        Effect::Ping,
    ]
}

/// More of the store, or a newer state of it. Marks, cursors and pages go with their paths.
pub(super) fn inventory(
    model: &mut Model,
    generation: u64,
    inventory: Arc<Inventory>,
    loading: bool,
) -> Vec<Effect> {
    let old = model.cx.data.inventory.take();
    let same = old.as_ref().is_some_and(|old| Arc::ptr_eq(old, &inventory));
    if let Some(old) = old.filter(|_| !same) {
        let same_rows = model.cx.data.generation == generation;
        model.cx.marks = model.cx.marks.carry(&old, &inventory, same_rows);
        let pages = std::mem::take(&mut model.pages);
        model.pages = pages
            .into_iter()
            .filter_map(|page| page.carry(&old, &inventory, same_rows))
            .collect();
        model.trail.carry(&old, &inventory, same_rows);
        if !same_rows {
            let carry = |row: Row| inventory.find(&old.path(row));
            screens::store::update::carry(&mut model.store, carry);
            screens::unsigned::update::carry(&mut model.unsigned, carry);
            model.space.carry(carry);
            close_plans(model);
        }
    }
    model.cx.data.generation = generation;
    model.cx.data.inventory = Some(Arc::clone(&inventory));
    model.cx.data.loading = loading;
    model.cx.data.at = Some(model.cx.data.kept.unwrap_or(model.cx.now));
    model.cx.data.problem = None;
    model.cx.data.measuring.clear();
    if let Some(mut place) = model.returning.take() {
        place.arrive(model, &inventory);
        model.returning = loading.then_some(place);
    }
    let mut effects = Vec::new();
    if !same {
        effects.extend(super::nav::ask_view(model));
        let group =
            screens::unsigned::update::ask_groups(&mut model.unsigned, &mut model.cx, inventory);
        effects.push(Effect::Unsigned(group));
    }
    effects.extend(crate::console::app::update::space::assess(model));
    effects
}

/// Asks for the closures of the rows in view. All of them at once would keep the processors busy for a minute on a large
/// store, for sizes that nobody may look at; a sort by closure size asks for that.
pub(super) fn measure(model: &mut Model) -> Option<Effect> {
    let inventory = model
        .cx
        .data
        .inventory
        .as_ref()
        .filter(|_| !model.cx.data.loading)?;
    let in_view = match model.screen {
        Screen::Store => {
            let height = usize::from(layout::lists(model.cx.size, true).list.height);
            let view = model.store.list.view(model.store.rows.len(), height);
            model.store.rows.get(view).unwrap_or_default().to_vec()
        }
        Screen::Space => model.space.in_view(model.cx.size),
        _ => vec![],
    };
    let rows: Vec<Row> = in_view
        .into_iter()
        .chain(model.current_row())
        .chain(model.page().map(|page| page.row))
        .filter(|row| inventory.closure_size_known(*row).is_none())
        .collect();
    if rows.is_empty() || rows == model.cx.data.measuring {
        return None;
    }
    let inventory = Arc::clone(inventory);
    model.cx.data.measuring.clone_from(&rows);
    Some(Effect::Store(screens::store::Effect::Measure {
        inventory,
        rows,
    }))
}

/// A plan that names rows of another numbering is no plan any more.
fn close_plans(model: &mut Model) {
    let before = model.layers.len();
    model
        .layers
        .retain(|layer| !matches!(layer, Layer::Plan(_)));
    if model.layers.len() < before {
        model.toast = Some("the store was read anew; choose again what to change".to_owned());
    }
}

/// A chain of references was looked for.
pub(super) fn chain(model: &mut Model, from: Row, to: Row, chain: Option<Vec<Row>>) -> Vec<Effect> {
    let Some(inventory) = &model.cx.data.inventory else {
        return vec![];
    };
    let last = inventory.len() as Row;
    let (lines, copy) = match chain {
        Some(rows) if rows.iter().all(|row| *row < last) => {
            let paths: Vec<String> = rows
                .iter()
                .map(|row| inventory.path(*row).to_string())
                .collect();
            let lines = rows
                .iter()
                .enumerate()
                .map(|(depth, row)| {
                    let arrow = if depth == 0 { "" } else { "needs " };
                    format!(
                        "{}{arrow}{}",
                        "  ".repeat(depth.min(20)),
                        inventory.base_name(*row)
                    )
                })
                .collect();
            (lines, paths.join("\n"))
        }
        _ if from < last && to < last => {
            let line = format!(
                "Neither {} nor {} needs the other.",
                inventory.name(from),
                inventory.name(to)
            );
            (vec![line.clone()], line)
        }
        _ => return vec![],
    };
    model.layers.push(Layer::Text(Text {
        title: "Why depends".to_owned(),
        lines,
        copy,
        top: 0,
        of: None,
    }));
    vec![]
}

/// The audit log was read. What ended here is shown as a job already.
pub(super) fn audit(model: &mut Model, past: Result<Vec<PastChange>, Problem>) -> Vec<Effect> {
    let shown: Vec<&str> = model
        .activity
        .jobs
        .iter()
        .filter_map(|job| job.receipt())
        .map(|receipt| receipt.id.as_str())
        .collect();
    model.activity.past = Some(past.map(|mut past| {
        past.retain(|past| !shown.contains(&past.id.as_str()));
        past.into()
    }));
    vec![]
}

/// A job goes on.
pub(super) fn progress(
    model: &mut Model,
    id: JobId,
    done: usize,
    total: usize,
    note: String,
) -> Vec<Effect> {
    if let Some(job) = model
        .activity
        .jobs
        .iter_mut()
        .find(|job| job.id == id && job.is_running())
    {
        job.state = State::Running { done, total, note };
    }
    crate::console::app::update::activity::go_on(model, id);
    vec![]
}

/// A job says something.
pub(super) fn log(model: &mut Model, id: JobId, line: String) -> Vec<Effect> {
    if let Some(job) = model.activity.jobs.iter_mut().find(|job| job.id == id) {
        job.say(line);
    }
    crate::console::app::update::activity::go_on(model, id);
    vec![]
}

/// A job has ended: its receipt is shown, at once if nothing else has the keys.
pub(super) fn ended(model: &mut Model, id: JobId, receipt: Receipt) -> Vec<Effect> {
    let Some(job) = model.activity.jobs.iter_mut().find(|job| job.id == id) else {
        return vec![];
    };
    let mut lines = receipt_lines(job, &receipt);
    let (change, outcome) = (job.change, receipt.result);
    let certificate = job.certificate.clone();
    let short = format!(
        "{}: {}, receipt {}",
        receipt.result.word(),
        job.done(&receipt),
        receipt.id
    );
    job.state = State::Ended(receipt);
    let back = job.undo(model.cx.now);
    lines.extend(back.map(|undo| undo_line(&model.cx.keymap, undo)));
    crate::console::app::update::activity::go_on(model, id);
    super::show::show_end(model, "Receipt", Some(id), lines, short);
    let mut effects = vec![Effect::Activity(screens::activity::Effect::ReadAudit)];
    match change {
        "sign" => model.cx.marks.clear(),
        "gc" | "pin" | "unpin" | "remove-root" | "vacuum" | "set-retention" => {
            if (change, outcome) == ("set-retention", Outcome::Done) {
                model.space.draft = None;
            }
            effects.extend(crate::console::app::update::keep::ended(model));
        }
        change if Installable::is_change(change) => {
            effects.extend(crate::console::app::update::keep::ended(model));
            if model.cx.is_up() {
                effects.extend([
                    Effect::Reprobe,
                    Effect::Access(screens::access::Effect::Read),
                ]);
            }
        }
        "repair" | "delete" => {
            crate::console::app::update::contents::repaired(model, id);
            effects.extend(crate::console::app::update::keep::ended(model));
        }
        _ => effects.extend(crate::console::app::update::access::ended(
            model,
            change,
            outcome,
            certificate,
        )),
    }
    effects
}
