//! The terminal UI.
//!
//! In: keys, and what the backend has to say. Out: frames, and effects for the backend. Its rooms, each of which knows only
//! those before it: `types`, the words that all share; `widgets`, which draw; `screens`, one folder for each; `plan`, the
//! dialog before a change; `app`, the model, its one writer and the loop; `backend`, the one part that touches a server.

pub mod app;
mod backend;
mod begin;
mod editing;
pub mod plan;
mod run;
pub mod screens;
pub mod types;
pub mod widgets;

pub use backend::{Examination, Examiner};
pub use run::{ConsoleError, End, Start, run};
