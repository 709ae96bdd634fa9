//! Screen 4: who may read the cache, and who asks to.

pub mod checks;
pub mod detail;
mod effect;
mod entries;
mod msg;
mod refused;
pub mod state;
pub mod view;

pub use effect::Effect;
pub use msg::Msg;
