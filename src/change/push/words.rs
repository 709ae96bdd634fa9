//! The words of a push's plan.
//!
//! In: what is missing, what is there, the key, the pins. Out: summary, lines of the dialog, equivalent commands, warnings.

use super::facts::PushFacts;
use super::{Amount, PushAmounts, PushRequest};
use crate::change::Plan;
use crate::change::sign::{by_key, with_key};
use crate::domain::count::{count, number};
use crate::domain::text::visible;
use crate::domain::{Bytes, StorePath};
use crate::link::quote;

/// Names that a line lists before it ends in an ellipsis.
const NAMES: usize = 3;

pub(super) struct About<'a> {
    pub known: &'a PushFacts<'a>,
    pub request: &'a PushRequest,
    pub amounts: &'a PushAmounts,
    /// Paths that are there, stay as they are, and are refused by clients.
    pub refused: usize,
    pub pinned: Option<&'a Plan>,
}

fn amount(amount: Amount) -> String {
    format!(
        "{}, {}",
        count(amount.paths, "path"),
        Bytes(amount.nar_size)
    )
}

pub(super) fn nothing(amounts: &PushAmounts, refused: usize) -> String {
    let there = match amounts.there.paths {
        1 => "the path is there already".to_owned(),
        paths => format!("all {} paths are there already", number(paths)),
    };
    match refused {
        0 => there,
        refused => format!(
            "{there}, and clients refuse {} of them, which this does not sign: use storekeeper sign",
            number(refused)
        ),
    }
}

impl About<'_> {
    fn names(&self) -> String {
        let mut names: Vec<&str> = self.request.paths.iter().map(StorePath::name).collect();
        let more = names.len() > NAMES;
        names.truncate(NAMES);
        format!("{}{}", names.join(", "), if more { " …" } else { "" })
    }

    pub(super) fn summary(&self) -> String {
        let (missing, resumed) = (self.amounts.missing, self.amounts.resumed);
        let key = &self.amounts.key;
        let mut text = match (missing.paths, resumed.paths) {
            (0, 0) => String::new(),
            (0, paths) => format!(
                "sign {} that a push before has copied with {key}",
                count(paths, "path")
            ),
            (paths, 0) => format!(
                "push {} ({}) and sign {} with {key}",
                count(paths, "path"),
                Bytes(missing.nar_size),
                if paths == 1 { "it" } else { "them" }
            ),
            (paths, resumed) => format!(
                "push {} ({}) and sign {} with {key}",
                count(paths, "path"),
                Bytes(missing.nar_size),
                count(paths + resumed, "path")
            ),
        };
        if let Some(pinned) = self.pinned {
            if !text.is_empty() {
                text.push_str(", ");
            }
            text.push_str(&pinned.summary);
        }
        text
    }

    pub(super) fn lines(&self) -> Vec<(&'static str, String)> {
        let about = self.known.about;
        let mut lines = vec![(
            "on",
            format!("{} ({})", visible(&about.server), visible(&about.address)),
        )];
        if let Some(from) = &self.request.from {
            lines.push(("from", visible(from).into_owned()));
        }
        lines.push(("with", with_key(&self.known.key.source)));
        lines.push(("what", self.names()));
        if self.amounts.missing.paths > 0 {
            lines.push((
                "missing",
                format!("{}: copied and signed", amount(self.amounts.missing)),
            ));
        }
        if self.amounts.resumed.paths > 0 {
            lines.push((
                "resumed",
                format!(
                    "{}: copied by a push that was cut off, signed now",
                    amount(self.amounts.resumed)
                ),
            ));
        }
        if self.amounts.there.paths > 0 {
            lines.push((
                "there",
                format!("{}: not touched", amount(self.amounts.there)),
            ));
        }
        let mut label = "unsigned";
        for one in self.amounts.unsignable.iter().take(NAMES) {
            lines.push((label, format!("{}: {}", one.path.name(), one.reason)));
            label = "";
        }
        if let Some(pinned) = self.pinned {
            lines.extend(
                pinned
                    .lines
                    .iter()
                    .filter(|(label, _)| *label != "on")
                    .cloned(),
            );
        }
        lines
    }

    pub(super) fn commands(&self) -> Vec<String> {
        let mut commands = Vec::new();
        let paths: Vec<String> = self.request.paths.iter().map(ToString::to_string).collect();
        if self.amounts.missing.paths > 0 {
            let from = self.request.from.as_deref();
            let from = from.map_or_else(String::new, |from| format!("--from {} ", quote(from)));
            let to = match self.known.about.address.as_str() {
                "local" => "daemon".to_owned(),
                address => format!("ssh-ng://{address}"),
            };
            commands.push(format!(
                "nix copy {from}--to {} {}",
                quote(&to),
                paths.join(" ")
            ));
        }
        if self.amounts.missing.paths + self.amounts.resumed.paths > 0 {
            let by = by_key(&self.known.key.source);
            commands.extend(by.map(|by| format!("nix store sign {by} … {}", paths.join(" "))));
        }
        if let Some(pinned) = self.pinned {
            commands.extend(pinned.commands.iter().cloned());
        }
        commands
    }

    pub(super) fn warnings(&self) -> Vec<String> {
        let (facts, key) = (self.known.facts, self.known.key);
        let mut warnings: Vec<String> = key.warning().into_iter().collect();
        if facts.trusted == Some(false) && self.amounts.missing.paths > 0 {
            warnings.push(
                "the daemon there does not trust this login, so it takes only what a key that it trusts has signed: log in as root, or allow sudo".to_owned(),
            );
        }
        if let Some(disk) = facts.disk
            && disk.available.0 < self.amounts.missing.nar_size
        {
            warnings.push(format!(
                "only {} are free there, and {} are copied",
                disk.available,
                Bytes(self.amounts.missing.nar_size)
            ));
        }
        if self.refused > 0 {
            let names: Vec<&str> = self
                .request
                .paths
                .iter()
                .map(StorePath::base_name)
                .collect();
            warnings.push(format!(
                "{} there already {} refused by clients, and this does not sign {}: storekeeper sign {} {} --closure",
                count(self.refused, "path"),
                if self.refused == 1 { "is" } else { "are" },
                if self.refused == 1 { "it" } else { "them" },
                visible(&self.known.about.server),
                names.join(" ")
            ));
        }
        let unsignable = self.amounts.unsignable.len();
        if unsignable > 0 {
            warnings.push(format!(
                "clients will refuse {}, because no signature helps: build {} again",
                count(unsignable, "path"),
                if unsignable == 1 { "it" } else { "them" }
            ));
        }
        warnings
    }
}
