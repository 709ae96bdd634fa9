//! The two witnesses of an audit log: the copy on this machine, and the server's journal.
//!
//! In: their records, then each line of the log. Out: what the log does not have as it was written, and whether they have its
//! last record. Both are read before the log, so all that they have must be in it.

use super::Record;
use super::chain::{Hash, Line, Link, hash_of, id_of};
use super::flaw::{Missing, Place, Witness};
use crate::domain::count::count;
use crate::domain::text::visible;
use sha2::{Digest as _, Sha256};
use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt::Write as _;

/// The newest records of the copy that are compared. Each takes some hundred bytes.
const MOST_COPIED: usize = 200_000;

/// Records of the journal that are compared, and their bytes: more than an honest server sends.
const MOST_ENTRIES: usize = 1000;
const MOST_ENTRY_BYTES: usize = 32 << 20;

/// The most bytes of an identifier or a time that are stored.
const MOST_SHORT: usize = 64;

/// The copy on this machine, as far as it is compared.
#[derive(Debug, Default)]
pub struct Copied {
    /// What was written, oldest first: hash, identifier, time.
    records: VecDeque<(Hash, String, String)>,
    /// Older records that are not compared.
    older: usize,
    /// Lines that can't be read: a crash of this machine.
    unreadable: usize,
}

impl Copied {
    /// Takes a line. A record that never reached the server has no hash of one before it, and is passed over.
    pub(super) fn line(&mut self, line: &[u8]) {
        if line.is_empty() {
            return;
        }
        let Some(record) = Record::from_line(line) else {
            self.unreadable += 1;
            return;
        };
        if hash_of(line).is_none() {
            return;
        }
        if self.records.len() == MOST_COPIED {
            self.records.pop_front();
            self.older += 1;
        }
        let hash = Sha256::digest(line).into();
        let short = |text: String| text.chars().take(MOST_SHORT).collect();
        self.records
            .push_back((hash, short(record.id), short(record.at)));
    }

    /// Of the bytes of a copy.
    pub fn of(copy: &[u8]) -> Self {
        let mut copied = Self::default();
        copy.split(|byte| *byte == b'\n')
            .for_each(|line| copied.line(line));
        copied
    }

    /// Records that are compared.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }
}

/// Compares the copy.
#[derive(Default)]
pub(super) struct OfCopy {
    copied: Copied,
    there: HashSet<Hash>,
    ids: HashMap<String, Option<Place>>,
    last: bool,
    seen: HashSet<Hash>,
}

impl OfCopy {
    pub(super) fn new(copied: Copied) -> Self {
        Self {
            there: copied.records.iter().map(|(hash, ..)| *hash).collect(),
            ids: copied
                .records
                .iter()
                .map(|(_, id, _)| (id.clone(), None))
                .collect(),
            copied,
            ..Self::default()
        }
    }

    pub(super) fn line(&mut self, line: &Line<'_>) {
        self.last = self.there.contains(&line.hash);
        if self.last {
            self.seen.insert(line.hash);
        } else if let Some(place) = line.id.and_then(|id| self.ids.get_mut(id)) {
            place.get_or_insert_with(|| line.at.clone());
        }
    }

    /// Whether the last line is one of its own.
    pub(super) fn vouches(&self) -> bool {
        self.last
    }

    pub(super) fn missing(&self) -> impl Iterator<Item = Missing> {
        let missing = self.copied.records.iter();
        missing
            .filter(|(hash, ..)| !self.seen.contains(hash))
            .map(|(_, id, at)| Missing {
                id: id.clone(),
                at: at.clone(),
                witness: Witness::Copy,
                changed_in: self.ids.get(id).cloned().flatten(),
            })
    }

    pub(super) fn note(&self) -> String {
        let mut note = format!(
            "compared with the copy on this machine: {}",
            count(self.copied.len(), "record")
        );
        // Writing to a String cannot fail.
        if self.copied.older > 0 {
            let _ = write!(note, "; {} older ones were not", self.copied.older);
        }
        if self.copied.unreadable > 0 {
            let unreadable = self.copied.unreadable;
            let _ = write!(note, "; {unreadable} of its lines can't be read");
        }
        note
    }
}

/// A record of the journal. It is whole, or cut off at the end.
struct Entry {
    text: Vec<u8>,
    id: String,
    seen: bool,
    /// It follows a record of this log, so it is one of this log.
    linked: bool,
}

/// Compares the journal. It may hold records of other logs: those that no chain connects with this log are only counted.
#[derive(Default)]
pub(super) struct OfJournal {
    /// Newest first.
    entries: Vec<Entry>,
    /// By link and identifier.
    known: HashMap<(Hash, String), usize>,
    prevs: HashMap<Hash, Vec<usize>>,
    /// Records whose line in the log differs.
    pub(super) differing: Vec<(Place, String)>,
    last: Last,
    bytes: usize,
}

/// What the journal has of the log's last line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Last {
    /// Nothing.
    #[default]
    Absent,
    /// The beginning of it.
    Cut,
    /// All of it.
    Whole,
}

impl OfJournal {
    pub(super) fn entry(&mut self, text: &[u8]) {
        self.bytes += text.len();
        if self.entries.len() == MOST_ENTRIES || self.bytes > MOST_ENTRY_BYTES {
            return;
        }
        let (Some(prev), Some(id)) = (hash_of(text), id_of(text)) else {
            return;
        };
        let id = visible(&id).into_owned();
        let at = self.entries.len();
        if self.known.insert((prev, id.clone()), at).is_some() {
            // The same record twice, in a journal that was merged from copies.
            return;
        }
        self.prevs.entry(prev).or_default().push(at);
        self.entries.push(Entry {
            text: text.to_vec(),
            id,
            seen: false,
            linked: false,
        });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn line(&mut self, line: &Line<'_>) {
        self.last = Last::Absent;
        for at in self.prevs.get(&line.hash).into_iter().flatten() {
            if let Some(entry) = self.entries.get_mut(*at) {
                entry.linked = true;
            }
        }
        let (Link::To(prev), Some(id)) = (line.prev, line.id) else {
            return;
        };
        let at = self.known.get(&(prev, id.to_owned())).copied();
        let Some(entry) = at.and_then(|at| self.entries.get_mut(at)) else {
            return;
        };
        entry.seen = true;
        if line.text == entry.text {
            self.last = Last::Whole;
        } else if line.text.starts_with(&entry.text) {
            self.last = Last::Cut;
        } else if self.differing.len() < MOST_ENTRIES {
            self.differing.push((line.at.clone(), entry.id.clone()));
        }
    }

    pub(super) fn last(&self) -> Last {
        self.last
    }

    /// The records that were in this log, oldest first: a record that follows one of them is of this log too.
    pub(super) fn missing(&mut self) -> Vec<Missing> {
        let mut missing = Vec::new();
        for at in (0..self.entries.len()).rev() {
            let Some(entry) = self.entries.get(at) else {
                continue;
            };
            if !entry.seen && entry.linked {
                let record = Record::from_line(&entry.text);
                missing.push(Missing {
                    id: entry.id.clone(),
                    at: record.map_or_else(|| "an unknown time".to_owned(), |record| record.at),
                    witness: Witness::Journal,
                    changed_in: None,
                });
            }
            if entry.seen || entry.linked {
                let hash: Hash = Sha256::digest(&entry.text).into();
                for next in self.prevs.get(&hash).cloned().unwrap_or_default() {
                    if let Some(next) = self.entries.get_mut(next) {
                        next.linked = true;
                    }
                }
            }
        }
        missing
    }

    /// Records that no chain connects with this log.
    pub(super) fn strange(&self) -> usize {
        let strange = |entry: &&Entry| !entry.seen && !entry.linked;
        self.entries.iter().filter(strange).count()
    }
}
