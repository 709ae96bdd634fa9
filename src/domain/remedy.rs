//! What fixes a finding, by how it is done.
//!
//! In: what `judge` knows of the fault. Out: a text for people, and for scripts its kind and the file that it is about. Format:
//! the `fix` and `remedy` of `--json`.

use serde::{Serialize, Serializer};
use std::fmt;

/// What fixes something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// A command to run as it stands, here or where its text says.
    Command(String),
    /// A setting to write into a file of the server.
    Config {
        /// What to write or change.
        text: String,
        /// The file, as its program calls it.
        file: &'static str,
    },
    /// Anything else that a person can do.
    Advice(String),
}

impl Remedy {
    pub fn command(text: impl Into<String>) -> Self {
        Self::Command(text.into())
    }

    /// A setting of sshd.
    pub fn sshd(text: impl Into<String>) -> Self {
        Self::Config {
            text: text.into(),
            file: "sshd_config",
        }
    }

    /// A setting of Nix.
    pub fn nix(text: impl Into<String>) -> Self {
        Self::Config {
            text: text.into(),
            file: "nix.conf",
        }
    }

    /// For a person.
    pub fn text(&self) -> &str {
        match self {
            Self::Command(text) | Self::Config { text, .. } | Self::Advice(text) => text,
        }
    }

    const fn kind(&self) -> &'static str {
        match self {
            Self::Command(_) => "command",
            Self::Config { .. } => "config",
            Self::Advice(_) => "advice",
        }
    }
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl From<String> for Remedy {
    fn from(text: String) -> Self {
        Self::Advice(text)
    }
}

impl From<&str> for Remedy {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

/// The two fields of JSON, for `#[serde(flatten, serialize_with)]`: the text, and beside it all of it.
#[allow(clippy::ref_option, reason = "serde gives the field as it is")]
pub(crate) fn fields<S: Serializer>(
    remedy: &Option<Remedy>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Fields<'a> {
        fix: Option<&'a str>,
        remedy: Option<&'a Remedy>,
    }
    Fields {
        fix: remedy.as_ref().map(Remedy::text),
        remedy: remedy.as_ref(),
    }
    .serialize(serializer)
}

impl Serialize for Remedy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Object<'a> {
            kind: &'static str,
            text: &'a str,
            file: Option<&'static str>,
        }
        let file = match self {
            Self::Config { file, .. } => Some(*file),
            Self::Command(_) | Self::Advice(_) => None,
        };
        Object {
            kind: self.kind(),
            text: self.text(),
            file,
        }
        .serialize(serializer)
    }
}
