//! Which paths a plan signs, and which of those asked for it leaves alone.
//!
//! In: the inventory, the selection, the name of the key. Out: rows in the order of signing, and the counts that the
//! plan tells. Nothing here asks the server.

use super::{Selection, What};
use crate::domain::{KeyRing, Role, TrustClass, Verdict, When};
use crate::inventory::{Inventory, Row};
use std::collections::BTreeSet;

/// What was picked.
#[derive(Debug, Default)]
pub(super) struct Picked {
    /// To sign, references before what refers to them.
    pub rows: Vec<Row>,
    /// Of those, and of those signed already, the ones that carry a wrong signature and no helpful one.
    pub bad: Vec<Row>,
    /// Those, and refused ones that claim a content address: what is stored with them may be beyond repair.
    pub suspect: Vec<Row>,
    /// Asked for, and signed by this key already.
    pub already: usize,
    /// Asked for, and left alone: signed by an upstream key.
    pub upstream: usize,
    pub upstream_keys: BTreeSet<String>,
    /// Left alone: the content address is enough.
    pub addressed: usize,
    /// Left alone: signed by another key of this cache, which clients trust as well.
    pub other_own: usize,
    /// Those keys.
    pub other_own_keys: BTreeSet<String>,
    /// Asked for, and not judged: not read yet, or not readable.
    pub unread: usize,
    /// Not asked for, needed by what was, and refused by clients.
    pub needed: usize,
    /// Not asked for, needed by what was, and not judged.
    pub needed_unread: usize,
}

/// Picks the rows.
pub(super) fn pick(
    inventory: &Inventory,
    keys: &KeyRing,
    key: &str,
    selection: &Selection,
) -> Picked {
    let asked = asked(inventory, selection);
    let mut picked = Picked::default();
    let mut rows = Vec::new();
    for row in asked {
        let Some(class) = inventory.trust(row) else {
            // What is gone, or never was in the store, is nothing to wait for.
            picked.unread += usize::from(inventory.state(row).is_present());
            continue;
        };
        if class == TrustClass::Bad {
            picked.bad.push(row);
        }
        // A true content address would need no signature.
        if class == TrustClass::Bad || (class.refused() && inventory.content_address(row).is_some())
        {
            picked.suspect.push(row);
        }
        let valid = |wanted: &str| {
            inventory
                .signatures(row)
                .any(|(name, verdict)| verdict == Verdict::Valid && name == wanted)
        };
        if valid(key) {
            picked.already += 1;
            continue;
        }
        let by = |role: Role, names: &mut BTreeSet<String>| {
            for (name, verdict) in inventory.signatures(row) {
                if verdict == Verdict::Valid && keys.get(name).is_some_and(|(r, _)| r == role) {
                    names.insert(name.to_owned());
                }
            }
        };
        match class {
            TrustClass::Bad | TrustClass::UnknownKey | TrustClass::Unsigned => rows.push(row),
            TrustClass::Retired | TrustClass::Ours => {
                if matches!(selection.what, What::Rows(_)) {
                    rows.push(row);
                } else {
                    picked.other_own += 1;
                    by(Role::Retired, &mut picked.other_own_keys);
                    by(Role::Ours, &mut picked.other_own_keys);
                }
            }
            TrustClass::Upstream | TrustClass::ContentAddressed if selection.upstream => {
                rows.push(row);
            }
            TrustClass::Upstream => {
                picked.upstream += 1;
                by(Role::Upstream, &mut picked.upstream_keys);
            }
            TrustClass::ContentAddressed => picked.addressed += 1,
        }
    }
    (picked.needed, picked.needed_unread) = needed(inventory, selection, &rows);
    // A job that is cut short then leaves whole closures signed.
    picked.rows = inventory.order_references_first(&rows);
    picked
}

/// The rows that the selection names, each once.
fn asked(inventory: &Inventory, selection: &Selection) -> Vec<Row> {
    let all = 0..Row::try_from(inventory.len()).unwrap_or(Row::MAX);
    let What::Rows(rows) = &selection.what else {
        return all.collect();
    };
    let mut seen = vec![false; inventory.len()];
    let mut asked = Vec::with_capacity(rows.len());
    let mut queue: Vec<Row> = rows
        .iter()
        .rev()
        .copied()
        .filter(|row| all.contains(row))
        .collect();
    while let Some(row) = queue.pop() {
        if std::mem::replace(&mut seen[row as usize], true) {
            continue;
        }
        asked.push(row);
        if selection.closure {
            queue.extend_from_slice(inventory.references(row));
        }
    }
    asked
}

/// How many refused paths the picked ones need that are not among them, and how many that were not judged.
fn needed(inventory: &Inventory, selection: &Selection, rows: &[Row]) -> (usize, usize) {
    if selection.closure || matches!(selection.what, What::All) {
        return (0, 0);
    }
    let mut seen = vec![false; inventory.len()];
    for row in rows {
        seen[*row as usize] = true;
    }
    let mut queue: Vec<Row> = rows
        .iter()
        .flat_map(|row| inventory.references(*row))
        .copied()
        .collect();
    let (mut needed, mut unread) = (0, 0);
    while let Some(row) = queue.pop() {
        if std::mem::replace(&mut seen[row as usize], true) {
            continue;
        }
        match inventory.trust(row) {
            Some(class) => needed += usize::from(class.refused()),
            None => unread += usize::from(inventory.state(row).is_present()),
        }
        queue.extend_from_slice(inventory.references(row));
    }
    (needed, unread)
}

/// What the dialog shows of the picked rows.
#[derive(Debug, Default)]
pub(super) struct Summary {
    /// Sum of the NAR sizes, in bytes.
    pub bytes: u64,
    /// The first upload among them.
    pub oldest: Option<When>,
    /// The last one.
    pub newest: Option<When>,
    /// Picked rows that no other picked row needs, newest first.
    pub tops: Vec<Row>,
    /// How many were not built on the server itself.
    pub uploaded: usize,
}

/// Sums up.
pub(super) fn summarize(inventory: &Inventory, rows: &[Row]) -> Summary {
    let mut summary = Summary::default();
    let mut needed = vec![false; inventory.len()];
    for row in rows {
        summary.bytes = summary
            .bytes
            .saturating_add(inventory.nar_size(*row).unwrap_or(0));
        if let Some(when) = inventory.registered(*row) {
            summary.oldest = Some(summary.oldest.map_or(when, |old| old.min(when)));
            summary.newest = Some(summary.newest.map_or(when, |new| new.max(when)));
        }
        if !inventory.ultimate(*row) {
            summary.uploaded += 1;
        }
        for reference in inventory.references(*row) {
            if reference != row {
                needed[*reference as usize] = true;
            }
        }
    }
    summary.tops = rows
        .iter()
        .copied()
        .filter(|row| !needed[*row as usize])
        .collect();
    summary
        .tops
        .sort_by_key(|row| std::cmp::Reverse(inventory.registered(*row)));
    summary
}
