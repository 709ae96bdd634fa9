//! What this machine still owes a cache server: paths that wait to be pushed, and what a push has begun.
//!
//! In: store paths. Out: files that are whole or not there, whatever ends the process: the entries of a spool folder, and the
//! journal of the pushes to a server. Nothing here talks to a server.

mod durable;
mod entry;
mod folder;
mod journal;

pub use entry::Entry;
pub use folder::{Aside, Drain, Spool};
pub use journal::{Begun, Journal};

/// What a fuzzer may throw bytes at.
pub mod parse {
    /// Reads an entry of a spool.
    pub fn entry(bytes: &[u8]) -> bool {
        super::entry::read(bytes).is_ok()
    }

    /// Reads the journal of pushes.
    pub fn journal(bytes: &[u8]) -> bool {
        super::journal::read(bytes).is_ok()
    }
}
