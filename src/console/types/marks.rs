//! The marked rows.
//!
//! In: rows of the present inventory. Out: a set that a million rows fit in without being felt, with its number and size.

use crate::inventory::{Inventory, Row};

/// A set of rows, one bit each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    bits: Vec<u64>,
    count: usize,
    bytes: u64,
}

impl Marks {
    /// Whether a row is marked.
    pub fn has(&self, row: Row) -> bool {
        let (word, bit) = place(row);
        self.bits.get(word).is_some_and(|bits| bits & bit != 0)
    }

    /// Marks a row.
    pub fn add(&mut self, inventory: &Inventory, row: Row) {
        let (word, bit) = place(row);
        if word >= self.bits.len() {
            self.bits.resize(word + 1, 0);
        }
        if self.bits[word] & bit == 0 {
            self.bits[word] |= bit;
            self.count += 1;
            self.bytes = self.bytes.saturating_add(size(inventory, row));
        }
    }

    /// Takes a mark away.
    pub fn remove(&mut self, inventory: &Inventory, row: Row) {
        let (word, bit) = place(row);
        if self.has(row) {
            self.bits[word] &= !bit;
            self.count -= 1;
            self.bytes = self.bytes.saturating_sub(size(inventory, row));
        }
    }

    /// Takes all marks away.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// How many rows are marked.
    pub const fn count(&self) -> usize {
        self.count
    }

    /// Their NAR bytes together, as far as they are known.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The marked rows, in their own order.
    pub fn rows(&self) -> impl Iterator<Item = Row> {
        self.bits.iter().enumerate().flat_map(|(word, bits)| {
            let bits = *bits;
            (0..64)
                .filter(move |bit| bits & (1 << bit) != 0)
                .map(move |bit| (word * 64 + bit) as Row)
        })
    }

    /// The same paths in a newer inventory. `same_rows`: rows have kept their numbers. What is there no more loses its
    /// mark.
    pub fn carry(&self, old: &Inventory, new: &Inventory, same_rows: bool) -> Self {
        let mut marks = Self::default();
        for row in self.rows() {
            let row = if same_rows {
                Some(row)
            } else {
                new.find(&old.path(row))
            };
            if let Some(row) = row.filter(|row| new.state(*row).is_present()) {
                marks.add(new, row);
            }
        }
        marks
    }
}

const fn place(row: Row) -> (usize, u64) {
    (row as usize / 64, 1 << (row % 64))
}

fn size(inventory: &Inventory, row: Row) -> u64 {
    inventory.nar_size(row).unwrap_or(0)
}
