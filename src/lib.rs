//! storekeeper: a terminal admin console for private Nix binary caches that are served over SSH.
//!
//! The floor plan, from the outside in and back out again (`docs/ARCHITECTURE.md` says why):
//!
//! - in: `link -> wire -> server -> load -> inventory, facts, verdicts of judge -> console model or cli -> screen`
//! - out: `key or argument -> action -> change::Plan -> confirmation -> job -> server -> receipt -> audit -> refresh`

pub mod change;
pub mod cli;
pub mod config;
pub mod console;
pub mod database;
pub mod demo;
pub mod domain;
pub mod inventory;
pub mod judge;
pub mod link;
pub mod load;
pub mod onboard;
pub mod server;
pub mod spool;
pub mod wire;
