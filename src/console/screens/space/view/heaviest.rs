//! The live paths that most hangs on: what would become dead with each.

use crate::console::screens::paragraph;
use crate::console::screens::path::pane;
use crate::console::screens::space::areas::Areas;
use crate::console::screens::space::state::Space;
use crate::console::types::assessment::{Mark, SpaceAssessment};
use crate::console::types::context::Context;
use crate::console::widgets::Pen;
use crate::console::widgets::columns::{Align, cell};
use crate::console::widgets::pen::row;
use crate::console::widgets::text;
use crate::domain::Bytes;
use crate::domain::count::number;
use ratatui::layout::Rect;

const SIZE: usize = 10;
const PATHS: usize = 8;
const CLOSURE: usize = 9;
const USED: usize = 6;
const KEPT: usize = 6;

/// Draws the list and the details.
pub(super) fn draw(cx: &Context, space: &Space, pen: &mut Pen<'_>, areas: &Areas) {
    let Some(assessment) = &space.assessment else {
        return;
    };
    let name = name_width(areas.list.width);
    let head = format!(
        "   {} {} {} {}  {} {}",
        cell("HOLDS", SIZE, Align::Right),
        cell("PATHS", PATHS, Align::Right),
        cell("CLOSURE", CLOSURE, Align::Right),
        cell("USED", USED, Align::Right),
        cell("LIVE PATH", name, Align::Left),
        cell("KEPT", KEPT, Align::Left),
    );
    pen.line(areas.columns, &head, pen.theme.heading);
    let rows = assessment.heaviest.len();
    if rows == 0 {
        let text = "No path is live, so that nothing holds anything.";
        paragraph(pen, areas.list, text, pen.theme.dim);
    }
    let list = space.heaviest;
    for (y, at) in list.view(rows, usize::from(areas.list.height)).enumerate() {
        draw_row(
            cx,
            assessment,
            pen,
            row(areas.list, y as u16),
            at,
            at == list.cursor,
        );
    }
    if let Some(rule) = areas.rule {
        pen.rule(rule);
    }
    if let (Some(area), Some(current)) = (areas.pane, space.current_row()) {
        pane::draw(
            cx,
            Some(assessment),
            &assessment.inventory,
            pen,
            area,
            current,
            areas.rule.is_none(),
        );
    }
}

fn name_width(width: u16) -> usize {
    usize::from(width).saturating_sub(3 + SIZE + 1 + PATHS + 1 + CLOSURE + 1 + USED + 2 + 1 + KEPT)
}

fn draw_row(
    cx: &Context,
    assessment: &SpaceAssessment,
    pen: &mut Pen<'_>,
    area: Rect,
    at: usize,
    current: bool,
) {
    let theme = pen.theme;
    let Some(heavy) = assessment.heaviest.get(at) else {
        return;
    };
    let inventory = &assessment.inventory;
    let closure = inventory
        .closure_size_known(heavy.row)
        .map_or_else(|| "…".to_owned(), |(_, bytes)| text::size(bytes));
    let marked = cx.marks.has(heavy.row);
    let signs = crate::console::widgets::list::signs(current, marked, false);
    pen.text(area, area.x, area.y, signs, theme.accent);
    let numbers = format!(
        "{} {} {} {}  ",
        cell(&Bytes(heavy.frees.1).to_string(), SIZE, Align::Right),
        cell(&number(heavy.frees.0), PATHS, Align::Right),
        cell(&closure, CLOSURE, Align::Right),
        cell(
            &text::age(assessment.used(heavy.row), cx.now),
            USED,
            Align::Right
        ),
    );
    let x = pen.text(area, area.x + 3, area.y, &numbers, theme.text);
    let width = name_width(area.width);
    let name = cell(inventory.name(heavy.row), width, Align::Middle);
    let style = if marked { theme.marked } else { theme.text };
    pen.text(area, x, area.y, name.trim_end(), style);
    let pinned = assessment.mark(heavy.row) == Some(Mark::Pinned);
    let root = assessment.roots_of(heavy.row).next().is_some();
    let (word, style) = match (pinned, root) {
        (true, _) => ("pin", theme.accent),
        (false, true) => ("root", theme.text),
        (false, false) => ("", theme.dim),
    };
    let place = Rect::new(
        x + width as u16 + 1,
        area.y,
        area.right().saturating_sub(x + width as u16 + 1),
        area.height,
    );
    pen.line(place, word, style);
    if current {
        pen.select(area);
    }
}
