//! The retention policy of a server: a file beside the audit log.
//!
//! In: a connected server; a token and a new text. Out: the text that is there; what was done. A text that is not what was shown is
//! never replaced.

use super::error::{ServerError, Why};
use super::pins::changed;
use super::script::{self, Answers};
use super::space::LOOK;
use super::spec::folder_of;
use super::{Inner, LinkChange, Server};
use crate::change::token::Token;
use crate::domain::path_info::hex;
use crate::domain::text::visible;
use crate::domain::{Fact, Unknown, notice};
use crate::link::{Command, Limits};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use std::time::Duration;

/// Room and time for a text and a wait for a lock.
const CHANGE: Limits = Limits {
    output: 64 << 10,
    time: Duration::from_secs(90),
};

/// The file of a policy, as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyFile {
    /// Its path on the server.
    pub file: String,
    /// Its text, of which no more than 64 KiB and a byte are read, and the SHA-256 of all of it; `None` where there is none.
    pub found: Option<(String, String)>,
}

impl PolicyFile {
    /// Whether the file is as it was at another look.
    pub fn is_as(&self, other: &Self) -> bool {
        let sum = |file: &Self| file.found.as_ref().map(|(_, sum)| sum.clone());
        sum(self) == sum(other)
    }
}

/// A new text for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyEdit {
    pub text: String,
    /// SHA-256 of what was shown; `None` where there was none.
    pub shown: Option<String>,
}

impl Server {
    /// The retention policy that is there.
    pub async fn policy(&self) -> Result<Fact<PolicyFile>, ServerError> {
        let file = path(&self.inner);
        let command = Command::script(script::RETENTION_LOOK).arg(&file);
        let answers = super::space::look(&self.inner, command, LOOK).await?;
        let facts = self.facts();
        let user = visible(&facts.user);
        let hidden = |()| {
            let file = visible(&file);
            Unknown(notice!(
                "the retention policy {file} is hidden from {user}",
                "log in as root, or allow `sudo -n`"
            ))
        };
        let found = found(&answers).map_err(hidden);
        Ok(found.map(|found| PolicyFile { file, found }))
    }

    /// Writes another retention policy, if the one that was shown is still there.
    pub async fn put_policy(
        &self,
        _: &Token,
        edit: &PolicyEdit,
    ) -> Result<LinkChange, ServerError> {
        let file = path(&self.inner);
        put(&self.inner, &file, edit, "write the retention policy").await
    }
}

/// Writes another text, if the one that was shown is still there.
pub(super) async fn put(
    inner: &Inner,
    file: &str,
    edit: &PolicyEdit,
    what: &'static str,
) -> Result<LinkChange, ServerError> {
    let command = Command::script(script::RETENTION_PUT)
        .arg(file)
        .arg(edit.shown.as_deref().unwrap_or("absent"))
        .arg(hex(&Sha256::digest(&edit.text)))
        .sudo(inner.start.sudo);
    let output = inner
        .link
        .run(&command, edit.text.as_bytes(), CHANGE)
        .await?;
    let failed = |why: Why| ServerError::Script {
        place: inner.start.place.clone(),
        what,
        why,
        next: "look at it again",
    };
    changed(&output, failed)
}

fn path(inner: &Inner) -> String {
    let folder = folder_of(&inner.spec.audit_log);
    format!("{folder}/retention.toml")
}

/// Text and SHA-256 where there is a file; an error where it can't be read.
fn found(answers: &Answers) -> Result<Option<(String, String)>, ()> {
    match answers.get("state") {
        Some("none") => Ok(None),
        Some("read") => {
            let sha256 = answers
                .get("sha256")
                .filter(|sum| sum.len() == 64)
                .ok_or(())?;
            let content = STANDARD
                .decode(answers.get("content").unwrap_or_default())
                .map_err(|_| ())?;
            let text = String::from_utf8_lossy(&content).into_owned();
            Ok(Some((text, sha256.to_owned())))
        }
        _ => Err(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(lines: &str) -> Result<Option<(String, String)>, ()> {
        let output = format!("storekeeper-answer\n{lines}end=\n");
        found(&Answers::parse(output.as_bytes()).unwrap())
    }

    #[test]
    fn what_is_there() {
        let sum = "0".repeat(64);
        let read = parsed(&format!("state=read\nsha256={sum}\ncontent=bmV3ZXN0Cg==\n"));
        assert_eq!(read, Ok(Some(("newest\n".to_owned(), sum.clone()))));
        assert_eq!(parsed("state=none\n"), Ok(None));
        assert_eq!(parsed("state=hidden\n"), Err(()));
        assert_eq!(parsed("state=read\nsha256=\ncontent=\n"), Err(()));
        assert_eq!(
            parsed(&format!("state=read\nsha256={sum}\ncontent=?\n")),
            Err(())
        );
    }

    proptest! {
        #[test]
        fn never_panics(lines in "(state=|read|none|sha256=|content=|[0-9a-zA-Z+/=]{1,9}|\n|\\PC){0,20}") {
            let _ = parsed(&format!("{lines}\n"));
        }
    }
}
