//! What can be asked of a cache server and done to it, typed.
//!
//! In: a link. Out: facts, store contents, and the changes that a `change` token permits.

mod absent;
pub mod access;
mod audit;
mod auto_sign;
mod backup;
mod cache_daemon;
mod chunks;
mod collect;
mod daemon;
pub mod error;
mod host_keys;
mod installed;
mod last_use;
mod lease;
mod listing;
mod own;
mod pins;
mod policy_timer;
mod probe;
mod push;
mod reader;
mod retention;
mod roots;
mod script;
mod sign;
mod space;
pub mod spec;
pub mod store;
mod strip;
mod timer;
mod two_persons;
mod unfinished;
mod vacuum;
mod verify;
mod watch;

pub use audit::{Followed, JournalState, LogEvent, ReadLog, Whose};
pub use auto_sign::{AutoSignFacts, AutoSignInstall};
pub(crate) use chunks::chunks;
pub use collect::{CollectEvent, Collected, OnCollect};
pub use error::{ErrorKind, ServerError, details};
pub use installed::{Places, Removal};
pub use lease::{LeaseFacts, LeaseInstall};
pub use pins::{Generation, LinkChange};
pub use policy_timer::{PolicyTimer, PolicyTimerFacts};
pub use push::{OnPush, Origin, PushEvent, keep_here, outputs_here};
pub use reader::Reader;
pub use retention::{PolicyEdit, PolicyFile};
pub use roots::RootsFound;
pub use sign::{OnCall, OnPath};
pub use spec::{Spec, Sudo};
pub use store::{InfoReply, ReadSummary, Source, StoreEvent};
pub use strip::Stripped;
pub use unfinished::{Beginning, Begun};
pub use vacuum::{Vacuum, VacuumFacts};
pub use verify::Verified;
pub use watch::{PACE, WatchEvent, WatchLine, Watched};

pub use self::backup::{backup_name, backup_place};
pub use crate::database::{Saved, Seen};
pub use crate::domain::server_facts as facts;
pub use crate::link::{NotShown, shown_host_key};
pub use facts::Facts;

use crate::database::Facts as DatabaseFacts;
use crate::domain::{StorePath, When};
use crate::link::{Link, Place, Prompter};
use daemon::{Daemon, Queue, Start};
use reader::{Before, Copy, Outcome, ReadOptions, Reading};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::mpsc::Sender;
use tokio::sync::{Mutex, Semaphore, oneshot};
use tokio_util::task::AbortOnDropHandle;

/// A cache server that is connected. Cheap to clone; all clones are the same connection.
#[derive(Clone)]
pub struct Server {
    inner: Arc<Inner>,
}

struct Inner {
    spec: Spec,
    prompter: Arc<dyn Prompter>,
    /// Questions and changes.
    link: Link,
    /// For whole stores: one undrained channel stops all others of its link.
    bulk: Mutex<Option<Link>>,
    /// Which of them were not asked what connections they are.
    own: own::Own,
    /// A reading that was begun while connecting.
    ahead: Mutex<Option<Ahead>>,
    /// Whether a copy of the database stays for the next reading.
    copies: AtomicBool,
    copy: Mutex<Option<Copy>>,
    facts: RwLock<Arc<Facts>>,
    start: Start,
    /// When it began to connect, by this machine's clock.
    begun: When,
    /// A daemon that is kept for small questions.
    idle: Mutex<Option<Daemon>>,
    /// Turns of jobs.
    jobs: Arc<Semaphore>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let (Some(copy), Some(name)) = (self.copy.get_mut().take(), reader::kept_as(&self.spec))
        {
            copy.keep(&name);
        }
    }
}

type Ahead = AbortOnDropHandle<Result<Reading, ServerError>>;

impl Server {
    /// Connects, and finds out what the server is.
    pub async fn connect(spec: Spec, prompter: Arc<dyn Prompter>) -> Result<Self, ServerError> {
        Self::open(spec, prompter, None).await
    }

    /// The same for somebody who then reads the whole store: that is begun while the rest is found out. Of a database that is
    /// as it is known, nothing is copied.
    pub async fn connect_to_read(
        spec: Spec,
        prompter: Arc<dyn Prompter>,
        known: Option<DatabaseFacts>,
    ) -> Result<Self, ServerError> {
        let before = Before { known, copy: None };
        Self::open(spec, prompter, Some(before)).await
    }

    async fn open(
        spec: Spec,
        prompter: Arc<dyn Prompter>,
        to_read: Option<Before>,
    ) -> Result<Self, ServerError> {
        let begun = When::now();
        let link = Link::open(&spec.place, &prompter).await?;
        let own = own::Own::new(&spec.place, spec.kept.as_deref());
        let opened = own.clone();
        let (tell, reported) = oneshot::channel();
        let ahead = to_read.map(|before| {
            let (link, place, prompter) = (link.clone(), spec.place.clone(), Arc::clone(&prompter));
            let options = ReadOptions::of(&spec);
            Ahead::new(tokio::spawn(async move {
                let bulk = link.beside(&place, &prompter).await?;
                opened.add(&bulk);
                let start = reported.await.map_err(|_| ServerError::Stopped)?;
                reader::begin(bulk, start, &options, before).await
            }))
        });
        let (login, start, answers) = probe::login(&link, &spec).await?;
        own.first(&link, &answers);
        // Where nobody reads, nobody wants to know.
        let _ = tell.send(start.clone());
        let found = probe::probe(&link, &spec, login, &start).await?;
        let inner = Inner {
            start,
            begun,
            facts: RwLock::new(Arc::new(found.facts)),
            idle: Mutex::new(Some(found.daemon)),
            bulk: Mutex::new(None),
            ahead: Mutex::new(ahead),
            copies: AtomicBool::new(false),
            copy: Mutex::new(None),
            own,
            jobs: Arc::new(Semaphore::new(unfinished::AT_ONCE)),
            spec,
            prompter,
            link,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The same server over a new connection. The old one is left to its holders.
    pub async fn reopen(&self) -> Result<Self, ServerError> {
        Self::connect(self.inner.spec.clone(), Arc::clone(&self.inner.prompter)).await
    }

    /// What the administrator says of it.
    pub fn spec(&self) -> &Spec {
        &self.inner.spec
    }

    /// Host and port that this login connects to; for this machine its own name and sshd's usual port.
    pub fn reached(&self) -> (String, u16) {
        match &self.inner.spec.place {
            Place::Local => (self.facts().host.clone(), 22),
            Place::Ssh(target) => (target.host.clone(), target.port),
        }
    }

    /// What was found out, last.
    pub fn facts(&self) -> Arc<Facts> {
        let facts = self.inner.facts.read();
        Arc::clone(&facts.unwrap_or_else(PoisonError::into_inner))
    }

    /// The connection for questions and changes.
    pub fn link(&self) -> &Link {
        &self.inner.link
    }

    /// Finds out again, over the same connection.
    pub async fn reprobe(&self) -> Result<Arc<Facts>, ServerError> {
        let Inner { link, spec, .. } = &*self.inner;
        let (login, start, _) = probe::login(link, spec).await?;
        let found = probe::probe(link, spec, login, &start).await?;
        let facts = Arc::new(found.facts);
        *self.inner.idle.lock().await = Some(found.daemon);
        let mut slot = self
            .inner
            .facts
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *slot = Arc::clone(&facts);
        Ok(facts)
    }

    /// From here on a copy of the database stays on this machine for as long as the connection lives: the next reading takes
    /// what the log has grown. For somebody who reads often.
    pub fn keep_copy(&self) {
        self.inner.copies.store(true, Ordering::Relaxed);
    }

    /// Reads the whole store over a connection of its own; of what was seen before, what differs. Dropping the future or the
    /// receiver stops it.
    pub async fn read_store(
        &self,
        sink: Sender<StoreEvent>,
        seen: Option<Arc<Seen>>,
    ) -> Result<ReadSummary, ServerError> {
        let result = self.read_from(sink, seen).await;
        if matches!(result, Err(ServerError::Link(_))) {
            // The next reading connects anew.
            *self.inner.bulk.lock().await = None;
        }
        result
    }

    async fn read_from(
        &self,
        sink: Sender<StoreEvent>,
        seen: Option<Arc<Seen>>,
    ) -> Result<ReadSummary, ServerError> {
        let (listing, fallback) = match self.begun(seen.as_deref()).await? {
            Reading::Listed(listing, fallback) => (*listing, fallback),
            Reading::Same(_, _, copy) => {
                self.keep(copy).await;
                return same(sink, seen).await;
            }
            Reading::Copied(copied) => {
                match reader::read(self, copied, sink.clone(), seen).await? {
                    Outcome::Read(summary, copy) => {
                        self.keep(Some(copy)).await;
                        return Ok(summary);
                    }
                    Outcome::Useless(link, why) => {
                        let listing = store::list(link, self.inner.start.clone()).await;
                        (listing.map_err(|error| self.explain(error))?, Some(why))
                    }
                }
            }
        };
        let mut summary = store::read_all(listing, sink).await?;
        if let Some(why) = &fallback {
            tracing::info!(why, "the store was read through the daemon");
        }
        summary.fallback = fallback;
        Ok(summary)
    }

    async fn keep(&self, copy: Option<Copy>) {
        let later = self.inner.spec.kept.is_some();
        if later || self.inner.copies.load(Ordering::Relaxed) {
            *self.inner.copy.lock().await = copy;
        }
    }

    async fn begun(&self, seen: Option<&Seen>) -> Result<Reading, ServerError> {
        let known = seen.map(Seen::facts);
        let ahead = self.inner.ahead.lock().await.take();
        if let Some(ahead) = ahead
            && let Ok(Ok(begun)) = ahead.await
        {
            *self.inner.bulk.lock().await = Some(begun.link().clone());
            // What is the same as something else than what was seen says nothing.
            if !matches!(&begun, Reading::Same(_, facts, _) if Some(facts) != known) {
                return Ok(begun);
            }
        }
        let link = self.bulk_link().await?;
        let options = ReadOptions::of(&self.inner.spec);
        let before = Before {
            known: known.cloned(),
            copy: self.inner.copy.lock().await.take(),
        };
        let begun = reader::begin(link, self.inner.start.clone(), &options, before).await;
        begun.map_err(|error| self.explain(error))
    }

    fn explain(&self, error: ServerError) -> ServerError {
        listing::explain(error, self.facts().state_dir.as_deref())
    }

    async fn bulk_link(&self) -> Result<Link, ServerError> {
        let mut slot = self.inner.bulk.lock().await;
        if let Some(link) = &*slot
            && link.round_trip().await.is_ok()
        {
            return Ok(link.clone());
        }
        let Inner {
            link,
            spec,
            prompter,
            ..
        } = &*self.inner;
        let link = link.beside(&spec.place, prompter).await?;
        self.inner.own.add(&link);
        *slot = Some(link.clone());
        Ok(link)
    }

    /// What the store knows of these paths now, in their order.
    pub async fn path_infos(&self, paths: &[StorePath]) -> Result<Vec<InfoReply>, ServerError> {
        let Inner { link, start, .. } = &*self.inner;
        let mut idle = self.inner.idle.lock().await;
        let daemon = match idle.take() {
            Some(daemon) => daemon,
            None => Daemon::open(link, start).await?,
        };
        let queue = Queue::new(paths.iter().cloned().collect());
        let asked = store::ask_all(link, start, daemon, &queue, None).await?;
        // A fatal error comes twice, and the second one would answer the next question.
        let clean = !asked
            .replies
            .iter()
            .any(|reply| matches!(reply, InfoReply::Failed(..)));
        *idle = asked.daemon.filter(|_| clean);
        Ok(asked.replies)
    }
}

/// The events of a store that is as it was seen.
async fn same(
    sink: Sender<StoreEvent>,
    seen: Option<Arc<Seen>>,
) -> Result<ReadSummary, ServerError> {
    let listed = seen.as_ref().map_or(0, |seen| seen.len());
    let sent = sink.send(StoreEvent::Same(listed)).await;
    sent.map_err(|_| ServerError::Stopped)?;
    Ok(ReadSummary {
        listed,
        answered: listed,
        source: Source::Database,
        seen,
        ..ReadSummary::default()
    })
}

#[cfg(test)]
mod tests;
