//! Screen space.

pub mod areas;
pub mod form;
pub mod overview;
pub mod state;
pub mod view;
