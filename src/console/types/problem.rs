//! What went wrong, for a person.
//!
//! In: an error, or a notice. Out: [`Problem`], which every part of the console shows in the same way.

use crate::domain::{Explain, Notice};
use crate::server::details;
use std::fmt;

/// Something that went wrong. Shown as one sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The cause.
    pub message: String,
    /// The next step.
    pub hint: Option<String>,
    /// All there is to know, for copying.
    pub details: String,
}

impl Problem {
    /// From an error, with all that caused it.
    pub fn new(error: &impl Explain) -> Self {
        Self {
            details: details(error),
            ..Self::say(error.notice())
        }
    }

    /// From a notice, which is all there is.
    pub fn say(notice: impl Into<Notice>) -> Self {
        let notice = notice.into();
        Self {
            details: notice.to_string(),
            message: notice.message,
            hint: notice.hint,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { message, hint, .. } = self;
        match hint {
            Some(hint) => write!(f, "{message}; {hint}"),
            None => f.write_str(message),
        }
    }
}
