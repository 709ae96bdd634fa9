//! Why there is no plan for a push.
//!
//! In: what planning found. Out: a notice with the next step.

use crate::change::keep::KeepError;
use crate::change::sign::PlanError;
use crate::domain::{Explain, Notice, StorePath, Unknown, notice};
use crate::server::ServerError;
use thiserror::Error;

/// Why there is no plan.
#[derive(Debug, Error)]
#[error("{}", self.notice())]
pub enum PushError {
    /// All is there, signed and pinned.
    Nothing(String),
    /// Not in the store that it is to come from.
    NotHere {
        /// The first of them.
        path: StorePath,
        /// How many more.
        more: usize,
        /// How that store is called.
        place: String,
    },
    /// A store can't read it.
    Unreadable {
        /// Its path.
        path: StorePath,
        /// How that store is called.
        place: String,
        /// Why.
        why: String,
    },
    /// What an earlier push left is not known.
    Journal {
        /// The file.
        file: String,
        /// What the system says.
        cause: String,
    },
    /// The key.
    #[error(transparent)]
    Sign(Box<PlanError>),
    /// A pin.
    #[error(transparent)]
    Pin(#[from] KeepError),
    /// The server.
    #[error(transparent)]
    Server(#[from] ServerError),
}

impl Explain for PushError {
    fn notice(&self) -> Notice {
        match self {
            Self::Nothing(why) => notice!("there is nothing to push: {why}"),
            Self::NotHere { path, more, place } => {
                let more = match more {
                    0 => String::new(),
                    more => format!(", like {more} more"),
                };
                notice!(
                    "{path} is not in the store of {place}{more}",
                    "build it first, or name the store that has it with --from"
                )
            }
            Self::Unreadable { path, place, why } => {
                notice!(
                    "the store of {place} can't read {path}: {why}",
                    "repair it first"
                )
            }
            Self::Journal { file, cause } => notice!(
                "what an earlier push has left to sign is not known, because {file} can't be read: {cause}",
                "sign that by hand, then remove the file"
            ),
            Self::Sign(error) => error.notice(),
            Self::Pin(error) => error.notice(),
            Self::Server(error) => error.notice(),
        }
    }
}

impl From<PlanError> for PushError {
    fn from(error: PlanError) -> Self {
        Self::Sign(Box::new(error))
    }
}

impl From<Unknown> for PushError {
    fn from(unknown: Unknown) -> Self {
        Self::Pin(unknown.into())
    }
}
