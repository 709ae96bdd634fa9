//! Reads a whole store, or some of it, through the daemon; and the words for a reading, whatever it comes from.
//!
//! In: links. Out: the listing first, then path infos in handfuls as they come. A path that the daemon cannot read
//! costs that path and no other: where it takes the daemon down with it, a new one goes on with the rest.

use super::daemon::{Asker, Batch, Broken, Daemon, Queue, Start, has_gone};
use super::error::ServerError;
use crate::database::Seen;
use crate::domain::{PathInfo, PathList, StorePath};
use crate::link::Link;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::Sender;
use tokio_util::task::AbortOnDropHandle;

/// Below this number of paths nobody waits for a second daemon.
const WORTH_TWO: usize = 1000;

/// Daemons in a row that end before they have answered anything, until the server is given up.
const MAX_BARREN: usize = 10;

/// Daemons that may end in one reading: two for each path that one cannot read, and nobody has hundreds of these.
pub(super) const MAX_ENDED: usize = 500;

/// Lines of the daemon that are kept of one reading.
const MAX_NOTES: usize = 50;

/// A piece of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreEvent {
    /// Every valid path. The first event; sent again where the way to what follows turned out to be of no use.
    Listed(PathList),
    /// Instead of that: they are those that were known, so many, but for what follows.
    Same(usize),
    /// What is known of some of them, in no order.
    Replies(Vec<InfoReply>),
}

/// What the daemon says of one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InfoReply {
    /// It is valid.
    Valid(PathInfo),
    /// It is not, or not any more.
    Invalid(StorePath),
    /// It could not be read, and why. Fit to be shown.
    Failed(StorePath, String),
}

impl InfoReply {
    /// What is known of the path, if it is valid.
    pub const fn info(&self) -> Option<&PathInfo> {
        match self {
            Self::Valid(info) => Some(info),
            Self::Invalid(_) | Self::Failed(..) => None,
        }
    }
}

/// How a reading went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadSummary {
    /// Paths listed.
    pub listed: usize,
    /// Paths answered, each in one way or another.
    pub answered: usize,
    /// What the daemon had to say meanwhile, at most a few lines.
    pub messages: Vec<String>,
    /// How long it took.
    pub took: Duration,
    /// What it was read from.
    pub source: Source,
    /// Why it was not the database, where that was wanted. A clause, fit to be shown.
    pub fallback: Option<String>,
    /// What was seen of the database, for the next reading.
    pub seen: Option<Arc<Seen>>,
}

/// What a store was read from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Source {
    /// The daemon, path by path.
    #[default]
    Daemon,
    /// A copy of Nix's database.
    Database,
}

impl Source {
    /// The stable word in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Daemon => "daemon",
            Self::Database => "database",
        }
    }
}

/// A store that was listed, with the daemons that tell the rest.
pub(super) struct Listing {
    pub(super) link: Link,
    start: Start,
    paths: PathList,
    first: Daemon,
    /// Starts while the first one lists.
    second: AbortOnDropHandle<Result<Daemon, ServerError>>,
}

/// Lists it over a link of its own.
pub(super) async fn list(link: Link, start: Start) -> Result<Listing, ServerError> {
    let mut first = Daemon::open(&link, &start).await?;
    let second = {
        let (link, start) = (link.clone(), start.clone());
        AbortOnDropHandle::new(tokio::spawn(
            async move { Daemon::open(&link, &start).await },
        ))
    };
    let paths = first.all_valid_paths().await?;
    Ok(Listing {
        link,
        start,
        paths,
        first,
        second,
    })
}

/// Reads all of it, with two daemons where that pays.
pub(super) async fn read_all(
    listing: Listing,
    sink: Sender<StoreEvent>,
) -> Result<ReadSummary, ServerError> {
    let began = Instant::now();
    let Listing {
        link,
        start,
        paths,
        first,
        second,
    } = listing;
    let listed = paths.len();
    let queue = Queue::new(paths.clone());
    sink.send(StoreEvent::Listed(paths))
        .await
        .map_err(|_| ServerError::Stopped)?;
    let one = ask_all(&link, &start, first, &queue, Some(sink.clone()));
    let two = async {
        if listed < WORTH_TWO && !second.is_finished() {
            return Ok(Fetched::default());
        }
        match second.await {
            Ok(Ok(daemon)) => ask_all(&link, &start, daemon, &queue, Some(sink)).await,
            // A server that allows only one session at a time is read with one.
            Ok(Err(_)) | Err(_) => Ok(Fetched::default()),
        }
    };
    let (mut one, two) = tokio::try_join!(one, two)?;
    one.notes.extend(two.notes);
    Ok(ReadSummary {
        listed,
        answered: one.answered + two.answered,
        messages: one.notes,
        took: began.elapsed(),
        ..ReadSummary::default()
    })
}

/// What one connection to the daemon has got.
#[derive(Default)]
pub(super) struct Fetched {
    /// The answers, if nobody took them as they came. In the order of the paths where there was one connection.
    pub(super) replies: Vec<InfoReply>,
    pub(super) answered: usize,
    pub(super) notes: Vec<String>,
    /// The daemon, for more.
    pub(super) daemon: Option<Daemon>,
}

/// Asks until the queue is empty, with a new daemon where one has ended.
pub(super) async fn ask_all(
    link: &Link,
    start: &Start,
    daemon: Daemon,
    queue: &Arc<Queue>,
    sink: Option<Sender<StoreEvent>>,
) -> Result<Fetched, ServerError> {
    ask_with(|| Daemon::open(link, start), daemon, queue, sink).await
}

pub(super) async fn ask_with<F: Future<Output = Result<Daemon, ServerError>>>(
    again: impl Fn() -> F,
    mut daemon: Daemon,
    queue: &Arc<Queue>,
    sink: Option<Sender<StoreEvent>>,
) -> Result<Fetched, ServerError> {
    let mut asker = Asker::new(queue);
    let mut out = Batch::new(queue.paths.len(), sink);
    let mut notes = Vec::new();
    let mut suspect = None;
    let (mut barren, mut ended) = (0, 0);
    loop {
        let before = out.answered;
        let error = match daemon.infos(&mut asker, &mut out).await {
            Ok(()) => break,
            Err(Broken::Stopped) => return Err(ServerError::Stopped),
            Err(Broken::Wire(error)) => error,
        };
        barren = if out.answered > before { 0 } else { barren + 1 };
        ended += 1;
        if !has_gone(&error) || barren > MAX_BARREN || ended > MAX_ENDED {
            return Err(daemon.fail(error).await);
        }
        // The oldest request without an answer is the one that it was busy with.
        let oldest = asker.peek();
        if let (Some(at), true) = (oldest, oldest == suspect) {
            asker.take();
            suspect = None;
            if let Some(path) = queue.paths.get(at) {
                let why = "the daemon ended twice when it was asked about this path".to_owned();
                let bytes = why.len() as u64;
                match out.push(InfoReply::Failed(path, why), bytes).await {
                    Ok(()) => {}
                    Err(Broken::Stopped) => return Err(ServerError::Stopped),
                    Err(Broken::Wire(error)) => return Err(daemon.fail(error).await),
                }
            }
        } else {
            suspect = oldest;
        }
        notes.append(&mut daemon.take_notes());
        notes.truncate(MAX_NOTES);
        daemon = again().await?;
    }
    out.send().await.map_err(|_| ServerError::Stopped)?;
    notes.append(&mut daemon.take_notes());
    notes.truncate(MAX_NOTES);
    Ok(Fetched {
        answered: out.answered,
        replies: out.replies,
        notes,
        daemon: Some(daemon),
    })
}
