//! The page of one path, opened over screens 2, 3 and 5.

pub mod page;
pub mod pane;
mod tree;
pub mod view;
pub mod words;
