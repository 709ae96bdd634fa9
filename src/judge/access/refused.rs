//! Clients that sshd has refused lately, and why, in words.
//!
//! In: the facts of one look at the server, and the rows of its keys. Out: for each key that was refused and has not come in
//! since then, how often, when and from where it tried last, and what is known of it. What can't be seen from here is said as
//! such, never guessed.

use super::{KeyRow, Reading, Used, listed, suspended};
use crate::domain::access::AccessFacts;
use crate::domain::key_request::PastSource;
use crate::domain::pattern::lets_in;
use crate::domain::ssh_key::Fingerprint;
use crate::domain::sshd_log::{KeyUse, Seen};
use crate::domain::text::visible;
use crate::domain::{Age, Remedy, When, remedy};
use crate::judge::finding::Level;
use serde::Serialize;

/// Refusals that are older are history.
const LATELY: Age = Age(86_400);

/// Why a key is refused, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// Its line has ended.
    Expired,
    /// Its line is suspended.
    Suspended,
    /// It was revoked here, or is in sshd's own list.
    Revoked,
    /// A request for it was denied.
    Denied,
    /// A request for it waits.
    Waits,
    /// It came in before, and stands in no file any more.
    Removed,
    /// It stands in a file, and the options of its line refused it.
    Options,
    /// It stands in a file that sshd does not read, or in a line that it does not take.
    NotRead,
    /// It stands in a file and may come in now.
    Authorized,
    /// Nothing here has seen it before.
    NeverSeen,
}

/// A client that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Refused {
    /// Its key.
    pub fingerprint: Fingerprint,
    /// The key's comment, as far as any is known.
    pub comment: String,
    /// Connections in which it was refused since it came in last, as far back as the log goes.
    pub times: u64,
    /// The last of them.
    pub last: Used,
    /// Why.
    pub cause: Cause,
    /// The same in words.
    pub message: String,
    /// What would authorize it, where that is for an administrator to do.
    #[serde(flatten, serialize_with = "remedy::fields")]
    pub fix: Option<Remedy>,
}

impl Refused {
    /// What to call the client: its comment, or else its fingerprint.
    pub fn name(&self) -> String {
        if self.comment.is_empty() {
            self.fingerprint.to_string()
        } else {
            self.comment.clone()
        }
    }
}

/// All of them, the latest first.
pub(super) fn refused(reading: &Reading<'_>, rows: &[KeyRow]) -> Vec<Refused> {
    let now = reading.facts.at;
    let mut found: Vec<Refused> = reading
        .uses
        .iter()
        .filter_map(|(fingerprint, usage)| {
            let last = usage.last_refused.as_ref()?;
            if usage.refused_since == 0 || last.at.age(now) > LATELY {
                return None;
            }
            let row = rows.iter().filter(|row| row.fingerprint == *fingerprint);
            // Where it stands twice, the line that sshd takes counts.
            let row = row.max_by_key(|row| row.active);
            let known = why(reading.facts, fingerprint, usage, last, row);
            Some(Refused {
                fingerprint: *fingerprint,
                comment: known.comment,
                times: usage.refused_since,
                last: Used {
                    at: last.at,
                    from: visible(&last.from).into_owned(),
                },
                cause: known.cause,
                message: known.message,
                fix: known.fix,
            })
        })
        .collect();
    found.sort_by_key(|one| std::cmp::Reverse(one.last.at));
    found
}

/// Why a key was refused, and what to do about it.
pub(super) struct Refusal {
    pub(super) comment: String,
    pub(super) cause: Cause,
    pub(super) message: String,
    pub(super) fix: Option<Remedy>,
}

impl Refusal {
    fn new(comment: &str, cause: Cause, message: impl Into<String>) -> Self {
        Self {
            comment: visible(comment).into_owned(),
            cause,
            message: message.into(),
            fix: None,
        }
    }

    fn fix(mut self, fix: impl Into<Remedy>) -> Self {
        self.fix = Some(fix.into());
        self
    }
}

const AUTHORIZE: &str = "authorize it again if it should have access";
const UNREVOKE: &str =
    "if it should have access, take it out of the file that RevokedKeys of sshd_config names";

fn why(
    facts: &AccessFacts,
    fingerprint: &Fingerprint,
    usage: &KeyUse,
    last: &Seen,
    row: Option<&KeyRow>,
) -> Refusal {
    match row {
        Some(row) => of_row(facts.at, usage, last, row),
        None => of_stranger(facts, fingerprint, usage),
    }
}

/// Of a key that stands in no file as a key.
pub(super) fn of_stranger(
    facts: &AccessFacts,
    fingerprint: &Fingerprint,
    usage: &KeyUse,
) -> Refusal {
    if let Some(found) = suspended::of(facts, fingerprint) {
        let refusal = Refusal::new(&found.comment, Cause::Suspended, found.message);
        return refusal.fix(found.fix);
    }
    let revoked = facts.revoked.iter().flatten();
    let revoked = revoked.filter(|old| old.fingerprint == *fingerprint);
    if let Some(old) = revoked.max_by_key(|old| old.at) {
        let age = old.at.age(facts.at);
        let why = super::because(&old.reason);
        let message = format!("key revoked {age} ago by {}{why}", visible(&old.by));
        return Refusal::new(&old.comment, Cause::Revoked, message).fix(AUTHORIZE);
    }
    if usage.refused_as_revoked > 0 {
        let message = "key is in sshd's list of revoked keys";
        return Refusal::new("", Cause::Revoked, message).fix(UNREVOKE);
    }
    let requests = facts.requests.iter().flatten();
    let mut requests = requests.filter(|request| request.key.fingerprint() == *fingerprint);
    let waits = requests.clone().find(|request| request.waits());
    let denied = requests
        .find_map(|request| Some((request, request.decision.as_ref().filter(|d| !d.approved)?)));
    if let (Some((request, decision)), None) = (denied, waits) {
        let age = decision.at.age(facts.at);
        let why = super::because(&decision.reason);
        let message = format!("request denied {age} ago by {}{why}", visible(&decision.by));
        return Refusal::new(&request.key.comment(), Cause::Denied, message)
            .fix("if it should have access after all, authorize it");
    }
    // The audit log has who had put it there, a backup that it stood there, sshd's log when it came in.
    let past = facts.past.iter();
    let past = past.filter(|key| key.fingerprint == *fingerprint);
    let past = past.max_by_key(|key| (matches!(key.source, PastSource::Audit { .. }), key.at));
    let came = usage.last_accepted.as_ref();
    let came = came.map(|before| format!("it last logged in {} ago", before.at.age(facts.at)));
    let given = past.map(|key| {
        let age = key.at.age(facts.at);
        match &key.source {
            PastSource::Audit { by, .. } => {
                format!("it was authorized {age} ago by {}", visible(by))
            }
            PastSource::Backup(file) => {
                format!("it was in {} until an edit {age} ago", visible(file))
            }
        }
    });
    let before: Vec<String> = given.into_iter().chain(came).collect();
    if !before.is_empty() {
        let message = format!("key is in no key file any more; {}", before.join(", "));
        let comment = past.map_or("", |key| key.comment.as_str());
        return Refusal::new(comment, Cause::Removed, message).fix(AUTHORIZE);
    }
    if let Some(request) = waits {
        let message = "its request waits for a decision";
        let refusal = Refusal::new(&request.key.comment(), Cause::Waits, message);
        return refusal.fix("approve or deny its request");
    }
    let unread = facts.files.iter().any(|file| file.content.is_err());
    let message = if unread {
        "key is in none of the key files that can be read"
    } else {
        "key was never seen here"
    };
    Refusal::new("", Cause::NeverSeen, message).fix("if it should have access, authorize it")
}

/// Of a key that stands in a file.
fn of_row(now: When, usage: &KeyUse, last: &Seen, row: &KeyRow) -> Refusal {
    let known = |cause, message: String| Refusal::new(&row.comment, cause, message);
    if let Some(suspension) = &row.suspended {
        let message = format!("key {}", suspension.words(now));
        return known(Cause::Suspended, message).fix(suspended::resume());
    }
    if let Some(end) = row.expires.filter(|end| *end <= last.at) {
        return if row.active {
            let message = "key had expired and can log in again now".to_owned();
            known(Cause::Authorized, message)
        } else {
            let message = format!("key expired {} ago", end.age(now));
            known(Cause::Expired, message).fix("give it a later end")
        };
    }
    if let Some(found) = row.findings.iter().find(|one| one.code == listed::CODE) {
        return known(Cause::Revoked, found.message.clone()).fix(UNREVOKE);
    }
    if !row.active {
        let finding = row.findings.iter().find(|one| one.level != Level::Note);
        let why = finding.map_or("sshd does not take its line", |one| one.message.as_str());
        let message = format!("key is in line {} of {}, but {why}", row.line, row.file);
        let fix = finding.and_then(|one| one.fix.clone());
        return Refusal {
            fix,
            ..known(Cause::NotRead, message)
        };
    }
    if usage.refused_as_revoked > 0 {
        let message = "key is in sshd's list of revoked keys".to_owned();
        return known(Cause::Revoked, message).fix(UNREVOKE);
    }
    // sshd does not always say so.
    let mut options = row.options.iter().flatten();
    let from = options.find_map(|option| option.strip_prefix("from="));
    let allowed = from.and_then(|from| lets_in(from.trim_matches('"'), &last.from));
    let refuses = match (from, allowed) {
        (Some(from), Some(false)) => {
            Some(format!("its line allows other addresses only, from={from}"))
        }
        (Some(from), None) => Some(format!("its line may not allow this address, from={from}")),
        _ if usage.refused_by_options > 0 => Some("the options of its line refuse it".to_owned()),
        _ => None,
    };
    if let Some(message) = refuses {
        return known(Cause::Options, message).fix("correct the options of its line");
    }
    let message = "key is in a key file and can log in; it was added after the refusal, or sshd did not read the file then";
    known(Cause::Authorized, message.to_owned())
}
