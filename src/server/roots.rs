//! GC roots, asked of the daemon.
//!
//! In: a connected server. Out: every root with its kind, and what the daemon said meanwhile. Asking is not free of side
//! effects: the daemon removes automatic links that lead nowhere any more and files of temporary roots of processes that
//! have ended, as every collection does. Nothing that keeps a path goes by that.

use super::daemon::Daemon;
use super::error::ServerError;
use super::{Inner, Server};
use crate::domain::StorePath;
use crate::domain::count::count;
use crate::domain::roots::Root;
use crate::domain::text::visible;

/// Nix's state folder unless the store's settings name another.
const STATE: &str = "/nix/var/nix";

/// The most broken links that are reported.
const MAX_STRAY: usize = 50;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RootsFound {
    /// Links, each with what it keeps. One path may have many.
    pub roots: Vec<Root>,
    /// What the daemon said: stale links that it removed, links to paths that are not valid. Fit to be shown.
    pub notes: Vec<String>,
}

impl Server {
    /// Every GC root, those of running processes and of uploads included.
    pub async fn roots(&self) -> Result<RootsFound, ServerError> {
        let Inner { link, start, .. } = &*self.inner;
        let facts = self.facts();
        let state = facts.state_dir.as_deref().unwrap_or(STATE);
        let pins = self.pins_dir();
        let mut daemon = Daemon::open(link, start).await?;
        let links = match daemon.find_roots().await {
            Ok(Ok(links)) => links,
            Ok(Err(error)) => {
                return Err(ServerError::nix(
                    &start.place,
                    "tell its GC roots",
                    &error,
                    "run `nix-store --gc --print-roots` there",
                ));
            }
            Err(error) => return Err(daemon.fail(error).await),
        };
        let mut found = RootsFound {
            roots: Vec::new(),
            notes: daemon.take_notes(),
        };
        let mut stray = 0;
        for (link, target) in links {
            match target {
                Ok(target) => {
                    let root = Root::new(link, target, state, &pins);
                    found.roots.push(root);
                }
                Err(why) => {
                    stray += 1;
                    if stray <= MAX_STRAY {
                        found.notes.push(format!(
                            "the root {} does not lead to a store path: {}",
                            visible(&link),
                            visible(&why)
                        ));
                    }
                }
            }
        }
        if stray > MAX_STRAY {
            let more = count(stray - MAX_STRAY, "more root");
            found
                .notes
                .push(format!("{more} that do not lead to a store path"));
        }
        Ok(found)
    }

    /// The outputs of these derivations as far as the store knows them, in order. Only needed where `keep-outputs` is on.
    pub async fn outputs(
        &self,
        derivations: &[StorePath],
    ) -> Result<Vec<Vec<StorePath>>, ServerError> {
        let Inner { link, start, .. } = &*self.inner;
        let mut daemon = Daemon::open(link, start).await?;
        match daemon.outputs(derivations).await {
            Ok(outputs) => Ok(outputs),
            Err(error) => Err(daemon.fail(error).await),
        }
    }
}
