//! What the server's auto-sign says of its last run, and what it has left unsigned.
//!
//! In: the lines of `auto-sign.state`, which nobody vouches for. Out: times, counts, and a reason for each path. Source of the form:
//! `scripts/auto-sign.sh`.

use super::StorePath;
use super::When;
use super::timer_state;
use std::collections::BTreeMap;

/// Lines that are read: the script writes no more.
const MOST: usize = 1_100;

/// The last run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AutoSign {
    /// Whether its timer runs.
    pub on: bool,
    /// When it ran last, by the server's clock.
    pub at: Option<When>,
    /// What went wrong, as it came.
    pub problem: Option<String>,
    /// Paths that the last run has signed.
    pub signed: usize,
    /// Paths that it has left.
    pub waiting: usize,
    /// Why, of the first of them.
    pub reasons: BTreeMap<StorePath, Left>,
}

/// Why a path was left unsigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Left {
    /// No rule names it.
    Unnamed,
    /// Its name, or that of something it needs, is forbidden.
    Forbidden(Option<StorePath>),
    /// A rule names it, and sshd's log does not tell that one of the chosen keys has uploaded it.
    Uploader,
    /// It needs this, which clients refuse and no rule names.
    Needs(StorePath),
    /// Clients refuse it signed as well.
    Bad,
    /// What it needs could not be found out.
    Unknown,
}

impl Left {
    fn parse(word: &str, of: &str) -> Option<Self> {
        let path = || StorePath::from_base_name(of).ok();
        Some(match word {
            "name" => Self::Unnamed,
            "never" => Self::Forbidden(path()),
            "uploader" => Self::Uploader,
            "needs" => Self::Needs(path()?),
            "bad" => Self::Bad,
            "gone" => Self::Unknown,
            _ => return None,
        })
    }

    /// In words.
    pub fn words(&self) -> String {
        match self {
            Self::Unnamed => "no rule names it".to_owned(),
            Self::Forbidden(None) => "its name is forbidden".to_owned(),
            Self::Forbidden(Some(path)) => {
                format!("it needs {}, whose name is forbidden", path.name())
            }
            Self::Uploader => "not known to be by a chosen key".to_owned(),
            Self::Needs(path) => {
                format!("it needs {}, which no rule names", path.name())
            }
            Self::Bad => "signed, and refused all the same".to_owned(),
            Self::Unknown => "what it needs could not be found out".to_owned(),
        }
    }

    /// In a word or two, for a column.
    pub const fn short(&self) -> &'static str {
        match self {
            Self::Unnamed => "no rule",
            Self::Forbidden(_) => "forbidden",
            Self::Uploader => "uploader",
            Self::Needs(_) => "needs one",
            Self::Bad => "is bad",
            Self::Unknown => "unclear",
        }
    }
}

impl AutoSign {
    /// Reads the lines, each a word and its value.
    pub fn parse<'a>(on: bool, lines: impl IntoIterator<Item = &'a str>) -> Self {
        let mut found = Self {
            on,
            ..Self::default()
        };
        for line in lines.into_iter().take(MOST) {
            let (word, value) = timer_state::word(line);
            match word {
                "at" => found.at = timer_state::at(value),
                "problem" => found.problem = timer_state::problem(value),
                "signed" => found.signed = value.parse().unwrap_or(0),
                "waiting" => found.waiting = value.parse().unwrap_or(0),
                "wait" => {
                    let mut words = value.splitn(3, ' ');
                    let (path, word, of) = (words.next(), words.next(), words.next());
                    let path = path.and_then(|base| StorePath::from_base_name(base).ok());
                    let left = Left::parse(word.unwrap_or(""), of.unwrap_or(""));
                    if let (Some(path), Some(left)) = (path, left) {
                        found.reasons.insert(path, left);
                    }
                }
                _ => {}
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines() {
        let base = "5wd5yzrxv6y0dj2mzzjqlyx5v1kh8vzr-demo-1.0";
        let other = "gn9d5gm0z1jsdh5fyrqw0h4206vd6n3m-base.txt";
        let text = format!(
            "at 1790000000\nproblem \nsigned 3\nwaiting 2\nwait {base} needs {other}\nwait {other} name -\nwait x name -\nwait {base}x odd -\n"
        );
        let found = AutoSign::parse(true, text.lines());
        assert_eq!((found.signed, found.waiting, found.on), (3, 2, true));
        assert_eq!(found.problem, None);
        assert_eq!(found.at, Some(When::from_unix(1_790_000_000)));
        assert_eq!(found.reasons.len(), 2);
        let of = |base| found.reasons[&StorePath::from_base_name(base).unwrap()].words();
        assert!(of(base).contains("needs base.txt"), "{}", of(base));
        assert!(of(other).contains("no rule"));
    }

    proptest! {
        #[test]
        fn never_panics(text in "((at|problem|signed|waiting|wait) [-a-z0-9 ]{0,50}\n|.{0,30}\n){0,8}") {
            let found = AutoSign::parse(false, text.lines());
            for left in found.reasons.values() {
                let _ = left.words();
            }
        }
    }
}
