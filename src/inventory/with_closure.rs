//! What clients make of a path together with all that it needs.
//!
//! In: states, trust classes and references. Out: a verdict for each row, made once for a snapshot: one walk from what is
//! refused to all that needs it, so that drawing it costs a look-up.

use super::Row;
use super::columns::{Columns, State};
use super::graph::Graph;
use crate::domain::TrustClass;

/// Whether a client gets a path with its closure, as `why` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WithClosure {
    /// It does.
    Accepted,
    /// Something of the closure has not been read, so this is not known.
    Unknown,
    /// Something of the closure is refused or is not in the store.
    Refused,
}

/// The verdict of each row.
pub(super) fn verdicts(columns: &Columns, graph: &Graph, rows: usize) -> Vec<WithClosure> {
    let own = |row: usize| {
        let (chunk, at) = columns.at(row as Row);
        match chunk.state[at] {
            State::Gone | State::Unlisted => WithClosure::Refused,
            State::Unread | State::Unreadable => WithClosure::Unknown,
            State::Valid if chunk.trust[at].is_some_and(TrustClass::refused) => {
                WithClosure::Refused
            }
            State::Valid => WithClosure::Accepted,
        }
    };
    let mut verdicts: Vec<WithClosure> = (0..rows).map(own).collect();
    // What is refused goes over what is not known.
    for verdict in [WithClosure::Refused, WithClosure::Unknown] {
        let rows = (0..rows as Row).filter(|row| verdicts[*row as usize] == verdict);
        let mut todo: Vec<Row> = rows.collect();
        while let Some(row) = todo.pop() {
            for referrer in graph.referrers(row) {
                let below = &mut verdicts[*referrer as usize];
                if *below < verdict {
                    *below = verdict;
                    todo.push(*referrer);
                }
            }
        }
    }
    verdicts
}
