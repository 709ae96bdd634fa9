//! Where the parts of screen 5 are, for a size of the terminal and a state of its form.

use crate::console::screens::space::form::{Field, Form};
use crate::console::screens::space::state::{Space, View};
use crate::console::widgets::layout::{self, WIDE};
use ratatui::layout::Rect;

/// Columns of a value of the form that are shown; what is longer scrolls.
const VALUE: usize = 8;
/// Rows of the details below the list of roots.
const PANE: u16 = 5;
/// Below this height there is no room for them.
const PANE_FROM: u16 = 20;

/// The parts.
#[derive(Debug, Clone, Copy)]
pub struct Areas {
    /// How full, how much is dead.
    pub head: Rect,
    /// The names of the views.
    pub views: Rect,
    /// The form, of the planner.
    pub form: Rect,
    /// What the plan takes.
    pub takes: Rect,
    /// Column heads.
    pub columns: Rect,
    pub list: Rect,
    /// What is kept.
    pub foot: Rect,
    /// A line between the list and the details below it.
    pub rule: Option<Rect>,
    /// Details of what is under the cursor.
    pub pane: Option<Rect>,
}

/// The columns that a value of the form takes, without its brackets.
pub fn value_width(form: &Form, field: Field) -> usize {
    let typed = form.input(field).value().chars().count();
    // One more for the cursor.
    let room = typed + usize::from(form.focus == Some(field));
    room.clamp(1, VALUE)
}

/// The fields of each row of the form.
pub fn form_rows(form: &Form, width: u16) -> Vec<Vec<Field>> {
    let width = usize::from(width).saturating_sub(2);
    let mut rows: Vec<Vec<Field>> = vec![vec![]];
    let mut used = 0;
    for field in Field::ALL {
        let needs = field.label().len() + 1 + value_width(form, field) + 2;
        if used > 0 && used + 2 + needs > width {
            rows.push(vec![]);
            used = 0;
        }
        used += needs + if used > 0 { 2 } else { 0 };
        if let Some(row) = rows.last_mut() {
            row.push(field);
        }
    }
    rows
}

/// Cuts the body.
pub fn areas(size: (u16, u16), space: &Space) -> Areas {
    let body = layout::areas(size).body;
    let bottom = body.bottom();
    let plan = space.view == View::Plan;
    let details = matches!(space.view, View::Roots | View::Heaviest);
    let beside = size.0 >= WIDE && space.view != View::Growth;
    let below = details && !beside && size.1 >= PANE_FROM;
    let pane_width = if beside { (body.width / 3).min(72) } else { 0 };
    let width = body.width - pane_width - u16::from(beside);
    let at = |y: u16, width: u16, height: u16| {
        let y = (body.y + y).min(bottom);
        Rect::new(body.x, y, width, height.min(bottom - y))
    };
    let form = if plan {
        form_rows(&space.form, body.width).len() as u16
    } else {
        0
    };
    let takes = u16::from(plan);
    let foot = u16::from(plan).min(body.height);
    let first = 2 + form + takes + 1;
    let pane_rows = if below { PANE + 1 } else { 0 };
    let rows = body
        .height
        .saturating_sub(first + foot)
        .saturating_sub(pane_rows);
    let list = at(first, width, rows);
    Areas {
        head: at(0, body.width, 1),
        views: at(1, body.width, 1),
        form: at(2, body.width, form),
        takes: at(2 + form, body.width, takes),
        columns: at(2 + form + takes, width, 1),
        list,
        foot: Rect::new(body.x, bottom - foot, body.width, foot),
        rule: below.then(|| Rect::new(body.x, list.bottom(), body.width, 1)),
        pane: if beside {
            let y = (body.y + 2 + form + takes).min(bottom);
            let pane = Rect::new(
                body.x + width + 1,
                y,
                pane_width,
                bottom.saturating_sub(y + foot),
            );
            Some(pane)
        } else {
            below.then(|| Rect::new(body.x, list.bottom() + 1, body.width, PANE))
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_part_lies_within_the_body(width in 0u16..300, height in 4u16..100, view in 0usize..4) {
            let space = Space { view: View::ALL[view], ..Space::default() };
            let areas = areas((width, height), &space);
            let body = layout::areas((width, height)).body;
            let some = [areas.rule, areas.pane].into_iter().flatten();
            for part in [areas.head, areas.views, areas.form, areas.takes, areas.columns, areas.list, areas.foot].into_iter().chain(some) {
                prop_assert!(part.bottom() <= body.bottom() && part.right() <= body.right(), "{:?} in {:?}", part, body);
            }
        }
    }
}
