//! Reads a store and assesses it while it is read.
//!
//! In: a connected server and, where its store was read before, what was known of it. Out: batches of assessed paths as
//! they come, all of them entered into one inventory. Reading is waiting for the network and assessing is arithmetic, so
//! batches are assessed on all cores while the next ones arrive; and the first requests go out while the listing is entered.

mod closure;
mod element;
mod kept;
mod pace;
pub mod way;

pub use closure::{closure, load_closure, origin_closure};
pub use element::Element;
pub use kept::Kept;
pub use pace::Pace;

use crate::database::Seen;
use crate::domain::{Assessment, KeyRing, PathInfo, PathList, StorePath};
use crate::inventory::{Builder, Inventory};
use crate::judge::trust::assess_each;
use crate::server::{InfoReply, ReadSummary, Server, ServerError, StoreEvent};
use futures_util::{Stream, StreamExt as _};
use rayon::prelude::*;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

/// Batches that are assessed at one time, and that may wait to be.
const AHEAD: usize = 4;

/// Paths that are asked for at one time, where some are.
const CHUNK: usize = 2_000;

/// A store that was read, to be read again over it.
#[derive(Debug, Clone)]
pub struct StoreSnapshot {
    /// What is known of it.
    pub inventory: Arc<Inventory>,
    /// What was seen of the database that it is from, if it is from one.
    pub seen: Option<Arc<Seen>>,
}

/// One answer of the daemon, assessed.
#[derive(Debug, Clone)]
pub enum AssessedPath {
    /// What the store knows of a path, and what clients make of it.
    Valid(PathInfo, Assessment),
    /// Gone since it was listed.
    Invalid(StorePath),
    /// The server could not say.
    Failed(StorePath, String),
}

impl AssessedPath {
    /// The path that it is about.
    pub fn path(&self) -> &StorePath {
        match self {
            Self::Valid(info, _) => &info.path,
            Self::Invalid(path) | Self::Failed(path, _) => path,
        }
    }

    /// Puts it into an inventory.
    pub fn enter(&self, builder: &mut Builder) {
        match self {
            Self::Valid(info, assessment) => builder.add(info, assessment),
            Self::Invalid(path) => builder.gone(path),
            Self::Failed(path, why) => builder.unreadable(path, why.clone()),
        }
    }
}

/// Assesses answers on all cores.
pub fn assess(ring: &KeyRing, replies: Vec<InfoReply>) -> Vec<AssessedPath> {
    assess_over(ring, replies, None)
}

/// The same; a verdict of these keys that is known already is not made again.
fn assess_over(
    ring: &KeyRing,
    replies: Vec<InfoReply>,
    known: Option<&Inventory>,
) -> Vec<AssessedPath> {
    let before = |reply: &InfoReply| known?.assessment(reply.info()?);
    let replies: Vec<(Option<Assessment>, InfoReply)> = replies
        .into_par_iter()
        .map(|reply| (before(&reply), reply))
        .collect();
    let assessments = assess_each(ring, &replies, |(before, reply)| match before {
        Some(_) => None,
        None => reply.info(),
    });
    let all = replies.into_iter().zip(assessments);
    all.filter_map(|((before, reply), assessment)| match reply {
        InfoReply::Valid(info) => Some(AssessedPath::Valid(info, before.or(assessment)?)),
        InfoReply::Invalid(path) => Some(AssessedPath::Invalid(path)),
        InfoReply::Failed(path, why) => Some(AssessedPath::Failed(path, why)),
    })
    .collect()
}

/// What a [`Loader`] has just entered.
#[derive(Debug)]
pub enum Entered {
    /// The listing, with so many paths.
    Listed(usize),
    /// Answers.
    Paths(Vec<AssessedPath>),
}

enum Step {
    Listed(usize, Box<Builder>),
    Assessed(Vec<AssessedPath>),
}

type Steps = Pin<Box<dyn Stream<Item = Option<Step>> + Send>>;

/// A store that is being read. Dropping it stops the reading.
pub struct Loader {
    steps: Steps,
    reading: AbortOnDropHandle<Result<ReadSummary, ServerError>>,
    builder: Builder,
    place: String,
    summary: ReadSummary,
    seen: Option<Arc<Seen>>,
}

impl Loader {
    /// Begins to read. What was known stays until it is known anew, and rows keep their numbers; unless it was assessed with
    /// other keys, which is as good as not known.
    pub fn start(server: &Server, known: Option<StoreSnapshot>) -> Self {
        let (sink, events) = mpsc::channel(AHEAD);
        let keys = &server.facts().keys;
        let known = known.filter(|known| known.inventory.is_assessed_with(keys));
        let (known, seen) = known.map(|known| (known.inventory, known.seen)).unzip();
        let seen = seen.flatten();
        let builder = known
            .as_deref()
            .map_or_else(|| Builder::new(Vec::new()), Builder::resume);
        let ring = Arc::new(server.facts().keys.clone());
        let place = server.spec().place.describe();
        let (server, before) = (server.clone(), seen.clone());
        Self {
            steps: steps(events, ring, known),
            reading: AbortOnDropHandle::new(tokio::spawn(async move {
                server.read_store(sink, before).await
            })),
            builder,
            place,
            summary: ReadSummary::default(),
            seen,
        }
    }

    /// What was entered next; `None` when the whole store is. With an error, what was entered before it stays.
    pub async fn next(&mut self) -> Result<Option<Entered>, ServerError> {
        let Some(step) = self.steps.next().await else {
            let read = (&mut self.reading).await;
            self.summary = read.unwrap_or(Err(ServerError::Stopped))?;
            return Ok(None);
        };
        let loaded = match step.ok_or(ServerError::Stopped)? {
            Step::Listed(count, builder) => {
                self.builder = *builder;
                Entered::Listed(count)
            }
            Step::Assessed(paths) => {
                for path in &paths {
                    path.enter(&mut self.builder);
                }
                Entered::Paths(paths)
            }
        };
        self.builder
            .check()
            .map_err(|what| ServerError::too_large(&self.place, what))?;
        Ok(Some(loaded))
    }

    /// The inventory in the making.
    pub const fn builder(&self) -> &Builder {
        &self.builder
    }

    /// Whether all of it was known before, and what it is from is as it was.
    pub fn is_unchanged(&self) -> bool {
        let facts = |seen: &Option<Arc<Seen>>| seen.as_ref().map(|seen| seen.facts().clone());
        self.builder.changes() == 0 && facts(&self.seen) == facts(&self.summary.seen)
    }

    /// What was entered, and how reading it went.
    pub fn finish(self) -> (Inventory, ReadSummary) {
        (self.builder.finish(), self.summary)
    }
}

/// The events in their order, worked through on other threads. `None` for one that could not be.
fn steps(
    events: mpsc::Receiver<StoreEvent>,
    ring: Arc<KeyRing>,
    known: Option<Arc<Inventory>>,
) -> Steps {
    let events = futures_util::stream::unfold(events, async |mut events| {
        let event = events.recv().await?;
        Some((event, events))
    });
    let steps = events.map(move |event| {
        let (ring, known) = (Arc::clone(&ring), known.clone());
        async move {
            let step = tokio::task::spawn_blocking(move || match event {
                StoreEvent::Listed(paths) => {
                    Some(Step::Listed(paths.len(), listed(&paths, known, &ring)))
                }
                StoreEvent::Same(paths) => {
                    let builder = Builder::resume(known.as_deref()?);
                    Some(Step::Listed(paths, Box::new(builder)))
                }
                StoreEvent::Replies(replies) => {
                    let assessed = assess_over(&ring, replies, known.as_deref());
                    Some(Step::Assessed(assessed))
                }
            });
            step.await.ok().flatten()
        }
    });
    Box::pin(steps.buffered(AHEAD))
}

fn listed(paths: &PathList, known: Option<Arc<Inventory>>, ring: &KeyRing) -> Box<Builder> {
    let mut builder = match known {
        Some(inventory) => {
            let mut builder = Builder::resume(&inventory);
            builder.relist(paths);
            builder
        }
        None => Builder::of(paths),
    };
    builder.assess_with(ring);
    Box::new(builder)
}

/// Reads the whole store.
pub async fn load(server: &Server) -> Result<Inventory, ServerError> {
    let mut loader = Loader::start(server, None);
    while loader.next().await?.is_some() {}
    Ok(loader.finish().0)
}

/// Asks again for some paths. What can't be asked now stays as it was; `None` where the program is ending.
pub async fn renew(server: &Server, known: &Inventory, paths: &[StorePath]) -> Option<Inventory> {
    let ring = Arc::new(server.facts().keys.clone());
    let mut builder = Builder::resume(known);
    for chunk in paths.chunks(CHUNK) {
        let Ok(replies) = server.path_infos(chunk).await else {
            break;
        };
        let ring = Arc::clone(&ring);
        let entered = tokio::task::spawn_blocking(move || {
            for path in assess(&ring, replies) {
                path.enter(&mut builder);
            }
            builder
        });
        builder = entered.await.ok()?;
    }
    tokio::task::spawn_blocking(move || builder.finish())
        .await
        .ok()
}
