//! Looking at what fills the disk, working out what follows from it, and planning changes of what the store keeps.
//!
//! In: a connected server, a store, rules. Out: messages.

use super::connect::Session;
use super::latest::Latest;
use super::{Backend, Sender};
use crate::change::access::About;
use crate::change::collect::output_pairs;
use crate::console::model::Trouble;
use crate::console::msg::{Effect, Msg};
use crate::console::space::plans::{self, Asked};
use crate::console::space::{Judged, Known, Order, Planned, Wanted};
use crate::domain::unfinished::Unfinished;
use crate::domain::{Bytes, Unknown, When};
use crate::inventory::Inventory;
use crate::judge::collect::Rules;
use crate::server::{Server, ServerError};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What is to be worked out.
struct Of {
    asked: u64,
    generation: u64,
    inventory: Arc<Inventory>,
    known: Arc<Known>,
}

impl Backend {
    /// Does what is wanted about space, or begins it.
    pub(super) fn space(&mut self, effect: Effect) {
        match effect {
            Effect::ReadSpace { look } => {
                self.with_server(|server, send| read(server, send, look));
            }
            Effect::JudgeSpace {
                asked,
                generation,
                inventory,
                known,
            } => {
                let server = self.session.as_ref().and_then(Session::server);
                let (send, place) = (self.send.clone(), self.judge.clone());
                let of = Of {
                    asked,
                    generation,
                    inventory,
                    known,
                };
                tokio::spawn(judge(server, send, place, of));
            }
            Effect::PlanCollection {
                asked,
                judged,
                rules,
                saved,
            } => {
                // The one that runs is called off, the one that waits is replaced.
                self.collect_off.store(true, Ordering::Relaxed);
                let off = Arc::new(AtomicBool::new(false));
                self.collect_off = Arc::clone(&off);
                let send = self.send.clone();
                self.collect
                    .put(move || plan(&send, asked, judged, rules, saved, &off));
            }
            Effect::WhyAlive { judged, row } => {
                let send = self.send.clone();
                tokio::task::spawn_blocking(move || {
                    let chain = judged.why_alive(row);
                    let _ = send.send(Msg::Alive { judged, row, chain });
                });
            }
            Effect::PlanSpace { asked, order } => {
                self.with_server(move |server, send| make(server, send, asked, *order));
            }
            _ => {}
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
                let judged = Err(Trouble::new(&error));
                let asked = of.asked;
                let _ = send.send(Msg::SpaceJudged { asked, judged });
                return;
            }
        }
    }
    place.put(move || {
        let Of {
            asked,
            generation,
            inventory,
            known,
        } = of;
        let judged = Judged::new(generation, inventory, known, pairs, When::now())
            .map(Arc::new)
            .map_err(|why| Trouble::new(&why));
        let _ = send.send(Msg::SpaceJudged { asked, judged });
    });
}

/// Plans what goes; a plan that was called off is not told.
pub(super) fn plan(
    send: &Sender,
    asked: u64,
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
        let _ = send.send(Msg::SpacePlanned { asked, planned });
    }
}

/// Looks: what is quick first, then the pass over the store's folders, then that over its hard links.
pub(super) async fn read(server: Server, send: Sender, look: u64) {
    let tell = |known: Result<Known, Trouble>| {
        let known = known.map(Arc::new);
        let _ = send.send(Msg::Space { look, known });
    };
    let (facts, roots, pins, unfinished) = tokio::join!(
        server.space(),
        server.roots(),
        server.pins(),
        unfinished(&server)
    );
    let facts = match facts {
        Ok(facts) => facts,
        Err(error) => return tell(Err(Trouble::new(&error))),
    };
    let (roots, notes) = match roots {
        Ok(found) => (Ok(found.roots), found.notes),
        Err(error) => (Err(Unknown(error.to_string())), vec![]),
    };
    let mut known = Known {
        look,
        facts,
        roots,
        notes,
        pins: pins.unwrap_or_else(|error| Err(Unknown(error.to_string()))),
        last_use: None,
        links: None,
        unfinished: unfinished.map_err(|error| Unknown(error.to_string())),
        skew: server.facts().clock_skew,
    };
    tell(Ok(known.clone()));
    let last_use = server.last_use().await;
    let last_use = last_use.map_err(|error| Unknown(error.to_string()));
    known.last_use = Some(Arc::new(last_use));
    tell(Ok(known.clone()));
    let links = server.links().await;
    known.links = Some(links.unwrap_or_else(|error| Err(Unknown(error.to_string()))));
    tell(Ok(known));
}

/// Changes without a record; of collections that do not run, how many of their paths are gone.
async fn unfinished(server: &Server) -> Result<Vec<(Unfinished, Option<usize>)>, ServerError> {
    let mut all = Vec::new();
    for one in server.unfinished().await? {
        let mut gone = None;
        if one.collects()
            && one.running == Some(false)
            && let Ok(paths) = server.planned_paths(&one.id).await
            && let Ok(valid) = server.valid_paths(&paths).await
        {
            gone = Some(paths.len().saturating_sub(valid.len()));
        }
        all.push((one, gone));
    }
    Ok(all)
}

/// Makes a plan, by what the server says of pins and generations now.
async fn make(server: Server, send: Sender, asked: u64, order: Order) {
    let plan = match ask(&server, &order).await {
        Ok(found) => tokio::task::spawn_blocking(move || plans::plan(&order, &found))
            .await
            .unwrap_or_else(|error| Err(Trouble::new(&error)))
            .map(Box::new),
        Err(error) => Err(Trouble::new(&error)),
    };
    let _ = send.send(Msg::Planned { asked, plan });
}

async fn ask(server: &Server, order: &Order) -> Result<Asked, ServerError> {
    let pins = match &order.wanted {
        Wanted::Pin(_) | Wanted::Unpin(_) | Wanted::RemoveRoot(_) => server.pins().await?,
        Wanted::Collect(_) => Ok(vec![]),
    };
    let generations = match &order.wanted {
        Wanted::RemoveRoot(root) => server.generations(std::slice::from_ref(root)).await?,
        _ => vec![],
    };
    Ok(Asked {
        about: About::of(server),
        pins,
        folder: server.pins_dir(),
        generations,
        now: When::now(),
    })
}
