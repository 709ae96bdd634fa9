//! Screen 3: what clients would refuse, in groups.

pub mod state;
pub mod view;
