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
use crate::link::{NoPrompter, Prompter};
use crate::load::Kept;
use crate::server::Server;
use std::sync::Arc;

/// A server that was asked for.
pub(super) struct Session {
    /// The server, with what the arguments say over the configuration.
    pub(super) target: Target,
    /// The servers of the configuration, by name.
    known: Vec<String>,
    /// Whether someone wants to see progress.
    pub(super) quiet: bool,
}

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
        self.reach(async {
            let spec = self.target.spec().await?;
            let prompter: Arc<dyn Prompter> = Arc::new(Terminal);
            let known = Kept::of(&spec).and_then(|kept| kept.facts());
            Ok(Box::pin(Server::connect_to_read(spec, prompter, known)).await?)
        })
        .await
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
