//! Deletes store paths, by a daemon of its own.
//!
//! In: a token and paths. Out: each deletion as the daemon tells it, and what it says at the end. An answer that refuses
//! comes as [`Collected::refused`] with what was deleted before it; a daemon or a link that ends is an error, and what is
//! gone has then to be read again. Dropping the future drops both directions of the daemon's connection, which ends it
//! at the next file; half-closing would not be noticed everywhere.

use super::daemon::{Daemon, beginning};
use super::error::ServerError;
use super::probe;
use super::script;
use super::{Inner, Server};
use crate::change::token::Token;
use crate::domain::server_facts::Disk;
use crate::domain::text::plain;
use crate::domain::{Bytes, StorePath};
use crate::link::Command;
use std::collections::HashSet;
use std::time::Duration;

/// How long the daemon may say nothing: it waits for its lock for ever, and is silent while it scans hard links. A link
/// that is dead is noticed by the link.
const SILENCE: Duration = Duration::from_secs(3600);

/// Paths that the daemon is asked about at a time.
const AT_A_TIME: usize = 20_000;

/// What is reported while it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CollectEvent {
    /// Another collection, or a verification, holds the lock.
    Waiting,
    /// The deletion of this path begins.
    Deleting(StorePath),
    /// Another line of the daemon, fit to be shown.
    Note(String),
}

/// Called for each event as it happens.
pub type OnCollect<'a> = &'a mut (dyn FnMut(CollectEvent) + Send);

/// How a call ended that was answered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Collected {
    /// Which of the paths the daemon says it has deleted. One that was not there at all counts.
    pub deleted: Vec<StorePath>,
    /// What that has freed, by Nix's count: sizes of files with at most one more hard link. `None` where it refused.
    pub freed: Option<Bytes>,
    /// Why it stopped before the end, in Nix's words. Fit to be shown.
    pub refused: Option<String>,
}

impl Server {
    /// Deletes exactly these paths, of which each must be dead and have no referrer outside of them. Dropping the future
    /// stops it. With no paths, nothing is asked: the daemon would scan its hard links for it.
    pub async fn collect(
        &self,
        _: &Token,
        paths: &[StorePath],
        on: OnCollect<'_>,
    ) -> Result<Collected, ServerError> {
        if paths.is_empty() {
            return Ok(Collected::default());
        }
        let Inner { link, start, .. } = &*self.inner;
        let mut daemon = Daemon::open_patient(link, start, SILENCE).await?;
        let mut seen = Vec::new();
        let answer = daemon
            .delete(paths.to_vec(), &mut |line| {
                let event = event(line);
                if let CollectEvent::Deleting(path) = &event {
                    seen.push(path.clone());
                }
                on(event);
            })
            .await;
        let asked: HashSet<&StorePath> = paths.iter().collect();
        match answer {
            Ok(Ok(garbage)) => Ok(Collected {
                deleted: garbage
                    .paths
                    .iter()
                    .filter_map(|path| StorePath::parse(path).ok())
                    .filter(|path| asked.contains(path))
                    .collect(),
                freed: Some(Bytes(garbage.bytes)),
                refused: None,
            }),
            Ok(Err(error)) => {
                seen.retain(|path| asked.contains(path));
                Ok(Collected {
                    deleted: seen,
                    freed: None,
                    refused: Some(error.to_string()),
                })
            }
            Err(error) => Err(daemon.fail(error).await),
        }
    }

    /// How full the store's file system is now, without its inodes; `None` where that is not known.
    pub async fn disk(&self) -> Result<Option<Disk>, ServerError> {
        let Inner { link, start, .. } = &*self.inner;
        let facts = self.facts();
        let Some(folder) = &facts.store_dir else {
            return Ok(None);
        };
        let command = Command::script(script::AVAILABLE)
            .arg(folder)
            .sudo(start.sudo);
        let answers = script::ask(link, &command, &start.place).await?;
        let (_, disk) = probe::disk(&answers);
        Ok(disk)
    }

    /// What refers to each of these paths now, in order.
    pub async fn referrers(&self, paths: &[StorePath]) -> Result<Vec<Vec<StorePath>>, ServerError> {
        let Inner { link, start, .. } = &*self.inner;
        let mut daemon = Daemon::open(link, start).await?;
        match daemon.referrers(paths).await {
            Ok(referrers) => Ok(referrers),
            Err(error) => Err(daemon.fail(error).await),
        }
    }

    /// Which of these paths are valid now.
    pub async fn valid_paths(&self, paths: &[StorePath]) -> Result<Vec<StorePath>, ServerError> {
        if paths.is_empty() {
            return Ok(Vec::new());
        }
        let Inner { link, start, .. } = &*self.inner;
        let mut daemon = Daemon::open(link, start).await?;
        let mut valid = Vec::new();
        for some in paths.chunks(AT_A_TIME) {
            match daemon.valid_paths(some.to_vec()).await {
                Ok(Ok(found)) => valid.extend(found),
                Ok(Err(error)) => {
                    return Err(ServerError::nix(
                        &start.place,
                        "say what is still in its store",
                        &error,
                        "run `storekeeper status` for it: it names a row that can't be read, and how to fix it",
                    ));
                }
                Err(error) => return Err(daemon.fail(error).await),
            }
        }
        Ok(valid)
    }
}

/// What a line of the daemon means. The texts are those of `LocalStore::collectGarbage`, the same in Nix 2.8 to 2.34.
fn event(line: &str) -> CollectEvent {
    let line = plain(beginning(line));
    if line.starts_with("waiting for the big garbage collector lock") {
        return CollectEvent::Waiting;
    }
    let path = line
        .strip_prefix("deleting ")
        .map(|rest| rest.trim_matches(['\'', '"']))
        .and_then(|path| StorePath::parse(path).ok());
    match path {
        Some(path) => CollectEvent::Deleting(path),
        None => CollectEvent::Note(line.chars().take(300).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::path_info::tests::vector;
    use proptest::prelude::*;

    #[test]
    fn lines() {
        let path = vector().path;
        for line in [
            format!("deleting '{path}'\n"),
            format!("deleting '\u{1b}[35;1m{path}\u{1b}[0m'"),
            format!("deleting \"{path}\"\n"),
        ] {
            assert_eq!(event(&line), CollectEvent::Deleting(path.clone()), "{line}");
        }
        assert_eq!(
            event("waiting for the big garbage collector lock...\n"),
            CollectEvent::Waiting
        );
        for line in [
            "deleting garbage...",
            "deleting unused links...",
            "deleting '/nix/store/trash'",
        ] {
            assert_eq!(event(line), CollectEvent::Note(line.to_owned()));
        }
    }

    proptest! {
        #[test]
        fn never_panics(line in "(deleting )?['\"]?.{0,60}") {
            let _ = event(&line);
        }
    }
}
