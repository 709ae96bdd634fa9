//! Which valid paths have lost their contents: the database knows them, and the store's folder has nothing of that name.
//!
//! In: paths. Out: those of them that are absent, in one remote pass that opens nothing.

use super::Server;
use super::error::ServerError;
use super::script::{self, Answers, why};
use crate::domain::StorePath;
use crate::link::{Command, Limits};
use std::collections::HashSet;
use std::time::Duration;

/// Every name of a store of a million paths may come back.
const ABSENT: Limits = Limits {
    output: 300 << 20,
    time: Duration::from_secs(900),
};

impl Server {
    /// Those of these paths whose contents are not in the store's folder; `None` where it is not known which folder that is.
    pub async fn absent(&self, paths: &[StorePath]) -> Result<Option<Vec<StorePath>>, ServerError> {
        let Some(dir) = self.facts().store_dir.clone() else {
            return Ok(None);
        };
        let inner = &self.inner;
        let command = Command::script(script::ABSENT)
            .arg(dir)
            .sudo(inner.start.sudo);
        let mut names = String::new();
        for path in paths {
            names.push_str(path.base_name());
            names.push('\n');
        }
        let output = inner.link.run(&command, names.as_bytes(), ABSENT).await?;
        let answers = Answers::parse(&output.stdout).ok_or_else(|| ServerError::Script {
            place: inner.start.place.clone(),
            what: "tell whether the contents of its paths are there",
            why: why(&output),
            next: "check that this login may enter the store's folder",
        })?;
        let there: HashSet<&str> = answers.all("there").collect();
        let gone = |path: &&StorePath| !there.contains(path.base_name());
        Ok(Some(paths.iter().filter(gone).cloned().collect()))
    }
}
