//! Changes of one line.
//!
//! In: a file and what shall be different. Out: the file with that one line added, changed or taken out, every other byte as it was.

use super::line::is_known;
use super::options::{Word, words};
use super::{AuthorizedKeys, Expiry, KeyOptions, Line, OptionError};
use crate::domain::When;
use crate::domain::ssh_key::PublicSshKey;
use crate::domain::{Explain, Notice, notice};
use thiserror::Error;

/// Bytes of a line at most, which older versions of sshd take.
const MOST_LINE: usize = 8 * 1024;

/// Why a line cannot be changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", self.notice())]
pub enum EditError {
    /// There is no such line, or no key on it.
    NoKey(usize),
    /// sshd would not take the line.
    Options(#[from] OptionError),
    /// The options would end the line or the field.
    Blank,
    /// A value with a quote or a line end in it.
    Value(&'static str),
    /// Too long.
    Long(usize),
    /// Nothing to read the key with.
    Type,
}

impl Explain for EditError {
    fn notice(&self) -> Notice {
        match self {
            Self::NoKey(line) => notice!("line {line} has no key", "read the file again"),
            Self::Options(error) => notice!("sshd would not take the line: {error}"),
            Self::Blank => {
                notice!("options can't have line ends, and blanks only inside of double quotes")
            }
            Self::Value(option) => notice!(
                "{option} can't have double quotes, backslashes, control characters or line ends"
            ),
            Self::Long(bytes) => notice!(
                "the line would have {bytes} bytes",
                "sshd takes {MOST_LINE}"
            ),
            Self::Type => notice!("sshd does not know keys of this type"),
        }
    }
}

/// A key to authorize.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// Which, with the comment that the line gets.
    pub key: PublicSshKey,
    /// Nothing but the forced command: no forwarding, no terminal. The default of every new key.
    pub restrict: bool,
    /// Only from these addresses or names, a comma-separated list of patterns.
    pub from: Option<String>,
    /// Not from then on.
    pub expires: Option<When>,
}

impl NewKey {
    /// The line, without its end.
    pub fn line(&self) -> Result<Vec<u8>, EditError> {
        if !is_known(&self.key) {
            return Err(EditError::Type);
        }
        let mut options = Vec::new();
        if self.restrict {
            options.push("restrict".to_owned());
        }
        if let Some(from) = &self.from {
            options.push(from_option(from)?);
        }
        if let Some(when) = self.expires {
            options.push(expiry_option(when));
        }
        let mut line = options.join(",").into_bytes();
        KeyOptions::parse(&line)?;
        if !line.is_empty() {
            line.push(b' ');
        }
        line.extend(self.key.line());
        if line.len() > MOST_LINE {
            return Err(EditError::Long(line.len()));
        }
        Ok(line)
    }
}

impl AuthorizedKeys {
    /// Puts a key behind the last line; the number of its line. It gets the same line end as the line before it.
    pub fn append(&mut self, key: &NewKey) -> Result<usize, EditError> {
        let mut line = key.line()?;
        let style = self
            .lines
            .iter()
            .rev()
            .map(Line::end)
            .find(|end| !end.is_empty());
        let end = style.unwrap_or(b"\n").to_vec();
        if let Some(last) = self.lines.last_mut().filter(|last| last.end().is_empty()) {
            let mut raw = last.raw().to_vec();
            // A lone carriage return at the end of the file is half of an end already.
            let missing = match raw.last() {
                Some(b'\r') => b"\n",
                _ => end.as_slice(),
            };
            raw.extend(missing);
            *last = Line::parse(&raw);
        }
        line.extend(end);
        self.lines.push(Line::parse(&line));
        if let Some(numbers) = &mut self.numbers {
            let next = numbers.last().map_or(1, |last| last + 1);
            numbers.push(next);
        }
        self.number(self.lines.len() - 1)
            .ok_or(EditError::NoKey(self.lines.len()))
    }

    /// Takes a key's line out, with its end, also one that is suspended.
    pub fn remove(&mut self, number: usize) -> Result<(), EditError> {
        let has_key = self.line(number).and_then(Line::any_key).is_some();
        if !has_key {
            return Err(EditError::NoKey(number));
        }
        let at = self.index(number).ok_or(EditError::NoKey(number))?;
        self.lines.remove(at);
        if let Some(numbers) = &mut self.numbers {
            numbers.remove(at);
        }
        Ok(())
    }

    /// Replaces all options of a key's line. No text takes them away.
    pub fn set_options(&mut self, number: usize, options: &str) -> Result<(), EditError> {
        let line = self.key_line(number)?;
        KeyOptions::parse(options.as_bytes())?;
        let mut quoted = false;
        let mut escaped = false;
        for c in options.chars() {
            let outside = !quoted && (c == ' ' || c == '\t');
            if outside || matches!(c, '\n' | '\r' | '\0') {
                return Err(EditError::Blank);
            }
            quoted ^= c == '"' && !escaped;
            escaped = c == '\\';
        }
        let (field, key_at) = (line.field.clone(), line.key_at);
        // The blanks between options and key stay, if there are any.
        let (until, blank) = match (field.is_empty(), options.is_empty()) {
            (true, false) => (key_at, " "),
            (false, true) => (key_at, ""),
            _ => (field.end, ""),
        };
        self.splice(number, field.start, until, &format!("{options}{blank}"))
    }

    /// Sets when a key ends, or that it does not.
    pub fn set_expiry(&mut self, number: usize, expires: Option<When>) -> Result<(), EditError> {
        let line = self.key_line(number)?;
        line.options.as_ref().map_err(Clone::clone)?;
        let text = self.line(number).map_or(&[][..], Line::raw);
        let field = &text[line.field.clone()];
        let mut new = expires.map(expiry_option);
        let mut kept: Vec<Vec<u8>> = Vec::new();
        for (range, word) in words(field)? {
            if matches!(word, Word::Value("expiry-time", _)) {
                // sshd takes the earliest of several, so one is left at most.
                kept.extend(new.take().map(String::into_bytes));
            } else {
                kept.push(field[range].to_vec());
            }
        }
        kept.extend(new.map(String::into_bytes));
        let options = kept.join(&b","[..]);
        let (start, until, blank): (usize, usize, &[u8]) =
            match (line.field.is_empty(), options.is_empty()) {
                (true, true) => return Ok(()),
                (true, false) => (line.key_at, line.key_at, b" "),
                (false, true) => (line.field.start, line.key_at, b""),
                (false, false) => (line.field.start, line.field.end, b""),
            };
        self.splice(number, start, until, &[&options, blank].concat())
    }

    pub(super) fn key_line(&self, number: usize) -> Result<&super::KeyLine, EditError> {
        self.line(number)
            .and_then(Line::key)
            .ok_or(EditError::NoKey(number))
    }

    /// Replaces bytes of one line.
    fn splice(
        &mut self,
        number: usize,
        start: usize,
        until: usize,
        new: &(impl AsRef<[u8]> + ?Sized),
    ) -> Result<(), EditError> {
        let slot = self
            .index(number)
            .and_then(|at| self.lines.get_mut(at))
            .ok_or(EditError::NoKey(number))?;
        let mut raw = slot.raw().to_vec();
        raw.splice(start..until, new.as_ref().iter().copied());
        if raw.len() > MOST_LINE {
            return Err(EditError::Long(raw.len()));
        }
        *slot = Line::parse(&raw);
        Ok(())
    }
}

fn expiry_option(when: When) -> String {
    format!("expiry-time=\"{}\"", Expiry::text(when))
}

fn from_option(from: &str) -> Result<String, EditError> {
    let hostile = |c: char| c == '"' || c == '\\' || c.is_control() || c.is_whitespace();
    if from.is_empty() || from.contains(hostile) {
        return Err(EditError::Value("from"));
    }
    Ok(format!("from=\"{from}\""))
}
