//! How the store has grown, by the registration of what is still in it.
//!
//! In: the store. Out: its size at the end of each day, and what follows for the disk. What was deleted since is not in it,
//! so the past looks smaller than it was; the sentences say so.

use crate::domain::space::FileSystem;
use crate::domain::{Bytes, When};
use crate::inventory::{Inventory, Row};

/// Days that are looked at.
pub const DAYS: usize = 90;
/// Days that a rate is taken from.
const RECENT: usize = 30;
const DAY: i64 = 86_400;

/// The size of the store over time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Growth {
    /// NAR bytes at the end of each day, the oldest first; the last one is now.
    pub sizes: Vec<u64>,
}

impl Growth {
    /// Looks at every path. A job.
    pub fn of(inventory: &Inventory, now: When) -> Self {
        let mut added = vec![0_u64; DAYS];
        let mut before = 0_u64;
        for row in 0..inventory.len() as Row {
            let (Some(at), Some(size)) = (inventory.registered(row), inventory.nar_size(row)) else {
                continue;
            };
            let days = usize::try_from(now.unix().saturating_sub(at.unix()).max(0) / DAY);
            let slot = match days {
                Ok(days) if days < DAYS => &mut added[DAYS - 1 - days],
                _ => &mut before,
            };
            *slot = slot.saturating_add(size);
        }
        let mut sum = before;
        let sizes = added.into_iter().map(|bytes| {
            sum = sum.saturating_add(bytes);
            sum
        });
        Self {
            sizes: sizes.collect(),
        }
    }

    /// Bytes a day, over the last month.
    pub fn a_day(&self) -> u64 {
        let now = self.sizes.last().copied().unwrap_or(0);
        let then = self.sizes.len().checked_sub(RECENT + 1);
        let then = then.and_then(|at| self.sizes.get(at).copied()).unwrap_or(0);
        now.saturating_sub(then) / RECENT as u64
    }

    /// What came in of late.
    pub fn sentence(&self) -> String {
        match self.a_day() {
            0 => format!("Nothing came in during the last {RECENT} days that is still here."),
            bytes => format!(
                "{} a day came in during the last {RECENT} days and is still here.",
                Bytes(bytes)
            ),
        }
    }

    /// In how many days the disk is full, if it goes on like this; `None` if it does not grow, or nothing is known of the disk.
    pub fn full_in(&self, disk: Option<&FileSystem>) -> Option<u64> {
        disk?.available.0.checked_div(self.a_day())
    }

    /// The same in words, with its basis.
    pub fn forecast(&self, disk: Option<&FileSystem>) -> Option<String> {
        let days = self.full_in(disk)?;
        let mount = &disk?.mount;
        Some(match days {
            0 => format!("At that rate {mount} is full within a day."),
            1..3650 => format!("At that rate {mount} is full in about {days} days, if nothing is deleted."),
            _ => format!("At that rate {mount} lasts for more than ten years."),
        })
    }
}
