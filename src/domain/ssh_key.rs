//! SSH public keys.
//!
//! In: the text of a `.pub` file, a line of a key file, or a pasted block. Out: type, size, blob, comment and fingerprint.
//! Sources: RFC 4253 6.6, RFC 5656, RFC 8709, OpenSSH's PROTOCOL.certkeys and PROTOCOL.u2f. The numbers are read here, and not by a crate, because
//! keys that such crates refuse (DSA, RSA of 512 bits, types of tomorrow) stand in real files and have to be named.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt;
use thiserror::Error;

/// The SHA-256 of a key's blob, shown as `ssh-keygen -l` shows it: `SHA256:` and 43 characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Of a key's blob.
    pub fn of(blob: &[u8]) -> Self {
        Self(Sha256::digest(blob).into())
    }

    /// Reads `SHA256:…`, as sshd's log and `ssh-keygen` write it.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = STANDARD_NO_PAD.decode(text.strip_prefix("SHA256:")?).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// The digest itself.
    pub const fn digest(&self) -> &[u8; 32] {
        &self.0
    }

    /// The part after `SHA256:`.
    pub fn base64(&self) -> String {
        STANDARD_NO_PAD.encode(self.0)
    }

    /// The first 16 hexadecimal digits, which people can type.
    pub fn id(&self) -> String {
        use fmt::Write as _;
        self.0.iter().take(8).fold(String::new(), |mut out, byte| {
            // Writing to a String cannot fail.
            let _ = write!(out, "{byte:02x}");
            out
        })
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("SHA256:{}", self.base64()))
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom("a fingerprint is SHA256: and 43 characters of base64")
        })
    }
}

/// Why a text is no public key. The text itself is never part of the message: it may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyError {
    /// Nothing there.
    #[error("there is no key; paste the one line of the .pub file")]
    Empty,
    /// A private key. It is not kept, shown or logged.
    #[error(
        "this is a private key; it was not kept. Send the one line of the .pub file, and make a new key if this one has been shown to others"
    )]
    Private,
    /// More than one line.
    #[error("there is more than one line; give one key at a time")]
    Lines,
    /// Not `type base64 comment`.
    #[error("it does not have the form 'type base64 comment'; paste the one line of the .pub file")]
    Form,
    /// The second word is not base64.
    #[error("the part after the type is not base64; copy the whole line of the .pub file again")]
    Base64,
    /// The blob ends too early or has more than it should.
    #[error("the key is damaged ({0}); copy the whole line of the .pub file again")]
    Damaged(&'static str),
    /// The blob says another type than the line.
    #[error(
        "the line says one type of key and its data another; copy the whole line of the .pub file again"
    )]
    TypeMismatch,
}

/// A public key, of whatever type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicSshKey {
    algorithm: Box<str>,
    blob: Box<[u8]>,
    comment: Box<[u8]>,
}

impl PublicSshKey {
    /// Reads `type base64 [comment]`.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        let mut words = text.splitn(3, [' ', '\t']);
        let algorithm = words
            .next()
            .filter(|word| !word.is_empty())
            .ok_or(KeyError::Empty)?;
        let base64 = words.next().ok_or(KeyError::Form)?;
        let comment = words.next().unwrap_or("").trim();
        let blob = STANDARD.decode(base64).map_err(|_| KeyError::Base64)?;
        Ok(Self {
            algorithm: algorithm.into(),
            blob: blob.into(),
            comment: comment.as_bytes().into(),
        })
    }

    /// The type as it is written in key files, such as `ssh-ed25519`.
    pub fn algorithm(&self) -> &str {
        &self.algorithm
    }

    /// The key itself, as base64.
    pub fn base64(&self) -> String {
        STANDARD.encode(&self.blob)
    }

    /// The comment; bytes that are no UTF-8 are replaced.
    pub fn comment(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.comment)
    }

    /// Replaces the comment. Line ends become blanks.
    pub fn set_comment(&mut self, comment: &str) {
        self.comment = comment
            .replace(['\n', '\r', '\0'], " ")
            .trim()
            .as_bytes()
            .into();
    }

    /// Its fingerprint.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.blob)
    }
}
