//! The one part of the console that touches a server.
//!
//! In: effects. Out: messages, from tasks that run beside the loop. Nothing here waits in the loop: each effect starts a
//! task, replaces a waiting one, or sets a flag.

mod access;
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
mod watch;
mod way;
mod work;

pub(super) use answer::Prompt;
pub(super) use connect::Targets;
pub use examine::{Examination, Examiner};
pub(super) use keep::Keeper;

use crate::console::app::msg::{Effect, Msg};
use crate::console::screens::{store, unsigned};
use crate::console::types::JobId;
use crate::console::types::judged::Judged;
use crate::inventory::{Inventory, Query, SearchFacts, Searcher, Sort};
use crate::judge::rotation::coverage;
use crate::server::Server;
use connect::{Keys, Session};
use latest::Latest;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
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
    judge: Latest,
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
            judge: Latest::default(),
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
            Effect::ReadAudit => {
                if let Some(state) = self.session.as_ref().map(Session::state) {
                    self.with_server(|server, send| work::read_audit(server, state, send));
                }
            }
            Effect::ReadAccess => self.with_server(access::read),
            Effect::FollowLog { known } => {
                self.with_server(|server, send| access::follow(server, send, known));
            }
            Effect::Onboard {
                server,
                known,
                platform,
            } => {
                if let Ok(target) = self.targets.find(&server) {
                    self.with_server(|server, send| {
                        access::onboard(server, send, target.settings, known, platform)
                    });
                }
            }
            Effect::WayOfFile {
                server,
                known,
                file,
                path,
            } => {
                if let Ok(target) = self.targets.find(&server) {
                    self.with_server(|server, send| {
                        way::of_file(server, send, target.settings, (known, file, path))
                    });
                }
            }
            Effect::ReadCertificate(file) => {
                let send = self.send.clone();
                tokio::task::spawn_blocking(move || {
                    let _ = send.send(Msg::Certificate(access::certificate(&file)));
                });
            }
            Effect::Way {
                server,
                known,
                key,
                path,
            } => {
                if let Ok(target) = self.targets.find(&server) {
                    self.with_server(|server, send| {
                        way::go(
                            server,
                            send,
                            target.settings,
                            way::Wanted {
                                known,
                                key,
                                certificate: None,
                                path,
                            },
                        )
                    });
                }
            }
            Effect::Space(effect) => self.space(effect),
            Effect::ReadPolicy => self.with_server(space::read_policy),
            Effect::ReadPolicyOfFile(file) => {
                self.with_server(|server, send| space::read_policy_of_file(server, send, file));
            }
            Effect::VerifyAudit => {
                if let Some(state) = self.session.as_ref().map(Session::state) {
                    self.with_server(|server, send| work::verify_audit(server, state, send));
                }
            }
            Effect::ReadInstalled => self.with_server(installed::read),
            Effect::Ping => self.with_server(work::ping),
            Effect::Store(store::Effect::View {
                request_id,
                generation,
                inventory,
                query,
                sort,
                hide_drv,
                judged,
            }) => self.view(
                request_id,
                generation,
                inventory,
                query,
                (sort, hide_drv),
                judged,
            ),
            Effect::Unsigned(unsigned::Effect::Group {
                request_id,
                generation,
                inventory,
                compromised,
            }) => {
                let send = self.send.clone();
                self.group.put(move || {
                    let _ = send.send(Msg::Groups {
                        request_id,
                        generation,
                        found: unsigned::Found::of(&inventory, &compromised),
                    });
                });
            }
            Effect::Unsigned(unsigned::Effect::Keys {
                inventory,
                facts,
                purpose,
            }) => {
                let send = self.send.clone();
                tokio::task::spawn_blocking(move || {
                    let keys = coverage(&inventory, &facts.keys);
                    let _ = send.send(Msg::SigningKeys(purpose, keys));
                });
            }
            Effect::Store(store::Effect::Measure { inventory, rows }) => {
                let send = self.send.clone();
                self.measure.put(move || {
                    inventory.measure_closures_of(&rows, &AtomicBool::new(false));
                    let _ = send.send(Msg::Measured);
                });
            }
            Effect::Store(store::Effect::Chain {
                inventory,
                from,
                to,
            }) => {
                let send = self.send.clone();
                tokio::task::spawn_blocking(move || {
                    let chain = inventory
                        .why_depends(from, to)
                        .or_else(|| inventory.why_depends(to, from));
                    let _ = send.send(Msg::Chain { from, to, chain });
                });
            }
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
            Effect::Compare {
                job,
                inventory,
                rows,
            } => self.compare(job, inventory, rows),
            Effect::BackUp { job, file } => self.back_up(job, &file),
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
            Effect::Copy(_) | Effect::Redraw | Effect::Suspend | Effect::Edit(_) => {}
        }
    }

    fn view(
        &mut self,
        request_id: u64,
        generation: u64,
        inventory: Arc<Inventory>,
        query: Query,
        (sort, hide_drv): (Sort, bool),
        judged: Option<Arc<Judged>>,
    ) {
        // The one that runs is called off, the one that waits is replaced.
        self.cancel_view.store(true, Ordering::Relaxed);
        let off = Arc::new(AtomicBool::new(false));
        self.cancel_view = Arc::clone(&off);
        let send = self.send.clone();
        let searcher = Arc::clone(&self.searcher);
        self.view.put(move || {
            let now = crate::domain::When::now();
            let known = judged
                .as_ref()
                .map_or_else(SearchFacts::default, |judged| judged.for_search());
            let tell = |view| {
                let _ = send.send(Msg::View {
                    request_id,
                    generation,
                    view,
                });
            };
            // One runs at a time, so nobody waits for it.
            let mut searcher = lock(&searcher);
            let first = searcher.first_page(&inventory, &query, sort, hide_drv, now, known);
            first.into_iter().for_each(&tell);
            let whole = searcher.view(&inventory, &query, sort, hide_drv, now, known, &off);
            whole.into_iter().for_each(tell);
        });
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
                let _ = self.send.send(Msg::Ended {
                    job,
                    receipt: work::not_connected(&confirmed),
                });
            }
        }
    }
}

/// Locks, also what a panicking task has left.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
