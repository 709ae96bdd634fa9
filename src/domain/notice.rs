//! What is wrong, and what to do about it, apart from each other.
//!
//! In: two texts. Out: a [`Notice`], which is shown as one sentence and stands in JSON as two values. Every error that a
//! person meets can be explained as one.

use super::text::visible;
use std::fmt;

/// What is wrong, and what to do about it. Shown as `message; hint`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The cause, without a full stop.
    pub message: String,
    /// The next step, in the imperative.
    pub hint: Option<String>,
}

impl Notice {
    /// With a next step.
    pub fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: Some(hint.into()),
        }
    }

    /// The same, fit to be shown.
    #[must_use]
    pub fn visible(&self) -> Self {
        Self {
            message: visible(&self.message).into_owned(),
            hint: self.hint.as_deref().map(|hint| visible(hint).into_owned()),
        }
    }

    /// The same, with words before the message.
    #[must_use]
    pub fn after(self, words: impl fmt::Display) -> Self {
        Self {
            message: format!("{words}{}", self.message),
            ..self
        }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

impl From<String> for Notice {
    fn from(message: String) -> Self {
        Self {
            message,
            hint: None,
        }
    }
}

impl From<&str> for Notice {
    fn from(message: &str) -> Self {
        message.to_owned().into()
    }
}

/// An error that can be explained to a person. Its `Display` is the notice.
pub trait Explain: std::error::Error {
    /// What is wrong, and what to do about it.
    fn notice(&self) -> Notice;
}

impl<E: Explain> From<E> for Notice {
    fn from(error: E) -> Self {
        error.notice()
    }
}

/// A [`Notice`] of one or two format strings: the message, and the hint.
macro_rules! notice {
    ($message:literal) => {
        $crate::domain::Notice::from(format!($message))
    };
    ($message:literal, $hint:literal) => {
        $crate::domain::Notice::new(format!($message), format!($hint))
    };
}

pub(crate) use notice;
