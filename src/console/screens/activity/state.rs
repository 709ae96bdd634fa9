//! What screen 6 knows.

use crate::console::screens::activity::changes::{Change, Filtered};
use crate::console::screens::activity::job::Job;
use crate::console::types::access::AccessSnapshot;
use crate::console::types::log::{LogFilter, LogLine, Sifted};
use crate::console::types::problem::Problem;
use crate::console::widgets::list::List;
use crate::domain::When;
use crate::domain::access::{LogEvent, Session};
use std::sync::Arc;
use tui_input::Input;

/// The parts of the activity screen.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Jobs of this console, and the server's audit log.
    #[default]
    Changes,
    /// Sessions of the cache user that are open now.
    Sessions,
    /// What sshd's log says.
    Log,
}

impl Part {
    /// The one after it.
    pub const fn next(self) -> Self {
        match self {
            Self::Changes => Self::Sessions,
            Self::Sessions => Self::Log,
            Self::Log => Self::Changes,
        }
    }
}

/// The activity screen.
#[derive(Debug, Default)]
pub struct Activity {
    /// What its list shows.
    pub part: Part,
    /// Where the list is.
    pub list: List,
    /// Jobs of this console, the newest first.
    pub jobs: Vec<Job>,
    /// The audit log, newest first; `None` before it was read.
    pub past: Option<Result<Arc<[PastChange]>, Problem>>,
    /// The words of the filters.
    pub words: Words,
    /// Whether they are being typed.
    pub typing: bool,
    /// The log shows only what was refused.
    pub refused: bool,
    /// The log shows what this program did itself, too.
    pub ours: bool,
    /// What the filter leaves of the log.
    pub log: Sifted,
    /// Of which log, and by which filter.
    sifted: Option<(Arc<AccessSnapshot>, LogFilter)>,
    /// What the filter leaves of the changes, where there is one.
    filtered: Option<Filtered>,
}

/// The words of the filter of each list that has one.
#[derive(Debug, Default)]
pub struct Words {
    /// Of the changes.
    pub changes: Input,
    /// Of sshd's log.
    pub log: Input,
}

impl Activity {
    /// The audit log as far as it was read.
    pub fn past(&self) -> &[PastChange] {
        match &self.past {
            Some(Ok(past)) => past,
            _ => &[],
        }
    }

    /// The words of the filter of the list that is shown.
    pub const fn words(&self) -> &Input {
        match self.part {
            Part::Changes => &self.words.changes,
            Part::Sessions | Part::Log => &self.words.log,
        }
    }

    /// The same, to be typed.
    pub const fn words_mut(&mut self) -> &mut Input {
        match self.part {
            Part::Changes => &mut self.words.changes,
            Part::Sessions | Part::Log => &mut self.words.log,
        }
    }

    /// What the log shows.
    pub fn filter(&self) -> LogFilter {
        LogFilter {
            words: self.words.log.value().trim().to_owned(),
            refused: self.refused,
            ours: self.ours,
        }
    }

    /// Looks through the changes and the log again where they or their filters are others.
    pub fn sift(&mut self, known: Option<&Arc<AccessSnapshot>>) {
        let none = Arc::default();
        let past = match &self.past {
            Some(Ok(past)) => past,
            _ => &none,
        };
        let words = self.words.changes.value();
        self.filtered = Filtered::anew(self.filtered.take(), words, &self.jobs, past);
        let Some(known) = known else {
            self.sifted = None;
            self.log = Sifted::default();
            return;
        };
        let filter = self.filter();
        let done = self.sifted.as_ref();
        if done.is_some_and(|(of, by)| Arc::ptr_eq(of, known) && *by == filter) {
            return;
        }
        self.log = filter.sift(&known.log);
        self.sifted = Some((Arc::clone(known), filter));
    }

    /// A line of the log; the newest is the first.
    pub fn log_line<'a>(
        &self,
        known: Option<&'a AccessSnapshot>,
        at: usize,
    ) -> Option<(&'a LogLine, &'a LogEvent)> {
        let known = known?;
        let line = known.log.get(*self.log.shown.get(at)?)?;
        Some((line, known.facts.events.as_ref().ok()?.get(line.event)?))
    }

    /// Lines of the list that is shown, where `known` is what was found out last about access.
    pub fn rows(&self, known: Option<&AccessSnapshot>) -> usize {
        let facts = known.map(|known| &known.facts);
        match self.part {
            Part::Changes => match &self.filtered {
                Some(filtered) => filtered.shown.len(),
                None => self.changes(),
            },
            Part::Sessions => facts.map_or(0, |facts| facts.sessions.as_ref().map_or(0, Vec::len)),
            Part::Log => self.log.shown.len(),
        }
    }

    /// How many changes there are, whatever the filter leaves.
    pub fn changes(&self) -> usize {
        self.jobs.len() + self.past().len()
    }

    /// A line of the list of changes.
    pub fn change(&self, at: usize) -> Option<Change<'_>> {
        let at = match &self.filtered {
            Some(filtered) => *filtered.shown.get(at)?,
            None => at,
        };
        if let Some(job) = self.jobs.get(at) {
            return Some(Change::Job(job));
        }
        let past = self.past().get(at.checked_sub(self.jobs.len())?)?;
        Some(Change::Past(past))
    }

    /// The change under the cursor.
    fn current_change(&self) -> Option<Change<'_>> {
        let changes = self.part == Part::Changes;
        self.change(self.list.cursor).filter(|_| changes)
    }

    /// The job under the cursor.
    pub fn current_job(&self) -> Option<&Job> {
        match self.current_change()? {
            Change::Job(job) => Some(job),
            Change::Past(_) => None,
        }
    }

    /// The record of the audit log under the cursor.
    pub fn current_past(&self) -> Option<&PastChange> {
        match self.current_change()? {
            Change::Past(past) => Some(past),
            Change::Job(_) => None,
        }
    }

    /// The session under the cursor.
    pub fn current_session<'a>(&self, known: Option<&'a AccessSnapshot>) -> Option<&'a Session> {
        let known = known.filter(|_| self.part == Part::Sessions)?;
        known.facts.sessions.as_ref().ok()?.get(self.list.cursor)
    }
}

/// A record of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastChange {
    /// The receipt's id.
    pub id: String,
    /// When it ended.
    pub at: When,
    /// Who.
    pub by: String,
    /// What, one line.
    pub what: String,
    /// `done`, `partial`, `failed`, `cancelled`.
    pub result: String,
    /// All of it, for the page.
    pub lines: Vec<String>,
}
