//! Screens that a later version brings. They say so.

use super::paragraph;
use crate::console::widgets::Pen;
use ratatui::layout::Rect;

/// One sentence.
pub fn draw(pen: &mut Pen<'_>, area: Rect) {
    let what =
        "Space is not yet built. It will show what fills the disk, and plan what to collect.";
    let style = pen.theme.dim;
    let area = Rect::new(
        area.x,
        area.y + 1,
        area.width,
        area.height.saturating_sub(1),
    );
    paragraph(pen, area, what, style);
}
