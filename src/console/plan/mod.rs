//! The dialog before a change: what shall be done, the plan for it, and the word that confirms.

pub mod access;
pub mod access_view;
pub mod rows;
pub mod sign_dialog;
pub mod space;
pub mod space_dialog;
pub mod space_view;
