//! What screen 6 knows.

use crate::console::screens::activity::job::Job;
use crate::console::types::access::AccessSnapshot;
use crate::console::types::problem::Problem;
use crate::console::widgets::list::List;
use crate::domain::When;
use crate::domain::access::Session;

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
}

impl Activity {
    /// The audit log as far as it was read.
    pub fn past(&self) -> &[PastChange] {
        match &self.past {
            Some(Ok(past)) => past,
            _ => &[],
        }
    }

    /// Lines of the list that is shown, where `known` is what was found out last about access.
    pub fn rows(&self, known: Option<&AccessSnapshot>) -> usize {
        let facts = known.map(|known| &known.facts);
        match self.part {
            Part::Changes => self.jobs.len() + self.past().len(),
            Part::Sessions => facts.map_or(0, |facts| facts.sessions.as_ref().map_or(0, Vec::len)),
            Part::Log => facts.map_or(0, |facts| facts.events.as_ref().map_or(0, Vec::len)),
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
