//! Planning a push: closures that are copied to a server, signed there, and pinned where that is asked for.
//!
//! In: what the store that they come from knows of them, what the server has of them, the journal of pushes that were cut off, a key.
//! Out: a [`Plan`] that says what is copied, what is there already and what can't be signed; or why there is nothing to plan.
//! What is signed is what was missing when this push, or one before it that was cut off, began: nothing that was there before.

mod error;
mod facts;
pub mod given;
#[cfg(test)]
mod tests;
mod words;

pub use error::PushError;

use super::access::About;
use super::keep::{KeepStep, PinRequest};
use super::sign::{KeyChoice, choose, may_be_written};
use super::{KeySource, Plan};
use crate::domain::text::visible;
use crate::domain::{PathInfo, PublicKey, StorePath, When};
use crate::inventory::{Builder, Inventory};
use crate::judge::trust::assess;
use crate::server::{Facts, InfoReply, Server, ServerError};
use crate::spool::{Begun, Journal};
use facts::PushFacts;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::Duration;

/// Paths that the server is asked about at a time.
const AT_A_TIME: usize = 1000;

/// Records of the audit log in which a push that was cut off is looked for.
const RECORDS: usize = 1000;

/// How often a push that was cut off is looked for among those that run, and how long what it has left there may go on.
const LOOKS: usize = 10;
const SETTLING: Duration = Duration::from_millis(1500);

/// What is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PushRequest {
    /// What is pushed, with all that it needs.
    pub paths: Vec<StorePath>,
    /// The address of the store that it comes from; this machine's by default.
    pub from: Option<String>,
    /// Which of the paths are pinned, and how.
    pub pins: Vec<(StorePath, PinRequest)>,
    /// Why, for the audit log.
    pub reason: Option<String>,
}

/// What a confirmed push does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushOperation {
    /// As in the request.
    pub from: Option<String>,
    /// What Nix is given.
    pub tops: Vec<StorePath>,
    /// What is signed, references before what refers to them.
    pub added: Vec<Added>,
    /// What signs.
    pub with: KeySource,
    /// The public half that was shown.
    pub key: PublicKey,
    /// One for each pin among the items, which are the last ones.
    pub pins: Vec<KeepStep>,
}

/// A path that a push adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    pub path: StorePath,
    /// What the store that it comes from would have signed; `None` where its size is not known there. Other contents under
    /// the same name are somebody else's, and are not signed.
    pub contents: Option<Contents>,
}

/// SHA-256 of a path's fingerprint.
pub type Contents = [u8; 32];

/// The contents of a path, as a signature vouches for them.
pub fn contents(info: &PathInfo) -> Option<Contents> {
    info.fingerprint().map(|text| Sha256::digest(text).into())
}

/// What the JSON of a push's plan has beside its items.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PushAmounts {
    /// Whose key signs.
    pub key: String,
    /// What is copied.
    pub missing: Amount,
    /// What was copied by a push that was cut off, and is signed now.
    pub resumed: Amount,
    /// What is there already, and stays as it is.
    pub there: Amount,
    /// Paths that can't be signed, with the reason.
    pub unsignable: Vec<Unsignable>,
}

/// Paths and their NAR sizes together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Amount {
    /// How many.
    pub paths: usize,
    /// Bytes.
    pub nar_size: u64,
}

impl Amount {
    fn add(&mut self, info: &PathInfo) {
        self.paths += 1;
        self.nar_size = self.nar_size.saturating_add(info.nar_size);
    }
}

/// A path that no signature helps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unsignable {
    pub path: StorePath,
    /// Why. A clause.
    pub reason: &'static str,
}

/// Makes the plan. `closure` is what [`crate::server::Origin`] says of the paths and all that they need, and `place` how that store is
/// called; `state` the folder of the journal.
pub async fn plan(
    server: &Server,
    closure: Vec<InfoReply>,
    place: &str,
    request: &PushRequest,
    with: KeyChoice,
    state: Option<&Path>,
    now: When,
) -> Result<Plan, PushError> {
    let facts = server.facts();
    may_be_written(&facts, &server.spec().place.describe())?;
    let infos = all_here(closure, place)?;
    let key = choose(&with, &facts).await?;
    let paths: Vec<StorePath> = infos.keys().cloned().collect();
    let mut there = HashMap::new();
    for some in paths.chunks(AT_A_TIME) {
        for reply in server.path_infos(some).await? {
            match reply {
                InfoReply::Valid(info) => {
                    there.insert(info.path.clone(), info);
                }
                InfoReply::Invalid(_) => {}
                InfoReply::Failed(path, why) => {
                    let place = server.spec().place.describe();
                    return Err(PushError::Unreadable { path, place, why });
                }
            }
        }
    }
    let begun = begun(server, &infos, state).await?;
    let pins = if request.pins.is_empty() {
        Vec::new()
    } else {
        server.pins().await??
    };
    let known = PushFacts {
        about: &About::of(server),
        facts: &facts,
        key: &key,
        inventory: inventory(&facts, &infos),
        infos,
        there,
        begun,
        pins,
        folder: server.pins_dir(),
    };
    // What was killed between its record and this is finished now. What can't be written stays for the next time.
    if let Some(state) = state
        && !known.begun.is_empty()
    {
        let _ = Journal::of(state, &known.about.server)
            .drop_done(|push, path| known.is_done(push, path));
    }
    known.draw(request, now)
}

/// All that is pushed, or what of it is not there.
fn all_here(
    closure: Vec<InfoReply>,
    place: &str,
) -> Result<HashMap<StorePath, PathInfo>, PushError> {
    let mut infos = HashMap::with_capacity(closure.len());
    let mut missing = Vec::new();
    for reply in closure {
        match reply {
            InfoReply::Valid(info) => {
                infos.insert(info.path.clone(), info);
            }
            InfoReply::Invalid(path) => missing.push(path),
            InfoReply::Failed(path, why) => {
                let place = visible(place).into_owned();
                return Err(PushError::Unreadable { path, place, why });
            }
        }
    }
    match missing.into_iter().collect::<Vec<_>>().as_slice() {
        [] => Ok(infos),
        [path, more @ ..] => Err(PushError::NotHere {
            path: path.clone(),
            more: more.len(),
            place: visible(place).into_owned(),
        }),
    }
}

fn inventory(facts: &Facts, infos: &HashMap<StorePath, PathInfo>) -> Inventory {
    let mut builder = Builder::new(infos.keys().cloned().collect());
    for info in infos.values() {
        builder.add(info, &assess(&facts.keys, info));
    }
    builder.finish()
}

/// The pushes to this server that did not come to their end and have something of these paths, and whether each has its record.
async fn begun(
    server: &Server,
    infos: &HashMap<StorePath, PathInfo>,
    state: Option<&Path>,
) -> Result<Vec<(Begun, bool)>, PushError> {
    let Some(state) = state else {
        return Ok(Vec::new());
    };
    let journal = Journal::of(state, &server.spec().name);
    let mut begun = journal.begun().map_err(|error| PushError::Journal {
        file: visible(&journal.file().to_string_lossy()).into_owned(),
        cause: error.to_string(),
    })?;
    begun.retain(|push| push.paths.iter().any(|path| infos.contains_key(path)));
    if begun.is_empty() {
        return Ok(Vec::new());
    }
    let mut recorded = recorded(server, &begun).await?;
    if recorded.len() < begun.len() {
        ended(server, &begun).await?;
        recorded = self::recorded(server, &begun).await?;
    }
    let with = |push: Begun| {
        let recorded = recorded.contains(&push.id);
        (push, recorded)
    };
    Ok(begun.into_iter().map(with).collect())
}

/// Which of these have their record.
async fn recorded(server: &Server, begun: &[Begun]) -> Result<HashSet<String>, ServerError> {
    // Whether the log is whole is asked elsewhere.
    let look = super::audit::look(server, Err(String::new()), RECORDS).await?;
    let ids = look
        .records
        .into_iter()
        .filter(|record| record.result != super::audit::INTERRUPTED);
    let ids = ids.map(|record| record.id);
    Ok(ids
        .filter(|id| begun.iter().any(|push| push.id == *id))
        .collect())
}

/// Waits until none of them runs any more, but not for long. A record that was on its way when its sender was killed arrives a moment later.
async fn ended(server: &Server, begun: &[Begun]) -> Result<(), ServerError> {
    for _ in 0..LOOKS {
        let left = server.unfinished().await?;
        let runs = left
            .iter()
            .any(|job| job.running != Some(false) && begun.iter().any(|push| push.id == job.id));
        tokio::time::sleep(SETTLING).await;
        if !runs {
            break;
        }
    }
    Ok(())
}
