//! What a look at a server has found of the two-person rule.
//!
//! In: the files there, read with limits. Out: plain data.

use super::{Rule, WaitingPlan};
use crate::domain::When;

/// A plan as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundPlan {
    /// Its id, or what its file is called where that is none.
    pub id: String,
    /// The name of its file.
    pub file: String,
    /// The SHA-256 of that.
    pub sha256: String,
    /// Somebody has confirmed it: its job runs, or was killed.
    pub begun: bool,
    /// What it is, or why that can't be read.
    pub plan: Result<WaitingPlan, String>,
}

/// What a server has of the two-person rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TwoPersons {
    /// When it was looked at, by the server's clock.
    pub at: When,
    /// Where the rule is written.
    pub file: String,
    /// The rule that holds, or why that is not known.
    pub rule: Result<Rule, String>,
    /// The SHA-256 of the text at `file`; `None` where there is none.
    pub shown: Option<String>,
    /// The plans, the oldest first.
    pub plans: Vec<FoundPlan>,
    /// They are hidden from this login.
    pub hidden: bool,
}
