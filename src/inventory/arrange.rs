//! The order of a list's rows.
//!
//! In: the rows that match, each with its rank, and what to sort by. Out: the rows in order, or nothing when cancelled.

use super::graph::RowSet;
use super::names::CHUNK;
use super::rank::LAST;
use super::search::{FEW, SearchFacts, Sort, SortKey};
use super::{Inventory, Row};
use crate::domain::When;
use rayon::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether these are so few of a large store that the order of all names, which is made once, is not worth to be made for them.
const fn are_few(found: &[(Row, u8)], inventory: &Inventory) -> bool {
    found.len() <= inventory.names.len() / 64
}

/// Rows by their ranks, then by name.
pub(super) fn by_rank(
    inventory: &Inventory,
    found: &[(Row, u8)],
    cancel: &AtomicBool,
) -> Option<Vec<Row>> {
    if are_few(found, inventory) {
        let mut rows = found.to_vec();
        match inventory.order.made() {
            Some(order) => rows.sort_unstable_by_key(|(row, rank)| (*rank, order.place(*row))),
            None => rows.sort_unstable_by(|a, b| {
                let name = |row: Row| inventory.name(row);
                (a.1, name(a.0), a.0).cmp(&(b.1, name(b.0), b.0))
            }),
        }
        return Some(rows.into_iter().map(|(row, _)| row).collect());
    }
    let order = inventory.order.make(&inventory.names, cancel)?;
    // Many: for each rank a set of places in the order by name, which comes out sorted.
    let mut sets: Vec<Option<RowSet>> = vec![None; usize::from(LAST) + 1];
    for some in found.chunks(CHUNK) {
        if cancel.load(Ordering::Relaxed) {
            return None;
        }
        for (row, rank) in some {
            let set = sets[usize::from(*rank)].get_or_insert_with(|| RowSet::new(inventory.len()));
            set.insert(order.place(*row));
        }
    }
    let mut rows = Vec::with_capacity(found.len());
    for set in sets.iter().flatten() {
        rows.extend(set.iter().map(|place| order.row(place)));
    }
    Some(rows)
}

/// Rows by a value, then by name.
pub(super) fn by_value(
    inventory: &Inventory,
    found: &[(Row, u8)],
    sort: Sort,
    known: SearchFacts<'_>,
    cancel: &AtomicBool,
) -> Option<Vec<Row>> {
    let order = match inventory.order.made() {
        None if !are_few(found, inventory) => Some(inventory.order.make(&inventory.names, cancel)?),
        known => known,
    };
    let keys = keys(inventory, found, sort, known, cancel)?;
    let items: Vec<(u64, u32, Row)> = found
        .iter()
        .zip(keys)
        .map(|((row, _), key)| (key, order.map_or(0, |order| order.place(*row)), *row))
        .collect();
    let items = super::order::sort(
        items,
        |a, b| {
            let by_key = (a.0, a.1).cmp(&(b.0, b.1));
            match order {
                Some(_) => by_key,
                None => by_key
                    .then_with(|| inventory.name(a.2).cmp(inventory.name(b.2)))
                    .then(a.2.cmp(&b.2)),
            }
        },
        cancel,
    )?;
    Some(items.into_iter().map(|(.., row)| row).collect())
}

/// The number by which each row is sorted, smallest first.
fn keys(
    inventory: &Inventory,
    found: &[(Row, u8)],
    sort: Sort,
    known: SearchFacts<'_>,
    cancel: &AtomicBool,
) -> Option<Vec<u64>> {
    let seconds = |when: Option<When>| when.and_then(|when| u64::try_from(when.unix()).ok());
    let closures = match sort.key {
        SortKey::Closure if found.len() > FEW => Some(inventory.closures(cancel)?),
        _ => None,
    };
    found
        .par_iter()
        .map(|(row, _)| {
            // Larger is more interesting; trust classes count from the worst up.
            let value = match sort.key {
                SortKey::Name => None,
                SortKey::Size => inventory.nar_size(*row),
                SortKey::Closure if cancel.load(Ordering::Relaxed) => return None,
                SortKey::Closure => inventory.nar_size(*row).map(|_| match closures {
                    Some(closures) => closures.get(*row).1,
                    None => inventory.closure_size(*row).1,
                }),
                SortKey::Added => seconds(inventory.registered(*row)),
                SortKey::Used => seconds(known.last_used(inventory, *row)),
                SortKey::Trust => inventory.trust(*row).map(|class| 7 - class as u64),
            };
            // The last number is kept for what is not known.
            Some(value.map_or(u64::MAX, |value| {
                let key = if sort.reverse { value } else { !value };
                key.min(u64::MAX - 1)
            }))
        })
        .collect()
}
