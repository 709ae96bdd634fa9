//! What has happened in the store.
//!
//! In: an inventory, and what was read after it. Out: events.

use super::Event;
use crate::domain::text::visible;
use crate::domain::{Assessment, PathInfo, TrustClass};
use crate::inventory::{Inventory, Row, State};

/// What a path that was read says, held against what was known of the store.
pub fn of_path(before: &Inventory, info: &PathInfo, now: &Assessment) -> Vec<Event> {
    let row = before.find(&info.path).filter(|row| is_valid(before, *row));
    let path = || info.path.to_string();
    let trust = now.class.word();
    let refused = now.class.refused();
    let mut events = Vec::new();
    let was_refused = if let Some(row) = row {
        let keys = new_keys(before, row, now);
        if !keys.is_empty() {
            events.push(Event::Signature {
                path: path(),
                keys,
                trust,
            });
        }
        before.trust(row).is_some_and(TrustClass::refused)
    } else {
        events.push(Event::Upload {
            path: path(),
            nar_size: Some(info.nar_size).filter(|size| *size > 0),
            registered: info.registered,
            trust,
            refused,
        });
        false
    };
    if refused && !was_refused {
        events.push(Event::RefusedPath {
            path: path(),
            trust,
        });
    }
    events
}

/// The names of signatures that the path had not, as often as each is new.
fn new_keys(before: &Inventory, row: Row, now: &Assessment) -> Vec<String> {
    let mut old: Vec<&str> = before.signatures(row).map(|(name, _)| name).collect();
    let names = now.signatures.iter().map(|(name, _)| name);
    let new = names.filter(|name| match old.iter().position(|old| old == name) {
        Some(at) => {
            old.swap_remove(at);
            false
        }
        None => true,
    });
    new.map(|name| visible(name).into_owned()).collect()
}

/// The paths that were valid and are no more; `None` if there are none. Walks the store.
pub fn deleted(before: &Inventory, now: &Inventory) -> Option<Event> {
    let rows = 0..before.len() as Row;
    let mut paths = 0;
    let mut nar_size = 0_u64;
    for row in rows.filter(|row| is_listed(before, *row)) {
        if !now
            .find(&before.path(row))
            .is_some_and(|row| is_listed(now, row))
        {
            paths += 1;
            nar_size = nar_size.saturating_add(before.nar_size(row).unwrap_or(0));
        }
    }
    (paths > 0).then_some(Event::Deleted { paths, nar_size })
}

fn is_valid(inventory: &Inventory, row: Row) -> bool {
    inventory.state(row) == State::Valid
}

fn is_listed(inventory: &Inventory, row: Row) -> bool {
    !matches!(inventory.state(row), State::Gone | State::Unlisted)
}
