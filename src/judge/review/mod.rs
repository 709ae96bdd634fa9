//! The access review: each key with who it is, since when and by whom it was approved, why, when it was used last, and what it can do.
//!
//! In: the facts of one look at the server. Out: [`Review`], which is printed as JSON and as text, Markdown and CSV. Texts are fit to be
//! shown; what is not known is null, and why stands in `unknown`.

mod forms;

pub use forms::{csv, markdown, text};

use crate::domain::When;
use crate::domain::access::AccessFacts;
use crate::domain::key_request::{PastReview, PastSource};
use crate::domain::ssh_key::Fingerprint;
use crate::domain::text::visible;
use crate::judge::access::{self, KeyRow, Used};
use crate::judge::authorities::Authority;
use crate::judge::finding::Level;
use crate::judge::health::access::SOON;
use serde::Serialize;

/// The document of `keys review`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Review {
    /// Version of the form.
    pub schema: u32,
    /// The server as it is called here.
    pub server: String,
    /// When it was looked at, by the server's clock.
    pub at: When,
    /// The user that clients log in as; null if there is none.
    pub cache_user: Option<String>,
    /// When the keys were marked as reviewed last, and by whom; null if the audit log has no record of that, as far as it is read.
    pub last_review: Option<PastReview>,
    /// The keys, by file and line.
    pub keys: Vec<Reviewed>,
    /// What could not be found out, as sentences.
    pub unknown: Vec<String>,
}

/// Whether a key logs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// sshd accepts it.
    Authorized,
    /// It stands in a file, and sshd refuses it.
    Refused,
    /// It is suspended.
    Suspended,
}

impl Standing {
    /// The word that JSON has.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Authorized => "authorized",
            Self::Refused => "refused",
            Self::Suspended => "suspended",
        }
    }
}

/// A key of a review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reviewed {
    /// The comment of its line.
    pub who: String,
    pub fingerprint: Fingerprint,
    /// Its type as in the file.
    pub r#type: String,
    /// Its size; null for an unknown type.
    pub bits: Option<u32>,
    /// The file, as sshd names it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// Whether it logs in.
    pub standing: Standing,
    /// When it was approved or authorized from here last; null if no record has that.
    pub since: Option<When>,
    /// By whom.
    pub approved_by: Option<String>,
    /// Why, in that person's words.
    pub reason: Option<String>,
    /// Last login; null if the log has none.
    pub last_used: Option<Used>,
    /// How far back the log goes; null without one.
    pub logs_since: Option<When>,
    /// When it ends.
    pub expires: Option<When>,
    /// What it can do, in words.
    pub can: String,
    /// Warnings and worse, as sentences.
    pub findings: Vec<String>,
}

/// An approval, by a request's decision or the audit log.
struct Approval {
    at: When,
    by: String,
    reason: String,
}

/// Puts the review together.
pub fn of(server: &str, facts: &AccessFacts) -> Review {
    let judged = access::keys(facts, SOON);
    let mut unknown = Vec::new();
    let mut say = |what: &str, why: &str| unknown.push(format!("{what}: {}", visible(why)));
    for file in &facts.files {
        if let Err(why) = &file.content {
            let what = format!("the keys of {} are not known", visible(&file.path));
            say(&what, &why.to_string());
        }
    }
    if let (true, Err(why)) = (facts.files.is_empty(), &facts.sshd.settings) {
        say("which key files count is not known", &why.to_string());
    }
    if let Err(why) = &facts.certificates.trusted {
        say(
            "whose certificates sshd's settings take is not known",
            &why.to_string(),
        );
    }
    if let Err(why) = &facts.events {
        say("when keys were used is not known", &why.to_string());
    }
    if let Err(why) = &facts.requests {
        say(
            "which requests were approved is not known",
            &why.to_string(),
        );
    }
    let trusted = judged.authorities.into_iter();
    let trusted: Vec<Reviewed> = trusted
        .filter(|authority| authority.by_settings)
        .map(of_authority)
        .collect();
    Review {
        schema: 1,
        server: visible(server).into_owned(),
        at: facts.at,
        cache_user: judged.cache_user,
        last_review: facts.reviewed.clone(),
        keys: judged
            .keys
            .into_iter()
            .map(|row| reviewed(facts, row))
            .chain(trusted)
            .collect(),
        unknown,
    }
}

fn reviewed(facts: &AccessFacts, row: KeyRow) -> Reviewed {
    let approval = approval(facts, &row.fingerprint);
    let standing = match (&row.suspended, row.active) {
        (Some(_), _) => Standing::Suspended,
        (None, true) => Standing::Authorized,
        (None, false) => Standing::Refused,
    };
    let grave = row.findings.iter().filter(|one| one.level > Level::Note);
    let findings = grave.map(|one| one.message.clone()).collect();
    let (since, by, reason) = approval.map_or((None, None, None), |approval| {
        let shown = |text: &str| visible(text).into_owned();
        let reason = Some(&approval.reason).filter(|reason| !reason.is_empty());
        (
            Some(approval.at),
            Some(shown(&approval.by)),
            reason.map(|reason| shown(reason)),
        )
    });
    Reviewed {
        who: row.comment,
        fingerprint: row.fingerprint,
        r#type: row.r#type,
        bits: row.bits,
        file: row.file,
        line: row.line,
        standing,
        since,
        approved_by: by,
        reason,
        last_used: row.last_used,
        logs_since: row.logs_since,
        expires: row.expires,
        can: row.words,
        findings,
    }
}

/// An authority that sshd's settings trust, which no key file has.
fn of_authority(authority: Authority) -> Reviewed {
    Reviewed {
        can: authority.admits(),
        who: authority.comment,
        fingerprint: authority.fingerprint,
        r#type: authority.r#type,
        bits: authority.bits,
        file: authority.file,
        line: authority.line,
        standing: Standing::Authorized,
        since: None,
        approved_by: None,
        reason: None,
        last_used: None,
        logs_since: None,
        expires: None,
        findings: vec![
            "this is a certificate authority of sshd's settings (TrustedUserCAKeys)".to_owned(),
        ],
    }
}

/// The last approval of a key: of a request, or from the audit log.
fn approval(facts: &AccessFacts, key: &Fingerprint) -> Option<Approval> {
    let requests = facts.requests.iter().flatten();
    let decided = requests.filter(|request| request.key.fingerprint() == *key);
    let decided = decided.filter_map(|request| {
        let decision = request.decision.as_ref().filter(|one| one.approved)?;
        Some(Approval {
            at: decision.at,
            by: decision.by.clone(),
            reason: decision.reason.clone(),
        })
    });
    let past = facts.past.iter().filter(|past| past.fingerprint == *key);
    let past = past.filter_map(|past| match &past.source {
        PastSource::Audit { by, reason } => Some(Approval {
            at: past.at,
            by: by.clone(),
            reason: reason.clone(),
        }),
        PastSource::Backup(_) => None,
    });
    // Of one moment both tell; the decision has the note.
    past.chain(decided).max_by_key(|approval| approval.at)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::domain::key_request::PastKey;
    use crate::domain::ssh_key::PublicSshKey;
    use crate::judge::access::tests::{KEY, with};

    pub(in crate::judge::review) fn sample(comment: &str, reason: &str) -> Review {
        let mut facts = with(&format!("restrict {KEY} {comment}\n"));
        facts.past = vec![PastKey {
            fingerprint: PublicSshKey::parse(KEY).unwrap().fingerprint(),
            comment: comment.to_owned(),
            at: When::from_unix(facts.at.unix() - 86_400),
            source: PastSource::Audit {
                by: "root via bob".to_owned(),
                reason: reason.to_owned(),
            },
        }];
        facts.reviewed = Some(PastReview {
            at: When::from_unix(facts.at.unix() - 3600),
            by: "root via eve".to_owned(),
        });
        of("prod", &facts)
    }

    #[test]
    fn a_key_with_its_approval() {
        let review = sample("ada", "builds");
        let key = &review.keys[0];
        assert_eq!((key.who.as_str(), key.line), ("ada", 1));
        assert_eq!(key.standing, Standing::Authorized);
        assert_eq!(key.approved_by.as_deref(), Some("root via bob"));
        assert_eq!(key.reason.as_deref(), Some("builds"));
        assert!(key.since.is_some() && review.last_review.is_some());
        let json = serde_json::to_value(&review).unwrap();
        assert_eq!(json["keys"][0]["standing"], "authorized");
        assert_eq!(json["lastReview"]["by"], "root via eve");
        // Without a record nothing is invented.
        let facts = with(&format!("{KEY} ada\n"));
        let key = &of("prod", &facts).keys[0];
        assert_eq!(
            (key.since, &key.approved_by, &key.reason),
            (None, &None, &None)
        );
    }
}
