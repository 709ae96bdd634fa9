//! The permit without which no function of `server` changes anything.
//!
//! In: nothing. Out: a [`Token`], which only this room can make, and makes only from a confirmed plan.
//! It is the single word of `change` that `server` may import: the compiler, not a convention, keeps the way out.

/// Proof that a plan was shown and confirmed, and that the server may be changed. Cannot be made outside of `change`.
#[derive(Debug)]
pub struct Token(());

impl Token {
    /// Made by `Confirmed` alone, when it is run.
    pub(super) const fn new() -> Self {
        Self(())
    }
}
