//! The audit log's file on the server.
//!
//! In: a record without its opening brace. Out: the line as it lies there, with the hash of the line before it, which is
//! computed there under the lock: two administrators at once make one chain. A log that has grown large becomes a part,
//! `audit-000001.jsonl`, and a new one carries the chain on. `read` streams all parts, `follow` goes on from where they were read to.

mod follow;
mod read;

pub use follow::Followed;
pub use read::{JournalState, LogEvent, ReadLog};

use super::error::{ServerError, Why};
use super::script::{self, why};
use super::unfinished::checked;
use super::{Inner, Server};
use crate::change::token::Token;
use crate::link::{Command, Limits};
use std::time::Duration;

/// Room and time to append one record; the lock alone may take 30 s.
pub(super) const APPEND: Limits = Limits {
    output: 16 << 20,
    time: Duration::from_secs(90),
};

/// Bytes from which on a log becomes a part: some ten thousand records.
const PART: u64 = 32 << 20;

/// The longest record, in bytes.
const MAX_RECORD: usize = 8 << 20;

/// Whose job a record is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// Of the job that writes it.
    Own,
    /// Of one that was killed: it is written once, whoever comes first.
    Left,
}

impl Whose {
    const fn word(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Left => "left",
        }
    }
}

impl Server {
    /// Appends a record, given as the text of a JSON object on one line without its opening brace, and removes what its
    /// job has left beside the log. Gives back the line as it was written, without its newline.
    pub async fn append_audit(
        &self,
        _: &Token,
        rest: &str,
        id: &str,
        whose: Whose,
    ) -> Result<String, ServerError> {
        append(&self.inner, rest, id, whose).await
    }

    /// Puts a signature over a line of the log beside it, given as a JSON object on one line.
    pub async fn sign_audit(&self, _: &Token, signature: &str) -> Result<(), ServerError> {
        let Inner { link, start, .. } = &*self.inner;
        let command = Command::script(script::AUDIT_SIGN)
            .arg(file(&self.inner)?)
            .sudo(start.sudo);
        let output = link.run(&command, signature.as_bytes(), APPEND).await?;
        if output.exit.success() {
            return Ok(());
        }
        Err(not_appended(&self.inner, why(&output)))
    }
}

/// The log's path. A relative one would be somewhere else for each login.
pub(super) fn file(inner: &Inner) -> Result<&str, ServerError> {
    let file = inner.spec.audit_log.as_str();
    if file.starts_with('/') {
        Ok(file)
    } else {
        let why = format!("{file:?} is not an absolute path");
        Err(not_appended(inner, why.into()))
    }
}

pub(super) fn not_appended(inner: &Inner, why: Why) -> ServerError {
    ServerError::Script {
        place: inner.start.place.clone(),
        what: "append to the audit log",
        why,
        next: "check that its folder can be written and that flock is there, or set audit_log for this server",
    }
}

/// What [`Server::append_audit`] does.
pub(super) async fn append(
    inner: &Inner,
    rest: &str,
    id: &str,
    whose: Whose,
) -> Result<String, ServerError> {
    append_within(inner, rest, id, whose, PART).await
}

/// The same with another size of parts, in bytes.
pub(super) async fn append_within(
    inner: &Inner,
    rest: &str,
    id: &str,
    whose: Whose,
    part: u64,
) -> Result<String, ServerError> {
    let Inner { link, start, .. } = inner;
    let failed = |why| not_appended(inner, why);
    if rest.contains(['\n', '\0']) || !rest.ends_with('}') || rest.len() > MAX_RECORD {
        return Err(failed(
            "the record is not a JSON object on one line"
                .to_owned()
                .into(),
        ));
    }
    let command = Command::script(script::AUDIT_APPEND)
        .arg(file(inner)?)
        .arg(checked(inner, id)?)
        .arg(whose.word())
        .arg(part.to_string())
        .sudo(start.sudo);
    let output = link.run(&command, rest.as_bytes(), APPEND).await?;
    if !output.exit.success() {
        return Err(failed(why(&output)));
    }
    let line = String::from_utf8_lossy(&output.stdout);
    // A login shell may have printed something first.
    let line = line.lines().next_back().unwrap_or_default();
    if !line.starts_with("{\"prev\":\"") || !line.ends_with(rest) {
        return Err(failed("the line that was written is not there".into()));
    }
    Ok(line.to_owned())
}
