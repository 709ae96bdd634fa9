//! Screen 3: what clients would refuse, in groups.

mod effect;
mod msg;
pub mod state;
pub mod update;
pub mod view;

pub use effect::Effect;
pub use msg::Msg;
pub use state::Found;
