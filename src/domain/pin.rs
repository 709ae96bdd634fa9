//! Pins: GC roots of ours, with who made them, why and until when.
//!
//! In: what an administrator pins, or the files of the pins folder. Out: [`Pin`] and its name, valid as a file name.

use super::{StorePath, When};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The name of a pin: 1 to 100 of `[A-Za-z0-9._+-]`, not beginning with a dot, so that it is a plain file name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PinName(String);

impl PinName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PinName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._+-".contains(&b);
        if text.is_empty()
            || text.len() > 100
            || text.starts_with('.')
            || !text.bytes().all(allowed)
        {
            return Err(format!(
                "{text:?} is no name for a pin; use up to 100 letters, digits, '.', '_', '+' and '-', not beginning with '.'"
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for PinName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<PinName> for String {
    fn from(name: PinName) -> Self {
        name.0
    }
}

impl fmt::Display for PinName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A pin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// Its name, unique in its folder.
    pub name: PinName,
    /// What it keeps, with all that it needs.
    pub target: StorePath,
    /// Who made it, such as `root via ada@laptop`.
    pub by: String,
    /// Why, in the administrator's words.
    pub note: Option<String>,
    /// When it was made.
    pub at: When,
    /// When it may go; `None` for never. An expired pin keeps its path until a plan removes it.
    pub expires: Option<When>,
}

impl Pin {
    /// Whether its time is over.
    pub fn expired(&self, now: When) -> bool {
        self.expires.is_some_and(|end| end <= now)
    }
}
