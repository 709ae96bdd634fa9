//! Where one is on screen 1.

use crate::console::widgets::list::List;

/// Screen 1.
#[derive(Debug, Default)]
pub struct Overview {
    /// Where the list is.
    pub list: List,
    /// The check under its cursor, once it was moved.
    pub anchor: Option<String>,
}
