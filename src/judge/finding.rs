//! What a judge has to say about a key, a file or a server.
//!
//! In: nothing. Out: the one form that screens, findings of the overview and JSON share.

use crate::domain::Notice;
use crate::domain::{Remedy, remedy};
use serde::Serialize;

/// How grave it is, the gravest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Good to know.
    Note,
    /// Somebody should look at it.
    Warning,
    /// Such a key is not authorized, and one that is should be revoked.
    Refuse,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How grave.
    pub level: Level,
    /// Stays the same for the same thing.
    pub code: &'static str,
    /// One sentence.
    pub message: String,
    /// What fixes it, where something does.
    #[serde(flatten, serialize_with = "remedy::fields")]
    pub fix: Option<Remedy>,
}

impl Finding {
    pub(super) fn new(level: Level, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            level,
            code,
            message: message.into(),
            fix: None,
        }
    }

    /// What is wrong, and what fixes it.
    pub fn notice(&self) -> Notice {
        Notice {
            message: self.message.clone(),
            hint: self.fix.as_ref().map(ToString::to_string),
        }
    }

    pub(super) fn fix(mut self, fix: impl Into<Remedy>) -> Self {
        self.fix = Some(fix.into());
        self
    }
}

/// Whether a key with these findings is not authorized.
pub fn refuses(findings: &[Finding]) -> bool {
    findings
        .iter()
        .any(|finding| finding.level == Level::Refuse)
}
