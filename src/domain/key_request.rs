//! A request for access that waits on the server, one small JSON file each, and the keys that were revoked.
//!
//! In: files that anybody's connection may have caused to be written (the knock), and what was pasted. Out: requests whose key
//! is a key, whose texts are short, and whose fingerprint was computed here and not believed.
//!
//! On disk (`FILE_NAME`: [`Request::file_name`]), at most [`MOST_BYTES`] bytes; all but `schema`, `type` and `key` may be missing:
//!
//! ```json
//! {"schema":1,"type":"ssh-ed25519","key":"AAAA…","comment":"","source":"knock","user":"nix-ssh","firstSeen":"2026-01-02T03:04:05Z",
//!  "lastSeen":"2026-01-02T03:04:05Z","tries":1,"proven":false,"decision":null}
//! ```

use super::When;
use super::ssh_key::{Fingerprint, KeyError, PublicSshKey};
use super::text::visible;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Bytes of a request's file at most: an RSA key of 16384 bits has 2,800 characters.
pub const MOST_BYTES: usize = 8 * 1024;

/// Requests that the queue holds at most; the knock script stops there.
pub const MOST_REQUESTS: usize = 500;

/// Characters of a comment, a name or a note that are kept.
pub const MOST_TEXT: usize = 400;

/// The version of the format on disk.
const SCHEMA: u32 = 1;

/// Why a request cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RequestError {
    /// More than [`MOST_BYTES`].
    #[error("the request has {0} bytes; {MOST_BYTES} are allowed")]
    Size(usize),
    /// Not the JSON that it should be.
    #[error("the request is not in the expected form ({0})")]
    Form(String),
    /// Written by a newer version.
    #[error("the request has format {0}; this version reads {SCHEMA}")]
    Schema(u32),
    /// What it carries is no public key.
    #[error("the request carries no usable key: {0}")]
    Key(#[from] KeyError),
}

/// How a request came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A client tried to connect.
    Knock,
    /// Somebody pasted it.
    Paste,
    /// It was read from a file.
    File,
}

/// What was decided about a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// Whether it was let in.
    pub approved: bool,
    /// When.
    pub at: When,
    /// By whom.
    pub by: String,
    /// The note.
    #[serde(default)]
    pub note: String,
}

/// A key that asks to be let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The key, with the comment that came with it.
    pub key: PublicSshKey,
    /// How it came in.
    pub source: Source,
    /// The user it asked for.
    pub user: String,
    /// First seen; `None` if the file does not say.
    pub first_seen: Option<When>,
    /// Last seen.
    pub last_seen: Option<When>,
    /// How often it was tried, as far as was counted.
    pub tries: u64,
    /// Whether the requester has shown to hold the private key.
    pub proven: bool,
    /// What was decided; `None` while it waits.
    pub decision: Option<Decision>,
}

/// A key that was revoked, so that a later request for it is seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RevokedKey {
    /// Which.
    pub fingerprint: Fingerprint,
    /// Its comment then.
    #[serde(default)]
    pub comment: String,
    /// When.
    pub at: When,
    /// By whom.
    pub by: String,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// The form on disk.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OnDisk {
    schema: u32,
    r#type: String,
    key: String,
    #[serde(default)]
    comment: String,
    source: Option<Source>,
    #[serde(default)]
    user: String,
    first_seen: Option<When>,
    last_seen: Option<When>,
    #[serde(default)]
    tries: u64,
    #[serde(default)]
    proven: bool,
    #[serde(default)]
    decision: Option<Decision>,
}

impl Request {
    /// A new one, seen at `now`.
    pub fn new(key: PublicSshKey, source: Source, user: &str, now: When) -> Self {
        Self {
            key,
            source,
            user: short(user),
            first_seen: Some(now),
            last_seen: Some(now),
            tries: u64::from(source == Source::Knock),
            proven: false,
            decision: None,
        }
    }

    /// Reads a file of the queue. The name of the file and any fingerprint in it are not believed.
    pub fn from_json(bytes: &[u8]) -> Result<Self, RequestError> {
        if bytes.len() > MOST_BYTES {
            return Err(RequestError::Size(bytes.len()));
        }
        let form = |e: serde_json::Error| RequestError::Form(visible(&e.to_string()).into_owned());
        let disk: OnDisk = serde_json::from_slice(bytes).map_err(form)?;
        if disk.schema != SCHEMA {
            return Err(RequestError::Schema(disk.schema));
        }
        let mut key = PublicSshKey::parse(&format!("{} {}", disk.r#type, disk.key))?;
        key.set_comment(&short(&disk.comment));
        Ok(Self {
            key,
            source: disk.source.unwrap_or(Source::Knock),
            user: short(&disk.user),
            first_seen: disk.first_seen,
            last_seen: disk.last_seen,
            tries: disk.tries,
            proven: disk.proven,
            decision: disk.decision.map(|decision| Decision {
                by: short(&decision.by),
                note: short(&decision.note),
                ..decision
            }),
        })
    }

    /// The file's content, one line.
    pub fn to_json(&self) -> Result<Vec<u8>, RequestError> {
        let disk = OnDisk {
            schema: SCHEMA,
            r#type: self.key.algorithm().to_owned(),
            key: self.key.base64(),
            comment: short(&self.key.comment()),
            source: Some(self.source),
            user: short(&self.user),
            first_seen: self.first_seen,
            last_seen: self.last_seen,
            tries: self.tries,
            proven: self.proven,
            decision: self.decision.clone(),
        };
        let mut bytes = serde_json::to_vec(&disk).map_err(|e| RequestError::Form(e.to_string()))?;
        bytes.push(b'\n');
        if bytes.len() > MOST_BYTES {
            return Err(RequestError::Size(bytes.len()));
        }
        Ok(bytes)
    }

    /// What people type to name it: the first 16 hexadecimal digits of the key's SHA-256.
    pub fn id(&self) -> String {
        self.key.fingerprint().id()
    }

    /// The name of its file: the fingerprint with `+` and `/` replaced, which is what the knock script writes too.
    pub fn file_name(&self) -> String {
        file_name(&self.key.fingerprint())
    }

    /// Whether it still waits for somebody.
    pub fn waits(&self) -> bool {
        self.decision.is_none()
    }
}

/// The name of the file of a key's request: `key-`, the base64 of the fingerprint with `+` as `-` and `/` as `_`, `.json`.
pub fn file_name(fingerprint: &Fingerprint) -> String {
    let base64 = fingerprint.base64().replace('+', "-").replace('/', "_");
    format!("key-{base64}.json")
}

/// At most [`MOST_TEXT`] characters.
fn short(text: &str) -> String {
    text.chars().take(MOST_TEXT).collect()
}
