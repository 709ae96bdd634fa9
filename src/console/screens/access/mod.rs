//! Screen 4: who may read the cache, and who asks to.

pub mod checks;
pub mod detail;
mod entries;
mod refused;
pub mod state;
pub mod view;
