//! The command palette: every action by its name, and commands that take an argument.

pub mod command;
pub mod complete;
pub mod history;
pub mod view;

pub use command::{COMMANDS, Chosen, Command, chosen, command_hint};
