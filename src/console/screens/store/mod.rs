//! Screen 2: every valid path.

mod effect;
mod msg;
pub mod state;
pub mod update;
pub mod view;

pub use effect::Effect;
pub use msg::Msg;
