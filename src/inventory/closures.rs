//! The closure sizes of all rows at once.
//!
//! In: references and sizes. Out: for each row the number of paths and the bytes of its closure.
//!
//! A walk for each row would see the common parts (libc, the compiler's libraries) again and again. Instead each row
//! picks one of its references as its *primary*, the one with the largest closure by estimate, which makes a forest;
//! the forest is walked in preorder with a set that holds the closure of the present row: going down to a row only
//! adds what its primary did not need, going back takes that out again. The result is exact whatever the choice, since
//! the closure of a row holds the closure of each of its references. Pieces of the preorder run in parallel, and each
//! starts afresh at the primary of its first row.

use super::Row;
use super::columns::Columns;
use super::graph::{PostOrder, RowSet, references};
use super::names::NO_ROW;
use rayon::prelude::*;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// Rows a piece: enough to share parts, few enough to spread over cores.
const PIECE: usize = 4096;

/// Paths and bytes of the closure of each row.
pub(super) struct Closures {
    paths: Vec<u32>,
    bytes: Vec<u64>,
}

impl Closures {
    pub(super) fn get(&self, row: Row) -> (usize, u64) {
        (self.paths[row as usize] as usize, self.bytes[row as usize])
    }

    /// Measures all; `None` when cancelled.
    pub(super) fn measure(columns: &Columns, rows: usize, cancel: &AtomicBool) -> Option<Self> {
        let primary = primaries(columns, rows, cancel)?;
        let preorder = preorder(&primary);
        let idle = Mutex::new(Vec::new());
        let pieces: Vec<Vec<(u32, u64)>> = preorder
            .par_chunks(PIECE)
            .map(|piece| {
                let take = || idle.lock().ok()?.pop();
                let mut walker = take().unwrap_or_else(|| Walker::new(columns, rows));
                let sizes = walker.piece(piece, &primary, cancel)?;
                if let Ok(mut idle) = idle.lock() {
                    idle.push(walker);
                }
                Some(sizes)
            })
            .collect::<Option<_>>()?;
        let mut paths = vec![0; rows];
        let mut bytes = vec![0; rows];
        for (row, (count, sum)) in preorder.iter().zip(pieces.into_iter().flatten()) {
            paths[*row as usize] = count;
            bytes[*row as usize] = sum;
        }
        Some(Self { paths, bytes })
    }
}

/// For each row the reference with the largest closure by estimate, among those that come before it in an order with
/// references first, so that following primaries always ends.
fn primaries(columns: &Columns, rows: usize, cancel: &AtomicBool) -> Option<Vec<Row>> {
    let mut primary = vec![NO_ROW; rows];
    // Number of ways down from a row, itself included; 0 where the order has not come to it yet.
    let mut weight = vec![0_u64; rows];
    let mut walk = PostOrder::new(columns, rows);
    for start in 0..rows as Row {
        if start.is_multiple_of(1024) && cancel.load(Ordering::Relaxed) {
            return None;
        }
        walk.walk(start, |row| {
            let mut sum = 1_u64;
            let mut best = (0, NO_ROW);
            for reference in references(columns, row).iter().filter(|r| **r != row) {
                let ways = weight[*reference as usize];
                sum = sum.saturating_add(ways);
                if ways > best.0 {
                    best = (ways, *reference);
                }
            }
            weight[row as usize] = sum;
            primary[row as usize] = best.1;
        });
    }
    Some(primary)
}

/// All rows, each after its primary and before anything that does not descend from the same one.
fn preorder(primary: &[Row]) -> Vec<Row> {
    let mut first = vec![NO_ROW; primary.len()];
    let mut sibling = vec![NO_ROW; primary.len()];
    let mut stack = Vec::new();
    for row in (0..primary.len()).rev() {
        match primary[row] {
            NO_ROW => stack.push(row as Row),
            parent => {
                sibling[row] = first[parent as usize];
                first[parent as usize] = row as Row;
            }
        }
    }
    let mut order = Vec::with_capacity(primary.len());
    while let Some(row) = stack.pop() {
        order.push(row);
        let mut child = first[row as usize];
        while child != NO_ROW {
            stack.push(child);
            child = sibling[child as usize];
        }
    }
    order
}

/// A row on the way down: where its part of the log begins, and the sums of its closure.
struct Step {
    row: Row,
    log: usize,
    paths: u32,
    bytes: u64,
}

struct Walker<'a> {
    columns: &'a Columns,
    /// The closure of the last of `steps`.
    inside: RowSet,
    /// The same rows in the order in which they came in, which is also the queue of the walk.
    log: Vec<Row>,
    steps: Vec<Step>,
}

impl<'a> Walker<'a> {
    fn new(columns: &'a Columns, rows: usize) -> Self {
        Self {
            columns,
            inside: RowSet::new(rows),
            log: Vec::new(),
            steps: Vec::new(),
        }
    }

    /// Measures a piece of the preorder; leaves the walker as it was found, unless cancelled.
    fn piece(
        &mut self,
        piece: &[Row],
        primary: &[Row],
        cancel: &AtomicBool,
    ) -> Option<Vec<(u32, u64)>> {
        let mut sizes = Vec::with_capacity(piece.len());
        for row in piece {
            if cancel.load(Ordering::Relaxed) {
                return None;
            }
            let parent = primary[*row as usize];
            while self.steps.last().is_some_and(|step| step.row != parent) {
                self.leave();
            }
            if self.steps.is_empty() && parent != NO_ROW {
                self.enter(parent);
            }
            sizes.push(self.enter(*row));
        }
        while !self.steps.is_empty() {
            self.leave();
        }
        Some(sizes)
    }

    fn enter(&mut self, row: Row) -> (u32, u64) {
        let (mut paths, mut bytes) = self
            .steps
            .last()
            .map_or((0, 0), |step| (step.paths, step.bytes));
        let log = self.log.len();
        if self.inside.insert(row) {
            self.log.push(row);
        }
        let mut next = log;
        while let Some(row) = self.log.get(next).copied() {
            next += 1;
            let (chunk, at) = self.columns.at(row);
            paths += 1;
            bytes = bytes.saturating_add(chunk.nar_size[at]);
            for reference in chunk.references.get(at) {
                if self.inside.insert(*reference) {
                    self.log.push(*reference);
                }
            }
        }
        self.steps.push(Step {
            row,
            log,
            paths,
            bytes,
        });
        (paths, bytes)
    }

    fn leave(&mut self) {
        if let Some(step) = self.steps.pop() {
            for row in self.log.drain(step.log..) {
                self.inside.remove(row);
            }
        }
    }
}
