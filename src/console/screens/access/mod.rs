//! Screen 4: who may read the cache, and who asks to.

pub mod checks;
pub mod detail;
mod entries;
pub mod state;
pub mod view;
