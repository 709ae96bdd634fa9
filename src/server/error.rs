//! Why a server could not answer or be changed.
//!
//! In: the link's errors, the daemon's, and what scripts there say. Out: one sentence with the next step, and its kind.

use crate::domain::{Bytes, TooLarge, text};
use crate::domain::{Explain, Notice, notice};
use crate::link::{self, LinkError};
use crate::wire::RemoteError;
use std::fmt;
use thiserror::Error;

/// What an error is about; decides exit codes and the word in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The machine cannot be reached.
    Connect,
    /// It does not let us in.
    Auth,
    /// It is not the machine that it should be.
    HostKey,
    /// What was asked for makes no sense.
    Usage,
    /// The server cannot or will not.
    Server,
    /// Stopped by the user.
    Interrupted,
}

impl ErrorKind {
    /// The stable word in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Auth => "auth",
            Self::HostKey => "host-key",
            Self::Usage => "usage",
            Self::Server => "server",
            Self::Interrupted => "interrupted",
        }
    }
}

/// An error of this room.
#[derive(Debug, Error)]
#[error("{}", self.notice())]
pub enum ServerError {
    /// The way there.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The login runs something else than what was asked for.
    NoShell {
        /// Where.
        place: String,
        /// What came instead.
        #[source]
        why: Why,
    },
    /// `sudo = "always"` and it asks for a password.
    Sudo {
        /// Where.
        place: String,
    },
    /// There is no daemon command.
    NoNix {
        /// Where.
        place: String,
        /// What was looked for.
        command: String,
    },
    /// Something answered, and not as a daemon does.
    Handshake {
        /// Where.
        place: String,
        /// What came.
        #[source]
        why: Why,
        /// The command that was run.
        command: String,
    },
    /// The conversation with the daemon ended early.
    Daemon {
        /// Where.
        place: String,
        /// How.
        #[source]
        why: Why,
    },
    /// What comes needs more memory than it may have.
    TooLarge {
        /// Where.
        place: String,
        /// What was too large.
        what: TooLarge,
    },
    /// References go on and on.
    TooDeep {
        /// Where.
        place: String,
        /// The base name of the path.
        path: String,
        /// How deep they were followed.
        levels: usize,
    },
    /// The daemon answered with an error.
    Nix {
        /// Where.
        place: String,
        /// What was asked for, as a verb.
        what: &'static str,
        /// Its words.
        #[source]
        why: Why,
        /// What to do.
        next: &'static str,
    },
    /// The daemon can't list the store: one row of its database is no store path.
    Listing {
        /// Where.
        place: String,
        /// Its words, which name the row.
        why: String,
        /// What takes the row out.
        next: String,
    },
    /// Its database can't be read, and nothing else is wanted.
    Database {
        /// Where.
        place: String,
        /// Why, as a clause.
        why: String,
    },
    /// A script of ours failed there.
    Script {
        /// Where.
        place: String,
        /// What it was for, as a verb.
        what: &'static str,
        /// Its words.
        #[source]
        why: Why,
        /// What to do.
        next: &'static str,
    },
    /// A key file there holds another key than the one that was planned with.
    KeyChanged {
        /// Where.
        place: String,
        /// Path there.
        file: String,
        /// Both public keys.
        why: String,
    },
    /// Nobody waits for the answer any more.
    Stopped,
}

impl Explain for ServerError {
    fn notice(&self) -> Notice {
        match self {
            Self::Link(error) => error.notice(),
            Self::NoShell { place, why } => notice!(
                "{place} does not run commands for this login ({why})",
                "log in as root or as a user with a shell, not as the cache's own user"
            ),
            Self::Sudo { place } => notice!(
                "sudo asks for a password on {place}",
                "allow `sudo -n` there for this user, log in as root, or set sudo = \"never\""
            ),
            Self::NoNix { place, command } => notice!(
                "{command} is not on {place} or cannot be run, on PATH or in Nix's usual profiles",
                "install Nix there, or set daemon_command for this server"
            ),
            Self::Handshake {
                place,
                why,
                command,
            } => notice!(
                "no Nix daemon answers on {place}: {why}",
                "run `{command} < /dev/null` there and see what it says"
            ),
            Self::Daemon { place, why } => notice!(
                "the Nix daemon on {place} broke off: {why}",
                "try again, and look at its log there if it happens again"
            ),
            Self::TooLarge { place, what } => {
                let (what, limit) = (what.what, Bytes(what.limit));
                notice!(
                    "{what} from the Nix daemon on {place} needs more than {limit} of memory, so reading it was stopped",
                    "check that this is the server that you mean, and look at its daemon's log there"
                )
            }
            Self::TooDeep {
                place,
                path,
                levels,
            } => notice!(
                "the references of {path} on {place} go deeper than {levels} paths, as in no real store",
                "check that this is the server that you mean"
            ),
            Self::Database { place, why } => notice!(
                "the store on {place} can't be read from its database: {why}",
                "set reader = \"auto\" for this server to ask its daemon instead"
            ),
            Self::Nix {
                place,
                what,
                why,
                next,
            } => notice!("Nix on {place} refuses to {what}: {why}", "{next}"),
            Self::Listing { place, why, next } => {
                notice!("Nix on {place} refuses to list its store: {why}", "{next}")
            }
            Self::Script {
                place,
                what,
                why,
                next,
            } => notice!("{place} could not {what}: {why}", "{next}"),
            Self::KeyChanged { place, file, why } => notice!(
                "the key file {file} on {place} was changed after the plan was made: {why}",
                "nothing was signed with it: find out who changed it, then plan again"
            ),
            Self::Stopped => notice!("reading was stopped", "start it again to see the rest"),
        }
    }
}

impl ServerError {
    /// What it is about.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Link(error) => match error.kind() {
                link::ErrorKind::Connect => ErrorKind::Connect,
                link::ErrorKind::Auth => ErrorKind::Auth,
                link::ErrorKind::HostKey => ErrorKind::HostKey,
                link::ErrorKind::Usage => ErrorKind::Usage,
                link::ErrorKind::Interrupted => ErrorKind::Interrupted,
            },
            Self::Stopped => ErrorKind::Interrupted,
            Self::NoShell { .. }
            | Self::Sudo { .. }
            | Self::NoNix { .. }
            | Self::Handshake { .. }
            | Self::Daemon { .. }
            | Self::TooLarge { .. }
            | Self::TooDeep { .. }
            | Self::Nix { .. }
            | Self::Listing { .. }
            | Self::Database { .. }
            | Self::Script { .. }
            | Self::KeyChanged { .. } => ErrorKind::Server,
        }
    }

    pub(crate) fn too_large(place: &str, what: TooLarge) -> Self {
        Self::TooLarge {
            place: place.to_owned(),
            what,
        }
    }

    pub(super) fn nix(
        place: &str,
        what: &'static str,
        error: &RemoteError,
        next: &'static str,
    ) -> Self {
        Self::Nix {
            place: place.to_owned(),
            what,
            why: error.to_string().into(),
            next,
        }
    }
}

/// Why something failed: one line for a sentence and, where a program said more, all of it. `{}` is the line, `{:#}` is all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    line: String,
    all: Option<String>,
}

impl From<String> for Why {
    fn from(line: String) -> Self {
        Self { line, all: None }
    }
}

impl From<&str> for Why {
    fn from(line: &str) -> Self {
        line.to_owned().into()
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.all {
            Some(all) if f.alternate() => f.write_str(all),
            _ => f.write_str(&self.line),
        }
    }
}

impl std::error::Error for Why {}

impl Why {
    /// From a program's stderr; `None` if that is empty. The line is what the first line that names an error says, else the last
    /// line that says something and is no advice about usage.
    pub(super) fn from_stderr(stderr: &str) -> Option<Self> {
        let lines: Vec<String> = stderr
            .lines()
            .map(text::plain)
            .filter(|line| !line.trim().is_empty())
            .collect();
        let line = lines
            .iter()
            .find_map(|line| cause(line))
            .or_else(|| {
                let mut last = lines.iter().rev().map(String::as_str);
                last.find(|line| !is_advice(line))
            })
            .or(lines.last().map(String::as_str))?;
        let line = line.trim().trim_end_matches('.');
        Some(Self {
            line: line.chars().take(300).collect(),
            all: (lines.len() > 1).then(|| lines.join("\n")),
        })
    }

    /// The same with another line.
    pub(super) fn reworded(self, line: impl FnOnce(&str) -> String) -> Self {
        Self {
            line: line(&self.line),
            ..self
        }
    }

    /// Whether a program said this anywhere.
    pub(super) fn has(&self, words: &str) -> bool {
        self.line.contains(words) || self.all.as_ref().is_some_and(|all| all.contains(words))
    }
}

/// An error with all that caused it: its sentence, then a line for each cause that says more, and what a program said in full.
pub fn details(error: &dyn std::error::Error) -> String {
    let mut details = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let all = format!("{inner:#}");
        if !details.contains(&all) {
            details = format!("{details}\ncaused by: {all}");
        }
        source = inner.source();
    }
    details
}

/// What a line says behind `error:`. Names of programs may come before it. A warning that mentions an error names none, and an
/// `error:` with nothing behind it is the head of a trace whose cause follows.
fn cause(line: &str) -> Option<&str> {
    let line = line.trim();
    let at = line.to_ascii_lowercase().find("error:")?;
    let is_name = |name: &str| !name.contains(' ') && name != "warning" && name != "note";
    if !line.get(..at)?.split_terminator(": ").all(is_name) {
        return None;
    }
    let rest = line.get(at + "error:".len()..)?.trim();
    (!rest.is_empty()).then_some(rest)
}

/// Whether a line is about how a program is used, or a warning: no cause.
fn is_advice(line: &str) -> bool {
    let line = line.trim();
    (line.starts_with("Try ") && line.contains("help"))
        || ["usage:", "Usage:", "warning:"]
            .iter()
            .any(|start| line.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(stderr: &str) -> String {
        Why::from_stderr(stderr).unwrap().to_string()
    }

    #[test]
    fn the_line_that_names_the_error_speaks() {
        for (stderr, expected) in [
            (
                "warning: x\n\u{1b}[31;1merror:\u{1b}[0m no\u{1b}]0;t\u{7} way.\n\n",
                "no\\e]0;t\\u{7} way",
            ),
            (
                "error: 'cores' has the invalid value 'x'\nTry 'nix-daemon --help' for more information.\n",
                "'cores' has the invalid value 'x'",
            ),
            ("nix-daemon: error: one\nerror: two\n", "one"),
            (
                "error:\n       … while x\n\n       error: the cause\n       at y\n",
                "the cause",
            ),
            (
                "warning: error: try again\nsudo: a password is required\n",
                "sudo: a password is required",
            ),
            (
                "sh: 1: x: not found\nTry 'x --help'\n",
                "sh: 1: x: not found",
            ),
            ("Error: disk full\nclosing\n", "disk full"),
            ("Try 'x --help'\n", "Try 'x --help'"),
            ("first\nlast.\n", "last"),
        ] {
            assert_eq!(line(stderr), expected, "{stderr}");
        }
        assert_eq!(Why::from_stderr("\n \n"), None);
    }

    #[test]
    fn all_that_was_said_is_kept() {
        let why = Why::from_stderr("error: a\nmore\n").unwrap();
        assert_eq!(
            (format!("{why}"), format!("{why:#}")),
            ("a".to_owned(), "error: a\nmore".to_owned())
        );
        let place = "p".to_owned();
        let error = ServerError::Daemon { place, why };
        assert_eq!(
            details(&error),
            format!("{error}\ncaused by: error: a\nmore")
        );
        let why = "a".into();
        let place = "p".to_owned();
        let short = ServerError::Daemon { place, why };
        assert_eq!(details(&short), short.to_string());
    }
}
