//! The list of screen 4 while only refused clients are shown: who, how often, when last, and why.
//!
//! In: the clients that sshd has refused within a day. Out: one row for each.

use crate::console::types::access::AccessSnapshot;
use crate::console::widgets::Pen;
use crate::console::widgets::columns::{Align, cell};
use crate::domain::When;
use crate::judge::access::{Cause, Refused};
use ratatui::layout::Rect;

const OWNER: usize = 22;
const TIMES: usize = 6;
const LAST: usize = 5;

/// What is said where there is none.
pub(super) fn none(known: &AccessSnapshot) -> String {
    match &known.facts.events {
        Ok(_) => "No client was refused within a day.".to_owned(),
        Err(why) => format!("Which clients were refused is not known: {why}."),
    }
}

/// The heading of the columns.
pub(super) fn head(width: u16) -> String {
    format!(
        "   {} {} {}  WHY",
        cell("CLIENT", owner(width), Align::Left),
        cell("TIMES", TIMES, Align::Right),
        cell("LAST", LAST, Align::Right),
    )
}

/// Columns of a client's name.
fn owner(width: u16) -> usize {
    OWNER.min(usize::from(width) / 3)
}

/// One client.
pub(super) fn draw(pen: &mut Pen<'_>, area: Rect, one: &Refused, current: bool, now: When) {
    let theme = pen.theme;
    let cursor = if current { ">" } else { " " };
    pen.text(area, area.x, area.y, cursor, theme.accent);
    let (mark, style) = match one.cause {
        Cause::Waits | Cause::Authorized => (".", theme.dim),
        Cause::Denied | Cause::Revoked | Cause::Suspended | Cause::NeverSeen => {
            ("!", theme.warning)
        }
        Cause::Expired | Cause::Removed | Cause::Options | Cause::NotRead => ("x", theme.critical),
    };
    pen.text(area, area.x + 1, area.y, mark, style);
    let owner = owner(area.width);
    let name = cell(&one.name(), owner, Align::Left);
    pen.text(area, area.x + 3, area.y, name.trim_end(), theme.text);
    let numbers = format!(
        "{} {}",
        cell(&one.times.to_string(), TIMES, Align::Right),
        cell(&one.last.at.age(now).to_string(), LAST, Align::Right),
    );
    let x = area.x + 3 + owner as u16 + 1;
    let x = pen.text(area, x, area.y, &numbers, theme.text) + 2;
    let rest = Rect::new(x, area.y, area.right().saturating_sub(x + 1), area.height);
    pen.line(rest, &one.message, theme.text);
    if current {
        pen.select(area);
    }
}
