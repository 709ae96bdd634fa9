//! The only way to change a server: plan, confirmation, job, receipt, audit.
//!
//! In: what the administrator chose, and the facts it was chosen on. Out: changes on the server, each with a receipt
//! and a line in the audit log. No function of `server` that changes something can be called without the token that is
//! made here from a confirmed plan.

pub mod access;
pub mod audit;
pub mod collect;
pub mod contents;
pub mod install;
pub mod job;
pub mod keep;
pub mod plan;
pub mod push;
pub mod receipt;
pub mod samples;
pub mod second;
pub mod sign;
mod terms;
#[cfg(test)]
mod testing;
pub mod token;
pub mod two;
pub mod undo;
pub mod unfinished;

pub use job::{JobEvent, run, run_in};
pub use plan::{Answer, Confirmed, Danger, Item, KeySource, Operation, Plan, Policy, Refusal};
pub use receipt::{Failure, Freed, Outcome, Receipt, Waits};
pub use second::{Confirms, Second};
pub use terms::Terms;
pub use undo::Undo;
