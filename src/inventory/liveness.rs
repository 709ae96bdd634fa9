//! What is alive, and why.
//!
//! In: an inventory, the targets of the roots, Nix's settings. Out: [`Liveness`], a bit for each row and the sums; and
//! the chain from a root to a path that it keeps alive.
//!
//! What a path refers to is not known before its info was read. So while rows are unread nothing is called dead. A row
//! that the server cannot read counts as alive itself, for good; what it refers to is not known, which
//! [`Liveness::unreadable`] is there to say. (The daemon refuses to delete what such a path needs.)

use super::graph::RowSet;
use super::keeps::{Keep, Keeps};
use super::names::NO_ROW;
use super::{Inventory, Row, State};
use std::fmt;

/// Whether a path may be collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Life {
    /// A root keeps it, directly or through others.
    Live,
    /// Nothing keeps it.
    Dead,
    /// Not known yet: the store is still being read, and what was not read might need it.
    Unknown,
}

/// What is alive in one inventory, for one set of roots. Immutable; share it as an `Arc`.
pub struct Liveness {
    live: RowSet,
    rows: usize,
    /// Present, and not alive as far as is known.
    rest: RowSet,
    sums: [(usize, u64); 2],
    unread: usize,
    unreadable: usize,
}

impl Liveness {
    /// Marks what the roots keep. Roots of rows that are no paths of the store keep nothing. A job: it looks at every row.
    pub fn of(inventory: &Inventory, roots: &[Row], keep: &Keep<'_>) -> Self {
        let rows = inventory.len();
        let present = |row: &Row| inventory.state(*row).is_present();
        let unsure = unsure(inventory);
        let (mut live, _) = flood(inventory, roots.iter().chain(&unsure), keep);
        let mut rest = RowSet::new(rows);
        let mut sums = [(0, 0_u64); 2];
        for row in 0..rows as Row {
            if !present(&row) {
                // Something alive refers to it, but it is not there.
                live.remove(row);
                continue;
            }
            let alive = live.contains(row);
            if !alive {
                rest.insert(row);
            }
            let (paths, bytes) = &mut sums[usize::from(alive)];
            *paths += 1;
            *bytes = bytes.saturating_add(inventory.nar_size(row).unwrap_or(0));
        }
        let counts = inventory.counts();
        Self {
            live,
            rows,
            rest,
            sums,
            unread: counts.unread,
            unreadable: counts.unreadable,
        }
    }

    /// Whether something keeps the path. Rows that have come in since the inventory was looked at count as alive.
    pub fn is_live(&self, row: Row) -> bool {
        self.life(row) == Life::Live
    }

    /// What is known of a path. A row that is no path of the store is dead; one that came in later counts as alive.
    pub fn life(&self, row: Row) -> Life {
        if row as usize >= self.rows || self.live.contains(row) {
            Life::Live
        } else if self.unread > 0 {
            Life::Unknown
        } else {
            Life::Dead
        }
    }

    /// Paths and NAR bytes that are alive for certain.
    pub fn live(&self) -> (usize, u64) {
        self.sums[1]
    }

    /// Paths and NAR bytes that are dead: none while the store is being read.
    pub fn dead(&self) -> (usize, u64) {
        if self.unread > 0 {
            (0, 0)
        } else {
            self.sums[0]
        }
    }

    /// The dead rows by number: none while the store is being read.
    pub fn dead_rows(&self) -> impl Iterator<Item = Row> {
        let known = (self.unread == 0).then(|| self.rest.iter());
        known.into_iter().flatten()
    }

    /// How many paths have not been read yet; while there are any nothing is called dead.
    pub fn unread(&self) -> usize {
        self.unread
    }

    /// How many paths the server cannot read. They count as alive, and what they need is not known.
    pub fn unreadable(&self) -> usize {
        self.unreadable
    }
}

impl fmt::Debug for Liveness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Liveness")
            .field("live", &self.live())
            .field("dead", &self.dead())
            .field("unread", &self.unread)
            .finish_non_exhaustive()
    }
}

/// The present rows whose references are not known. They are taken for roots.
pub(super) fn unsure(inventory: &Inventory) -> Vec<Row> {
    let counts = inventory.counts();
    if counts.unread + counts.unreadable == 0 {
        return Vec::new();
    }
    let unsure = |row: &Row| matches!(inventory.state(*row), State::Unread | State::Unreadable);
    (0..inventory.len() as Row).filter(unsure).collect()
}

/// Marks paths and all that lives because of them; also as a list, the given ones first.
fn flood<'a>(
    inventory: &Inventory,
    starts: impl Iterator<Item = &'a Row>,
    keep: &Keep<'_>,
) -> (RowSet, Vec<Row>) {
    let keeps = Keeps::new(inventory, keep);
    let mut marked = RowSet::new(inventory.len());
    let mut found: Vec<Row> = starts
        .copied()
        .filter(|row| inventory.state(*row).is_present() && marked.insert(*row))
        .collect();
    let mut next = 0;
    while let Some(row) = found.get(next).copied() {
        next += 1;
        keeps.each(row, |other| {
            if marked.insert(other) {
                found.push(other);
            }
        });
    }
    (marked, found)
}

impl Inventory {
    /// The paths and all that lives because of them, each once, nearest first. When they stay, this stays. A walk, for a job.
    pub fn kept_by(&self, rows: &[Row], keep: &Keep<'_>) -> Vec<Row> {
        let (_, mut found) = flood(self, rows.iter(), keep);
        found.retain(|row| self.state(*row).is_present());
        found
    }

    /// The shortest chain that keeps a path alive: from a root's target to the path, both included, each keeping the next.
    /// Of several the one of the root that comes first. `None` if no root keeps it. A walk of all that is alive, for a job.
    pub fn why_alive(&self, roots: &[Row], row: Row, keep: &Keep<'_>) -> Option<Vec<Row>> {
        let keeps = Keeps::new(self, keep);
        let mut before = vec![NO_ROW; self.len()];
        let mut queue: Vec<Row> = Vec::new();
        // A root stands before itself.
        for root in roots.iter().filter(|r| self.state(**r).is_present()) {
            if before[*root as usize] == NO_ROW {
                before[*root as usize] = *root;
                queue.push(*root);
            }
        }
        let mut next = 0;
        while before[row as usize] == NO_ROW {
            let from = *queue.get(next)?;
            next += 1;
            keeps.each(from, |other| {
                if before[other as usize] == NO_ROW {
                    before[other as usize] = from;
                    queue.push(other);
                }
            });
        }
        let mut chain = vec![row];
        let mut at = row;
        while before[at as usize] != at {
            at = before[at as usize];
            chain.push(at);
        }
        chain.reverse();
        Some(chain)
    }
}
