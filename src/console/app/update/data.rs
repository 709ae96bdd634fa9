//! What comes from the server: facts, the store, rows, groups, jobs.

use crate::change::Receipt;
use crate::console::app::layer::Layer;
use crate::console::app::model::Model;
use crate::console::app::msg::Effect;
use crate::console::screens::activity::job::{State, receipt_lines};
use crate::console::screens::activity::state::PastChange;
use crate::console::screens::unsigned::state::UnsignedLine;
use crate::console::types::JobId;
use crate::console::types::problem::Problem;
use crate::console::types::screen::Screen;
use crate::console::types::server::Link;
use crate::console::types::text::Text;
use crate::console::widgets::layout;
use crate::console::widgets::list::{first_of, near};
use crate::inventory::{Group, Inventory, Query, Row, View};
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
    vec![Effect::ReadAudit, Effect::ReadAccess, space, Effect::Ping]
}

/// More of the store, or a newer state of it. Marks, cursors and pages go with their paths.
pub(super) fn inventory(
    model: &mut Model,
    generation: u64,
    inventory: Arc<Inventory>,
    loading: bool,
) -> Vec<Effect> {
    if let Some(old) = model.cx.data.inventory.take() {
        let same_rows = model.cx.data.generation == generation;
        model.cx.marks = model.cx.marks.carry(&old, &inventory, same_rows);
        let pages = std::mem::take(&mut model.pages);
        model.pages = pages
            .into_iter()
            .filter_map(|page| page.carry(&old, &inventory, same_rows))
            .collect();
        if !same_rows {
            let carry = |row: Row| inventory.find(&old.path(row));
            let store = &mut model.store;
            let beside = near(store.list.cursor, store.rows.len());
            let beside = beside.filter_map(|at| store.rows.get(at).copied());
            store.anchor = store
                .anchor
                .and_then(|row| std::iter::once(row).chain(beside).find_map(carry));
            model.store.range = model.store.range.and_then(carry);
            let anchors = model.unsigned.anchors.iter();
            model.unsigned.anchors = anchors
                .filter_map(|(head, row)| Some((*head, carry(*row)?)))
                .collect();
            model.unsigned.open = model
                .unsigned
                .open
                .iter()
                .copied()
                .filter_map(carry)
                .collect();
            model.space.carry(carry);
            // Rows of another numbering must not be drawn, not even for a moment.
            model.store.rows = Arc::default();
            model.store.answered = false;
            model.unsigned.groups = Arc::default();
            model.unsigned.lines.clear();
            model.unsigned.answered = false;
            close_plans(model);
        }
    }
    model.cx.data.generation = generation;
    model.cx.data.inventory = Some(Arc::clone(&inventory));
    model.cx.data.loading = loading;
    model.cx.data.at = Some(model.cx.now);
    model.cx.data.trouble = None;
    model.cx.data.measuring.clear();
    let mut effects = ask_view(model);
    let asked = model.cx.next_number();
    model.unsigned.asked = asked;
    effects.push(Effect::Group {
        asked,
        generation,
        inventory,
    });
    effects.extend(crate::console::app::update::space::judge(model));
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
    Some(Effect::Measure { inventory, rows })
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

/// Asks for the rows that match now.
pub(super) fn ask_view(model: &mut Model) -> Vec<Effect> {
    let words = format!("{} {}", model.store.filter, model.store.search.value());
    let query = match Query::parse(words.trim()) {
        Ok(query) => query,
        Err(error) => {
            model.store.query_error = Some(error);
            return vec![];
        }
    };
    model.store.query_error = None;
    let Some(inventory) = model.cx.data.inventory.clone() else {
        return vec![];
    };
    let asked = model.cx.next_number();
    model.store.asked = asked;
    vec![Effect::View {
        asked,
        generation: model.cx.data.generation,
        inventory,
        query,
        sort: model.store.sort,
        hide_drv: !model.store.derivations,
        judged: model.space.judged.clone(),
    }]
}

/// The rows that match.
pub(super) fn view(model: &mut Model, asked: u64, generation: u64, view: View) -> Vec<Effect> {
    if asked != model.store.asked || generation != model.cx.data.generation {
        return vec![];
    }
    let store = &mut model.store;
    let fresh = store.anchor.is_none();
    let beside = near(store.list.cursor, store.rows.len());
    let wanted: Vec<Row> = store
        .anchor
        .into_iter()
        .chain(
            beside
                .filter_map(|at| store.rows.get(at).copied())
                .filter(|_| !fresh),
        )
        .collect();
    store.rows = view.rows;
    store.hidden = view.hidden_drv;
    store.answered = true;
    // The cursor stays on its path. Looking for it is no key press, so that it may cost a pass over the rows.
    match first_of(&wanted, store.rows.iter().copied()) {
        Some(at) => {
            store.anchor = store.rows.get(at).copied();
            let above = store.list.cursor - store.list.top.min(store.list.cursor);
            store.list.cursor = at;
            store.list.top = at.saturating_sub(above);
        }
        None if store.list.cursor > 0 => {
            store.list.cursor = store.list.cursor.min(store.rows.len().saturating_sub(1));
            store.anchor = store.rows.get(store.list.cursor).copied();
        }
        None => store.anchor = None,
    }
    if fresh {
        // Another search or order was asked for: nothing of the old list is expected under the cursor.
        model.seen = None;
        model.store.anchor = model.store.rows.get(model.store.list.cursor).copied();
    }
    vec![]
}

/// What is refused.
pub(super) fn groups(
    model: &mut Model,
    asked: u64,
    generation: u64,
    groups: Vec<Group>,
    coverage: Vec<(String, usize, usize)>,
) -> Vec<Effect> {
    if asked != model.unsigned.asked || generation != model.cx.data.generation {
        return vec![];
    }
    let ages = groups.iter().map(|group| group.registered);
    model.unsigned.ages = ages.clone().max().zip(ages.min());
    model.unsigned.groups = groups.into();
    model.unsigned.coverage = coverage;
    model.unsigned.answered = true;
    model.unsigned.range = None;
    unsigned_lines(model);
    let unsigned = &mut model.unsigned;
    let subjects = unsigned.lines.iter().map(|line| unsigned.subject(*line));
    let wanted: Vec<_> = unsigned.anchors.iter().copied().map(Some).collect();
    if let Some(at) = first_of(&wanted, subjects) {
        unsigned.list.cursor = at;
    }
    unsigned.settled();
    vec![]
}

/// Makes the lines of the unsigned screen from its groups.
pub(super) fn unsigned_lines(model: &mut Model) {
    let unsigned = &mut model.unsigned;
    unsigned.lines.clear();
    for (at, group) in unsigned.groups.iter().enumerate() {
        unsigned.lines.push(UnsignedLine::Group(at));
        if unsigned.open.contains(&group.top) {
            let rows = 0..group.rows.len();
            unsigned
                .lines
                .extend(rows.map(|row| UnsignedLine::Row(at, row)));
        }
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
        past
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
    let lines = receipt_lines(job, &receipt);
    let (change, outcome) = (job.change, receipt.result);
    let short = format!(
        "{}: {}, receipt {}",
        receipt.result.word(),
        job.done(&receipt),
        receipt.id
    );
    job.state = State::Ended(receipt);
    crate::console::app::update::activity::go_on(model, id);
    show_end(model, "Receipt", lines, short);
    let mut effects = vec![Effect::ReadAudit];
    match change {
        "sign" => model.cx.marks.clear(),
        "gc" | "pin" | "unpin" | "remove-root" => {
            effects.extend(crate::console::app::update::keep::ended(model));
        }
        "repair" | "delete" => {
            crate::console::app::update::contents::mended(model, id);
            effects.extend(crate::console::app::update::keep::ended(model));
        }
        _ => effects.extend(crate::console::app::update::access::ended(
            model, change, outcome,
        )),
    }
    effects
}

/// Shows what a job has left, at once if nothing else has the keys; else says it in short.
pub(super) fn show_end(model: &mut Model, title: &str, lines: Vec<String>, short: String) {
    // The question whether to quit although a job runs has answered itself.
    let running = model
        .activity
        .jobs
        .iter()
        .any(crate::console::screens::activity::job::Job::is_running);
    model.quit |= model.leaving && !running;
    model
        .layers
        .retain(|layer| running || !matches!(layer, Layer::Quit));
    if model.layers.is_empty() && !(model.store.searching && model.screen == Screen::Store) {
        model.layers.push(Layer::Text(Text {
            title: title.to_owned(),
            copy: lines.join("\n"),
            lines,
            top: 0,
            of: None,
        }));
        model.toast = None;
    } else {
        model.toast = Some(short);
    }
}
