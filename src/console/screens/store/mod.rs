//! Screen 2: every valid path.

mod effect;
pub mod state;
pub mod update;
pub mod view;

pub use effect::Effect;
