//! A text over the screen.

use crate::console::types::JobId;

/// A text to scroll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The title.
    pub title: String,
    pub lines: Vec<String>,
    /// What `y` copies.
    pub copy: String,
    /// The scroll position; the cursor is the first line in view.
    pub top: usize,
    /// The job that it shows; its lines are appended here.
    pub of: Option<JobId>,
}
