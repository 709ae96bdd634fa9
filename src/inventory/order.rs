//! Sorting that can be called off, and the order of all rows by name.
//!
//! In: items and a comparison. Out: the items in order, or nothing when cancelled. A library's sort cannot be stopped,
//! so this one sorts runs and merges them, and looks at the flag between runs and inside each merge.

use super::Row;
use super::names::Names;
use rayon::prelude::*;
use std::cmp::Ordering;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering as Memory};

/// Items a run: a few milliseconds of sorting.
const RUN: usize = 8192;

/// Sorts in parallel. The comparison must be a total order without ties (rows differ at last).
pub(super) fn sort<T: Copy + Send + Sync>(
    mut items: Vec<T>,
    compare: impl Fn(&T, &T) -> Ordering + Sync,
    cancel: &AtomicBool,
) -> Option<Vec<T>> {
    items.par_chunks_mut(RUN).try_for_each(|run| {
        if cancel.load(Memory::Relaxed) {
            return None;
        }
        run.sort_unstable_by(&compare);
        Some(())
    })?;
    let mut width = RUN;
    let mut spare = if items.len() > RUN {
        items.clone()
    } else {
        Vec::new()
    };
    while width < items.len() {
        let pairs = items.par_chunks(width * 2);
        spare
            .par_chunks_mut(width * 2)
            .zip(pairs)
            .try_for_each(|(target, pair)| {
                let (left, right) = pair.split_at(width.min(pair.len()));
                merge(left, right, target, &compare, cancel)
            })?;
        std::mem::swap(&mut items, &mut spare);
        width *= 2;
    }
    Some(items)
}

fn merge<'a, T: Copy>(
    mut left: &'a [T],
    mut right: &'a [T],
    target: &mut [T],
    compare: impl Fn(&T, &T) -> Ordering,
    cancel: &AtomicBool,
) -> Option<()> {
    for piece in target.chunks_mut(RUN) {
        if cancel.load(Memory::Relaxed) {
            return None;
        }
        for slot in piece {
            let from = match (left.first(), right.first()) {
                (Some(l), Some(r)) if compare(l, r) == Ordering::Greater => &mut right,
                (Some(_), _) => &mut left,
                (None, _) => &mut right,
            };
            if let Some((item, rest)) = from.split_first() {
                *slot = *item;
                *from = rest;
            }
        }
    }
    Some(())
}

/// The rank of each row by name and then row. Made on first use, shared by snapshots until a row is added.
#[derive(Default)]
pub(super) struct NameOrder(OnceLock<Vec<u32>>);

impl NameOrder {
    /// The ranks, if they have been made.
    pub(super) fn known(&self) -> Option<&[u32]> {
        self.0.get().map(Vec::as_slice)
    }

    /// The ranks; `None` when cancelled.
    pub(super) fn ranks(&self, names: &Names, cancel: &AtomicBool) -> Option<&[u32]> {
        if self.0.get().is_none() {
            let items: Vec<(u128, Row)> = (0..names.len() as Row)
                .into_par_iter()
                .map(|row| (prefix(names.name(row)), row))
                .collect();
            let sorted = sort(
                items,
                |a, b| {
                    a.0.cmp(&b.0)
                        .then_with(|| names.name(a.1).cmp(names.name(b.1)))
                        .then(a.1.cmp(&b.1))
                },
                cancel,
            )?;
            let mut ranks = vec![0; names.len()];
            for (rank, (_, row)) in sorted.iter().enumerate() {
                ranks[*row as usize] = rank as u32;
            }
            // Another job may have been faster, with the same result.
            let _ = self.0.set(ranks);
        }
        self.known()
    }

    /// Forgets the ranks.
    pub(super) fn forget(&mut self) {
        self.0.take();
    }
}

/// The first 16 bytes of a name as a number that orders as they do: most comparisons end here, without a look at the
/// arena. A shorter name is filled up with zeros, which no name has.
fn prefix(name: &str) -> u128 {
    let mut bytes = [0; 16];
    for (slot, byte) in bytes.iter_mut().zip(name.bytes()) {
        *slot = byte;
    }
    u128::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_and_can_be_called_off() {
        for len in [0, 1, RUN - 1, RUN, RUN + 1, 5 * RUN + 3, 8 * RUN] {
            let items: Vec<u64> = (0..len as u64)
                .map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15))
                .collect();
            let mut expected = items.clone();
            expected.sort_unstable();
            let go = AtomicBool::new(false);
            assert_eq!(sort(items.clone(), Ord::cmp, &go), Some(expected));
            if len > 0 {
                assert_eq!(sort(items, Ord::cmp, &AtomicBool::new(true)), None);
            }
        }
    }
}
