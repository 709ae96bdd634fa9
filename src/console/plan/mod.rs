//! The one dialog before every change.
//!
//! In: what a screen wants to change. Out: a request for its plan, and the plan with the answer that confirms it. What differs
//! between changes, fields, choices and words, follows from [`ChangeKind`](crate::console::types::change::ChangeKind).

pub mod access;
pub mod certificate;
pub mod expiry;
pub mod full_text;
pub mod install;
pub mod reasons;
pub mod request;
pub mod revisions;
pub mod rows;
pub mod space;
pub mod state;
pub mod update;
pub mod view;
