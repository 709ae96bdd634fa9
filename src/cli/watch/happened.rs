//! What is known of a server that is watched, to hold against what is found next.
//!
//! In: facts as they come in. Out: what has happened since the last ones. The first ones tell only what holds for a time: a full disk, a
//! daemon that is down, a key that ends.

use crate::domain::access::AccessFacts;
use crate::domain::server_facts::Disk;
use crate::domain::{Bytes, Thresholds, When};
use crate::judge::access::{Refused, RequestRow, keys, requests};
use crate::judge::events::{Ending, Event, Phase, endings, logins, requests as new_requests};
use crate::judge::health::access::SOON;
use crate::judge::health::{State, space_left};
use crate::load::StoreSnapshot;
use std::collections::BTreeSet;

/// All that is known.
#[derive(Default)]
pub(super) struct Before {
    /// The store, when it was read last.
    pub(super) store: Option<StoreSnapshot>,
    /// Access, when it was read last.
    pub(super) access: Option<AccessFacts>,
    /// Clients that were refused by then.
    pub(super) refused: Vec<Refused>,
    waiting: Vec<RequestRow>,
    endings: BTreeSet<Ending>,
    disk: Option<State>,
    daemon: Option<bool>,
    collection: bool,
}

impl Before {
    /// Takes what was found of access. What could not be read this time is as it was.
    pub(super) fn access(&mut self, facts: AccessFacts) -> Vec<Event> {
        let found = keys(&facts, SOON);
        let now = facts.at;
        let until = When::from_unix(now.unix().saturating_add(SOON.0.cast_signed()));
        let mut events = endings(&mut self.endings, &found.keys, now, until);
        let first = self.access.is_none();
        if facts.events.is_ok() {
            if !first {
                events.extend(logins(&self.refused, &found.refused));
            }
            self.refused = found.refused;
        }
        if facts.requests.is_ok() {
            let waiting = requests(&facts).requests;
            if !first {
                events.extend(new_requests(&self.waiting, &waiting));
            }
            self.waiting = waiting;
        }
        self.access = Some(facts);
        events
    }

    /// Takes how full the store's disk is.
    pub(super) fn disk(&mut self, disk: &Disk, limits: &Thresholds) -> Option<Event> {
        let free = disk.inodes.saturating_sub(disk.inodes_used);
        let (warning, critical) = (limits.disk_warning, limits.disk_critical);
        let space = space_left(disk.available, disk.size, warning, critical);
        let (warning, critical) = (limits.inodes_warning, limits.inodes_critical);
        let inodes = space_left(Bytes(free), Bytes(disk.inodes), warning, critical);
        let state = space.max(inodes);
        let before = self.disk.replace(state).unwrap_or(State::Fine);
        (before != state).then_some(Event::Disk {
            state,
            available: disk.available.0,
            size: disk.size.0,
            inodes_free: (disk.inodes > 0).then_some(free),
        })
    }

    /// Takes whether the daemon listens.
    pub(super) fn daemon(&mut self, listens: bool) -> Option<Event> {
        let before = self.daemon.replace(listens).unwrap_or(true);
        (before != listens).then_some(Event::Daemon { listens })
    }

    /// Takes whether a collection runs.
    pub(super) fn collection(&mut self, runs: bool) -> Option<Event> {
        let before = std::mem::replace(&mut self.collection, runs);
        let state = if runs { Phase::Began } else { Phase::Ended };
        (before != runs).then_some(Event::Collection { state })
    }
}
