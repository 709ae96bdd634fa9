//! What a change has done, as it is shown, printed and kept.
//!
//! In: the end of a job. Out: [`Receipt`], whose JSON form is part of the output contract.

use crate::domain::text::visible;
use crate::domain::{Bytes, When};
use serde::{Deserialize, Serialize};

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// All of the plan.
    Done,
    /// Some of it; the rest is listed.
    Partial,
    /// None of it.
    Failed,
    /// Stopped on request; what was done before stays done.
    Cancelled,
    /// None of it yet: the plan waits for a second administrator.
    Waiting,
}

impl Outcome {
    /// The stable word, as in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Done => "done",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// One thing that was not done, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What it is, such as a full store path.
    pub item: String,
    /// Cause and next step, one sentence.
    pub message: String,
}

impl Failure {
    /// The same, fit to be shown and kept.
    pub fn visible(&self) -> Self {
        Self {
            item: visible(&self.item).into_owned(),
            message: visible(&self.message).into_owned(),
        }
    }
}

/// How many bytes came free, and how that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Freed {
    #[serde(rename = "freed")]
    pub bytes: u64,
    /// Whether that is the difference of what was in use on the file system before and after, instead of Nix's count.
    /// Whatever else was written or deleted there meanwhile is in it.
    #[serde(rename = "freedMeasured", skip_serializing_if = "std::ops::Not::not")]
    pub measured: bool,
}

impl Freed {
    /// By Nix's count.
    pub const fn counted(bytes: u64) -> Self {
        Self {
            bytes,
            measured: false,
        }
    }

    /// What is less in use on the file system now. `None` where nothing is, since then others have written more, or the file
    /// system frees later.
    pub fn measured(before: Bytes, now: Bytes) -> Option<Self> {
        let bytes = before.0.checked_sub(now.0).filter(|bytes| *bytes > 0)?;
        Some(Self {
            bytes,
            measured: true,
        })
    }
}

impl std::fmt::Display for Freed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", Bytes(self.bytes))?;
        if self.measured {
            f.write_str(" (measured on the disk)")?;
        }
        Ok(())
    }
}

/// The record of a change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Receipt {
    /// Eight hexadecimal digits, unique within an audit log in practice.
    pub id: String,
    /// `SERVER_USER via LOCAL_USER@LOCAL_HOST`.
    pub by: String,
    /// When it ended.
    pub at: When,
    /// How it ended.
    pub result: Outcome,
    /// How many items were done.
    pub done: usize,
    /// What was not done; with a cut link, each item whose state could not be confirmed says so. Only the last entry stands
    /// for more than one item.
    pub failed: Vec<Failure>,
    /// How many items those are: one entry may stand for many paths whose turn did not come.
    #[serde(skip)]
    pub not_done: usize,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Of a collection: how many bytes came free. `None` where a call that deleted something ended without Nix's count, and
    /// the disk could not be measured.
    #[serde(flatten)]
    pub freed: Option<Freed>,
    /// Of a collection: NAR sizes of what was seen to be gone.
    #[serde(skip)]
    pub gone: Option<u64>,
    /// Somebody else has changed it meanwhile: the difference between what was shown and what is there, line by line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conflict: Option<String>,
    /// The plan that waits for a second administrator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits: Option<Box<Waits>>,
    /// Who had planned what this one has confirmed as the second administrator.
    #[serde(rename = "plannedBy", skip_serializing_if = "Option::is_none")]
    pub planned_by: Option<Box<str>>,
}

/// A plan that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Waits {
    /// Its id.
    pub plan: String,
    /// Until when it may be confirmed.
    pub until: When,
    /// Who has planned it, with the key of that login.
    pub by: String,
}

impl Waits {
    /// What the other administrator does about a change of this kind.
    pub fn next(&self, server: &str, change: &str) -> String {
        let ca = if change == "sign-cert" {
            " --ca FILE, with the key of the authority"
        } else {
            ""
        };
        format!(
            "another administrator confirms it from a login of their own until {}: storekeeper plans {server} confirm {}{ca}",
            self.until, self.plan
        )
    }
}

impl Receipt {
    /// How many items were not done beside those of the first `listed` entries; `None` where these are all.
    pub fn not_listed(&self, listed: usize) -> Option<usize> {
        (self.failed.len() > listed).then(|| self.not_done.saturating_sub(listed))
    }

    /// How much came free, where this is a collection; what is not known is never shown as nothing.
    pub fn freed_words(&self) -> Option<String> {
        match (self.freed, self.gone) {
            (Some(freed), _) => Some(freed.to_string()),
            (None, Some(gone)) => Some(format!("unknown, {} of NARs are gone", Bytes(gone))),
            (None, None) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_that_scripts_read() {
        let receipt = Receipt {
            id: "7f3a0011".into(),
            by: "root via ada@laptop".into(),
            at: When::from_unix(1_767_323_045),
            result: Outcome::Partial,
            done: 5,
            failed: vec![
                Failure {
                    item: "x\u{1b}".into(),
                    message: "gone".into(),
                }
                .visible(),
            ],
            not_done: 1,
            seconds: 0.2,
            freed: None,
            gone: None,
            conflict: None,
            waits: None,
            planned_by: None,
        };
        assert_eq!(
            serde_json::to_string(&receipt).unwrap(),
            r#"{"id":"7f3a0011","by":"root via ada@laptop","at":"2026-01-02T03:04:05Z","result":"partial","done":5,"failed":[{"item":"x\\e","message":"gone"}],"seconds":0.2}"#
        );
        assert_eq!(receipt.not_listed(1), None);
        let many = Receipt {
            failed: vec![receipt.failed[0].clone(); 3],
            not_done: 40,
            ..receipt.clone()
        };
        assert_eq!((many.not_listed(3), many.not_listed(2)), (None, Some(38)));
        let with = |freed| Receipt {
            freed,
            ..receipt.clone()
        };
        let measured = with(Freed::measured(Bytes(9), Bytes(4)));
        let json = serde_json::to_value(&measured).unwrap();
        assert_eq!(
            (&json["freed"], &json["freedMeasured"]),
            (&5.into(), &true.into())
        );
        assert_eq!(
            measured.freed_words().unwrap(),
            "5 B (measured on the disk)"
        );
        let counted = serde_json::to_value(with(Some(Freed::counted(5)))).unwrap();
        assert_eq!(counted["freed"], 5);
        assert!(counted.get("freedMeasured").is_none());
        assert_eq!(Freed::measured(Bytes(4), Bytes(4)), None);
        assert_eq!(Freed::measured(Bytes(4), Bytes(9)), None);
        for outcome in [
            Outcome::Done,
            Outcome::Partial,
            Outcome::Failed,
            Outcome::Cancelled,
            Outcome::Waiting,
        ] {
            let word = serde_json::to_value(outcome).unwrap();
            assert_eq!(word, outcome.word());
        }
    }
}
