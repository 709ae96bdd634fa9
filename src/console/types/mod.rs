//! The words that every part of the console shares. Nothing here knows of a screen, a dialog or the loop.

pub mod access;
pub mod action;
pub mod ask;
pub mod assessment;
pub mod change;
pub mod client;
pub mod column;
pub mod context;
pub mod export;
pub mod filter;
pub mod group;
pub mod hint;
pub mod key;
pub mod key_purpose;
pub mod keymap;
pub mod log;
pub mod marks;
pub mod need;
pub mod problem;
pub mod reason;
pub mod scope;
pub mod screen;
pub mod secret;
pub mod server;
pub mod space;
pub mod text;
pub mod watch;

/// Names a job within this run of the console.
pub type JobId = u64;
