//! Looking at what fills the disk, working out what follows from it, and planning changes of what the store keeps.
//!
//! In: a connected server, a store, rules. Out: messages.

use crate::change::audit::who;
use crate::change::collect::output_pairs;
use crate::change::samples;
use crate::change::unfinished::left;
use crate::console::app::msg::Msg;
use crate::console::backend::connect::Session;
use crate::console::backend::latest::Latest;
use crate::console::backend::{Backend, Sender};
use crate::console::screens::space::Effect;
use crate::console::types::judged::Judged;
use crate::console::types::problem::Problem;
use crate::console::types::space::{Planned, SpaceSnapshot};
use crate::domain::Explain;
use crate::domain::{Bytes, Fact, Unknown, When};
use crate::inventory::Inventory;
use crate::judge::collect::Rules;
use crate::judge::retention::Policy;
use crate::server::Server;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What is to be worked out.
struct Of {
    request_id: u64,
    generation: u64,
    inventory: Arc<Inventory>,
    known: Arc<SpaceSnapshot>,
}

impl Backend {
    /// Does what is wanted about space, or begins it.
    pub(super) fn space(&mut self, effect: Effect) {
        match effect {
            Effect::Read { look, known } => {
                let state = self.session.as_ref().map(Session::state);
                let folder = state.and_then(|state| state.folder.clone());
                self.with_server(|server, send| read(server, send, look, known, folder));
            }
            Effect::Judge {
                request_id,
                generation,
                inventory,
                known,
            } => {
                let server = self.session.as_ref().and_then(Session::server);
                let (send, place) = (self.send.clone(), self.judge.clone());
                let of = Of {
                    request_id,
                    generation,
                    inventory,
                    known,
                };
                tokio::spawn(judge(server, send, place, of));
            }
            Effect::Plan {
                request_id,
                judged,
                rules,
                saved,
            } => {
                // The one that runs is called off, the one that waits is replaced.
                self.cancel_plan.store(true, Ordering::Relaxed);
                let off = Arc::new(AtomicBool::new(false));
                self.cancel_plan = Arc::clone(&off);
                let send = self.send.clone();
                self.collect
                    .put(move || plan(&send, request_id, judged, rules, saved, &off));
            }
            Effect::WhyAlive { judged, row } => {
                let send = self.send.clone();
                tokio::task::spawn_blocking(move || {
                    let chain = judged.why_alive(row);
                    let _ = send.send(Msg::Alive { judged, row, chain });
                });
            }
        }
    }
}

/// Works out what is live. Where Nix keeps the outputs of live derivations, the server is asked for those first.
async fn judge(server: Option<Server>, send: Sender, place: Latest, of: Of) {
    let mut pairs = Vec::new();
    if let (Some(server), Ok(true)) = (server, &of.known.facts.keep_outputs) {
        match output_pairs(&server, &of.inventory).await {
            Ok(found) => pairs = found,
            Err(error) => {
                let judged = Err(Problem::new(&error));
                let request_id = of.request_id;
                let _ = send.send(Msg::SpaceJudged { request_id, judged });
                return;
            }
        }
    }
    place.put(move || {
        let Of {
            request_id,
            generation,
            inventory,
            known,
        } = of;
        let judged = Judged::new(generation, inventory, known, pairs, When::now())
            .map(Arc::new)
            .map_err(|why| Problem::new(&why));
        let _ = send.send(Msg::SpaceJudged { request_id, judged });
    });
}

/// Plans what goes; a plan that was called off is not told.
pub(super) fn plan(
    send: &Sender,
    request_id: u64,
    judged: Arc<Judged>,
    rules: Rules,
    saved: Option<Bytes>,
    cancel: &AtomicBool,
) {
    if let Some(collection) = judged.plan(&rules, saved, When::now(), cancel) {
        let planned = Box::new(Planned {
            judged,
            rules,
            saved,
            collection: Arc::new(collection),
        });
        let _ = send.send(Msg::SpacePlanned {
            request_id,
            planned,
        });
    }
}

/// The retention policy of the server.
pub(super) async fn policy(server: &Server) -> Fact<Option<Arc<Policy>>> {
    let file = server.policy().await;
    let found = file.map_err(|error| Unknown(error.notice()))??.found;
    found
        .map(|(text, _)| Policy::parse(&text).map(Arc::new))
        .transpose()
        .map_err(|error| Unknown(error.notice()))
}

/// Reads it as it is, to be edited.
pub(super) async fn read_policy(server: Server, send: Sender) {
    let found = match server.policy().await {
        Ok(Ok(file)) => Ok(file),
        Ok(Err(unknown)) => Err(Problem::new(&unknown)),
        Err(error) => Err(Problem::new(&error)),
    };
    let _ = send.send(Msg::Policy(found));
}

/// Looks: what is quick first, then the pass over the store's folders, then that over its hard links, unless these are known.
pub(super) async fn read(
    server: Server,
    send: Sender,
    look: u64,
    passed: Option<Arc<SpaceSnapshot>>,
    folder: Option<PathBuf>,
) {
    let tell = |known: Result<SpaceSnapshot, Problem>| {
        let known = known.map(Arc::new);
        let _ = send.send(Msg::Space { look, known });
    };
    let (facts, roots, pins, policy, unfinished, two) = tokio::join!(
        server.space(),
        server.roots(),
        server.pins(),
        policy(&server),
        left(&server),
        server.two_persons()
    );
    let facts = match facts {
        Ok(facts) => facts,
        Err(error) => return tell(Err(Problem::new(&error))),
    };
    let (roots, notes) = match roots {
        Ok(found) => (Ok(found.roots), found.notes),
        Err(error) => (Err(Unknown(error.notice())), vec![]),
    };
    let (seen, name) = (facts.clone(), server.spec().name.clone());
    let samples = move || samples::look(folder.as_deref(), &name, &seen);
    let samples = tokio::task::spawn_blocking(samples).await;
    let mut known = SpaceSnapshot {
        look,
        facts,
        roots,
        notes,
        pins: pins.unwrap_or_else(|error| Err(Unknown(error.notice()))),
        policy,
        last_use: None,
        links: None,
        unfinished: unfinished.map_err(|error| Unknown(error.notice())),
        two: two.map_err(|error| Unknown(error.notice())),
        login: who::login(&server),
        samples: samples.unwrap_or_default().into(),
        skew: server.facts().clock_skew,
    };
    if let Some(passed) = passed {
        known.last_use.clone_from(&passed.last_use);
        known.links.clone_from(&passed.links);
        return tell(Ok(known));
    }
    tell(Ok(known.clone()));
    let last_use = server.last_use().await;
    let last_use = last_use.map_err(|error| Unknown(error.notice()));
    known.last_use = Some(Arc::new(last_use));
    tell(Ok(known.clone()));
    let links = server.links().await;
    known.links = Some(links.unwrap_or_else(|error| Err(Unknown(error.notice()))));
    tell(Ok(known));
}
