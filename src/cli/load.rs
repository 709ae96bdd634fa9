//! Reads a store for a subcommand, with progress on the terminal.
//!
//! In: a connected server. Out: the inventory, and on the way each batch of assessed paths.

use super::error::CliError;
use super::progress::Progress;
use super::session::Session;
use crate::inventory::Inventory;
use crate::load::{AssessedPath, Entered, Kept, Loader, StoreSnapshot};
use crate::server::{ReadSummary, Server};
use std::sync::Arc;

/// A store that was read.
#[derive(Debug)]
pub(super) struct Loaded {
    /// The store.
    pub(super) inventory: Inventory,
    /// How reading it went.
    pub(super) read: ReadSummary,
    /// Whether all of it was known before, and what it is from is as it was.
    pub(super) unchanged: bool,
}

impl Loaded {
    /// To be read over the next time.
    pub(super) fn known(self) -> StoreSnapshot {
        StoreSnapshot {
            inventory: Arc::new(self.inventory),
            seen: self.read.seen,
        }
    }
}

/// Reads the whole store, over what this machine has kept of it, and keeps what was read. `each` sees every batch; with an error it
/// stops the reading.
pub(super) async fn load(
    session: &Session,
    server: &Server,
    progress: &Progress,
    each: impl FnMut(&[AssessedPath]) -> Result<(), CliError>,
) -> Result<Loaded, CliError> {
    let kept = Kept::of(server.spec());
    let known = match kept.clone() {
        Some(kept) => session.kept(kept).await,
        None => Ok(None),
    };
    let known = known.unwrap_or_else(|why| {
        progress.log(&format!("what was kept of this store is not used: {why}"));
        None
    });
    let loaded = load_over(server, known, progress, each).await?;
    if let Some(kept) = kept.filter(|_| !loaded.unchanged) {
        kept.keep(&StoreSnapshot {
            inventory: Arc::new(loaded.inventory.clone()),
            seen: loaded.read.seen.clone(),
        });
    }
    Ok(loaded)
}

/// The same over what is known, without keeping it.
pub(super) async fn load_over(
    server: &Server,
    known: Option<StoreSnapshot>,
    progress: &Progress,
    mut each: impl FnMut(&[AssessedPath]) -> Result<(), CliError>,
) -> Result<Loaded, CliError> {
    let mut loader = Loader::start(server, known);
    let mut done = 0;
    while let Some(entered) = loader.next().await? {
        match entered {
            Entered::Listed(count) => progress.total(count),
            Entered::Paths(batch) => {
                each(&batch)?;
                done += batch.len();
                progress.done(done, "reading the store");
            }
        }
    }
    progress.finish();
    let unchanged = loader.is_unchanged();
    let (inventory, read) = loader.finish();
    if let Some(why) = &read.fallback {
        progress.log(&format!(
            "the store was read through the daemon: {why}; set reader = \"daemon\" for this server to do so at once"
        ));
    }
    Ok(Loaded {
        inventory,
        read,
        unchanged,
    })
}
