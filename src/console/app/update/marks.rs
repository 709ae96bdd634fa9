//! Marking paths.
//!
//! In: keys on a list. Out: marks.

use crate::console::app::model::Model;
use crate::console::app::msg::Effect;
use crate::console::screens::unsigned::state::UnsignedLine;
use crate::console::types::screen::Screen;
use crate::console::widgets::list::Move;
use crate::domain::Bytes;
use crate::domain::count::count;
use crate::inventory::Row;

/// The rows that a mark on the cursor's line means.
fn toggle(model: &mut Model, rows: &[Row]) {
    let Some(inventory) = &model.cx.data.inventory else {
        return;
    };
    let all = rows.iter().all(|row| model.cx.marks.has(*row));
    for row in rows {
        if all {
            model.cx.marks.remove(inventory, *row);
        } else {
            model.cx.marks.add(inventory, *row);
        }
    }
}

pub(super) fn mark(model: &mut Model) -> Vec<Effect> {
    let rows = model.current_rows();
    toggle(model, &rows);
    crate::console::app::update::nav::step(model, Move::Down);
    vec![]
}

fn add(model: &mut Model, rows: &[Row]) {
    if let Some(inventory) = &model.cx.data.inventory {
        for row in rows {
            model.cx.marks.add(inventory, *row);
        }
    }
}

pub(super) fn mark_range(model: &mut Model) -> Vec<Effect> {
    match model.screen {
        Screen::Store => {
            let cursor = model.store.list.cursor;
            let begun = model.store.range.take();
            let from = begun.and_then(|row| model.store.rows.iter().position(|own| *own == row));
            let Some(from) = from else {
                model.store.range = model.current_row();
                model.toast = Some("range begun; v again marks up to the cursor".to_owned());
                return vec![];
            };
            let rows = std::sync::Arc::clone(&model.store.rows);
            let (first, last) = (from.min(cursor), from.max(cursor));
            add(model, rows.get(first..=last).unwrap_or(&[]));
        }
        Screen::Unsigned => {
            let cursor = model.unsigned.list.cursor;
            let Some(from) = model.unsigned.range.take() else {
                model.unsigned.range = Some(cursor);
                model.toast = Some("range begun; v again marks up to the cursor".to_owned());
                return vec![];
            };
            let (first, last) = (from.min(cursor), from.max(cursor));
            let groups = std::sync::Arc::clone(&model.unsigned.groups);
            let lines: Vec<UnsignedLine> = model
                .unsigned
                .lines
                .get(first..=last)
                .unwrap_or(&[])
                .to_vec();
            for line in lines {
                match line {
                    UnsignedLine::Group(group) => {
                        add(model, groups.get(group).map_or(&[], |group| &group.rows));
                    }
                    UnsignedLine::Row(group, row) => {
                        let row = groups.get(group).and_then(|group| group.rows.get(row));
                        add(model, row.map_or(&[], std::slice::from_ref));
                    }
                }
            }
        }
        _ => {}
    }
    vec![]
}

pub(super) fn mark_all(model: &mut Model) -> Vec<Effect> {
    if model.screen == Screen::Store {
        let rows = std::sync::Arc::clone(&model.store.rows);
        add(model, &rows);
    } else {
        let groups = std::sync::Arc::clone(&model.unsigned.groups);
        for group in groups.iter() {
            add(model, &group.rows);
        }
    }
    vec![]
}

/// Marks what is under the cursor and all that it needs, and says how much that is.
pub(super) fn mark_closure(model: &mut Model) -> Vec<Effect> {
    let Some(inventory) = model.cx.data.inventory.clone() else {
        return vec![];
    };
    for row in inventory.closure_of(&model.current_rows()) {
        model.cx.marks.add(&inventory, row);
    }
    let (marked, bytes) = (model.cx.marks.count(), Bytes(model.cx.marks.bytes()));
    model.toast = Some(format!("{} marked, {bytes}", count(marked, "path")));
    vec![]
}
