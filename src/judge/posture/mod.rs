//! What can a key on the cache user really do here?
//!
//! In: what sshd, the user database and Nix's configuration say, and the options of the key's line. Out: abilities, the sentence for people, and what is
//! dangerous about it with the line that fixes it. Tried on the real programs: sshd's `ForceCommand` beats the key's `command=`;
//! `nix-daemon --stdio` lets every user collect garbage, trusted or not; a path without a valid signature is taken from a trusted user
//! only, also by `nix-store --serve --write`, whose imports go through the daemon like all else.

mod command;
mod server;
#[cfg(test)]
pub(super) mod tests;

pub use self::command::Runs;
pub use self::server::{Posture, of_server};

use super::authorities;
use super::finding::{Finding, Level};
use crate::domain::Remedy;
use crate::domain::access::{AccessFacts, CacheUser, Fact, Forwarding, SshdSettings, Unknown};
use crate::domain::authorized_keys::KeyOptions;
use crate::domain::text::visible;
use serde::Serialize;

/// Something that a key can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Ability {
    /// Fetch every path of the cache.
    Read,
    /// Put paths in.
    Upload,
    /// Put paths in that have no valid signature.
    Inject,
    /// Delete what no root keeps.
    Gc,
    /// Run any command as the cache user.
    Shell,
    /// Reach through the server, or have it reach back.
    Forward,
}

/// What a key can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPosture {
    /// Its abilities in order; `None` where that is not known.
    pub can: Option<Vec<Ability>>,
    /// The same in words, for the review card.
    pub words: String,
    /// What is dangerous, or not known.
    pub findings: Vec<Finding>,
}

/// What a login with these options can do.
pub fn of_key(facts: &AccessFacts, options: &KeyOptions) -> KeyPosture {
    let mut findings = Vec::new();
    if options.cert_authority {
        findings.push(authority(facts, options));
    }
    let (settings, user) = match (&facts.sshd.settings, &facts.cache_user) {
        (Ok(settings), Ok(user)) => (settings, user),
        (Err(Unknown(why)), _) | (_, Err(Unknown(why))) => {
            let why = why.visible();
            let message = format!("clients may get nothing, and the key may do anything: {why}");
            findings.push(Finding::new(Level::Warning, "posture-unknown", message));
            let words = format!("not known: {why}");
            return KeyPosture {
                can: None,
                words,
                findings,
            };
        }
    };
    let runs = runs(settings, user, options);
    let trusted = is_trusted(facts, user);
    let mut can = Vec::new();
    let mut known = true;
    match &runs {
        Runs::Store { write } => {
            can.push(Ability::Read);
            if *write {
                can.push(Ability::Upload);
            }
        }
        Runs::Daemon => can.extend([Ability::Read, Ability::Upload, Ability::Gc]),
        Runs::Anything => can.extend([Ability::Read, Ability::Upload, Ability::Gc, Ability::Shell]),
        Runs::Sftp | Runs::Nothing => {}
        Runs::Unknown(_) => known = false,
    }
    let uploads = can.contains(&Ability::Upload);
    if uploads && trusted == Ok(true) {
        can.push(Ability::Inject);
    }
    if can_forward(settings, options) {
        can.push(Ability::Forward);
    }
    can.sort_unstable();
    of_runs(&runs, user, &mut findings);
    dangers(&can, &trusted, uploads, user, &mut findings);
    of_extras(settings, options, &mut findings);
    let words = match &runs {
        Runs::Unknown(command) => format!("unknown, runs {}", visible(command)),
        _ => words(&can),
    };
    KeyPosture {
        can: known.then_some(can),
        words,
        findings,
    }
}

/// What a login runs: sshd's command, else the key's, else what the client asks for, all of it by the login shell.
pub(super) fn runs(settings: &SshdSettings, user: &CacheUser, options: &KeyOptions) -> Runs {
    let forced = settings.force_command.as_ref().or(options.command.as_ref());
    match forced.map(|command| Runs::of_command(command)) {
        // sshd does this one itself.
        Some(Runs::Sftp) => Runs::Sftp,
        _ if command::refuses(&user.shell) => Runs::Nothing,
        Some(runs) => runs,
        None => Runs::Anything,
    }
}

/// Whether Nix takes unsigned paths from the cache user: it is root, or in `trusted-users`.
pub(super) fn is_trusted(facts: &AccessFacts, user: &CacheUser) -> Fact<bool> {
    if user.uid == 0 {
        return Ok(true);
    }
    let list = facts.trusted_users.as_ref().map_err(Clone::clone)?;
    Ok(list.iter().any(|entry| {
        entry == "*"
            || *entry == user.name
            || entry
                .strip_prefix('@')
                .is_some_and(|group| user.groups.iter().any(|g| g == group))
    }))
}

/// Whether ports, sockets or tunnels can be forwarded. What sshd does not say is taken for its default.
fn can_forward(settings: &SshdSettings, options: &KeyOptions) -> bool {
    if settings.disable_forwarding == Some(true) {
        return false;
    }
    let open = |list: &[String]| list != ["none"];
    let allows = |setting: Option<Forwarding>| match setting {
        None | Some(Forwarding::Yes) => {
            open(&settings.permit_open) || open(&settings.permit_listen)
        }
        Some(Forwarding::Local) => open(&settings.permit_open),
        Some(Forwarding::Remote) => open(&settings.permit_listen),
        Some(Forwarding::No) => false,
    };
    let sockets = settings
        .allow_stream_local_forwarding
        .unwrap_or(Forwarding::Yes)
        != Forwarding::No;
    let ports = allows(settings.allow_tcp_forwarding) || sockets;
    // sshd asks the key's options about ports and sockets, not about tunnels.
    (ports && options.port_forwarding) || settings.permit_tunnel == Some(true)
}

fn authority(facts: &AccessFacts, options: &KeyOptions) -> Finding {
    let who = authorities::of_line(facts, options);
    Finding::new(
        Level::Warning,
        "cert-authority",
        format!(
            "this is a certificate authority: everybody with a certificate of it {} may log in, and is not listed here",
            who.words()
        ),
    )
    .fix("keep its private key as safe as root's, or list single keys")
}

fn of_runs(runs: &Runs, user: &CacheUser, findings: &mut Vec<Finding>) {
    let finding = match runs {
        Runs::Unknown(command) => Finding::new(
            Level::Warning,
            "unknown-command",
            format!(
                "clients may get nothing: sshd runs {}, not nix-store --serve",
                visible(command)
            ),
        )
        .fix("force nix-store --serve, or read what that command does"),
        Runs::Sftp => Finding::new(
            Level::Warning,
            "sftp",
            format!(
                "clients get nothing: sshd serves files to {}, not Nix's store",
                visible(&user.name)
            ),
        )
        .fix(Remedy::sshd("ForceCommand nix-store --serve")),
        Runs::Nothing => Finding::new(
            Level::Warning,
            "no-shell",
            format!(
                "clients get nothing: the login shell {} runs no command",
                visible(&user.shell)
            ),
        )
        .fix(Remedy::Command(format!(
            "usermod -s /bin/sh {}",
            visible(&user.name)
        ))),
        _ => return,
    };
    findings.push(finding);
}

fn dangers(
    can: &[Ability],
    trusted: &Fact<bool>,
    uploads: bool,
    user: &CacheUser,
    findings: &mut Vec<Finding>,
) {
    let user = visible(&user.name);
    let has = |ability| can.contains(&ability);
    if has(Ability::Shell) && has(Ability::Inject) {
        findings.push(
            Finding::new(Level::Refuse, "shell-trusted", format!("the key has a shell and Nix trusts {user}, which is as good as root on this server"))
                .fix(Remedy::sshd(format!("ForceCommand nix-store --serve in 'Match User {user}', and take {user} out of trusted-users"))),
        );
    } else if has(Ability::Shell) {
        findings.push(
            Finding::new(
                Level::Warning,
                "shell",
                format!("the key runs any command as {user}, since no command is forced"),
            )
            .fix(Remedy::sshd(format!(
                "ForceCommand nix-store --serve in 'Match User {user}' of sshd_config"
            ))),
        );
    }
    if has(Ability::Inject) {
        findings.push(
            Finding::new(
                Level::Warning,
                "inject",
                format!("the key can put in unsigned paths, since Nix trusts {user}"),
            )
            .fix(Remedy::nix(format!(
                "take {user} out of trusted-users (on NixOS: nix.sshServe.trusted = false)"
            ))),
        );
    } else if let (true, Err(Unknown(why))) = (uploads, trusted) {
        let message = format!(
            "whether the key can put in unsigned paths is not known: {}",
            visible(&why.to_string())
        );
        findings.push(Finding::new(Level::Warning, "inject-unknown", message));
    }
    if has(Ability::Gc) && !has(Ability::Shell) {
        findings.push(
            Finding::new(Level::Warning, "gc", "the key can run garbage collection: nix-daemon --stdio asks nobody for trust there")
                .fix(Remedy::sshd("ForceCommand nix-store --serve (on NixOS: nix.sshServe.protocol = \"ssh\")")),
        );
    }
    if has(Ability::Forward) {
        findings.push(
            Finding::new(
                Level::Warning,
                "forward",
                "the key can reach other machines through this server, or have it reach back",
            )
            .fix("put 'restrict' before the key, or 'DisableForwarding yes' into sshd_config"),
        );
    }
}

fn of_extras(settings: &SshdSettings, options: &KeyOptions, findings: &mut Vec<Finding>) {
    if !options.environment.is_empty() {
        let finding = match settings.permit_user_environment {
            Some(false) => Finding::new(
                Level::Note,
                "environment-ignored",
                "environment= is ignored, since sshd does not permit it",
            ),
            _ => Finding::new(
                Level::Warning,
                "environment",
                "the line sets environment variables, which can change what a forced command does",
            )
            .fix("take environment= out, or 'PermitUserEnvironment no'"),
        };
        findings.push(finding);
    }
    if settings.force_command.is_some() && options.command.is_some() {
        findings.push(Finding::new(
            Level::Note,
            "command-ignored",
            "the line's command= is ignored: sshd's ForceCommand comes first",
        ));
    }
    let enabled = settings.disable_forwarding != Some(true);
    if enabled && options.agent_forwarding && settings.allow_agent_forwarding != Some(false) {
        findings.push(
            Finding::new(
                Level::Note,
                "agent-forwarding",
                "the user's agent may be forwarded to this server",
            )
            .fix("put 'restrict' before the key"),
        );
    }
}

/// Abilities as a sentence.
fn words(can: &[Ability]) -> String {
    let has = |ability| can.contains(&ability);
    let mut does = Vec::new();
    let mut not = Vec::new();
    let mut sort = |ability, yes: &'static str, no: &'static str| {
        if has(ability) {
            does.push(yes);
        } else {
            not.push(no);
        }
    };
    sort(Ability::Read, "read every path of this cache", "reading");
    let upload = if has(Ability::Inject) {
        "upload any path, unsigned ones too"
    } else {
        "upload paths with a trusted signature"
    };
    sort(Ability::Upload, upload, "upload");
    sort(Ability::Shell, "run any command", "shell");
    sort(Ability::Forward, "forward ports", "forwarding");
    sort(Ability::Gc, "run garbage collection", "garbage collection");
    let mut text = if does.is_empty() {
        "nothing".to_owned()
    } else {
        does.join(", ")
    };
    for no in not {
        text.push_str(if text.contains(';') { ", no " } else { "; no " });
        text.push_str(no);
    }
    text
}
