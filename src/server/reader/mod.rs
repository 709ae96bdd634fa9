//! Where a reading of the whole store comes from: a copy of Nix's database, or the daemon.
//!
//! In: what the administrator wants, and a link. Out: the events of a reading, the same ones either way. The database is taken
//! where it can be, since the daemon is asked path by path; where it can't, the daemon is asked and the reason goes with the
//! summary. What was read before is compared row by row, and only what differs is passed on. Nothing of a copy is passed on before the daemon has said the same of some of its rows: a database that is not the
//! daemon's own would show another store. Rows that are not as Nix writes them are the daemon's to read.

mod copying;
mod feed;

pub(super) use copying::{Before, Copy, kept_as};

use self::feed::Feed;
use super::daemon::{Daemon, Queue, Start};
use super::error::ServerError;
use super::store::{self, InfoReply, Listing, ReadSummary, Source, StoreEvent};
use super::{Server, Spec};
use crate::database::{Database, Facts, Listing as Rows, Row, Seen, Stopped};
use crate::domain::StorePath;
use crate::link::Link;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use tokio::sync::mpsc::Sender;

/// Newest rows that the daemon has to know, and as many from all over.
const WITNESSES: usize = 16;

/// What a whole store is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reader {
    /// The database, or the daemon where it can't be had.
    #[default]
    Auto,
    /// The database; where it can't be had, reading is an error.
    Database,
    /// The daemon.
    Daemon,
}

/// How the whole store is to be read.
#[derive(Debug, Clone)]
pub(super) struct ReadOptions {
    reader: Reader,
    nix_command: String,
    cache: Option<PathBuf>,
    /// Under which name a copy is kept for the next process, if it is.
    kept_as: Option<String>,
    /// Why the daemon may have another store than the one in the usual place, if it may.
    other_store: Option<String>,
}

impl ReadOptions {
    pub(super) fn of(spec: &Spec) -> Self {
        Self {
            reader: spec.reader,
            nix_command: spec.nix_command.clone(),
            cache: spec.cache.clone(),
            kept_as: kept_as(spec),
            other_store: other_store(&spec.daemon_command),
        }
    }
}

/// Only a daemon without options of its own is known to serve the store that the server's settings name.
fn other_store(command: &[String]) -> Option<String> {
    let plain = matches!(command, [program, option]
        if program.rsplit('/').next() == Some("nix-daemon") && option == "--stdio");
    (!plain).then(|| "daemon_command is not plain `nix-daemon --stdio`".to_owned())
}

/// A reading that was begun.
pub(super) enum Reading {
    /// There is a copy of the database.
    Copied(Copied),
    /// Nothing was written to the database since it was like this; an older copy of it, for later.
    Same(Link, Facts, Option<Copy>),
    /// The daemon has listed it, and why it was asked, if not because that was wanted.
    Listed(Box<Listing>, Option<String>),
}

impl Reading {
    pub(super) fn link(&self) -> &Link {
        match self {
            Self::Copied(copied) => &copied.link,
            Self::Same(link, ..) => link,
            Self::Listed(listing, _) => &listing.link,
        }
    }
}

/// A copy of the database.
pub(super) struct Copied {
    link: Link,
    copy: Copy,
    facts: Facts,
    began: Instant,
}

/// Begins to read over a link of its own.
pub(super) async fn begin(
    link: Link,
    start: Start,
    options: &ReadOptions,
    before: Before,
) -> Result<Reading, ServerError> {
    let began = Instant::now();
    let why = match options.reader {
        Reader::Daemon => None,
        Reader::Auto | Reader::Database => match copy(&link, &start, options, before).await {
            Ok(copying::Copied::Copy(copy, facts)) => {
                return Ok(Reading::Copied(Copied {
                    link,
                    copy,
                    facts,
                    began,
                }));
            }
            Ok(copying::Copied::Same(facts, copy)) => return Ok(Reading::Same(link, facts, copy)),
            Err(why) => Some(why),
        },
    };
    match why {
        Some(why) if options.reader == Reader::Database => {
            // Where the connection is lost, that is the error to show.
            link.round_trip().await?;
            Err(refused(&start, why))
        }
        why => {
            let listing = store::list(link, start).await?;
            Ok(Reading::Listed(Box::new(listing), why))
        }
    }
}

/// Takes a copy that is not for a reading; a clause says why there is none.
pub(super) async fn take(
    link: &Link,
    start: &Start,
    options: &ReadOptions,
) -> Result<Copy, String> {
    match copy(link, start, options, Before::default()).await? {
        copying::Copied::Copy(copy, _) => Ok(copy),
        copying::Copied::Same(..) => Err("its database is like nothing that is known".to_owned()),
    }
}

async fn copy(
    link: &Link,
    start: &Start,
    options: &ReadOptions,
    before: Before,
) -> Result<copying::Copied, String> {
    if let Some(why) = &options.other_store {
        return Err(why.clone());
    }
    let Some(cache) = options.cache.clone() else {
        return Err("there is no folder for its copy here; set HOME or XDG_CACHE_HOME".to_owned());
    };
    let kept_as = options.kept_as.clone();
    copying::copy(
        link,
        &options.nix_command,
        start.sudo,
        cache,
        kept_as,
        before,
    )
    .await
}

/// Ends the work on the copy when nobody waits for it any more.
struct Flag(Arc<AtomicBool>);

impl Drop for Flag {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What became of a copy.
pub(super) enum Outcome {
    /// It was read; and the copy, for later.
    Read(ReadSummary, Copy),
    /// It is of no use. Why, and the link for another way.
    Useless(Link, String),
}

/// What of a copy is read.
enum Part {
    /// All of it, or what differs from what was seen, where paths have gone.
    All(Rows),
    /// The rows that differ from what was seen, where nothing has gone. The numbers of all rows.
    Changes(Vec<i64>, Arc<Seen>),
}

impl Part {
    fn ids(&self) -> &[i64] {
        match self {
            Self::All(listing) => listing.ids(),
            Self::Changes(ids, _) => ids,
        }
    }

    /// Reads only what differs where that is a small part: each path of it is looked up.
    fn of(database: &Database, before: Option<Arc<Seen>>) -> Result<Self, Stopped> {
        if let Some(before) = before {
            let ids = database.ids()?;
            let difference = before.compare(&ids);
            if difference.gone == 0 && difference.new <= ids.len() / 4 {
                return Ok(Self::Changes(ids, before));
            }
        }
        Ok(Self::All(database.listing()?))
    }
}

/// Reads the copy. Of what was seen, only what differs is passed on.
pub(super) async fn read(
    server: &Server,
    copied: Copied,
    sink: Sender<StoreEvent>,
    before: Option<Arc<Seen>>,
) -> Result<Outcome, ServerError> {
    let Copied {
        link,
        copy,
        facts,
        began,
    } = copied;
    let Copy { held, removal } = copy;
    let unwanted = Arc::new(AtomicBool::new(false));
    let _flag = Flag(Arc::clone(&unwanted));
    let known = before.clone();
    let opened = blocking(move || {
        let database = Database::open(&held.database(), unwanted)?;
        let part = Part::of(&database, known)?;
        let rows = database.some(&witnesses(part.ids()))?;
        Ok((held, database, part, rows))
    });
    let (held, database, part, rows) = match opened.await {
        Ok(opened) => opened,
        Err(Stopped::Unwanted) => return Err(ServerError::Stopped),
        Err(Stopped::Wrong(why)) => return useless(server, link, why),
    };
    if let Some(why) = contradiction(server, &link, rows).await? {
        return useless(server, link, why);
    }
    let listed = part.ids().len();
    let first = match &part {
        Part::All(listing) => StoreEvent::Listed(listing.paths().clone()),
        Part::Changes(..) => StoreEvent::Same(listed),
    };
    let events = sink.clone();
    let sent = events.send(first).await;
    sent.map_err(|_| ServerError::Stopped)?;
    let fed = blocking(move || {
        let mut feed = Feed::new(events);
        let result = feed.all(&database, &part, facts, before.as_deref());
        if let (Err(Stopped::Wrong(_)), Part::All(listing)) = (&result, &part) {
            // What was not read is asked for.
            let read = if before.is_some() { 0 } else { feed.taken };
            feed.odd.extend(listing.paths().iter().skip(read));
        }
        let whole = matches!(part, Part::All(_));
        Ok((feed.odd, result, held, whole))
    });
    let (odd, result, held, whole) = fed.await.map_err(|_| ServerError::Stopped)?;
    let (seen, fallback) = match result {
        Ok(seen) => (Some(Arc::new(seen)), None),
        Err(Stopped::Unwanted) => return Err(ServerError::Stopped),
        Err(Stopped::Wrong(why)) if !whole => return useless(server, link, why),
        Err(Stopped::Wrong(why)) => (None, Some(why)),
    };
    if let (Some(why), Reader::Database) = (&fallback, server.spec().reader) {
        return Err(refused(&server.inner.start, why.clone()));
    }
    let mut summary = ReadSummary {
        listed,
        answered: listed.saturating_sub(odd.len()),
        source: if fallback.is_some() {
            Source::Daemon
        } else {
            Source::Database
        },
        fallback,
        seen,
        ..ReadSummary::default()
    };
    if !odd.is_empty() {
        let start = &server.inner.start;
        let daemon = Daemon::open(&link, start).await?;
        let asked = store::ask_all(
            &link,
            start,
            daemon,
            &Queue::new(odd.into_iter().collect()),
            Some(sink),
        )
        .await?;
        summary.answered += asked.answered;
        summary.messages = asked.notes;
    }
    summary.took = began.elapsed();
    Ok(Outcome::Read(summary, Copy { held, removal }))
}

/// Where nothing but the database is wanted, that is an error.
fn useless(server: &Server, link: Link, why: String) -> Result<Outcome, ServerError> {
    if server.spec().reader == Reader::Database {
        return Err(refused(&server.inner.start, why));
    }
    Ok(Outcome::Useless(link, why))
}

fn refused(start: &Start, why: String) -> ServerError {
    ServerError::Database {
        place: start.place.clone(),
        why,
    }
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Stopped> + Send + 'static,
) -> Result<T, Stopped> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Stopped::Wrong(format!(
            "its database could not be read: {error}"
        ))),
    }
}

/// The numbers of the rows that the daemon is asked about: the newest, and some from all over.
fn witnesses(ids: &[i64]) -> Vec<i64> {
    let rows = ids.len();
    let newest = rows.saturating_sub(WITNESSES)..rows;
    let spread = (0..WITNESSES).map(|at| at * rows / WITNESSES);
    let mut numbers: Vec<i64> = spread
        .chain(newest)
        .filter_map(|at| ids.get(at).copied())
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

/// What the daemon says against these rows, if anything. A path that went away meanwhile is no contradiction, as long as
/// most are there.
async fn contradiction(
    server: &Server,
    link: &Link,
    rows: Vec<Row>,
) -> Result<Option<String>, ServerError> {
    const OTHER: &str = "the daemon has another store than the database in its state folder";
    let start = &server.inner.start;
    if rows.is_empty() {
        // To ask for all of a store that is empty costs nothing.
        let all = Daemon::open(link, start).await?.all_valid_paths().await?;
        return Ok((!all.is_empty()).then(|| OTHER.to_owned()));
    }
    let path = |row: &Row| match row {
        Row::Plain(info) => info.path.clone(),
        Row::Odd(path) => path.clone(),
    };
    let paths: Vec<StorePath> = rows.iter().map(path).collect();
    let mut gone = 0;
    for (row, reply) in rows.iter().zip(server.path_infos(&paths).await?) {
        match (row, reply) {
            (Row::Plain(info), InfoReply::Valid(now)) => {
                let same = (now.nar_hash, now.nar_size, now.registered)
                    == (info.nar_hash, info.nar_size, info.registered);
                if !same {
                    return Ok(Some(OTHER.to_owned()));
                }
            }
            (Row::Odd(_), InfoReply::Valid(_) | InfoReply::Failed(..)) => {}
            (_, InfoReply::Invalid(_)) | (Row::Plain(_), InfoReply::Failed(..)) => gone += 1,
        }
    }
    Ok((gone * 2 > rows.len()).then(|| OTHER.to_owned()))
}

#[cfg(test)]
mod tests;
