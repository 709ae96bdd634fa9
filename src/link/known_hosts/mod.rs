//! The `known_hosts` check: which host has which key, in all of the format of sshd(8), "`SSH_KNOWN_HOSTS` FILE FORMAT".
//!
//! In: the bytes of `known_hosts` files, a host's name, the key or certificate that it sent. Out: a [`Verdict`]. Pure: no files are
//! read or written here (`file` beside it does both). One bad line never hides another: it is kept as a [`Problem`]. The verdicts are
//! those of ssh (`check_host_key` in its sshconnect.c), or stricter; `link/tests/known_hosts.rs` compares them with the real one.

pub(in crate::link) mod command;
mod file;
mod line;
mod pattern;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

pub(crate) use self::file::{append, read};
pub use self::line::line;
use self::line::{Line, Marker, blob_kind};
use self::pattern::Hosts;
use crate::domain::pattern::glob;

/// Lines of one kind that a question names: enough to look at.
const MOST_NOTES: usize = 3;

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
    pub why: &'static str,
    /// Which hosts it names; `None` where that could not be read either.
    hosts: Option<Hosts>,
    /// It says `@revoked`: which key must not be accepted is not known then.
    revokes: bool,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.at, self.why)
    }
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

impl HostName {
    /// The name with the port, then the one without it, where they differ.
    fn both(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.lookup.as_str()).chain(self.plain.as_deref())
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lookup)
    }
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
    /// The host has another key, whatever its type.
    Changed {
        /// The type of the key that it has; of several, one of the type that was sent.
        kind: String,
        /// Where that stands.
        at: At,
    },
    /// No key of the host is known.
    Unknown(Unknown),
}

/// What is worth knowing beside "unknown".
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unknown {
    /// An authority (`@cert-authority`) vouches for the host, or its standard port is known by another key.
    pub other_keys: Vec<(String, At)>,
    /// The same key is known under other names.
    pub other_names: Vec<(String, At)>,
    /// Lines that name the host and could not be read.
    pub unreadable: Vec<Problem>,
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
            match line::parse(line) {
                Line::Nothing => {}
                Line::Good(marker, hosts, key) => self.entries.push(Entry {
                    at,
                    marker,
                    hosts,
                    key,
                }),
                Line::Bad {
                    why,
                    hosts,
                    revokes,
                } => self.problems.push(Problem {
                    at,
                    why,
                    hosts,
                    revokes,
                }),
            }
        }
    }

    /// The lines that could not be read.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The verdict for a plain key. As in ssh, lines for the host without its port count only where none names it with the port.
    pub fn check(&self, name: &HostName, key: &HostKey) -> Verdict {
        if let Some(at) = self.revokes(name, key) {
            return Verdict::Revoked(at);
        }
        let mut other_keys = self.authorities(name);
        match (self.find(&name.lookup, key), &name.plain) {
            (Some(verdict), _) => return verdict,
            (None, None) => {}
            (None, Some(plain)) => match self.find(plain, key) {
                // Another port may well be another machine: that is no change, but must not go by unseen.
                Some(Verdict::Changed { kind, at }) => {
                    other_keys.push((format!("another {kind} key on port 22"), at));
                }
                Some(verdict) => return verdict,
                None => {}
            },
        }
        Verdict::Unknown(Unknown {
            other_keys,
            other_names: self.other_names(key),
            unreadable: self.unreadable(name),
        })
    }

    /// What the plain lines for exactly this name say of a key; `None` where there is no such line.
    fn find(&self, name: &str, key: &HostKey) -> Option<Verdict> {
        let mut changed: Option<&Entry> = None;
        for entry in self.named(Marker::None, name) {
            if entry.key == *key {
                return Some(Verdict::Known(entry.at.clone()));
            }
            let closer = entry.key.kind == key.kind;
            if changed.is_none_or(|found| closer && found.key.kind != key.kind) {
                changed = Some(entry);
            }
        }
        changed.map(|entry| Verdict::Changed {
            kind: entry.key.kind.clone(),
            at: entry.at.clone(),
        })
    }

    fn named<'a>(&'a self, marker: Marker, name: &'a str) -> impl Iterator<Item = &'a Entry> {
        self.entries
            .iter()
            .filter(move |entry| entry.marker == marker && entry.hosts.matches(name))
    }

    fn authorities(&self, name: &HostName) -> Vec<(String, At)> {
        name.both()
            .flat_map(|name| self.named(Marker::Authority, name))
            .map(|entry| ("an authority".to_owned(), entry.at.clone()))
            .collect()
    }

    fn other_names(&self, key: &HostKey) -> Vec<(String, At)> {
        self.entries
            .iter()
            .filter(|entry| entry.marker == Marker::None && entry.key == *key)
            .take(MOST_NOTES)
            .map(|entry| (entry.hosts.shown(), entry.at.clone()))
            .collect()
    }

    fn unreadable(&self, name: &HostName) -> Vec<Problem> {
        self.problems
            .iter()
            .filter(|problem| {
                let hosts = problem.hosts.as_ref();
                hosts.is_some_and(|hosts| name.both().any(|name| hosts.matches(name)))
            })
            .take(MOST_NOTES)
            .cloned()
            .collect()
    }

    /// The line that revokes a key or its authority for a host, if one does. Under both of its names: ssh looks at the one without
    /// the port only where it needs it, and a revoked key is no better on another port.
    pub fn revokes(&self, name: &HostName, key: &HostKey) -> Option<At> {
        name.both()
            .flat_map(|name| self.named(Marker::Revoked, name))
            .find(|entry| entry.key == *key)
            .map(|entry| entry.at.clone())
    }

    /// A line that revokes a key for the host, or may do so, and cannot be read: any key could be the one.
    pub fn may_revoke(&self, name: &HostName) -> Option<&Problem> {
        self.problems.iter().find(|problem| {
            problem.revokes
                && problem
                    .hosts
                    .as_ref()
                    .is_none_or(|hosts| name.both().any(|name| hosts.matches(name)))
        })
    }

    /// The line that trusts `authority` to sign certificates of the host. As with keys, lines for the host without its port count
    /// only where none names it with the port.
    pub fn trusts(&self, name: &HostName, authority: &HostKey) -> Option<At> {
        let name = name
            .both()
            .find(|name| self.named(Marker::Authority, name).next().is_some())?;
        self.named(Marker::Authority, name)
            .find(|entry| entry.key == *authority)
            .map(|entry| entry.at.clone())
    }

    /// Whether certificates are to be asked for at all.
    pub fn has_authority(&self, name: &HostName) -> bool {
        !self.authorities(name).is_empty()
    }

    /// The types of key that are known for the host: these are asked for first, so that a known host stays a known host.
    pub fn key_types<'a>(&'a self, name: &'a HostName) -> Vec<&'a str> {
        let mut types: Vec<&'a str> = Vec::new();
        for name in name.both() {
            for entry in self.named(Marker::None, name) {
                if !types.contains(&entry.key.kind.as_str()) {
                    types.push(&entry.key.kind);
                }
            }
            // What stands for the port is what counts, and a type of the other port would be a change.
            if !types.is_empty() {
                break;
            }
        }
        types
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
        hosts.may_revoke(&name),
        hosts.key_types(&name),
    );
}

#[cfg(test)]
mod tests;
