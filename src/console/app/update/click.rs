//! A click: the cursor goes to the row, and on the row that it is on already, the row is opened.
//!
//! In: a cell. Out: what keys would have done. A dialog that confirms something takes no clicks: what is confirmed is read first.

use crate::console::app::heights::line_at;
use crate::console::app::layer::Layer;
use crate::console::app::model::Model;
use crate::console::app::msg::Effect;
use crate::console::app::tabs;
use crate::console::app::update::{act, nav};
use crate::console::types::action::Act;
use crate::console::widgets::layout;
use crate::console::widgets::list::Move;

/// Takes a click in.
pub(super) fn click(model: &mut Model, column: u16, row: u16) -> Vec<Effect> {
    if model.too_small() {
        return vec![];
    }
    model.toast = None;
    let open = match model.layers.last() {
        None if model.scope().is_none() => return vec![],
        None if row == layout::areas(model.cx.size).tabs.y => {
            return match tabs::at(model, column) {
                Some(screen) => act::run(model, Act::Go(screen)),
                None => vec![],
            };
        }
        None => Act::Open,
        Some(
            Layer::Servers(_)
            | Layer::Clients(_)
            | Layer::SigningKeys(_)
            | Layer::Waiting(_)
            | Layer::Installed(_),
        ) => Act::Choose,
        Some(_) => return vec![],
    };
    let Some((wanted, list)) = line_at(model, column, row) else {
        return vec![];
    };
    if wanted == list.cursor {
        return act::run(model, open);
    }
    // By steps, as keys go there: at most a screenful.
    let step = if wanted > list.cursor {
        Move::Down
    } else {
        Move::Up
    };
    for _ in 0..wanted.abs_diff(list.cursor) {
        nav::step(model, step);
    }
    vec![]
}
