//! Whether an audit log is whole.
//!
//! In: the log as it streams in from the server, what the journal there has of it, and the copy on this machine. Out:
//! all that is wrong, what could not be found out, and what vouches for the end. A chain alone says nothing of its end: a log
//! that was emptied or shortened has a chain that fits.

use super::chain::Chain;
use super::flaw::{Broken, Flaw, MOST_FLAWS, Missing, Verification, Witness};
use super::signed::OfSignatures;
use super::witness::{Copied, Last, OfCopy, OfJournal};
use crate::domain::PublicKey;
use crate::domain::count::count;
use crate::domain::path_info::hex;
use crate::server::{JournalState, LogEvent};
use sha2::{Digest as _, Sha256};

/// What the first record has in the place of a hash.
pub const FIRST: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Files of the log that are named.
const MOST_FILES: usize = 10_000;

/// Files beside the log that are named.
const MOST_OTHERS: usize = 20;

/// The SHA-256 of a line without its newline, as `prev` holds it.
pub fn digest(line: &[u8]) -> String {
    hex(&Sha256::digest(line))
}

/// The check of one log.
#[derive(Default)]
pub struct Check {
    chain: Chain,
    copy: Option<OfCopy>,
    /// Why there is no copy.
    no_copy: Option<String>,
    journal: OfJournal,
    signatures: OfSignatures,
    journal_state: Option<JournalState>,
    others: Vec<String>,
    files: Vec<String>,
    /// Whether the file that is written to is there, and whether anything is in it.
    live: Option<bool>,
}

impl Check {
    /// With the copy on this machine, or why there is none.
    pub fn new(copy: Result<Copied, String>) -> Self {
        let (copy, no_copy) = match copy {
            Ok(copy) => (Some(OfCopy::new(copy)), None),
            Err(why) => (None, Some(why)),
        };
        Self {
            copy,
            no_copy,
            ..Self::default()
        }
    }

    /// With keys whose signatures over the log count.
    pub fn with_keys(self, keys: Vec<PublicKey>) -> Self {
        Self {
            signatures: OfSignatures::new(keys),
            ..self
        }
    }

    /// Takes what lies on the server. Each line is handed on.
    pub fn take(&mut self, event: &LogEvent<'_>, each: &mut dyn FnMut(&[u8])) {
        let Self {
            chain,
            copy,
            journal,
            signatures,
            ..
        } = self;
        let mut every = |line: &super::chain::Line<'_>| {
            if let Some(copy) = copy {
                copy.line(line);
            }
            journal.line(line);
            signatures.line(line);
            each(line.text);
        };
        match event {
            LogEvent::Entry(text) => journal.entry(text),
            LogEvent::Signed(text) => signatures.signature(text),
            LogEvent::Journal(state) => self.journal_state = Some(*state),
            LogEvent::Other(name) => {
                if self.others.len() < MOST_OTHERS {
                    self.others.push((*name).to_owned());
                }
            }
            LogEvent::File { name, live } => {
                // The name is worth saying only where there are several.
                let shown = (!live || !self.files.is_empty()).then_some(*name);
                chain.file(shown, &mut every);
                if self.files.len() < MOST_FILES {
                    self.files.push((*name).to_owned());
                }
                if *live {
                    self.live = Some(false);
                }
            }
            LogEvent::Bytes(bytes) => {
                if let Some(live) = &mut self.live {
                    *live |= !bytes.is_empty();
                }
                chain.bytes(bytes, &mut every);
            }
        }
    }

    /// The log has ended.
    pub fn finish(mut self, each: &mut dyn FnMut(&[u8])) -> Verification {
        let Self {
            chain,
            copy,
            journal,
            signatures,
            ..
        } = &mut self;
        let end = chain.end(&mut |line| {
            if let Some(copy) = copy {
                copy.line(line);
            }
            journal.line(line);
            signatures.line(line);
            each(line.text);
        });
        let mut found = Verification {
            records: self.chain.records,
            files: std::mem::take(&mut self.files),
            flaws: std::mem::take(&mut self.chain.flaws),
            flaws_total: self.chain.flaws_total,
            ..Verification::default()
        };
        for (at, id) in std::mem::take(&mut self.journal.differing) {
            found.flaws_total += 1;
            if found.flaws.len() < MOST_FLAWS {
                let id = Some(id);
                let why = Flaw::Journal;
                found.flaws.push(Broken { at, id, why });
            }
        }
        let missing: Vec<Missing> = match &self.copy {
            Some(copy) => copy.missing().collect(),
            None => vec![],
        };
        let others = self
            .journal
            .missing()
            .into_iter()
            .chain(self.signatures.missing());
        for missing in missing.into_iter().chain(others) {
            let known =
                |other: &Missing| other.id == missing.id && other.witness != missing.witness;
            if missing.witness != Witness::Copy && found.missing.iter().any(known) {
                continue;
            }
            found.missing_total += 1;
            if found.missing.len() < MOST_FLAWS {
                found.missing.push(missing);
            }
        }
        self.judge_end(end.is_some(), &mut found);
        found
    }

    /// What vouches for the end, and what is not known.
    fn judge_end(&self, any: bool, found: &mut Verification) {
        match self.live {
            None => found.unknown.push(
                "the log is not there: nothing was recorded yet, or it was removed".to_owned(),
            ),
            Some(false) => found
                .unknown
                .push("the log is empty: nothing was recorded yet, or it was emptied".to_owned()),
            Some(true) => {}
        }
        let copied = self.copy.as_ref().is_some_and(OfCopy::vouches);
        let journal = self.journal.last();
        if copied {
            found.vouched_by.push(Witness::Copy);
        }
        if journal == Last::Whole {
            found.vouched_by.push(Witness::Journal);
        }
        found.notes.push(match (&self.copy, &self.no_copy) {
            (Some(copy), _) => copy.note(),
            (None, Some(why)) => why.clone(),
            (None, None) => "no copy on this machine".to_owned(),
        });
        found.notes.push(self.of_journal());
        let (note, unknown) = self.signatures.words();
        found.notes.extend(note);
        if any {
            found.unknown.extend(unknown);
        }
        if any && found.vouched_by.is_empty() {
            let copy = match &self.copy {
                Some(copy) if copy.missing().next().is_none() => {
                    "the last record was not written from this machine".to_owned()
                }
                Some(_) => "the copy on this machine has another end".to_owned(),
                None => self
                    .no_copy
                    .clone()
                    .unwrap_or_else(|| "no copy on this machine".to_owned()),
            };
            let journal = match journal {
                Last::Cut => {
                    "the server's journal has only the start of the last record".to_owned()
                }
                _ => self.of_journal(),
            };
            found.unknown.push(format!(
                "whether the log ends here: nothing beside it has its last record ({copy}; {journal})"
            ));
        }
        // Of what was removed behind it together with its signature, a signature says nothing.
        if let Some(key) = self.signatures.vouches() {
            found.vouched_by.push(Witness::Signature(key));
        }
        if !self.others.is_empty() {
            let names = self.others.join(", ");
            let text = format!(
                "{names} beside the log was not read; if another program, such as logrotate, moves records away, take the log out of its configuration: it is rotated without that"
            );
            if self.others.iter().any(|name| rotated(name)) {
                found.unknown.push(text);
            } else {
                found.notes.push(text);
            }
        }
    }

    fn of_journal(&self) -> String {
        let strange = self.journal.strange();
        match self.journal_state {
            None | Some(JournalState::None) => "the server has no journal".to_owned(),
            Some(JournalState::Unreadable) => {
                "the server's journal is empty or can't be read by this login".to_owned()
            }
            Some(JournalState::Failed) => "reading the server's journal failed".to_owned(),
            Some(JournalState::Read) if self.journal.is_empty() => {
                "the server's journal has no record of a log".to_owned()
            }
            Some(JournalState::Read) if strange > 0 => format!(
                "the server's journal has {} that belong to another log, or to this one before it was emptied or rewritten",
                count(strange, "record")
            ),
            Some(JournalState::Read) => "compared with the server's journal".to_owned(),
        }
    }
}

/// Whether a name is one that a program which rotates logs gives: a number or a date behind the log's own.
pub(super) fn rotated(name: &str) -> bool {
    let name = name
        .trim_end_matches(".gz")
        .trim_end_matches(".xz")
        .trim_end_matches(".zst")
        .trim_end_matches(".bz2");
    let end = name.rsplit(['.', '-']).next().unwrap_or_default();
    !end.is_empty() && end.bytes().all(|byte| byte.is_ascii_digit())
}

/// Checks the chain of a log that lies in memory; nothing is compared with it.
pub fn verify(log: &[u8]) -> Verification {
    check(log, Err(String::new()))
}

/// The same, compared with a copy.
pub fn check(log: &[u8], copy: Result<Copied, String>) -> Verification {
    let mut check = Check::new(copy);
    let none = &mut |_: &[u8]| ();
    check.take(
        &LogEvent::File {
            name: "audit.jsonl",
            live: true,
        },
        none,
    );
    check.take(&LogEvent::Bytes(log), none);
    check.finish(none)
}

/// The first record of a copy that the log does not have as it was written.
pub fn compare(log: &[u8], copy: &[u8]) -> Option<Missing> {
    check(log, Ok(Copied::of(copy))).missing.into_iter().next()
}
