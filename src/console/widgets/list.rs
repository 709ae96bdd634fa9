//! Where a list is: its cursor and its first row in view.
//!
//! In: moves, the number of rows and the height of the view. Out: the range of rows to draw. Only those are ever
//! looked at. At an edge the view goes on by half a page: a slow link then repaints once in many steps.

use std::ops::Range;

/// The state of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct List {
    /// The row that keys act on.
    pub cursor: usize,
    /// The first row in view.
    pub top: usize,
}

/// A step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// One row.
    Down,
    /// One row.
    Up,
    /// A view's height.
    PageDown,
    /// A view's height.
    PageUp,
    /// Half a view's height.
    HalfDown,
    /// Half a view's height.
    HalfUp,
    /// To the first row.
    First,
    /// To the last row.
    Last,
}

impl List {
    pub fn step(&mut self, step: Move, rows: usize, height: usize) {
        let last = rows.saturating_sub(1);
        let page = height.saturating_sub(1).max(1);
        self.cursor = match step {
            Move::Down => self.cursor + 1,
            Move::Up => self.cursor.saturating_sub(1),
            Move::PageDown => self.cursor.saturating_add(page),
            Move::PageUp => self.cursor.saturating_sub(page),
            Move::HalfDown => self.cursor.saturating_add(half(height)),
            Move::HalfUp => self.cursor.saturating_sub(half(height)),
            Move::First => 0,
            Move::Last => last,
        };
        self.clamp(rows, height);
    }

    /// Brings the cursor back among the rows and the view back to the cursor.
    pub fn clamp(&mut self, rows: usize, height: usize) {
        let height = height.max(1);
        self.cursor = self.cursor.min(rows.saturating_sub(1));
        let half = height / 2;
        if self.cursor < self.top {
            self.top = if self.cursor + 1 == self.top {
                self.top.saturating_sub(half.max(1))
            } else {
                self.cursor
            };
        } else if self.cursor >= self.top + height {
            self.top = if self.cursor == self.top + height {
                self.top + half.max(1)
            } else {
                self.cursor + 1 - height
            };
        }
        self.top = self.top.min(rows.saturating_sub(height));
    }

    /// The rows in view.
    pub fn view(&self, rows: usize, height: usize) -> Range<usize> {
        let top = self.top.min(rows);
        top..rows.min(top + height)
    }
}

/// Half a view, in rows; at least one.
pub const fn half(height: usize) -> usize {
    if height > 3 { height / 2 } else { 1 }
}

/// How many rows on either side of the cursor it may go to when its own has gone.
const NEIGHBOURS: usize = 16;

/// Where the cursor may go when the list changes: its own place, those after it, those before it, each nearest first.
pub fn near(cursor: usize, rows: usize) -> impl Iterator<Item = usize> {
    let after = cursor..rows.min(cursor.saturating_add(NEIGHBOURS + 1));
    let before = cursor.saturating_sub(NEIGHBOURS)..cursor.min(rows);
    after.chain(before.rev())
}

/// The place of the first of `wanted` that a list has; one pass over the list.
pub fn first_of<T: PartialEq>(wanted: &[T], list: impl Iterator<Item = T>) -> Option<usize> {
    let mut best: Option<(usize, usize)> = None;
    for (place, item) in list.enumerate() {
        let rank = wanted.iter().position(|own| *own == item);
        if let Some(rank) = rank.filter(|rank| best.is_none_or(|(least, _)| *rank < least)) {
            best = Some((rank, place));
            if rank == 0 {
                break;
            }
        }
    }
    best.map(|(_, place)| place)
}

/// Cursor, mark, and the start of a range, in three columns.
pub fn signs(current: bool, marked: bool, range: bool) -> &'static str {
    match (current, marked, range) {
        (true, true, _) => ">x",
        (true, false, _) => ">",
        (false, true, _) => " x",
        (false, false, true) => " v",
        (false, false, false) => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn half_a_page_at_the_edge() {
        let mut list = List { cursor: 9, top: 0 };
        list.step(Move::Down, 100, 10);
        assert_eq!(list, List { cursor: 10, top: 5 });
        list.step(Move::Last, 100, 10);
        assert_eq!(
            list,
            List {
                cursor: 99,
                top: 90
            }
        );
        list.cursor = 90;
        list.step(Move::Up, 100, 10);
        assert_eq!(
            list,
            List {
                cursor: 89,
                top: 85
            }
        );
        list.step(Move::First, 100, 10);
        assert_eq!(list, List::default());
        list.step(Move::HalfDown, 100, 10);
        list.step(Move::HalfDown, 100, 10);
        list.step(Move::HalfUp, 100, 10);
        assert_eq!(list.cursor, 5);
    }

    #[test]
    fn the_nearest_that_is_still_there() {
        let wanted: Vec<char> = near(2, 5)
            .filter_map(|at| "abcde".chars().nth(at))
            .collect();
        assert_eq!(wanted, ['c', 'd', 'e', 'b', 'a']);
        assert_eq!(first_of(&wanted, "xabc".chars()), Some(3));
        assert_eq!(first_of(&wanted, "xbade".chars()), Some(3));
        assert_eq!(first_of(&wanted, "ab".chars()), Some(1));
        assert_eq!(first_of(&wanted, "xyz".chars()), None);
        assert_eq!(near(0, 0).count(), 0);
    }

    proptest! {
        #[test]
        fn the_cursor_stays_in_view(steps in proptest::collection::vec((0usize..8, 0usize..40, 0usize..12), 0..60)) {
            let mut list = List::default();
            for (step, rows, height) in steps {
                let step = [Move::Down, Move::Up, Move::PageDown, Move::PageUp, Move::First, Move::Last, Move::HalfDown, Move::HalfUp][step];
                list.step(step, rows, height);
                let view = list.view(rows, height.max(1));
                prop_assert!(rows == 0 || view.contains(&list.cursor));
                prop_assert!(view.end <= rows);
            }
        }
    }
}
