//! Sorting that can be cancelled, and the order of all rows by name.
//!
//! In: items and a comparison. Out: the items in order, or nothing when cancelled. A library's sort cannot be stopped,
//! so this one sorts runs and merges them, and looks at the flag between runs and inside each merge.

use super::Row;
use super::names::Names;
use rayon::prelude::*;
use std::cmp::Ordering;
use std::ops::Range;
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

/// All rows by name and then row: which one is where, both ways. Eight bytes a row.
pub(super) struct ByName {
    rows: Vec<Row>,
    places: Vec<u32>,
}

impl ByName {
    /// The place of a row.
    pub(super) fn place(&self, row: Row) -> u32 {
        self.places[row as usize]
    }

    /// The row at a place.
    pub(super) fn row(&self, place: u32) -> Row {
        self.rows[place as usize]
    }

    /// The places of the names that begin with a word in lower case, in whatever case they do.
    pub(super) fn beginning(&self, names: &Names, word: &str) -> Beginning {
        let all = (0, self.rows.len() as u32);
        let begun = word
            .bytes()
            .enumerate()
            .fold(vec![all], |ranges, (at, byte)| {
                self.next(names, &ranges, at, &[byte.to_ascii_uppercase(), byte])
            });
        let len = word.len();
        // The shortest name comes first.
        let whole = begun.iter().map(|(start, end)| {
            let name_ends = |row: &Row| names.name(*row).len() == len;
            let same = self.rows[*start as usize..*end as usize].partition_point(name_ends);
            (*start, start + same as u32)
        });
        let mut exact: Vec<(u32, u32)> = whole.collect();
        let versions = self.next(names, &begun, len, b"-");
        exact.extend(self.next(names, &versions, len + 1, b"0123456789"));
        exact.sort_unstable();
        let places = |ranges: Vec<(u32, u32)>| ranges.into_iter().map(|(start, end)| start..end);
        Beginning {
            exact: places(exact).collect(),
            all: places(begun).collect(),
        }
    }

    /// The parts of ranges, in each of which names are the same up to this byte, that have one of these bytes there. The bytes rise.
    fn next(
        &self,
        names: &Names,
        ranges: &[(u32, u32)],
        at: usize,
        bytes: &[u8],
    ) -> Vec<(u32, u32)> {
        let mut parts = Vec::new();
        for (start, end) in ranges {
            let rows = &self.rows[*start as usize..*end as usize];
            let byte_of = |row: &Row| names.name(*row).as_bytes().get(at).copied();
            let mut last = None;
            for byte in bytes
                .iter()
                .filter(|byte| last.replace(**byte) != Some(**byte))
            {
                let first = rows.partition_point(|row| byte_of(row) < Some(*byte));
                let behind = rows.partition_point(|row| byte_of(row) <= Some(*byte));
                if first < behind {
                    parts.push((start + first as u32, start + behind as u32));
                }
            }
        }
        parts
    }
}

/// Places in the order by name, as ranges that rise.
pub(super) struct Beginning {
    /// Of the names that are a word, or are it before their version.
    pub(super) exact: Vec<Range<u32>>,
    /// Of all names that begin with it.
    pub(super) all: Vec<Range<u32>>,
}

/// The order by name. Made on first use, shared by snapshots until a row is added.
#[derive(Default)]
pub(super) struct NameOrder(OnceLock<ByName>);

impl NameOrder {
    /// These places, each row's once.
    pub(super) fn of(places: Vec<u32>) -> Self {
        let rows = turned(&places);
        Self(OnceLock::from(ByName { rows, places }))
    }

    /// The place of each row, if the order has been made.
    pub(super) fn known(&self) -> Option<&[u32]> {
        self.made().map(|order| order.places.as_slice())
    }

    /// The order, if it has been made.
    pub(super) fn made(&self) -> Option<&ByName> {
        self.0.get()
    }

    /// The order, made if need be; `None` when cancelled.
    pub(super) fn make(&self, names: &Names, cancel: &AtomicBool) -> Option<&ByName> {
        if self.0.get().is_none() {
            let rows = by_name(names, cancel)?;
            let places = turned(&rows);
            // Another job may have been faster, with the same result.
            let _ = self.0.set(ByName { rows, places });
        }
        self.made()
    }

    /// Forgets it.
    pub(super) fn forget(&mut self) {
        self.0.take();
    }
}

/// Where each number stands: rows by place from places by row, and the other way round.
fn turned(numbers: &[u32]) -> Vec<u32> {
    let mut turned = vec![0; numbers.len()];
    for (at, number) in numbers.iter().enumerate() {
        turned[*number as usize] = at as u32;
    }
    turned
}

/// Bytes of a name that are compared at a time.
const PART: usize = 16;

/// All rows by name and then row.
///
/// Sixteen bytes of each name at a time, as a number: a comparison of whole names would fetch both from the arena, a
/// few cache misses each, and half of a store begins with `python3.11-` or the like. What is equal so far is sorted
/// again by the next sixteen, until it differs or ends.
fn by_name(names: &Names, cancel: &AtomicBool) -> Option<Vec<Row>> {
    let mut items: Vec<(u128, Row)> = (0..names.len() as Row).map(|row| (0, row)).collect();
    let mut equal = vec![items.as_mut_slice()];
    let mut offset = 0;
    while !equal.is_empty() {
        let parts: Vec<Vec<&mut [(u128, Row)]>> = equal
            .into_par_iter()
            .map(|items| {
                items
                    .par_iter_mut()
                    .with_min_len(RUN)
                    .for_each(|(key, row)| *key = part(names.name(*row), offset));
                if items.len() > RUN {
                    let sorted = sort(items.to_vec(), Ord::cmp, cancel)?;
                    items.copy_from_slice(&sorted);
                } else if cancel.load(Memory::Relaxed) {
                    return None;
                } else {
                    items.sort_unstable();
                }
                let runs = items.chunk_by_mut(|a, b| a.0 == b.0);
                // A last byte of zero: these names have ended, so they are the same, and in the order of rows.
                let go_on = |run: &&mut [(u128, Row)]| run.len() > 1 && run[0].0 as u8 != 0;
                Some(runs.filter(go_on).collect())
            })
            .collect::<Option<_>>()?;
        equal = parts.into_iter().flatten().collect();
        offset += PART;
    }
    Some(items.into_iter().map(|(_, row)| row).collect())
}

/// Sixteen bytes of a name as a number that orders as they do, filled up with zeros, which no name has.
fn part(name: &str, offset: usize) -> u128 {
    let mut bytes = [0; PART];
    let rest = name.as_bytes().get(offset..).unwrap_or_default();
    let len = rest.len().min(PART);
    bytes[..len].copy_from_slice(&rest[..len]);
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

    #[test]
    fn a_flag_that_rises_in_the_middle_is_seen_soon() {
        use std::sync::atomic::AtomicUsize;
        let items: Vec<u64> = (0..64 * RUN as u64)
            .map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15))
            .collect();
        let whole = AtomicUsize::new(0);
        let count = |a: &u64, b: &u64| {
            whole.fetch_add(1, Memory::Relaxed);
            a.cmp(b)
        };
        assert!(sort(items.clone(), count, &AtomicBool::new(false)).is_some());
        let whole = whole.into_inner();
        // In the first run, and in the last merge.
        for at in [1000, whole - 4 * RUN] {
            let stop = AtomicBool::new(false);
            let compared = AtomicUsize::new(0);
            let count = |a: &u64, b: &u64| {
                if compared.fetch_add(1, Memory::Relaxed) == at {
                    stop.store(true, Memory::Relaxed);
                }
                a.cmp(b)
            };
            assert_eq!(sort(items.clone(), count, &stop), None);
            // At most one run is finished by each thread.
            let after = compared.into_inner() - at;
            assert!(
                after <= rayon::current_num_threads() * RUN * 24,
                "{after} of {whole}"
            );
        }
    }

    #[test]
    fn names_order_bytewise_however_long_their_common_part() {
        let mut names = Names::with_capacity(0);
        for i in 0..3 * RUN as u64 {
            let mut digest = [0; 20];
            digest[..8].copy_from_slice(&i.to_le_bytes());
            let mixed = i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let common = "x".repeat(mixed as usize % 50);
            let name = format!("{common}-{}", mixed % 997);
            names.insert(&format!("{}-{name}", crate::domain::nix32::encode(&digest)));
        }
        let mut expected: Vec<Row> = (0..names.len() as Row).collect();
        expected.sort_by(|a, b| names.name(*a).cmp(names.name(*b)));
        let go = AtomicBool::new(false);
        assert_eq!(by_name(&names, &go), Some(expected.clone()));
        let order = NameOrder::default();
        assert!(order.make(&names, &AtomicBool::new(true)).is_none());
        let order = order.make(&names, &go).unwrap();
        for (place, row) in expected.iter().enumerate() {
            let place = place as u32;
            assert_eq!((order.place(*row), order.row(place)), (place, *row));
        }
        let again = NameOrder::of(order.places.clone());
        assert_eq!(again.known(), Some(&order.places[..]));
        assert_eq!(again.made().map(|order| &order.rows), Some(&expected));
    }
}
