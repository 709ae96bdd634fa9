//! The audit log: one JSON line for each change, on the server and here.
//!
//! In: a plan and its receipt. Out: the line that is appended on the server, the copy that is kept on this machine, and
//! the check of both. Each line as it lies on the server begins with `prev`, the SHA-256 of the line before it. That
//! makes the log tamper-evident, not tamper-proof: an account that may write the file can write a whole new chain, and the last
//! line has nothing behind it that vouches for it. So a log counts as whole only where something beside it has its last
//! record: the copy on this machine, or the server's journal.
//!
//! Behind `prev` a line may have `part`, the number of the file that it begins, and `before`, the hash of the line before
//! one that was cut off.

mod chain;
pub mod copy;
mod flaw;
mod look;
pub mod signed;
mod summary;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_record;
#[cfg(test)]
mod tests_witness;
pub mod verify;
pub mod who;
mod witness;

use super::{Failure, Plan, Receipt, Second, Terms};
use crate::domain::text::visible;
use serde::{Deserialize, Serialize};

pub use flaw::{Broken, Flaw, Missing, Place, Verification, Vouched, Witness};
pub use look::{Look, look, look_on};
pub use summary::summary;
pub use verify::{Check, check, compare, verify};
pub use witness::Copied;

/// How many items, and how many failures, one record names. The counts beside them are never cut.
pub const MOST_NAMED: usize = 1000;

/// The result of a change that did not come to its end; the next job has written its record.
pub const INTERRUPTED: &str = "interrupted";

/// One change, as the log keeps it. The field `prev` is not here: it is put in front under the lock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Record {
    /// As in the receipt.
    pub id: String,
    /// When the change ended, RFC 3339 in UTC, by the clock of the machine that made it.
    pub at: String,
    /// As in the receipt.
    pub by: String,
    /// The server's name as the administrator calls it.
    pub server: String,
    /// The kind of change, such as `sign`.
    pub change: String,
    /// The plan in one line.
    pub summary: String,
    /// The store paths of the plan, at most [`MOST_NAMED`].
    pub items: Vec<String>,
    /// How many there were.
    pub items_total: usize,
    /// Why, in the administrator's words.
    pub reason: Option<String>,
    /// For how long a key or a pin was given, where one was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<String>,
    /// From where a key may be used, where one was authorized or changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// `done`, `partial`, `failed` or `cancelled`; [`INTERRUPTED`] for one that was killed.
    pub result: String,
    /// How many items were done.
    pub done: usize,
    /// What was not done and why, at most [`MOST_NAMED`].
    pub failed: Vec<Failure>,
    /// How many there were.
    pub failed_total: usize,
    /// How long it took.
    pub seconds: f64,
    /// The plan that waits for a second administrator, or waited for this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Who has planned it, with the key of that login.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub planned_by: Option<String>,
    /// Who has confirmed it as the second administrator, with the key of that login.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmed_by: Option<String>,
    /// Of a collection: NAR sizes of the plan, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub planned: Option<u64>,
    /// Of a collection: what came free, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freed: Option<u64>,
    /// Whether that was measured on the file system, instead of counted by Nix.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub freed_measured: bool,
}

impl Default for Record {
    fn default() -> Self {
        Self {
            id: String::new(),
            at: String::new(),
            by: String::new(),
            server: String::new(),
            change: String::new(),
            summary: String::new(),
            items: Vec::new(),
            items_total: 0,
            reason: None,
            lifetime: None,
            from: None,
            result: String::new(),
            done: 0,
            failed: Vec::new(),
            failed_total: 0,
            seconds: 0.0,
            plan: None,
            planned_by: None,
            confirmed_by: None,
            planned: None,
            freed: None,
            freed_measured: false,
        }
    }
}

impl Record {
    /// The record of a plan that has run.
    pub fn new(plan: &Plan, receipt: &Receipt) -> Self {
        let clean = |text: &str| visible(text).into_owned();
        let Terms { lifetime, from } = Terms::of(plan);
        let confirms = match &plan.second {
            Some(Second::Confirms(confirms)) => Some(confirms),
            _ => None,
        };
        Self {
            id: receipt.id.clone(),
            at: receipt.at.to_string(),
            by: clean(&receipt.by),
            server: clean(&plan.server),
            change: plan.change.to_owned(),
            summary: clean(&plan.summary),
            items: plan
                .items
                .iter()
                .take(MOST_NAMED)
                .map(|item| clean(&item.to_string()))
                .collect(),
            items_total: plan.items.len(),
            reason: plan.reason.as_deref().map(clean),
            lifetime,
            from,
            result: receipt.result.word().to_owned(),
            done: receipt.done,
            failed: receipt
                .failed
                .iter()
                .take(MOST_NAMED)
                .map(Failure::visible)
                .collect(),
            failed_total: receipt.not_done,
            seconds: receipt.seconds,
            plan: match (&receipt.waits, confirms) {
                (Some(waits), _) => Some(waits.plan.clone()),
                (None, confirms) => confirms.map(|confirms| confirms.plan.id.clone()),
            },
            planned_by: match (&receipt.waits, confirms) {
                (Some(waits), _) => Some(waits.by.clone()),
                (None, confirms) => confirms.map(|confirms| confirms.plan.first.to_string()),
            },
            confirmed_by: confirms.map(|confirms| confirms.login.to_string()),
            planned: plan.amounts.as_ref().map(|amounts| amounts.bytes.nar),
            freed: receipt.freed.map(|freed| freed.bytes),
            freed_measured: receipt.freed.is_some_and(|freed| freed.measured),
        }
    }

    /// The line without `prev`: a JSON object on one line that begins with `{"id":`.
    pub fn to_line(&self) -> String {
        // Strings and numbers only, and no map with other keys: this cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads one line of a log. Whatever it holds is made fit to be shown; `None` if it is no JSON object.
    pub fn from_line(line: &[u8]) -> Option<Self> {
        let mut record: Self = serde_json::from_slice(line).ok()?;
        let clean = |text: &mut String| {
            if let std::borrow::Cow::Owned(seen) = visible(text) {
                *text = seen;
            }
        };
        for text in [
            &mut record.id,
            &mut record.at,
            &mut record.by,
            &mut record.server,
            &mut record.change,
            &mut record.summary,
            &mut record.result,
        ] {
            clean(text);
        }
        record.items.iter_mut().for_each(clean);
        for text in [
            &mut record.reason,
            &mut record.lifetime,
            &mut record.from,
            &mut record.plan,
            &mut record.planned_by,
            &mut record.confirmed_by,
        ] {
            text.iter_mut().for_each(clean);
        }
        for failure in &mut record.failed {
            *failure = failure.visible();
        }
        Some(record)
    }
}

/// All records of a log that can be read, oldest first. What cannot be read is left to [`verify()`] to name.
pub fn read(log: &[u8]) -> Vec<Record> {
    log.split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .filter_map(Record::from_line)
        .collect()
}
