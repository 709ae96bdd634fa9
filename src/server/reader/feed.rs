//! Rows of a copy, passed on in handfuls.
//!
//! In: a database, and which of its rows are to be read. Out: events for the reader of the store, and what was seen of the rows.

use super::Part;
use crate::database::{Database, Facts, Row, Seen, Stopped};
use crate::domain::StorePath;
use crate::domain::budget::{Budget, entry, most};
use crate::server::store::{InfoReply, StoreEvent};
use std::ops::ControlFlow;
use tokio::sync::mpsc::Sender;

/// Rows in one event, if they do not pass [`most::HANDFUL`] before.
const BATCH: usize = 2000;

/// Passes rows on in handfuls.
pub(super) struct Feed {
    events: Sender<StoreEvent>,
    replies: Vec<InfoReply>,
    kept: Budget,
    /// Rows that were taken, odd ones too.
    pub(super) taken: usize,
    pub(super) odd: Vec<StorePath>,
}

impl Feed {
    pub(super) fn new(events: Sender<StoreEvent>) -> Self {
        Self {
            events,
            replies: Vec::new(),
            kept: Budget::new("the information on the paths", u64::MAX),
            taken: 0,
            odd: Vec::new(),
        }
    }

    /// Passes on what of the database is to be read.
    pub(super) fn all(
        &mut self,
        database: &Database,
        part: &Part,
        facts: Facts,
        before: Option<&Seen>,
    ) -> Result<Seen, Stopped> {
        let seen = Seen::begin(facts, before)
            .map_err(|error| Stopped::Wrong(format!("its rows can't be marked: {error}")))?;
        let take = |row| self.take(row);
        let seen = match part {
            Part::Changes(ids, before) => database.changes(ids, seen, before, take),
            Part::All(listing) => database.rows(listing, seen, before, take),
        };
        let sent = self.send();
        sent.and(seen)
    }

    fn take(&mut self, row: Row) -> ControlFlow<()> {
        self.taken += 1;
        match row {
            Row::Odd(path) => self.odd.push(path),
            Row::Plain(info) => {
                // It can't be overdrawn.
                let _ = self.kept.charge(entry::<InfoReply>() + info.memory());
                self.replies.push(InfoReply::Valid(info));
            }
        }
        let full = self.replies.len() >= BATCH || self.kept.spent() >= most::HANDFUL;
        match full.then(|| self.send()) {
            Some(Err(_)) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }

    fn send(&mut self) -> Result<(), Stopped> {
        if self.replies.is_empty() {
            return Ok(());
        }
        self.kept.release(u64::MAX);
        let replies = std::mem::take(&mut self.replies);
        self.events
            .blocking_send(StoreEvent::Replies(replies))
            .map_err(|_| Stopped::Unwanted)
    }
}
