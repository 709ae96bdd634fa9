//! The choice of themes: the whole screen is drawn in the one under the cursor.
//!
//! In: the model. Out: the dialog. Only enter writes the model's theme, so closing the choice shows the old one again.

use super::layer::Layer;
use super::model::Model;
use crate::console::widgets::Pen;
use crate::console::widgets::choice::{self, Choice};
use crate::console::widgets::list::List;

/// Opens the choice, with the cursor on the theme in use.
pub(super) fn open(model: &mut Model) {
    model.layers.push(Layer::Themes(List {
        cursor: model.theme,
        ..List::default()
    }));
}

/// Takes the theme under the cursor. The configuration is its owner's file and is not written, so how to keep it is said.
pub(super) fn choose(model: &mut Model, list: List) {
    if list.cursor < model.themes.len() {
        model.theme = list.cursor;
        model.toast = Some(format!(
            "theme {0} until you quit; theme = \"{0}\" in the configuration keeps it",
            model.theme().name
        ));
    }
}

/// Draws it over the screen.
pub(super) fn draw(model: &Model, pen: &mut Pen<'_>, list: List) {
    let all: Vec<Choice<'_>> = model
        .themes
        .iter()
        .enumerate()
        .map(|(at, theme)| Choice {
            mark: None,
            name: &theme.name,
            colour: None,
            note: match (&theme.about, at == model.theme) {
                (about, true) => format!("{about} (in use)").trim_start().to_owned(),
                (about, false) => about.clone(),
            },
        })
        .collect();
    choice::draw(pen, model.cx.size, "Theme", list, &all);
}
