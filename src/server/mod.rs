//! What can be asked of a cache server and done to it, typed.
//!
//! In: a link. Out: facts, store contents, and the changes that a `change` token permits.

pub mod facts;
