//! Comparing contents with their hashes, and what is done about damage.
//!
//! In: keys, and what such a job has found. Out: a job, or the dialog of a plan. What is damaged is known until it is
//! repaired, deleted, or compared again.

use crate::change::contents::Damage;
use crate::console::app::layer::Layer;
use crate::console::app::model::Model;
use crate::console::app::msg::Effect;
use crate::console::app::reasons::can_verify_all;
use crate::console::app::update::keep;
use crate::console::screens;
use crate::console::screens::activity::comparison::Comparison;
use crate::console::screens::activity::comparison::Verification;
use crate::console::screens::activity::job::{Job, State};
use crate::console::types::JobId;
use crate::console::types::change::SpaceChange;
use crate::domain::StorePath;
use crate::domain::count::count;
use crate::inventory::Row;
use std::collections::HashSet;

/// So many bytes are compared without a question: seconds of reading, not hours.
const UNASKED: u64 = 10 << 30;

/// Compares the marked paths, else the one under the cursor; much of it only after a question.
pub(super) fn some(model: &mut Model) -> Vec<Effect> {
    let rows: Vec<Row> = if model.cx.marks.count() > 0 {
        model.cx.marks.rows().collect()
    } else {
        model.current_row().into_iter().collect()
    };
    let Some(inventory) = &model.cx.data.inventory else {
        return vec![];
    };
    let sizes = rows.iter().filter_map(|row| inventory.nar_size(*row));
    let bytes = sizes.fold(0, u64::saturating_add);
    let what = match rows.as_slice() {
        [row] => inventory.name(*row).to_owned(),
        several => count(several.len(), "marked path"),
    };
    let asked = Verification {
        what,
        total: rows.len(),
        bytes,
        rows: Some(rows),
    };
    if bytes > UNASKED {
        return super::show::push(model, Layer::Verify(Box::new(asked)));
    }
    begin(model, asked)
}

/// Asks whether all paths of the store are to be compared.
pub(super) fn all(model: &mut Model) -> Vec<Effect> {
    let Some(inventory) = &model.cx.data.inventory else {
        return vec![];
    };
    let counts = inventory.counts();
    let asked = Verification {
        what: format!("all {}", count(counts.paths, "path")),
        total: counts.paths,
        bytes: counts.bytes,
        rows: None,
    };
    super::show::push(model, Layer::Verify(Box::new(asked)))
}

/// Yes: compares them, if that can still be done.
pub(super) fn confirm(model: &mut Model) -> Vec<Effect> {
    if let Err(reason) = can_verify_all(model) {
        model.toast = Some(reason.into_owned());
        return vec![];
    }
    match model.layers.pop() {
        Some(Layer::Verify(asked)) => begin(model, *asked),
        _ => vec![],
    }
}

fn begin(model: &mut Model, asked: Verification) -> Vec<Effect> {
    let Some(inventory) = model.cx.data.inventory.clone() else {
        return vec![];
    };
    let title = asked.title();
    let Verification { total, rows, .. } = asked;
    let job = Job::new(model.cx.next_number(), "verify", title, model.cx.now, total);
    let id = job.id;
    model.toast = Some(format!("{}: running, 6 shows how far", job.title));
    model.activity.jobs.insert(0, job);
    vec![Effect::Activity(screens::activity::Effect::Compare {
        job: id,
        inventory,
        rows,
    })]
}

/// Such a job has ended. What it has found is shown, at once if nothing else has the keys.
pub(super) fn compared(
    model: &mut Model,
    id: JobId,
    paths: Option<&[StorePath]>,
    comparison: Comparison,
) -> Vec<Effect> {
    let Some(job) = model.activity.jobs.iter_mut().find(|job| job.id == id) else {
        return vec![];
    };
    let lines = comparison.lines(job, &model.cx.keymap);
    let short = format!("{}: {}", job.title, comparison.brief());
    remember(&mut model.space.damaged, paths, &comparison);
    job.state = State::Compared(Box::new(comparison));
    crate::console::app::update::activity::go_on(model, id);
    super::show::show_end(model, "Verification", None, lines, short);
    vec![]
}

/// What is damaged now: what was compared again (all of it, without `paths`) is as it was found, the rest as it was.
fn remember(damaged: &mut Vec<Damage>, paths: Option<&[StorePath]>, comparison: &Comparison) {
    let found = &comparison.found;
    if !comparison.cancelled && comparison.problem.is_none() {
        let again: Option<HashSet<&StorePath>> = paths.map(|paths| paths.iter().collect());
        damaged.retain(|one| {
            again
                .as_ref()
                .is_some_and(|again| !again.contains(&one.path))
        });
    }
    let known: HashSet<StorePath> = damaged.iter().map(|one| one.path.clone()).collect();
    let new = found
        .corrupt
        .iter()
        .filter(|one| !known.contains(&one.path));
    damaged.extend(new.cloned());
}

/// The dialog before what is damaged is repaired, or deleted.
pub(super) fn repair(model: &mut Model, wanted: fn(Vec<StorePath>) -> SpaceChange) -> Vec<Effect> {
    let damaged = model.space.damaged.iter().map(|one| one.path.clone());
    let wanted = wanted(damaged.collect());
    if matches!(model.layers.last(), Some(Layer::Text(_))) {
        model.layers.pop();
    }
    keep::show(model, wanted)
}

/// A repair or a deletion has ended: what it has done is damaged no longer.
pub(super) fn repaired(model: &mut Model, id: JobId) {
    let Some(job) = model.activity.jobs.iter().find(|job| job.id == id) else {
        return;
    };
    let Some(receipt) = job.receipt() else {
        return;
    };
    let left: HashSet<&str> = receipt.failed.iter().map(|one| one.item.as_str()).collect();
    let repairs: HashSet<&StorePath> = job.repairs.iter().collect();
    let done =
        |path: &StorePath| repairs.contains(path) && !left.contains(path.to_string().as_str());
    model.space.damaged.retain(|one| !done(&one.path));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::contents::Compared;
    use crate::console::types::problem::Problem;
    use crate::domain::When;
    use proptest::prelude::*;

    fn path(at: u8) -> StorePath {
        StorePath::from_parts(&[at; 20], "x").unwrap()
    }

    fn damage(at: u8) -> Damage {
        Damage {
            path: path(at),
            message: String::new(),
        }
    }

    proptest! {
        /// What is called damaged is what the latest whole look at it has found, and no path twice.
        #[test]
        fn what_is_damaged_is_what_was_found_last(
            looks in prop::collection::vec((prop::option::of(prop::collection::btree_set(0..6_u8, 0..6)), prop::collection::btree_set(0..6_u8, 0..6), 0..3_u8), 0..8)
        ) {
            let mut damaged = Vec::new();
            let mut model = std::collections::BTreeSet::new();
            for (of, corrupt, end) in looks {
                let all: Vec<u8> = of.clone().map_or_else(|| (0..6).collect(), |of| of.into_iter().collect());
                let corrupt: Vec<u8> = corrupt.into_iter().filter(|at| all.contains(at)).collect();
                let comparison = Comparison {
                    at: When::default(),
                    found: Compared { corrupt: corrupt.iter().copied().map(damage).collect(), ..Compared::default() },
                    cancelled: end == 1,
                    problem: (end == 2).then(|| Problem::say("lost")),
                };
                let paths: Option<Vec<StorePath>> = of.map(|of| of.into_iter().map(path).collect());
                remember(&mut damaged, paths.as_deref(), &comparison);
                if end == 0 {
                    model.retain(|at| !all.contains(at));
                }
                model.extend(corrupt);
                let mut now: Vec<StorePath> = damaged.iter().map(|one| one.path.clone()).collect();
                now.sort();
                prop_assert_eq!(now, model.iter().copied().map(path).collect::<Vec<_>>());
            }
        }
    }
}
