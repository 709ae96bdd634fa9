//! Where the list is that the cursor is in, and how many rows it has.

use crate::console::app::layer::Layer;
use crate::console::app::model::Model;
use crate::console::screens::overview::first::First;
use crate::console::screens::overview::view as overview;
use crate::console::screens::space::areas as space;
use crate::console::types::screen::Screen;
use crate::console::widgets::choice;
use crate::console::widgets::layout::{WIDE, areas, lists};
use crate::console::widgets::list::List;
use crate::domain::installable::Installable;
use ratatui::layout::Rect;

/// The line of the list that has the keys which is at a place of the screen, and that list.
pub fn line_at(model: &Model, column: u16, row: u16) -> Option<(usize, List)> {
    let (area, list, rows) = list_area(model)?;
    if !area.contains((column, row).into()) {
        return None;
    }
    let mut at = usize::from(row - area.y);
    if list.top == 0 && model.screen == Screen::Overview && model.layers.is_empty() {
        // What is below the first line belongs to it.
        at = at.saturating_sub(first_line(model).rows.len());
    }
    let line = list.top + at;
    (line < rows).then_some((line, list))
}

fn first_line(model: &Model) -> First {
    overview::first_line(&overview::lines(&model.inputs()), areas(model.cx.size).body)
}

/// Where the list is that has the keys, how it is scrolled, and how many rows it has; `None` where there is none.
fn list_area(model: &Model) -> Option<(Rect, List, usize)> {
    let size = model.cx.size;
    match model.layers.last() {
        None => {}
        Some(Layer::Servers(list)) => {
            let rows = model.servers.len();
            return Some((choice::rows(size, rows), *list, rows));
        }
        Some(Layer::Clients(clients)) => {
            let rows = clients.all.len();
            return Some((choice::rows(size, rows), clients.list, rows));
        }
        Some(Layer::SigningKeys(keys)) => {
            let rows = keys.all.len();
            return Some((choice::rows(size, rows), keys.list, rows));
        }
        Some(Layer::Waiting(waiting)) => {
            let rows = waiting.all.len();
            return Some((choice::rows(size, rows), waiting.list, rows));
        }
        Some(Layer::Installed(installed)) => {
            let rows = Installable::ALL.len();
            return Some((choice::rows(size, rows), installed.list, rows));
        }
        Some(_) => return None,
    }
    let body = areas(size).body;
    if let Some(page) = model.page() {
        let inventory = model.cx.data.inventory.as_deref()?;
        return Some((body, page.list, page.len(inventory)));
    }
    Some(match model.screen {
        Screen::Access if model.access.card.is_some() => return None,
        Screen::Overview => overview_area(model),
        Screen::Store => (
            lists(size, true).list,
            model.store.list,
            model.store.rows.len(),
        ),
        Screen::Unsigned => {
            let area = lists(size, size.0 >= WIDE).list;
            (area, model.unsigned.list, model.unsigned.lines.len())
        }
        Screen::Access => {
            let rows = model.access.known.as_ref().map_or(0, |known| known.len());
            (lists(size, true).list, model.access.list, rows)
        }
        Screen::Space => {
            let area = space::areas(size, &model.space).list;
            (area, *model.space.list(), model.space.rows())
        }
        Screen::Activity => {
            let area = lists(size, false).list;
            (area, model.activity.list, model.activity_rows())
        }
    })
}

/// The checks of the overview: as many as there is room for, the cursor among them.
fn overview_area(model: &Model) -> (Rect, List, usize) {
    let body = areas(model.cx.size).body;
    let lines = overview::lines(&model.inputs());
    let rows = lines.len();
    let first = overview::first_line(&lines, body);
    let most = overview::most(body, &first);
    let cursor = model.overview.list.cursor;
    let list = List {
        cursor,
        top: (cursor + 1).saturating_sub(most),
    };
    let mut height = most.min(rows - list.top.min(rows));
    if list.top == 0 {
        height += first.rows.len();
    }
    let area = Rect::new(body.x, body.y, body.width, height as u16);
    (area.intersection(body), list, rows)
}

/// Rows of the list that the cursor is in.
pub fn list_height(model: &Model) -> usize {
    let height = if model.page().is_some() {
        areas(model.cx.size).body.height
    } else {
        match model.screen {
            Screen::Access if model.access.card.is_some() => areas(model.cx.size).body.height,
            Screen::Store | Screen::Access => lists(model.cx.size, true).list.height,
            Screen::Space => space::areas(model.cx.size, &model.space).list.height,
            Screen::Unsigned | Screen::Activity => lists(model.cx.size, false).list.height,
            Screen::Overview => areas(model.cx.size).body.height,
        }
    };
    usize::from(height)
}
