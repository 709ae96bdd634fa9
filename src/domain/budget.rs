//! How much memory may be made of what a server sends.
//!
//! In: what something is, and an amount. Out: a [`Budget`], which is charged before bytes become values, and, where it does
//! not suffice, a [`TooLarge`] that names what was too large. Amounts are of memory, not of bytes that came: a list of
//! empty texts costs what its entries cost. Estimates are high rather than low.

use super::Bytes;
use std::fmt;

/// What may be kept at a time, in bytes of memory. Together they keep a hostile server below 1 GiB. What a real store
/// needs grows with its number of paths, and so does what it may have, up to there.
pub mod most {
    const MIB: u64 = 1 << 20;

    /// Everything that a daemon says of itself before the first request.
    pub const GREETING: u64 = MIB;
    /// One message of a daemon: a log line, an activity, an error.
    pub const MESSAGE: u64 = 4 * MIB;
    /// All messages of a daemon between a request and the end of its answer; they are read, and hardly any is kept. For a
    /// reading of a whole store that is all of it.
    pub const MESSAGES: u64 = 128 * MIB;
    /// The same for each path that is to be deleted: a line or two.
    pub const MESSAGES_PER_PATH: u64 = 1024;
    /// What is known of one path: about 70,000 references.
    pub const INFO: u64 = 8 * MIB;
    /// The list of all paths: a million and a half, of usual names.
    pub const LISTING: u64 = 192 * MIB;
    /// The list of GC roots: about 250,000 of usual length.
    pub const ROOTS: u64 = 64 * MIB;
    /// A list that is an answer about some paths, without a path.
    pub const ANSWER: u64 = 32 * MIB;
    /// The same for each path that was asked about.
    pub const ANSWER_PER_PATH: u64 = 1024;
    /// Answers that wait to be taken in, in one handful. A handful ends with the answer that passes this.
    pub const HANDFUL: u64 = 2 * MIB;
    /// A request, as a daemon of our own reads it.
    pub const REQUEST: u64 = 512 * MIB;
    /// What is known of a whole store, without a path.
    pub const INVENTORY: u64 = 96 * MIB;
    /// The same for each path that the daemon lists: a real path with eight references takes about 350.
    pub const INVENTORY_PER_PATH: u64 = 640;
    /// What is known of a whole store, however many paths are listed: more than a million.
    pub const INVENTORY_IN_ALL: u64 = 448 * MIB;
    /// What is known of a path and all that it needs, while it is asked for: about 250,000 paths.
    pub const CLOSURE: u64 = 256 * MIB;
    /// Times of last use of all paths: six million.
    pub const TIMES: u64 = 384 * MIB;
    /// A copy of Nix's database, in bytes on this machine's disk: five million paths.
    pub const COPY: u64 = 4096 * MIB;
    /// What stays free on that disk.
    pub const LEFT_FREE: u64 = 512 * MIB;
    /// What commands of one connection have written and nobody has read yet.
    pub const UNREAD: usize = 64 << 20;
}

/// Bytes that the allocator takes for a block of this many: its own head, rounded up, and nothing for nothing.
pub const fn heap(bytes: usize) -> u64 {
    if bytes == 0 {
        return 0;
    }
    let taken = (bytes as u64).saturating_add(8).next_multiple_of(16);
    if taken < 32 { 32 } else { taken }
}

/// Bytes that an entry of this type takes in a growing list, which may be half empty.
pub const fn entry<T>() -> u64 {
    2 * size_of::<T>() as u64
}

/// An amount that is used up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    what: &'static str,
    limit: u64,
    spent: u64,
}

/// Something needs more memory than it may have. Displays as a clause, such as `the list of GC roots needs more than 64.0
/// MiB of memory`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLarge {
    /// What, such as `the list of GC roots`.
    pub what: &'static str,
    /// In bytes.
    pub limit: u64,
}

impl Budget {
    /// For `what`, this many bytes.
    pub const fn new(what: &'static str, limit: u64) -> Self {
        Self {
            what,
            limit,
            spent: 0,
        }
    }

    /// For an answer about this many paths.
    pub const fn for_paths(what: &'static str, base: u64, each: u64, paths: usize) -> Self {
        let of_paths = each.saturating_mul(paths as u64);
        Self::new(what, base.saturating_add(of_paths))
    }

    /// The same, or this many bytes where those are fewer.
    pub fn at_most(mut self, limit: u64) -> Self {
        self.limit = self.limit.min(limit);
        self
    }

    /// Takes bytes from it, also where they are more than there are: from then on it is overdrawn.
    pub fn charge(&mut self, bytes: u64) -> Result<(), TooLarge> {
        self.spent = self.spent.saturating_add(bytes);
        self.check()
    }

    /// Gives bytes back that were charged before.
    pub fn release(&mut self, bytes: u64) {
        self.spent = self.spent.saturating_sub(bytes);
    }

    /// Whether it is not overdrawn.
    pub fn check(&self) -> Result<(), TooLarge> {
        if self.spent <= self.limit {
            return Ok(());
        }
        Err(TooLarge {
            what: self.what,
            limit: self.limit,
        })
    }

    /// Bytes that were charged.
    pub const fn spent(&self) -> u64 {
        self.spent
    }

    /// Another amount for the same thing; what was charged stays charged.
    pub fn widen(&mut self, other: &Self) {
        self.what = other.what;
        self.limit = other.limit;
    }
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} needs more than {} of memory",
            self.what,
            Bytes(self.limit)
        )
    }
}

impl std::error::Error for TooLarge {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_overdrawn_says_so_until_it_is_given_back() {
        let mut budget = Budget::for_paths("the list of GC roots", 64 << 20, 0, 7);
        assert_eq!(budget.charge(64 << 20), Ok(()));
        let error = budget.charge(1).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the list of GC roots needs more than 64.0 MiB of memory"
        );
        assert_eq!(budget.check(), Err(error));
        assert_eq!(budget.charge(u64::MAX), Err(error));
        budget.release(u64::MAX);
        assert_eq!((budget.check(), budget.spent()), (Ok(()), 0));
    }

    #[test]
    fn small_blocks_cost_more_than_they_hold() {
        assert_eq!([0, 1, 24, 25, 100].map(heap), [0, 32, 32, 48, 112],);
        assert_eq!(entry::<String>(), 48);
    }
}
