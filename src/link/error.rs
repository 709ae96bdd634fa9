//! What can go wrong between here and a machine, as one sentence that names the cause and the next step.
//!
//! In: failures of the socket, of russh, of files and of people who said no. Out: [`LinkError`], and its [`ErrorKind`] for exit codes.
//! Everything in a message that came from outside has passed the sanitizer.

use crate::domain::{Explain, Notice, notice};
use std::path::{Path, PathBuf};

use crate::domain::text::visible;

/// Which exit code and which screen an error belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The machine could not be reached, or the connection broke.
    Connect,
    /// No key or password was accepted.
    Auth,
    /// The server's identity could not be verified.
    HostKey,
    /// What was asked for makes no sense as it was given.
    Usage,
    /// A person said no, or stopped it.
    Interrupted,
}

/// An error of the link. Cheap to clone: every user of a broken connection gets the same one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.notice())]
pub enum LinkError {
    /// The address does not parse.
    Address {
        /// As it was given.
        address: String,
        /// What is wrong with it.
        why: String,
    },
    /// `ssh -G` or the values that it gave are of no use.
    Config {
        /// The name that was looked up.
        host: String,
        /// What `ssh` said.
        why: String,
    },
    /// A command that cannot be sent.
    Command {
        /// Why not.
        why: String,
    },
    /// No connection.
    Connect {
        /// The place.
        place: String,
        /// The cause.
        why: String,
    },
    /// The proxy command could not be run.
    Proxy {
        /// The place behind it.
        place: String,
        /// The cause.
        why: String,
    },
    /// The connection is gone.
    Lost {
        /// The place.
        place: String,
        /// The cause.
        why: String,
    },
    /// Something took longer than it may.
    Timeout {
        /// The place.
        place: String,
        /// What was waited for, as a verb.
        what: &'static str,
        /// How long it was waited for.
        seconds: u64,
    },
    /// The server does not run the command at all.
    Refused {
        /// The place.
        place: String,
        /// The cause.
        why: String,
    },
    /// The server opens no channel for a command.
    NoSession {
        /// The place.
        place: String,
        /// The cause.
        why: String,
    },
    /// A local program could not be started.
    Start {
        /// The program.
        program: String,
        /// The cause.
        why: String,
    },
    /// More output than was allowed.
    TooMuch {
        /// The place.
        place: String,
        /// The cap in bytes.
        limit: usize,
    },
    /// Nothing was accepted.
    Auth {
        /// The place.
        place: String,
        /// What was offered, in order.
        tried: String,
        /// Further hints, each with a leading `; `, or empty.
        why: String,
    },
    /// A key file of no use.
    KeyFile {
        /// The file.
        file: String,
        /// The cause and the next step.
        why: String,
    },
    /// The agent is of no use.
    Agent {
        /// The cause.
        why: String,
    },
    /// Nobody vouches for the host's key, and nobody said yes.
    UnknownHost {
        /// The host as `known_hosts` would have it.
        host: String,
        /// The key's type.
        key_type: String,
        /// `SHA256:…`.
        fingerprint: String,
        /// A further warning with a leading `; `, or empty.
        note: String,
        /// The file that a line would go to.
        file: String,
    },
    /// Another key than the known one.
    ChangedHost {
        /// The host, or its address where that is what is known by another key.
        host: String,
        /// The key's type.
        key_type: String,
        /// `SHA256:…` of what was sent.
        fingerprint: String,
        /// Type and `file:line` of the known key, and what else there is to say.
        known: String,
    },
    /// A key that must not be accepted.
    RevokedHost {
        /// The host.
        host: String,
        /// `SHA256:…`.
        fingerprint: String,
        /// `file:line`, or the file of revoked keys.
        at: String,
    },
    /// A key may be revoked for the host, and which one cannot be read.
    UnreadableRevocation {
        /// The host.
        host: String,
        /// `file:line`.
        at: String,
        /// What is wrong with the line.
        why: &'static str,
    },
    /// The host key was accepted but could not be recorded, or known hosts could not be read.
    KnownHosts {
        /// The file.
        file: String,
        /// `read` or `written`.
        done: &'static str,
        /// The cause.
        why: String,
    },
    /// `KnownHostsCommand` failed, so it is not known what it would have said of the key.
    KnownHostsCommand {
        /// Its program.
        command: String,
        /// How it ended.
        why: String,
    },
    /// A question was declined.
    Declined {
        /// What was asked for.
        what: String,
    },
}

impl Explain for LinkError {
    fn notice(&self) -> Notice {
        match self {
            Self::Address { address, why } => notice!(
                "`{address}` is no address of a server: {why}",
                "write HOST, USER@HOST, ssh://USER@HOST:PORT or `local`"
            ),
            Self::Config { host, why } => notice!(
                "the ssh configuration for `{host}` cannot be used: {why}",
                "try `ssh -G -- {host}`"
            ),
            Self::Command { why } => notice!(
                "the command cannot be sent: {why}",
                "this is a defect of the caller, please report it"
            ),
            Self::Connect { place, why } => notice!(
                "cannot connect to {place}: {why}",
                "check the name and that sshd answers there"
            ),
            Self::Proxy { place, why } => notice!(
                "the ProxyCommand for {place} failed: {why}",
                "connect with ssh once to see what it says"
            ),
            Self::Lost { place, why } => {
                notice!("the connection to {place} is lost: {why}", "connect again")
            }
            Self::Timeout {
                place,
                what,
                seconds,
            } => notice!(
                "{place} did not {what} within {seconds} s",
                "check the network and the load there, then try again"
            ),
            Self::Refused { place, why } => notice!(
                "{place} does not run commands for this user: {why}",
                "log in as a user with a shell"
            ),
            Self::NoSession { place, why } => notice!(
                "{place} opens no session for a command: {why}",
                "set MaxSessions of sshd there to 1 or more, and end commands that hang"
            ),
            Self::Start { program, why } => notice!(
                "cannot run `{program}` here: {why}",
                "check that it is installed and on PATH"
            ),
            Self::TooMuch { place, limit } => notice!(
                "a command on {place} wrote more than {limit} bytes and was stopped",
                "the server is not what it should be, look at it with ssh"
            ),
            Self::Auth { place, tried, why } => notice!(
                "{place} accepted no login: tried {tried}{why}",
                "add your public key there, load it with ssh-add, or name it with --identity"
            ),
            Self::KeyFile { file, why } => notice!("the key file {file} cannot be used: {why}"),
            Self::Agent { why } => notice!("ssh-agent: {why}", "check `ssh-add -l`"),
            Self::UnknownHost {
                host,
                key_type,
                fingerprint,
                note,
                file,
            } => notice!(
                "the host key of {host} is unknown ({key_type} {fingerprint}){note}",
                "compare it with `ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub` on the server, then connect from a terminal and type yes, or add it to {file}"
            ),
            Self::ChangedHost {
                host,
                key_type,
                fingerprint,
                known,
            } => notice!(
                "THE HOST KEY OF {host} HAS CHANGED: it sent {key_type} {fingerprint}, but it is known by another key, {known}",
                "somebody may be in between: ask the server's owner, and only then remove that line"
            ),
            Self::RevokedHost {
                host,
                fingerprint,
                at,
            } => notice!(
                "the host key of {host} ({fingerprint}) is REVOKED by {at}",
                "do not connect, ask the server's owner for its new key"
            ),
            Self::UnreadableRevocation { host, at, why } => notice!(
                "{at} revokes a key for {host} and can't be read: {why}",
                "the server's key may be the revoked one, so there is no connection: repair that line, or remove it when you know that its key is not in use"
            ),
            Self::KnownHosts { file, done, why } => notice!(
                "{file} cannot be {done}: {why}",
                "repair it, or name another file with --known-hosts"
            ),
            Self::KnownHostsCommand { command, why } => notice!(
                "KnownHostsCommand {command} failed: {why}",
                "try it by hand, or name a file with --known-hosts, which then counts alone"
            ),
            Self::Declined { what } => notice!(
                "stopped: {what} was declined",
                "try again when you are ready"
            ),
        }
    }
}

impl LinkError {
    /// Which exit code it belongs to.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Address { .. } | Self::Config { .. } | Self::Command { .. } => ErrorKind::Usage,
            Self::Connect { .. }
            | Self::Proxy { .. }
            | Self::Lost { .. }
            | Self::Timeout { .. }
            | Self::Refused { .. }
            | Self::NoSession { .. }
            | Self::Start { .. }
            | Self::TooMuch { .. } => ErrorKind::Connect,
            Self::Auth { .. } | Self::KeyFile { .. } | Self::Agent { .. } => ErrorKind::Auth,
            Self::UnknownHost { .. }
            | Self::ChangedHost { .. }
            | Self::RevokedHost { .. }
            | Self::UnreadableRevocation { .. }
            | Self::KnownHostsCommand { .. }
            | Self::KnownHosts { .. } => ErrorKind::HostKey,
            Self::Declined { .. } => ErrorKind::Interrupted,
        }
    }

    pub(crate) fn address(address: &str, why: impl Into<String>) -> Self {
        Self::Address {
            address: visible(address).into_owned(),
            why: why.into(),
        }
    }

    pub(crate) fn connect(place: impl Into<String>, why: impl std::fmt::Display) -> Self {
        Self::Connect {
            place: place.into(),
            why: sentence(&why.to_string()),
        }
    }

    pub(crate) fn key_file(file: &Path, why: impl Into<String>) -> Self {
        Self::KeyFile {
            file: shown(file),
            why: why.into(),
        }
    }
}

/// A path for a message.
pub(crate) fn shown(path: &Path) -> String {
    visible(&path.to_string_lossy()).into_owned()
}

/// Someone else's message as part of a sentence of ours: one line, nothing hostile, no full stop, not endless.
pub(crate) fn sentence(text: &str) -> String {
    const MOST: usize = 300;
    let plain = crate::domain::text::plain(text);
    let plain = plain.trim_end_matches(['.', ' ', ';']);
    if plain.chars().count() <= MOST {
        return plain.to_owned();
    }
    let mut cut: String = plain.chars().take(MOST).collect();
    cut.push('…');
    cut
}

/// Notes behind a sentence, each with a leading `; `.
pub(crate) fn appended(notes: &[String]) -> String {
    notes
        .iter()
        .flat_map(|note| ["; ", note.as_str()])
        .collect()
}

/// `~/x` for a path of the own home, as people write it.
pub(crate) fn homely(path: &Path) -> String {
    let Some(home) = home() else {
        return shown(path);
    };
    match path.strip_prefix(&home) {
        Ok(rest) => format!("~/{}", shown(rest)),
        Err(_) => shown(path),
    }
}

/// The home directory: `HOME`, as ssh's users expect it.
pub(crate) fn home() -> Option<PathBuf> {
    std::env::var_os("HOME")
        .filter(|home| !home.is_empty())
        .map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_one_visible_line() {
        let error = LinkError::connect("h", "bad\u{1b}[31m\nthing.");
        assert_eq!(
            error.to_string(),
            "cannot connect to h: bad thing; check the name and that sshd answers there"
        );
        assert_eq!(error.kind(), ErrorKind::Connect);
        assert!(sentence(&"x".repeat(1000)).ends_with('…'));
    }
}
