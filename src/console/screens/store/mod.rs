//! Screen store.

pub mod state;
pub mod view;
