//! Copying Nix's database to a file here, as a job that can be cancelled.
//!
//! In: a connected server, a file. Out: one message with what became of it.

use crate::console::app::msg::Msg;
use crate::console::backend::{Backend, Session};
use crate::console::screens;
use crate::console::screens::activity::backup::Backup;
use crate::console::types::JobId;
use crate::console::types::problem::Problem;
use crate::domain::When;
use crate::domain::text::visible;
use crate::link::tilde;
use crate::server::{Saved, Server, backup_place};
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;

/// Why there is no copy.
const LOST: &str = "the connection was lost first; try it again";

impl Backend {
    /// Begins it.
    pub(super) fn back_up(&mut self, job: JobId, file: &Path) {
        let cancel = CancellationToken::new();
        self.jobs.insert(job, cancel.clone());
        let server = self.session.as_ref().and_then(Session::server);
        let send = self.send.clone();
        // As in a shell.
        let file = tilde(&file.to_string_lossy());
        tokio::spawn(async move {
            let saved = saved(server, file.clone(), &cancel).await;
            let backup = Backup {
                at: When::now(),
                file: visible(&file.to_string_lossy()).into_owned(),
                saved,
            };
            let _ = send.send(Msg::Activity(screens::activity::Msg::BackedUp {
                job,
                backup: Box::new(backup),
            }));
        });
    }
}

/// A file that is there stays.
async fn saved(
    server: Option<Server>,
    file: PathBuf,
    cancel: &CancellationToken,
) -> Result<Option<Saved>, Problem> {
    backup_place(&file).map_err(Problem::say)?;
    let server = server.ok_or_else(|| Problem::say(LOST))?;
    tokio::select! {
        biased;
        () = cancel.cancelled() => Ok(None),
        saved = server.back_up(file) => {
            saved.map(Some).map_err(|error| Problem::new(&error))
        }
    }
}
