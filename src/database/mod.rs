//! Nix's database: a copy of it, taken and checked while the server goes on, and what its rows say.
//!
//! In: the bytes that a server sends of its `db.sqlite` and write-ahead log, none of which is trusted. Out: the copy in a private
//! folder of this machine, then its paths and what Nix would make of each row. The way: [`receive`] takes the copy and checks
//! that nothing wrote to the database meanwhile, [`Folder`] is where it lies, [`Database`] reads it, [`save`] keeps it as a file.
//!
//! A row that is as Nix writes them is read here. Any other, which Nix may read in one release and refuse in the next, is an
//! [`Row::Odd`]: the daemon is asked about that one.

mod backup;
mod copy;
mod facts;
mod folder;
mod held;
mod log;
mod row;
mod seen;
mod store;

pub use backup::{Saved, save};
pub use copy::{Received, Refusal, Word, receive};
pub use facts::{Facts, Said};
pub use folder::{Folder, Removal};
pub use held::Held;
pub use row::Row;
pub use seen::{Difference, Seen};
pub use store::{Database, Listing, Stopped};

#[cfg(test)]
pub(crate) mod testing;
