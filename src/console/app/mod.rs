//! The console as a whole: everything that it knows, what changes it, what is drawn of it, and the loop.

mod clipboard;
pub mod dialogs;
pub mod heights;
pub mod help;
pub mod layer;
pub mod model;
pub mod msg;
pub mod paint;
pub mod palette;
mod presses;
pub mod reasons;
pub mod run;
pub mod terminal;
pub mod update;
pub mod view;
