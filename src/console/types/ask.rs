//! What only a person can answer, and the keys that can be chosen.

use crate::change::KeySource;

/// A question that only a person can answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Its number, for the answer.
    pub id: u64,
    /// Over the dialog.
    pub title: String,
    /// What there is to know.
    pub lines: Vec<String>,
    /// Before the answer.
    pub prompt: String,
    /// How the answer is given.
    pub kind: AskKind,
}

/// How an answer is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskKind {
    /// By typing the word `yes`.
    Yes,
    /// By typing something that nobody may see.
    Secret,
    /// By typing.
    Text,
}

/// A key that can sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// For the dialog: `the server's key /root/nix-cache-key.sec`.
    pub label: String,
    /// What signs.
    pub key: KeySource,
}
