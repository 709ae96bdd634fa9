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
    Remedy::from("resume it if the reason is gone")
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
    let message = format!("the key was {words}");
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

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::domain::When;
    use crate::domain::authorized_keys::AuthorizedKeys;
    use crate::domain::ssh_key::PublicSshKey;
    use crate::judge::access::tests::{KEY, with};
    use crate::judge::access::{self, of_candidate};
    use crate::judge::step::State;

    fn key(text: &str) -> PublicSshKey {
        PublicSshKey::parse(text).unwrap()
    }

    fn rows(facts: &AccessFacts) -> Vec<KeyRow> {
        access::keys(facts, Age(0)).keys
    }

    /// The line of [`KEY`], suspended an hour ago.
    pub(in crate::judge::access) fn suspended_line() -> String {
        let mut file = AuthorizedKeys::parse(format!("restrict {KEY} ada\n").as_bytes());
        let suspension = Suspension {
            since: When::from_unix(with("").at.unix() - 3600),
            by: "root via ada".into(),
            reason: "on leave".into(),
        };
        file.suspend(1, &suspension).unwrap();
        String::from_utf8(file.to_bytes()).unwrap()
    }

    #[test]
    fn a_suspended_key_has_a_row_and_is_not_authorized() {
        let facts = with(&format!("{}# a comment\n", suspended_line()));
        let row = rows(&facts).remove(0);
        assert_eq!(
            (row.active, row.line, row.can.as_deref()),
            (false, 1, Some(&[][..]))
        );
        assert_eq!(
            row.words,
            "nothing: suspended 1h ago by root via ada (on leave)"
        );
        assert_eq!(row.options.unwrap(), ["restrict"]);
        let json = serde_json::to_value(&row.suspended).unwrap();
        assert_eq!(json["by"], "root via ada");
        let standing = access::standing(&facts, &key(KEY).fingerprint(), None);
        assert_eq!(standing.step.state, State::Wrong);
        assert_eq!(
            (standing.comment.as_str(), standing.step.message.as_str()),
            ("ada", "key suspended 1h ago by root via ada (on leave)")
        );
        // A request of it says so.
        let found = of_candidate(&facts, &key(KEY));
        assert!(
            found.iter().any(|finding| finding.code == SUSPENDED),
            "{found:?}"
        );
        // One line of two: the other counts.
        let facts = with(&format!("{}restrict {KEY} ada\n", suspended_line()));
        assert_eq!(
            rows(&facts)
                .iter()
                .map(|row| row.active)
                .collect::<Vec<_>>(),
            [false, true]
        );
        assert_eq!(
            access::standing(&facts, &key(KEY).fingerprint(), None)
                .step
                .state,
            State::Fine
        );
    }
}
