//! A server that is watched, as long as one connection lasts.
//!
//! In: a connected server, and what was known of it. Out: events, and in the end why the connection is lost. What the watch says has changed is
//! read again, at a pace at which a busy server is not read all the time; what a reading takes holds up nothing else.

use super::Sink;
use super::happened::Before;
use crate::cli::error::CliError;
use crate::cli::load::{load, load_over};
use crate::cli::progress::Progress;
use crate::cli::session::Session;
use crate::domain::access::AccessFacts;
use crate::judge::access::{Refused, keys};
use crate::judge::events::{Event, Link, deleted, logins, of_path};
use crate::judge::health::access::SOON;
use crate::load::{AssessedPath, Pace, StoreSnapshot};
use crate::server::{PACE, Server, ServerError, WatchEvent, Watched};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

/// How often it is read where it can't be watched, and how often keys are looked at that end by themselves.
const POLL: Duration = Duration::from_secs(60);

/// What is to be read.
#[derive(Default, Clone, Copy)]
struct Stale {
    store: bool,
    access: bool,
    log: bool,
}

impl Stale {
    const ALL: Self = Self {
        store: true,
        access: true,
        log: false,
    };

    const fn any(self) -> bool {
        self.store || self.access || self.log
    }
}

/// What was read.
#[derive(Default)]
struct Found {
    store: Option<Result<(StoreSnapshot, Vec<Event>), CliError>>,
    access: Option<Result<AccessFacts, ServerError>>,
}

/// Follows it until the connection is lost, and gives back why. An error is of the output.
pub(super) async fn follow(
    server: &Server,
    before: &mut Before,
    session: &Session,
    sink: &mut Sink<'_>,
) -> Result<CliError, CliError> {
    server.keep_copy();
    let limits = &session.target.settings.thresholds;
    let (changes, mut watched) = mpsc::channel(64);
    let (_pace, every) = watch::channel(PACE);
    let mut watching = std::pin::pin!(server.watch(changes, every));
    let mut lost = std::pin::pin!(server.link().lost());
    let mut is_watched = true;
    let mut minute = interval(POLL);
    minute.set_missed_tick_behavior(MissedTickBehavior::Delay);
    minute.reset();
    let mut stale = Stale::default();
    let mut pace = Pace::default();
    // What is reported when all was read once: what changes from then on is seen.
    let mut begins = None;
    let mut reading = std::pin::pin!(futures_util::future::OptionFuture::from(None));
    let (mut begun, mut next) = (Instant::now(), Instant::now());
    let mut reads = false;
    loop {
        tokio::select! {
            biased;
            error = &mut lost => return Ok(ServerError::from(error).into()),
            ended = &mut watching, if is_watched => {
                is_watched = false;
                stale = Stale::ALL;
                sink.send(&Event::Connection {
                    state: Link::Polled,
                    message: ended.err().map(|error| error.to_string()),
                })?;
            }
            event = watched.recv(), if is_watched => {
                let event = match event {
                    Some(WatchEvent::Changed(what)) => {
                        changed(&mut stale, what);
                        None
                    }
                    Some(WatchEvent::Began { hidden }) => {
                        begins = Some(began(&hidden));
                        stale = Stale::ALL;
                        None
                    }
                    Some(WatchEvent::Disk(disk)) => before.disk(&disk, limits),
                    Some(WatchEvent::Daemon(listens)) => before.daemon(listens),
                    Some(WatchEvent::GcLock(runs)) => before.collection(runs),
                    Some(WatchEvent::Alive) | None => None,
                };
                if let Some(event) = event {
                    sink.send(&event)?;
                }
            }
            found = &mut reading, if reads => {
                reads = false;
                next = Instant::now() + pace.rest(begun.elapsed());
                let events = take(before, found.unwrap_or_default());
                for event in events.into_iter().chain(begins.take()) {
                    sink.send(&event)?;
                }
            }
            () = sleep_until(next), if !reads && stale.any() => {
                reads = true;
                begun = Instant::now();
                let what = std::mem::take(&mut stale);
                let (store, access) = (before.store.clone(), before.access.clone());
                let refused = before.refused.clone();
                reading.set(Some(read(session, server, what, store, access, refused)).into());
            }
            _ = minute.tick() => {
                // Nothing on the server changes when a key ends.
                stale.access = true;
                stale.store |= !is_watched;
            }
        }
    }
}

fn began(hidden: &[Watched]) -> Event {
    let words: Vec<&str> = hidden.iter().map(|what| what.word()).collect();
    Event::Connection {
        state: Link::Watched,
        message: (!words.is_empty()).then(|| format!("{} can't be watched", words.join(", "))),
    }
}

fn changed(stale: &mut Stale, what: Watched) {
    match what {
        Watched::Database => stale.store = true,
        Watched::KeyFiles | Watched::Requests | Watched::SshdConfig => stale.access = true,
        Watched::LoginLog => stale.log = true,
        Watched::AuditLog | Watched::Jobs | Watched::Settings | Watched::Disk | Watched::GcLock => {
        }
    }
}

/// Reads what has changed.
async fn read(
    session: &Session,
    server: &Server,
    stale: Stale,
    store: Option<StoreSnapshot>,
    access: Option<AccessFacts>,
    refused: Vec<Refused>,
) -> Found {
    let stored = async {
        if !stale.store {
            return None;
        }
        Some(read_store(session, server, store).await)
    };
    let allowed = async {
        match access {
            Some(facts) if stale.log && !stale.access => {
                Some(follow_log(server, facts, &refused).await)
            }
            _ if stale.access || stale.log => Some(server.access().await),
            _ => None,
        }
    };
    let (store, access) = tokio::join!(stored, allowed);
    Found { store, access }
}

/// Reads what is new in sshd's log. Where that has a client that was refused, the reason is looked up as it is now: a key may have been
/// revoked right before.
async fn follow_log(
    server: &Server,
    facts: AccessFacts,
    refused: &[Refused],
) -> Result<AccessFacts, ServerError> {
    let facts = server.follow_log(facts).await?;
    if logins(refused, &keys(&facts, SOON).refused).is_empty() {
        return Ok(facts);
    }
    server.access().await
}

/// Reads the store over what was known of it, and says what has happened there since.
async fn read_store(
    session: &Session,
    server: &Server,
    before: Option<StoreSnapshot>,
) -> Result<(StoreSnapshot, Vec<Event>), CliError> {
    let Some(before) = before else {
        let loaded = load(session, server, &Progress::new(session.quiet), |_| Ok(())).await?;
        return Ok((loaded.known(), Vec::new()));
    };
    let inventory = Arc::clone(&before.inventory);
    let mut events = Vec::new();
    let loaded = load_over(server, Some(before), &Progress::new(true), |batch| {
        for path in batch {
            if let AssessedPath::Valid(info, assessment) = path {
                events.extend(of_path(&inventory, info, assessment));
            }
        }
        Ok(())
    })
    .await?;
    let (unchanged, now) = (loaded.unchanged, loaded.known());
    if !unchanged {
        let now = Arc::clone(&now.inventory);
        let gone = tokio::task::spawn_blocking(move || deleted(&inventory, &now));
        events.extend(gone.await.ok().flatten());
    }
    Ok((now, events))
}

/// Takes what was read, and says what has happened.
fn take(before: &mut Before, found: Found) -> Vec<Event> {
    let mut events = Vec::new();
    let unread = |error: String| Event::Connection {
        state: Link::Unread,
        message: Some(error),
    };
    match found.store {
        Some(Ok((known, happened))) => {
            before.store = Some(known);
            events.extend(happened);
        }
        Some(Err(error)) => events.push(unread(error.to_string())),
        None => {}
    }
    match found.access {
        Some(Ok(facts)) => events.extend(before.access(facts)),
        Some(Err(error)) => events.push(unread(error.to_string())),
        None => {}
    }
    events
}
