//! When paths were last used.
//!
//! In: what the server tells of single paths. Out: [`Usage`]: a path is as recently used as the most recent path that
//! needs it, since a use of that is one of this too, though only the first may have been touched.

use super::keeps::{Keep, Keeps};
use super::{Inventory, Row};
use crate::domain::When;
use crate::domain::space::{LastUse, UseSource};
use std::cmp::Reverse;
use std::fmt;

/// The last use of every path.
pub struct Usage {
    /// Where the times come from.
    pub source: UseSource,
    /// Why there is nothing better than registration times, where that is so.
    pub why: Option<String>,
    /// Seconds since 1970, 0 where unknown; empty where none is known.
    own: Vec<u32>,
    /// The same with all that needs the path taken into account.
    used: Vec<u32>,
}

impl Usage {
    /// Works out the last use of each path. What was uploaded counts as used then. A job: it looks at every row and reference.
    pub fn new(inventory: &Inventory, last_use: &LastUse) -> Self {
        let rows = inventory.len();
        let seconds = |when: When| u32::try_from(when.unix()).unwrap_or(u32::MAX);
        let mut own: Vec<u32> = (0..rows as Row)
            .map(|row| inventory.last_used(row).map_or(0, seconds))
            .collect();
        for (digest, when) in &last_use.times {
            if let Some(row) = inventory.by_digest(digest) {
                let own = &mut own[row as usize];
                *own = seconds(*when).max(*own);
            }
        }
        // By seconds and then row, latest first; each walk takes what no later use has reached.
        let mut order: Vec<(u32, Row)> = (0..rows as Row)
            .filter(|row| inventory.state(*row).is_present())
            .map(|row| {
                let registered = inventory.registered(row).map_or(0, seconds);
                (own[row as usize].max(registered), row)
            })
            .collect();
        order.sort_unstable_by_key(|(at, row)| (Reverse(*at), *row));
        let keep = Keep {
            derivations: true,
            ..Keep::default()
        };
        let keeps = Keeps::new(inventory, &keep);
        let mut seen = super::graph::RowSet::new(rows);
        let mut used = vec![0; rows];
        let mut open = Vec::new();
        for (at, row) in order {
            if seen.insert(row) {
                open.push(row);
            }
            while let Some(row) = open.pop() {
                used[row as usize] = at;
                keeps.each(row, |other| {
                    if seen.insert(other) {
                        open.push(other);
                    }
                });
            }
        }
        if own.iter().all(|at| *at == 0) {
            own = Vec::new();
        }
        Self {
            source: last_use.source,
            why: last_use.why.clone(),
            own,
            used,
        }
    }

    /// When the path was last used: the latest of its own use, its upload, and the same of all that needs it, which for a
    /// derivation includes what was built by it. The epoch for a path of which nothing is known.
    pub fn used(&self, row: Row) -> When {
        let seconds = self.used.get(row as usize).copied().unwrap_or(0);
        When::from_unix(i64::from(seconds))
    }

    /// The path's own last use, where known.
    pub fn own(&self, row: Row) -> Option<When> {
        let seconds = self.own.get(row as usize).copied().filter(|at| *at != 0)?;
        Some(When::from_unix(i64::from(seconds)))
    }
}

impl fmt::Debug for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Usage")
            .field("source", &self.source)
            .field("rows", &self.used.len())
            .finish_non_exhaustive()
    }
}
