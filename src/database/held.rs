//! A copy that is brought up to date by what its write-ahead log has grown.
//!
//! In: a folder, what the database was like when it was copied, and what it is like now. Out: what more of its log is needed, if
//! that is enough. While nothing but the log is written, which is so as long as anybody has the database open, a copy stays true
//! with some kilobytes for each change.

use super::facts::{Facts, Said};
use super::folder::Folder;
use super::log::End;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// Bytes of the log that are asked for at one time.
const PIECE: u64 = 4 << 20;

/// Pieces after which the whole database is not much more.
const PIECES: usize = 24;

/// The largest database of which a copy is kept when its process ends.
const MOST_KEPT: u64 = 2 << 30;

/// The place of a copy, and what is in it.
#[derive(Debug)]
pub struct Held {
    folder: Folder,
    /// What was copied, if it was copied whole.
    facts: Option<Facts>,
    /// How far the log is known to be whole.
    end: End,
    /// Bytes of the log that are here.
    have: u64,
    /// While it is brought up to date: what the database was like when that was begun, and how many pieces have come.
    goal: Option<Facts>,
    pieces: usize,
}

/// What is to be done for a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Need {
    /// Nothing: it is the database as it is, which is like this.
    Nothing(Facts),
    /// So many bytes of the log behind so many.
    Log(u64, u64),
    /// All of it has to be taken anew.
    All,
}

impl Held {
    /// The place for one, empty.
    pub fn new(folder: Folder) -> Self {
        Self {
            folder,
            facts: None,
            end: End::default(),
            have: 0,
            goal: None,
            pieces: 0,
        }
    }

    /// What the last process has kept under this name, where it is a whole copy.
    pub fn take_over(cache: &Path, name: &str) -> Option<Self> {
        let (folder, about) = Folder::take_over(cache, name)?;
        match Said::parse(&about)? {
            Said::Facts(facts) => Some(Self {
                facts: Some(facts),
                ..Self::new(folder)
            }),
            Said::Problem(_) => None,
        }
    }

    /// Leaves it for the next process, where it is whole and not too large.
    pub fn keep(&self, name: &str) {
        let Some(facts) = self.facts.as_ref().filter(|_| self.goal.is_none()) else {
            return;
        };
        let room = || self.folder.free().is_ok_and(|free| free >= facts.size);
        if facts.size <= MOST_KEPT && room() {
            // It only saves reading the database once more.
            let _ = self.folder.keep(name, &facts.to_string());
        }
    }

    /// The folder that it is in.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Where the database is.
    pub fn database(&self) -> PathBuf {
        self.folder.database()
    }

    /// Whether there is a copy, of whatever age.
    pub fn is_copy(&self) -> bool {
        self.facts.is_some()
    }

    /// Whether the script is to wait for a word at each of its lines.
    pub fn asks(&self, known: Option<&Facts>) -> bool {
        known.is_some() || self.facts.is_some()
    }

    /// What is needed where the database is like this now.
    pub(super) fn need(&mut self, now: &Facts) -> io::Result<Need> {
        let Some(facts) = &self.facts else {
            return Ok(Need::All);
        };
        if !facts.still(now) || self.pieces == PIECES {
            self.facts = None;
            return Ok(Need::All);
        }
        let goal = match &self.goal {
            Some(goal) => goal.clone(),
            None if facts.same(now) => return Ok(Need::Nothing(now.clone())),
            None => {
                if facts.log > 0 {
                    self.end = self.end.advance(&mut self.log()?)?;
                }
                // What lies behind it is copied again: it may have been half written.
                self.have = self.end.at;
                self.goal.insert(now.clone()).clone()
            }
        };
        let bytes = goal.log.saturating_sub(self.have).min(PIECE);
        // Behind what is whole lies what is left of an older log.
        let more = self.pieces == 0 || self.end.read + self.end.frame() > self.have;
        if bytes == 0 || !more {
            (self.goal, self.pieces) = (None, 0);
            self.facts = Some(goal.clone());
            return Ok(Need::Nothing(goal));
        }
        self.pieces += 1;
        Ok(Need::Log(self.have, bytes))
    }

    /// Puts down what was asked for, as `write` gives it.
    pub(super) fn grow<E: From<io::Error>>(
        &mut self,
        bytes: u64,
        write: impl FnOnce(&mut File) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut log = self.log()?;
        log.set_len(self.have)?;
        io::Seek::seek(&mut log, io::SeekFrom::Start(self.have))?;
        write(&mut log)?;
        self.have += bytes;
        self.end = self.end.advance(&mut log)?;
        Ok(())
    }

    /// From here on it is none, until it is whole again.
    pub(super) fn spoil(&mut self) -> &Folder {
        self.facts = None;
        &self.folder
    }

    /// It was copied whole.
    pub(super) fn is_whole(&mut self, facts: Facts) {
        (self.end, self.have, self.pieces) = (End::default(), 0, 0);
        self.goal = None;
        self.facts = Some(facts);
    }

    fn log(&self) -> io::Result<File> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(self.database().with_file_name(Folder::LOG))
    }
}
