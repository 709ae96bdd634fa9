//! The list of keys that sshd refuses whoever they belong to: `RevokedKeys`.
//!
//! In: the content of the file, none of it trusted. Out: [`RevocationList`], or why it can't be read; whether it has a key, or a certificate.
//! Sources: `sshd_config(5)`; `sshkey_check_revoked` in OpenSSH's authfile.c. A file that does not begin as a key revocation list does has a
//! public key on each line.

mod krl;
#[cfg(test)]
mod tests;

use crate::domain::ssh_key::{Fingerprint, PublicSshKey};
use krl::Krl;
use std::collections::BTreeSet;

/// A list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RevocationList {
    /// There is no file of the name that sshd has, so it refuses every key.
    Missing,
    /// Keys.
    Keys(BTreeSet<Fingerprint>),
    /// In OpenSSH's own format.
    Krl(Box<Krl>),
}

/// By what something is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    /// Every key is.
    All,
    /// The key stands there.
    Key,
    /// The authority of the certificate does.
    Authority,
    /// The certificate's number.
    Serial,
    /// The certificate's id.
    Id,
}

impl RevocationList {
    /// Reads the content of a file. What can't be read here may be read by sshd; what sshd can't read refuses every key.
    pub fn parse(content: &[u8]) -> Result<Self, String> {
        if let Some(rest) = content.strip_prefix(krl::MAGIC) {
            return Krl::parse(rest).map(|krl| Self::Krl(Box::new(krl)));
        }
        let mut keys = BTreeSet::new();
        for (at, line) in content.split(|byte| *byte == b'\n').enumerate() {
            let blank = line.iter().take_while(|byte| b" \t".contains(byte)).count();
            let line = &line[blank..];
            // sshd takes what follows a zero for nothing.
            if matches!(line.first(), None | Some(b'#' | 0)) {
                continue;
            }
            let key = PublicSshKey::from_words(line);
            let key = key.map_err(|_| format!("its line {} is no key", at + 1))?;
            keys.insert(key.fingerprint());
        }
        Ok(Self::Keys(keys))
    }

    /// Whether a key, or a certificate, is refused by it.
    pub fn has(&self, key: &PublicSshKey) -> Option<Listed> {
        match self {
            Self::Missing => Some(Listed::All),
            Self::Krl(krl) => krl.has(key),
            Self::Keys(keys) if keys.contains(&key.fingerprint()) => Some(Listed::Key),
            Self::Keys(keys) => {
                let authority = key.certificate()?.authority;
                keys.contains(&authority).then_some(Listed::Authority)
            }
        }
    }
}
