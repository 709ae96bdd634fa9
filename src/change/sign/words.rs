//! The words of a signing plan.
//!
//! In: what was picked and the key. Out: summary, lines of the dialog, equivalent commands, warnings.

use super::select::{Picked, Summary};
use super::{CHUNK, Key};
use crate::change::KeySource;
use crate::domain::count::{count, number};
use crate::domain::text::visible;
use crate::domain::{Bytes, Role, StorePath, When};
use crate::inventory::{Inventory, Row};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Names that a line lists before it ends in an ellipsis.
const NAMES: usize = 3;

/// Everything that the words are about.
pub(super) struct About<'a> {
    /// The server's name, and how it is reached.
    pub server: &'a str,
    pub reached: &'a str,
    /// Whether the server is this machine.
    pub local: bool,
    pub key: &'a Key,
    pub inventory: &'a Inventory,
    pub picked: &'a Picked,
    pub summary: &'a Summary,
    /// Paths whose stored signatures keep clients away for ever.
    pub unmendable: &'a [StorePath],
    pub now: When,
}

/// `a, b, c …`
fn some<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::new();
    for (at, name) in names.enumerate() {
        if at == NAMES {
            text.push_str(" …");
            break;
        }
        if at > 0 {
            text.push_str(", ");
        }
        text.push_str(&visible(name));
    }
    text
}

fn by(names: &BTreeSet<String>) -> String {
    if names.is_empty() {
        return String::new();
    }
    format!(" (signed by {})", some(names.iter().map(String::as_str)))
}

/// The key and where its secret is.
pub(in crate::change) fn with_key(source: &KeySource) -> String {
    match source {
        KeySource::Server { file, name } => {
            format!("{name}, the server's key {}", visible(file))
        }
        KeySource::Local { file, name } => format!(
            "{name}, the key file {} here; the secret stays here",
            visible(&file.to_string_lossy())
        ),
        KeySource::Agent { fingerprint, name } => {
            format!("{name}, the ssh-agent's key {}", visible(fingerprint))
        }
    }
}

/// What names the key to `nix store sign`; `None` where it can't use it.
pub(in crate::change) fn by_key(source: &KeySource) -> Option<String> {
    let file = match source {
        KeySource::Server { file, .. } => file.clone(),
        KeySource::Local { file, .. } => file.to_string_lossy().into_owned(),
        KeySource::Agent { .. } => return None,
    };
    Some(format!(
        "--key-file {}",
        shell_words::quote(&visible(&file))
    ))
}

impl About<'_> {
    fn count(&self) -> usize {
        self.picked.rows.len()
    }

    pub(super) fn summary(&self) -> String {
        format!(
            "sign {} ({}) with {}",
            count(self.count(), "path"),
            Bytes(self.summary.bytes),
            self.key.public.name()
        )
    }

    pub(super) fn lines(&self) -> Vec<(&'static str, String)> {
        let mut lines = vec![
            (
                "on",
                format!("{} ({})", visible(self.server), visible(self.reached)),
            ),
            ("with", with_key(&self.key.source)),
            ("what", self.what()),
        ];
        if let Some(tops) = self.tops() {
            lines.push(("", tops));
        }
        let mut label = "skipped";
        for line in self.left_alone() {
            lines.push((label, line));
            label = "";
        }
        lines.push(("effect", self.effect()));
        if let Some(command) = self.command("-k", 0) {
            lines.push(("same as", command));
        }
        lines
    }

    fn what(&self) -> String {
        let mut text = format!(
            "{}, {}",
            count(self.count(), "path"),
            Bytes(self.summary.bytes)
        );
        if let (Some(oldest), Some(newest)) = (self.summary.oldest, self.summary.newest) {
            let (oldest, newest) = (
                oldest.age(self.now).to_string(),
                newest.age(self.now).to_string(),
            );
            let from = if oldest == newest {
                String::new()
            } else {
                format!("{oldest} to ")
            };
            // Writing to a String cannot fail.
            let _ = write!(text, ", uploaded {from}{newest} ago");
        }
        text
    }

    fn tops(&self) -> Option<String> {
        let tops: &[Row] = &self.summary.tops;
        if tops.is_empty() {
            return None;
        }
        let names = some(tops.iter().map(|row| self.inventory.name(*row)));
        let uploads = count(tops.len(), "upload");
        Some(if tops.len() == self.count() {
            format!("{uploads}: {names}")
        } else {
            format!("{uploads}, the rest their dependencies: {names}")
        })
    }

    fn left_alone(&self) -> Vec<String> {
        let picked = self.picked;
        let mut lines = Vec::new();
        if picked.upstream > 0 {
            let noun = if picked.upstream == 1 {
                "path"
            } else {
                "paths"
            };
            lines.push(format!(
                "{} upstream {noun}{}",
                number(picked.upstream),
                by(&picked.upstream_keys)
            ));
        }
        if picked.other_own > 0 {
            lines.push(format!(
                "{} of another key of this cache{}",
                count(picked.other_own, "path"),
                by(&picked.other_own_keys)
            ));
        }
        if picked.addressed > 0 {
            let noun = if picked.addressed == 1 {
                "path"
            } else {
                "paths"
            };
            lines.push(format!(
                "{} content-addressed {noun} (no signature needed)",
                number(picked.addressed)
            ));
        }
        if !self.unmendable.is_empty() {
            lines.push(format!(
                "{} that signing can't fix: {}",
                count(self.unmendable.len(), "path"),
                some(self.unmendable.iter().map(StorePath::name))
            ));
        }
        lines
    }

    fn effect(&self) -> String {
        let these = if self.count() == 1 {
            "this path"
        } else {
            "these paths"
        };
        match self.key.role {
            Some(Role::Ours) => format!("every client that trusts this key will accept {these}"),
            Some(Role::Retired | Role::Upstream) => {
                format!("every client that still trusts this key will accept {these}")
            }
            None => format!(
                "clients accept {these} once they trust {}",
                self.key.public.name()
            ),
        }
    }

    /// What does the same by hand; `None` where no command of Nix does.
    fn command(&self, flag: &str, named: usize) -> Option<String> {
        let (file, store) = match &self.key.source {
            KeySource::Server { file, .. } => (file.clone(), String::new()),
            KeySource::Local { file, .. } => (
                file.to_string_lossy().into_owned(),
                if self.local {
                    String::new()
                } else {
                    format!(
                        " --store {}",
                        shell_words::quote(&format!("ssh-ng://{}", self.reached))
                    )
                },
            ),
            KeySource::Agent { .. } => return None,
        };
        let file = visible(&file).into_owned();
        let mut text = format!("nix store sign {flag} {}{store}", shell_words::quote(&file));
        for row in self.picked.rows.iter().take(named) {
            text.push(' ');
            text.push_str(&self.inventory.path(*row).to_string());
        }
        if self.count() > named {
            text.push_str(" …");
        }
        let calls = self.count().div_ceil(CHUNK);
        if calls > 1 {
            let _ = write!(text, " ({} calls)", number(calls));
        }
        Some(text)
    }

    pub(super) fn commands(&self) -> Vec<String> {
        self.command("--key-file", NAMES).into_iter().collect()
    }

    pub(super) fn warnings(&self) -> Vec<String> {
        let mut warnings: Vec<String> = self.key.warning().into_iter().collect();
        if self.summary.uploaded > 0 {
            warnings.push(format!(
                "{} not built on this server: a signature vouches for contents that others uploaded, so be sure who can upload here",
                were(self.summary.uploaded, self.count())
            ));
        }
        let bad = self.picked.bad.len();
        if bad > 0 {
            warnings.push(format!(
                "{} a wrong signature now, which may mean that the path was changed: look at it first; Nix can't take it away, it stays beside the new one",
                carry(bad)
            ));
        }
        if !self.unmendable.is_empty() {
            warnings.push(format!(
                "{} a malformed signature of a key that clients trust, or a content address that does not fit, so clients refuse the path whatever else signs it, and Nix can't take it away: delete the path on the server and upload it again",
                carry(self.unmendable.len())
            ));
        }
        if self.picked.needed > 0 {
            warnings.push(format!(
                "{} that these need would still be refused, and these with them: sign the whole closure",
                count(self.picked.needed, "path")
            ));
        }
        if self.picked.needed_unread > 0 {
            warnings.push(format!(
                "{} that these need could not be judged, being unreadable or not read yet, so clients may go on refusing these",
                count(self.picked.needed_unread, "path")
            ));
        }
        if self.picked.unread > 0 {
            warnings.push(format!(
                "{} could not be judged, being unreadable or not read yet: refresh and sign again",
                count(self.picked.unread, "path")
            ));
        }
        warnings
    }
}

fn were(some: usize, all: usize) -> String {
    match (some, all) {
        (1, 1) => "this path was".to_owned(),
        (some, all) if some == all => "these paths were".to_owned(),
        (1, _) => "1 of these paths was".to_owned(),
        (some, _) => format!("{} of these paths were", number(some)),
    }
}

fn carry(n: usize) -> String {
    format!(
        "{} {}",
        count(n, "path"),
        if n == 1 { "carries" } else { "carry" }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_names_and_numbers() {
        assert_eq!(some(["a", "b", "c", "d"].into_iter()), "a, b, c …");
        assert_eq!(some(["a", "b"].into_iter()), "a, b");
        assert_eq!(were(1, 1), "this path was");
        assert_eq!(were(2, 3), "2 of these paths were");
    }
}
