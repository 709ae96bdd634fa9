//! The palette over the screen: what is typed, what it means, and what can come next.

use super::complete::{Candidate, complete};
use crate::console::app::layer::Palette;
use crate::console::app::model::Model;
use crate::console::app::palette::command_hint;
use crate::console::app::reasons;
use crate::console::widgets::Pen;
use crate::console::widgets::columns::{Align, cell};
use crate::console::widgets::input;
use crate::console::widgets::layout;
use crate::console::widgets::pen::row;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr as _;

pub fn draw(model: &Model, pen: &mut Pen<'_>, palette: &Palette) {
    let theme = pen.theme;
    let typed = palette.typed();
    let completion = complete(model, typed);
    let area = layout::dialog(model.cx.size, 72, 14);
    let inside = pen.frame(area, "Command (tab completes, up has what was run)");
    let line = row(inside, 0);
    let x = pen.text(line, line.x, line.y, ":", theme.accent);
    let rest = Rect::new(x, line.y, line.right().saturating_sub(x), line.height);
    input::draw(pen, rest, &palette.input, true);
    if let Some(hint) = command_hint(palette.input.value()) {
        pen.line(row(inside, 1), &format!(":{hint}"), theme.accent);
    } else if completion.all.is_empty() {
        pen.line(row(inside, 1), "No action is called that.", theme.warning);
    }
    let height = usize::from(inside.height.saturating_sub(2));
    let chosen = palette.turn.as_ref().map(|turn| turn.at);
    let marked = chosen.or_else(|| completion.usual());
    let first = marked.map_or(0, |at| (at + 1).saturating_sub(height));
    let names = completion.all.iter().filter(|one| one.action.is_none());
    // At most half of the dialog.
    let column = names.map(|one| one.text.width()).max().unwrap_or(0);
    let column = column.min(usize::from(inside.width) / 2);
    let view = completion.all.iter().enumerate().skip(first).take(height);
    for (y, (index, candidate)) in view.enumerate() {
        let line = row(inside, y as u16 + 2);
        let current = marked == Some(index);
        let sign = if current { "> " } else { "  " };
        let x = pen.text(line, line.x, line.y, sign, theme.accent);
        let rest = Rect::new(x, line.y, line.right().saturating_sub(x), line.height);
        if candidate.action.is_some() {
            draw_action(model, pen, rest, candidate);
        } else {
            let name = cell(&candidate.text, column, Align::Left);
            let x = pen.text(rest, rest.x, rest.y, name.trim_end(), theme.text);
            let x = x.max(rest.x + column as u16) + 2;
            let rest = Rect::new(x, rest.y, rest.right().saturating_sub(x), rest.height);
            pen.line(rest, &candidate.note, theme.dim);
        }
        if current {
            pen.select(line);
        }
    }
}

/// An action: its title, its keys, and why it can't be done.
fn draw_action(model: &Model, pen: &mut Pen<'_>, area: Rect, one: &Candidate) {
    let theme = pen.theme;
    let Some(action) = one.action else { return };
    let reason = reasons::of(model, action.act).err();
    let style = if reason.is_some() {
        theme.dim
    } else {
        theme.text
    };
    let x = pen.text(area, area.x, area.y, &one.note, style);
    let keys = model.cx.keymap.names(action.act);
    let right = pen.right(area, &keys, theme.dim);
    if let Some(reason) = reason {
        let rest = Rect::new(x, area.y, right.saturating_sub(x + 1), area.height);
        pen.line(rest, &format!("  ({reason})"), theme.dim);
    }
}
