//! How many rows the list has that the cursor is in.

use crate::console::app::model::Model;
use crate::console::screens::space::areas as space;
use crate::console::types::screen::Screen;
use crate::console::widgets::layout::{areas, lists};

/// Rows of the list that the cursor is in.
pub fn list_height(model: &Model) -> usize {
    let height = if model.page().is_some() {
        areas(model.cx.size).body.height
    } else {
        match model.screen {
            Screen::Access if model.access.card.is_some() => areas(model.cx.size).body.height,
            Screen::Store | Screen::Access => lists(model.cx.size, true).list.height,
            Screen::Space => space::areas(model.cx.size, &model.space).list.height,
            Screen::Unsigned | Screen::Activity => lists(model.cx.size, false).list.height,
            Screen::Overview => areas(model.cx.size).body.height,
        }
    };
    usize::from(height)
}
