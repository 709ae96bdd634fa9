//! How the store has grown, by the registration of what is still in it.
//!
//! In: the store. Out: its size at the end of each day, and what follows for the disk. What was deleted since is not in it,
//! so the past looks smaller than it was; the sentences say so.

use crate::domain::space::FileSystem;
use crate::domain::{Age, Bytes, When};
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
            let (Some(at), Some(size)) = (inventory.registered(row), inventory.nar_size(row))
            else {
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

    /// In how many days the disk is full, if it goes on like this, in a few words; `None` if it does not grow, or nothing is
    /// known of the disk.
    pub fn full_in(&self, disk: Option<&FileSystem>) -> Option<String> {
        let available = disk?.available.0;
        let days = available.checked_div(self.a_day())?;
        Some(match days {
            _ if available == 0 => "full now".to_owned(),
            0 => "full within a day".to_owned(),
            1..3650 => format!("full in about {}", Age(days * DAY as u64)),
            _ => "lasts for years".to_owned(),
        })
    }

    /// The same in a sentence.
    pub fn forecast(&self, disk: Option<&FileSystem>) -> Option<String> {
        let full = self.full_in(disk)?;
        let mount = &disk?.mount;
        Some(match disk?.available.0 {
            0 => format!("{mount} is {full}."),
            _ => format!("At that rate, and if nothing is deleted, {mount}: {full}."),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn growth(sizes: &[u64]) -> Growth {
        Growth {
            sizes: sizes.to_vec(),
        }
    }

    fn disk(available: u64) -> FileSystem {
        FileSystem {
            mount: "/nix".to_owned(),
            kind: "ext4".to_owned(),
            options: vec![],
            size: Bytes(1000),
            used: Bytes(0),
            available: Bytes(available),
            inodes: 0,
            inodes_used: 0,
        }
    }

    #[test]
    fn what_follows() {
        let mut sizes = vec![0; 60];
        sizes.extend((1..=30).map(|day| day * 10));
        let growth = growth(&sizes);
        assert_eq!(growth.a_day(), 10);
        let said = |available| growth.full_in(Some(&disk(available))).unwrap();
        assert_eq!(said(0), "full now");
        assert_eq!(said(9), "full within a day");
        assert_eq!(said(410), "full in about 41d");
        assert_eq!(said(1 << 40), "lasts for years");
        assert_eq!(growth.full_in(None), None);
    }

    #[test]
    fn what_does_not_grow_is_never_full() {
        let growth = growth(&[7; 90]);
        assert_eq!(growth.full_in(Some(&disk(5))), None);
        assert!(growth.sentence().starts_with("Nothing came in"));
    }
}
