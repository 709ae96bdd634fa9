//! The terminal UI: loop, model, update, action table, keymap, jobs, theme, terminal, screens, widgets.
//!
//! In: keys, and messages of the backend. Out: frames, and effects for the backend. `update` is the only writer of the
//! model; the screens only read it; nothing in the loop waits.

pub mod access;
pub mod actions;
mod backend;
mod clipboard;
pub mod contents;
pub mod help;
pub mod jobs;
pub mod keymap;
pub mod keys;
pub mod layout;
pub mod marks;
pub mod model;
pub mod msg;
pub mod page;
pub mod paint;
pub mod palette;
mod presses;
mod reasons;
mod run;
pub mod screens;
pub mod secret;
pub mod space;
pub mod state;
pub mod terminal;
pub mod text;
pub mod theme;
pub mod update;
pub mod view;
pub mod widgets;

pub use run::{ConsoleError, End, Start, run};
