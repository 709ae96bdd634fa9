//! Screen access.

pub mod checks;
pub mod detail;
pub mod state;
pub mod view;
