//! The upload lease: a timer there that keeps what was uploaded within some days from any collection.
//!
//! In: days, and where things are. Out: the texts that are installed, to be shown before; and with a token, script and units in
//! place and the timer running, or all as it was.

use super::Server;
use super::error::ServerError;
use super::installed::Places;
use super::script;
use super::space::LOOK;
use super::timer::{self, INSTALL};
use crate::change::token::Token;
use crate::link::Command;

/// What its units are called.
pub(super) const NAME: &str = "storekeeper-lease";

/// What an installation would find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseFacts {
    /// The server is NixOS: its module installs the lease.
    pub nixos: bool,
    /// It has systemd.
    pub systemd: bool,
    /// The same script and the same service are there already.
    pub there: bool,
}

/// What is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseInstall {
    /// How long an upload is kept.
    pub days: u32,
    /// Where the script goes.
    pub script: String,
    /// The folder for the units.
    pub units: String,
    /// The store's real folder.
    pub store: String,
    /// Nix's real state folder.
    pub state: String,
}

impl LeaseInstall {
    /// In the usual places of a server; `None` where it is not known where its store is.
    pub fn of(server: &Server, days: u32) -> Option<Self> {
        let facts = server.facts();
        facts.store_dir.as_ref().and(facts.state_dir.as_ref())?;
        Some(Self {
            days,
            ..Self::at(server, &Places::default())
        })
    }

    /// In these places, with no days.
    pub(super) fn at(server: &Server, places: &Places) -> Self {
        let facts = server.facts();
        Self {
            days: 0,
            script: format!("{}/lease", places.folder),
            units: places.units.clone(),
            store: facts.store_dir.clone().unwrap_or_default(),
            state: facts.state_dir.clone().unwrap_or_default(),
        }
    }

    /// The script's text.
    pub fn script_text() -> &'static str {
        script::LEASE
    }

    /// The folder of its roots.
    pub fn folder(&self) -> String {
        format!("{}/gcroots/storekeeper-lease", self.state)
    }

    /// Whether systemd would read these words as they are.
    pub fn is_plain(&self) -> bool {
        [&self.script, &self.units, &self.store, &self.state]
            .iter()
            .all(|word| !word.is_empty() && timer::is_plain(word))
    }

    fn look(&self) -> Command {
        Command::script(script::TIMER_LOOK)
            .arg(&self.script)
            .arg(&self.units)
            .arg(NAME)
            .arg("")
    }

    /// The service that runs once.
    pub fn service(&self) -> String {
        let remote = timer::environment(&self.store);
        format!(
            "[Unit]\nDescription=Keep uploads of the last {days} days from being collected\n\n[Service]\nType=oneshot\n\
             {remote}ExecStart={script} {days} {store} {state}/gcroots\nNice=10\nIOSchedulingClass=idle\n",
            days = self.days,
            script = self.script,
            store = self.store,
            state = self.state,
        )
    }

    /// The timer that starts it.
    pub fn timer() -> &'static str {
        "[Unit]\nDescription=Keep new uploads from being collected\n\n[Timer]\nOnBootSec=1min\nOnUnitInactiveSec=5min\n\n\
         [Install]\nWantedBy=timers.target\n"
    }
}

impl Server {
    /// What an installation of the lease would find.
    pub async fn lease_facts(&self, install: &LeaseInstall) -> Result<LeaseFacts, ServerError> {
        let answers = super::space::look(&self.inner, install.look(), LOOK).await?;
        let files = [("script", script::LEASE), ("service", &install.service())];
        Ok(LeaseFacts {
            nixos: answers.get("nixos").is_some(),
            systemd: answers.get("systemd").is_some(),
            there: timer::has(&answers, &files),
        })
    }

    /// Whether the lease is installed, its timer runs and its first run went well; `None` where that is not known yet.
    pub async fn lease_runs(&self, install: &LeaseInstall) -> Result<Option<bool>, ServerError> {
        let answers = super::space::look(&self.inner, install.look(), LOOK).await?;
        let files = [
            ("script", script::LEASE),
            ("service", &install.service()),
            ("unit", LeaseInstall::timer()),
        ];
        Ok(timer::runs(&answers, &files))
    }

    /// Installs the lease, starts its timer, and runs it once.
    pub async fn install_lease(
        &self,
        _: &Token,
        install: &LeaseInstall,
    ) -> Result<(), ServerError> {
        let command = Command::script(script::TIMER_INSTALL)
            .arg(script::LEASE)
            .arg(&install.script)
            .arg(&install.units)
            .arg(install.service())
            .arg(LeaseInstall::timer())
            .arg(NAME)
            .arg("")
            .sudo(self.inner.start.sudo);
        let (what, next) = ("install the lease", "fix that and try again");
        script::fetch(&self.inner, &command, INSTALL, what, next).await?;
        Ok(())
    }
}
