//! A retention policy: what collections keep, project by project.
//!
//! In: the text of a policy file, which lies on the server and is nobody's to trust. Out: a [`Policy`], or the first problem with its
//! line. Format: TOML. `[default]` is for what no project names; each `[[project]]` has a `name`, a pattern of package names with
//! `*` and `?`, and the first that matches counts. Rules: `newest` (a number of paths of each name), `uploaded` and `used` (ages:
//! so long after its upload or last use a path stays) and `quota` (a size). A path stays where one of the first three says so;
//! with a quota, what is used least recently goes beyond it all the same, but for what `uploaded` keeps. A section with a quota and
//! neither `newest` nor `used` keeps all that fits. Before the sections, `idle` (how long): only while no session is open.

use crate::domain::pattern::glob;
use crate::domain::text::plain;
use crate::domain::{Age, Bytes, Explain, Notice};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// The largest file that is read, in bytes.
pub const LARGEST: usize = 64 << 10;

/// Projects that a policy may have.
const MOST: usize = 500;

/// The longest pattern, in bytes: names of store paths have at most 211.
const LONGEST: usize = 211;

/// What keeps the paths of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// So many of the newest paths of each name; 0 for none.
    pub newest: usize,
    /// So long after the upload. Also beyond a quota.
    pub uploaded: Age,
    /// So long after the last use.
    pub used: Option<Age>,
    /// The paths of the project together, with those that a root keeps; NAR sizes.
    pub quota: Option<Bytes>,
}

impl Rule {
    /// Whether only its quota decides.
    pub const fn keeps_what_fits(&self) -> bool {
        self.newest == 0 && self.used.is_none() && self.quota.is_some()
    }
}

impl fmt::Display for Rule {
    /// Such as `the newest 3 of each name, 1d after upload, 30d after use, at most 50 GiB`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = Vec::new();
        if self.newest > 0 {
            words.push(format!("the newest {} of each name", self.newest));
        }
        if self.uploaded.0 > 0 {
            words.push(format!("{} after upload", self.uploaded));
        }
        if let Some(used) = self.used {
            words.push(format!("{used} after use"));
        }
        if let Some(quota) = self.quota {
            words.push(if self.keeps_what_fits() {
                format!("all within {quota}")
            } else {
                format!("at most {quota}")
            });
        }
        if words.is_empty() {
            return f.write_str("nothing");
        }
        f.write_str(&words.join(", "))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// The pattern of its package names.
    pub name: String,
    /// What keeps its paths.
    pub rule: Rule,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// In the order of the file.
    pub projects: Vec<Project>,
    /// For everything else.
    pub default: Rule,
    /// A collection deletes only in moments without a session, and waits so long for them.
    pub idle: Option<Age>,
}

/// Why a text is no policy.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", self.notice())]
pub struct PolicyError {
    /// Counted from 1; `None` where it is the whole text.
    line: Option<usize>,
    why: String,
}

impl Explain for PolicyError {
    fn notice(&self) -> Notice {
        let at = self
            .line
            .map_or_else(String::new, |line| format!(", line {line}"));
        Notice::new(
            format!("the retention policy is not valid{at}: {}", self.why),
            "docs/retention.md says what it may have",
        )
    }
}

/// A section of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    name: Option<String>,
    newest: Option<u32>,
    #[serde(default, deserialize_with = "read")]
    uploaded: Option<Age>,
    #[serde(default, deserialize_with = "read")]
    used: Option<Age>,
    #[serde(default, deserialize_with = "read")]
    quota: Option<Bytes>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default, deserialize_with = "read")]
    idle: Option<Age>,
    default: Option<Section>,
    #[serde(default)]
    project: Vec<toml::Spanned<Section>>,
}

/// A value that is written as text, such as `30d` or `50G`.
fn read<'de, T: FromStr<Err = String>, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    let text = String::deserialize(from)?;
    text.parse().map(Some).map_err(D::Error::custom)
}

/// What came in within a day stays, whatever else holds, unless a section says otherwise.
const UPLOADED: Age = Age(86_400);

impl Section {
    fn rule(&self) -> Result<Rule, String> {
        let rules = [
            self.newest.is_some(),
            self.uploaded.is_some(),
            self.used.is_some(),
            self.quota.is_some(),
        ];
        if !rules.contains(&true) {
            return Err("a section needs one of newest, uploaded, used and quota".to_owned());
        }
        Ok(Rule {
            newest: self.newest.unwrap_or(0) as usize,
            uploaded: self.uploaded.unwrap_or(UPLOADED),
            used: self.used,
            quota: self.quota,
        })
    }
}

/// The pattern of a project.
fn pattern(name: Option<&String>) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "+-._?=*".contains(c);
    match name {
        None => Err("a project needs a name, such as name = \"web-*\"".to_owned()),
        Some(name) if name.is_empty() || name.len() > LONGEST || !name.chars().all(allowed) => Err(
            "the name of a project has letters, digits, + - . _ = and the wildcards * and ?"
                .to_owned(),
        ),
        Some(name) => Ok(name.clone()),
    }
}

impl Policy {
    /// Reads the text of a file.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let whole = |why: String| PolicyError { line: None, why };
        if text.len() > LARGEST {
            return Err(whole(format!("it has more than {}", Bytes(LARGEST as u64))));
        }
        let line_of = |at: usize| {
            text.as_bytes()[..at.min(text.len())]
                .split(|b| *b == b'\n')
                .count()
        };
        let document: Document =
            toml::from_str(text).map_err(|error: toml::de::Error| PolicyError {
                line: error.span().map(|span| line_of(span.start)),
                why: plain(error.message()),
            })?;
        if document.project.len() > MOST {
            return Err(whole(format!("it has more than {MOST} projects")));
        }
        let mut projects = Vec::with_capacity(document.project.len());
        for section in &document.project {
            let at = |why| PolicyError {
                line: Some(line_of(section.span().start)),
                why,
            };
            let section = section.as_ref();
            projects.push(Project {
                name: pattern(section.name.as_ref()).map_err(at)?,
                rule: section.rule().map_err(at)?,
            });
        }
        let default = match &document.default {
            None => Rule {
                newest: 3,
                uploaded: UPLOADED,
                used: None,
                quota: None,
            },
            Some(section) if section.name.is_some() => {
                return Err(whole(
                    "[default] has no name: it is for what no project names".to_owned(),
                ));
            }
            Some(section) => section.rule().map_err(whole)?,
        };
        Ok(Self {
            projects,
            default,
            idle: document.idle,
        })
    }

    /// The place of the project of a package: the first whose pattern matches its name; `None` for everything else.
    pub fn project(&self, package: &str) -> Option<usize> {
        let matches = |project: &Project| glob(project.name.as_bytes(), package.as_bytes());
        self.projects.iter().position(matches)
    }

    /// The rule of a project.
    pub fn rule(&self, project: Option<usize>) -> &Rule {
        let found = project.and_then(|at| self.projects.get(at));
        found.map_or(&self.default, |project| &project.rule)
    }

    /// The name of a project.
    pub fn name(&self, project: Option<usize>) -> &str {
        let found = project.and_then(|at| self.projects.get(at));
        found.map_or("(default)", |project| &project.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = "# ours\n[default]\nnewest = 3\nused = \"30d\"\n\n[[project]]\nname = \"web-*\"\nnewest = 10\nquota = \"50G\"\n\n\
                        [[project]]\nname = \"nightly\"\nuploaded = \"7d\"\n\n[[project]]\nname = \"*-ci\"\nquota = \"1G\"\n";

    #[test]
    fn sections() {
        let policy = Policy::parse(TEXT).unwrap();
        let of = |name: &str| policy.name(policy.project(name));
        assert_eq!(
            ["web-shop", "web-ci", "nightly", "nightly-2", "x-ci", ""].map(of),
            [
                "web-*",
                "web-*",
                "nightly",
                "(default)",
                "*-ci",
                "(default)"
            ]
        );
        let said = |name: &str| policy.rule(policy.project(name)).to_string();
        assert_eq!(
            said("web-shop"),
            "the newest 10 of each name, 1d after upload, at most 50.0 GiB"
        );
        assert_eq!(said("nightly"), "7d after upload");
        assert_eq!(said("x-ci"), "1d after upload, all within 1.0 GiB");
        assert_eq!(
            said("other"),
            "the newest 3 of each name, 1d after upload, 30d after use"
        );
        assert_eq!(Policy::parse("").unwrap().default.newest, 3);
    }

    #[test]
    fn problems_have_a_line() {
        let reported = |text: &str| Policy::parse(text).unwrap_err().to_string();
        for (text, part) in [
            ("newest = 3\n", "line 1"),
            ("[default]\nnewest = -1\n", "line 2"),
            (
                "[default]\nused = \"soon\"\n",
                "line 2: \"soon\" is not an age",
            ),
            ("[default]\nquota = \"20\"\n", "20G"),
            ("[default]\nkeep = 3\n", "line 2"),
            ("[default]\n", "needs one of newest"),
            (
                "\n[[project]]\nnewest = 3\n",
                "line 2: a project needs a name",
            ),
            ("[[project]]\nname = \"a\"\n", "needs one of newest"),
            ("[[project]]\nname = \"a b\"\nnewest = 1\n", "wildcards"),
            ("[default]\nname = \"x\"\nnewest = 1\n", "no name"),
            ("[default", "line 1"),
        ] {
            let said = reported(text);
            assert!(said.contains(part), "{text:?}: {said}");
            assert!(!said.chars().any(char::is_control), "{said:?}");
        }
        assert!(reported(&"#".repeat(LARGEST + 1)).contains("64.0 KiB"));
        assert!(reported(&"[[project]]\nname=\"a\"\nnewest=1\n".repeat(MOST + 1)).contains("500"));
    }

    proptest! {
        #[test]
        fn never_panics(text in "(\\[default\\]|\\[\\[project\\]\\]|name|newest|used|quota|uploaded|=|\"|[0-9]{1,3}|[dG*?\n ]|\\PC){0,40}") {
            match Policy::parse(&text) {
                Ok(policy) => prop_assert!(policy.projects.len() <= MOST),
                Err(error) => prop_assert!(!error.to_string().chars().any(char::is_control)),
            }
        }

        /// The first that matches, as it stands in the file.
        #[test]
        fn the_first_that_matches(names in prop::collection::vec("[ab*?]{1,4}", 0..6), package in "[ab]{0,4}") {
            let sections: Vec<String> = names.iter().map(|name| format!("[[project]]\nname = \"{name}\"\nnewest = 1\n")).collect();
            let text = sections.concat();
            let policy = Policy::parse(&text).unwrap();
            let expected = names.iter().position(|name| glob(name.as_bytes(), package.as_bytes()));
            prop_assert_eq!(policy.project(&package), expected);
        }
    }
}
