//! SSH public keys.
//!
//! In: the text of a `.pub` file, a line of a key file, or a pasted block. Out: type, size, comment and fingerprint, the same
//! as `ssh-keygen -l` says. The numbers are read here, and not by a crate, because keys that such crates refuse (DSA, short RSA, types
//! of tomorrow) stand in real files and have to be named. A private key pasted by mistake is refused and never repeated.

mod blob;
mod certificate;
#[cfg(test)]
mod tests;

pub use self::blob::Material;
pub(in crate::domain) use self::blob::Reader;
pub use self::certificate::{Certificate, CriticalOption};

use crate::domain::{Explain, Notice, notice};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::borrow::Cow;
use std::fmt;
use thiserror::Error;

/// Bytes of a pasted key at most; an RSA key of 16384 bits has 2,800.
const MOST_TEXT: usize = 64 * 1024;

/// The SHA-256 of a key, shown as `ssh-keygen -l` shows it: `SHA256:` and 43 characters.
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

    /// A digest.
    pub(in crate::domain) const fn from_bytes(digest: [u8; 32]) -> Self {
        Self(digest)
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
#[error("{}", self.notice())]
pub enum KeyError {
    /// Nothing there.
    Empty,
    /// A private key. It is not kept, shown or logged.
    Private,
    /// The form of RFC 4716.
    Ssh2,
    /// More than one line.
    Lines,
    /// More than a key can have.
    Long,
    /// Not `type base64 comment`.
    Form,
    /// The second word is not base64.
    Base64,
    /// The blob ends too early or has more than it should.
    Damaged(&'static str),
    /// The blob says another type than the line.
    TypeMismatch,
}

impl Explain for KeyError {
    fn notice(&self) -> Notice {
        match self {
            Self::Empty => notice!("there is no key", "paste the one line of the .pub file"),
            Self::Private => notice!(
                "this is a private key, and it was not kept",
                "send the one line of the .pub file, and make a new key if others may have seen this one"
            ),
            Self::Ssh2 => notice!(
                "this is the SSH2 form of a public key",
                "convert it with 'ssh-keygen -i -f FILE' and paste the one line"
            ),
            Self::Lines => notice!(
                "there is more than one line",
                "give one key at a time, each on one line"
            ),
            Self::Long => notice!(
                "it is too long for a key",
                "paste the one line of the .pub file"
            ),
            Self::Form => notice!(
                "it does not have the form 'type base64 comment'",
                "paste the one line of the .pub file, without options"
            ),
            Self::Base64 => notice!(
                "what follows the key's type is not base64",
                "copy the whole line of the .pub file again"
            ),
            Self::Damaged(how) => notice!(
                "the key is damaged ({how})",
                "copy the whole line of the .pub file again"
            ),
            Self::TypeMismatch => notice!(
                "the line says one type of key and its data another",
                "copy the whole line of the .pub file again"
            ),
        }
    }
}

/// A public key or certificate, of whatever type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicSshKey {
    algorithm: Box<str>,
    blob: Box<[u8]>,
    comment: Box<[u8]>,
    material: Material,
    certificate: Option<Box<Certificate>>,
    fingerprint: Fingerprint,
    sha1: [u8; 20],
}

impl PublicSshKey {
    /// Reads what somebody gave as a key: `type base64 [comment]`, alone.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        if holds_private(text) {
            return Err(KeyError::Private);
        }
        let text = text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\u{feff}');
        if text.is_empty() {
            return Err(KeyError::Empty);
        }
        if text.len() > MOST_TEXT {
            return Err(KeyError::Long);
        }
        if text.starts_with("---- BEGIN SSH2 PUBLIC KEY") {
            return Err(KeyError::Ssh2);
        }
        if text.contains(['\n', '\r', '\0']) {
            return Err(KeyError::Lines);
        }
        Self::from_words(text.as_bytes())
    }

    /// Reads `type base64 [comment]` from a line of a key file, which may have any bytes in its comment.
    pub(in crate::domain) fn from_words(line: &[u8]) -> Result<Self, KeyError> {
        let blank = |byte: &u8| *byte == b' ' || *byte == b'\t';
        let mut rest = line.trim_ascii_start();
        let mut word = || {
            let end = rest.iter().position(blank).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            let skip = after.iter().take_while(|byte| blank(byte)).count();
            rest = &after[skip..];
            word
        };
        let algorithm = std::str::from_utf8(word()).map_err(|_| KeyError::Form)?;
        // sshd passes over white space at the end of the word, such as the carriage return of a Windows line.
        let base64 = word().trim_ascii();
        if algorithm.is_empty() || base64.is_empty() {
            return Err(KeyError::Form);
        }
        let known = blob::plain_type(algorithm).is_some();
        let bytes = STANDARD.decode(base64).map_err(|_| {
            if known {
                KeyError::Base64
            } else {
                KeyError::Form
            }
        })?;
        let read =
            blob::read(algorithm, &bytes).map_err(|e| if known { e } else { KeyError::Form })?;
        Ok(Self {
            algorithm: read.name,
            blob: read.bytes,
            comment: rest.trim_ascii().into(),
            material: read.material,
            certificate: read.certificate.map(Box::new),
            fingerprint: read.fingerprint,
            sha1: read.sha1,
        })
    }

    /// The type as `ssh-keygen` writes it in key files, such as `ssh-ed25519`; `ssh-rsa` too where the line has the name of a signature,
    /// such as `rsa-sha2-512`.
    pub fn algorithm(&self) -> &str {
        &self.algorithm
    }

    /// The type as `ssh-keygen` and sshd's log write it, such as `ED25519` or `RSA-CERT`.
    pub fn short_type(&self) -> &'static str {
        match (&self.material, self.certificate.is_some()) {
            (Material::Rsa { .. }, false) => "RSA",
            (Material::Rsa { .. }, true) => "RSA-CERT",
            (Material::Dsa(_), false) => "DSA",
            (Material::Dsa(_), true) => "DSA-CERT",
            (Material::Ecdsa(_), false) => "ECDSA",
            (Material::Ecdsa(_), true) => "ECDSA-CERT",
            (Material::Ed25519, false) => "ED25519",
            (Material::Ed25519, true) => "ED25519-CERT",
            (Material::SkEcdsa, false) => "ECDSA-SK",
            (Material::SkEcdsa, true) => "ECDSA-SK-CERT",
            (Material::SkEd25519, false) => "ED25519-SK",
            (Material::SkEd25519, true) => "ED25519-SK-CERT",
            (Material::Unknown, _) => "unknown",
        }
    }

    /// Its size; `None` for an unknown type.
    pub fn bits(&self) -> Option<u32> {
        Some(match &self.material {
            Material::Rsa { modulus, .. } => blob::bits(modulus),
            Material::Dsa(bits) | Material::Ecdsa(bits) => *bits,
            Material::Ed25519 | Material::SkEcdsa | Material::SkEd25519 => 256,
            Material::Unknown => return None,
        })
    }

    /// What it is made of.
    pub fn material(&self) -> &Material {
        &self.material
    }

    /// What it is certified as, if it is a certificate.
    pub fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_deref()
    }

    /// Whether the signature of the certificate holds, whoever made it; `None` where that can't be checked here, and for a plain key.
    pub fn is_signed(&self) -> Option<bool> {
        use ::ssh_key::{Algorithm, Certificate};
        self.certificate.as_ref()?;
        let read = Certificate::from_bytes(&self.blob).ok()?;
        if read.verify_signature().is_ok() {
            return Some(true);
        }
        // What is verified is written anew by the crate, so only what it writes as it was is known to be wrong.
        let same = read.to_bytes().is_ok_and(|bytes| *bytes == *self.blob);
        let algorithm = read.signature().algorithm();
        let known = matches!(
            algorithm,
            Algorithm::Ed25519 | Algorithm::Ecdsa { .. } | Algorithm::Rsa { hash: Some(_) }
        );
        (same && known).then_some(false)
    }

    /// The key itself, in the form of RFC 4253.
    pub fn blob(&self) -> &[u8] {
        &self.blob
    }

    /// The key itself, as base64.
    pub fn base64(&self) -> String {
        STANDARD.encode(&self.blob)
    }

    /// The comment, to be made visible before it is shown. Bytes that are no UTF-8 are replaced.
    pub fn comment(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.comment)
    }

    /// Replaces the comment. What would end a line becomes a blank.
    pub fn set_comment(&mut self, comment: &str) {
        let comment = comment.replace(['\n', '\r', '\0'], " ");
        self.comment = comment.trim_ascii().as_bytes().into();
    }

    /// Its fingerprint; a certificate has that of its key.
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The SHA-1 of the key without its certificate, which older lists of revoked keys have.
    pub(in crate::domain) const fn sha1(&self) -> &[u8; 20] {
        &self.sha1
    }

    /// `type base64 comment`, the line of a `.pub` file without its end.
    pub fn line(&self) -> Vec<u8> {
        let mut line = format!("{} {}", self.algorithm, self.base64()).into_bytes();
        if !self.comment.is_empty() {
            line.push(b' ');
            line.extend(&*self.comment);
        }
        line
    }
}

/// Whether a text has a private key in it, of any of the usual programs or of Nix.
pub fn holds_private(text: &str) -> bool {
    // `openssh-key-v1` in base64, with or without its armour.
    const OPENSSH: &str = "b3BlbnNzaC1rZXktdjE";
    let nix = |word: &str| {
        word.split_once(':')
            .and_then(|(_, data)| STANDARD.decode(data).ok())
            .is_some_and(|bytes| bytes.len() == 64)
    };
    text.contains(OPENSSH)
        || text.contains("PuTTY-User-Key-File")
        || text.contains("Private-Lines:")
        || text.lines().any(|line| {
            line.contains("PRIVATE KEY") && (line.contains("BEGIN") || line.contains("END"))
        })
        || text.split_ascii_whitespace().any(nix)
}
