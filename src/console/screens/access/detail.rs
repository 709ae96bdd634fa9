//! What there is to know of one request, key or notice: beside or below the list, and as a card of its own.

use crate::console::screens::access::entries::brief;
use crate::console::screens::access::entries::came;
use crate::console::screens::access::entries::full;
use crate::console::screens::access::state::Access;
use crate::console::types::access::{AccessSnapshot, Line};
use crate::console::types::context::Context;
use crate::console::widgets::Pen;
use crate::console::widgets::pen::{row, wrap};
use crate::domain::randomart::randomart;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// Columns of a label with its blank.
const LABEL: usize = 10;
/// Columns of the picture, with a gap.
const PICTURE: u16 = 21;
/// From this width on, the card has the picture beside it.
const PICTURE_FROM: u16 = 70;

/// Draws the pane: five rows below the list, or as many as there are beside it.
pub(super) fn pane(
    cx: &Context,
    access: &Access,
    known: &AccessSnapshot,
    pen: &mut Pen<'_>,
    area: Rect,
    line: Line<'_>,
    beside: bool,
) {
    let entries = if beside {
        full(cx, access, known, pen, line)
    } else {
        brief(cx, access, known, pen, line)
    };
    let room = usize::from(area.width).saturating_sub(LABEL + 2);
    let mut y = 0;
    for entry in entries {
        // Below the list a value has one row; the card has all of it.
        let lines = if beside {
            wrap(&entry.text, room)
        } else {
            vec![entry.text]
        };
        for (index, text) in lines.into_iter().enumerate() {
            let label = if index == 0 { entry.label } else { "" };
            draw_entry(pen, row(area, y), label, &text, entry.style);
            y += 1;
        }
    }
}

fn draw_entry(pen: &mut Pen<'_>, line: Rect, label: &str, text: &str, style: Style) {
    pen.text(line, line.x + 1, line.y, label, pen.theme.dim);
    let x = line.x + 1 + LABEL as u16;
    let rest = Rect::new(x, line.y, line.right().saturating_sub(x), line.height);
    pen.line(rest, text, style);
}

/// Draws the card.
pub(super) fn card(
    cx: &Context,
    access: &Access,
    known: &AccessSnapshot,
    pen: &mut Pen<'_>,
    area: Rect,
    line: Line<'_>,
    top: usize,
) {
    let theme = pen.theme;
    pen.rule(row(area, 1));
    let picture = match line {
        Line::Request(entry) => randomart(&entry.request.key),
        Line::Key(entry) => randomart(&entry.key),
        Line::Refused(_) | Line::Notice(_) => Vec::new(),
    };
    let beside = !picture.is_empty() && area.width >= PICTURE_FROM;
    let wide = usize::from(area.width).saturating_sub(LABEL + 2);
    let narrow = wide.saturating_sub(if beside { usize::from(PICTURE) } else { 0 });
    let mut lines: Vec<(&'static str, String, Style)> = Vec::new();
    for entry in full(cx, access, known, pen, line) {
        let room = if lines.len() < picture.len() {
            narrow
        } else {
            wide
        };
        for (index, text) in wrap(&entry.text, room).into_iter().enumerate() {
            let label = if index == 0 { entry.label } else { "" };
            lines.push((label, text, entry.style));
        }
    }
    let height = usize::from(area.height.saturating_sub(2));
    let most = lines.len().max(picture.len());
    let top = top.min(most.saturating_sub(height));
    for y in 0..height {
        let place = row(area, y as u16 + 2);
        if let Some((label, text, style)) = lines.get(top + y) {
            draw_entry(pen, place, label, text, *style);
        }
        if let Some(art) = picture.get(top + y).filter(|_| beside) {
            pen.text(
                place,
                place.right().saturating_sub(PICTURE - 1),
                place.y,
                art,
                theme.dim,
            );
        }
    }
    let mut head = row(area, 0);
    if most > height {
        let note = format!("{}-{} of {most} ", top + 1, (top + height).min(most));
        let start = pen.right(head, &note, theme.dim);
        // The title ends before it.
        head.width = start.saturating_sub(head.x + 1);
    }
    pen.line(head, &title(cx, access, known, line), theme.title);
}

fn title(cx: &Context, access: &Access, known: &AccessSnapshot, line: Line<'_>) -> String {
    let at = access.list.cursor;
    if access.refused {
        let of = known.refused.len();
        return format!(" Refused client {} of {of}", at + 1);
    }
    match line {
        Line::Request(entry) => format!(
            " Request {} of {}   {}",
            at + 1,
            known.requests.len(),
            came(entry, cx.now)
        ),
        Line::Key(entry) => format!(
            " Key {} of {}   {}, line {}",
            at + 1 - known.requests.len(),
            known.keys.len(),
            entry.row.file,
            entry.row.line
        ),
        Line::Refused(_) | Line::Notice(_) => " The server".to_owned(),
    }
}
