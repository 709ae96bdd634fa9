//! Signing that runs by itself: a timer there that signs new uploads which rules name.
//!
//! In: rules, and where things are. Out: the texts that are installed, to be shown before; and with a token, scripts, rules and units in
//! place and the timer running, or all as it was.

use super::Server;
use super::error::ServerError;
use super::installed::Places;
use super::script::{self, Answers};
use super::space::LOOK;
use super::spec::folder_of;
use super::timer::{self, INSTALL};
use crate::change::token::Token;
use crate::domain::auto_sign::AutoSign;
use crate::link::Command;

/// What its units are called.
pub(super) const NAME: &str = "storekeeper-auto-sign";

/// How far back a run looks for uploads.
const DAYS: u32 = 7;

/// What an installation would find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AutoSignFacts {
    /// The server is NixOS: its module installs it.
    pub nixos: bool,
    /// It has systemd.
    pub systemd: bool,
    /// The same script, rules and service are there already.
    pub there: bool,
}

/// What is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AutoSignInstall {
    /// Patterns of the names that are signed.
    pub names: Vec<String>,
    /// Patterns of names that are never signed, nor what needs one.
    pub never: Vec<String>,
    /// Fingerprints of the ssh keys whose uploads are signed; empty for all uploads.
    pub uploaders: Vec<String>,
    /// sshd's log file; the journal where there is none.
    pub sshd_log: Option<String>,
    /// The file of the key that signs, on the server.
    pub key: String,
    /// The keys that clients trust, as `trusted-public-keys` has them.
    pub trusted: Vec<String>,
    /// The store's real folder.
    pub store: String,
    /// The audit log.
    pub log: String,
    /// Where the scripts and rules go.
    pub folder: String,
    /// The folder for the units.
    pub units: String,
}

impl AutoSignInstall {
    /// In the usual places of a server, with the first key that can be used there; `None` where there is none, or it is not known where
    /// its store is.
    pub fn of(
        server: &Server,
        names: Vec<String>,
        never: Vec<String>,
        uploaders: Vec<String>,
    ) -> Option<Self> {
        let facts = server.facts();
        let Places { folder, units } = Places::default();
        let mut keys = facts.signing_keys.iter();
        let key = keys.find(|key| key.problem.is_none() && key.name.is_some())?;
        let trusted = facts.keys.names().into_iter();
        let trusted = trusted.filter_map(|name| facts.keys.get(name));
        Some(Self {
            names,
            never,
            uploaders,
            sshd_log: server.spec().sshd_log.clone(),
            key: key.file.clone(),
            trusted: trusted.map(|(_, key)| key.to_string()).collect(),
            store: facts.store_dir.clone()?,
            log: server.spec().audit_log.clone(),
            folder,
            units,
        })
    }

    /// What rules that are there say; `None` where they are none.
    pub(super) fn read(rules: &[&str], places: &Places) -> Option<Self> {
        let all = |word: &str| -> Vec<String> {
            let lines = rules.iter().filter_map(|line| line.strip_prefix(word));
            lines.map(str::to_owned).collect()
        };
        let one = |word: &str| all(word).into_iter().next();
        Some(Self {
            names: all("name "),
            never: all("never "),
            uploaders: all("uploader "),
            sshd_log: one("sshd-log "),
            key: one("key ")?,
            trusted: all("trust "),
            store: one("store ")?,
            log: one("log ")?,
            folder: places.folder.clone(),
            units: places.units.clone(),
        })
    }

    /// The script that the timer runs.
    pub fn script_text() -> &'static str {
        script::AUTO_SIGN
    }

    /// The script that appends to the audit log.
    pub fn append_text() -> &'static str {
        script::AUDIT_APPEND
    }

    /// Where the script goes.
    pub fn script(&self) -> String {
        format!("{}/auto-sign", self.folder)
    }

    /// Where the rules go.
    pub fn rules_file(&self) -> String {
        format!("{}/auto-sign.rules", self.folder)
    }

    fn append_file(&self) -> String {
        format!("{}/audit-append", self.folder)
    }

    pub fn rules(&self) -> String {
        let mut lines = vec![
            format!("store {}", self.store),
            format!("key {}", self.key),
            format!("log {}", self.log),
            format!("append {}", self.append_file()),
            format!("days {DAYS}"),
        ];
        let list = |word: &str, values: &[String]| -> Vec<String> {
            values
                .iter()
                .map(|value| format!("{word} {value}"))
                .collect()
        };
        lines.extend(list("trust", &self.trusted));
        lines.extend(list("name", &self.names));
        lines.extend(list("never", &self.never));
        lines.extend(list("uploader", &self.uploaders));
        if let Some(file) = self
            .sshd_log
            .as_ref()
            .filter(|_| !self.uploaders.is_empty())
        {
            lines.push(format!("sshd-log {file}"));
        }
        format!("{}\n", lines.join("\n"))
    }

    /// Whether the words mean the same to systemd, to the rules and to a shell.
    pub fn is_plain(&self) -> bool {
        [&self.key, &self.store, &self.log, &self.folder, &self.units]
            .into_iter()
            .chain(&self.sshd_log)
            .all(|word| word.starts_with('/') && timer::is_plain(word))
    }

    /// The pattern that can't be one: of the characters of names, with `*` and `?`.
    pub fn odd_pattern(&self) -> Option<&str> {
        let fine = |c: char| c.is_ascii_alphanumeric() || "+._?=*-".contains(c);
        let mut all = self.names.iter().chain(&self.never);
        let odd = all.find(|pattern| pattern.is_empty() || !pattern.chars().all(fine))?;
        Some(odd)
    }

    /// The service that runs once.
    pub fn service(&self) -> String {
        let remote = timer::environment(&self.store);
        format!(
            "[Unit]\nDescription=Sign new uploads that rules name\n\n[Service]\nType=oneshot\n\
             {remote}ExecStart={} {}\nNice=10\nIOSchedulingClass=idle\n",
            self.script(),
            self.rules_file(),
        )
    }

    /// The timer that starts it.
    pub fn timer() -> &'static str {
        "[Unit]\nDescription=Sign new uploads\n\n[Timer]\nOnBootSec=1min\nOnUnitInactiveSec=5min\n\n\
         [Install]\nWantedBy=timers.target\n"
    }

    fn look(&self) -> Command {
        Command::script(script::TIMER_LOOK)
            .arg(self.script())
            .arg(&self.units)
            .arg(NAME)
            .arg(self.rules_file())
    }
}

/// Where auto-sign says how it went: beside the audit log.
pub(super) fn state_file(log: &str) -> String {
    let folder = folder_of(log);
    format!("{folder}/auto-sign.state")
}

/// How auto-sign went, where it is installed.
pub(super) fn of(answers: &Answers) -> Option<AutoSign> {
    let lines: Vec<&str> = answers.all("auto-sign").collect();
    let on = answers.get("auto-sign-timer") == Some("active");
    (!lines.is_empty()).then(|| AutoSign::parse(on, lines))
}

impl Server {
    /// What an installation of auto-sign would find.
    pub async fn auto_sign_facts(
        &self,
        install: &AutoSignInstall,
    ) -> Result<AutoSignFacts, ServerError> {
        let answers = super::space::look(&self.inner, install.look(), LOOK).await?;
        let files = [
            ("script", script::AUTO_SIGN),
            ("service", &install.service()),
            ("rules", &install.rules()),
        ];
        Ok(AutoSignFacts {
            nixos: answers.get("nixos").is_some(),
            systemd: answers.get("systemd").is_some(),
            there: timer::has(&answers, &files),
        })
    }

    /// Whether it is installed, its timer runs and its first run went well; `None` where that is not known yet.
    pub async fn auto_sign_runs(
        &self,
        install: &AutoSignInstall,
    ) -> Result<Option<bool>, ServerError> {
        let answers = super::space::look(&self.inner, install.look(), LOOK).await?;
        let files = [
            ("script", script::AUTO_SIGN),
            ("service", &install.service()),
            ("rules", &install.rules()),
            ("unit", AutoSignInstall::timer()),
        ];
        Ok(timer::runs(&answers, &files))
    }

    /// Installs it, starts its timer, and runs it once.
    pub async fn install_auto_sign(
        &self,
        _: &Token,
        install: &AutoSignInstall,
    ) -> Result<(), ServerError> {
        let command = Command::script(script::TIMER_INSTALL)
            .arg(script::AUTO_SIGN)
            .arg(install.script())
            .arg(&install.units)
            .arg(install.service())
            .arg(AutoSignInstall::timer())
            .arg(NAME)
            .arg("")
            .arg(install.append_file())
            .arg(script::AUDIT_APPEND)
            .arg(install.rules_file())
            .arg(install.rules())
            .sudo(self.inner.start.sudo);
        let (what, next) = ("install auto-sign", "fix that and try again");
        script::fetch(&self.inner, &command, INSTALL, what, next).await?;
        Ok(())
    }
}
