//! A dialog with a list to choose from: names in a column, behind each how it stands.
//!
//! In: the rows, and where the cursor is. Out: the dialog, over whatever is drawn. It costs as much as the list is long: servers, or clients.

use super::columns::{Align, cell};
use super::layout;
use super::list::List;
use super::pen::{Pen, row};
use crate::config::Colour;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr as _;

/// A row of it.
pub struct Choice<'a> {
    /// A mark before the name; either all rows of a list have one or none has.
    pub mark: Option<(&'a str, Style)>,
    /// What is chosen.
    pub name: &'a str,
    /// Of the name.
    pub colour: Option<Colour>,
    /// How it stands.
    pub note: String,
}

fn frame(size: (u16, u16), rows: usize) -> Rect {
    let (most, height) = layout::text_box(size);
    layout::dialog(size, most.width, rows.min(height) as u16 + 2)
}

/// Where its rows are, of a list of so many.
pub fn rows(size: (u16, u16), rows: usize) -> Rect {
    let frame = frame(size, rows);
    Rect::new(
        frame.x + 1,
        frame.y + 1,
        frame.width.saturating_sub(2),
        frame.height.saturating_sub(2),
    )
}

/// Draws it on a terminal of this size.
pub fn draw(pen: &mut Pen<'_>, size: (u16, u16), title: &str, list: List, all: &[Choice<'_>]) {
    let theme = pen.theme;
    let inside = pen.frame(frame(size, all.len()), title);
    let widths = all.iter().map(|choice| choice.name.width());
    // At most half of the dialog.
    let column = widths.max().unwrap_or(0).min(usize::from(inside.width) / 2);
    let view = list.view(all.len(), usize::from(inside.height));
    for (y, index) in view.enumerate() {
        let line = row(inside, y as u16);
        let choice = &all[index];
        let current = index == list.cursor;
        let cursor = if current { ">" } else { " " };
        pen.text(line, line.x, line.y, cursor, theme.accent);
        let mut x = line.x + 2;
        if let Some((mark, style)) = choice.mark {
            pen.text(line, x, line.y, mark, style);
            x += 2;
        }
        let name = cell(choice.name, column, Align::Left);
        let name_at = x;
        let x = pen.text(line, x, line.y, &name, theme.text) + 2;
        let rest = Rect::new(x, line.y, line.right().saturating_sub(x), line.height);
        pen.line(rest, &choice.note, theme.dim);
        if current {
            pen.select(line);
        }
        // A server keeps its colour under the cursor.
        if choice.colour.is_some() {
            let style = if current { theme.selected } else { theme.text };
            let style = theme.on_colour(style, choice.colour);
            pen.text(line, name_at, line.y, &name, style);
        }
    }
}
