//! `authorized_keys` files, without loss.
//!
//! In: every byte of a file, whatever they are. Out: its lines as sshd reads them, and the same bytes again. An edit touches one line and
//! leaves every other byte; only a last line without its end gets one when a line is put behind it.

mod edit;
mod expiry;
mod line;
mod lint;
mod options;
mod suspended;
#[cfg(test)]
mod tests;

pub use self::edit::{EditError, NewKey};
pub use self::expiry::Expiry;
pub use self::line::{Invalid, KeyLine, Line, LineKind};
pub use self::lint::Lint;
pub use self::options::{KeyOptions, OptionError};
pub use self::suspended::{SuspendedLine, Suspension};

use crate::domain::ssh_key::Fingerprint;

/// A key file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuthorizedKeys {
    lines: Vec<Line>,
    /// The number of each line, from 1, where some of the file's lines are not here.
    numbers: Option<Vec<usize>>,
}

impl AuthorizedKeys {
    /// Reads a file. This cannot fail: a line that is no key is kept as it is.
    pub fn parse(bytes: &[u8]) -> Self {
        let lines = bytes.split_inclusive(|byte| *byte == b'\n');
        Self {
            lines: lines.map(Line::parse).collect(),
            numbers: None,
        }
    }

    /// Reads some lines of a file, each with its number there, in order.
    pub fn parse_numbered(bytes: &[u8], numbers: Vec<usize>) -> Self {
        Self {
            numbers: Some(numbers),
            ..Self::parse(bytes)
        }
    }

    /// The bytes of all lines that are here.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.lines.iter().flat_map(Line::raw).copied().collect()
    }

    /// All lines with their numbers, from 1.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &Line)> {
        self.lines
            .iter()
            .enumerate()
            .filter_map(|(at, line)| Some((self.number(at)?, line)))
    }

    fn number(&self, at: usize) -> Option<usize> {
        match &self.numbers {
            None => Some(at + 1),
            Some(numbers) => numbers.get(at).copied(),
        }
    }

    /// Where a line is in `lines`.
    fn index(&self, number: usize) -> Option<usize> {
        match &self.numbers {
            None => number.checked_sub(1),
            Some(numbers) => numbers.binary_search(&number).ok(),
        }
    }

    /// A line by its number, from 1.
    pub fn line(&self, number: usize) -> Option<&Line> {
        self.lines.get(self.index(number)?)
    }

    /// The lines with keys, with their numbers.
    pub fn keys(&self) -> impl Iterator<Item = (usize, &KeyLine)> {
        self.lines()
            .filter_map(|(number, line)| Some((number, line.key()?)))
    }

    /// The numbers of the lines that have a key.
    pub fn find(&self, fingerprint: &Fingerprint) -> Vec<usize> {
        self.keys()
            .filter(|(_, line)| line.key.fingerprint() == *fingerprint)
            .map(|(number, _)| number)
            .collect()
    }
}
