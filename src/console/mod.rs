//! The terminal UI.
pub mod keys;
pub mod paint;
pub mod secret;
pub mod terminal;
pub mod theme;
pub mod widgets;
