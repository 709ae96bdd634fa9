//! The safe edit of a key file.
//!
//! In: a token, the file as it was shown, and its new content or lines to put behind it. Out: what was written, or what is
//! there now where somebody else was faster. The script makes it so that at every moment the old file or the new one is there.

use crate::change::token::Token;
use crate::domain::access::KeyFile;
use crate::domain::path_info::hex;
use crate::domain::ssh_key::Fingerprint;
use crate::link::{Command, Limits};
use crate::server::error::ServerError;
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It is the whole file.
    Replace,
    /// It comes behind what is there, also behind lines that others have added since.
    Append,
}

/// One edit of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// As sshd names it.
    path: String,
    /// After its links, as it was seen.
    resolved: String,
    /// Digest and size of what it held; `None` where it did not exist.
    before: Option<([u8; 32], usize)>,
    kind: Kind,
    content: Vec<u8>,
    owner: String,
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
            resolved: file.resolved.clone(),
            before: file
                .exists
                .then(|| (file.sha256, file.content.as_ref().map_or(0, Vec::len))),
            kind: Kind::Replace,
            content,
            owner: file.owner.clone(),
            mode: file.mode,
            come,
            go,
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
        /// What it holds now; `None` where it does not exist any more.
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
    let failed = |why: String| ServerError::Script {
        place: inner.start.place.clone(),
        what: "edit the key file",
        why,
        next: "the file is as it was; mend that and try again",
    };
    let (planned, size) = edit
        .before
        .map_or(("none".to_owned(), 0), |(sum, size)| (hex(&sum), size));
    let command = Command::script(script::ACCESS_EDIT)
        .arg(&edit.path)
        .arg(planned)
        .arg(size.to_string())
        .arg(match edit.kind {
            Kind::Replace => "replace",
            Kind::Append => "append",
        })
        .arg(hex(&Sha256::digest(&edit.content)))
        .arg(&edit.resolved)
        .arg(&edit.owner)
        .arg(format!("{:o}", edit.mode))
        .arg(list(&edit.come))
        .arg(list(&edit.go))
        .sudo(inner.start.sudo);
    let output = inner.link.run(&command, &edit.content, EDIT).await?;
    if !output.exit.success() {
        return Err(failed(why(&output)));
    }
    let answers = Answers::parse(&output.stdout)
        .ok_or_else(|| failed("it did not say how that went".to_owned()))?;
    match answers.get("result") {
        Some("done") => Ok(Edited::Done {
            sha256: answers.get("sha256").unwrap_or_default().to_owned(),
            merged: answers.get("merged").is_some(),
        }),
        Some("conflict") => Ok(Edited::Conflict {
            content: if answers.get("sha256") == Some("none") {
                None
            } else {
                Some(
                    STANDARD
                        .decode(answers.get("content").unwrap_or_default())
                        .map_err(|_| failed("what is there now did not arrive whole".to_owned()))?,
                )
            },
            already: answers.get("already").is_some(),
        }),
        _ => Err(failed("it did not say how that went".to_owned())),
    }
}
