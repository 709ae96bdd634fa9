//! What the store comes to, below the checks and the disk of screen 1: paths, trust, space, who is there, the last change.
//!
//! In: what the screens know. Out: a row each, as far as there is room.

use crate::console::screens::activity::logins;
use crate::console::screens::overview::view::Inputs;
use crate::console::widgets::Pen;
use crate::console::widgets::pen::row;
use crate::domain::Bytes;
use crate::domain::count::count;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// `96.1%`, never rounded to what it is not.
fn share(part: usize, whole: usize) -> String {
    let tenths = (part as u128 * 1000)
        .checked_div(whole as u128)
        .unwrap_or(0);
    match tenths {
        0 if part > 0 => "<0.1%".to_owned(),
        tenths => format!("{}.{}%", tenths / 10, tenths % 10),
    }
}

/// Draws what the store and its last changes come to, from a row on.
pub(super) fn draw(inputs: &Inputs<'_>, pen: &mut Pen<'_>, area: Rect, mut y: u16) {
    let theme = pen.theme;
    let label = |text: &str| format!(" {text:<9}");
    if let Some(inventory) = &inputs.cx.data.inventory {
        let counts = inventory.counts();
        let read = counts.read();
        let mut text = format!("{}   {}", count(counts.paths, "path"), Bytes(counts.bytes));
        if let Some(note) = inputs.cx.data.note(inputs.cx.now) {
            text = format!("{text}   {note}");
        } else if inputs.cx.data.fallback.is_some() {
            text.push_str("   read through the daemon");
        }
        pen.pieces(
            row(area, y),
            &[(&label("Store"), theme.dim), (&text, theme.text)],
        );
        y += 1;
        let style = if counts.refused > 0 {
            theme.critical
        } else {
            theme.text
        };
        let mut shares: Vec<(String, Style)> = counts
            .by_trust
            .iter()
            .rev()
            .filter(|(class, paths, _)| *paths > 0 && !class.refused())
            .map(|(class, paths, _)| (format!("{class} {}", share(*paths, read)), theme.text))
            .collect();
        // What is refused is never the one that does not fit.
        shares.insert(
            0,
            (format!("refused {}", share(counts.refused, read)), style),
        );
        let line = row(area, y);
        let mut x = pen.text(line, area.x, line.y, &label("Trust"), theme.dim);
        for (text, style) in shares {
            if usize::from(x) + text.len() >= usize::from(line.right()) {
                pen.text(line, x, line.y, "…", theme.dim);
                break;
            }
            x = pen.text(line, x, line.y, &text, style) + 2;
        }
        y += 1;
    } else {
        pen.pieces(
            row(area, y),
            &[(&label("Store"), theme.dim), ("not read yet", theme.text)],
        );
        y += 1;
    }
    y = crate::console::screens::space::overview::draw(inputs.space, pen, area, y);
    if let Some(text) = logins::on_now(inputs.cx, inputs.access) {
        let line = row(area, y);
        let end = pen.text(line, line.x, line.y, &label("On now"), theme.dim);
        let rest = Rect::new(end, line.y, line.right().saturating_sub(end), line.height);
        pen.line(rest, &text, theme.text);
        y += 1;
    }
    if let Some((text, note)) =
        crate::console::screens::activity::view::last(inputs.cx, inputs.activity)
    {
        let line = row(area, y);
        let inner = Rect::new(line.x, line.y, line.width.saturating_sub(2), line.height);
        let x = pen.right(inner, &note, theme.dim);
        let room = Rect::new(line.x, line.y, x.saturating_sub(line.x + 2), line.height);
        let end = pen.text(room, room.x, room.y, &label("Last"), theme.dim);
        let rest = Rect::new(end, room.y, room.right().saturating_sub(end), room.height);
        pen.line(rest, &text, theme.text);
    }
}
