//! The choice of a signing key that goes: how far each has got.
//!
//! In: the counts. Out: the dialog.

use super::layer::SigningKeys;
use super::model::Model;
use crate::console::types::key_purpose::KeyPurpose;
use crate::console::widgets::Pen;
use crate::console::widgets::choice::{self, Choice};
use crate::domain::count::{count, number};
use crate::domain::text::visible;
use crate::judge::rotation::KeyCoverage;

/// Draws it.
pub(super) fn draw(model: &Model, pen: &mut Pen<'_>, keys: &SigningKeys) {
    let names: Vec<_> = keys.all.iter().map(|key| visible(&key.key)).collect();
    let all = keys.all.iter().zip(&names).map(|(key, name)| Choice {
        mark: None,
        name,
        colour: None,
        note: note(key),
    });
    let all: Vec<Choice<'_>> = all.collect();
    let title = match keys.purpose {
        KeyPurpose::Rotate => "Which key goes?",
        KeyPurpose::Strip => "Whose signatures are taken away?",
    };
    choice::draw(pen, model.cx.size, title, keys.list, &all);
}

/// How it stands.
fn note(key: &KeyCoverage) -> String {
    let signs = count(key.signs, "path");
    let alone = match key.alone {
        0 => "none needs it".to_owned(),
        alone => format!("{} by it alone", number(alone)),
    };
    format!("{}: {signs}, {alone}", key.role.word())
}
