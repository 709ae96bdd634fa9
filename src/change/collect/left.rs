//! Changes of ours that have not ended, and how far collections got.
//!
//! In: what lies beside the server's audit log, and the store as it is now. Out: [`Left`], for the judge.

use crate::domain::StorePath;
use crate::inventory::Inventory;
use crate::judge::health::unfinished::Left;
use crate::server::{Server, ServerError};

/// Looks for them. A list that cannot be read costs the number of paths that are gone.
pub async fn left(server: &Server, inventory: &Inventory) -> Result<Vec<Left>, ServerError> {
    let mut found = Vec::new();
    for what in server.unfinished().await? {
        let planned = if what.collects() {
            server.planned_paths(&what.id).await.ok()
        } else {
            None
        };
        let there = |path: &StorePath| {
            inventory
                .find(path)
                .is_some_and(|row| inventory.state(row).is_present())
        };
        found.push(Left {
            gone: planned.map(|paths| paths.iter().filter(|path| !there(path)).count()),
            what,
        });
    }
    Ok(found)
}
