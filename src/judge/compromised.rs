//! A compromised signing key: what it has signed, and what follows for clients.
//!
//! In: the inventory, the key's name, since when it counts as compromised. Out: rows and counts. When a path was signed is written
//! down nowhere; when it was registered is.

use crate::domain::{Verdict, When};
use crate::inventory::{Inventory, Row};

/// What a key has to do with a store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compromised {
    /// Paths with a signature by its name, whatever that is worth, the newest first.
    pub carrying: Vec<Row>,
    /// Of those, the ones that clients accept for this key alone.
    pub alone: Vec<Row>,
    /// Of those that carry one, the ones that were registered since.
    pub since: Vec<Row>,
}

fn rows(inventory: &Inventory) -> std::ops::Range<Row> {
    0..Row::try_from(inventory.len()).unwrap_or(Row::MAX)
}

fn carries(inventory: &Inventory, row: Row, key: &str) -> bool {
    inventory.state(row).is_present() && inventory.signatures(row).any(|(name, _)| name == key)
}

impl Compromised {
    /// Of the key of this name. A job: it looks at every row.
    pub fn new(inventory: &Inventory, key: &str, since: Option<When>) -> Self {
        let mut found = Self::default();
        for row in rows(inventory) {
            if !carries(inventory, row, key) {
                continue;
            }
            found.carrying.push(row);
            let accepted = inventory.trust(row).is_some_and(|class| !class.refused());
            let other = inventory
                .signatures(row)
                .any(|(name, verdict)| verdict == Verdict::Valid && name != key);
            if accepted && !other && !inventory.needs_no_signature(row) {
                found.alone.push(row);
            }
            let registered = inventory.registered(row);
            if since.is_some_and(|since| registered.is_none_or(|at| at >= since)) {
                found.since.push(row);
            }
        }
        let newest = |row: &Row| (std::cmp::Reverse(inventory.registered(*row)), *row);
        found.carrying.sort_by_key(newest);
        found.alone.sort_by_key(newest);
        found.since.sort_by_key(newest);
        found
    }
}

/// For each of these names, how many paths carry a signature by it. A job: it looks at every row.
pub fn carrying(inventory: &Inventory, names: &[String]) -> Vec<(String, usize)> {
    let of = |name: &String| {
        let rows = rows(inventory).filter(|row| carries(inventory, *row, name));
        (name.clone(), rows.count())
    };
    names.iter().map(of).collect()
}
