//! The list of paths that a collection leaves beside the audit log for as long as it has no record there.
//!
//! In: a token, what the collection is, its paths. Out: a lock that lives as long as the collection does; and for whoever
//! comes next, which collections have not come to their end, whether they still run, and what they had planned. So one
//! that was killed is seen, and how far it got can be told.

use super::error::{ServerError, last_words};
use super::script::{self, BEGIN, END, why};
use super::{Inner, Server};
use crate::change::token::Token;
use crate::domain::space::Unfinished;
use crate::domain::text::visible;
use crate::domain::{StorePath, When};
use crate::link::{Command, Limits, Process};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::time::timeout;

/// Room and time for the list of a collection: five million names.
const LIST: Limits = Limits {
    output: 512 << 20,
    time: Duration::from_secs(600),
};

/// Room and time for a look.
const LOOK: Limits = Limits {
    output: 1 << 20,
    time: Duration::from_secs(60),
};

/// The last line of a list that was written whole.
const WHOLE: &str = "end";

/// The lock on a list. Dropping it lets go; the list stays until it is removed.
pub struct Begun {
    _process: Process,
}

/// The first line of a list.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Header {
    id: String,
    at: When,
    by: String,
    summary: String,
    total: usize,
}

impl Server {
    /// Writes the list of a collection, and holds its lock.
    pub async fn begin_collection(
        &self,
        _: &Token,
        what: &Unfinished,
        paths: &[StorePath],
    ) -> Result<Begun, ServerError> {
        let header = Header {
            id: what.id.clone(),
            at: what.at,
            by: what.by.clone(),
            summary: what.summary.clone(),
            total: paths.len(),
        };
        // Strings and numbers only: this cannot fail.
        let mut text = serde_json::to_string(&header).unwrap_or_default();
        text.reserve(paths.len() * 64);
        for path in paths {
            text.push('\n');
            text.push_str(path.base_name());
        }
        text.push('\n');
        text.push_str(WHOLE);
        text.push('\n');
        begin(&self.inner, &what.id, text.as_bytes()).await
    }

    /// The collections that have not come to their end, as far as this login may see them.
    pub async fn unfinished(&self) -> Result<Vec<Unfinished>, ServerError> {
        let Inner {
            spec, link, start, ..
        } = &*self.inner;
        let command = Command::script(script::COLLECT_LOOK)
            .arg(&spec.audit_log)
            .sudo(start.sudo);
        let output = link.run(&command, b"", LOOK).await?;
        let answers =
            script::Answers::parse(&output.stdout).ok_or_else(|| ServerError::NoShell {
                place: start.place.clone(),
                why: why(&output),
            })?;
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
        Ok(found)
    }

    /// What a collection had planned, in order; empty where nothing is left of it.
    pub async fn planned_paths(&self, id: &str) -> Result<Vec<StorePath>, ServerError> {
        let Inner {
            spec, link, start, ..
        } = &*self.inner;
        let command = Command::script(script::COLLECT_PATHS)
            .arg(&spec.audit_log)
            .arg(checked(&self.inner, id)?)
            .sudo(start.sudo);
        let output = link.run(&command, b"", LIST).await?;
        if !output.exit.success() {
            return Err(failed(
                &self.inner,
                "read the list of a collection",
                why(&output),
            ));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        let names = text.lines().skip(1);
        Ok(names
            .filter_map(|name| StorePath::from_base_name(name).ok())
            .collect())
    }

    /// Removes the list of a collection whose record is in the audit log.
    pub async fn end_collection(&self, _: &Token, id: &str) -> Result<(), ServerError> {
        let Inner {
            spec, link, start, ..
        } = &*self.inner;
        let command = Command::script(script::COLLECT_END)
            .arg(&spec.audit_log)
            .arg(checked(&self.inner, id)?)
            .sudo(start.sudo);
        let output = link.run(&command, b"", LOOK).await?;
        if output.exit.success() {
            Ok(())
        } else {
            Err(failed(
                &self.inner,
                "remove the list of a collection",
                why(&output),
            ))
        }
    }
}

/// An id becomes part of a file's name.
fn checked<'a>(inner: &Inner, id: &'a str) -> Result<&'a str, ServerError> {
    if !id.is_empty() && id.len() <= 32 && id.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(id);
    }
    let why = format!("{:?} is no id of a collection", visible(id));
    Err(failed(inner, "find the list of a collection", why))
}

fn failed(inner: &Inner, what: &'static str, why: String) -> ServerError {
    ServerError::Script {
        place: inner.start.place.clone(),
        what,
        why,
        next: "check that the folder of the audit log can be written and has room, or set audit_log for this server",
    }
}

async fn begin(inner: &Inner, id: &str, text: &[u8]) -> Result<Begun, ServerError> {
    let Inner {
        spec, link, start, ..
    } = inner;
    let command = Command::script(script::COLLECT_BEGIN)
        .arg(&spec.audit_log)
        .arg(checked(inner, id)?)
        .sudo(start.sudo);
    let mut process = link.start(&command).await?;
    let wrong = |why: String| failed(inner, "keep the list of paths that are to go", why);
    let Some(stdin) = &mut process.stdin else {
        return Err(wrong("the command takes no input".to_owned()));
    };
    let write = async {
        // The input stays open: its end is the end of the lock.
        stdin.write_all(text).await?;
        stdin.flush().await
    };
    let stdout = &mut process.stdout;
    let read = async {
        let mut lines = BufReader::new(stdout.take(LOOK.output as u64)).lines();
        let mut begun = false;
        while let Ok(Some(line)) = lines.next_line().await {
            if line == BEGIN {
                begun = true;
            } else if begun && line.split_once('=').is_some_and(|(name, _)| name == END) {
                return true;
            }
        }
        false
    };
    let (_, kept) = timeout(LIST.time, async { tokio::join!(write, read) })
        .await
        .unwrap_or((Ok(()), false));
    if kept {
        return Ok(Begun { _process: process });
    }
    if let Ok(lost) = timeout(Duration::from_millis(200), link.lost()).await {
        return Err(lost.into());
    }
    // Its last words come with its end.
    let _ = timeout(Duration::from_secs(1), process.hold.exit()).await;
    let why = last_words(&process.stderr_tail());
    Err(wrong(
        why.unwrap_or_else(|| "it did not say why".to_owned()),
    ))
}

/// Reads a first line; what it holds is made fit to be shown.
fn unfinished(header: &str, running: Option<bool>) -> Option<Unfinished> {
    let header: Header = serde_json::from_str(header).ok()?;
    let clean = |text: &str| visible(text).into_owned();
    Some(Unfinished {
        id: clean(&header.id),
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
        let line = r#"{"id":"7f3a0011","at":"2026-01-02T03:04:05Z","by":"a\u001b","summary":"collect 5 paths","total":5}"#;
        let found = unfinished(line, Some(false)).unwrap();
        assert_eq!((found.by.as_str(), found.total), ("a\\e", 5));
        assert_eq!(unfinished("", None), None);
        assert_eq!(unfinished("{}", None), None);
    }

    proptest! {
        #[test]
        fn never_panics(line in ".{0,80}") {
            let _ = unfinished(&line, None);
        }
    }
}
