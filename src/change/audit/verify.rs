//! Whether an audit log is whole.
//!
//! In: the bytes of the log, and of the copy on this machine. Out: how many records are in order, the first one that is
//! not and why, and the first one of the copy that the server does not have any more.

use super::Record;
use crate::domain::path_info::hex;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::fmt;

/// What the first record has in the place of a hash.
pub const FIRST: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The SHA-256 of a line without its newline, as `prev` holds it.
pub fn digest(line: &[u8]) -> String {
    hex(&Sha256::digest(line))
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// Records before the first broken one; all of them where none is broken.
    pub records: usize,
    /// The first broken record.
    pub broken: Option<Broken>,
}

/// A record that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken {
    /// Its line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: Flaw,
}

/// What can be wrong with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// Not a JSON object.
    NotJson,
    /// A JSON object without a hash of the record before.
    NoHash,
    /// The first line, and it names one before it.
    NotFirst,
    /// The next line's hash is not this line's.
    Changed,
    /// The line's own hash of the one before was changed: the one behind it does not fit either.
    OwnHash,
    /// The file ends without a newline.
    Truncated,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotJson => "it is not a JSON record",
            Self::NoHash => "it has no hash of the record before it",
            Self::NotFirst => "records before it were removed, or its hash was changed",
            Self::Changed => {
                "it is not what the next record has the hash of: it was changed, or records behind it were removed"
            }
            Self::OwnHash => "it was changed: neither its own hash nor that of the record behind it fits",
            Self::Truncated => "the file ends in the middle of it",
        })
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record in line {}: {}", self.line, self.why)
    }
}

/// Checks the chain from its first line on.
pub fn verify(log: &[u8]) -> Verification {
    let found = |line: usize, why: Flaw| Verification {
        records: line - 1,
        broken: Some(Broken { line, why }),
    };
    let whole = log.last().is_none_or(|byte| *byte == b'\n');
    let lines: Vec<&[u8]> = match log {
        [] => Vec::new(),
        log => log
            .strip_suffix(b"\n")
            .unwrap_or(log)
            .split(|byte| *byte == b'\n')
            .collect(),
    };
    let mut expected = FIRST.to_owned();
    for (at, line) in lines.iter().enumerate() {
        let number = at + 1;
        let last = number == lines.len();
        let prev = match previous(line) {
            Ok(prev) => prev,
            Err(_) if last && !whole => return found(number, Flaw::Truncated),
            Err(why) => return found(number, why),
        };
        if prev != expected {
            if at == 0 {
                return found(1, Flaw::NotFirst);
            }
            // A change inside this line also breaks the next one; a change of the line before breaks this one only.
            let own = lines
                .get(at + 1)
                .and_then(|next| previous(next).ok())
                .is_some_and(|kept| kept != digest(line));
            return if own {
                found(number, Flaw::OwnHash)
            } else {
                found(number - 1, Flaw::Changed)
            };
        }
        if last && !whole {
            return found(number, Flaw::Truncated);
        }
        expected = digest(line);
    }
    Verification {
        records: lines.len(),
        broken: None,
    }
}

/// The hash that a line has of the one before it.
fn previous(line: &[u8]) -> Result<String, Flaw> {
    let value: serde_json::Value = serde_json::from_slice(line).map_err(|_| Flaw::NotJson)?;
    let record = value.as_object().ok_or(Flaw::NotJson)?;
    match record.get("prev") {
        Some(serde_json::Value::String(prev)) => Ok(prev.clone()),
        _ => Err(Flaw::NoHash),
    }
}

/// A record that this machine wrote and that the server's log does not have as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Identifier of the record.
    pub id: String,
    /// When it was written.
    pub at: String,
    /// The line of the server's log that has its identifier but other content.
    pub changed_in: Option<usize>,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {} of {}, written from here, ", self.id, self.at)?;
        match self.changed_in {
            Some(line) => write!(f, "was changed on the server (line {line} there)"),
            None => f.write_str("is not in the server's log any more"),
        }
    }
}

/// Compares the server's log with the copy of what this machine wrote there; names the first record that differs.
/// Records that never reached the server have no `prev` in the copy and are passed over.
pub fn compare(log: &[u8], copy: &[u8]) -> Option<Missing> {
    let there: HashMap<&[u8], usize> = log
        .split(|byte| *byte == b'\n')
        .enumerate()
        .map(|(at, line)| (line, at + 1))
        .collect();
    let line = copy
        .split(|byte| *byte == b'\n')
        .filter(|line| previous(line).is_ok())
        .find(|line| !there.contains_key(line))?;
    let record = Record::from_line(line)?;
    let changed_in = log
        .split(|byte| *byte == b'\n')
        .position(|line| Record::from_line(line).is_some_and(|other| other.id == record.id))
        .map(|at| at + 1);
    Some(Missing {
        id: record.id,
        at: record.at,
        changed_in,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Appends as the server does, under its lock.
    fn append(log: &mut Vec<u8>, line: &str) {
        let prev = match log.strip_suffix(b"\n") {
            None => FIRST.to_owned(),
            Some(lines) => digest(lines.rsplit(|byte| *byte == b'\n').next().unwrap()),
        };
        log.extend(format!("{{\"prev\":\"{prev}\",{}\n", &line[1..]).bytes());
    }

    fn log(records: usize) -> Vec<u8> {
        let mut log = Vec::new();
        for at in 0..records {
            let record = Record {
                id: format!("{at:08x}"),
                summary: "sign 5 paths".into(),
                ..Record::default()
            };
            append(&mut log, &record.to_line());
        }
        log
    }

    fn broken(log: &[u8]) -> Option<(usize, Flaw)> {
        verify(log).broken.map(|b| (b.line, b.why))
    }

    fn cut(log: &[u8], line: usize) -> Vec<u8> {
        let mut lines: Vec<&[u8]> = log.split_inclusive(|byte| *byte == b'\n').collect();
        lines.remove(line - 1);
        lines.concat()
    }

    #[test]
    fn whole() {
        for records in 0..4 {
            let found = verify(&log(records));
            assert_eq!((found.records, found.broken), (records, None));
        }
    }

    #[test]
    fn names_the_first_broken_record() {
        let text = String::from_utf8(log(4)).unwrap();
        let swap = |from: &str, to: &str| text.replacen(from, to, 1).into_bytes();
        assert_eq!(
            broken(&swap("00000001", "0000000f")),
            Some((2, Flaw::Changed))
        );
        assert_eq!(
            broken(&swap("{\"prev\":\"0", "{\"prev\":\"1")),
            Some((1, Flaw::NotFirst))
        );
        let second = digest(text.lines().next().unwrap().as_bytes());
        assert_eq!(broken(&swap(&second, FIRST)), Some((2, Flaw::OwnHash)));
        assert_eq!(
            broken(&swap("\"prev\"", "\"prex\"")),
            Some((1, Flaw::NoHash))
        );
        assert_eq!(broken(&swap("{", "[")), Some((1, Flaw::NotJson)));
        assert_eq!(broken(&cut(&log(4), 1)), Some((1, Flaw::NotFirst)));
        assert_eq!(broken(&cut(&log(4), 2)), Some((1, Flaw::Changed)));
        for missing in [1, 5, 100] {
            assert_eq!(
                broken(&text.as_bytes()[..text.len() - missing]),
                Some((4, Flaw::Truncated))
            );
        }
        let found = verify(&swap("00000002", "0000000f"));
        assert_eq!(found.records, 2);
        assert!(
            found
                .broken
                .unwrap()
                .to_string()
                .starts_with("record in line 3: it is not")
        );
    }

    #[test]
    fn the_copy_finds_what_the_chain_cannot() {
        let all = log(3);
        assert_eq!(compare(&all, &all), None);
        assert_eq!(compare(&all, b""), None);
        // The last record has nothing behind it; the chain alone calls both of these whole.
        let rewritten = String::from_utf8(all.clone()).unwrap().replacen(
            "\"id\":\"00000002\",\"at\":\"\"",
            "\"id\":\"00000002\",\"at\":\"x\"",
            1,
        );
        assert_eq!(verify(rewritten.as_bytes()).broken, None);
        assert_eq!(
            compare(rewritten.as_bytes(), &all).unwrap().changed_in,
            Some(3)
        );
        let shorter = cut(&all, 3);
        assert_eq!(verify(&shorter).broken, None);
        let missing = compare(&shorter, &all).unwrap();
        assert_eq!(
            (missing.id.as_str(), missing.changed_in),
            ("00000002", None)
        );
        // Never written there.
        let local_only = [all.as_slice(), b"{\"prev\":null,\"id\":\"9\"}\n"].concat();
        assert_eq!(compare(&all, &local_only), None);
    }

    proptest! {
        #[test]
        fn a_changed_byte_is_found(records in 2_usize..6, at: prop::sample::Index, other: u8) {
            let whole = log(records);
            let last = whole[..whole.len() - 1].iter().rposition(|b| *b == b'\n').unwrap() + 1;
            let mut changed = whole.clone();
            let at = at.index(whole.len());
            prop_assume!(changed[at] != other);
            changed[at] = other;
            if at < last {
                prop_assert!(verify(&changed).broken.is_some());
            } else {
                // In the last record the chain or the copy finds it.
                prop_assert!(verify(&changed).broken.is_some() || compare(&changed, &whole).is_some());
            }
        }

        #[test]
        fn never_panics(log in prop::collection::vec(any::<u8>(), 0..300), copy in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = verify(&log);
            let _ = compare(&log, &copy);
        }
    }
}
