//! Screen 5: what fills the disk, what keeps it, what a collection would take.

pub mod areas;
mod effect;
pub mod form;
mod msg;
pub mod overview;
pub mod state;
pub mod update;
pub mod view;

pub use effect::Effect;
pub use msg::Msg;
