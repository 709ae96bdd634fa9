//! The rows themselves, their keys in the order of the output contract.
//!
//! In: nothing. Out: what is printed as JSON and shown on screens. What is not known is null.

use super::refused::Refused;
use crate::domain::When;
use crate::domain::authorized_keys::Suspension;
use crate::domain::key_request::{Proof, Source};
use crate::domain::overflow::Dropped;
use crate::domain::ssh_key::Fingerprint;
use crate::judge::authorities::Authority;
use crate::judge::finding::Finding;
use crate::judge::posture::{Ability, Posture};
use serde::Serialize;

/// The document of `keys list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Access {
    /// Version of the form.
    pub schema: u32,
    /// The user that clients log in as; null if there is none.
    pub cache_user: Option<String>,
    /// Its key files.
    pub files: Vec<FileRow>,
    /// What holds for every key.
    pub posture: Posture,
    /// The keys, by file and line.
    pub keys: Vec<KeyRow>,
    /// Clients that were refused lately and have not come in since, the latest first.
    pub refused: Vec<Refused>,
    /// Whose certificates log in: the authorities in the key files, then those of sshd's `TrustedUserCAKeys`.
    pub authorities: Vec<Authority>,
}

/// A key file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileRow {
    /// As sshd names it.
    pub path: String,
    /// Where its symbolic links lead, if there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved: Option<String>,
    /// Whether it may be changed here.
    pub editable: bool,
    /// Why not.
    pub why: Option<String>,
    /// What is wrong with it, and with lines that are no keys.
    pub findings: Vec<Finding>,
}

/// A key of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyRow {
    pub fingerprint: Fingerprint,
    /// Its type as in the file.
    pub r#type: String,
    /// Its size; null for an unknown type.
    pub bits: Option<u32>,
    pub comment: String,
    /// Its options as written; null if sshd would not read them.
    pub options: Option<Vec<String>>,
    /// When it ends.
    pub expires: Option<When>,
    /// The file, as sshd names it.
    pub file: String,
    /// Where its symbolic links lead, if there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved: Option<String>,
    /// The line, from 1.
    pub line: usize,
    /// Whether sshd accepts it today, as far as line, file and settings tell.
    pub active: bool,
    /// What it can do; null if that is not known. Nothing if it is not active.
    pub can: Option<Vec<Ability>>,
    /// Last login; null if the log has none.
    pub last_used: Option<Used>,
    /// How far back the log goes; null without one.
    pub logs_since: Option<When>,
    /// What there is to say.
    pub findings: Vec<Finding>,
    /// Connections in which it was refused; null without a log that has them.
    pub refused: Option<u64>,
    /// Sessions that it has open now.
    pub sessions: Option<usize>,
    /// Whether this very connection logged in with it.
    pub own: bool,
    /// What it can do, in words.
    pub words: String,
    /// Since when it is suspended, by whom and why; null where it is not.
    pub suspended: Option<Suspension>,
}

/// When and from where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Used {
    /// When.
    pub at: When,
    /// The address.
    pub from: String,
}

/// The document of `requests list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Requests {
    /// Version of the form.
    pub schema: u32,
    /// Those that wait, the oldest first.
    pub requests: Vec<RequestRow>,
    /// Requests that the knock dropped; null if none was in the last week before the last of them, or if that is not known.
    pub dropped: Option<Dropped>,
    /// Files among the waiting requests that were not read; null if that is not known.
    pub unread: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestRow {
    /// What people type.
    pub id: String,
    /// The key's fingerprint.
    pub fingerprint: Fingerprint,
    /// The key's type.
    pub r#type: String,
    /// The key's size.
    pub bits: Option<u32>,
    /// The key's own comment, not verified.
    pub comment: String,
    /// How it came in.
    pub source: Source,
    pub first_seen: Option<When>,
    pub last_seen: Option<When>,
    /// How often it was tried, as far as is known.
    pub tries: u64,
    /// Addresses it was tried from, the latest first, by sshd's log.
    pub from: Vec<String>,
    /// Whether the requester has shown to hold the private key.
    pub proven: bool,
    /// The line that an approval with the defaults writes; null where it cannot be written.
    pub line: Option<String>,
    /// What there is to say.
    pub findings: Vec<Finding>,
    /// What it could do then, in words.
    pub words: String,
    /// When and by whom the proof was checked.
    pub proof: Option<Proof>,
    /// What the requester signs to prove it.
    pub challenge: String,
}
