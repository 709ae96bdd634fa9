//! What screen 3 knows.

use crate::console::widgets::list::{List, near};
use crate::domain::When;
use crate::inventory::{Group, Inventory, Row, coverage, unsigned_groups};
use crate::judge::compromised::carrying;
use crate::judge::health::refusals::Refusals;
use std::collections::HashSet;
use std::sync::Arc;

/// A line of the unsigned screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnsignedLine {
    /// A group, by its place.
    Group(usize),
    /// A path of a group, by both places.
    Row(usize, usize),
}

/// What a line is about, whatever its place: the top of its group, and the path of a line that is not its head. A path that
/// several groups need has a line in each.
pub type Subject = (Row, Option<Row>);

/// What one walk over the store finds.
#[derive(Debug)]
pub struct Found {
    /// What is refused, in groups.
    pub groups: Vec<Group>,
    /// Key name, paths with a valid signature by it, paths with a bad one.
    pub coverage: Vec<(String, usize, usize)>,
    /// Which ones are worth a word on screen 1.
    pub refusals: Refusals,
    /// For each compromised key, the paths with a signature by its name.
    pub compromised: Vec<(String, usize)>,
}

impl Found {
    /// Of a store, with the names of the compromised keys. Goes over all paths.
    pub fn of(inventory: &Inventory, compromised: &[String]) -> Self {
        Self {
            groups: unsigned_groups(inventory),
            coverage: coverage(inventory),
            refusals: Refusals::of(inventory, None),
            compromised: carrying(inventory, compromised),
        }
    }
}

/// The unsigned screen.
#[derive(Debug, Default)]
pub struct Unsigned {
    /// Groups, as last worked out.
    pub groups: Arc<[Group]>,
    /// When the newest group and the oldest path were added.
    pub ages: Option<(When, When)>,
    /// Key name, paths with a valid signature by it, paths with a bad one.
    pub coverage: Vec<(String, usize, usize)>,
    /// The newest of them, and what needs one.
    pub refusals: Refusals,
    /// For each compromised key, the paths with a signature by its name.
    pub compromised: Vec<(String, usize)>,
    /// The groups whose paths are shown, by their top.
    pub open: HashSet<Row>,
    /// What the list shows.
    pub lines: Vec<UnsignedLine>,
    /// Where the list is.
    pub list: List,
    /// What is under the cursor, then its neighbours.
    pub anchors: Vec<Subject>,
    /// Where a range of marks was begun, a line.
    pub range: Option<usize>,
    /// The number of the newest request.
    pub request_id: u64,
    /// Whether groups have come in at all.
    pub answered: bool,
    /// The number of the last request that was answered.
    pub whole_id: u64,
}

impl Unsigned {
    /// Whether the groups are those of the store as it is now.
    pub const fn is_whole(&self) -> bool {
        self.whole_id == self.request_id
    }

    /// What a line is about.
    pub fn subject(&self, line: UnsignedLine) -> Option<Subject> {
        match line {
            UnsignedLine::Group(group) => Some((self.groups.get(group)?.top, None)),
            UnsignedLine::Row(group, row) => {
                let group = self.groups.get(group)?;
                Some((group.top, Some(group.rows.get(row).copied()?)))
            }
        }
    }

    /// The line under the cursor.
    pub fn current(&self) -> Option<UnsignedLine> {
        self.lines.get(self.list.cursor).copied()
    }

    /// The path under the cursor; of a group, the one that the others hang on.
    pub fn current_row(&self) -> Option<Row> {
        let (top, row) = self.subject(self.current()?)?;
        Some(row.unwrap_or(top))
    }

    /// The group whose head is under the cursor.
    pub fn current_group(&self) -> Option<&Group> {
        match self.current()? {
            UnsignedLine::Group(group) => self.groups.get(group),
            UnsignedLine::Row(..) => None,
        }
    }

    /// Remembers what is under the cursor and beside it.
    pub fn note_cursor(&mut self) {
        self.anchors = near(self.list.cursor, self.lines.len())
            .filter_map(|at| self.subject(*self.lines.get(at)?))
            .collect();
    }
}
