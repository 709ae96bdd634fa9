//! Screen 2: every valid path.

pub mod state;
pub mod view;
