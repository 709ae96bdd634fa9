//! Keys that are suspended: in a file, and no key to sshd.
//!
//! In: the facts. Out: the row of such a key, and what there is to say of one by its fingerprint.

use super::{KeyRow, Reading, key_row};
use crate::domain::access::{AccessFacts, KeyFile};
use crate::domain::authorized_keys::{SuspendedLine, Suspension};
use crate::domain::ssh_key::Fingerprint;
use crate::domain::text::visible;
use crate::domain::{Age, Remedy};
use crate::judge::finding::{Finding, Level};

/// The id of the finding.
pub const SUSPENDED: &str = "suspended";

/// A key that is suspended, and where.
pub(super) struct Suspended {
    /// The key's comment, as it is.
    pub(super) comment: String,
    /// `key suspended 3d ago by ada (left)`.
    pub(super) message: String,
    /// What takes it back into use.
    pub(super) fix: Remedy,
}

/// Looks for a key among those that are suspended in the cache user's files.
pub(super) fn of(facts: &AccessFacts, key: &Fingerprint) -> Option<Suspended> {
    facts.files.iter().find_map(|file| {
        let document = file.document().ok()?;
        let (_, line) = document
            .suspended()
            .find(|(_, line)| line.line.key.fingerprint() == *key)?;
        Some(Suspended {
            comment: line.line.key.comment().into_owned(),
            message: format!("key {}", line.suspension.words(facts.at)),
            fix: resume(),
        })
    })
}

/// What is to be done where a suspended key is missed.
pub(super) fn resume() -> Remedy {
    Remedy::from("resume it, if that is over")
}

/// Its row. What its line could do is said once it is resumed.
pub(super) fn row(
    reading: &Reading<'_>,
    file: &KeyFile,
    number: usize,
    suspended: &SuspendedLine,
) -> KeyRow {
    let facts = reading.facts;
    let suspension = &suspended.suspension;
    let mut row = key_row(reading, file, number, &suspended.line, Age(0));
    let words = suspension.words(facts.at);
    row.findings.retain(|finding| {
        // Where else the key stands, and that it was revoked, counts all the same.
        matches!(
            finding.code,
            "duplicate" | "also-root" | "also-elsewhere" | "revoked-before"
        )
    });
    let message = format!("the key is {words}");
    row.findings
        .push(Finding::new(Level::Note, SUSPENDED, message).fix(resume()));
    row.findings
        .sort_by_key(|finding| std::cmp::Reverse(finding.level));
    row.active = false;
    row.can = Some(Vec::new());
    row.words = format!("nothing: {words}");
    row.suspended = Some(Suspension {
        since: suspension.since,
        by: visible(&suspension.by).into_owned(),
        reason: visible(&suspension.reason).into_owned(),
    });
    row
}
