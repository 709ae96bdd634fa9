//! Taking the signatures of one key away, in Nix's database itself: the daemon's protocol has no call for it.
//!
//! In: the name of a key; with a token, rows as they were shown. Out: the rows that have such signatures; what became of each row.
//! It is what `nix store sign` does with the same column: one transaction that writes what it has read under SQLite's own lock, so
//! Nix may write at the same time. What keeps the rows that were changed is written, and read back, before.

use super::error::ServerError;
use super::script::{self, Answers, why};
use super::{Inner, Server};
use crate::change::token::Token;
use crate::domain::StorePath;
use crate::domain::signed_row::{SignedRow, digits, text};
use crate::link::{Command, Exit, Limits};
use std::collections::HashMap;
use std::time::Duration;

/// Rows that are asked for at a time.
const ROWS: usize = 50_000;

/// Room and time for so many rows, and for a transaction that waits for its turn.
const ROOM: Limits = Limits {
    output: 512 << 20,
    time: Duration::from_secs(300),
};

/// What the scripts exit with where the server has no SQLite.
const NO_SQLITE: u32 = 69;

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stripped {
    /// It is without the signatures, now or before.
    Done,
    /// It is not in the database any more.
    Gone,
    /// Its signatures are not those that were shown.
    Changed,
}

impl Server {
    /// All rows with a signature by a key of this name. `None`: the server has no `sqlite3`.
    pub async fn signed_by(&self, key: &str) -> Result<Option<Vec<SignedRow>>, ServerError> {
        let inner = &self.inner;
        let database = self.database()?;
        let mut rows = Vec::new();
        let mut last = 0;
        loop {
            let command = Command::script(script::STRIP_LOOK)
                .arg(&database)
                .arg(digits(key))
                .arg(u64::to_string(&last))
                .arg(ROWS.to_string())
                .sudo(inner.start.sudo);
            let output = inner.link.run(&command, b"", ROOM).await?;
            if output.exit == Exit::Code(NO_SQLITE) {
                return Ok(None);
            }
            let answers = Answers::parse(&output.stdout).filter(|_| output.exit.success());
            let answers =
                answers.ok_or_else(|| failed(inner, "read its database", why(&output)))?;
            let mut count = 0;
            for line in answers.all("row") {
                count += 1;
                // A row that is no store path is not Nix's, and stays as it is.
                if let Some((number, row)) = SignedRow::parse(line) {
                    last = last.max(number);
                    rows.push(row);
                }
            }
            if count < ROWS {
                return Ok(Some(rows));
            }
        }
    }

    /// Takes the signatures by this name from rows that are still as they were shown, all of them in one transaction, and says what
    /// became of each. `file` gets the statements that put them back.
    pub async fn strip(
        &self,
        _: &Token,
        key: &str,
        file: &str,
        rows: &[SignedRow],
    ) -> Result<HashMap<StorePath, Stripped>, ServerError> {
        let inner = &self.inner;
        let lines: String = rows.iter().map(|row| row.line(key)).collect();
        let command = Command::script(script::STRIP)
            .arg(self.database()?)
            .arg(file)
            .sudo(inner.start.sudo);
        let output = inner.link.run(&command, lines.as_bytes(), ROOM).await?;
        let answers = Answers::parse(&output.stdout).filter(|_| output.exit.success());
        let answers = answers.ok_or_else(|| failed(inner, "change its database", why(&output)))?;
        let of = |(what, path): (&str, &str)| {
            let what = match what {
                "done" | "now" => Stripped::Done,
                "gone" => Stripped::Gone,
                "changed" => Stripped::Changed,
                _ => return None,
            };
            Some((StorePath::parse(&text(path)?).ok()?, what))
        };
        Ok(answers.iter().filter_map(of).collect())
    }

    fn database(&self) -> Result<String, ServerError> {
        let facts = self.facts();
        let state = facts.state_dir.as_deref();
        let state = state.ok_or_else(|| {
            let why = "the address of its store does not name its folder".to_owned();
            failed(&self.inner, "find its database", why.into())
        })?;
        Ok(format!("{state}/db/db.sqlite"))
    }
}

fn failed(inner: &Inner, what: &'static str, why: super::error::Why) -> ServerError {
    ServerError::Script {
        place: inner.start.place.clone(),
        what,
        why,
        next: "log in as root, or see whether sqlite3 can open Nix's database there",
    }
}
