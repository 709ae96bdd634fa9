//! The page of one path.

use crate::console::screens::path::page::{LABEL, Line, Page, Part};
use crate::console::screens::path::{pane, words};
use crate::console::types::assessment::SpaceAssessment;
use crate::console::types::context::Context;
use crate::console::widgets::Pen;
use crate::console::widgets::pen::row;
use crate::console::widgets::text;
use crate::domain::count::number;
use crate::domain::{TrustClass, Verdict};
use crate::inventory::{Inventory, Row};
use ratatui::layout::Rect;
use ratatui::style::Style;

pub fn draw(
    cx: &Context,
    page: &Page,
    assessment: Option<&SpaceAssessment>,
    pen: &mut Pen<'_>,
    area: Rect,
) {
    let Some(inventory) = cx.data.inventory.as_deref() else {
        return;
    };
    let rows = page.len(inventory);
    let view = page.list.view(rows, usize::from(area.height));
    let first = view.start;
    for (y, line) in page.lines(inventory, cx.now, view).iter().enumerate() {
        let current = first + y == page.list.cursor;
        draw_line(
            cx,
            page,
            assessment,
            pen,
            row(area, y as u16),
            line,
            current,
        );
    }
}

fn draw_line(
    cx: &Context,
    page: &Page,
    assessment: Option<&SpaceAssessment>,
    pen: &mut Pen<'_>,
    area: Rect,
    line: &Line,
    current: bool,
) {
    let Some(inventory) = cx.data.inventory.as_deref() else {
        return;
    };
    let theme = pen.theme;
    pen.text(
        area,
        area.x,
        area.y,
        if current { ">" } else { "" },
        theme.accent,
    );
    let first = !matches!(line, Line::More(..));
    let value = |pen: &mut Pen<'_>, label: &str, value: &str, style: Style| {
        let label = if first { label } else { "" };
        pen.text(area, area.x + 2, area.y, label, theme.dim);
        let x = area.x + 2 + LABEL;
        let rest = Rect::new(x, area.y, area.right().saturating_sub(x + 1), area.height);
        pen.line(rest, value, style);
    };
    match line {
        Line::Info(label @ ("problem" | "state"), text)
        | Line::More(label @ ("problem" | "state"), text) => value(pen, label, text, theme.warning),
        Line::Info(label @ ("trust" | "closure"), text)
        | Line::More(label @ ("trust" | "closure"), text) => {
            let refused = text.starts_with("refused");
            let left = words::left(cx, inventory, page.row).filter(|_| *label == "trust" && first);
            let text = left.map_or_else(
                || text.clone(),
                |left| format!("{text}; auto-sign: {}", left.words()),
            );
            value(
                pen,
                label,
                &text,
                if refused { theme.critical } else { theme.text },
            );
        }
        Line::Info(label @ "last used", _) => {
            value(
                pen,
                label,
                &pane::used(cx, assessment, inventory, page.row),
                theme.text,
            );
        }
        Line::Info(label @ "kept by", _) => {
            value(pen, label, &pane::kept_by(assessment, page.row), theme.text);
        }
        Line::Info(label @ "path", text) | Line::More(label @ "path", text) => {
            value(pen, label, text, theme.title);
        }
        Line::Info(label, text) | Line::More(label, text) => value(pen, label, text, theme.text),
        Line::Signature(name, verdict) => {
            let (word, style) = match verdict {
                Verdict::Valid => ("valid", theme.fine),
                Verdict::Bad => ("BAD: it does not verify", theme.critical),
                Verdict::UnknownKey => ("by an unknown key", theme.unknown),
                Verdict::UnknownAlgorithm => ("of an unknown algorithm", theme.unknown),
            };
            value(pen, "signature", &format!("{name}  {word}"), style);
        }
        Line::Head(part, count, open) => {
            let title = match part {
                Part::References => "Needs",
                Part::Referrers => "Needed by",
                Part::Closure => "Closure",
            };
            let count = match (part, count) {
                (Part::Closure, 0) => String::new(),
                (_, count) => format!("  {}", number(*count)),
            };
            let fold = if *open { "▾" } else { "▸" };
            let text = format!("{fold} {title}{count}");
            pen.text(area, area.x + 2, area.y, &text, theme.accent);
        }
        Line::Path { row, depth, open } => {
            let itself = *row == page.row;
            draw_path(cx, inventory, pen, area, (*row, *depth, *open), itself);
        }
    }
    if current {
        pen.select(area);
    }
}

fn draw_path(
    cx: &Context,
    inventory: &Inventory,
    pen: &mut Pen<'_>,
    area: Rect,
    (path, depth, open): (Row, usize, Option<bool>),
    itself: bool,
) {
    let theme = pen.theme;
    // Deep trees stop to indent before they leave the screen.
    let indent = (depth * 2).min(usize::from(area.width) / 3);
    let fold = match open {
        Some(true) => "▾ ",
        Some(false) => "▸ ",
        None => "  ",
    };
    let refused = text::trust_of(inventory, path)
        .filter(|_| inventory.trust(path).is_some_and(TrustClass::refused));
    let note = refused.map_or_else(
        || {
            inventory
                .nar_size(path)
                .map_or_else(String::new, text::size)
        },
        str::to_owned,
    );
    let inner = Rect::new(area.x, area.y, area.width.saturating_sub(1), area.height);
    let style = if refused.is_some() {
        theme.critical
    } else {
        theme.dim
    };
    let right = pen.right(inner, &note, style);
    let mark = if cx.marks.has(path) { "x" } else { " " };
    pen.text(area, area.x + 1, area.y, mark, theme.accent);
    let x = pen.text(area, area.x + 2 + indent as u16, area.y, fold, theme.dim);
    let rest = Rect::new(x, area.y, right.saturating_sub(x + 1), area.height);
    let end = pen.line(rest, inventory.name(path), theme.text);
    if itself {
        let rest = Rect::new(end, area.y, right.saturating_sub(end + 1), area.height);
        pen.line(rest, " (itself)", theme.dim);
    }
}
