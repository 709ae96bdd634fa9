//! What an inventory may take of memory, and what its rows take.
//!
//! In: numbers of paths, and names. Out: budgets and bytes.

use crate::domain::budget::{Budget, most};

/// What all of it may take where so many paths are listed.
pub(super) fn room(listed: usize) -> Budget {
    Budget::for_paths(
        "the information on all paths",
        most::INVENTORY,
        most::INVENTORY_PER_PATH,
        listed,
    )
    .at_most(most::INVENTORY_IN_ALL)
}

/// Bytes of memory that a row takes whatever is known of it: its name with mask and place, its slots in the index, its part
/// of each column, its part of the graph.
pub(super) fn room_of_row(base: &str) -> u64 {
    const COLUMNS: u64 = 55 + 16 + 4 * 8;
    const NAME: u64 = 12;
    const INDEX: u64 = 16;
    const GRAPH: u64 = 8;
    base.len() as u64 + NAME + INDEX + COLUMNS + GRAPH
}
