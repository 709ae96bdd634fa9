//! Reads a store for a subcommand, with progress on the terminal.
//!
//! In: a connected server. Out: the inventory, and on the way each batch of assessed paths.

use super::error::CliError;
use super::progress::Progress;
use crate::inventory::Inventory;
use crate::load::{AssessedPath, Loaded, Loader};
use crate::server::Server;

/// Reads the whole store. `each` sees every batch; with an error it stops the reading.
pub(super) async fn load(
    server: &Server,
    progress: &Progress,
    mut each: impl FnMut(&[AssessedPath]) -> Result<(), CliError>,
) -> Result<Inventory, CliError> {
    let mut loader = Loader::start(server, None);
    let mut done = 0;
    while let Some(loaded) = loader.next().await? {
        match loaded {
            Loaded::Listed(count) => progress.total(count),
            Loaded::Paths(batch) => {
                each(&batch)?;
                done += batch.len();
                progress.done(done, "reading the store");
            }
        }
    }
    progress.finish();
    Ok(loader.finish())
}
