//! The one part of the console that touches a server.
//!
//! In: effects. Out: messages, from tasks that run beside the loop. Nothing here waits in the loop: each effect starts a
//! task, replaces a waiting one, or sets a flag.

mod access;
mod activity;
mod answer;
mod backup;
mod connect;
mod contents;
mod examine;
mod export;
mod installed;
mod keep;
mod latest;
mod load;
mod plan;
mod second;
mod space;
mod store;
mod unsigned;
mod watch;
mod way;
mod work;

pub(super) use answer::Prompt;
pub(super) use connect::Targets;
pub use examine::{Examination, Examiner};
pub(super) use keep::Keeper;

use crate::console::app::msg::{Effect, Msg};
use crate::console::screens;
use crate::console::types::JobId;
use crate::inventory::Searcher;
use crate::server::Server;
use connect::{Keys, Session};
use latest::Latest;
use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

/// Where messages go. The loop outlives everything here; a message that cannot be sent any more is not missed.
pub(super) type Sender = UnboundedSender<Msg>;

/// Runs effects.
pub(super) struct Backend {
    send: Sender,
    targets: Targets,
    keeper: Keeper,
    prompt: Arc<Prompt>,
    session: Option<Session>,
    keys: Keys,
    jobs: HashMap<JobId, CancellationToken>,
    view: Latest,
    cancel_view: Arc<AtomicBool>,
    searcher: Arc<Mutex<Searcher>>,
    group: Latest,
    measure: Latest,
    assessment: Latest,
    collect: Latest,
    cancel_plan: Arc<AtomicBool>,
}

impl Backend {
    /// Nothing is connected yet.
    pub(super) fn new(send: Sender, targets: Targets, keeper: Keeper) -> Self {
        Self {
            prompt: Arc::new(Prompt::new(send.clone())),
            send,
            targets,
            keeper,
            session: None,
            keys: Arc::new(tokio::sync::watch::Sender::new(tokio::time::Instant::now())),
            jobs: HashMap::new(),
            view: Latest::default(),
            cancel_view: Arc::default(),
            searcher: Arc::default(),
            group: Latest::default(),
            measure: Latest::default(),
            assessment: Latest::default(),
            collect: Latest::default(),
            cancel_plan: Arc::default(),
        }
    }

    /// Somebody is there.
    pub(super) fn key_pressed(&self) {
        self.keys.send_replace(tokio::time::Instant::now());
    }

    /// Does what is wanted, or begins it.
    #[allow(clippy::too_many_lines, reason = "one arm for each effect")]
    pub(super) fn run(&mut self, effect: Effect) {
        match effect {
            Effect::Connect { server } => {
                // Dropping the old session ends its tasks and its connection.
                self.session = None;
                let target = self.targets.find(&server);
                self.session = Some(Session::open(
                    target,
                    self.send.clone(),
                    Arc::clone(&self.prompt),
                    Arc::clone(&self.keys),
                ));
            }
            Effect::Examine { server } => {
                examine::go(&self.targets.examiner, self.send.clone(), server);
            }
            Effect::FindOn => {
                let _ = self.send.send(Msg::FindOn);
            }
            Effect::Reconnect => self.with(Session::reconnect),
            Effect::Refresh => self.with(Session::refresh),
            Effect::Renew => self.with(Session::renew),
            Effect::Reprobe => self.with(Session::reprobe),
            Effect::Store(effect) => self.store(effect),
            Effect::Unsigned(effect) => self.unsigned(effect),
            Effect::Access(effect) => self.access(effect),
            Effect::Space(effect) => self.space(effect),
            Effect::Activity(effect) => self.activity(effect),
            Effect::Ping => self.with_server(work::ping),
            Effect::ReadInstalled => self.with_server(installed::read),
            Effect::Plan {
                request_id,
                request,
            } => {
                let state = self.session.as_ref().map(Session::state);
                let folder = state.and_then(|state| state.folder.clone());
                self.with_server(move |server, send| {
                    plan::make(server, folder, send, request_id, *request)
                });
            }
            Effect::FindKey(choice) => {
                self.with_server(|server, send| work::find_key(server, send, choice));
            }
            Effect::Run { job, confirmed } => self.start(job, *confirmed),
            Effect::Cancel(job) => {
                if let Some(cancel) = self.jobs.get(&job) {
                    cancel.cancel();
                }
            }
            Effect::Answer { id, answer } => self.prompt.answer(id, answer),
            Effect::Remember(line) => {
                let keeper = self.keeper.clone();
                tokio::task::spawn_blocking(move || keeper.keep(&line));
            }
            Effect::Save(setting) => {
                let (keeper, send) = (self.keeper.clone(), self.send.clone());
                tokio::task::spawn_blocking(move || {
                    let _ = send.send(Msg::Toast(keeper.save(&setting)));
                });
            }
            Effect::Export { file, form, list } => {
                let send = self.send.clone();
                tokio::task::spawn_blocking(move || {
                    let _ = send.send(Msg::Toast(export::write(&file, form, &list)));
                });
            }
            // The loop has the terminal and does these itself.
            Effect::Copy(_) | Effect::Redraw | Effect::Suspend => {}
        }
    }

    fn with(&self, act: impl FnOnce(&Session)) {
        if let Some(session) = &self.session {
            act(session);
        }
    }

    /// Starts a task with the connected server; without one, nothing happens: the model says why.
    fn with_server<F>(&self, task: impl FnOnce(Server, Sender) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        if let Some(server) = self.session.as_ref().and_then(Session::server) {
            tokio::spawn(task(server, self.send.clone()));
        }
    }

    fn start(&mut self, job: JobId, confirmed: crate::change::Confirmed) {
        let cancel = CancellationToken::new();
        self.jobs.insert(job, cancel.clone());
        let Some(session) = &self.session else {
            return;
        };
        match session.server() {
            Some(server) => {
                let state = session.state();
                tokio::spawn(work::run(
                    server,
                    state,
                    self.send.clone(),
                    job,
                    confirmed,
                    cancel,
                ));
            }
            None => {
                // The link broke between the last draw and the key.
                let _ = self.send.send(Msg::Activity(screens::activity::Msg::Ended {
                    job,
                    receipt: work::not_connected(&confirmed),
                }));
            }
        }
    }
}

/// Locks, also what a panicking task has left.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
