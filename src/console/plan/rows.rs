//! The rows of a plan in a dialog: what is on the screen, and what is not.
//!
//! In: what a plan says, and the rows that a dialog has for it. Out: the rows that are drawn, and whether a warning is not
//! among them. Drawing and the gate of confirming ask the same functions, so that no warning is confirmed unseen.

use crate::console::app::dialogs;
use crate::console::app::layer::Layer;
use crate::console::app::model::Model;
use crate::console::plan::{access_view, space_view};
use crate::console::widgets::pen::wrap;
use ratatui::style::Style;

/// A row of a dialog.
#[derive(Debug, Clone)]
pub struct Row {
    /// What it is about; empty if it continues the row before.
    pub label: String,
    /// What it says.
    pub value: String,
    /// In this style.
    pub style: Style,
    /// Whether it is a part of a warning.
    pub warns: bool,
}

impl Row {
    /// A row that warns of nothing.
    pub fn new(label: impl Into<String>, value: impl Into<String>, style: Style) -> Self {
        Self {
            label: label.into(),
            value: value.into(),
            style,
            warns: false,
        }
    }
}

/// Rows of a plan, cut to the room that there is.
#[derive(Debug)]
pub struct Fitted {
    /// What is drawn.
    pub rows: Vec<Row>,
    /// A warning is cut off.
    pub hides_warning: bool,
}

/// Rows that a long line of the plan may take; all of it is read with `l`.
const MOST: usize = 3;

/// Adds what a plan says. A warning is never shortened.
pub fn say(rows: &mut Vec<Row>, label: &str, text: &str, wide: usize, style: Style) {
    let warns = label == "warning";
    let mut parts = wrap(text, wide);
    if parts.len() > MOST && !warns {
        parts.truncate(MOST);
        if let Some(last) = parts.last_mut() {
            last.push('…');
        }
    }
    for (index, part) in parts.into_iter().enumerate() {
        rows.push(Row {
            warns,
            ..Row::new(if index == 0 { label } else { "" }, part, style)
        });
    }
}

/// Cuts rows to the room for them; the last one then says how to read the others.
pub fn fit(mut rows: Vec<Row>, room: usize, dim: Style) -> Fitted {
    if rows.len() <= room {
        return Fitted {
            rows,
            hides_warning: false,
        };
    }
    let cut = rows.split_off(room.saturating_sub(1));
    rows.push(Row::new("", "… l shows all of it", dim));
    Fitted {
        rows,
        hides_warning: cut.iter().any(|row| row.warns),
    }
}

/// Whether the dialog on top has a plan with a warning that is not on the screen.
pub fn hides_warning(model: &Model) -> bool {
    match model.layers.last() {
        Some(Layer::Sign(dialog)) => dialogs::sign_rows(model, dialog).0.hides_warning,
        Some(Layer::Access(dialog)) => access_view::rows(model, dialog).hides_warning,
        Some(Layer::Space(dialog)) => space_view::rows(model, dialog).hides_warning,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_that_is_cut_off_is_told() {
        let rows = |warns: [bool; 4]| {
            let row = |warns| Row {
                warns,
                ..Row::new("", "", Style::new())
            };
            warns.map(row).to_vec()
        };
        let hides = |warns, room| fit(rows(warns), room, Style::new()).hides_warning;
        assert!(!hides([false, false, false, true], 4));
        assert!(hides([false, false, false, true], 3));
        assert!(!hides([true, true, false, false], 3));
        assert!(hides([true, true, true, false], 3));
        assert!(hides([true, true, false, false], 0));
        assert_eq!(fit(rows([true; 4]), 2, Style::new()).rows.len(), 2);
    }
}
