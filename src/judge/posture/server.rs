//! What holds for every key: sshd's settings for the cache user, and Nix's.
//!
//! In: the facts. Out: the posture of the server as JSON has it, with what should be mended in its configuration.

use super::super::finding::{Finding, Level};
use super::{Ability, Runs, is_trusted, of_key};
use crate::domain::Remedy;
use crate::domain::access::{AccessFacts, CacheUser, LogLevel, SshdSettings, Unknown};
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
    /// What should be mended.
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
            of_settings(settings, user, &mut findings);
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
    posture.findings = findings;
    posture
}

fn of_settings(settings: &SshdSettings, user: &CacheUser, findings: &mut Vec<Finding>) {
    let name = visible(&user.name);
    let mut add = |level, code, message: String, fix: Remedy| {
        findings.push(Finding::new(level, code, message).fix(fix));
    };
    if settings.pubkey_authentication == Some(false) {
        let message = format!("sshd takes no keys from {name} at all");
        add(
            Level::Warning,
            "no-keys",
            message,
            Remedy::sshd("PubkeyAuthentication yes"),
        );
    }
    if is_shut_out(settings, user) {
        let message = format!(
            "AllowUsers, DenyUsers, AllowGroups or DenyGroups keep {name} out, whatever its keys"
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
    if settings
        .log_level
        .is_some_and(|level| level < LogLevel::Verbose)
    {
        let message =
            "refused keys and what sessions run can't be seen: sshd's LogLevel hides them"
                .to_owned();
        add(
            Level::Note,
            "log-level",
            message,
            Remedy::sshd("LogLevel VERBOSE"),
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
    if let Some(file) = &settings.trusted_user_ca_keys {
        let message = format!(
            "everybody with a certificate of the authorities in {} that names {name} may log in, and is not listed here",
            visible(file)
        );
        add(
            Level::Warning,
            "trusted-ca",
            message,
            Remedy::sshd("TrustedUserCAKeys none, if it is not needed"),
        );
    }
    let asks = settings.password_authentication == Some(true)
        || settings.kbd_interactive_authentication == Some(true);
    if asks {
        let message = format!("sshd takes passwords for {name} too, if it has one");
        add(
            Level::Note,
            "passwords",
            message,
            Remedy::sshd("PasswordAuthentication no and KbdInteractiveAuthentication no"),
        );
    }
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
