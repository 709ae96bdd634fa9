//! Changes of ours that have not ended, and how far collections got.
//!
//! In: what jobs have left beside the server's audit log; the daemon is asked which paths of a collection are still there. Out:
//! [`Left`], for the judge.

use crate::judge::health::unfinished::Left;
use crate::server::{Server, ServerError};

/// Looks for them. A list that cannot be read, or not be asked about, costs the number of paths that are gone.
pub async fn left(server: &Server) -> Result<Vec<Left>, ServerError> {
    let mut found = Vec::new();
    for what in server.unfinished().await? {
        let gone = if what.collects() {
            gone(server, &what.id).await.ok()
        } else {
            None
        };
        found.push(Left { what, gone });
    }
    Ok(found)
}

async fn gone(server: &Server, id: &str) -> Result<usize, ServerError> {
    let planned = server.planned_paths(id).await?;
    let valid = server.valid_paths(&planned).await?;
    Ok(planned.len().saturating_sub(valid.len()))
}
