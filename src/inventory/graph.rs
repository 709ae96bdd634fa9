//! Who refers to whom.
//!
//! In: the references column. Out: its transposition (the referrers), and walks: closure, shortest chain, topological
//! order. Nothing recurses and nothing relies on the graph being free of cycles, since the server's word makes it.

use super::Row;
use super::closures::Closures;
use super::columns::Columns;
use super::names::NO_ROW;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// What follows from all references together. Shared by snapshots until a reference or a size changes.
pub(super) struct Graph {
    /// Where the referrers of each row begin, and at last where all end.
    starts: Vec<u32>,
    referrers: Vec<Row>,
    pub(super) closures: OnceLock<Closures>,
    /// Paths and bytes of single closures, while not all of them are known. As many as rows were looked at.
    few: Mutex<HashMap<Row, (usize, u64)>>,
}

impl Graph {
    /// Transposes the references: a counting sort, one pass to count and one to fill.
    pub(super) fn new(columns: &Columns, rows: usize) -> Self {
        // What a store may take of memory keeps the number of its references far below 2^32.
        let mut starts = vec![0_u32; rows + 1];
        for row in 0..rows as Row {
            for reference in references(columns, row) {
                starts[*reference as usize] += 1;
            }
        }
        let mut end = 0;
        for start in &mut starts {
            end += *start;
            *start = end;
        }
        // Filled from the end, each row's end becomes its beginning.
        let mut referrers = vec![0; end as usize];
        for row in (0..rows as Row).rev() {
            for reference in references(columns, row) {
                let slot = &mut starts[*reference as usize];
                *slot -= 1;
                referrers[*slot as usize] = row;
            }
        }
        Self {
            starts,
            referrers,
            closures: OnceLock::new(),
            few: Mutex::default(),
        }
    }

    /// Held for a look-up or an insertion, never for a walk.
    pub(super) fn few(&self) -> MutexGuard<'_, HashMap<Row, (usize, u64)>> {
        self.few.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn referrers(&self, row: Row) -> &[Row] {
        let row = row as usize;
        &self.referrers[self.starts[row] as usize..self.starts[row + 1] as usize]
    }
}

/// The references of a row.
pub(super) fn references(columns: &Columns, row: Row) -> &[Row] {
    let (chunk, at) = columns.at(row);
    chunk.references.get(at)
}

/// A set of rows, one bit each.
#[derive(Clone)]
pub(super) struct RowSet(Vec<u64>);

impl RowSet {
    pub(super) fn new(rows: usize) -> Self {
        Self(vec![0; rows.div_ceil(64)])
    }

    /// Whether the row was not in it before.
    pub(super) fn insert(&mut self, row: Row) -> bool {
        let word = &mut self.0[row as usize / 64];
        let bit = 1 << (row % 64);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    pub(super) fn remove(&mut self, row: Row) {
        self.0[row as usize / 64] &= !(1 << (row % 64));
    }

    pub(super) fn contains(&self, row: Row) -> bool {
        self.0[row as usize / 64] & (1 << (row % 64)) != 0
    }

    /// The rows in it, in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Row> {
        self.0.iter().enumerate().flat_map(|(at, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = left.trailing_zeros();
                // Takes the lowest bit away.
                left &= left.wrapping_sub(1);
                (bit < 64).then(|| (at * 64) as Row + bit)
            })
        })
    }
}

/// The closure of some rows, each row once, in the order of a breadth-first walk.
pub(super) fn closure(columns: &Columns, rows: usize, starts: &[Row]) -> Vec<Row> {
    let mut seen = RowSet::new(rows);
    let starts = starts.iter().copied();
    let mut found: Vec<Row> = starts.filter(|row| seen.insert(*row)).collect();
    let mut next = 0;
    while let Some(row) = found.get(next).copied() {
        next += 1;
        for reference in references(columns, row) {
            if seen.insert(*reference) {
                found.push(*reference);
            }
        }
    }
    found
}

/// The shortest chain between two rows; of several the first in the order of references.
pub(super) fn why_depends(columns: &Columns, from: Row, to: Row) -> Option<Vec<Row>> {
    let mut before = HashMap::from([(from, NO_ROW)]);
    let mut queue = VecDeque::from([from]);
    while let Some(row) = queue.pop_front() {
        if row == to {
            let mut chain = vec![to];
            let mut at = to;
            while let Some(&row) = before.get(&at).filter(|row| **row != NO_ROW) {
                chain.push(row);
                at = row;
            }
            chain.reverse();
            return Some(chain);
        }
        for reference in references(columns, row) {
            before.entry(*reference).or_insert_with(|| {
                queue.push_back(*reference);
                row
            });
        }
    }
    None
}

/// A depth-first walk that hands out rows when all that they refer to has been handed out.
pub(super) struct PostOrder<'a> {
    columns: &'a Columns,
    seen: RowSet,
    stack: Vec<(Row, usize)>,
}

impl<'a> PostOrder<'a> {
    pub(super) fn new(columns: &'a Columns, rows: usize) -> Self {
        Self {
            columns,
            seen: RowSet::new(rows),
            stack: Vec::new(),
        }
    }

    /// Walks what can be reached from a row and has not been seen yet.
    pub(super) fn walk(&mut self, start: Row, mut found: impl FnMut(Row)) {
        if !self.seen.insert(start) {
            return;
        }
        self.stack.push((start, 0));
        while let Some((row, next)) = self.stack.last_mut() {
            let Some(reference) = references(self.columns, *row).get(*next) else {
                found(*row);
                self.stack.pop();
                continue;
            };
            *next += 1;
            if self.seen.insert(*reference) {
                self.stack.push((*reference, 0));
            }
        }
    }
}

/// The given rows, references before what refers to them, also where the way between two leads through others.
pub(super) fn order_references_first(columns: &Columns, rows: usize, wanted: &[Row]) -> Vec<Row> {
    let mut set = RowSet::new(rows);
    for row in wanted {
        set.insert(*row);
    }
    let mut walk = PostOrder::new(columns, rows);
    let mut ordered = Vec::with_capacity(wanted.len());
    for row in wanted {
        walk.walk(*row, |row| {
            if set.contains(row) {
                ordered.push(row);
            }
        });
    }
    ordered
}
