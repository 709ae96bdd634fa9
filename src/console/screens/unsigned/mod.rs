//! Screen unsigned.

pub mod state;
pub mod view;
