//! A text that is typed and must not be kept: passphrases, passwords, and what is pasted as a key.
//!
//! In: characters. Out: the secret, once, to the caller. It is wiped when dropped, it has no readable `Debug`,
//! and it never grows out of its first allocation, which would leave copies behind.

use std::fmt;
use zeroize::Zeroizing;

/// Bytes that fit; no passphrase of a key file is longer, and no public key that is typed the same way, which may be a
/// private one by mistake.
const CAPACITY: usize = 4096;

/// A secret while it is typed.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Nothing typed yet.
    pub fn new() -> Self {
        Self(Zeroizing::new(String::with_capacity(CAPACITY)))
    }

    /// Adds a character, unless the secret is full.
    pub fn push(&mut self, c: char) {
        if self.0.len() + c.len_utf8() <= CAPACITY {
            self.0.push(c);
        }
    }

    /// Takes the last character away.
    pub fn pop(&mut self) {
        self.0.pop();
    }

    /// Number of characters.
    pub fn len(&self) -> usize {
        self.0.chars().count()
    }

    /// Whether nothing is typed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text, for a question whose answer may be seen.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Hands the secret over.
    pub fn take(&mut self) -> Zeroizing<String> {
        std::mem::take(&mut self.0)
    }
}

impl Default for Secret {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_and_hides() {
        let mut secret = Secret::new();
        for c in "pä$$x".chars() {
            secret.push(c);
        }
        secret.pop();
        assert_eq!(secret.len(), 4);
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        assert_eq!(*secret.take(), "pä$$");
        assert!(secret.is_empty());
    }

    #[test]
    fn never_grows() {
        let mut secret = Secret::new();
        let start = secret.reveal().as_ptr();
        for _ in 0..5000 {
            secret.push('€');
        }
        assert_eq!(secret.reveal().as_ptr(), start);
        assert!(secret.len() <= CAPACITY / 3);
    }
}
