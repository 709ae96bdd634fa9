//! The order of deletion of all that is dead, made once for a store and its roots.
//!
//! In: a [`Situation`]. Out: [`Prepared`]. Everything in it is by the number of a unit in the order of deletion, so that
//! a plan walks memory from front to back.

use super::names::package;
use super::{Reason, Situation};
use crate::domain::{Unknown, When};
use crate::inventory::{Dominators, Edges, Inventory, Keeps, Liveness, Row, State, Units};
use std::cmp::Reverse;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher as _;

/// Everything that a plan needs and no rule changes.
pub struct Prepared {
    /// The dead rows in the order of deletion.
    pub(super) rows: Vec<Row>,
    pub(super) reasons: Vec<Reason>,
    pub(super) units: Vec<Unit>,
    /// Where the edges of each unit begin in `kept`, and at last where all end.
    pub(super) edges: Vec<u32>,
    /// The units that live because of one, always later ones.
    pub(super) kept: Vec<u32>,
    pub(super) groups: Vec<Group>,
    /// Live paths that a pin keeps, and others.
    pub(super) pinned: usize,
    pub(super) live: usize,
    pub(super) unreadable: usize,
}

/// Paths that go together.
pub(super) struct Unit {
    /// Where it ends in `rows`.
    pub(super) end: u32,
    pub(super) group: u32,
    /// Seconds since 1970 of the last use of anything in it or above it.
    pub(super) used: u32,
    /// Of the newest registration in it.
    pub(super) registered: u32,
    /// How many newer paths the one with the fewest has of the same name; derivations don't count.
    pub(super) newer: u32,
    pub(super) bytes: u64,
}

/// A package with the dependencies that nothing else needs.
pub(super) struct Group {
    pub(super) top: Row,
    pub(super) shared: bool,
    pub(super) paths: u32,
    pub(super) used: u32,
}

impl Prepared {
    /// Puts all that is dead in order. A job: it looks at every row and at what the dead ones refer to. An error while the
    /// store is still being read, since what was not read might need anything.
    pub fn new(situation: &Situation<'_>) -> Result<Self, Unknown> {
        let Situation {
            inventory,
            liveness,
            usage,
            ..
        } = *situation;
        Self::possible(liveness, inventory)?;
        let pinned = inventory.kept_by(situation.pinned, &situation.keep);
        let count = inventory.len();
        let mut is_dead = vec![false; count];
        for row in liveness.dead_rows() {
            if let Some(dead) = is_dead.get_mut(row as usize) {
                *dead = inventory.state(row) == State::Valid;
            }
        }
        for row in &pinned {
            is_dead[*row as usize] = false;
        }
        let dead: Vec<Row> = (0..count as Row)
            .filter(|row| is_dead[*row as usize])
            .collect();
        let keeps = Keeps::new(inventory, &situation.keep);
        let edges = Edges::of(&keeps, |row| is_dead[row as usize]);
        let units = Units::of(&edges, dead.iter().copied());
        let seconds = |when: When| u32::try_from(when.unix()).unwrap_or(u32::MAX);
        let (order, used) = by_use(&units, &edges, |row| seconds(usage.used(row)));
        let newer = newer_of_name(situation);

        let mut rows = Vec::with_capacity(dead.len());
        let mut made: Vec<Unit> = Vec::with_capacity(order.len());
        for unit in &order {
            let members = units.unit(*unit as usize);
            rows.extend_from_slice(members);
            let registered = members.iter().filter_map(|row| inventory.registered(*row));
            let bytes = members.iter().filter_map(|row| inventory.nar_size(*row));
            made.push(Unit {
                end: rows.len() as u32,
                group: 0,
                used: used[*unit as usize],
                registered: registered.map(seconds).max().unwrap_or(0),
                newer: newer_than(members, &newer),
                bytes: bytes.fold(0, u64::saturating_add),
            });
        }
        let mut place = vec![0; count];
        let mut start = 0;
        for (unit, Unit { end, .. }) in made.iter().enumerate() {
            for row in &rows[start..*end as usize] {
                place[*row as usize] = unit as u32;
            }
            start = *end as usize;
        }
        let mut prepared = Self {
            reasons: Vec::new(),
            edges: Vec::with_capacity(made.len() + 1),
            kept: Vec::with_capacity(edges.len()),
            groups: Vec::new(),
            pinned: pinned.len(),
            live: inventory.counts().paths - dead.len() - pinned.len(),
            unreadable: liveness.unreadable(),
            rows,
            units: made,
        };
        prepared.edges.push(0);
        for unit in 0..prepared.units.len() {
            for row in &prepared.rows[prepared.span(unit)] {
                let to = edges.from(*row).iter().map(|to| place[*to as usize]);
                prepared.kept.extend(to.filter(|to| *to != unit as u32));
            }
            prepared.edges.push(prepared.kept.len() as u32);
        }
        prepared.group();
        prepared.reasons = prepared
            .rows
            .iter()
            .map(|row| {
                if inventory.is_derivation(*row) {
                    Reason::Derivation
                } else if inventory.referrers(*row).iter().any(|r| r != row) {
                    Reason::OnlyDead
                } else {
                    Reason::Unused
                }
            })
            .collect();
        Ok(prepared)
    }

    /// An error while the store is still being read.
    pub fn possible(liveness: &Liveness, inventory: &Inventory) -> Result<(), Unknown> {
        if liveness.unread() == 0 {
            return Ok(());
        }
        Err(Unknown::new(format!(
            "nothing can be planned yet: {} of {} paths have not been read, and they might need anything; wait until the store is read",
            liveness.unread(),
            inventory.counts().paths
        )))
    }

    /// How many paths are dead and not pinned.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether nothing is dead.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(super) fn span(&self, unit: usize) -> std::ops::Range<usize> {
        let start = unit
            .checked_sub(1)
            .map_or(0, |before| self.units[before].end);
        start as usize..self.units[unit].end as usize
    }

    /// The places of a unit's edges in `kept`.
    pub(super) fn edges_of(&self, unit: usize) -> std::ops::Range<usize> {
        self.edges[unit] as usize..self.edges[unit + 1] as usize
    }

    /// Puts each unit in the group of what it hangs on. A plan holds with a unit all that keeps it, so who hangs on whom is
    /// the same in every plan.
    fn group(&mut self) {
        let mut tree = Dominators::new(self.units.len());
        for unit in 0..self.units.len() {
            let node = unit as u32 + 1;
            // Nothing has led to it: a top.
            let top = !tree.is_reached(node);
            tree.settle(node);
            let span = self.edges_of(unit);
            for to in &self.kept[span] {
                tree.reach(node, *to + 1);
            }
            let span = self.span(unit);
            let group = match tree.parent(node) {
                0 => {
                    self.groups.push(Group {
                        top: self.rows[span.start],
                        shared: !top,
                        paths: 0,
                        used: self.units[unit].used,
                    });
                    self.groups.len() as u32 - 1
                }
                above => self.units[above as usize - 1].group,
            };
            self.units[unit].group = group;
            self.groups[group as usize].paths += span.len() as u32;
        }
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared")
            .field("rows", &self.rows.len())
            .field("units", &self.units.len())
            .field("groups", &self.groups.len())
            .finish_non_exhaustive()
    }
}

/// The units by last use, and the last use of each, which is that of the latest of its rows and of all that keeps it. So
/// a unit never comes before what keeps it.
fn by_use(units: &Units, edges: &Edges, used_of: impl Fn(Row) -> u32) -> (Vec<u32>, Vec<u32>) {
    let unit_of = units.by_row(edges.rows());
    let mut used = vec![0; units.len()];
    for unit in 0..units.len() {
        let members = units.unit(unit);
        let own = members.iter().map(|row| used_of(*row)).max().unwrap_or(0);
        let at = own.max(used[unit]);
        used[unit] = at;
        for to in members.iter().flat_map(|row| edges.from(*row)) {
            let to = &mut used[unit_of[*to as usize] as usize];
            *to = at.max(*to);
        }
    }
    let mut order: Vec<u64> = (0..units.len() as u64)
        .map(|unit| u64::from(used[unit as usize]) << 32 | unit)
        .collect();
    order.sort_unstable();
    (order.into_iter().map(|key| key as u32).collect(), used)
}

fn newer_than(members: &[Row], newer: &[u32]) -> u32 {
    let newer = members.iter().map(|row| newer[*row as usize]);
    newer.min().unwrap_or(u32::MAX)
}

/// For each row how many paths of the same package name are newer; of one moment by row. Of derivations, and of what is no
/// path of the store, `u32::MAX`.
fn newer_of_name(situation: &Situation<'_>) -> Vec<u32> {
    let inventory = situation.inventory;
    // A seed of its own, because the names come from a server.
    let seed = RandomState::new();
    let mut keys: Vec<(u64, Reverse<When>, Row)> = (0..inventory.len() as Row)
        .filter_map(|row| {
            let registered = inventory.registered(row)?;
            if inventory.is_derivation(row) {
                return None;
            }
            let name = package(inventory.name(row), inventory.deriver_name(row).as_deref());
            Some((seed.hash_one(name), Reverse(registered), row))
        })
        .collect();
    keys.sort_unstable();
    let mut newer = vec![u32::MAX; inventory.len()];
    for name in keys.chunk_by(|a, b| a.0 == b.0) {
        for (place, (.., row)) in (0..).zip(name) {
            newer[*row as usize] = place;
        }
    }
    newer
}
