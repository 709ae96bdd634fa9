//! A key's line that was suspended: kept in its place behind a comment sign, so that no sshd reads it, with what is known of it before it.
//!
//! In: a line with a key, and who suspends it, when and why. Out: the suspended line, and from that the first one, byte for byte. On disk:
//!
//! ```text
//! # suspended by storekeeper: {"since":"2026-01-02T03:04:05Z","by":"root via ada@laptop","reason":"left"} restrict ssh-ed25519 AAAA… a
//! ```
//!
//! Everything behind the blank that follows the JSON object is the line as it was, its end too. What does not read so is a comment.

use super::line::{KeyLine, Line, LineKind};
use super::{AuthorizedKeys, EditError};
use crate::domain::When;
use crate::domain::ssh_key::Fingerprint;
use crate::domain::text::visible;
use serde::{Deserialize, Serialize};

/// How such a line begins.
const MARKER: &[u8] = b"# suspended by storekeeper: ";

/// Characters of a name or a reason that are kept in the file; the audit log has all of it.
const MOST_TEXT: usize = 400;

/// Since when a key is suspended, by whom, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspension {
    /// Since when.
    pub since: When,
    /// By whom. Anybody who can write the file can have written it.
    #[serde(default)]
    pub by: String,
    /// Why, in that person's words; may be empty.
    #[serde(default)]
    pub reason: String,
}

impl Suspension {
    /// `suspended 3d ago by ada (left)`, fit to be shown.
    pub fn words(&self, now: When) -> String {
        let by = match self.by.as_str() {
            "" => String::new(),
            by => format!(" by {}", visible(by)),
        };
        let why = match self.reason.as_str() {
            "" => String::new(),
            reason => format!(" ({})", visible(reason)),
        };
        format!("suspended {} ago{by}{why}", self.since.age(now))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuspendedLine {
    /// Since when, by whom, and why.
    pub suspension: Suspension,
    /// What the line says when it is resumed.
    pub line: KeyLine,
    /// Where that begins.
    begins: usize,
}

impl SuspendedLine {
    /// Reads a line with its end; `None` if it is no suspended key.
    pub(super) fn parse(raw: &[u8]) -> Option<Self> {
        let rest = raw.strip_prefix(MARKER)?;
        let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<Suspension>();
        let suspension = values.next()?.ok()?;
        let begins = MARKER.len() + values.byte_offset() + 1;
        if raw.get(begins - 1) != Some(&b' ') {
            return None;
        }
        let before = Line::parse(raw.get(begins..)?);
        let LineKind::Key(line) = before.into_kind() else {
            return None;
        };
        Some(Self {
            suspension,
            line: *line,
            begins,
        })
    }
}

impl AuthorizedKeys {
    /// The suspended lines, with their numbers.
    pub fn suspended(&self) -> impl Iterator<Item = (usize, &SuspendedLine)> {
        self.lines().filter_map(|(number, line)| match line.kind() {
            LineKind::Suspended(line) => Some((number, &**line)),
            _ => None,
        })
    }

    /// The numbers of the suspended lines that have a key.
    pub fn find_suspended(&self, fingerprint: &Fingerprint) -> Vec<usize> {
        self.suspended()
            .filter(|(_, suspended)| suspended.line.key.fingerprint() == *fingerprint)
            .map(|(number, _)| number)
            .collect()
    }

    /// Suspends a key's line: it stays where it is, behind a comment sign.
    pub fn suspend(&mut self, number: usize, suspension: &Suspension) -> Result<(), EditError> {
        self.key_line(number)?;
        let short = |text: &str| -> String {
            let text = visible(text);
            text.chars().take(MOST_TEXT).collect()
        };
        let written = Suspension {
            since: suspension.since,
            by: short(&suspension.by),
            reason: short(&suspension.reason),
        };
        let written = serde_json::to_vec(&written).map_err(|_| EditError::Value("a suspension"))?;
        let at = self.index(number).ok_or(EditError::NoKey(number))?;
        let slot = self.lines.get_mut(at).ok_or(EditError::NoKey(number))?;
        *slot = Line::parse(&[MARKER, &written, b" ", slot.raw()].concat());
        Ok(())
    }

    /// Takes a suspended line back into use, byte for byte as it was.
    pub fn resume(&mut self, number: usize) -> Result<(), EditError> {
        let at = self.index(number).ok_or(EditError::NoKey(number))?;
        let slot = self.lines.get_mut(at).ok_or(EditError::NoKey(number))?;
        let LineKind::Suspended(line) = slot.kind() else {
            return Err(EditError::NoKey(number));
        };
        let before = slot.raw().get(line.begins..).unwrap_or_default().to_vec();
        *slot = Line::parse(&before);
        Ok(())
    }
}
