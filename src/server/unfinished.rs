//! The in-progress marker of a job, beside the audit log for as long as the job has no record there.
//!
//! In: a token, what the job is, its items. Out: whether a record could be written; a lock that lives as long as the job
//! does; and for whoever comes next, which jobs have not come to their end, whether they still run, and what they had
//! planned. So a killed job is seen, and with it how far its collection got.

use super::error::{ServerError, Why};
use super::script::{self, Answers, END};
use super::{Inner, Server, audit, two_persons};
use crate::change::token::Token;
use crate::domain::budget::{Budget, entry, heap, most};
use crate::domain::text::visible;
use crate::domain::two_persons::Rule;
use crate::domain::unfinished::Unfinished;
use crate::domain::{StorePath, When};
use crate::link::{Command, Limits, Process};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

/// Room and time for the items of a job: about four million names.
const LIST: Limits = Limits {
    output: 256 << 20,
    time: Duration::from_secs(600),
};

/// Bytes of items that have more time than a record has.
const MANY: usize = 1 << 20;

/// Room and time for a look.
const LOOK: Limits = Limits {
    output: 1 << 20,
    time: Duration::from_secs(60),
};

/// The last line of a file that was written whole.
const WHOLE: &str = "end";

/// Characters of a text in the first line: it is read whole by a look.
const MOST: usize = 500;

/// Jobs that are under way over one connection at a time: each holds a channel of it, and needs others.
pub(super) const AT_ONCE: usize = 3;

/// How a job begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beginning {
    /// For the first time.
    First,
    /// The same, and it makes room where the disk is full.
    MakesRoom,
    /// It goes on over a new connection.
    Again,
}

impl Beginning {
    const fn word(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::MakesRoom => "room",
            Self::Again => "again",
        }
    }
}

/// A job that has begun. Dropping it lets go of its lock; what lies on the server stays until the record is written.
pub struct Begun {
    /// Jobs that have no record: others that run, and those that were killed.
    pub others: Vec<Unfinished>,
    /// Whether there was room for a record.
    pub room: bool,
    /// Whether the items lie on the server.
    pub kept: bool,
    /// The two-person rule, as it was at the beginning; or why that is not known.
    pub rule: Result<Rule, String>,
    _process: Process,
    _turn: Option<OwnedSemaphorePermit>,
}

/// The first line.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Header {
    id: String,
    #[serde(default)]
    change: String,
    at: When,
    by: String,
    summary: String,
    total: usize,
}

impl Server {
    /// Looks whether a record could be appended, writes the marker of the job, and holds its lock. The lines are its items.
    pub async fn begin_job(
        &self,
        _: &Token,
        what: &Unfinished,
        lines: &[String],
        how: Beginning,
    ) -> Result<Begun, ServerError> {
        let short = |text: &str| text.chars().take(MOST).collect();
        let header = Header {
            id: what.id.clone(),
            change: what.change.clone(),
            at: what.at,
            by: short(&what.by),
            summary: short(&what.summary),
            total: what.total,
        };
        // Strings and numbers only: this cannot fail.
        let mut text = serde_json::to_string(&header).unwrap_or_default();
        text.reserve(lines.len() * 64);
        for line in lines {
            text.push('\n');
            text.push_str(line);
        }
        text.push('\n');
        text.push_str(WHOLE);
        text.push('\n');
        begin(&self.inner, &what.id, text.as_bytes(), how).await
    }

    /// The jobs that have not come to their end, as far as this login may see them.
    pub async fn unfinished(&self) -> Result<Vec<Unfinished>, ServerError> {
        let Inner {
            spec, link, start, ..
        } = &*self.inner;
        let command = Command::script(script::JOB_LOOK)
            .arg(&spec.audit_log)
            .sudo(start.sudo);
        let answers = script::ask_within(link, &command, LOOK, &start.place).await?;
        if answers.get("problem").is_some() {
            return Err(ServerError::Script {
                place: start.place.clone(),
                what: "look for changes without a record",
                why: "the folder of the audit log can't be read"
                    .to_owned()
                    .into(),
                next: "log in as root, or as a user with sudo",
            });
        }
        Ok(found(&answers))
    }

    /// The items of a job, in order; empty where nothing is left of it.
    pub async fn planned(&self, id: &str) -> Result<Vec<String>, ServerError> {
        self.items(id, |line| {
            let item = visible(&String::from_utf8_lossy(line)).into_owned();
            let took = entry::<String>() + heap(item.len());
            Some((item, took))
        })
        .await
    }

    /// The paths of a collection, in order; empty where nothing is left of it.
    pub async fn planned_paths(&self, id: &str) -> Result<Vec<StorePath>, ServerError> {
        self.items(id, |line| {
            let path = StorePath::from_base_name(std::str::from_utf8(line).ok()?).ok()?;
            Some((path, entry::<StorePath>() + heap(16 + line.len())))
        })
        .await
    }

    /// What is made of each line but the first and the last, with the bytes of memory that it takes.
    async fn items<T>(
        &self,
        id: &str,
        item: impl Fn(&[u8]) -> Option<(T, u64)>,
    ) -> Result<Vec<T>, ServerError> {
        let command = Command::script(script::JOB_ITEMS)
            .arg(&self.inner.spec.audit_log)
            .arg(checked(&self.inner, id)?)
            .sudo(self.inner.start.sudo);
        let (what, next) = (
            "read what a job had planned",
            "check that this login may read the folder of the audit log",
        );
        let output = script::fetch(&self.inner, &command, LIST, what, next).await?;
        let mut room = Budget::new("the list of what a job had planned", most::LISTING);
        let mut items = Vec::new();
        for line in output.split(|byte| *byte == b'\n').skip(1) {
            if line.is_empty() || line == WHOLE.as_bytes() {
                continue;
            }
            if let Some((item, took)) = item(line) {
                room.charge(took).map_err(|error| ServerError::Script {
                    place: self.inner.start.place.clone(),
                    what,
                    why: error.to_string().into(),
                    next,
                })?;
                items.push(item);
            }
        }
        Ok(items)
    }
}

/// An id becomes part of a file's name.
pub(super) fn checked<'a>(inner: &Inner, id: &'a str) -> Result<&'a str, ServerError> {
    if !id.is_empty() && id.len() <= 32 && id.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(id);
    }
    let why = format!("{:?} is no id of a job", visible(id));
    Err(audit::not_appended(inner, why.into()))
}

/// What a look has found.
fn found(answers: &Answers) -> Vec<Unfinished> {
    let mut found = Vec::new();
    let mut running = None;
    for (name, value) in answers.iter() {
        match name {
            "state" => {
                running = match value {
                    "running" => Some(true),
                    "left" => Some(false),
                    _ => None,
                };
            }
            "header" => found.extend(unfinished(value, running)),
            _ => {}
        }
    }
    found
}

pub(super) async fn begin(
    inner: &Inner,
    id: &str,
    text: &[u8],
    how: Beginning,
) -> Result<Begun, ServerError> {
    let turn = inner.jobs.clone().acquire_owned().await.ok();
    let Inner { link, start, .. } = inner;
    let command = Command::script(script::JOB_BEGIN)
        .arg(audit::file(inner)?)
        .arg(checked(inner, id)?)
        .arg(how.word())
        .sudo(start.sudo);
    let mut process = link.start(&command).await?;
    let wrong = |why: Why| audit::not_appended(inner, why);
    let Some(stdin) = &mut process.stdin else {
        return Err(wrong("the command takes no input".into()));
    };
    let write = async {
        // The input stays open: its end is the end of the lock.
        stdin.write_all(text).await?;
        stdin.flush().await
    };
    let stdout = &mut process.stdout;
    let read = async {
        let mut lines = BufReader::new(stdout.take(LOOK.output as u64)).lines();
        let mut text = String::new();
        while let Ok(Some(line)) = lines.next_line().await {
            text.push_str(&line);
            text.push('\n');
            if line.split_once('=').is_some_and(|(name, _)| name == END)
                && let Some(answers) = Answers::parse(text.as_bytes())
            {
                return Some(answers);
            }
        }
        None
    };
    let time = if text.len() > MANY {
        LIST.time
    } else {
        audit::APPEND.time
    };
    let (_, answers) = timeout(time, async { tokio::join!(write, read) })
        .await
        .unwrap_or((Ok(()), None));
    if let Some(answers) = answers {
        return Ok(Begun {
            others: found(&answers),
            room: answers.get("room") != Some("none"),
            kept: answers.get("kept") != Some("no"),
            rule: two_persons::rule(&answers),
            _process: process,
            _turn: turn,
        });
    }
    if let Ok(lost) = timeout(Duration::from_millis(200), link.lost()).await {
        return Err(lost.into());
    }
    // Its last words come with its end.
    let _ = timeout(Duration::from_secs(1), process.hold.exit()).await;
    let why = Why::from_stderr(&process.stderr_tail());
    Err(wrong(why.unwrap_or_else(|| "it did not say why".into())))
}

/// Reads a first line; what it holds is made fit to be shown.
fn unfinished(header: &str, running: Option<bool>) -> Option<Unfinished> {
    let header: Header = serde_json::from_str(header).ok()?;
    let clean = |text: &str| visible(text).into_owned();
    Some(Unfinished {
        id: clean(&header.id),
        change: clean(&header.change),
        at: header.at,
        by: clean(&header.by),
        summary: clean(&header.summary),
        total: header.total,
        running,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_first_line() {
        let line = r#"{"id":"7f3a0011","change":"gc","at":"2026-01-02T03:04:05Z","by":"a\u001b","summary":"collect 5 paths","total":5}"#;
        let one = unfinished(line, Some(false)).unwrap();
        assert_eq!((one.by.as_str(), one.total), ("a\\e", 5));
        assert!(one.collects());
        assert_eq!(unfinished("", None), None);
        assert_eq!(unfinished("{}", None), None);
        let text = format!(
            "storekeeper-answer\nstate=running\nheader={line}\nstate=x\nheader={line}\nstate=left\nheader=\nend=\n"
        );
        let found = found(&Answers::parse(text.as_bytes()).unwrap());
        let states: Vec<_> = found.iter().map(|one| one.running).collect();
        assert_eq!(states, [Some(true), None]);
    }

    proptest! {
        #[test]
        fn never_panics(line in ".{0,80}") {
            let _ = unfinished(&line, None);
        }
    }
}
