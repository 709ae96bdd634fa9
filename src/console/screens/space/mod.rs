//! Screen 5: what fills the disk, what keeps it, what a collection would take.

pub mod areas;
pub mod form;
pub mod overview;
pub mod state;
pub mod view;
