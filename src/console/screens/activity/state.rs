//! What screen 6 knows.

use crate::console::types::problem::Problem;
use crate::console::widgets::list::List;
use crate::domain::When;

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
    /// The audit log, newest first; `None` before it was read.
    pub past: Option<Result<Vec<PastChange>, Problem>>,
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
