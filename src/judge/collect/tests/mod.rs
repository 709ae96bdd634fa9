//! Plans against naive models.

mod cases;
mod properties;

use super::*;
use crate::inventory::testing::Model;
use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;

const NOW: i64 = 11_000;

/// Everything that a situation borrows.
struct Owned {
    inventory: Inventory,
    liveness: Liveness,
    usage: Usage,
    pinned: Vec<Row>,
}

impl Owned {
    fn new(model: &Model, roots: &[Row], pinned: &[Row]) -> Self {
        let inventory = model.inventory();
        let liveness = Liveness::of(&inventory, roots, &model.keep());
        let usage = Usage::new(&inventory, &model.last_use());
        Self {
            inventory,
            liveness,
            usage,
            pinned: pinned.to_vec(),
        }
    }

    fn situation<'a>(&'a self, model: &'a Model) -> Situation<'a> {
        Situation {
            inventory: &self.inventory,
            liveness: &self.liveness,
            pinned: &self.pinned,
            usage: &self.usage,
            keep: model.keep(),
            now: When::from_unix(NOW),
            disk: None,
            saved: None,
        }
    }
}

fn go() -> AtomicBool {
    AtomicBool::new(false)
}

/// Rules without grace, so that a test says what it means.
fn anything() -> Rules {
    Rules {
        grace: Age(0),
        keep_newest: 0,
        ..Rules::default()
    }
}

fn set(rows: &[Row]) -> BTreeSet<usize> {
    rows.iter().map(|row| *row as usize).collect()
}
