//! Screen 2: every valid path.

use crate::console::screens::path::pane;
use crate::console::screens::store::state::{Answer, Store};
use crate::console::screens::{no_store, paragraph, say_nothing};
use crate::console::types::context::Context;
use crate::console::types::judged::Judged;
use crate::console::types::judged::Mark;
use crate::console::widgets::Pen;
use crate::console::widgets::columns::{Align, cell};
use crate::console::widgets::input;
use crate::console::widgets::layout;
use crate::console::widgets::list::signs;
use crate::console::widgets::pen::row;
use crate::console::widgets::text;
use crate::domain::TrustClass;
use crate::domain::count::number;
use crate::inventory::{Inventory, SortKey};
use ratatui::layout::Rect;

/// Widths of the columns behind the name.
const SIZE: usize = 8;
const CLOSURE: usize = 9;
const AGE: usize = 6;
/// Columns of what keeps a path.
const KEPT: usize = 4;
const TRUST: usize = 19;

/// Draws the screen.
pub fn draw(cx: &Context, store: &Store, judged: Option<&Judged>, pen: &mut Pen<'_>) {
    let areas = layout::lists(cx.size, true);
    draw_find(cx, store, pen, areas.find);
    if let Some((text, bad)) = no_store(cx) {
        let area = Rect::new(areas.list.x, areas.head.y, cx.size.0, areas.list.height);
        return say_nothing(pen, area, &text, bad);
    }
    let Some(inventory) = cx.data.inventory.clone() else {
        return;
    };
    draw_head(store, pen, areas.head);
    if store.rows.is_empty() {
        let text = if store.answer == Answer::None {
            "Looking through the store.".to_owned()
        } else if inventory.is_empty() {
            "The store is empty; builders upload with nix copy --to, and what they upload appears here.".to_owned()
        } else if store.search.value().is_empty() && store.filter.is_empty() {
            "The store has only derivations; D shows them.".to_owned()
        } else {
            "No path matches; esc clears the search, then the filter.".to_owned()
        };
        paragraph(pen, areas.list, &text, pen.theme.dim);
    }
    let height = usize::from(areas.list.height);
    for (y, index) in store.list.view(store.rows.len(), height).enumerate() {
        let line = row(areas.list, y as u16);
        draw_row(cx, store, judged, &inventory, pen, line, index);
    }
    if let Some(rule) = areas.rule {
        pen.rule(rule);
    }
    if let (Some(area), Some(current)) = (areas.pane, store.current_row()) {
        pane::draw(
            cx,
            judged,
            &inventory,
            pen,
            area,
            current,
            areas.rule.is_none(),
        );
    }
}

/// The search, the filter, and how much is shown of how much.
fn draw_find(cx: &Context, store: &Store, pen: &mut Pen<'_>, area: Rect) {
    let theme = pen.theme;
    let total = cx
        .data
        .inventory
        .as_ref()
        .map(|inventory| inventory.counts());
    let note = match (cx.data.note(cx.now), total) {
        (Some(note), _) => note,
        (None, Some(counts)) => {
            let hidden = store.hidden;
            let all = counts.paths.saturating_sub(hidden);
            let drv = if hidden > 0 {
                format!(" ({} .drv hidden)", number(hidden))
            } else {
                String::new()
            };
            let more = if store.answer == Answer::FirstPage {
                "+"
            } else {
                ""
            };
            let through = match cx.data.fallback {
                Some(_) => ", through the daemon",
                None => "",
            };
            let shown = number(store.rows.len());
            format!("{shown}{more} of {}{drv}{through}", number(all))
        }
        (None, None) => String::new(),
    };
    let inner = Rect::new(area.x, area.y, area.width.saturating_sub(1), area.height);
    let right = match &store.query_error {
        Some(error) => {
            let room = Rect::new(area.x, area.y, area.width.saturating_sub(1), area.height);
            let room = Rect::new(
                room.x + room.width / 3,
                room.y,
                room.width - room.width / 3,
                room.height,
            );
            pen.right(room, error, theme.critical)
        }
        None => pen.right(inner, &note, theme.dim),
    };
    let mut x = pen.text(area, area.x + 1, area.y, "find", theme.dim) + 1;
    if !store.filter.is_empty() {
        let filter = format!("[{}]", crate::console::widgets::pen::fit(&store.filter, 24));
        x = pen.text(area, x, area.y, &filter, theme.accent) + 1;
    }
    let room = Rect::new(x, area.y, right.saturating_sub(x + 2), area.height);
    if store.search.value().is_empty() && !store.searching {
        pen.line(
            room,
            if store.filter.is_empty() {
                "/ searches"
            } else {
                ""
            },
            theme.dim,
        );
    } else {
        input::draw(pen, room, &store.search, store.searching);
    }
}

fn name_width(width: u16) -> usize {
    let fixed = 3 + SIZE + 1 + CLOSURE + 1 + AGE + 1 + AGE + 1 + KEPT + 2 + TRUST;
    usize::from(width).saturating_sub(fixed)
}

fn draw_head(store: &Store, pen: &mut Pen<'_>, area: Rect) {
    let sort = store.sort;
    // The order is told by a sign in the head: down is the natural direction, up the reverse.
    let head = |key: SortKey, name: &str| {
        if sort.key == key {
            format!("{name}{}", if sort.reverse { '▴' } else { '▾' })
        } else {
            name.to_owned()
        }
    };
    let text = format!(
        "   {}{} {} {} {} {}  {}",
        cell(
            &head(SortKey::Name, "NAME"),
            name_width(area.width),
            Align::Left
        ),
        cell(&head(SortKey::Size, "SIZE"), SIZE, Align::Right),
        cell(&head(SortKey::Closure, "CLOSURE"), CLOSURE, Align::Right),
        cell(&head(SortKey::Added, "ADDED"), AGE, Align::Right),
        cell(&head(SortKey::Used, "USED"), AGE, Align::Right),
        "KEPT",
        cell(&head(SortKey::Trust, "TRUST"), TRUST, Align::Left),
    );
    pen.line(area, &text, pen.theme.heading);
}

fn draw_row(
    cx: &Context,
    store: &Store,
    judged: Option<&Judged>,
    inventory: &Inventory,
    pen: &mut Pen<'_>,
    area: Rect,
    at: usize,
) {
    let Some(path) = store.rows.get(at).copied() else {
        return;
    };
    let current = at == store.list.cursor;
    let theme = pen.theme;
    let marked = cx.marks.has(path);
    let width = name_width(area.width);
    let name = cell(inventory.name(path), width, Align::Middle);
    let style = if marked { theme.marked } else { theme.text };
    let signs = signs(current, marked, store.range == Some(path));
    let lit = format!("{signs:<3}{}", name.trim_end());
    pen.text(area, area.x, area.y, &lit, style);
    let size = inventory
        .nar_size(path)
        .map_or_else(|| "?".to_owned(), text::size);
    let closure = inventory
        .closure_size_known(path)
        .map_or_else(|| "?".to_owned(), |(_, bytes)| text::size(bytes));
    let used = judged
        .and_then(|judged| judged.used(path))
        .or_else(|| inventory.last_used(path));
    let numbers = format!(
        "{} {} {} {} ",
        cell(&size, SIZE, Align::Right),
        cell(&closure, CLOSURE, Align::Right),
        cell(
            &text::age(inventory.registered(path), cx.now),
            AGE,
            Align::Right
        ),
        cell(&text::age(used, cx.now), AGE, Align::Right),
    );
    let x = pen.text(
        area,
        area.x + 3 + width as u16,
        area.y,
        &numbers,
        theme.text,
    );
    let mark = judged.and_then(|judged| judged.mark(path));
    let kept = mark.map_or("?", Mark::word);
    let style = match mark {
        Some(Mark::Pinned) => theme.accent,
        Some(Mark::Live) => theme.text,
        Some(Mark::Dead) | None => theme.dim,
    };
    let x = pen.text(area, x, area.y, &cell(kept, KEPT, Align::Left), style);
    let refused = inventory.trust(path).is_some_and(TrustClass::refused);
    let (word, style) = match text::trust_of(inventory, path) {
        Some(word) if refused => (word, theme.critical),
        Some(word) => (word, theme.text),
        None if inventory.problem(path).is_some() => ("unreadable", theme.warning),
        None => ("…", theme.dim),
    };
    pen.text(area, x + 2, area.y, word, style);
    if current {
        pen.select(area);
    }
}
