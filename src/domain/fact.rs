//! What was found out on a server, or why not.
//!
//! In: the server room's answers. Out: values for `judge` and the screens, in which unknown is said and never guessed.

use super::notice::{Explain, Notice};
use thiserror::Error;

/// Why something is not known.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Unknown(pub Notice);

impl Unknown {
    /// Without a next step.
    pub fn new(message: impl Into<String>) -> Self {
        Self(Notice::from(message.into()))
    }
}

impl Explain for Unknown {
    fn notice(&self) -> Notice {
        self.0.clone()
    }
}

/// What was found out, or why not.
pub type Fact<T> = Result<T, Unknown>;
