//! Why a plan that waits is not confirmed.
//!
//! In: what was found. Out: one sentence, and what to do.

use crate::domain::two_persons::RuleError;
use crate::domain::{Explain, Notice, When};
use thiserror::Error;

/// Lines of a difference that are shown.
const SHOWN: usize = 20;

/// Why a plan that waits is not confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", self.notice())]
pub enum TwoError {
    /// There is none of this id.
    None(String),
    /// It can't be read.
    Unreadable {
        /// Which.
        id: String,
        /// Why.
        why: String,
    },
    /// Somebody has confirmed it.
    Begun(String),
    /// Its time has ended.
    Over {
        /// Which.
        id: String,
        /// When.
        until: When,
    },
    /// It is the same administrator.
    Same(Notice),
    /// Something else would happen than the first has seen.
    Differs {
        /// Which.
        id: String,
        /// Line by line.
        lines: Vec<String>,
    },
    /// There is nothing to do any more, or it can't be done.
    Impossible {
        /// Which.
        id: String,
        /// Why.
        why: Notice,
    },
    /// The key that signs its certificate is not here.
    Signer(Notice),
    /// The text is no rule.
    Rule(RuleError),
    /// The rule is that already.
    Nothing,
    /// The rule that is there is not known.
    Unknown(String),
}

impl TwoError {
    /// Whether it is a matter of what has changed meanwhile.
    pub const fn is_conflict(&self) -> bool {
        matches!(
            self,
            Self::Begun(_) | Self::Differs { .. } | Self::Impossible { .. }
        )
    }

    /// Whether it is a matter of the rule.
    pub const fn is_policy(&self) -> bool {
        matches!(self, Self::Same(_) | Self::Over { .. } | Self::Signer(_))
    }
}

impl Explain for TwoError {
    fn notice(&self) -> Notice {
        match self {
            Self::None(id) => Notice::new(
                format!("no plan {id} waits here"),
                "`storekeeper plans SERVER` lists those that wait",
            ),
            Self::Unreadable { id, why } => Notice::new(
                format!("the plan {id} can't be confirmed: {why}"),
                "drop it, and plan the change again",
            ),
            Self::Begun(id) => Notice::new(
                format!("the plan {id} was confirmed already: its job runs, or was killed"),
                "look into the audit log; drop the plan where its job was killed, and plan the rest again",
            ),
            Self::Over { id, until } => Notice::new(
                format!("the plan {id} could be confirmed until {until}"),
                "drop it, and plan the change again",
            ),
            Self::Same(why) | Self::Signer(why) => why.clone(),
            Self::Differs { id, lines } => {
                let shown: Vec<&str> = lines.iter().take(SHOWN).map(String::as_str).collect();
                Notice::new(
                    format!(
                        "what the plan {id} would do now is not what its first administrator has seen: {}",
                        shown.join("; ")
                    ),
                    "drop it, and plan the change again",
                )
            }
            Self::Impossible { id, why } => Notice::new(
                format!(
                    "the plan {id} can't be carried out any more: {}",
                    why.message
                ),
                "drop it, and plan the change again if it is still wanted",
            ),
            Self::Rule(error) => error.notice(),
            Self::Nothing => {
                Notice::from("there is nothing to do: that is the rule already".to_owned())
            }
            Self::Unknown(why) => Notice::new(
                format!("which changes need a second administrator is not known: {why}"),
                "root on the server has to correct the rule's file",
            ),
        }
    }
}
