//! The console as a whole: everything that it knows, what changes it, what is drawn of it, and the loop.

pub(super) mod clipboard;
pub mod dialogs;
pub mod find;
mod header;
pub mod heights;
pub mod help;
mod installed;
pub mod layer;
pub mod model;
pub mod msg;
pub mod paint;
pub mod palette;
pub mod places;
pub(super) mod presses;
pub mod reasons;
pub(crate) mod servers;
mod signing_keys;
pub mod subject;
mod tabs;
pub mod terminal;
pub(super) mod themes;
pub mod trail;
pub mod update;
pub mod view;
mod waiting;
