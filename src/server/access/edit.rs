//! The safe edit of a key file.
//!
//! In: a token, the file as it was shown, and its new content, or lines that come, go or change. Out: what was written, or what
//! is there now where somebody else was faster. At every moment the old file or the new one is there, and nothing is written
//! with other rights than those of the folder's owner.

use crate::change::token::Token;
use crate::domain::access::KeyFile;
use crate::domain::authorized_keys::{AuthorizedKeys, Line};
use crate::domain::path_info::hex;
use crate::domain::ssh_key::Fingerprint;
use crate::link::{Command, Limits};
use crate::server::error::{ServerError, Why};
use crate::server::script::{self, Answers, why};
use crate::server::{Inner, Server};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use std::time::Duration;

/// Room for the file that is there instead, and time for a minute's wait for the lock.
const EDIT: Limits = Limits {
    output: 8 << 20,
    time: Duration::from_secs(120),
};

/// How the content is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// It is the whole file.
    Replace,
    /// It comes behind what is there, also behind lines that others have added since.
    Append,
    /// It holds new texts of single lines, one behind the other.
    Lines {
        /// Each line's number, from 1, and the bytes of its new text; 0 where the line goes.
        changes: Vec<(usize, usize)>,
        /// Bytes of the file afterwards.
        size: u64,
    },
}

/// One edit of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// As sshd names it.
    path: String,
    /// The account whose logins it opens: its folder is that account's or root's.
    account: String,
    /// After its links, as it was seen.
    resolved: String,
    /// Digest and size of what it held; `None` where it did not exist.
    before: Option<([u8; 32], u64)>,
    kind: Kind,
    content: Vec<u8>,
    /// Of a new file.
    mode: u32,
    /// Keys that come, and keys that go. Nothing else may, as the server's `ssh-keygen -l` reads the file.
    come: Vec<Fingerprint>,
    go: Vec<Fingerprint>,
}

impl Edit {
    /// A new content for the whole file.
    pub fn replace(
        file: &KeyFile,
        content: Vec<u8>,
        come: Vec<Fingerprint>,
        go: Vec<Fingerprint>,
    ) -> Self {
        Self {
            path: file.path.clone(),
            account: file.user.clone(),
            resolved: file.resolved.clone(),
            before: file.exists.then_some((file.sha256, file.size)),
            kind: Kind::Replace,
            content,
            mode: file.mode,
            come,
            go,
        }
    }

    /// Lines of `before` that go or read otherwise in `after`, where all others stay as they are. Of a file that was not read
    /// whole, nothing else can be said.
    pub fn change(
        file: &KeyFile,
        before: &AuthorizedKeys,
        after: &AuthorizedKeys,
        come: Vec<Fingerprint>,
        go: Vec<Fingerprint>,
    ) -> Self {
        if file.numbers.is_none() {
            return Self::replace(file, after.to_bytes(), come, go);
        }
        let mut changes = Vec::new();
        let mut content = Vec::new();
        let mut size = file.size;
        for (number, line) in before.lines() {
            let new = after.line(number).map_or(&[][..], Line::raw);
            if new != line.raw() {
                size = size.saturating_sub(line.raw().len() as u64) + new.len() as u64;
                changes.push((number, new.len()));
                content.extend_from_slice(new);
            }
        }
        Self {
            kind: Kind::Lines { changes, size },
            ..Self::replace(file, content, come, go)
        }
    }

    /// Lines behind all others, each with its end.
    pub fn append(file: &KeyFile, lines: Vec<u8>, come: Vec<Fingerprint>) -> Self {
        Self {
            kind: Kind::Append,
            ..Self::replace(file, lines, come, Vec::new())
        }
    }

    /// The way back: what `done` has put into a file that is `now` so becomes `before` again.
    pub fn undo(done: &Self, now: &KeyFile, before: Vec<u8>) -> Self {
        Self::replace(now, before, done.go.clone(), done.come.clone())
    }

    /// The file as sshd names it.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Where its links led when it was shown.
    pub(super) fn resolved(&self) -> &str {
        &self.resolved
    }
}

/// How an edit went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edited {
    /// It is there, and was read back.
    Done {
        /// Of the file as it is now.
        sha256: String,
        /// Others had added lines meanwhile; they are there too.
        merged: bool,
    },
    /// The file is not the one that was shown. Nothing was changed.
    Conflict {
        /// What it holds now; nothing where it does not exist any more, `None` where that is too large to be shown.
        content: Option<Vec<u8>>,
        /// Somebody else has added the same key.
        already: bool,
    },
}

impl Server {
    /// Edits a key file, or says what is there instead.
    pub async fn edit_keys(&self, _: &Token, edit: &Edit) -> Result<Edited, ServerError> {
        apply(&self.inner, edit).await
    }
}

fn list(fingerprints: &[Fingerprint]) -> String {
    let words: Vec<String> = fingerprints.iter().map(ToString::to_string).collect();
    words.join(" ")
}

/// What [`Server::edit_keys`] does.
pub(in crate::server) async fn apply(inner: &Inner, edit: &Edit) -> Result<Edited, ServerError> {
    let failed = |why: Why| ServerError::Script {
        place: inner.start.place.clone(),
        what: "edit the key file",
        why,
        next: "the file is as it was; fix that and try again",
    };
    let (planned, size) = edit
        .before
        .map_or(("none".to_owned(), 0), |(sum, size)| (hex(&sum), size));
    let (kind, changes, after) = match &edit.kind {
        Kind::Replace => ("replace", String::new(), String::new()),
        Kind::Append => ("append", String::new(), String::new()),
        Kind::Lines { changes, size } => {
            let changes: Vec<String> = changes
                .iter()
                .map(|(number, bytes)| format!("{number}:{bytes}"))
                .collect();
            ("lines", changes.join(" "), size.to_string())
        }
    };
    let command = Command::script(script::ACCESS_EDIT)
        .arg(script::ACCESS_EDIT_FILE)
        .arg(&edit.account)
        .arg(&edit.path)
        .arg(planned)
        .arg(size.to_string())
        .arg(kind)
        .arg(hex(&Sha256::digest(&edit.content)))
        .arg(&edit.resolved)
        .arg(format!("{:o}", edit.mode))
        .arg(list(&edit.come))
        .arg(list(&edit.go))
        .arg(changes)
        .arg(after)
        .sudo(inner.start.sudo);
    let output = inner.link.run(&command, &edit.content, EDIT).await?;
    if !output.exit.success() {
        return Err(failed(why(&output)));
    }
    let answers = Answers::parse(&output.stdout)
        .ok_or_else(|| failed("it did not say how that went".into()))?;
    match answers.get("result") {
        Some("done") => Ok(Edited::Done {
            sha256: answers.get("sha256").unwrap_or_default().to_owned(),
            merged: answers.get("merged").is_some(),
        }),
        Some("conflict") => Ok(Edited::Conflict {
            content: match answers.get("content") {
                Some(text) => Some(
                    STANDARD
                        .decode(text)
                        .map_err(|_| failed("what is there now did not arrive whole".into()))?,
                ),
                None if ["gone", "empty"].map(|word| answers.get(word)) != [None; 2] => {
                    Some(Vec::new())
                }
                None => None,
            },
            already: answers.get("already").is_some(),
        }),
        _ => Err(failed("it did not say how that went".into())),
    }
}
