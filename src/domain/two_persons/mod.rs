//! The two-person rule of a server: which changes a second administrator has to confirm, and who counts as another one.
//!
//! In: the text of the rule's file, which lies on the server; two logins. Out: a [`Rule`], or why the text is none; whether one login
//! may confirm what the other has planned. A text that can't be understood is never taken as no rule.

mod found;
mod intent;
mod list;
mod login;
mod waiting;

pub use found::{FoundPlan, TwoPersons};
pub use intent::{CollectRules, Intent};
pub use list::{LARGEST_LIST, PathList, Seal};
pub use login::Login;
pub use waiting::{LARGEST, WaitingPlan, is_id};

use super::{Age, Explain, Notice};
use crate::domain::text::plain;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// The name of the rule's file, beside the audit log.
pub const FILE: &str = "two-persons.toml";

/// How long a plan waits where the rule does not say.
pub const USUAL: Age = Age(3 * 86_400);

/// The longest that a plan may wait.
pub const LONGEST: Age = Age(90 * 86_400);

/// The change of the rule itself. It needs a second administrator wherever there is a rule.
pub const SET_RULE: &str = "set-rule";

/// Changes that are named together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// Who may log in.
    Access,
    /// Chosen paths, pins and roots that go.
    Delete,
    /// Collections of garbage.
    Collect,
    /// Signatures that are taken away.
    Strip,
    /// The retention policy.
    Retention,
}

impl Group {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Access,
        Self::Delete,
        Self::Collect,
        Self::Strip,
        Self::Retention,
    ];

    /// As the file and the command line have it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Delete => "delete",
            Self::Collect => "collect",
            Self::Strip => "strip",
            Self::Retention => "retention",
        }
    }

    /// The kinds of changes in it, as records have them.
    pub const fn changes(self) -> &'static [&'static str] {
        match self {
            Self::Access => &[
                "authorize",
                "approve",
                "revoke",
                "suspend",
                "resume",
                "expire",
                "sign-cert",
            ],
            Self::Delete => &["delete", "unpin", "remove-root"],
            Self::Collect => &["gc"],
            Self::Strip => &["strip"],
            Self::Retention => &["set-retention"],
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Group {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|group| group.word() == text);
        known.ok_or_else(|| {
            format!(
                "{:?} is no group of changes; there are access, delete, collect, strip and retention",
                plain(text)
            )
        })
    }
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// What needs a second administrator. Without a group there is no rule.
    pub groups: BTreeSet<Group>,
    /// How long a plan waits.
    pub valid: Age,
}

impl Default for Rule {
    fn default() -> Self {
        Self {
            groups: BTreeSet::new(),
            valid: USUAL,
        }
    }
}

/// Why a text is no rule.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", self.notice())]
pub struct RuleError(String);

impl Explain for RuleError {
    fn notice(&self) -> Notice {
        Notice::new(
            format!("the two-person rule can't be understood: {}", self.0),
            format!("root on the server has to correct {FILE} beside the audit log"),
        )
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    changes: Vec<String>,
    valid: Option<String>,
}

impl Rule {
    /// Reads a rule.
    pub fn parse(text: &str) -> Result<Self, RuleError> {
        if text.len() > LARGEST {
            return Err(RuleError("it is too long".to_owned()));
        }
        let document: Document =
            toml::from_str(text).map_err(|error| RuleError(plain(error.message())))?;
        let groups = document.changes.iter().map(|word| word.parse());
        let groups: BTreeSet<Group> = groups.collect::<Result<_, _>>().map_err(RuleError)?;
        let valid = document.valid.as_deref().map(Age::from_str);
        let valid = valid.transpose().map_err(|why| RuleError(plain(&why)))?;
        let valid = valid.unwrap_or(USUAL);
        if valid.0 == 0 || valid > LONGEST {
            return Err(RuleError(format!("valid is not between 1s and {LONGEST}")));
        }
        Ok(Self { groups, valid })
    }

    /// The text of its file.
    pub fn text(&self) -> String {
        let words = self.groups.iter().map(|group| format!("\"{group}\""));
        let words: Vec<String> = words.collect();
        format!(
            "# Changes that a second administrator has to confirm.\nchanges = [{}]\nvalid = \"{}s\"\n",
            words.join(", "),
            self.valid.0
        )
    }

    /// Whether a change needs a second administrator.
    pub fn needs(&self, change: &str) -> bool {
        !self.groups.is_empty()
            && (change == SET_RULE
                || self
                    .groups
                    .iter()
                    .any(|group| group.changes().contains(&change)))
    }

    /// What holds where both do.
    pub fn and(mut self, other: Self) -> Self {
        self.valid = match (self.groups.is_empty(), other.groups.is_empty()) {
            (true, false) => other.valid,
            (false, false) => self.valid.min(other.valid),
            _ => self.valid,
        };
        self.groups.extend(other.groups);
        self
    }
}

impl fmt::Display for Rule {
    /// Such as `access, delete; plans wait for 3d`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.groups.is_empty() {
            return f.write_str("no change needs a second administrator");
        }
        let words: Vec<&str> = self.groups.iter().map(|group| group.word()).collect();
        write!(f, "{}; a plan waits for {}", words.join(", "), self.valid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_a_rule_names_needs_two_and_so_does_the_rule() {
        let rule = Rule::parse("changes = [\"access\", \"strip\"]\nvalid = \"2d\"\n").unwrap();
        for change in ["authorize", "revoke", "sign-cert", "strip", SET_RULE] {
            assert!(rule.needs(change), "{change}");
        }
        for change in ["gc", "pin", "sign", "deny", "drop-plan"] {
            assert!(!rule.needs(change), "{change}");
        }
        assert_eq!(rule.valid, Age(2 * 86_400));
        let none = Rule::parse("changes = []").unwrap();
        assert!(!none.needs(SET_RULE) && !none.needs("authorize"));
        let both = rule.clone().and(Rule::default());
        assert_eq!(both, rule);
        assert_eq!(Rule::default().and(rule.clone()), rule);
    }

    #[test]
    fn what_is_not_understood_is_no_rule_and_not_none() {
        for text in [
            "",
            "changes = [\"all\"]",
            "changes = \"access\"",
            "changes = []\nelse = 1",
            "changes = []\nvalid = \"0s\"",
            "changes = []\nvalid = \"91d\"",
            "changes = [",
        ] {
            let error = Rule::parse(text).unwrap_err().to_string();
            assert!(error.contains("can't be understood"), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn a_rule_is_written_as_it_is_read(
            groups in proptest::collection::btree_set(proptest::sample::select(Group::ALL.to_vec()), 0..5),
            valid in 1..=LONGEST.0,
        ) {
            let rule = Rule { groups, valid: Age(valid) };
            prop_assert_eq!(Rule::parse(&rule.text()).unwrap(), rule);
        }

        #[test]
        fn any_text_is_a_rule_or_one_sentence(text in "(changes = |valid = |\\[|\\]|\"|access|3d|\n|\\PC|\u{1b}){0,12}") {
            if let Err(error) = Rule::parse(&text) {
                prop_assert!(!error.to_string().chars().any(char::is_control));
            }
        }
    }
}
