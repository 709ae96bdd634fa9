//! What went wrong, for a person.
//!
//! In: an error, or a sentence. Out: [`Problem`], which every part of the console shows in the same way.

use crate::server::details;

/// Something that went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// One sentence: the cause and the next step.
    pub summary: String,
    /// All there is to know, for copying.
    pub details: String,
}

impl Problem {
    /// An error whose message is all there is.
    pub fn new(error: &dyn std::error::Error) -> Self {
        Self {
            summary: error.to_string(),
            details: details(error),
        }
    }

    /// From a sentence.
    pub fn say(summary: impl Into<String>) -> Self {
        let summary = summary.into();
        Self {
            details: summary.clone(),
            summary,
        }
    }
}
