//! One line of a key file.
//!
//! In: its bytes, with its end. Out: what sshd makes of it: nothing (blank, comment), a key with options, or a line that it passes over.
//! The bytes themselves stay as they are. Source: OpenSSH's auth2-pubkeyfile.c (`auth_check_authkey_line`) and sshkey.c (`sshkey_read`).

use super::suspended::SuspendedLine;
use super::{KeyOptions, OptionError};
use crate::domain::ssh_key::{KeyError, Material, PublicSshKey, holds_private};
use std::ops::Range;

/// A line and its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    raw: Vec<u8>,
    kind: LineKind,
}

/// What a line is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineKind {
    /// Nothing but blanks.
    Blank,
    /// Begins with `#`.
    Comment,
    /// The same to sshd: a key that was suspended.
    Suspended(Box<SuspendedLine>),
    /// A key.
    Key(Box<KeyLine>),
    /// sshd passes over it without a word; why.
    Invalid(Invalid),
}

/// Why a line is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// The quotes of the options do not end.
    #[error("its options have no closing double quote")]
    Quote,
    /// No key where one should be.
    #[error("{0}")]
    Key(KeyError),
    /// A private key is in the file.
    #[error("a private key was pasted into this file; remove the line and make that key anew")]
    Private,
}

/// A line with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyLine {
    /// The key with its comment.
    pub key: PublicSshKey,
    /// The options; an error disables the line.
    pub options: Result<KeyOptions, OptionError>,
    /// Where the options stand in the line; empty at the key where there are none.
    pub(super) field: Range<usize>,
    /// Where the key's type begins.
    pub(super) key_at: usize,
}

impl Line {
    /// Reads a line with its end.
    pub(super) fn parse(raw: &[u8]) -> Self {
        Self {
            kind: kind(raw),
            raw: raw.to_vec(),
        }
    }

    /// All of it, with its end if it has one.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// Without its end.
    pub fn text(&self) -> &[u8] {
        let ended = self.raw.strip_suffix(b"\r\n");
        ended
            .or_else(|| self.raw.strip_suffix(b"\n"))
            .unwrap_or(&self.raw)
    }

    /// Its end: `\n`, `\r\n`, or nothing.
    pub(super) fn end(&self) -> &[u8] {
        &self.raw[self.text().len()..]
    }

    /// What it is.
    pub const fn kind(&self) -> &LineKind {
        &self.kind
    }

    /// What it is, without its bytes.
    pub(super) fn into_kind(self) -> LineKind {
        self.kind
    }

    /// The key that sshd reads from it, if it has one.
    pub fn key(&self) -> Option<&KeyLine> {
        match &self.kind {
            LineKind::Key(line) => Some(line),
            _ => None,
        }
    }

    /// The same, or the key that it has while it is suspended.
    pub fn any_key(&self) -> Option<&KeyLine> {
        match &self.kind {
            LineKind::Key(line) => Some(line),
            LineKind::Suspended(suspended) => Some(&suspended.line),
            _ => None,
        }
    }
}

impl KeyLine {
    /// The options that hold, `None` if they disable the line.
    pub fn effective(&self) -> Option<&KeyOptions> {
        self.options.as_ref().ok()
    }
}

fn kind(raw: &[u8]) -> LineKind {
    // To sshd a line is a C string: it ends at its first NUL.
    let seen = raw.split(|byte| *byte == 0).next().unwrap_or_default();
    let lead = blanks(seen);
    match seen.get(lead) {
        None | Some(b'\n') => return LineKind::Blank,
        Some(b'#') => {
            let suspended = SuspendedLine::parse(raw);
            return suspended.map_or(LineKind::Comment, |line| LineKind::Suspended(line.into()));
        }
        Some(b'\r') if seen[lead..].trim_ascii().is_empty() => return LineKind::Blank,
        Some(_) => {}
    }
    let with = |key: PublicSshKey, field: Range<usize>, key_at: usize| {
        let options = KeyOptions::parse(&seen[field.clone()]);
        LineKind::Key(Box::new(KeyLine {
            key,
            options,
            field,
            key_at,
        }))
    };
    let first = PublicSshKey::from_words(&seen[lead..]);
    // A type that sshd does not know is no key to it, so options may stand there.
    match first {
        Ok(key) => return with(key, lead..lead, lead),
        Err(_) if holds_private(&String::from_utf8_lossy(seen)) => {
            return LineKind::Invalid(Invalid::Private);
        }
        Err(_) => {}
    }
    let Some(length) = field_length(&seen[lead..]) else {
        return LineKind::Invalid(Invalid::Quote);
    };
    let end = lead + length;
    let key_at = end + blanks(&seen[end..]);
    match (PublicSshKey::from_words(&seen[key_at..]), first) {
        (Ok(key), _) => with(key, lead..end, key_at),
        // The clearer of two messages: a type that is known, or a damaged key behind options.
        (Err(KeyError::Form | KeyError::Empty), Err(error)) | (Err(error), _) => {
            LineKind::Invalid(Invalid::Key(error))
        }
    }
}

/// How long the options are: to the first blank that is not in quotes. `None` if the quotes do not end.
fn field_length(text: &[u8]) -> Option<usize> {
    let mut quoted = false;
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match byte {
            b' ' | b'\t' if !quoted => return Some(at),
            b'\\' if text.get(at + 1) == Some(&b'"') => at += 1,
            b'"' => quoted = !quoted,
            _ => {}
        }
        at += 1;
    }
    (!quoted).then_some(text.len())
}

fn blanks(text: &[u8]) -> usize {
    text.iter()
        .take_while(|byte| **byte == b' ' || **byte == b'\t')
        .count()
}

/// Whether this program knows a type.
pub(super) fn is_known(key: &PublicSshKey) -> bool {
    *key.material() != Material::Unknown
}
