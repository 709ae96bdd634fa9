//! What changes on the server by itself: just that is brought up to date.
//!
//! In: an event of the watch. Out: numbers that came with it, and the readings that it makes necessary. Nobody has pressed a key, so
//! nothing is said on the last line and no dialog is touched.

use super::{activity, space};
use crate::console::app::model::Model;
use crate::console::app::msg::Effect;
use crate::console::screens;
use crate::console::types::watch::{Watch, WatchState};
use crate::server::facts::Disk;
use crate::server::{WatchEvent, Watched};
use std::sync::Arc;

/// Seconds after which a collection that the watch has not seen is looked for again.
const AGAIN: u64 = 30;

/// Time has passed. A short collection that a look met between two of the watch's ends unseen, and would stay on the screen.
pub(super) fn passed(model: &mut Model) -> Vec<Effect> {
    let now = model.cx.now;
    let watch = &mut model.cx.watch;
    let waits = watch.looked_again.is_some_and(|at| at.age(now).0 < AGAIN);
    let live = matches!(watch.state, WatchState::Live { .. });
    if !live || watch.collects || waits || model.space.collects().is_none() {
        return vec![];
    }
    watch.looked_again = Some(now);
    vec![space::look_quickly(model)]
}

/// Takes an event in.
pub(super) fn happened(model: &mut Model, event: WatchEvent) -> Vec<Effect> {
    match event {
        WatchEvent::Began { hidden } => {
            // A database that can't be watched is not read by a copy either, and reading it twice is dear.
            let seen = !hidden.contains(&Watched::Database);
            // Whether the daemon listens is reported after this.
            let before = std::mem::replace(
                &mut model.cx.watch,
                Watch {
                    state: WatchState::Live { hidden },
                    ..Watch::default()
                },
            );
            // What changed while nobody watched was not seen, and what `R` reads may be read before this.
            match before.state {
                WatchState::Ended(_) => vec![
                    Effect::Renew,
                    Effect::Access(screens::access::Effect::Read),
                    Effect::Activity(screens::activity::Effect::ReadAudit),
                    space::read(model),
                ],
                // Between the first reading and this, too; where nothing was written, nothing is read again.
                WatchState::Off if seen => vec![Effect::Renew],
                WatchState::Off | WatchState::Live { .. } => vec![],
            }
        }
        WatchEvent::Alive => vec![],
        WatchEvent::Disk(now) => {
            disk(model, now);
            vec![]
        }
        WatchEvent::Daemon(true) => {
            model.cx.watch.daemon_down = None;
            vec![]
        }
        WatchEvent::Daemon(false) => {
            model.cx.watch.daemon_down.get_or_insert(model.cx.now);
            vec![]
        }
        WatchEvent::GcLock(true) => {
            model.cx.watch.collects = true;
            vec![space::look_quickly(model)]
        }
        WatchEvent::GcLock(false) => {
            model.cx.watch.collects = false;
            // One that has ended has taken links and times along.
            vec![space::read(model)]
        }
        WatchEvent::Changed(what) => match what {
            Watched::Database => vec![Effect::Renew],
            Watched::KeyFiles | Watched::Requests | Watched::SshdConfig => {
                vec![Effect::Access(screens::access::Effect::Read)]
            }
            // What was found out is reported like a new connection, which makes the rest to be read.
            Watched::Settings => vec![Effect::Reprobe],
            Watched::LoginLog => activity::log_changed(model),
            Watched::AuditLog => vec![Effect::Activity(screens::activity::Effect::ReadAudit)],
            Watched::Jobs => vec![
                Effect::Activity(screens::activity::Effect::ReadAudit),
                space::look_quickly(model),
            ],
            Watched::Disk | Watched::GcLock => vec![],
        },
    }
}

/// How full the store's file system is now.
fn disk(model: &mut Model, now: Disk) {
    if let Some(facts) = &mut model.cx.facts
        && facts.disk.is_some()
    {
        Arc::make_mut(facts).disk = Some(now);
    }
    if let Some(known) = &mut model.space.known
        && known.facts.store.is_ok()
    {
        let known = Arc::make_mut(known);
        if let Ok(store) = &mut known.facts.store {
            store.disk = now;
        }
    }
}
