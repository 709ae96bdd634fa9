//! Reads a store and judges it while it is read.
//!
//! In: a connected server. Out: the inventory, and on the way each batch of infos with its verdicts. Reading is waiting
//! for the network and judging is arithmetic, so batches are judged on all cores while the next ones arrive; and the
//! first requests go out while the listing is entered.

use super::error::{CliError, Kind};
use super::progress::Progress;
use crate::domain::budget::{Budget, entry, most};
use crate::domain::{Assessment, KeyRing, PathInfo, StorePath, TooLarge};
use crate::inventory::{Builder, Inventory};
use crate::judge::trust::assess_each;
use crate::server::{InfoReply, Server, ServerError, StoreEvent};
use futures_util::StreamExt as _;
use std::collections::HashSet;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Batches that are judged at one time, and that may wait to be.
const AHEAD: usize = 4;

/// Paths of a closure that are asked for at one time.
const CHUNK: usize = 1000;

/// References in a row that are followed. Chains in real stores have some hundreds, those of derivations a few thousand.
const DEEPEST: usize = 10_000;

/// One answer of the daemon, assessed.
#[derive(Debug, Clone)]
pub(super) enum AssessedPath {
    /// What the store knows of a path, and what clients make of it.
    Valid(PathInfo, Assessment),
    /// Gone since it was listed.
    Invalid(StorePath),
    /// The server could not say.
    Failed(StorePath, String),
}

impl AssessedPath {
    /// The path that it is about.
    pub(super) fn path(&self) -> &StorePath {
        match self {
            Self::Valid(info, _) => &info.path,
            Self::Invalid(path) | Self::Failed(path, _) => path,
        }
    }
}

enum Step {
    /// So many paths, entered.
    Listed(usize, Box<Builder>),
    Assessed(Vec<AssessedPath>),
}

/// Reads the whole store. `each` sees every batch before it is entered; with an error it stops the reading.
pub(super) async fn load(
    server: &Server,
    progress: &Progress,
    mut each: impl FnMut(&[AssessedPath]) -> Result<(), CliError>,
) -> Result<Inventory, CliError> {
    let (sink, events) = mpsc::channel(AHEAD);
    let ring = Arc::new(server.facts().keys.clone());
    let consume = async {
        let mut steps = judged(events, ring);
        let mut builder = Builder::new(Vec::new());
        let mut done = 0;
        while let Some(step) = steps.next().await {
            match step? {
                Step::Listed(count, listed) => {
                    progress.total(count);
                    builder = *listed;
                }
                Step::Assessed(batch) => {
                    each(&batch)?;
                    done += batch.len();
                    progress.done(done, "reading the store");
                    for judged in batch {
                        enter(&mut builder, judged);
                    }
                    builder.check().map_err(|what| too_large(server, what))?;
                }
            }
        }
        Ok::<_, CliError>(builder)
    };
    let (read, consumed) = tokio::join!(server.read_store(sink), consume);
    progress.finish();
    // Where both failed, reading did because nobody took what it had read.
    let builder = consumed?;
    read?;
    Ok(builder.finish())
}

fn judged(
    events: mpsc::Receiver<StoreEvent>,
    ring: Arc<KeyRing>,
) -> impl futures_util::Stream<Item = Result<Step, CliError>> + Unpin {
    let events = futures_util::stream::unfold(events, async |mut events| {
        let event = events.recv().await?;
        Some((event, events))
    });
    let steps = events.map(move |event| {
        let ring = Arc::clone(&ring);
        async move {
            let step = tokio::task::spawn_blocking(move || match event {
                StoreEvent::Listed(paths) => Step::Listed(paths.len(), Box::new(Builder::new(paths))),
                StoreEvent::Infos(replies) => Step::Assessed(judge(&ring, replies)),
            });
            step.await.map_err(|error| {
                CliError::new(
                    Kind::Server,
                    format!("what the server answered could not be worked through: {error}; please report it"),
                )
            })
        }
    });
    Box::pin(steps.buffered(AHEAD))
}

fn too_large(server: &Server, what: TooLarge) -> CliError {
    ServerError::too_large(&server.spec().place.describe(), what).into()
}

/// These paths and all that they need, judged; each path once, nearest first.
pub(super) async fn closure(
    server: &Server,
    keys: &KeyRing,
    paths: &[StorePath],
) -> Result<Vec<AssessedPath>, CliError> {
    let mut seen: HashSet<StorePath> = HashSet::new();
    let new = |path: &&StorePath| seen.insert((*path).clone());
    let mut level: Vec<StorePath> = paths.iter().filter(new).cloned().collect();
    let mut all = Vec::new();
    let mut room = Budget::new(
        "what is known of these paths and all that they need",
        most::CLOSURE,
    );
    let mut depth = 0;
    while !level.is_empty() {
        if depth > DEEPEST {
            let deep = format!(
                "the references of {} go deeper than {DEEPEST} paths, as in no real store; check that this is the server that you mean",
                paths.first().map_or("this path", StorePath::base_name)
            );
            return Err(CliError::new(Kind::Server, deep));
        }
        depth += 1;
        let mut next = Vec::new();
        for chunk in level.chunks(CHUNK) {
            let judged = judge(keys, server.path_infos(chunk).await?);
            for answer in &judged {
                if let AssessedPath::Valid(info, _) = answer {
                    // And what is noted of each reference: that it was seen, and that it is to be asked for.
                    let noted = 2 * entry::<StorePath>() * info.references.len() as u64;
                    room.charge(info.memory() + noted)
                        .map_err(|what| too_large(server, what))?;
                    for reference in &info.references {
                        if seen.insert(reference.clone()) {
                            next.push(reference.clone());
                        }
                    }
                }
            }
            all.extend(judged);
        }
        level = next;
    }
    Ok(all)
}

/// The part of the store that these paths need, themselves included.
pub(super) async fn load_closure(
    server: &Server,
    paths: &[StorePath],
) -> Result<Inventory, CliError> {
    let judged = closure(server, &server.facts().keys, paths).await?;
    let mut builder = Builder::new(judged.iter().map(|one| one.path().clone()).collect());
    for one in judged {
        enter(&mut builder, one);
    }
    Ok(builder.finish())
}

/// Judges a batch on all cores.
pub(super) fn judge(ring: &KeyRing, replies: Vec<InfoReply>) -> Vec<AssessedPath> {
    let assessments = assess_each(ring, &replies, InfoReply::info);
    replies
        .into_iter()
        .zip(assessments)
        .filter_map(|judged| match judged {
            (InfoReply::Valid(info), assessment) => Some(AssessedPath::Valid(info, assessment?)),
            (InfoReply::Invalid(path), _) => Some(AssessedPath::Invalid(path)),
            (InfoReply::Failed(path, why), _) => Some(AssessedPath::Failed(path, why)),
        })
        .collect()
}

/// Enters an answer.
pub(super) fn enter(builder: &mut Builder, judged: AssessedPath) {
    match judged {
        AssessedPath::Valid(info, assessment) => builder.add(&info, &assessment),
        AssessedPath::Invalid(path) => builder.gone(&path),
        AssessedPath::Failed(path, why) => builder.unreadable(&path, why),
    }
}
