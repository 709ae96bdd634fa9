//! A request for access that waits on the server, one small JSON file each, and the keys that were revoked.
//!
//! In: files that anybody's connection may have caused to be written (the knock), and what was pasted. Out: requests whose key
//! is a key, whose texts are short, and whose fingerprint was computed here and not believed.
//!
//! On disk (`FILE_NAME`: [`Request::file_name`]), at most [`MOST_BYTES`] bytes; all but `schema`, `type` and `key` may be missing:
//!
//! ```json
//! {"schema":1,"type":"ssh-ed25519","key":"AAAA…","comment":"","source":"knock","user":"nix-ssh","firstSeen":"2026-01-02T03:04:05Z",
//!  "lastSeen":"2026-01-02T03:04:05Z","tries":1,"nonce":"00112233445566778899aabbccddeeff","proof":null,"decision":null}
//! ```

use super::When;
use super::proof::challenge;
use super::ssh_key::{Fingerprint, KeyError, PublicSshKey};
use super::text::visible;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Bytes of a request's file at most: an RSA key of 16384 bits has 2,800 characters.
pub const MOST_BYTES: usize = 8 * 1024;

/// Waiting requests that are read at most.
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
    /// Whether it was approved.
    pub approved: bool,
    /// When.
    pub at: When,
    /// By whom.
    pub by: String,
    /// Why.
    #[serde(rename = "note", default)]
    pub reason: String,
}

/// That the requester has shown to hold the private key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Proof {
    /// When it was checked.
    pub at: When,
    /// By whom.
    pub by: String,
}

/// Thirty-two hexadecimal digits that nobody could know before the request was there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nonce(String);

impl Nonce {
    /// Of random bytes.
    pub fn new(bytes: [u8; 16]) -> Self {
        Self(crate::domain::path_info::hex(&bytes))
    }

    /// Reads one; `None` for whatever else stands there.
    pub fn parse(text: &str) -> Option<Self> {
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == 32 && text.bytes().all(digit)).then(|| Self(text.to_owned()))
    }

    /// Its hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A key that asks for access.
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
    pub last_seen: Option<When>,
    /// How often it was tried, as far as was counted.
    pub tries: u64,
    /// What makes its challenge unlike any other's; `None` where the file has none.
    pub nonce: Option<Nonce>,
    /// That the requester has shown to hold the private key.
    pub proof: Option<Proof>,
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

/// A key that was authorized once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastKey {
    /// Which.
    pub fingerprint: Fingerprint,
    /// Its comment then; empty where it had none.
    pub comment: String,
    /// When.
    pub at: When,
    /// How that is known.
    pub source: PastSource,
}

/// How it is known that a key was authorized once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PastSource {
    /// The audit log says who authorized it then.
    Audit {
        /// By whom.
        by: String,
        /// Why, in that person's words; may be empty.
        reason: String,
    },
    /// It stood in this key file when that was edited here for the last time, as the backup beside it shows.
    Backup(String),
}

/// That somebody has looked at all keys, by the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PastReview {
    /// When.
    pub at: When,
    /// By whom. Fit to be shown.
    pub by: String,
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
    nonce: Option<String>,
    #[serde(default)]
    proof: Option<Proof>,
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
            nonce: None,
            proof: None,
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
            nonce: disk.nonce.as_deref().and_then(Nonce::parse),
            proof: disk.proof.map(|proof| Proof {
                by: short(&proof.by),
                ..proof
            }),
            decision: disk.decision.map(|decision| Decision {
                by: short(&decision.by),
                reason: short(&decision.reason),
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
            nonce: self.nonce.as_ref().map(|nonce| nonce.0.clone()),
            proof: self.proof.clone(),
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

    /// The line that the requester signs with the private key, to get access to this host, by the host's own name. A request without a
    /// nonce is distinguished from others by the time it was first seen.
    pub fn challenge(&self, host: &str) -> String {
        let own = match (&self.nonce, self.first_seen) {
            (Some(nonce), _) => nonce.0.clone(),
            (None, Some(seen)) => seen.unix().to_string(),
            (None, None) => self.id(),
        };
        challenge(&self.key.fingerprint(), &self.user, host, &own)
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";

    fn request() -> Request {
        let key = PublicSshKey::parse(&format!("ssh-ed25519 {KEY} ada@laptop")).unwrap();
        let now = When::from_unix(1_795_000_000);
        Request::new(key, Source::Paste, "nix-ssh", now)
    }

    #[test]
    fn the_least_that_a_script_writes() {
        let text = format!(r#"{{"schema":1,"type":"ssh-ed25519","key":"{KEY}"}}"#);
        let read = Request::from_json(text.as_bytes()).unwrap();
        assert_eq!(read.source, Source::Knock);
        assert_eq!((read.tries, read.first_seen, read.waits()), (0, None, true));
        assert_eq!(read.file_name().len(), "key-.json".len() + 43);
        assert_eq!(read.id().len(), 16);
        assert!(
            read.file_name()
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        );
    }

    #[test]
    fn reads_back_what_it_writes() {
        let mut written = request();
        written.nonce = Some(Nonce::new([0xab; 16]));
        written.proof = Some(Proof {
            at: When::from_unix(1_795_000_000),
            by: "ada".to_owned(),
        });
        written.decision = Some(Decision {
            approved: true,
            at: When::from_unix(1_795_000_001),
            by: "ada".to_owned(),
            reason: "for the \"ci\"\n".to_owned(),
        });
        let bytes = written.to_json().unwrap();
        assert_eq!(
            bytes.iter().position(|byte| *byte == b'\n'),
            Some(bytes.len() - 1)
        );
        assert_eq!(Request::from_json(&bytes).unwrap(), written);
        assert!(!written.waits());
    }

    #[test]
    fn each_request_has_its_own_challenge() {
        let mut one = request();
        let by_time = one.challenge("cache");
        assert!(
            by_time.ends_with(" in as nix-ssh@cache, request 1795000000"),
            "{by_time}"
        );
        one.nonce = Some(Nonce::new([0xab; 16]));
        let by_nonce = one.challenge("cache");
        assert!(by_nonce.ends_with(&"ab".repeat(16)), "{by_nonce}");
        assert_ne!(by_nonce, one.challenge("other"));
        assert!(by_nonce.contains(&one.key.fingerprint().to_string()));
        for text in ["", "AB", &"AB".repeat(16), &"g".repeat(32), &"a".repeat(33)] {
            assert_eq!(Nonce::parse(text), None, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_request() {
        let read = |text: &str| Request::from_json(text.as_bytes());
        assert!(matches!(read(""), Err(RequestError::Form(_))));
        assert!(matches!(read("[]"), Err(RequestError::Form(_))));
        let schema = format!(r#"{{"schema":2,"type":"ssh-ed25519","key":"{KEY}"}}"#);
        assert_eq!(read(&schema), Err(RequestError::Schema(2)));
        let other = format!(r#"{{"schema":1,"type":"ssh-rsa","key":"{KEY}"}}"#);
        assert_eq!(read(&other), Err(RequestError::Key(KeyError::TypeMismatch)));
        let lines = format!(r#"{{"schema":1,"type":"ssh-ed25519","key":"{KEY}\nssh-rsa AAAA"}}"#);
        assert_eq!(read(&lines), Err(RequestError::Key(KeyError::Lines)));
        let long = format!("{}{}", " ".repeat(MOST_BYTES), schema);
        assert!(matches!(read(&long), Err(RequestError::Size(_))));
    }

    #[test]
    fn long_texts_are_cut() {
        let long = "x".repeat(3000);
        let text = format!(
            r#"{{"schema":1,"type":"ssh-ed25519","key":"{KEY}","comment":"{long}","user":"{long}"}}"#
        );
        let read = Request::from_json(text.as_bytes()).unwrap();
        assert_eq!(read.user.len(), MOST_TEXT);
        assert_eq!(read.key.comment().len(), MOST_TEXT);
    }

    #[test]
    fn a_revoked_key_reads_back() {
        let revoked = RevokedKey {
            fingerprint: request().key.fingerprint(),
            comment: "ada".to_owned(),
            at: When::from_unix(1),
            by: "bob".to_owned(),
            reason: String::new(),
        };
        let text = serde_json::to_string(&revoked).unwrap();
        assert!(text.starts_with(r#"{"fingerprint":"SHA256:"#));
        assert_eq!(serde_json::from_str::<RevokedKey>(&text).unwrap(), revoked);
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), word in any::<String>()) {
            let _ = Request::from_json(&bytes);
            let text = serde_json::json!({"schema": 1, "type": word, "key": word, "source": word, "firstSeen": word});
            let _ = Request::from_json(text.to_string().as_bytes());
        }

        #[test]
        fn any_comment_is_kept_on_one_line(comment in any::<String>(), user in any::<String>()) {
            let mut written = request();
            written.key.set_comment(&comment);
            written.user = short(&user);
            if let Ok(bytes) = written.to_json() {
                prop_assert!(bytes.len() <= MOST_BYTES);
                let read = Request::from_json(&bytes).unwrap();
                prop_assert_eq!(read.user, written.user);
                prop_assert_eq!(read.key.fingerprint(), written.key.fingerprint());
            }
        }
    }
}
