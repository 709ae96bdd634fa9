//! What clients refuse, in the portions in which it was uploaded; and how far each key has got.
//!
//! In: an inventory. Out: groups of refused paths for the Unsigned screen, coverage by key name for a rotation.

use super::graph::RowSet;
use super::{Inventory, Row};
use crate::domain::{TrustClass, Verdict, When};
use rayon::prelude::*;

/// Refused paths that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Why they stand together.
    pub kind: GroupKind,
    /// The path that stands for the group: the top of the closure, or the newest bad path.
    pub top: Row,
    /// All paths of the group, the top first.
    pub rows: Vec<Row>,
    /// Their NAR bytes together.
    pub size: u64,
    /// When the top was registered.
    pub registered: When,
}

/// What kind of group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GroupKind {
    /// All paths with a signature that does not verify, newest first.
    Bad,
    /// A path that no other refused path refers to, and the refused paths below it, nearest first.
    Closure,
}

/// Groups the refused paths: first all `bad` ones, then one group a closure top, newest top first.
///
/// Bad paths take no part in the closures. A top is a refused path that no other refused path refers to; its group are
/// the refused paths that are reached from it through refused paths. A path that is reached from several tops belongs
/// to the newest of them, so each refused path is in exactly one group. (References in a circle, which no real store
/// has, get the newest path of the circle as their top.) A job: it looks at every row.
pub fn unsigned_groups(inventory: &Inventory) -> Vec<Group> {
    let class = |row: Row| inventory.trust(row).filter(|class| class.refused());
    let mut refused: Vec<Row> = (0..inventory.len() as Row)
        .into_par_iter()
        .filter(|row| class(*row).is_some())
        .collect();
    // Newest first; of one moment by name.
    refused.par_sort_unstable_by(|a, b| {
        inventory
            .registered(*b)
            .cmp(&inventory.registered(*a))
            .then_with(|| inventory.name(*a).cmp(inventory.name(*b)))
            .then(a.cmp(b))
    });
    let (bad, rest): (Vec<Row>, Vec<Row>) = refused
        .into_iter()
        .partition(|row| class(*row) == Some(TrustClass::Bad));

    let mut open = RowSet::new(inventory.len());
    for row in &rest {
        open.insert(*row);
    }
    let mut referred = RowSet::new(inventory.len());
    for row in &rest {
        for reference in inventory.references(*row).iter().filter(|r| *r != row) {
            if open.contains(*reference) {
                referred.insert(*reference);
            }
        }
    }
    let mut groups = Vec::new();
    if let Some(top) = bad.first() {
        groups.push(group(inventory, GroupKind::Bad, *top, bad));
    }
    let tops = rest.iter().filter(|row| !referred.contains(**row));
    for top in tops.chain(&rest) {
        if !open.contains(*top) {
            continue;
        }
        open.remove(*top);
        let mut rows = vec![*top];
        let mut next = 0;
        while let Some(row) = rows.get(next).copied() {
            next += 1;
            for reference in inventory.references(row) {
                if open.contains(*reference) {
                    open.remove(*reference);
                    rows.push(*reference);
                }
            }
        }
        groups.push(group(inventory, GroupKind::Closure, *top, rows));
    }
    // Tops of circles came last; they go where their age puts them.
    groups.sort_by_key(|group| {
        let bad_first = group.kind != GroupKind::Bad;
        (bad_first, std::cmp::Reverse(group.registered))
    });
    groups
}

fn group(inventory: &Inventory, kind: GroupKind, top: Row, rows: Vec<Row>) -> Group {
    let sizes = rows.iter().filter_map(|row| inventory.nar_size(*row));
    Group {
        kind,
        top,
        size: sizes.fold(0, u64::saturating_add),
        registered: inventory.registered(top).unwrap_or_default(),
        rows,
    }
}

/// For each key name in the order of names: how many paths have a valid signature under it, and how many one that does
/// not verify. Names of keys that are not known here have neither, and are counted as 0 and 0. A job: it looks at
/// every row.
pub fn coverage(inventory: &Inventory) -> Vec<(String, usize, usize)> {
    let keys = inventory.keys.len() + 1;
    let counts = (0..inventory.len() as Row)
        .into_par_iter()
        .fold(
            || vec![(0, 0); keys],
            |mut counts, row| {
                let (chunk, at) = inventory.columns.at(row);
                // Two signatures of one key with one verdict are one path all the same.
                let mut signatures = chunk.signatures.get(at).to_vec();
                signatures.sort_unstable_by_key(|signed| (signed.key, signed.verdict as u8));
                signatures.dedup();
                for signed in signatures {
                    let slot = usize::from(signed.key).min(keys - 1);
                    match signed.verdict {
                        Verdict::Valid => counts[slot].0 += 1,
                        Verdict::Bad => counts[slot].1 += 1,
                        Verdict::UnknownKey | Verdict::UnknownAlgorithm => {}
                    }
                }
                counts
            },
        )
        .reduce(
            || vec![(0, 0); keys],
            |mut a, b| {
                for (a, b) in a.iter_mut().zip(b) {
                    *a = (a.0 + b.0, a.1 + b.1);
                }
                a
            },
        );
    let mut rows: Vec<(String, usize, usize)> = counts
        .into_iter()
        .take(keys - 1)
        .enumerate()
        .map(|(key, (valid, bad))| (inventory.keys.get(key as u16).to_owned(), valid, bad))
        .collect();
    rows.sort_unstable();
    rows
}
