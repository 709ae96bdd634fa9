//! Screen overview.

pub mod view;
