//! The way from a key to a confirmed change of what the store keeps: a collection, a pin, a root that goes.

use crate::change::keep::Over;
use crate::console::app::model::Model;
use crate::console::app::msg::Effect;
use crate::console::app::update::plan;
use crate::console::types::change::ChangeKind;
use crate::console::types::change::SpaceChange;
use crate::console::types::space::pin_name;
use crate::domain::StorePath;
use crate::domain::roots::RootKind;
use crate::inventory::Row;
use tui_input::Input;

/// `x`: the dialog before the collection that is planned; elsewhere, the way there.
pub(super) fn collect(model: &mut Model) -> Vec<Effect> {
    if !crate::console::app::reasons::on_plan(model) {
        return crate::console::app::update::nav::jump_to_planner(model);
    }
    match model.space.planned.clone() {
        Some(planned) => show(model, SpaceChange::Collect(Box::new(planned))),
        None => vec![],
    }
}

/// `W`: the dialog before all that is dead is collected.
pub(super) fn whole(model: &mut Model) -> Vec<Effect> {
    let saved = model.space.known.as_ref().and_then(|known| known.saved());
    show(model, SpaceChange::CollectDead { saved })
}

/// `D`: the dialog before the database is vacuumed.
pub(super) fn vacuum(model: &mut Model) -> Vec<Effect> {
    show(model, SpaceChange::Vacuum)
}

/// `O`, or the palette with an age: the dialog before old generations are removed.
pub(super) fn generations(model: &mut Model, age: &str) -> Vec<Effect> {
    if let Err(reason) = crate::console::app::reasons::can_remove_generations(model) {
        model.toast = Some(reason.into_owned());
        return vec![];
    }
    let change = ChangeKind::Space(SpaceChange::RemoveGenerations);
    plan::open_with(model, change, |dialog| {
        if !age.is_empty() {
            dialog.texts.age = Input::new(age.to_owned());
        }
    })
}

/// The paths that a change means: the marked ones, else those under the cursor.
pub(super) fn paths(model: &Model) -> Vec<StorePath> {
    let Some(inventory) = &model.cx.data.inventory else {
        return vec![];
    };
    let rows: Vec<Row> = if model.cx.marks.count() > 0 {
        model.cx.marks.rows().collect()
    } else {
        model.current_row().into_iter().collect()
    };
    rows.into_iter().map(|row| inventory.path(row)).collect()
}

/// `p`.
pub(super) fn pin(model: &mut Model) -> Vec<Effect> {
    let paths = paths(model);
    show(model, SpaceChange::Pin(paths))
}

/// Deletes the marked paths, else the one under the cursor.
pub(super) fn delete(model: &mut Model) -> Vec<Effect> {
    let paths = paths(model);
    show(model, SpaceChange::DeletePaths(paths))
}

/// `d` in the view of roots.
pub(super) fn unroot(model: &mut Model) -> Vec<Effect> {
    let Some(line) = model.space.current_root() else {
        return vec![];
    };
    let change = match &line.root.kind {
        RootKind::Pin(name) => match name.parse() {
            Ok(name) => SpaceChange::Unpin(name),
            Err(_) => SpaceChange::RemoveRoot(line.root.clone()),
        },
        _ => SpaceChange::RemoveRoot(line.root.clone()),
    };
    show(model, change)
}

/// `U` and `I`: the pins, or the revisions of pins, whose time is over.
pub(super) fn unpin_over(model: &mut Model, which: Over) -> Vec<Effect> {
    show(model, SpaceChange::UnpinOver(which))
}

/// Opens the dialog.
pub(super) fn show(model: &mut Model, change: SpaceChange) -> Vec<Effect> {
    let name = match &change {
        SpaceChange::Pin(paths) if paths.len() == 1 => {
            pin_name(model.space.known.as_deref(), &paths[0])
        }
        _ => String::new(),
    };
    plan::open_with(model, ChangeKind::Space(change), |dialog| {
        dialog.texts.name = Input::new(name);
    })
}

/// A change of what the store keeps has ended: what is shown is looked at anew.
pub(super) fn ended(model: &mut Model) -> Vec<Effect> {
    if !model.cx.is_up() {
        return vec![];
    }
    vec![crate::console::app::update::space::read(model)]
}
