//! The `known_hosts` check: which host has which key, in all of the format of sshd(8), "`SSH_KNOWN_HOSTS` FILE FORMAT".
//!
//! In: the bytes of `known_hosts` files, a host's name, the key or certificate that it sent. Out: a [`Verdict`]. Pure: no files are
//! read or written here (`file` beside it does both). One bad line never hides another: it is kept as a [`Problem`].

mod file;
mod pattern;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub(crate) use self::file::{append, read};
pub(in crate::link) use self::pattern::glob;
use self::pattern::{Hosts, hashed};

/// A place in a file, for messages: `~/.ssh/known_hosts:12`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At {
    /// The file as it is shown.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: usize,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// A line that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub at: At,
    /// Why.
    pub why: &'static str,
}

/// A key as the wire has it: its type and its blob (RFC 4253, section 6.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostKey {
    /// Such as `ssh-ed25519`.
    pub kind: String,
    /// The whole blob, the type's name included.
    pub blob: Vec<u8>,
}

/// The name under which a host is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostName {
    lookup: String,
    /// Without the port, where the name has one.
    plain: Option<String>,
}

impl HostName {
    /// A host and port; 22 is not written (`put_host_port` of OpenSSH).
    pub fn new(host: &str, port: u16) -> Self {
        let host = host.to_ascii_lowercase();
        if port == 22 {
            return Self {
                lookup: host,
                plain: None,
            };
        }
        Self {
            lookup: format!("[{host}]:{port}"),
            plain: Some(host),
        }
    }

    /// A `HostKeyAlias`, which stands as it is, without a port.
    pub fn alias(alias: &str) -> Self {
        Self::new(alias, 22)
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lookup)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Marker {
    None,
    Authority,
    Revoked,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    at: At,
    marker: Marker,
    hosts: Hosts,
    key: HostKey,
}

/// One or several `known_hosts` files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownHosts {
    entries: Vec<Entry>,
    problems: Vec<Problem>,
}

/// What the files say of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The host has this key.
    Known(At),
    /// The key must never be accepted for the host.
    Revoked(At),
    /// The host has another key of this type.
    Changed(At),
    /// Nothing is said of the host and a key of this type.
    Unknown(Unknown),
}

/// What is worth knowing beside "unknown".
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unknown {
    /// The host is known with keys of other types, or by an authority (`@cert-authority`).
    pub other_types: Vec<(String, At)>,
    /// The same key is known under other names.
    pub other_names: Vec<(String, At)>,
}

impl KnownHosts {
    /// Adds the lines of a file. Never fails: what cannot be read is a problem of that line alone.
    pub fn add(&mut self, file: &str, bytes: &[u8]) {
        let file: Arc<str> = file.into();
        for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            let at = At {
                file: file.clone(),
                line: index + 1,
            };
            match parse_line(line) {
                Ok(None) => {}
                Ok(Some((marker, hosts, key))) => self.entries.push(Entry {
                    at,
                    marker,
                    hosts,
                    key,
                }),
                Err(why) => self.problems.push(Problem { at, why }),
            }
        }
    }

    /// The lines that could not be read.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The verdict for a plain key.
    pub fn check(&self, name: &HostName, key: &HostKey) -> Verdict {
        match (self.check_as(&name.lookup, key), &name.plain) {
            // As ssh does: a key known for the host without a port holds for its other ports too.
            (Verdict::Unknown(unknown), Some(plain)) => match self.check_as(plain, key) {
                Verdict::Unknown(more) => Verdict::Unknown(Unknown {
                    other_types: [unknown.other_types, more.other_types].concat(),
                    other_names: more.other_names,
                }),
                // Another port may well be another machine: that is no change, but worth a word.
                Verdict::Changed(at) => Verdict::Unknown(Unknown {
                    other_types: [unknown.other_types, vec![(key.kind.clone(), at)]].concat(),
                    other_names: unknown.other_names,
                }),
                verdict => verdict,
            },
            (verdict, _) => verdict,
        }
    }

    fn check_as(&self, name: &str, key: &HostKey) -> Verdict {
        if let Some(at) = self.revoked(name, key) {
            return Verdict::Revoked(at);
        }
        let mut changed = None;
        let mut unknown = Unknown::default();
        for entry in &self.entries {
            let same = entry.key == *key;
            if !entry.hosts.matches(name) {
                if same && entry.marker == Marker::None && unknown.other_names.len() < 3 {
                    unknown
                        .other_names
                        .push((entry.hosts.shown(), entry.at.clone()));
                }
                continue;
            }
            match entry.marker {
                Marker::Revoked => {}
                Marker::Authority => unknown
                    .other_types
                    .push(("an authority".into(), entry.at.clone())),
                Marker::None if same => return Verdict::Known(entry.at.clone()),
                Marker::None if entry.key.kind == key.kind => {
                    changed = changed.or(Some(entry.at.clone()));
                }
                Marker::None => unknown
                    .other_types
                    .push((entry.key.kind.clone(), entry.at.clone())),
            }
        }
        changed.map_or(Verdict::Unknown(unknown), Verdict::Changed)
    }

    fn revoked(&self, name: &str, key: &HostKey) -> Option<At> {
        self.entries
            .iter()
            .find(|entry| {
                entry.marker == Marker::Revoked && entry.key == *key && entry.hosts.matches(name)
            })
            .map(|entry| entry.at.clone())
    }

    /// The line that revokes a key or its authority for a host, if one does.
    pub fn revokes(&self, name: &HostName, key: &HostKey) -> Option<At> {
        self.revoked(&name.lookup, key).or_else(|| {
            name.plain
                .as_deref()
                .and_then(|plain| self.revoked(plain, key))
        })
    }

    /// The line that trusts `authority` to sign certificates of the host.
    pub fn trusts(&self, name: &HostName, authority: &HostKey) -> Option<At> {
        self.matching(name)
            .find(|entry| entry.marker == Marker::Authority && entry.key == *authority)
            .map(|entry| entry.at.clone())
    }

    /// Whether certificates are to be asked for at all.
    pub fn has_authority(&self, name: &HostName) -> bool {
        self.matching(name)
            .any(|entry| entry.marker == Marker::Authority)
    }

    /// The types of key that are known for the host: these are asked for first, so that a known host stays a known host.
    pub fn key_types<'a>(&'a self, name: &HostName) -> Vec<&'a str> {
        let mut types: Vec<&'a str> = Vec::new();
        for entry in self
            .matching(name)
            .filter(|entry| entry.marker == Marker::None)
        {
            if !types.contains(&entry.key.kind.as_str()) {
                types.push(&entry.key.kind);
            }
        }
        types
    }

    fn matching<'a, 'n>(
        &'a self,
        name: &'n HostName,
    ) -> impl Iterator<Item = &'a Entry> + use<'a, 'n> {
        self.entries.iter().filter(move |entry| {
            entry.hosts.matches(&name.lookup)
                || name
                    .plain
                    .as_deref()
                    .is_some_and(|plain| entry.hosts.matches(plain))
        })
    }
}

/// Whether a certificate's principals name the host. A certificate that names none is for none: OpenSSH 9 takes it for every
/// host, which no authority should mean.
pub fn principals_match(principals: &[String], name: &HostName) -> bool {
    let host = name.plain.as_deref().unwrap_or(&name.lookup);
    principals
        .iter()
        .any(|principal| glob(principal.to_ascii_lowercase().as_bytes(), host.as_bytes()))
}

/// The line for a newly accepted key, with its line end. `salt` makes it a hashed one (`HashKnownHosts`).
pub fn line(name: &HostName, key: &HostKey, salt: Option<[u8; 20]>) -> String {
    let host = salt
        .and_then(|salt| hashed(&salt, &name.lookup))
        .unwrap_or_else(|| name.lookup.clone());
    format!("{host} {} {}\n", key.kind, STANDARD.encode(&key.blob))
}

type Parsed = (Marker, Hosts, HostKey);

fn parse_line(line: &[u8]) -> Result<Option<Parsed>, &'static str> {
    let mut fields = line
        .split(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
        .filter(|field| !field.is_empty());
    let mut next = || match fields.next() {
        Some(field) => std::str::from_utf8(field)
            .map(Some)
            .map_err(|_| "it is not text"),
        None => Ok(None),
    };
    let Some(mut first) = next()? else {
        return Ok(None);
    };
    if first.starts_with('#') {
        return Ok(None);
    }
    let mut marker = Marker::None;
    if first.starts_with('@') {
        marker = match first {
            "@cert-authority" => Marker::Authority,
            "@revoked" => Marker::Revoked,
            _ => return Err("its marker is neither @cert-authority nor @revoked"),
        };
        first = next()?.ok_or("no host is named")?;
    }
    let hosts = Hosts::parse(first)?;
    let kind = next()?.ok_or("the key is missing")?;
    let blob = STANDARD
        .decode(next()?.ok_or("the key is missing")?)
        .map_err(|_| "the key is not base64")?;
    if blob_kind(&blob) != Some(kind) {
        return Err("the key is not of the type that is named");
    }
    let key = HostKey {
        kind: kind.to_owned(),
        blob,
    };
    Ok(Some((marker, hosts, key)))
}

/// The type's name at the front of a blob.
fn blob_kind(blob: &[u8]) -> Option<&str> {
    let (length, rest) = blob.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    std::str::from_utf8(rest.get(..length)?).ok()
}

impl HostKey {
    /// From a key of russh.
    pub(crate) fn of(key: &russh::keys::ssh_key::public::KeyData) -> Option<Self> {
        let blob = russh::keys::PublicKey::new(key.clone(), "")
            .to_bytes()
            .ok()?;
        let kind = blob_kind(&blob)?.to_owned();
        Some(Self { kind, blob })
    }
}

/// Reads a text for fuzzing: every question is asked of whatever it holds.
#[doc(hidden)]
pub fn fuzz(bytes: &[u8]) {
    let mut hosts = KnownHosts::default();
    hosts.add(&Path::new("fuzz").to_string_lossy(), bytes);
    let name = HostName::new("cache.example.org", 2222);
    let key = HostKey {
        kind: "ssh-ed25519".into(),
        blob: bytes.get(..51).unwrap_or(bytes).to_vec(),
    };
    let _ = (
        hosts.check(&name, &key),
        hosts.trusts(&name, &key),
        hosts.revokes(&name, &key),
        hosts.key_types(&name),
    );
}

#[cfg(test)]
mod tests;
