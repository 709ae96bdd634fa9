//! Why a subcommand ends, and what that is for the caller.
//!
//! In: the errors of every room. Out: a kind, one sentence with cause and next step, an exit code, and with `--json` an
//! object. The kinds and codes are part of the output contract.

use crate::change::access::AccessError;
use crate::domain::{Explain, Notice, notice};
use crate::link::LinkError;
use crate::server::{ErrorKind, ServerError, details};
use serde::Serialize;

/// What sort of thing went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    /// The server could not be reached.
    Connect,
    /// It did not let us in.
    Auth,
    /// It is not, or may not be, the server that it should be.
    HostKey,
    /// The arguments or the configuration.
    Usage,
    /// A rule of this program, such as read-only.
    Policy,
    /// What the server answered, or did not.
    Server,
    /// What is there already, or has changed meanwhile.
    Conflict,
    /// A plan waits for a second administrator.
    Waiting,
    /// The user, or a signal.
    Interrupted,
}

impl Kind {
    /// The exit code.
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Server => 1,
            Self::Usage => 2,
            Self::Connect | Self::Auth | Self::HostKey => 3,
            Self::Policy | Self::Conflict => 4,
            Self::Waiting => 5,
            Self::Interrupted => 130,
        }
    }
}

/// Why a subcommand ends before it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CliError {
    /// Something to say.
    Message {
        /// What sort of thing.
        kind: Kind,
        /// What is wrong, fit to be shown.
        notice: Notice,
    },
    /// The reader of our output has gone; there is nobody to say anything to.
    Closed,
}

impl std::fmt::Display for CliError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Message { notice, .. } => notice.fmt(f),
            Self::Closed => f.write_str("nobody reads the output any more"),
        }
    }
}

#[derive(Serialize)]
struct Document<'a> {
    schema: u8,
    error: Object<'a>,
}

/// An error as a document has it.
#[derive(Serialize)]
pub(super) struct Object<'a> {
    kind: Kind,
    message: &'a str,
    next: Option<&'a str>,
}

impl CliError {
    /// An error of this kind.
    pub(super) fn new(kind: Kind, notice: impl Into<Notice>) -> Self {
        Self::Message {
            kind,
            notice: notice.into().visible(),
        }
    }

    /// An error in what was asked.
    pub(super) fn usage(notice: impl Into<Notice>) -> Self {
        Self::new(Kind::Usage, notice)
    }

    /// The exit code. A closed pipe is how `head` ends a list, which is no failure.
    pub(super) const fn code(&self) -> u8 {
        match self {
            Self::Message { kind, .. } => kind.code(),
            Self::Closed => 0,
        }
    }

    /// The error object of `--json`, without the newline.
    pub(super) fn json(&self) -> Option<String> {
        let error = Object::of(self)?;
        serde_json::to_string(&Document { schema: 1, error }).ok()
    }
}

impl<'a> Object<'a> {
    /// Of an error that somebody is there to read.
    pub(super) fn of(error: &'a CliError) -> Option<Self> {
        let CliError::Message { kind, notice } = error else {
            return None;
        };
        Some(Self {
            kind: *kind,
            message: &notice.message,
            next: notice.hint.as_deref(),
        })
    }
}

impl From<std::io::Error> for CliError {
    /// Errors of writing to standard output; others are mapped where they happen.
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Self::Closed;
        }
        Self::new(
            Kind::Server,
            notice!(
                "cannot write the output: {error}",
                "check where it is redirected to"
            ),
        )
    }
}

impl From<serde_json::Error> for CliError {
    fn from(error: serde_json::Error) -> Self {
        std::io::Error::from(error).into()
    }
}

impl From<crate::config::ConfigError> for CliError {
    fn from(error: crate::config::ConfigError) -> Self {
        Self::usage(error.notice())
    }
}

impl From<ErrorKind> for Kind {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Connect => Self::Connect,
            ErrorKind::Auth => Self::Auth,
            ErrorKind::HostKey => Self::HostKey,
            ErrorKind::Usage => Self::Usage,
            ErrorKind::Server => Self::Server,
            ErrorKind::Interrupted => Self::Interrupted,
        }
    }
}

impl From<ServerError> for CliError {
    fn from(error: ServerError) -> Self {
        // The sentence has one line of what a program there said.
        tracing::warn!("{}", crate::domain::text::visible(&details(&error)));
        Self::new(error.kind().into(), error.notice())
    }
}

impl From<AccessError> for CliError {
    fn from(error: AccessError) -> Self {
        let kind = match &error {
            AccessError::There { .. } | AccessError::Suspended { .. } => Kind::Conflict,
            AccessError::Weak(_)
            | AccessError::Generated { .. }
            | AccessError::Shared { .. }
            | AccessError::Knock(_)
            | AccessError::Proof(_) => Kind::Policy,
            AccessError::NotThere(_)
            | AccessError::OtherFile(_)
            | AccessError::Line(_)
            | AccessError::Certificate(_) => Kind::Usage,
            AccessError::NoFile(_)
            | AccessError::NotEditable(_)
            | AccessError::Unknown(_)
            | AccessError::Nothing(_) => Kind::Server,
        };
        Self::new(kind, error.notice())
    }
}

impl From<LinkError> for CliError {
    fn from(error: LinkError) -> Self {
        ServerError::from(error).into()
    }
}

impl From<clap::Error> for CliError {
    /// Clap explains in paragraphs; what is kept is the first one and its tip, as one sentence.
    fn from(error: clap::Error) -> Self {
        let text = error.to_string();
        let mut lines = text.lines().map(str::trim);
        let mut cause = lines
            .next()
            .unwrap_or_default()
            .trim_start_matches("error: ")
            .trim_end_matches(':')
            .to_owned();
        let mut details = Vec::new();
        let mut tip = None;
        for line in lines {
            if let Some(text) = line.strip_prefix("tip: ") {
                tip.get_or_insert_with(|| text.to_owned());
            } else if line.starts_with("Usage:") || line.starts_with("For more") {
                break;
            } else if !line.is_empty() && tip.is_none() {
                details.push(line.trim_matches(['[', ']']).to_owned());
            }
        }
        if !details.is_empty() {
            cause = format!("{cause}: {}", details.join(", "));
        }
        let next = tip.map_or_else(
            || "storekeeper help says how it is used".to_owned(),
            |tip| format!("{tip}, or see storekeeper help"),
        );
        Self::usage(Notice::new(cause, next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::Args;
    use clap::Parser as _;

    #[test]
    fn the_object() {
        let error = CliError::new(
            Kind::HostKey,
            Notice::new("a; b changed its key", "compare it"),
        );
        assert_eq!(
            error.json().unwrap(),
            r#"{"schema":1,"error":{"kind":"host-key","message":"a; b changed its key","next":"compare it"}}"#
        );
        assert_eq!(error.code(), 3);
        let bare = CliError::new(Kind::Server, "no\u{1b}[2J");
        assert_eq!(
            bare.json().unwrap(),
            r#"{"schema":1,"error":{"kind":"server","message":"no\\e[2J","next":null}}"#
        );
    }

    #[test]
    fn usage_is_one_sentence() {
        let reported = |line: &str| {
            let error = Args::try_parse_from(line.split(' ')).unwrap_err();
            match CliError::from(error) {
                CliError::Message { kind, notice } => {
                    let sentence = notice.to_string();
                    assert_eq!(kind, Kind::Usage);
                    assert!(
                        !sentence.contains('\n') && sentence.contains("; "),
                        "{sentence}"
                    );
                    sentence
                }
                CliError::Closed => panic!("closed"),
            }
        };
        assert_eq!(
            reported("storekeeper status"),
            "the following required arguments were not provided: <SERVER>; storekeeper help says how it is used"
        );
        assert!(reported("storekeeper paths prod --refusd").contains("--refused"));
        assert!(reported("storekeeper paths prod --trust mine").contains("unknown-key"));
    }
}
