//! Screen 3: what a client that trusts this cache would refuse, in the portions in which it was uploaded.

use crate::console::screens::path::{pane, words};
use crate::console::screens::unsigned::state::Unsigned;
use crate::console::screens::unsigned::state::UnsignedLine;
use crate::console::screens::{no_store, paragraph, say_nothing};
use crate::console::types::assessment::SpaceAssessment;
use crate::console::types::context::Context;
use crate::console::widgets::Pen;
use crate::console::widgets::columns::{Align, cell};
use crate::console::widgets::layout::{self, WIDE};
use crate::console::widgets::list::signs;
use crate::console::widgets::pen::row;
use crate::console::widgets::text;
use crate::domain::TrustClass;
use crate::domain::count::number;
use crate::inventory::{Group, GroupKind, Inventory};
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

const PATHS: usize = 8;
const SIZE: usize = 8;
const AGE: usize = 6;
const WHY: usize = 19;

/// Draws the screen.
pub fn draw(
    cx: &Context,
    unsigned: &Unsigned,
    assessment: Option<&SpaceAssessment>,
    pen: &mut Pen<'_>,
) {
    let areas = layout::lists(cx.size, cx.size.0 >= WIDE);
    if let Some((text, bad)) = no_store(cx) {
        let area = Rect::new(areas.find.x, areas.find.y, cx.size.0, areas.list.height);
        return say_nothing(pen, area, &text, bad);
    }
    let Some(inventory) = cx.data.inventory.clone() else {
        return;
    };
    draw_coverage(cx, unsigned, pen, areas.find);
    if unsigned.lines.is_empty() {
        let text = if !unsigned.answered {
            "Grouping what is refused."
        } else if cx.data.loading {
            "Nothing is refused so far; the store is still being read."
        } else {
            "Clients refuse nothing: every path has a signature that they trust, or needs none. What builders upload unsigned appears here."
        };
        return paragraph(pen, areas.list, text, pen.theme.dim);
    }
    let head = format!(
        "   {}{} {} {}  {}",
        cell(
            "WHAT CLIENTS WOULD REFUSE",
            name_width(areas.head.width),
            Align::Left
        ),
        cell("PATHS", PATHS, Align::Right),
        cell("SIZE", SIZE, Align::Right),
        cell("ADDED", AGE, Align::Right),
        cell("WHY", WHY, Align::Left),
    );
    pen.line(areas.head, &head, pen.theme.heading);
    let height = usize::from(areas.list.height);
    for (y, index) in unsigned.list.view(unsigned.lines.len(), height).enumerate() {
        if let Some(line) = unsigned.lines.get(index) {
            let area = row(areas.list, y as u16);
            draw_line(cx, unsigned, &inventory, pen, area, *line, index);
        }
    }
    // Below the list there is none: what is refused is what the screen is for.
    if let (Some(area), Some(current)) = (areas.pane, unsigned.current_row()) {
        pane::draw(cx, assessment, &inventory, pen, area, current, true);
    }
}

/// What a group is called; signing it signs all that this names.
pub(in crate::console) fn group_name(inventory: &Inventory, group: &Group) -> String {
    let others = group.rows.len().saturating_sub(1);
    match (group.kind, others) {
        (GroupKind::Bad, _) => {
            let address = |row: &u32| inventory.refused_for_its_address(*row);
            if group.rows.iter().take(64).any(address) {
                "bad signatures and addresses".to_owned()
            } else {
                "signatures that do not verify".to_owned()
            }
        }
        (GroupKind::Closure, 0) => inventory.name(group.top).to_owned(),
        (GroupKind::Closure, _) => {
            format!(
                "{} and {} it needs",
                inventory.name(group.top),
                number(others)
            )
        }
    }
}

fn name_width(width: u16) -> usize {
    usize::from(width).saturating_sub(3 + PATHS + 1 + SIZE + 1 + AGE + 2 + WHY)
}

/// How far each key has got, for a rotation.
fn draw_coverage(cx: &Context, unsigned: &Unsigned, pen: &mut Pen<'_>, area: Rect) {
    let theme = pen.theme;
    let counts = cx
        .data
        .inventory
        .as_ref()
        .map(|inventory| inventory.counts());
    let refused = || counts.map(|counts| format!("{} refused", number(counts.refused)));
    let note = cx.data.note(cx.now).or_else(refused).unwrap_or_default();
    let inner = Rect::new(area.x, area.y, area.width.saturating_sub(1), area.height);
    let right = pen.right(inner, &note, theme.dim);
    let read = counts.map_or(0, |counts| counts.read());
    let mut x = pen.text(area, area.x + 1, area.y, "signed by", theme.dim) + 1;
    let mut keys: Vec<&(String, usize, usize)> = unsigned
        .coverage
        .iter()
        .filter(|(_, valid, bad)| valid + bad > 0)
        .collect();
    keys.sort_by_key(|(_, valid, _)| std::cmp::Reverse(*valid));
    for (name, valid, bad) in keys {
        let percent = (*valid as u128 * 100)
            .checked_div(read as u128)
            .unwrap_or(0);
        let bad = if *bad > 0 {
            format!(", {} bad", number(*bad))
        } else {
            String::new()
        };
        let text = format!("{name} {percent}%{bad}");
        let room = right.saturating_sub(x + 2);
        if text.width() > usize::from(room) {
            if room > 0 {
                pen.text(area, x, area.y, "…", theme.dim);
            }
            break;
        }
        x = pen.text(area, x, area.y, &text, theme.text) + 2;
    }
}

fn draw_line(
    cx: &Context,
    unsigned: &Unsigned,
    inventory: &Inventory,
    pen: &mut Pen<'_>,
    area: Rect,
    line: UnsignedLine,
    index: usize,
) {
    let theme = pen.theme;
    let current = index == unsigned.list.cursor;
    let groups = &unsigned.groups;
    let range = unsigned.range == Some(index);
    let width = name_width(area.width);
    let (name, paths, size, added, row, marked) = match line {
        UnsignedLine::Group(at) => {
            let Some(group) = groups.get(at) else { return };
            let open = unsigned.open.contains(&group.top);
            let fold = if open { "▾" } else { "▸" };
            let others = group.rows.len().saturating_sub(1);
            let alone = group.kind == GroupKind::Closure && others == 0;
            let fold = if alone { " " } else { fold };
            let name = format!("{fold} {}", group_name(inventory, group));
            // A group is marked when all of it is; looking at the first few is enough for a sign on a line in view.
            let marked = group.rows.iter().take(64).all(|row| cx.marks.has(*row));
            (
                name,
                number(group.rows.len()),
                group.size,
                Some(group.registered),
                group.top,
                marked,
            )
        }
        UnsignedLine::Row(at, place) => {
            let Some(path) = groups
                .get(at)
                .and_then(|group| group.rows.get(place))
                .copied()
            else {
                return;
            };
            (
                format!("    {}", inventory.name(path)),
                String::new(),
                inventory.nar_size(path).unwrap_or(0),
                inventory.registered(path),
                path,
                cx.marks.has(path),
            )
        }
    };
    let style = if marked { theme.marked } else { theme.text };
    let name = cell(&name, width, Align::Middle);
    let lit = format!("{:<3}{}", signs(current, marked, range), name.trim_end());
    pen.text(area, area.x, area.y, &lit, style);
    let numbers = format!(
        "{} {} {}",
        cell(&paths, PATHS, Align::Right),
        cell(&text::size(size), SIZE, Align::Right),
        cell(&text::age(added, cx.now), AGE, Align::Right),
    );
    let x = pen.text(
        area,
        area.x + 3 + width as u16,
        area.y,
        &numbers,
        theme.text,
    );
    let needs_bad = match line {
        UnsignedLine::Group(at) => groups.get(at).is_some_and(|group| group.needs_bad),
        UnsignedLine::Row(..) => false,
    };
    let (word, style) = match inventory.trust(row) {
        Some(class) if needs_bad && class.refused() => ("needs a bad path", theme.critical),
        Some(_) if inventory.refused_for_its_address(row) => ("bad address", theme.critical),
        Some(TrustClass::Bad) => ("bad signature", theme.critical),
        Some(TrustClass::UnknownKey) => ("unknown key", theme.warning),
        Some(TrustClass::Unsigned) => ("unsigned", theme.text),
        // Signed since the groups were worked out.
        Some(_) => ("not any more", theme.dim),
        None => ("", theme.dim),
    };
    let x = pen.text(area, x + 2, area.y, word, style);
    if let Some(left) = words::left(cx, inventory, row) {
        pen.text(area, x, area.y, &format!(", {}", left.short()), theme.dim);
    }
    if current {
        pen.select(area);
    }
}
