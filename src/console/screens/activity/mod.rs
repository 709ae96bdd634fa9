//! Screen activity.

pub mod comparison;
pub mod job;
pub mod logins;
pub mod state;
pub mod view;
