//! Screen overview.

pub mod state;
pub mod view;
