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

impl PinName {
    /// A name for a pin of this path that no other pin has: the path's name, with a part of its hash where that is taken.
    pub fn for_path(path: &StorePath, taken: impl Fn(&Self) -> bool) -> Self {
        let plain: String = path
            .name()
            .chars()
            .map(|c| if matches!(c, '?' | '=') { '-' } else { c })
            .take(60)
            .collect();
        let plain = plain.trim_start_matches('.');
        let hash: String = path.base_name().chars().take(32).collect();
        let first = Self(if plain.is_empty() { "pin" } else { plain }.to_owned());
        if !taken(&first) {
            return first;
        }
        Self(format!("{}-{hash}", first.0))
    }
}

/// Digits and letters of a date in the name of a revision, such as `20260102T030405Z`.
const DATE: usize = 16;

impl PinName {
    /// The name of a revision of this pin: what it led to since this moment, until it moved.
    pub fn revision(&self, since: When) -> Result<Self, String> {
        let date = since.to_string().replace([':', '-'], "");
        format!("{}+{date}", self.0).parse()
    }

    /// The name of the pin that this is a revision of, where it is one.
    pub fn revised(&self) -> Option<&str> {
        let (name, date) = self.0.rsplit_once('+')?;
        let of_date = |(at, byte): (usize, u8)| match at {
            8 => byte == b'T',
            15 => byte == b'Z',
            _ => byte.is_ascii_digit(),
        };
        let is_date = date.len() == DATE && date.bytes().enumerate().all(of_date);
        is_date.then_some(name)
    }

    /// Whether it is the name of a revision.
    pub fn is_revision(&self) -> bool {
        self.revised().is_some()
    }

    /// Whether it is the name of a revision of this pin.
    pub fn is_revision_of(&self, pin: &Self) -> bool {
        self.revised() == Some(&pin.0)
    }
}

/// What is kept of a pin when it moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revisions {
    /// So many of what it led to before.
    pub count: usize,
    /// For so many days; `None` for as long as they are not too many.
    pub days: Option<u32>,
}

impl fmt::Display for PinName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// Its name, unique in its folder.
    pub name: PinName,
    /// What it keeps, with all that it needs.
    pub target: StorePath,
    /// Who made it, such as `root via ada@laptop`; `None` for a link that somebody made by hand.
    pub by: Option<String>,
    /// Why, in the administrator's words.
    #[serde(rename = "note")]
    pub reason: Option<String>,
    /// When it was made; for one without a note, by the time of its link.
    pub at: When,
    /// When it may go; `None` for never. An expired pin keeps its path until a plan removes it.
    pub expires: Option<When>,
    /// SHA-256 of the file of its note as it was read, in hexadecimal digits; `None` where there is none.
    #[serde(skip)]
    pub sha256: Option<String>,
}

/// How the place of a pin was when a plan was made. A plan for it holds only while it still is so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// No link of this name.
    Absent,
    /// A link without a note.
    Bare,
    /// A link, and a note with this SHA-256.
    Note(String),
}

impl Shown {
    /// How this pin was shown.
    pub fn of(pin: &Pin) -> Self {
        pin.sha256.clone().map_or(Self::Bare, Self::Note)
    }

    /// The word of the scripts.
    pub fn word(&self) -> &str {
        match self {
            Self::Absent => "absent",
            Self::Bare => "bare",
            Self::Note(sha256) => sha256,
        }
    }
}

impl Pin {
    /// Whether its time is over.
    pub fn expired(&self, now: When) -> bool {
        self.expires.is_some_and(|end| end <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names() {
        for good in ["release", "a", "v1.2+x_y-z", &"x".repeat(100)] {
            assert_eq!(good.parse::<PinName>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            ".",
            ".hidden",
            "../x",
            "a/b",
            "a b",
            "\u{e9}",
            "a\n",
            &"x".repeat(101),
        ] {
            assert!(bad.parse::<PinName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn revisions() {
        let name: PinName = "web+x".parse().unwrap();
        let dated = name.revision(When::from_unix(1_767_323_045)).unwrap();
        assert_eq!(dated.as_str(), "web+x+20260102T030405Z");
        assert!(dated.is_revision_of(&name) && dated.is_revision() && !name.is_revision());
        for other in [
            "web",
            "web+x+2026",
            "web+x+20260102-030405Z",
            "web+20260102T030405Z",
        ] {
            let other: PinName = other.parse().unwrap();
            assert!(!other.is_revision_of(&name), "{other}");
        }
        let long: PinName = "x".repeat(90).parse().unwrap();
        assert!(long.revision(When::from_unix(1)).is_err());
    }

    #[test]
    fn a_name_that_is_free() {
        let path = StorePath::from_parts(&[7; 20], "hello-2.10?x=y").unwrap();
        let name = PinName::for_path(&path, |_| false);
        assert_eq!(name.as_str(), "hello-2.10-x-y");
        let other = PinName::for_path(&path, |taken| *taken == name);
        assert!(other.as_str().starts_with("hello-2.10-x-y-") && other != name);
        assert_eq!(other.as_str().parse(), Ok(other));
    }

    #[test]
    fn the_end_has_come_at_its_second() {
        let pin = |expires| Pin {
            name: "x".parse().unwrap(),
            target: StorePath::from_parts(&[7; 20], "x").unwrap(),
            by: None,
            reason: None,
            at: When::from_unix(1),
            expires,
            sha256: None,
        };
        let now = When::from_unix(100);
        assert!(!pin(None).expired(now));
        assert!(!pin(Some(When::from_unix(101))).expired(now));
        assert!(pin(Some(now)).expired(now));
    }

    proptest! {
        #[test]
        fn every_path_has_a_name(digest in any::<[u8; 20]>(), name in "[0-9a-zA-Z+_?=-][0-9a-zA-Z+._?=-]{0,210}") {
            if let Ok(path) = StorePath::from_parts(&digest, &name) {
                for taken in [false, true] {
                    let found = PinName::for_path(&path, |_| taken);
                    prop_assert_eq!(found.as_str().parse::<PinName>(), Ok(found.clone()));
                }
            }
        }
    }
}
