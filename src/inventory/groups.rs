//! What clients refuse, in the portions in which it was uploaded; and how far each key has got.
//!
//! In: an inventory. Out: groups of refused paths for the Unsigned screen, coverage by key name for a rotation.

use super::graph::RowSet;
use super::{Inventory, Row, WithClosure};
use crate::domain::{TrustClass, Verdict, When};
use rayon::prelude::*;
use std::collections::VecDeque;

/// Refused paths that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Why they stand together.
    pub kind: GroupKind,
    /// The path that stands for the group: the top of the closure, or the newest bad path.
    pub top: Row,
    /// All paths of the group, the top first. Of a closure: all that signing can fix of what a client would refuse of it.
    pub rows: Vec<Row>,
    /// Their NAR bytes together.
    pub size: u64,
    /// When the top was registered.
    pub registered: When,
    /// When the first of its paths was registered.
    pub oldest: When,
    /// Of a closure: it needs paths of the bad group as well, so clients go on refusing it after its rows were signed.
    pub needs_bad: bool,
}

/// What kind of group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GroupKind {
    /// All paths with a signature that does not verify or a content address that is another path's, newest first.
    Bad,
    /// A path that no other refused path needs, and the refused paths that it needs, nearest first.
    Closure,
}

/// How many rows groups may share, for each row of the store: what is shared stands in each of them, and a store that was
/// made for it could have a million groups of a million paths.
const SHARED: usize = 4;

/// The same for small stores.
const SHARED_MIN: usize = 100_000;

/// Groups the refused paths: first all `bad` ones, then one group a closure top, newest top first.
///
/// A top is a refused path that no other refused path needs, through whatever is between. Its group is everything
/// refused in its closure but the bad paths, so that signing the group is all that signing can do for a client that
/// wants the top. A path that several tops need is in the group of each. (References in a circle, which no real store
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
    let (bad, rest): (Vec<Row>, Vec<Row>) = refused.into_iter().partition(|row| {
        class(*row) == Some(TrustClass::Bad) || inventory.refused_for_its_address(*row)
    });

    let mut walk = Walk::new(inventory, &rest, &bad);
    let needed = walk.below(&rest);
    let mut groups = Vec::new();
    if let Some(top) = bad.first() {
        groups.push(group(inventory, GroupKind::Bad, *top, bad, false));
    }
    let tops = rest.iter().filter(|row| !needed.contains(**row));
    for top in tops.chain(&rest) {
        if let Some((rows, needs_bad)) = walk.group(*top) {
            let kind = GroupKind::Closure;
            groups.push(group(inventory, kind, *top, rows, needs_bad));
        }
    }
    // Tops of circles came last; they go where their age puts them.
    groups.sort_by_key(|group| {
        let bad_first = group.kind != GroupKind::Bad;
        (bad_first, std::cmp::Reverse(group.registered))
    });
    groups
}

/// What a client refuses with its closure, of all that a path refers to.
fn refused_below(inventory: &Inventory, row: Row) -> impl Iterator<Item = Row> {
    let references = inventory.references(row).iter().copied();
    references.filter(move |other| {
        *other != row && inventory.with_closure(*other) == WithClosure::Refused
    })
}

/// Walks what clients refuse, path by path.
struct Walk<'a> {
    inventory: &'a Inventory,
    /// What groups are made of.
    mendable: RowSet,
    bad: RowSet,
    /// In a group already.
    taken: RowSet,
    /// For each row the last group that it was met for, from 1.
    met: Vec<u32>,
    groups: u32,
    /// How many more rows may be met again.
    shared: usize,
}

impl<'a> Walk<'a> {
    fn new(inventory: &'a Inventory, rest: &[Row], bad: &[Row]) -> Self {
        let set = |rows: &[Row]| {
            let mut set = RowSet::new(inventory.len());
            for row in rows {
                set.insert(*row);
            }
            set
        };
        Self {
            inventory,
            mendable: set(rest),
            bad: set(bad),
            taken: set(&[]),
            met: vec![0; inventory.len()],
            groups: 0,
            shared: (inventory.len() * SHARED).max(SHARED_MIN),
        }
    }

    /// Everything that one of these needs on the ways to what is refused.
    fn below(&self, rows: &[Row]) -> RowSet {
        let mut below = RowSet::new(self.inventory.len());
        let mut todo: Vec<Row> = rows.to_vec();
        while let Some(row) = todo.pop() {
            let met = refused_below(self.inventory, row).filter(|other| below.insert(*other));
            todo.extend(met);
        }
        below
    }

    /// The group of a top, and whether it needs bad paths; nothing where the top is in a group already.
    fn group(&mut self, top: Row) -> Option<(Vec<Row>, bool)> {
        if self.taken.contains(top) {
            return None;
        }
        self.groups += 1;
        self.met[top as usize] = self.groups;
        let (mut rows, mut needs_bad) = (Vec::new(), false);
        let mut todo = VecDeque::from([top]);
        while let Some(row) = todo.pop_front() {
            needs_bad |= self.bad.contains(row);
            if self.mendable.contains(row) {
                self.taken.insert(row);
                rows.push(row);
            }
            for other in refused_below(self.inventory, row) {
                if self.met[other as usize] == self.groups {
                    continue;
                }
                let again = self.met[other as usize] != 0;
                if again && self.shared == 0 {
                    continue;
                }
                self.shared -= usize::from(again);
                self.met[other as usize] = self.groups;
                todo.push_back(other);
            }
        }
        Some((rows, needs_bad))
    }
}

fn group(
    inventory: &Inventory,
    kind: GroupKind,
    top: Row,
    rows: Vec<Row>,
    needs_bad: bool,
) -> Group {
    let sizes = rows.iter().filter_map(|row| inventory.nar_size(*row));
    let times = rows.iter().filter_map(|row| inventory.registered(*row));
    Group {
        kind,
        top,
        size: sizes.fold(0, u64::saturating_add),
        registered: inventory.registered(top).unwrap_or_default(),
        oldest: times.min().unwrap_or_default(),
        rows,
        needs_bad,
    }
}

/// For each key name in the order of names: how many paths have a valid signature under it, and how many one that does
/// not verify. Names of unknown keys have neither, and are counted as 0 and 0. A job: it looks at
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
