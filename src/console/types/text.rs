//! A text over the screen.

use crate::console::types::JobId;

/// A text to scroll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// Over it.
    pub title: String,
    pub lines: Vec<String>,
    /// What `y` copies.
    pub copy: String,
    /// Where it is scrolled to; the cursor is the first line in view.
    pub top: usize,
    /// The job that it tells of, with which it goes on.
    pub of: Option<JobId>,
}
