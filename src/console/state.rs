//! The states of the screens, and of what lies over them.
//!
//! In: nothing. Out: plain data, parts of the model.

use super::access::AccessDialog;
use super::actions::Scope;
use super::jobs::JobId;
use super::model::{Model, Trouble};
use super::msg::{Ask, PastChange};
use super::secret::Secret;
use super::space::dialog::SpaceDialog;
use super::widgets::list::{List, near};
use crate::change::Plan;
use crate::domain::{Bytes, When};
use crate::inventory::{Group, Row, Sort};
use std::collections::HashSet;
use std::sync::Arc;
use tui_input::Input;

/// The store screen.
#[derive(Debug, Default)]
pub struct Store {
    /// What is searched.
    pub search: Input,
    /// Whether keys type into the search.
    pub searching: bool,
    /// What `:filter` says.
    pub filter: String,
    /// The order.
    pub sort: Sort,
    /// Whether derivations are shown.
    pub derivations: bool,
    /// What is wrong with search or filter.
    pub query_error: Option<String>,
    /// The rows that match, as last worked out.
    pub rows: Arc<[Row]>,
    /// How many derivations are hidden.
    pub hidden: usize,
    /// Where the list is.
    pub list: List,
    /// The row under the cursor, which it stays on when the list changes.
    pub anchor: Option<Row>,
    /// Where a range of marks was begun.
    pub range: Option<Row>,
    /// The number of the newest request for rows; older answers are dropped.
    pub asked: u64,
    /// Whether rows have come in at all.
    pub answered: bool,
}

/// A line of the unsigned screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnsignedLine {
    /// A group, by its place.
    Group(usize),
    /// A path of a group, by both places.
    Row(usize, usize),
}

/// The unsigned screen.
#[derive(Debug, Default)]
pub struct Unsigned {
    /// Groups, as last worked out.
    pub groups: Arc<[Group]>,
    /// When the newest and the oldest group were added.
    pub ages: Option<(When, When)>,
    /// Key name, paths with a valid signature by it, paths with a bad one.
    pub coverage: Vec<(String, usize, usize)>,
    /// The groups whose paths are shown, by their top.
    pub open: HashSet<Row>,
    /// What the list shows.
    pub lines: Vec<UnsignedLine>,
    /// Where the list is.
    pub list: List,
    /// What is under the cursor, then its neighbours: a path, and whether as the head of its group.
    pub anchors: Vec<(bool, Row)>,
    /// Where a range of marks was begun, a line.
    pub range: Option<usize>,
    /// The number of the newest request.
    pub asked: u64,
    /// Whether groups have come in at all.
    pub answered: bool,
}

impl Unsigned {
    /// What a line is about: a path, and whether as the head of its group.
    pub fn subject(&self, line: UnsignedLine) -> Option<(bool, Row)> {
        match line {
            UnsignedLine::Group(group) => Some((true, self.groups.get(group)?.top)),
            UnsignedLine::Row(group, row) => {
                Some((false, self.groups.get(group)?.rows.get(row).copied()?))
            }
        }
    }

    /// Remembers what is under the cursor and beside it.
    pub fn settled(&mut self) {
        self.anchors = near(self.list.cursor, self.lines.len())
            .filter_map(|at| self.subject(*self.lines.get(at)?))
            .collect();
    }
}

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
    pub past: Option<Result<Vec<PastChange>, Trouble>>,
}

/// The dialog before signing.
#[derive(Debug)]
pub struct SignDialog {
    /// What is to be signed.
    pub what: What,
    /// What is under the cursor and not marked, so that it is not signed.
    pub instead_of: Option<String>,
    /// With what it depends on.
    pub closure: bool,
    /// With what another trusted key has signed.
    pub upstream: bool,
    /// The key, by its place in [`Model::sources`](super::model::Model::sources).
    pub source: usize,
    /// The plan, once it is made.
    pub plan: Option<Result<Box<Plan>, Trouble>>,
    /// Why it is done, for the audit log.
    pub reason: Input,
    /// Whether keys type into the reason.
    pub writing: bool,
    /// The number of the newest request for a plan.
    pub asked: u64,
}

/// What is to be signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Everything refused.
    All,
    /// These.
    Rows(Arc<[Row]>),
}

/// Contents that are to be compared with their hashes.
#[derive(Debug)]
pub struct Verification {
    /// In words.
    pub what: String,
    /// How many paths.
    pub total: usize,
    /// Their NAR bytes.
    pub bytes: u64,
    /// The paths; all without them.
    pub rows: Option<Vec<Row>>,
}

impl Verification {
    /// What the job is called.
    pub fn title(&self) -> String {
        format!("verify {} ({})", self.what, Bytes(self.bytes))
    }
}

/// A text to scroll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// Over it.
    pub title: String,
    /// Its lines.
    pub lines: Vec<String>,
    /// What `y` copies.
    pub copy: String,
    /// Where it is scrolled to; the cursor is the first line in view.
    pub top: usize,
    /// The job that it tells of, with which it goes on.
    pub of: Option<JobId>,
}

/// What lies over the screen; the last one has the keys.
#[derive(Debug)]
pub enum Layer {
    /// The keys that work in a scope.
    Help {
        /// Where it was asked for.
        scope: Scope,
        /// Where it is scrolled to.
        top: usize,
    },
    /// `:`.
    Palette(Palette),
    /// Before signing.
    Sign(Box<SignDialog>),
    /// Before a change of who may log in.
    Access(Box<AccessDialog>),
    /// Before a change of what the store keeps.
    Space(Box<SpaceDialog>),
    /// A text.
    Text(Text),
    /// A question of the connection.
    Ask {
        /// The question.
        ask: Ask,
        /// The answer so far.
        answer: Secret,
    },
    /// Compare so much?
    Verify(Box<Verification>),
    /// A choice of servers.
    Servers(List),
    /// Quit although a job runs?
    Quit,
}

impl Layer {
    /// The number of the plan that a dialog has asked for, and the plan once it is made.
    pub fn plan(&self) -> Option<(u64, Option<&Plan>)> {
        let (number, plan) = match self {
            Self::Sign(dialog) => (dialog.asked, &dialog.plan),
            Self::Access(dialog) => (dialog.asked, &dialog.plan),
            Self::Space(dialog) => (dialog.asked, &dialog.plan),
            _ => return None,
        };
        let plan = plan.as_ref().and_then(|plan| plan.as_deref().ok());
        Some((number, plan))
    }
}

impl Model {
    /// The number of the plan in the dialog on top, once it is made.
    pub fn plan_shown(&self) -> Option<u64> {
        let (number, plan) = self.layers.last()?.plan()?;
        plan.map(|_| number)
    }

    /// Whether the warnings of the plan in the dialog on top were all on the screen in its list.
    pub fn has_read_plan(&self) -> bool {
        self.read.is_some() && self.read == self.plan_shown()
    }
}

/// The command palette.
#[derive(Debug, Default)]
pub struct Palette {
    /// What is typed.
    pub input: Input,
    /// Which of the matches is chosen.
    pub cursor: usize,
    /// Which line of the history is shown, counted from the newest.
    pub past: Option<usize>,
}
