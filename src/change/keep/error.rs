//! Why there is no plan for what the store keeps.
//!
//! In: what planning found. Out: a notice with the next step.

use crate::domain::pin::PinName;
use crate::domain::{Explain, Notice, StorePath, Unknown, notice};
use thiserror::Error;

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", self.notice())]
pub enum KeepError {
    /// Not in the store.
    NotValid(StorePath),
    /// The same, of a path that was to be deleted.
    Absent(StorePath),
    /// Another pin has the name.
    Taken {
        /// Its name.
        name: PinName,
        /// What it keeps.
        target: StorePath,
    },
    /// No such pin.
    NoPin(String),
    /// No such root.
    NoRoot(String),
    /// A root that is not removed from here.
    Refused(Notice),
    /// Something is not known.
    #[error(transparent)]
    Unknown(#[from] Unknown),
    /// Nothing would be different.
    Nothing(String),
}

impl Explain for KeepError {
    fn notice(&self) -> Notice {
        match self {
            Self::NotValid(path) => notice!(
                "{path} is not in the store, so there is nothing to keep",
                "upload it first"
            ),
            Self::Absent(path) => notice!(
                "{path} is not in the store, so there is nothing to delete",
                "`paths SERVER` lists what is"
            ),
            Self::Taken { name, target } => notice!(
                "the pin {name} is there already and keeps {target}",
                "choose another name, keep revisions of it so that it moves here, or unpin it first"
            ),
            Self::NoPin(name) => notice!(
                "there is no pin {name}",
                "`roots SERVER list` shows those that are"
            ),
            Self::NoRoot(root) => notice!(
                "there is no root {root}",
                "`roots SERVER list` shows those that are"
            ),
            Self::Refused(why) => why.clone(),
            Self::Unknown(error) => error.notice(),
            Self::Nothing(why) => notice!("there is nothing to do: {why}"),
        }
    }
}
