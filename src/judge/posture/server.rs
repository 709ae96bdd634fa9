//! What holds for every key: sshd's settings for the cache user, and Nix's.
//!
//! In: the facts. Out: the posture of the server as JSON has it, with what should be fixed in its configuration.

use super::super::authorities;
use super::super::finding::{Finding, Level};
use super::{Ability, Runs, is_trusted, of_key, runs};
use crate::domain::Remedy;
use crate::domain::access::{
    AccessFacts, CacheUser, LogLevel, Service, SshdFacts, SshdSettings, Unknown,
};
use crate::domain::authorized_keys::KeyOptions;
use crate::domain::text::visible;
use serde::Serialize;

/// The posture of the server. What is not known is null.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Posture {
    /// `ssh` for `nix-store --serve`, `ssh-ng` for `nix-daemon --stdio`; by sshd's forced command.
    pub protocol: Option<&'static str>,
    /// sshd's `ForceCommand`.
    pub forced_command: Option<String>,
    /// Whether a key that is restricted to the forced command can put paths in.
    pub write: Option<bool>,
    /// Whether Nix takes unsigned paths from the cache user.
    pub trusted: Option<bool>,
    /// What should be fixed.
    pub findings: Vec<Finding>,
}

/// Judges the server.
pub fn of_server(facts: &AccessFacts) -> Posture {
    let mut findings = Vec::new();
    let user = facts.cache_user.as_ref();
    let trusted = match user {
        Ok(user) => is_trusted(facts, user),
        Err(unknown) => Err(unknown.clone()),
    };
    let mut posture = Posture {
        protocol: None,
        forced_command: None,
        write: None,
        trusted: trusted.as_ref().ok().copied(),
        findings: Vec::new(),
    };
    match (&facts.sshd.settings, user) {
        (Ok(settings), Ok(user)) => {
            posture.forced_command = settings
                .force_command
                .as_ref()
                .map(|command| visible(command).into_owned());
            posture.protocol = settings
                .force_command
                .as_ref()
                .and_then(|command| Runs::of_command(command).protocol());
            // What holds for every key is what holds for a key with nothing but `restrict`.
            let restricted = KeyOptions::parse(b"restrict").unwrap_or_default();
            let every = of_key(facts, &restricted);
            posture.write = every.can.map(|can| can.contains(&Ability::Upload));
            findings.extend(every.findings);
            findings.extend(of_configuration(&facts.sshd));
            of_settings(settings, user, &mut findings);
            findings.extend(of_authorities(facts, settings, user));
            findings.extend(of_startups(facts, settings));
            let runs = runs(settings, user, &restricted);
            if runs.protocol().is_some() {
                findings.extend(of_service(facts, settings, user));
            }
        }
        (Err(Unknown(why)), _) | (_, Err(Unknown(why))) => findings.push(Finding::new(
            Level::Warning,
            "posture-unknown",
            format!(
                "what keys can do here is not known: {}",
                visible(&why.to_string())
            ),
        )),
    }
    if let Err(Unknown(why)) = &facts.trusted_users {
        let message = format!(
            "Nix's trusted-users are not known: {}",
            visible(&why.to_string())
        );
        findings.push(Finding::new(Level::Note, "trusted-unknown", message));
    }
    if let Ok(list) = &facts.trusted_users
        && list.iter().any(|entry| entry == "*")
    {
        let message = "Nix trusts every user of the server, which makes each as good as root (trusted-users = *)";
        let fix = Remedy::nix("trusted-users = root, and whom else it is to trust");
        findings.push(Finding::new(Level::Warning, "trusted-all", message).fix(fix));
    }
    posture.findings = findings;
    posture
}

/// Settings that may not be those that count.
fn of_configuration(sshd: &SshdFacts) -> Option<Finding> {
    let why = sshd.assumed.as_ref()?;
    let message = format!(
        "sshd's settings are those of {}, and others may be in use: {why}",
        sshd.config_file
    );
    let fix = "compare that file with the -f and -o that sshd is started with there";
    Some(Finding::new(Level::Note, "settings-assumed", message).fix(fix))
}

fn of_settings(settings: &SshdSettings, user: &CacheUser, findings: &mut Vec<Finding>) {
    let name = visible(&user.name);
    let mut add = |level, code, message: String, fix: Remedy| {
        findings.push(Finding::new(level, code, message).fix(fix));
    };
    if settings.pubkey_authentication == Some(false) {
        let message = format!("clients get nothing: sshd takes no keys from {name} at all");
        add(
            Level::Warning,
            "no-keys",
            message,
            Remedy::sshd("PubkeyAuthentication yes"),
        );
    }
    if is_shut_out(settings, user) {
        let message = format!(
            "clients get nothing: AllowUsers, DenyUsers, AllowGroups or DenyGroups keep {name} out, whatever its keys"
        );
        add(
            Level::Warning,
            "shut-out",
            message,
            "let the user in there".into(),
        );
    }
    if settings.strict_modes == Some(false) {
        let message = "StrictModes is off: sshd reads key files that others may write".to_owned();
        add(
            Level::Warning,
            "strict-modes",
            message,
            Remedy::sshd("StrictModes yes"),
        );
    }
    let hidden = match settings.log_level {
        Some(level) if level < LogLevel::Info => Some((
            Level::Warning,
            "neither logins nor refusals can be seen: sshd's LogLevel hides them",
        )),
        Some(LogLevel::Info) => Some((
            Level::Note,
            "refused keys and what sessions run can't be seen: sshd's LogLevel hides them",
        )),
        _ => None,
    };
    if let Some((level, message)) = hidden {
        let fix = Remedy::sshd("LogLevel VERBOSE");
        add(level, "log-level", message.to_owned(), fix);
    }
    if settings.max_sessions == Some(0) {
        let message = "clients get nothing: sshd allows no sessions (MaxSessions 0)".to_owned();
        add(
            Level::Warning,
            "no-sessions",
            message,
            Remedy::sshd("MaxSessions 10"),
        );
    }
    if let Some(command) = &settings.authorized_keys_command {
        // Our own prints nothing; it only takes down who asks.
        if !command.contains("storekeeper") {
            let message = format!(
                "keys also come from the command {}, and those are not listed here",
                visible(command)
            );
            add(
                Level::Warning,
                "keys-command",
                message,
                Remedy::sshd("AuthorizedKeysCommand none, if it is not needed"),
            );
        }
    }
    if takes_passwords(settings) {
        let message = format!("sshd takes passwords for {name} too, if it has one");
        add(
            Level::Note,
            "passwords",
            message,
            Remedy::sshd("PasswordAuthentication no and KbdInteractiveAuthentication no"),
        );
    }
}

/// Whether a password alone is enough for sshd.
fn takes_passwords(settings: &SshdSettings) -> bool {
    let asks = settings.password_authentication == Some(true)
        || settings.kbd_interactive_authentication == Some(true);
    // A method can have a device behind it: `keyboard-interactive:pam`.
    let is_password =
        |method: &str| method == "password" || method.starts_with("keyboard-interactive");
    let methods = &settings.authentication_methods;
    asks && (methods.is_empty() || methods.iter().any(|list| list.split(',').all(is_password)))
}

/// Whose certificates sshd's settings take, and for which names.
fn of_authorities(
    facts: &AccessFacts,
    settings: &SshdSettings,
    user: &CacheUser,
) -> Option<Finding> {
    let file = visible(settings.trusted_user_ca_keys.as_ref()?);
    let who = authorities::by_settings(facts, settings, user);
    let whose = match &facts.certificates.trusted {
        Ok(trusted) => {
            let prints = trusted.iter().map(|(_, key)| key.fingerprint().to_string());
            let prints = prints.collect::<Vec<_>>();
            match prints.as_slice() {
                [] => "none of which was found there".to_owned(),
                prints => prints.join(", "),
            }
        }
        Err(Unknown(why)) => format!("which are not known: {}", why.visible()),
    };
    let message = format!(
        "everybody with a certificate of the authorities in {file} ({whose}) {} may log in, and is not listed here",
        who.words()
    );
    let fix = Remedy::sshd("TrustedUserCAKeys none, if it is not needed");
    Some(Finding::new(Level::Warning, "trusted-ca", message).fix(fix))
}

/// How many connections may log in at once where nothing is said, by `sshd_config(5)`.
const STARTUPS: u32 = 10;

/// Whether sshd drops clients that connect at the same time, as builders do that were woken by one another.
fn of_startups(facts: &AccessFacts, settings: &SshdSettings) -> Option<Finding> {
    let first = settings.max_startups.filter(|first| *first < STARTUPS)?;
    let documents = facts.files.iter().filter_map(|file| file.document().ok());
    let keys: usize = documents.map(|document| document.keys().count()).sum();
    if keys <= first as usize {
        return None;
    }
    let message = format!(
        "sshd may drop clients when more than {first} log in at once (MaxStartups), and {keys} keys are authorized"
    );
    let fix = Remedy::sshd("MaxStartups 100:30:200");
    Some(Finding::new(Level::Warning, "startups", message).fix(fix))
}

/// What the forced command did when it was tried.
fn of_service(facts: &AccessFacts, settings: &SshdSettings, user: &CacheUser) -> Option<Finding> {
    let name = visible(&user.name);
    let command = settings.force_command.as_deref().unwrap_or_default();
    let (level, code, message, fix): (_, _, _, Remedy) = match &facts.service {
        Ok(Service::Answers) => return None,
        Ok(Service::Noise(said)) => (
            Level::Warning,
            "not-served",
            format!(
                "clients may get nothing: the login shell of {name} writes \"{}\" before Nix answers",
                visible(said)
            ),
            format!("take what prints out of the files that the shell of {name} reads at a login, or give it /bin/sh").into(),
        ),
        Ok(Service::Fails(said)) => (
            Level::Warning,
            "not-served",
            format!(
                "clients may get nothing: {} fails as {name}: {}",
                visible(command),
                visible(said)
            ),
            mend_command(command, said, &name),
        ),
        Err(Unknown(why)) => (
            Level::Note,
            "not-tried",
            format!("whether clients are served was not tried: {}", why.visible()),
            "log in as root, or allow `sudo -n`".into(),
        ),
    };
    Some(Finding::new(level, code, message).fix(fix))
}

/// What to do about a forced command that failed and `said` why.
fn mend_command(command: &str, said: &str, name: &str) -> Remedy {
    // Debian's Nix has its daemon's socket in a folder that only a group may enter.
    if said.contains("/daemon-socket") && said.contains("Permission denied") {
        return Remedy::Advice(format!(
            "on the server, add {name} to the group of /nix/var/nix/daemon-socket; on Debian: usermod -aG nix-users {name}"
        ));
    }
    // What shells say of a program that is not on their search path; fish has the other words.
    let said = said.to_lowercase();
    let is_missing = said.contains("not found") || said.contains("unknown command");
    if !command.starts_with('/') && is_missing {
        return Remedy::sshd(
            "ForceCommand with the whole path of nix-store, or SetEnv PATH with its folder",
        );
    }
    Remedy::Advice(format!(
        "find out why on the server: runuser -u {name} -- {}",
        visible(command)
    ))
}

/// Whether sshd lets the user in at all, as far as names without patterns tell.
fn is_shut_out(settings: &SshdSettings, user: &CacheUser) -> bool {
    let plain = |entry: &str| !entry.contains(['*', '?', '!', '@']);
    let misses = |list: &[String], has: &dyn Fn(&str) -> bool| {
        !list.is_empty() && list.iter().all(|entry| plain(entry) && !has(entry))
    };
    let hits = |list: &[String], has: &dyn Fn(&str) -> bool| {
        list.iter()
            .any(|entry| entry == "*" || (plain(entry) && has(entry)))
    };
    let is_user = |entry: &str| entry == user.name;
    let in_group = |entry: &str| user.groups.iter().any(|group| group == entry);
    misses(&settings.allow_users, &is_user)
        || misses(&settings.allow_groups, &in_group)
        || hits(&settings.deny_users, &is_user)
        || hits(&settings.deny_groups, &in_group)
}
