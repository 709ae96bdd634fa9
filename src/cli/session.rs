//! From SERVER on the command line to a connected server.
//!
//! In: the common options and the server's name. Out: the configuration, the target, and the connection, for which
//! questions are asked on the terminal if there is one.

use super::args::Common;
use super::error::CliError;
use super::guess;
use super::prompter::Terminal;
use crate::change::Policy;
use crate::config::{Config, Target};
use crate::inventory::StoredError;
use crate::link::{NoPrompter, Prompter};
use crate::load::{Kept, StoreSnapshot};
use crate::server::Server;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tokio::task::{JoinHandle, spawn_blocking};

/// A server that was asked for.
pub(super) struct Session {
    /// The server, with what the arguments say over the configuration.
    pub(super) target: Target,
    /// The servers of the configuration, by name.
    known: Vec<String>,
    /// Whether someone wants to see progress.
    pub(super) quiet: bool,
    /// What is kept of the store, which is read while the server is connected to for the first time.
    kept: OnceLock<Mutex<Option<JoinHandle<Restored>>>>,
}

/// What was kept of a store, or why that is of no use.
type Restored = Result<Option<StoreSnapshot>, StoredError>;

impl Session {
    /// Reads the configuration and finds the server in it.
    pub(super) fn new(common: &Common, server: &str) -> Result<Self, CliError> {
        let config = Config::load(common.config.as_deref())?;
        let target = config.target(server, &common.overrides())?;
        // Only now: what is no address may have a password in it.
        tracing::info!(server, host = target.settings.host, "asked for");
        let known = config.servers.iter().map(|server| server.name.clone());
        Ok(Self {
            target,
            known: known.collect(),
            quiet: common.quiet,
            kept: OnceLock::new(),
        })
    }

    /// Connects.
    pub(super) async fn connect(&self) -> Result<Server, CliError> {
        self.reach(async {
            let spec = self.target.spec().await?;
            let prompter: Arc<dyn Prompter> = Arc::new(Terminal);
            Ok(Server::connect(spec, prompter).await?)
        })
        .await
    }

    /// Connects, to read the whole store next.
    pub(super) async fn connect_to_read(&self) -> Result<Server, CliError> {
        self.connect_to_read_with(Arc::new(Terminal)).await
    }

    /// The same, where this one is asked.
    pub(super) async fn connect_to_read_with(
        &self,
        prompter: Arc<dyn Prompter>,
    ) -> Result<Server, CliError> {
        self.reach(async {
            let spec = self.target.spec().await?;
            let kept = Kept::of(&spec);
            let known = kept.as_ref().and_then(Kept::facts);
            if let Some(kept) = kept {
                self.kept.get_or_init(|| Mutex::new(Some(restore(kept))));
            }
            Ok(Box::pin(Server::connect_to_read(spec, prompter, known)).await?)
        })
        .await
    }

    /// What this machine has kept of the store that is read next.
    pub(super) async fn kept(&self, kept: Kept) -> Restored {
        let ahead = self
            .kept
            .get()
            .and_then(|slot| slot.lock().unwrap_or_else(PoisonError::into_inner).take());
        let restored = ahead.unwrap_or_else(|| restore(kept)).await;
        restored.unwrap_or(Ok(None))
    }

    /// Connects if that takes no answer from anybody.
    pub(super) async fn connect_unasked(&self) -> Result<Server, CliError> {
        self.reach(async {
            let spec = self.target.spec().await?;
            Ok(Server::connect(spec, Arc::new(NoPrompter)).await?)
        })
        .await
    }

    /// Waits for a connection; one that fails says which server of the configuration may have been meant.
    async fn reach(
        &self,
        connecting: impl Future<Output = Result<Server, CliError>>,
    ) -> Result<Server, CliError> {
        let reached = connecting.await;
        reached.map_err(|error| guess::server(error, self.name(), &self.known))
    }

    /// What may be done on it.
    pub(super) fn policy(&self) -> Policy {
        Policy {
            read_only: self.target.settings.read_only,
        }
    }

    /// The server as commands and documents name it.
    pub(super) fn name(&self) -> &str {
        &self.target.settings.name
    }
}

fn restore(kept: Kept) -> JoinHandle<Restored> {
    spawn_blocking(move || Ok(kept.read()?.map(|(known, _)| known)))
}
