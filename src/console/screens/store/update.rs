//! The rows that match: asked for when something changes what is searched, and taken in.

use super::Effect;
use super::state::{Answer, Store};
use crate::console::types::assessment::SpaceAssessment;
use crate::console::types::context::Context;
use crate::console::widgets::list::{List, Move, first_of, near};
use crate::inventory::{Query, Row, View};
use std::sync::Arc;

/// Asks for the rows that match now.
pub fn ask_view(
    store: &mut Store,
    cx: &mut Context,
    assessment: Option<Arc<SpaceAssessment>>,
) -> Option<Effect> {
    let words = format!("{} {}", store.filter, store.search.value());
    let query = match Query::parse(words.trim()) {
        Ok(query) => query,
        Err(error) => {
            store.query_error = Some(error.to_string());
            return None;
        }
    };
    store.query_error = None;
    let inventory = cx.data.inventory.clone()?;
    store.request_id = cx.next_number();
    Some(Effect::View {
        request_id: store.request_id,
        generation: cx.data.generation,
        inventory,
        query,
        sort: store.sort,
        hide_drv: !store.derivations,
        assessment,
    })
}

/// The search, the filter or the order is another one: the cursor goes to the top and the rows are asked for.
pub fn search_changed(
    store: &mut Store,
    cx: &mut Context,
    assessment: Option<Arc<SpaceAssessment>>,
) -> Option<Effect> {
    store.list = List::default();
    store.anchor = None;
    store.range = None;
    ask_view(store, cx, assessment)
}

/// The rows that match; says whether another search or order was asked for, so that nothing of the old list is expected under the
/// cursor.
pub fn view(store: &mut Store, cx: &Context, request_id: u64, generation: u64, view: View) -> bool {
    if request_id != store.request_id || generation != cx.data.generation {
        return false;
    }
    let fresh = store.anchor.is_none();
    // Where the cursor is on something already, it may be behind the first page.
    if view.partial && !fresh {
        return false;
    }
    let beside = near(store.list.cursor, store.rows.len());
    let wanted: Vec<Row> = store
        .anchor
        .into_iter()
        .chain(
            beside
                .filter_map(|at| store.rows.get(at).copied())
                .filter(|_| !fresh),
        )
        .collect();
    store.rows = view.rows;
    store.hidden = view.hidden_drv;
    store.answer = if view.partial {
        Answer::FirstPage
    } else {
        store.whole_id = request_id;
        Answer::Whole
    };
    // The cursor stays on its path. Looking for it is no key press, so that it may cost a pass over the rows.
    match first_of(&wanted, store.rows.iter().copied()) {
        Some(at) => {
            store.anchor = store.rows.get(at).copied();
            let above = store.list.cursor - store.list.top.min(store.list.cursor);
            store.list.cursor = at;
            store.list.top = at.saturating_sub(above);
        }
        None if store.list.cursor > 0 => {
            store.list.cursor = store.list.cursor.min(store.rows.len().saturating_sub(1));
            store.anchor = store.current_row();
        }
        None => store.anchor = None,
    }
    if fresh {
        store.anchor = store.current_row();
    }
    fresh
}

/// Steps in a list of so many rows in view.
pub fn step(store: &mut Store, step: Move, height: usize) {
    store.list.step(step, store.rows.len(), height);
    store.anchor = store.current_row();
}

/// Rows have other numbers now: what names them by number goes, but for the cursor's and the range's.
pub fn carry(store: &mut Store, carry: impl Fn(Row) -> Option<Row>) {
    let beside = near(store.list.cursor, store.rows.len());
    let beside = beside.filter_map(|at| store.rows.get(at).copied());
    store.anchor = store
        .anchor
        .and_then(|row| std::iter::once(row).chain(beside).find_map(&carry));
    store.range = store.range.and_then(carry);
    // Rows of another numbering must not be drawn, not even for a moment.
    store.rows = Arc::default();
    store.answer = Answer::None;
}
