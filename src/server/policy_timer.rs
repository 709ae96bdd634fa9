//! The policy timer: it collects by the retention policy of a server, with the storekeeper that is installed there.
//!
//! In: where that program is, when it is to run, and where things are. Out: the texts that are installed, to be shown before; and with a
//! token, all of it in place and the timer running, or as it was.

use super::Server;
use super::error::ServerError;
use super::installed::Places;
use super::script::{self, Answers};
use super::space::LOOK;
use super::spec::Settings;
use super::spec::folder_of;
use super::timer;
use crate::change::token::Token;
use crate::domain::policy_run::PolicyRun;
use crate::link::{Command, Limits, quote};
use std::fmt::Write as _;
use std::time::Duration;

/// What its units are called.
pub(super) const NAME: &str = "storekeeper-gc";

/// What is installed is tried before: that reads the whole store.
const INSTALL: Limits = Limits {
    output: 16 << 10,
    time: Duration::from_secs(3600),
};

/// What an installation would find.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is of another thing")]
pub struct PolicyTimerFacts {
    /// The server is NixOS: its module installs it.
    pub nixos: bool,
    /// It has systemd.
    pub systemd: bool,
    /// The same files are there already, and the timer runs.
    pub there: bool,
    /// Where storekeeper is on the server; `None` where it is not there.
    pub program: Option<String>,
    /// Its version, as it says it.
    pub version: Option<String>,
    /// Files and folders of the way to it that others than root may change.
    pub loose: Vec<String>,
}

/// What is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyTimer {
    /// storekeeper's program on the server: a path, or a name that is looked for there.
    pub program: String,
    /// When it runs, as systemd's `OnCalendar=` has it.
    pub when: String,
    /// The configuration that the program is given.
    pub config: String,
    /// The store's real folder.
    pub store: String,
    /// The audit log.
    pub log: String,
    /// Where the script and that configuration go.
    pub folder: String,
    /// The folder for the units.
    pub units: String,
}

impl PolicyTimer {
    /// In the usual places of a server; `None` where it is not known where its store is.
    pub fn of(server: &Server, program: String, when: String) -> Option<Self> {
        server.facts().store_dir.as_ref()?;
        Some(Self::at(server, &Places::default(), program, when))
    }

    /// In these places.
    pub(super) fn at(server: &Server, places: &Places, program: String, when: String) -> Self {
        Self {
            program,
            when,
            config: config(server.spec()),
            store: server.facts().store_dir.clone().unwrap_or_default(),
            log: server.spec().audit_log.clone(),
            folder: places.folder.clone(),
            units: places.units.clone(),
        }
    }

    /// The script that the timer runs.
    pub fn script_text() -> &'static str {
        script::POLICY_RUN
    }

    /// Where the script goes.
    pub fn script(&self) -> String {
        format!("{}/gc", self.folder)
    }

    /// Where the configuration goes.
    pub fn config_file(&self) -> String {
        format!("{}/gc.toml", self.folder)
    }

    /// Where it says how it went.
    pub fn state(&self) -> String {
        state_file(&self.log)
    }

    /// Where a unit goes.
    pub fn unit(&self, kind: &str) -> String {
        format!("{}/{NAME}.{kind}", self.units)
    }

    /// Whether the words mean the same to systemd and to a shell.
    pub fn is_plain(&self) -> bool {
        [
            &self.program,
            &self.store,
            &self.log,
            &self.folder,
            &self.units,
        ]
        .into_iter()
        .all(|word| word.starts_with('/') && timer::is_plain(word))
    }

    /// Whether that can be a time for systemd, which says itself what it does not understand.
    pub fn is_time(&self) -> bool {
        let fine = |c: char| c.is_ascii_alphanumeric() || " :*,./~-".contains(c);
        !self.when.trim().is_empty() && self.when.chars().all(fine)
    }

    fn command(&self, word: &str) -> String {
        format!(
            "{} {word} {} {} {}",
            self.script(),
            self.program,
            self.config_file(),
            self.state()
        )
    }

    /// The service that runs once.
    pub fn service(&self) -> String {
        let remote = timer::environment(&self.store);
        // Its own process is told to stop, and tells the program.
        format!(
            "[Unit]\nDescription=Collect by the retention policy\n\n[Service]\nType=oneshot\n\
             {remote}ExecStart={}\nKillMode=mixed\nTimeoutStopSec=60\nNice=10\nIOSchedulingClass=idle\n",
            self.command("run")
        )
    }

    /// The timer that starts it.
    pub fn timer(&self) -> String {
        format!(
            "[Unit]\nDescription=Collect by the retention policy\n\n[Timer]\nOnCalendar={}\nRandomizedDelaySec=15min\nPersistent=yes\n\n\
             [Install]\nWantedBy=timers.target\n",
            self.when
        )
    }

    fn look(&self) -> Command {
        Command::script(script::TIMER_LOOK)
            .arg(self.script())
            .arg(&self.units)
            .arg(NAME)
            .arg(self.config_file())
    }

    /// Whether all of its files are these.
    fn has(&self, answers: &Answers) -> bool {
        let (service, unit) = (self.service(), self.timer());
        let files = [
            ("script", script::POLICY_RUN),
            ("service", service.as_str()),
            ("unit", unit.as_str()),
            ("rules", self.config.as_str()),
        ];
        timer::has(answers, &files) && answers.get("timer") == Some("active")
    }
}

/// The server itself as its program sees it, with what is not as usual there.
fn config(settings: &Settings) -> String {
    let usual = Settings::default();
    let mut text = "# Written by storekeeper: this machine, for the timer that collects by the retention policy.\n[servers.cache]\nhost = \"local\"\n".to_owned();
    let mut line = |name: &str, value: &str, default: &str| {
        if value != default {
            let value = toml::Value::String(value.to_owned());
            let _ = writeln!(text, "{name} = {value}");
        }
    };
    line("audit_log", &settings.audit_log, &usual.audit_log);
    line("cache_user", &settings.cache_user, &usual.cache_user);
    line("nix_command", &settings.nix_command, &usual.nix_command);
    line("pins_dir", &settings.pins_dir, &usual.pins_dir);
    line("requests_dir", &settings.requests_dir, &usual.requests_dir);
    line(
        "sshd_log",
        settings.sshd_log.as_deref().unwrap_or_default(),
        "",
    );
    let command = |words: &[String]| {
        let words = words.iter().map(|word| quote(word));
        words.collect::<Vec<_>>().join(" ")
    };
    line(
        "daemon_command",
        &command(&settings.daemon_command),
        &command(&usual.daemon_command),
    );
    text
}

/// Where the policy timer says how it went: beside the audit log.
pub(super) fn state_file(log: &str) -> String {
    let folder = folder_of(log);
    format!("{folder}/gc.state")
}

/// How it went, where it is installed.
pub(super) fn of(answers: &Answers) -> Option<PolicyRun> {
    let lines: Vec<&str> = answers.all("gc").collect();
    let on = answers.get("gc-timer") == Some("active");
    let failed = answers.get("gc-run") == Some("failed");
    (!lines.is_empty()).then(|| PolicyRun::parse(on, failed, lines))
}

impl Server {
    /// What an installation of the policy timer would find.
    pub async fn policy_timer_facts(
        &self,
        timer: &PolicyTimer,
    ) -> Result<PolicyTimerFacts, ServerError> {
        let program = Command::script(script::POLICY_LOOK)
            .arg(&timer.program)
            .sudo(self.inner.start.sudo);
        let (found, answers) = tokio::try_join!(
            super::space::look(&self.inner, program, LOOK),
            super::space::look(&self.inner, timer.look(), LOOK)
        )?;
        let program = found.get("program").map(str::to_owned);
        let known = PolicyTimer {
            program: program.clone().unwrap_or_default(),
            ..timer.clone()
        };
        Ok(PolicyTimerFacts {
            nixos: answers.get("nixos").is_some(),
            systemd: answers.get("systemd").is_some(),
            there: program.is_some() && known.has(&answers),
            version: found.shown("version"),
            loose: found.all("loose").map(str::to_owned).collect(),
            program,
        })
    }

    /// Whether it is installed and its timer runs.
    pub async fn policy_timer_runs(&self, timer: &PolicyTimer) -> Result<bool, ServerError> {
        let answers = super::space::look(&self.inner, timer.look(), LOOK).await?;
        Ok(timer.has(&answers))
    }

    /// Installs it and starts its timer, if it can work out what a run would take; nothing is collected by that.
    pub async fn install_policy_timer(
        &self,
        _: &Token,
        timer: &PolicyTimer,
    ) -> Result<(), ServerError> {
        let environment = super::timer::environment(&timer.store);
        let remote = environment
            .trim_end()
            .strip_prefix("Environment=")
            .unwrap_or_default();
        let command = Command::script(script::TIMER_INSTALL)
            .arg(script::POLICY_RUN)
            .arg(timer.script())
            .arg(&timer.units)
            .arg(timer.service())
            .arg(timer.timer())
            .arg(NAME)
            .arg(format!("{remote} {}", timer.command("check")).trim_start())
            .arg(timer.config_file())
            .arg(&timer.config)
            .sudo(self.inner.start.sudo);
        let (what, next) = ("install the policy timer", "fix that and try again");
        script::fetch(&self.inner, &command, INSTALL, what, next).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_unusual_is_written_and_all_of_it_is_understood() {
        let settings = Settings::default();
        assert_eq!(config(&settings).lines().count(), 3);
        let settings = Settings {
            audit_log: "/srv/a \"b\"/audit.jsonl".to_owned(),
            sshd_log: Some("/var/log/auth.log".to_owned()),
            ..settings
        };
        let text = config(&settings);
        let table: toml::Table = text.parse().unwrap();
        let server = &table["servers"]["cache"];
        assert_eq!(
            server["audit_log"].as_str(),
            Some("/srv/a \"b\"/audit.jsonl")
        );
        assert_eq!(server["sshd_log"].as_str(), Some("/var/log/auth.log"));
    }
}
