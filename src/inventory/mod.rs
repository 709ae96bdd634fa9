//! The store in memory, at a million paths.
//!
//! In: the listing of a store and the infos of its paths with their verdicts, as they stream in ([`Builder`]). Out:
//! [`Inventory`] values, immutable and shared, published many times while loading; and the answers to questions about
//! them: [`view`] (filter, search, sort), closures, referrers, chains, [`unsigned_groups`], [`coverage`]; with the
//! roots, what is alive ([`Liveness`]), what hangs on one root alone ([`Retained`]), and when it was used ([`Usage`]).
//!
//! A path is named by its [`Row`]. Rows keep their numbers from one snapshot of a builder to the next, also across
//! [`Builder::resume`]; rows are only ever added. Functions that take a row take one of this inventory or of an
//! earlier one, and panic, like an index, for any other.
//!
//! What may be called where: accessors of [`Inventory`] cost the same at any size of the store and may be called while
//! drawing. What walks a closure, or all rows, says so and belongs into a job.

mod arrange;
mod builder;
mod closures;
mod columns;
mod deriver;
mod dominators;
mod graph;
mod groups;
mod heavy;
mod keeps;
mod key_names;
mod liveness;
mod names;
mod order;
mod proof;
mod query;
mod rank;
mod room;
mod search;
mod searcher;
mod snapshot;
mod stored;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod units;
mod usage;
mod with_closure;
mod words;

pub use builder::Builder;
pub use columns::State;
pub use dominators::{Dominators, Retained};
pub use groups::{Group, GroupKind, coverage, unsigned_groups};
pub use keeps::{Edges, Keep, Keeps};
pub use liveness::{Life, Liveness};
pub use query::Query;
pub use search::{SearchFacts, Sort, SortKey, View, view};
pub use searcher::Searcher;
pub use snapshot::{Counts, Inventory};
pub use stored::{Restored, Stamp, StoredError, stamp};
pub use units::Units;
pub use usage::Usage;
pub use with_closure::WithClosure;
pub use words::FILTER_WORDS;

/// The number of a path in an inventory.
pub type Row = u32;

/// Whether a base name is a derivation's.
fn is_derivation(base: &str) -> bool {
    base.strip_suffix(".drv").is_some()
}
