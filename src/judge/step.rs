//! One step on the way of a client: fine, wrong or not known.
//!
//! In: nothing. Out: the one form that text, screens and JSON share.

use crate::domain::Remedy;
use serde::Serialize;

/// How a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// The client gets over it.
    Fine,
    /// The client fails at it.
    Wrong,
    /// Could not be found out.
    Unknown,
}

impl State {
    /// The mark in front of a line; never colour alone.
    pub const fn mark(self) -> char {
        match self {
            Self::Fine => '.',
            Self::Wrong => 'x',
            Self::Unknown => '?',
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Stays the same for the same step.
    pub id: &'static str,
    /// How it is.
    pub state: State,
    /// What was found: one clause, fit to be shown.
    pub message: String,
    /// What fixes it, or what is to be done by the client.
    pub remedy: Option<Remedy>,
}

impl Step {
    /// A step without a remedy.
    pub(super) fn new(id: &'static str, state: State, message: impl Into<String>) -> Self {
        Self {
            id,
            state,
            message: message.into(),
            remedy: None,
        }
    }

    /// The same with what fixes it.
    pub(super) fn remedy(mut self, remedy: impl Into<Remedy>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}
