//! The screens: what is where, in which words. Each gets the context and its own state, and draws into its area.

pub mod access;
pub mod activity;
pub mod check;
pub mod overview;
pub mod path;
pub mod space;
pub mod store;
pub mod unsigned;

use crate::console::types::context::Context;
use crate::console::types::server::Link;
use crate::console::widgets::Pen;
use crate::console::widgets::pen::{row, wrap};
use ratatui::layout::Rect;
use ratatui::style::Style;

/// A paragraph where a list would be: why it is empty, or what went wrong.
fn paragraph(pen: &mut Pen<'_>, area: Rect, text: &str, style: Style) {
    let inside = Rect::new(
        area.x + 1,
        area.y,
        area.width.saturating_sub(2),
        area.height,
    );
    for (index, line) in wrap(text, usize::from(inside.width)).iter().enumerate() {
        if let Ok(index) = u16::try_from(index) {
            pen.line(row(inside, index), line, style);
        }
    }
}

/// Says over a whole list why there is nothing to show, and whether that is bad.
fn say_nothing(pen: &mut Pen<'_>, area: Rect, text: &str, bad: bool) {
    let style = if bad {
        pen.theme.critical
    } else {
        pen.theme.dim
    };
    paragraph(pen, area, text, style);
}

/// Why there is nothing of the store to show; `None` if there is.
fn no_store(cx: &Context) -> Option<(String, bool)> {
    if cx.data.inventory.is_some() {
        return None;
    }
    Some(match &cx.link {
        Link::Failed(problem) => (
            format!("{problem}.  R tries again, y copies the details."),
            true,
        ),
        Link::Down { problem, .. } => (
            format!("{problem}.  R tries at once, y copies the details."),
            true,
        ),
        Link::Connecting => ("Connecting to the server.".to_owned(), false),
        Link::Up { .. } => match &cx.data.problem {
            Some(problem) => (format!("{problem}.  R tries again."), true),
            None => (
                "Listing the store; the first rows appear in a moment.".to_owned(),
                false,
            ),
        },
    })
}
