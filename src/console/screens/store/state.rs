//! What screen 2 knows.

use crate::console::types::column::Columns;
use crate::console::widgets::list::List;
use crate::inventory::{Row, Sort};
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
    /// What is shown of each path.
    pub columns: Columns,
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
    pub request_id: u64,
    /// How much of the answer has come in.
    pub answer: Answer,
    /// The number of the last request that was answered whole.
    pub whole_id: u64,
}

/// How much is known of the rows that match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Answer {
    /// Nothing has come in yet.
    #[default]
    None,
    /// The first rows.
    FirstPage,
    /// All rows.
    Whole,
}

impl Store {
    /// Whether the rows are all that match, in the store as it is now.
    pub const fn is_whole(&self) -> bool {
        self.whole_id == self.request_id
    }

    /// The path under the cursor.
    pub fn current_row(&self) -> Option<Row> {
        self.rows.get(self.list.cursor).copied()
    }
}
