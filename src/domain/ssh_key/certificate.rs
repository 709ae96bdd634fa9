//! What a certificate says beside its key.
//!
//! In: the bytes behind the key. Out: [`Certificate`]. Source: OpenSSH's PROTOCOL.certkeys; as strict as `cert_parse` of its sshkey.c
//! about what is a sequence of strings. Whether the signature holds is another question: [`PublicSshKey::is_signed`](super::PublicSshKey::is_signed).

use super::blob::Reader;
use super::{Fingerprint, KeyError};
use sha1::{Digest as _, Sha1};

/// What a certificate adds to its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// What its maker called it. Anything can be in it.
    pub id: String,
    /// Its number.
    pub serial: u64,
    /// Whether it is for users, and not for hosts.
    pub for_user: bool,
    /// The names that it may log in as. Anything can be in them.
    pub principals: Vec<String>,
    /// From when on it holds, in seconds since 1970.
    pub after: u64,
    /// Until when, in seconds since 1970; `None` where it has no end.
    pub before: Option<u64>,
    /// What sshd has to honour, else refuse: `force-command`, `source-address`.
    pub critical: Vec<CriticalOption>,
    /// What it permits, such as `permit-pty`.
    pub extensions: Vec<String>,
    /// Whose signature it carries.
    pub authority: Fingerprint,
    /// The same by SHA-1, which older lists of revoked keys have.
    pub authority_sha1: [u8; 20],
    /// The algorithm of that signature, such as `rsa-sha2-512`. Anything can be in it.
    pub signed_with: String,
}

impl Certificate {
    /// What it runs, whatever its owner asks for.
    pub fn forced(&self) -> Option<&str> {
        let mut options = self.critical.iter();
        let option = options.find(|option| option.name == "force-command");
        option.map(|option| option.value.as_str())
    }
}

/// A critical option of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CriticalOption {
    pub name: String,
    /// Its value; empty for one without.
    pub value: String,
}

/// Reads what follows the key.
pub(super) fn read(reader: &mut Reader<'_>) -> Result<Certificate, KeyError> {
    let serial = reader.u64()?;
    let for_user = reader.u32()? == 1;
    let id = text(reader.string()?);
    let mut principals = Vec::new();
    let mut names = Reader(reader.string()?);
    while !names.0.is_empty() {
        principals.push(text(names.string()?));
    }
    let after = reader.u64()?;
    let before = reader.u64()?;
    let critical = options(reader.string()?)?;
    let extensions = options(reader.string()?)?;
    reader.string()?; // reserved
    let signer = reader.string()?;
    let authority = Fingerprint::of(signer);
    let signature = reader.string()?;
    let signed_with = text(Reader(signature).string().unwrap_or_default());
    Ok(Certificate {
        id,
        serial,
        for_user,
        principals,
        after,
        before: (before != u64::MAX).then_some(before),
        critical,
        extensions: extensions.into_iter().map(|option| option.name).collect(),
        authority,
        authority_sha1: Sha1::digest(signer).into(),
        signed_with,
    })
}

/// Names, each with its data: nothing, or a string within a string.
fn options(bytes: &[u8]) -> Result<Vec<CriticalOption>, KeyError> {
    let mut reader = Reader(bytes);
    let mut found = Vec::new();
    while !reader.0.is_empty() {
        let name = text(reader.string()?);
        let mut data = Reader(reader.string()?);
        let value = match data.0 {
            [] => String::new(),
            _ => text(data.string()?),
        };
        found.push(CriticalOption { name, value });
    }
    Ok(found)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
