//! One line of a `known_hosts` file, read as ssh reads it (`hostkeys_foreach_file` in its hostfile.c, `sshkey_read` in sshkey.c).
//!
//! In: the bytes of a line. Out: its marker, hosts and key; or why it cannot be read, with what of it could be. Whoever writes a line
//! that ssh reads must not be ignored here: an unread line of a known host would make it an unknown one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use russh::keys::Certificate;
use russh::keys::ssh_key::{Algorithm, PublicKey};

use super::pattern::{Hosts, hashed};
use super::{HostKey, HostName};

/// What a line's marker says about its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marker {
    /// It is the host's key.
    None,
    /// It signs the certificates of the host.
    Authority,
    /// It must not be accepted for the host.
    Revoked,
}

/// A line that was read.
pub(super) enum Line {
    /// Empty, or a comment.
    Nothing,
    Good(Marker, Hosts, HostKey),
    Bad {
        why: &'static str,
        /// `None` where the hosts that it names are unknown.
        hosts: Option<Hosts>,
        /// It was meant to revoke a key.
        revokes: bool,
    },
}

/// Reads a line, without its line end.
pub(super) fn parse(line: &[u8]) -> Line {
    // For ssh a line is a text of C, which ends at the first zero.
    let line = line.split(|byte| *byte == 0).next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let mut fields = line
        .split(|byte| matches!(byte, b' ' | b'\t'))
        .filter(|field| !field.is_empty())
        .peekable();
    if fields.peek().is_none_or(|first| first.starts_with(b"#")) {
        return Line::Nothing;
    }
    let mut markers = Vec::new();
    while let Some(marker) = fields.next_if(|field| field.starts_with(b"@")) {
        markers.push(marker);
    }
    let revokes = markers.iter().any(|marker| {
        let start = marker.get(..REVOKE.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(REVOKE))
    });
    let bad = |why, hosts| Line::Bad {
        why,
        hosts,
        revokes,
    };
    let hosts = match fields
        .next()
        .ok_or("no host is named")
        .and_then(Hosts::parse)
    {
        Ok(hosts) => hosts,
        Err(why) => return bad(why, None),
    };
    let marker = match markers.as_slice() {
        [] => Marker::None,
        [b"@revoked"] => Marker::Revoked,
        // ssh takes such a marker and the host for one word, and so does not trust the authority.
        [marker @ b"@cert-authority"] if is_glued(line, marker) => {
            return bad(
                "a tab follows its marker, and ssh reads only a space there",
                Some(hosts),
            );
        }
        [b"@cert-authority"] => Marker::Authority,
        [_] => {
            // Where the marker ends is not known, so the next word may be anything.
            let hosts = (!revokes).then_some(hosts);
            return bad("its marker is neither @cert-authority nor @revoked", hosts);
        }
        _ => return bad("it has more than one marker", (!revokes).then_some(hosts)),
    };
    let key = fields
        .next()
        .zip(fields.next())
        .ok_or("the key is missing")
        .and_then(|(kind, text)| key(kind, text));
    match key {
        // For ssh it revokes the key inside the certificate; that key need not be read here.
        Ok(key) if marker == Marker::Revoked && is_certificate(&key.kind) => {
            bad("it is a certificate, not a key", Some(hosts))
        }
        Ok(key) => Line::Good(marker, hosts, key),
        Err(why) => bad(why, Some(hosts)),
    }
}

/// How a marker that revokes starts, however it goes on.
const REVOKE: &[u8] = b"@revoke";

/// Whether ssh takes more for the marker than the word: it ends at the first space of the line, and at a tab only where there is none.
fn is_glued(line: &[u8], marker: &[u8]) -> bool {
    let from = line.iter().position(|byte| *byte == b'@').unwrap_or(0);
    let after = line.get(from + marker.len()..).unwrap_or_default();
    after.first() == Some(&b'\t') && after.contains(&b' ')
}

fn is_certificate(kind: &str) -> bool {
    kind.ends_with("-cert-v01@openssh.com")
}

fn key(kind: &[u8], text: &[u8]) -> Result<HostKey, &'static str> {
    let kind = match kind {
        // Names of signatures, which ssh takes for the name of the key.
        b"rsa-sha2-256" | b"rsa-sha2-512" => "ssh-rsa",
        b"rsa-sha2-256-cert-v01@openssh.com" | b"rsa-sha2-512-cert-v01@openssh.com" => {
            "ssh-rsa-cert-v01@openssh.com"
        }
        b"webauthn-sk-ecdsa-sha2-nistp256@openssh.com" => "sk-ecdsa-sha2-nistp256@openssh.com",
        kind => std::str::from_utf8(kind).map_err(|_| "the type of its key is not text")?,
    };
    // The blanks that may stand within a field are nothing to ssh's base64.
    let text: Vec<u8> = text
        .iter()
        .copied()
        .filter(|byte| !matches!(byte, b'\r' | 0x0b | 0x0c))
        .collect();
    let blob = STANDARD.decode(text).map_err(|_| "the key is not base64")?;
    if blob_kind(&blob) != Some(kind) {
        return Err("the key is not of the type that is named");
    }
    if is_certificate(kind) {
        Certificate::from_bytes(&blob).map_err(|_| "the certificate is damaged")?;
    } else {
        let key = PublicKey::from_bytes(&blob).map_err(|_| "the key is damaged")?;
        if matches!(key.algorithm(), Algorithm::Other(_)) {
            return Err("its key is of an unknown type");
        }
    }
    Ok(HostKey {
        kind: kind.to_owned(),
        blob,
    })
}

/// The type's name at the front of a blob.
pub(super) fn blob_kind(blob: &[u8]) -> Option<&str> {
    let (length, rest) = blob.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    std::str::from_utf8(rest.get(..length)?).ok()
}

/// The line for a newly accepted key, with its line end. `salt` makes it a hashed one (`HashKnownHosts`).
pub fn line(name: &HostName, key: &HostKey, salt: Option<[u8; 20]>) -> String {
    let host = salt
        .and_then(|salt| hashed(&salt, &name.lookup))
        .unwrap_or_else(|| name.lookup.clone());
    format!("{host} {} {}\n", key.kind, STANDARD.encode(&key.blob))
}
