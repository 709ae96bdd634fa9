//! What screen 6 knows.

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
    pub past: Option<Result<Vec<PastChange>, Problem>>,
    /// The words of the log's filter.
    pub words: Input,
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
}

impl Activity {
    /// The audit log as far as it was read.
    pub fn past(&self) -> &[PastChange] {
        match &self.past {
            Some(Ok(past)) => past,
            _ => &[],
        }
    }

    /// What the log shows.
    pub fn filter(&self) -> LogFilter {
        LogFilter {
            words: self.words.value().trim().to_owned(),
            refused: self.refused,
            ours: self.ours,
        }
    }

    /// Looks through the log again where it or the filter is another one.
    pub fn sift(&mut self, known: Option<&Arc<AccessSnapshot>>) {
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
            Part::Changes => self.jobs.len() + self.past().len(),
            Part::Sessions => facts.map_or(0, |facts| facts.sessions.as_ref().map_or(0, Vec::len)),
            Part::Log => self.log.shown.len(),
        }
    }

    /// The job under the cursor.
    pub fn current_job(&self) -> Option<&Job> {
        let changes = self.part == Part::Changes;
        self.jobs.get(self.list.cursor).filter(|_| changes)
    }

    /// The record of the audit log under the cursor.
    pub fn current_past(&self) -> Option<&PastChange> {
        let at = self.list.cursor.checked_sub(self.jobs.len())?;
        let changes = self.part == Part::Changes;
        self.past().get(at).filter(|_| changes)
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
