//! Screen path.

pub mod page;
pub mod pane;
pub mod view;
