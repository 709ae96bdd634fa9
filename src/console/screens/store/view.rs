//! Screen 2: every valid path.

use crate::console::screens::path::pane;
use crate::console::screens::store::state::{Answer, Store};
use crate::console::screens::{no_store, paragraph, say_nothing};
use crate::console::types::action::Act;
use crate::console::types::assessment::Mark;
use crate::console::types::assessment::SpaceAssessment;
use crate::console::types::column::{Column, Spec};
use crate::console::types::context::Context;
use crate::console::widgets::Pen;
use crate::console::widgets::columns::{Align, cell};
use crate::console::widgets::input;
use crate::console::widgets::layout;
use crate::console::widgets::list::signs;
use crate::console::widgets::pen::row;
use crate::console::widgets::text;
use crate::console::widgets::theme::Theme;
use crate::domain::TrustClass;
use crate::domain::count::number;
use crate::inventory::{Inventory, Row};
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

/// Terminal columns of cursor, mark and range, before the name.
const SIGNS: usize = 3;

/// Draws the screen.
pub fn draw(cx: &Context, store: &Store, assessment: Option<&SpaceAssessment>, pen: &mut Pen<'_>) {
    let areas = layout::lists(cx.size, true);
    draw_find(cx, store, pen, areas.find);
    if let Some((text, bad)) = no_store(cx) {
        let area = Rect::new(areas.list.x, areas.head.y, cx.size.0, areas.list.height);
        return say_nothing(pen, area, &text, bad);
    }
    let Some(inventory) = cx.data.inventory.clone() else {
        return;
    };
    draw_head(cx, store, pen, areas.head);
    if store.rows.is_empty() {
        let text = if store.answer == Answer::None {
            "Looking through the store.".to_owned()
        } else if inventory.is_empty() {
            "The store is empty; storekeeper push, or nix-copy-closure --to on a builder, fills it."
                .to_owned()
        } else if store.search.value().is_empty() && store.filter.is_empty() {
            format!(
                "The store has only derivations; {} shows them.",
                cx.keymap.names(Act::Derivations)
            )
        } else {
            "No path matches; esc clears the search, then the filter.".to_owned()
        };
        paragraph(pen, areas.list, &text, pen.theme.dim);
    }
    let height = usize::from(areas.list.height);
    for (y, index) in store.list.view(store.rows.len(), height).enumerate() {
        let line = row(areas.list, y as u16);
        draw_row(cx, store, assessment, &inventory, pen, line, index);
    }
    if let Some(rule) = areas.rule {
        pen.rule(rule);
    }
    if let (Some(area), Some(current)) = (areas.pane, store.current_row()) {
        pane::draw(
            cx,
            assessment,
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

/// The heads. The letter that sorts by a column is underlined in it, as far as its key is one.
fn draw_head(cx: &Context, store: &Store, pen: &mut Pen<'_>, area: Rect) {
    let theme = pen.theme;
    let sort = store.sort;
    let (shown, name) = store.columns.fit(usize::from(area.width), SIGNS);
    // All of the row, also where no head is.
    pen.line(area, &" ".repeat(usize::from(area.width)), theme.heading);
    let mut x = area.x + SIGNS as u16;
    for spec in shown {
        let (width, align) = place(spec, name);
        // The order is shown by a sign in the head: down is the natural direction, up the reverse.
        let sign = match spec.sort {
            Some(key) if key == sort.key && sort.reverse => "▴",
            Some(key) if key == sort.key => "▾",
            _ => "",
        };
        let head = cell(&format!("{}{sign}", spec.head), width, align);
        x += spec.gap as u16;
        pen.text(area, x, area.y, &head, theme.heading);
        let key = spec.sort.and_then(|key| {
            let key = cx.keymap.keys(Act::SortBy(key)).first()?.typed()?;
            head.find(key).map(|at| (at, key))
        });
        if let Some((at, key)) = key {
            let style = theme.key.add_modifier(Modifier::UNDERLINED);
            let style = style.remove_modifier(Modifier::DIM);
            pen.text(area, x + at as u16, area.y, &key.to_string(), style);
        }
        x += width as u16;
    }
}

/// How wide a column is, and on which side its text is.
fn place(spec: &Spec, name: usize) -> (usize, Align) {
    match spec.column {
        Column::Name => (name, Align::Left),
        Column::Size | Column::Closure | Column::Added | Column::Used | Column::Referrers => {
            (spec.width, Align::Right)
        }
        Column::Kept | Column::Trust => (spec.width, Align::Left),
    }
}

fn draw_row(
    cx: &Context,
    store: &Store,
    assessment: Option<&SpaceAssessment>,
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
    let (shown, width) = store.columns.fit(usize::from(area.width), SIGNS);
    let name = cell(inventory.name(path), width, Align::Middle);
    let style = if marked { theme.marked } else { theme.text };
    let signs = signs(current, marked, store.range == Some(path));
    let lit = format!("{signs:<SIGNS$}{}", name.trim_end());
    pen.text(area, area.x, area.y, &lit, style);
    let mut x = area.x + (SIGNS + width) as u16;
    for spec in shown.into_iter().skip(1) {
        let (text, style) = value(cx, assessment, inventory, theme, path, spec.column);
        let (width, align) = place(spec, width);
        x += spec.gap as u16;
        let text = cell(&text, width, align);
        let last = spec.column == Column::Trust;
        let text = if last { text.trim_end() } else { &text };
        pen.text(area, x, area.y, text, style);
        x += width as u16;
    }
    if current {
        pen.select(area);
    }
}

/// What a column says of a path.
fn value(
    cx: &Context,
    assessment: Option<&SpaceAssessment>,
    inventory: &Inventory,
    theme: &Theme,
    path: Row,
    column: Column,
) -> (String, Style) {
    let unknown = || "?".to_owned();
    match column {
        Column::Name => (inventory.name(path).to_owned(), theme.text),
        Column::Size => {
            let size = inventory.nar_size(path);
            (size.map_or_else(unknown, text::size), theme.text)
        }
        Column::Closure => {
            let size = inventory.closure_size_known(path);
            let size = size.map_or_else(unknown, |(_, bytes)| text::size(bytes));
            (size, theme.text)
        }
        Column::Added => (text::age(inventory.registered(path), cx.now), theme.text),
        Column::Used => {
            let used = assessment
                .and_then(|assessment| assessment.used(path))
                .or_else(|| inventory.last_used(path));
            (text::age(used, cx.now), theme.text)
        }
        Column::Kept => {
            let mark = assessment.and_then(|assessment| assessment.mark(path));
            let style = match mark {
                Some(Mark::Pinned) => theme.accent,
                Some(Mark::Live) => theme.text,
                Some(Mark::Dead) | None => theme.dim,
            };
            (mark.map_or("?", Mark::word).to_owned(), style)
        }
        Column::Referrers => {
            // One that refers to itself is no other.
            let own = inventory.references(path).contains(&path);
            let others = inventory
                .referrers(path)
                .len()
                .saturating_sub(usize::from(own));
            (number(others), theme.text)
        }
        Column::Trust => {
            let refused = inventory.trust(path).is_some_and(TrustClass::refused);
            let (word, style) = match text::trust_of(inventory, path) {
                Some(word) if refused => (word, theme.critical),
                Some(word) => (word, theme.text),
                None if inventory.problem(path).is_some() => ("unreadable", theme.warning),
                None => ("…", theme.dim),
            };
            (word.to_owned(), style)
        }
    }
}
