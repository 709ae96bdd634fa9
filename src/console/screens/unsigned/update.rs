//! What is refused: asked for when the store is another, and taken in; groups that open and close.

use super::Effect;
use super::state::{Found, Unsigned, UnsignedLine};
use crate::console::types::context::Context;
use crate::console::widgets::list::{Move, first_of};
use crate::inventory::{Inventory, Row};
use std::sync::Arc;

/// Asks what is refused.
pub fn ask_groups(unsigned: &mut Unsigned, cx: &mut Context, inventory: Arc<Inventory>) -> Effect {
    unsigned.request_id = cx.next_number();
    Effect::Group {
        request_id: unsigned.request_id,
        generation: cx.data.generation,
        inventory,
        compromised: cx
            .facts
            .as_ref()
            .map_or_else(Vec::new, |facts| facts.keys.compromised().to_vec()),
    }
}

/// What is refused, and how far each key has got.
pub fn groups(
    unsigned: &mut Unsigned,
    cx: &Context,
    request_id: u64,
    generation: u64,
    found: Found,
) {
    if request_id != unsigned.request_id || generation != cx.data.generation {
        return;
    }
    let groups = found.groups;
    let newest = groups.iter().map(|group| group.registered).max();
    unsigned.ages = newest.zip(groups.iter().map(|group| group.oldest).min());
    unsigned.groups = groups.into();
    unsigned.coverage = found.coverage;
    unsigned.refusals = found.refusals;
    unsigned.compromised = found.compromised;
    unsigned.answered = true;
    unsigned.whole_id = request_id;
    unsigned.range = None;
    make_lines(unsigned);
    let subjects = unsigned.lines.iter().map(|line| unsigned.subject(*line));
    let wanted: Vec<_> = unsigned.anchors.iter().copied().map(Some).collect();
    if let Some(at) = first_of(&wanted, subjects) {
        unsigned.list.cursor = at;
    }
    unsigned.note_cursor();
}

fn make_lines(unsigned: &mut Unsigned) {
    unsigned.lines.clear();
    for (at, group) in unsigned.groups.iter().enumerate() {
        unsigned.lines.push(UnsignedLine::Group(at));
        if unsigned.open.contains(&group.top) {
            let rows = 0..group.rows.len();
            unsigned
                .lines
                .extend(rows.map(|row| UnsignedLine::Row(at, row)));
        }
    }
}

/// Opens or closes the group under the cursor.
pub fn fold(unsigned: &mut Unsigned, wanted: bool) {
    let (group, of_row) = match unsigned.current() {
        Some(UnsignedLine::Group(group)) => (group, false),
        Some(UnsignedLine::Row(group, _)) => (group, true),
        None => return,
    };
    if of_row && wanted {
        return;
    }
    let Some(top) = unsigned.groups.get(group).map(|group| group.top) else {
        return;
    };
    if wanted {
        unsigned.open.insert(top);
    } else {
        unsigned.open.remove(&top);
    }
    make_lines(unsigned);
    // A closed group takes the cursor that was inside of it.
    let head = |line: &UnsignedLine| matches!(line, UnsignedLine::Group(own) if *own == group);
    if let Some(at) = unsigned.lines.iter().position(head) {
        unsigned.list.cursor = at;
    }
    unsigned.note_cursor();
}

/// To the head of a group, or to one of its paths, for which it is opened if that is wanted.
pub fn go_to(unsigned: &mut Unsigned, group: usize, row: Option<usize>, open: bool) {
    let Some(top) = unsigned.groups.get(group).map(|group| group.top) else {
        return;
    };
    if open && row.is_some() && unsigned.open.insert(top) {
        make_lines(unsigned);
    }
    let row = row.filter(|_| unsigned.open.contains(&top));
    let wanted = row.map_or(UnsignedLine::Group(group), |row| {
        UnsignedLine::Row(group, row)
    });
    if let Some(at) = unsigned.lines.iter().position(|line| *line == wanted) {
        unsigned.list.cursor = at;
    }
    unsigned.note_cursor();
}

/// Steps in a list of so many rows in view.
pub fn step(unsigned: &mut Unsigned, step: Move, height: usize) {
    let rows = unsigned.lines.len();
    unsigned.list.step(step, rows, height);
    unsigned.note_cursor();
}

/// Rows have other numbers now: what names them by number goes, but for the cursor's and the open groups'.
pub fn carry(unsigned: &mut Unsigned, carry: impl Fn(Row) -> Option<Row>) {
    let anchors = unsigned.anchors.iter();
    unsigned.anchors = anchors
        .filter_map(|(top, row)| match row {
            Some(row) => Some((carry(*top)?, Some(carry(*row)?))),
            None => Some((carry(*top)?, None)),
        })
        .collect();
    unsigned.open = unsigned.open.iter().copied().filter_map(carry).collect();
    // Rows of another numbering must not be drawn, not even for a moment.
    unsigned.groups = Arc::default();
    unsigned.lines.clear();
    unsigned.answered = false;
}
