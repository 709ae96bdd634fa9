//! What keeps paths: each root with what it alone keeps.

use crate::console::screens::paragraph;
use crate::console::screens::space::areas::Areas;
use crate::console::screens::space::state::Space;
use crate::console::types::assessment::{RootLine, SpaceAssessment};
use crate::console::types::context::Context;
use crate::console::widgets::Pen;
use crate::console::widgets::columns::{Align, cell};
use crate::console::widgets::layout::WIDE;
use crate::console::widgets::pen::{row, wrap};
use crate::console::widgets::text;
use crate::console::widgets::theme::Theme;
use crate::domain::count::count;
use crate::domain::roots::RootKind;
use crate::domain::{Bytes, When};
use ratatui::layout::Rect;
use ratatui::style::Style;

const SIZE: usize = 10;
const CLOSURE: usize = 9;
const KIND: usize = 10;

/// Draws the list and the details.
pub(super) fn draw(cx: &Context, space: &Space, pen: &mut Pen<'_>, areas: &Areas) {
    let Some(assessment) = &space.assessment else {
        return;
    };
    let width = areas.list.width;
    let (root, target) = widths(width);
    let head = format!(
        "   {} {}  {} {} {}",
        cell("KEEPS ALONE", SIZE + 1, Align::Right),
        cell("CLOSURE", CLOSURE, Align::Right),
        cell("KIND", KIND, Align::Left),
        cell("ROOT", root, Align::Left),
        cell("PATH", target, Align::Left),
    );
    pen.line(areas.columns, &head, pen.theme.heading);
    let rows = assessment.roots.len();
    if rows == 0 {
        let text = "The store has no root: everything in it is dead, and anyone's garbage collection takes it all. p pins what has to stay.";
        paragraph(pen, areas.list, text, pen.theme.warning);
    }
    let list = space.roots;
    for (y, at) in list.view(rows, usize::from(areas.list.height)).enumerate() {
        let Some(line) = assessment.roots.get(at) else {
            break;
        };
        draw_root(
            cx,
            assessment,
            pen,
            row(areas.list, y as u16),
            line,
            at == list.cursor,
        );
    }
    if let Some(rule) = areas.rule {
        pen.rule(rule);
    }
    if let (Some(pane), Some(line)) = (areas.pane, space.current_root()) {
        draw_pane(cx, assessment, pen, pane, line);
    }
}

/// Columns for the link and the path.
fn widths(width: u16) -> (usize, usize) {
    let rest = usize::from(width).saturating_sub(3 + SIZE + 1 + 1 + CLOSURE + 2 + KIND + 1 + 1 + 1);
    let link = rest * 3 / 5;
    (link, rest - link)
}

fn draw_root(
    cx: &Context,
    assessment: &SpaceAssessment,
    pen: &mut Pen<'_>,
    area: Rect,
    line: &RootLine,
    current: bool,
) {
    let theme = pen.theme;
    let (root, target) = widths(area.width);
    let closure = line.row.map_or_else(
        || "?".to_owned(),
        |row| match assessment.inventory.closure_size_known(row) {
            Some((_, bytes)) => text::size(bytes),
            None => "…".to_owned(),
        },
    );
    let numbers = format!(
        "{} {}  ",
        cell(&Bytes(line.exclusive.1).to_string(), SIZE + 1, Align::Right),
        cell(&closure, CLOSURE, Align::Right),
    );
    pen.text(
        area,
        area.x,
        area.y,
        if current { ">" } else { "" },
        theme.accent,
    );
    let x = pen.text(area, area.x + 3, area.y, &numbers, theme.text);
    let (kind, kind_style) = kind(cx, pen.theme, line);
    let x = pen.text(area, x, area.y, &cell(&kind, KIND, Align::Left), kind_style) + 1;
    let name = cell(&name(line), root, Align::Middle);
    pen.text(area, x, area.y, name.trim_end(), theme.text);
    let path = cell(line.root.target.name(), target, Align::Middle);
    pen.text(
        area,
        x + root as u16 + 1,
        area.y,
        path.trim_end(),
        theme.dim,
    );
    if current {
        pen.select(area);
    }
}

/// The kind; for a pin whose time is over, that, and what a pin led to before it moved is a revision.
fn kind(cx: &Context, theme: &Theme, line: &RootLine) -> (String, Style) {
    match (&line.root.kind, &line.pin) {
        (RootKind::Pin(_), Some(pin)) if pin.expired(cx.now) => {
            ("expired".to_owned(), theme.warning)
        }
        (RootKind::Pin(_), Some(pin)) if pin.name.is_revision() => {
            ("revision".to_owned(), theme.accent)
        }
        (RootKind::Pin(_), _) => ("pin".to_owned(), theme.accent),
        (RootKind::Unknown, _) => ("unknown".to_owned(), theme.unknown),
        (kind, _) => (kind.to_string(), theme.dim),
    }
}

/// A pin by its name, a generation by its profile, another root by its link.
fn name(line: &RootLine) -> String {
    match &line.root.kind {
        RootKind::Pin(name) => name.clone(),
        RootKind::Runtime(Some(process)) => format!("process {process}"),
        _ => line.root.link.clone(),
    }
}

/// Until when a pin keeps.
fn until(expires: Option<When>, now: When) -> String {
    match expires {
        None => "for good".to_owned(),
        Some(end) if end <= now => format!("expired {} ago, {end}", end.age(now)),
        Some(end) => format!("for {} more, until {end}", now.age(end)),
    }
}

fn draw_pane(
    cx: &Context,
    assessment: &SpaceAssessment,
    pen: &mut Pen<'_>,
    area: Rect,
    line: &RootLine,
) {
    let theme = pen.theme;
    let wide = cx.size.0 >= WIDE;
    let mut lines: Vec<(&str, String, Style)> = vec![
        ("root", line.root.link.clone(), theme.text),
        ("path", line.root.target.to_string(), theme.title),
    ];
    let alone = match line.exclusive {
        (0, _) if line.row.is_none() => {
            "not known: its path came after the store was read; R reads again".to_owned()
        }
        (0, _) => "nothing: other roots keep all of it too".to_owned(),
        (paths, bytes) => format!("{}, {}", count(paths, "path"), Bytes(bytes)),
    };
    lines.push(("alone", alone, theme.text));
    if let Some(pin) = &line.pin {
        let style = if pin.expired(cx.now) {
            theme.warning
        } else {
            theme.text
        };
        lines.push(("keeps", until(pin.expires, cx.now), style));
        let reason = pin.reason.as_deref().unwrap_or("no reason");
        let by = pin.by.as_deref().unwrap_or("hand");
        let of = pin.name.revised();
        let of = of.map_or_else(String::new, |pin| {
            format!("revision of {pin}, which moved; ")
        });
        let by = format!("{of}{reason}   by {by}, {} ago", pin.at.age(cx.now));
        lines.push(("reason", by, theme.text));
    } else {
        lines.push(("what", meaning(&line.root.kind).to_owned(), theme.dim));
    }
    if wide && let Some(row) = line.row {
        let closure = assessment.inventory.closure_size_known(row);
        let text = closure.map_or_else(
            || "not measured yet".to_owned(),
            |(paths, bytes)| format!("{}, {}", count(paths, "path"), Bytes(bytes)),
        );
        lines.push(("closure", text, theme.text));
        let used = text::age(assessment.used(row), cx.now);
        lines.push(("last used", used, theme.text));
    }
    let label_width = 10;
    let mut y = 0;
    for (label, value, style) in lines {
        let room = usize::from(area.width).saturating_sub(label_width + 2);
        let parts = if wide {
            wrap(&value, room)
        } else {
            vec![value]
        };
        for (index, part) in parts.into_iter().enumerate() {
            let line = row(area, y);
            let label = if index == 0 { label } else { "" };
            let x = pen.text(
                line,
                line.x + 1,
                line.y,
                &format!("{label:<label_width$}"),
                theme.dim,
            );
            let rest = Rect::new(x, line.y, line.right().saturating_sub(x + 1), line.height);
            pen.line(rest, &part, style);
            y += 1;
        }
    }
}

/// What a kind of root is, in a clause.
const fn meaning(kind: &RootKind) -> &'static str {
    match kind {
        RootKind::Pin(_) => "a pin made by hand; who and why is not recorded",
        RootKind::Profile => "the current generation of a profile",
        RootKind::Generation { .. } => "a generation of a profile",
        RootKind::Direct => "a link in Nix's own folder of roots",
        RootKind::Indirect => "a link elsewhere that was registered, such as ./result of a build",
        RootKind::Temporary => "held by a client of the daemon: being built, uploaded or read",
        RootKind::Runtime(_) => "in use by a running process",
        RootKind::Censored => "in use; the daemon hides from this login by whom",
        RootKind::Unknown => "unknown root type; it keeps its path all the same",
    }
}
