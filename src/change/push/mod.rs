//! Planning a push: closures that are copied to a server, signed there, and pinned where that is asked for.
//!
//! In: what the store that they come from knows of them, what the server has of them, the journal of pushes that were cut off, a key.
//! Out: a [`Plan`] that says what is copied, what is there already and what can't be signed; or why there is nothing to plan.
//! What is signed is what was missing when this push, or one before it that was cut off, began: nothing that was there before.

#[cfg(test)]
mod tests;
mod words;

use super::access::About;
use super::keep::{KeepError, KeepStep, PinRequest, pin};
use super::sign::{Key, KeyChoice, PlanError, choose, may_be_written};
use super::{Danger, Item, KeySource, Operation, Plan};
use crate::domain::pin::Pin;
use crate::domain::text::visible;
use crate::domain::{Explain, Notice, PathInfo, PublicKey, StorePath, Unknown, When, notice};
use crate::inventory::{Builder, Inventory};
use crate::judge::trust::{assess, is_unmendable};
use crate::server::{Facts, InfoReply, Server, ServerError};
use crate::spool::{Begun, Journal};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use thiserror::Error;

/// Paths that the server is asked about at a time.
const AT_A_TIME: usize = 1000;

/// Records of the audit log in which a push that was cut off is looked for.
const RECORDS: usize = 1000;

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
    /// Its path.
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
    /// Its path.
    pub path: StorePath,
    /// Why. A clause.
    pub reason: &'static str,
}

/// Why there is no plan.
#[derive(Debug, Error)]
#[error("{}", self.notice())]
pub enum PushError {
    /// All is there, signed and pinned.
    Nothing(String),
    /// Not in the store that it is to come from.
    NotHere {
        /// The first of them.
        path: StorePath,
        /// How many more.
        more: usize,
        /// How that store is called.
        place: String,
    },
    /// That store can't read it.
    Unreadable {
        /// Its path.
        path: StorePath,
        /// Why.
        why: String,
    },
    /// What an earlier push left is not known.
    Journal {
        /// The file.
        file: String,
        /// What the system says.
        cause: String,
    },
    /// The key.
    #[error(transparent)]
    Sign(#[from] PlanError),
    /// A pin.
    #[error(transparent)]
    Pin(#[from] KeepError),
    /// The server.
    #[error(transparent)]
    Server(#[from] ServerError),
}

impl Explain for PushError {
    fn notice(&self) -> Notice {
        match self {
            Self::Nothing(why) => notice!("there is nothing to push: {why}"),
            Self::NotHere { path, more, place } => {
                let more = match more {
                    0 => String::new(),
                    more => format!(", like {more} more"),
                };
                notice!(
                    "{path} is not in the store of {place}{more}",
                    "build it first, or name the store that has it with --from"
                )
            }
            Self::Unreadable { path, why } => {
                notice!("{path} can't be read here: {why}", "repair it first")
            }
            Self::Journal { file, cause } => notice!(
                "what an earlier push has left to sign is not known, because {file} can't be read: {cause}",
                "sign that by hand, then remove the file"
            ),
            Self::Sign(error) => error.notice(),
            Self::Pin(error) => error.notice(),
            Self::Server(error) => error.notice(),
        }
    }
}

impl From<Unknown> for PushError {
    fn from(unknown: Unknown) -> Self {
        Self::Pin(unknown.into())
    }
}

/// What is known when a push is planned.
struct Known<'a> {
    about: &'a About,
    facts: &'a Facts,
    key: &'a Key,
    /// What the store that it comes from has: the whole closure, and no more.
    infos: HashMap<StorePath, PathInfo>,
    /// The same, in order.
    inventory: Inventory,
    /// What the server has of it.
    there: HashMap<StorePath, PathInfo>,
    /// What pushes that were cut off have begun, and whether that has its record.
    begun: Vec<(Begun, bool)>,
    pins: Vec<Pin>,
    folder: String,
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
                InfoReply::Failed(path, why) => return Err(PushError::Unreadable { path, why }),
            }
        }
    }
    let begun = begun(server, &infos, state).await?;
    let pins = if request.pins.is_empty() {
        Vec::new()
    } else {
        server.pins().await??
    };
    let known = Known {
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
    let plan = known.draw(request, now);
    // What was signed and recorded right before a push was killed is settled by this look.
    if let (Err(PushError::Nothing(_)), Some(state)) = (&plan, state) {
        let settled: HashSet<&StorePath> = known.infos.keys().collect();
        let _ = Journal::of(state, &known.about.server).settle(&settled);
    }
    plan
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
            InfoReply::Failed(path, why) => return Err(PushError::Unreadable { path, why }),
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
    let unread = || Err("it does not matter here".to_owned());
    let look = super::audit::look(server, unread(), RECORDS).await?;
    let recorded = |id: &str| {
        let mut records = look.records.iter();
        records.any(|record| record.id == id && record.result != super::audit::INTERRUPTED)
    };
    Ok(begun
        .into_iter()
        .map(|push| {
            let recorded = recorded(&push.id);
            (push, recorded)
        })
        .collect())
}

impl Known<'_> {
    /// Whether a path has a valid signature by the key there.
    fn is_signed(&self, info: &PathInfo) -> bool {
        let name = self.key.public.name().as_str();
        let Some(fingerprint) = info.fingerprint() else {
            return false;
        };
        info.signatures.iter().any(|text| {
            crate::domain::Signature::parse(text).is_ok_and(|signature| {
                signature.name().as_str() == name
                    && self.key.public.verifies(&fingerprint, signature.as_bytes())
            })
        })
    }

    /// Paths that pushes which were cut off have to settle: what they copied and did not sign, and all of one that has no record.
    fn left(&self) -> HashSet<&StorePath> {
        let of = |(push, recorded): &'_ (Begun, bool)| -> Vec<StorePath> {
            let settled = |path: &&StorePath| {
                let there = self.there.get(*path);
                there.is_some_and(|info| *recorded && self.is_signed(info))
            };
            push.paths
                .iter()
                .filter(|path| !settled(path))
                .cloned()
                .collect()
        };
        let left: HashSet<StorePath> = self.begun.iter().flat_map(of).collect();
        self.infos
            .keys()
            .filter(|path| left.contains(path))
            .collect()
    }

    fn draw(&self, request: &PushRequest, now: When) -> Result<Plan, PushError> {
        let left = self.left();
        let mut amounts = PushAmounts {
            key: self.key.public.name().to_string(),
            missing: Amount::default(),
            resumed: Amount::default(),
            there: Amount::default(),
            unsignable: Vec::new(),
        };
        let (mut added, mut items) = (Vec::new(), Vec::new());
        let mut refused = 0;
        let rows: Vec<_> = (0..u32::try_from(self.inventory.len()).unwrap_or(u32::MAX)).collect();
        for row in self.inventory.order_references_first(&rows) {
            let path = self.inventory.path(row);
            let Some(info) = self.infos.get(&path) else {
                continue;
            };
            match self.there.get(&path) {
                None => amounts.missing.add(info),
                Some(_) if left.contains(&path) => amounts.resumed.add(info),
                Some(there) => {
                    amounts.there.add(there);
                    refused += usize::from(assess(&self.facts.keys, there).class.refused());
                    continue;
                }
            }
            if let Some(reason) = self.unsignable(info) {
                let path = path.clone();
                amounts.unsignable.push(Unsignable { path, reason });
            }
            items.push(Item::Path {
                path: path.clone(),
                nar_size: info.nar_size,
            });
            added.push(Added {
                path,
                contents: contents(info),
            });
        }
        let pinned = self.pinned(request, now)?;
        if let Some(pinned) = &pinned {
            items.extend(pinned.items.iter().cloned());
        }
        if items.is_empty() {
            return Err(PushError::Nothing(words::nothing(&amounts, refused)));
        }
        let about = words::About {
            known: self,
            request,
            amounts: &amounts,
            refused,
            pinned: pinned.as_ref(),
        };
        let plan = Plan {
            change: "push",
            server: self.about.server.clone(),
            summary: about.summary(),
            commands: about.commands(),
            warnings: about.warnings(),
            lines: about.lines(),
            concerns: Vec::new(),
            amounts: None,
            danger: Danger::Adds,
            operation: Operation::Push(Arc::new(PushOperation {
                from: request.from.clone(),
                tops: request.paths.clone(),
                added,
                with: self.key.source.clone(),
                key: self.key.public.clone(),
                pins: match pinned.map(|plan| plan.operation) {
                    Some(Operation::Keep(steps)) => steps,
                    _ => Vec::new(),
                },
            })),
            items,
            reason: request.reason.clone(),
            push: Some(amounts),
        };
        Ok(plan)
    }

    /// Why a signature would be of no use, where it is.
    fn unsignable(&self, info: &PathInfo) -> Option<&'static str> {
        if info.nar_size == 0 {
            return Some("its NAR size is not known in the store that it comes from");
        }
        is_unmendable(&self.facts.keys, info).then_some(
            "it carries a malformed signature of a key that clients trust, or a content address that does not fit",
        )
    }

    /// The pins, as `pin` plans them; `None` where all of them are there.
    fn pinned(&self, request: &PushRequest, now: When) -> Result<Option<Plan>, PushError> {
        let mut all: Option<Plan> = None;
        for (path, wanted) in &request.pins {
            let paths = std::slice::from_ref(path);
            let planned = pin(
                self.about,
                &self.inventory,
                &self.pins,
                &self.folder,
                paths,
                wanted,
                now,
            );
            match (planned, &mut all) {
                (Err(KeepError::Nothing(_)), _) => {}
                (Err(error), _) => return Err(error.into()),
                (Ok(plan), None) => all = Some(plan),
                (Ok(plan), Some(all)) => {
                    all.items.extend(plan.items);
                    all.commands.extend(plan.commands);
                    all.lines.extend(plan.lines);
                    if let (Operation::Keep(steps), Operation::Keep(more)) =
                        (&mut all.operation, plan.operation)
                    {
                        steps.extend(more);
                    }
                }
            }
        }
        Ok(all)
    }
}
