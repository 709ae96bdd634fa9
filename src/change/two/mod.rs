//! The two-person rule: plans that wait for a second administrator.
//!
//! In: a plan that was confirmed once; a plan that waits, and the facts of now. Out: what is wanted, in a form that can be planned again;
//! the same plan made anew, or what differs from what the first has seen. Nothing here asks the server.

mod again;
mod error;
mod intent;
mod rule;
#[cfg(test)]
mod tests;

pub use again::{Needs, Seen, again, may, needs};
pub use error::TwoError;
pub use intent::{effects, intent, list, new_key};
pub use rule::{drop_plan, set_rule};
