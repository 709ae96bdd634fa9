//! Looking at what fills the disk, working out what follows from it, and planning changes of what the store keeps.
//!
//! In: a connected server, a store, rules. Out: messages.

use super::Sender;
use crate::console::model::Trouble;
use crate::console::msg::Msg;
use crate::console::space::{Judged, Known, Order, Planned};
use crate::domain::{Bytes, When};
use crate::inventory::Inventory;
use crate::judge::collect::Rules;
use crate::server::Server;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

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
