//! Being connected: opening, losing, opening again.
//!
//! In: a target. Out: messages about the connection and the store; the connected server, for work on it.
//! One task a session does it all and ends with the session.

use crate::change::audit::copy::state_folder;
use crate::config::{Config, ConfigError, Overrides, Target};
use crate::console::app::msg::Msg;
use crate::console::backend::Examiner;
use crate::console::backend::answer::Prompt;
use crate::console::backend::load;
use crate::console::backend::{Sender, lock, watch, work};
use crate::console::types::problem::Problem;
use crate::domain::When;
use crate::domain::notice;
use crate::inventory::Inventory;
use crate::link::{Prompter, before_attempt};
use crate::load::{Kept, Pace, StoreSnapshot};
use crate::server::{ErrorKind, Followed, Seen, Server, ServerError};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// The servers that there are.
pub(in crate::console) struct Targets {
    /// The one that the console was opened on, if one was named.
    pub(in crate::console) first: Option<Target>,
    /// Where the others are.
    pub(in crate::console) config: Config,
    /// What arguments say over the configuration.
    pub(in crate::console) overrides: Overrides,
    /// Who tells how the others are.
    pub(in crate::console) examiner: Arc<dyn Examiner>,
}

impl Targets {
    pub(super) fn find(&self, name: &str) -> Result<Target, ConfigError> {
        if let Some(first) = self
            .first
            .as_ref()
            .filter(|first| first.settings.name == name)
        {
            return Ok(first.clone());
        }
        self.config.target(name, &self.overrides)
    }
}

/// When a key was pressed last.
pub(super) type Keys = Arc<tokio::sync::watch::Sender<tokio::time::Instant>>;

/// What a session's tasks share.
#[derive(Default)]
pub(super) struct State {
    /// Where it is kept on this machine what was seen and changed there.
    pub(super) folder: Option<PathBuf>,
    server: Mutex<Option<Server>>,
    /// The newest that is known, and what its rows are numbered by.
    newest: Mutex<Option<(u64, StoreSnapshot)>>,
    /// When what is known was kept, until the whole store was read.
    kept: Mutex<Option<When>>,
    /// When what is known may be kept again.
    rest: Mutex<Option<Instant>>,
    /// What of the audit log was read. Held by its reader.
    pub(super) audit: tokio::sync::Mutex<Followed>,
    /// All of the audit log is to be read again.
    pub(super) audit_anew: AtomicBool,
    /// Held by the maker of a newer inventory.
    pub(super) writing: tokio::sync::Mutex<()>,
}

/// Of the time at most one part in so many goes to keeping what is known.
const KEEPING: u32 = 60;

/// Numbers of inventories are never used twice, also not by another session.
static GENERATION: AtomicU64 = AtomicU64::new(1);

impl State {
    /// The newest that is known.
    pub(super) fn newest(&self) -> Option<(u64, StoreSnapshot)> {
        lock(&self.newest).clone()
    }

    /// A number for inventories whose rows are numbered anew.
    pub(super) fn new_generation() -> u64 {
        GENERATION.fetch_add(1, Ordering::Relaxed)
    }

    /// Keeps and tells a newer inventory. What was seen of the database is what the last whole reading has seen: what came
    /// in since then is read again.
    pub(super) fn publish(
        &self,
        send: &Sender,
        generation: u64,
        inventory: Inventory,
        loading: bool,
    ) {
        let mut newest = lock(&self.newest);
        let before = newest.take().filter(|(of, _)| *of == generation);
        let same = before.as_ref().map(|(_, known)| &known.inventory);
        let inventory = match same.filter(|known| known.is_same(&inventory)) {
            Some(known) => Arc::clone(known),
            None => Arc::new(inventory),
        };
        let known = StoreSnapshot {
            inventory: Arc::clone(&inventory),
            seen: before.and_then(|(_, known)| known.seen),
        };
        *newest = Some((generation, known));
        let _ = send.send(Msg::Inventory {
            generation,
            inventory,
            loading,
            kept: *lock(&self.kept),
        });
    }

    /// From here on nothing is of the last time.
    pub(super) fn is_read(&self) {
        *lock(&self.kept) = None;
    }

    /// What the last reading has seen of the database; nothing where it did not come to its end.
    pub(super) fn has_seen(&self, seen: Option<Arc<Seen>>) {
        if let Some((_, known)) = &mut *lock(&self.newest) {
            known.seen = seen;
        }
    }

    /// Keeps what was just read, but not all the time where that takes time.
    pub(super) fn keep(&self, kept: &Kept, known: &StoreSnapshot) {
        let mut rest = lock(&self.rest);
        let began = Instant::now();
        if rest.is_none_or(|rest| rest <= began) {
            kept.keep(known);
            *rest = Some(began + began.elapsed() * KEEPING);
        }
    }

    /// Starts from what this machine has kept, unless something newer is there already.
    fn remember(&self, send: &Sender, kept: &Kept) {
        let (known, at) = match kept.read() {
            Ok(Some(known)) => known,
            Ok(None) => return,
            Err(why) => {
                let why = format!("what was kept of this store is not used: {why}");
                let _ = send.send(Msg::Toast(why));
                return;
            }
        };
        known.inventory.order_by_name();
        let (generation, inventory) = (Self::new_generation(), Arc::clone(&known.inventory));
        let mut newest = lock(&self.newest);
        if newest.is_none() {
            *newest = Some((generation, known));
            *lock(&self.kept) = Some(at);
            let _ = send.send(Msg::Inventory {
                generation,
                inventory,
                loading: true,
                kept: Some(at),
            });
        }
    }
}

/// A server, connected or not.
pub(super) struct Session {
    state: Arc<State>,
    wake: Arc<Notify>,
    again: Arc<Notify>,
    /// Wakes a watch that has ended; nobody waits for it while one runs.
    watch_again: Arc<Notify>,
    changed: Arc<Notify>,
    settings: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Session {
    /// Begins to connect, and goes on until it is dropped.
    pub(super) fn open(
        target: Result<Target, ConfigError>,
        send: Sender,
        prompt: Arc<Prompt>,
        keys: Keys,
    ) -> Self {
        let own = target.as_ref().ok().and_then(|target| target.state.clone());
        let state = Arc::new(State {
            folder: own.or_else(state_folder),
            ..State::default()
        });
        let wake = Arc::new(Notify::new());
        let again = Arc::new(Notify::new());
        let watch_again = Arc::new(Notify::new());
        let changed = Arc::new(Notify::new());
        let settings = Arc::new(Notify::new());
        let keeper = Keeper {
            state: Arc::clone(&state),
            wake: Arc::clone(&wake),
            again: Arc::clone(&again),
            watch_again: Arc::clone(&watch_again),
            changed: Arc::clone(&changed),
            settings: Arc::clone(&settings),
            keys,
            send,
            prompt,
        };
        Self {
            state,
            wake,
            again,
            watch_again,
            changed,
            settings,
            task: tokio::spawn(async move {
                match target {
                    Ok(target) => keeper.keep(&target).await,
                    Err(error) => keeper.send(Msg::Failed(Problem::new(&error))),
                }
            }),
        }
    }

    /// The server, if it is connected.
    pub(super) fn server(&self) -> Option<Server> {
        lock(&self.state.server).clone()
    }

    /// What its tasks share.
    pub(super) fn state(&self) -> Arc<State> {
        Arc::clone(&self.state)
    }

    /// Connects now, not when the wait is over.
    pub(super) fn reconnect(&self) {
        self.wake.notify_one();
    }

    /// Reads the store again, which is known to have changed, as soon as that is not too often.
    pub(super) fn renew(&self) {
        self.changed.notify_one();
    }

    /// Finds out again what the server is.
    pub(super) fn reprobe(&self) {
        self.settings.notify_one();
    }

    /// Reads everything again, and watches again where that has ended.
    pub(super) fn refresh(&self) {
        self.state.audit_anew.store(true, Ordering::Relaxed);
        self.again.notify_one();
        self.watch_again.notify_waiters();
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Keeper {
    state: Arc<State>,
    wake: Arc<Notify>,
    again: Arc<Notify>,
    /// Wakes a watch that has ended; nobody waits for it while one runs.
    watch_again: Arc<Notify>,
    changed: Arc<Notify>,
    settings: Arc<Notify>,
    keys: Keys,
    send: Sender,
    prompt: Arc<Prompt>,
}

impl Keeper {
    fn send(&self, message: Msg) {
        let _ = self.send.send(message);
    }

    async fn keep(&self, target: &Target) {
        let mut failures = 0;
        loop {
            match self.connect(target).await {
                Ok(server) => {
                    failures = 0;
                    self.prompt.worked();
                    *lock(&self.state.server) = Some(server.clone());
                    let problem = self.connected(&server).await;
                    *lock(&self.state.server) = None;
                    self.wait(problem, &mut failures).await;
                }
                Err(error) => {
                    self.prompt.failed();
                    let problem = Problem::new(&error);
                    if error.kind() == ErrorKind::Connect {
                        self.wait(problem, &mut failures).await;
                    } else {
                        // Trying again by itself would only lock an account or fill a log.
                        self.send(Msg::Failed(problem));
                        self.wake.notified().await;
                    }
                }
            }
        }
    }

    async fn connect(&self, target: &Target) -> Result<Server, ServerError> {
        let spec = target.spec().await?;
        self.send(Msg::Place(spec.place.describe()));
        let prompter: Arc<dyn Prompter> = Arc::clone(&self.prompt) as Arc<dyn Prompter>;
        // Beside the connection, which takes longer; before the store is read, which goes on from it.
        let kept = Kept::of(&spec);
        let facts = kept.as_ref().and_then(Kept::facts);
        let kept = kept.map(|kept| {
            let (state, send) = (Arc::clone(&self.state), self.send.clone());
            tokio::task::spawn_blocking(move || state.remember(&send, &kept))
        });
        let server = Server::connect_to_read(spec, prompter, facts).await;
        if let Some(kept) = kept {
            let _ = kept.await;
        }
        server.inspect(Server::keep_copy)
    }

    /// Tells that it is down, and waits for the next attempt.
    async fn wait(&self, problem: Problem, failures: &mut usize) {
        let seconds = before_attempt(*failures).as_secs();
        *failures += 1;
        let again = When::from_unix(When::now().unix() + seconds as i64);
        self.send(Msg::Down {
            problem: problem.clone(),
            again: Some(again),
        });
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(seconds)) => {}
            () = self.wake.notified() => {}
        }
        self.send(Msg::Down {
            problem,
            again: None,
        });
    }

    /// Reads the server, again when asked to, until the connection is lost; then says why.
    async fn connected(&self, server: &Server) -> Problem {
        self.send(Msg::Up(server.facts()));
        let reading = async {
            self.own_keys(server).await;
            let mut asked_for = false;
            let mut pace = Pace::default();
            loop {
                let begun = Instant::now();
                load::load(server, &self.state, &self.send, &self.prompt, asked_for).await;
                // A busy server is not read all the time.
                let rest = pace.rest(begun.elapsed());
                let changed = async {
                    tokio::time::sleep(rest).await;
                    self.changed.notified().await;
                };
                tokio::select! {
                    () = self.again.notified() => asked_for = true,
                    () = self.settings.notified() => asked_for = false,
                    () = changed => {
                        asked_for = false;
                        continue;
                    }
                }
                match server.reprobe().await {
                    Ok(facts) => self.send(Msg::Up(facts)),
                    Err(error) => self.send(Msg::LoadFailed(Problem::new(&error))),
                }
            }
        };
        let lost = server.link().lost();
        tokio::select! {
            error = lost => Problem::new(&error),
            problem = watch::watch(server, &self.send, self.keys.subscribe(), &self.watch_again) => problem,
            () = reading => Problem::say(notice!("the reading ended", "R connects again")),
        }
    }

    /// Keys of ssh-agent that are keys of this cache need not be named by anyone.
    async fn own_keys(&self, server: &Server) {
        for source in work::keys_in_agent(&server.facts()).await {
            self.send(Msg::Source(Ok(source)));
        }
    }
}
