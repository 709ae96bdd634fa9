//! What can be wrong with an audit log, and what is known of it, as values and in words.

use std::fmt;

/// How many flaws, and how many missing records, are named; all are counted.
pub(super) const MOST_FLAWS: usize = 1000;

/// Where a line is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// The file, where the log has several.
    pub file: Option<String>,
    /// Counted from 1; 0 is the file as a whole.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(file) => write!(f, "line {} of {file}", self.line),
            None => write!(f, "line {}", self.line),
        }
    }
}

/// A line that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Where it is.
    pub at: Place,
    /// The record's identifier, where it can be read.
    pub id: Option<String>,
    /// What is wrong with it.
    pub why: Flaw,
}

/// What can be wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flaw {
    /// The line was cut off by a crash or a full disk, and the log goes on behind it.
    Torn(Vouched),
    /// Not a JSON object.
    NotJson(Vouched),
    /// A JSON object without a hash of the line before.
    NoHash(Vouched),
    /// The first line names one before it.
    NotFirst,
    /// The next line's hash is not this line's.
    Changed,
    /// The line's hash of the one before was changed: the one behind it does not fit either.
    OwnHash,
    /// It follows another line than the one that it stands behind.
    OutOfOrder(Place),
    /// A new chain begins here.
    Restart,
    /// Files of the log that are not there, by number.
    MissingParts(u64, u64),
    /// The file ends without a newline.
    Truncated {
        /// Whether the hash of the line before it is there, and fits.
        before: bool,
    },
    /// The journal has another text of this record.
    Journal,
}

/// What stands for a line that can't be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vouched {
    /// The next record has its hash: it is as it was when that was written.
    pub here: bool,
    /// Whether anything has the hash of the line before it.
    pub before: bool,
    /// The line that has its record once more, whole.
    pub again: Option<Place>,
}

impl Broken {
    /// Whether something is not known because of it. A line that was cut off, is as it was, and whose record was written
    /// again is no loss.
    pub fn counts(&self) -> bool {
        !matches!(
            &self.why,
            Flaw::Torn(Vouched {
                here: true,
                before: true,
                again: Some(_)
            })
        )
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Torn(vouched) => write!(f, "it was cut off by a crash or a full disk; {vouched}"),
            Self::NotJson(vouched) => write!(f, "it is not a JSON record; {vouched}"),
            Self::NoHash(vouched) => write!(f, "it has no hash of the record before it; {vouched}"),
            Self::NotFirst => f.write_str("records before it were removed, or its hash was changed"),
            Self::Changed => f.write_str(
                "it is not what the next record has the hash of: it was changed, or records behind it were removed",
            ),
            Self::OwnHash => f.write_str(
                "it was changed: neither its own hash nor that of the record behind it fits; the record before it may have been changed as well",
            ),
            Self::OutOfOrder(place) => write!(
                f,
                "it is out of order: by its hash it belongs behind {place}; what lies between was moved or inserted"
            ),
            Self::Restart => f.write_str("a new chain begins here: the log before it was emptied, moved away or replaced"),
            Self::MissingParts(from, to) if from == to => {
                write!(f, "part {from} of the log, before it, is not there")
            }
            Self::MissingParts(from, to) => {
                write!(f, "parts {from} to {to} of the log, before it, are not there")
            }
            Self::Truncated { before: true } => f.write_str("the file ends in the middle of it"),
            Self::Truncated { before: false } => f.write_str(
                "the file ends in the middle of it, and nothing there has the hash of the line before it",
            ),
            Self::Journal => f.write_str("the journal has another text of it: one of them was changed"),
        }
    }
}

impl fmt::Display for Vouched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.here {
            "the next record has the hash of what is there"
        } else {
            "no record has the hash of what is there"
        })?;
        if !self.before {
            f.write_str(", and none has that of the line before it")?;
        }
        match &self.again {
            Some(place) => write!(f, "; {place} has this record"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.id {
            Some(id) => write!(f, "record {id} in {}: {}", self.at, self.why),
            None => write!(f, "record in {}: {}", self.at, self.why),
        }
    }
}

/// Who has a record that the log does not have as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Witness {
    /// The copy on this machine.
    Copy,
    /// The server's journal.
    Journal,
    /// A signature by the key of this name.
    Signature(String),
}

/// A record that was written and that the server's log does not have as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Identifier of the record.
    pub id: String,
    /// When it was written.
    pub at: String,
    /// Who has it.
    pub witness: Witness,
    /// The line of the log that has its identifier but other content.
    pub changed_in: Option<Place>,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.witness {
            Witness::Copy => write!(f, "record {} of {}, written from here, ", self.id, self.at)?,
            Witness::Journal => write!(
                f,
                "record {} of {}, which the server's journal has, ",
                self.id, self.at
            )?,
            Witness::Signature(key) => write!(f, "record {}, signed by {key}, ", self.id)?,
        }
        match &self.changed_in {
            Some(place) => write!(f, "was changed on the server ({place} there)"),
            None => f.write_str("is not in the server's log any more"),
        }
    }
}

/// What was found out of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verification {
    /// Records that can be read.
    pub records: usize,
    /// The files of the log that were read, oldest first.
    pub files: Vec<String>,
    /// Lines that do not fit, in order, at most 1,000.
    pub flaws: Vec<Broken>,
    /// How many there are.
    pub flaws_total: usize,
    /// Records that are not in the log as they were written, at most 1,000.
    pub missing: Vec<Missing>,
    /// How many there are.
    pub missing_total: usize,
    /// What could not be found out, a sentence each.
    pub unknown: Vec<String>,
    /// What has the hash or the text of the last record, beside the log.
    pub vouched_by: Vec<Witness>,
    /// What was compared with, and what could not be, a sentence each.
    pub notes: Vec<String>,
}

impl Verification {
    /// The first line that does not fit.
    pub fn broken(&self) -> Option<&Broken> {
        self.flaws.iter().find(|flaw| flaw.counts())
    }

    /// Whether something in the log is wrong.
    pub fn is_broken(&self) -> bool {
        self.broken().is_some() || self.missing_total > 0 || self.flaws_total > self.flaws.len()
    }

    /// Whether nothing is wrong and something beside the log vouches for its end.
    pub fn whole(&self) -> bool {
        !self.is_broken() && self.unknown.is_empty()
    }
}
