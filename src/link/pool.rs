//! The channels of a link: how many its server allows at a time, and where the next one goes.
//!
//! In: a connection, and how to get another. Out: a [`Slot`] on one of them for each command. A connection starts with [`SLOTS`]; a
//! refusal shows what its server really allows (sshd's `MaxSessions`), down to one. A command waits for a slot; where the server allows
//! few and long commands hold them all (a job's lock, a daemon), another connection is opened.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::error::LinkError;
use super::prompt::Prompter;
use super::ssh::{self, Connection};
use super::target::SshTarget;

/// Channels of one connection at a time, where the server allows them: OpenSSH does 10 by default (`MaxSessions`).
const SLOTS: usize = 8;

/// Connections of one link at most.
const CONNECTIONS: usize = 8;

/// How long a command waits for its turn before another connection is opened for it.
const TURN: Duration = Duration::from_millis(500);

/// sshd counts a session that has ended until its loop comes round.
const SETTLED: Duration = Duration::from_millis(700);

/// All connections of a link. Clones share them.
#[derive(Clone)]
pub(super) struct Pool(Arc<Shared>);

struct Shared {
    first: Arc<Connection>,
    members: Mutex<Vec<Member>>,
    freed: Notify,
    /// Who is next; the others wait for it, in order.
    turn: tokio::sync::Mutex<()>,
    closed: AtomicBool,
    target: SshTarget,
    prompter: Arc<dyn Prompter>,
    window: u32,
}

struct Member {
    connection: Arc<Connection>,
    used: usize,
    limit: usize,
    /// When a channel of it last ended.
    ended: Option<Instant>,
}

/// The right to one channel of a connection.
pub(super) struct Slot {
    pool: Pool,
    pub(super) connection: Arc<Connection>,
    opened: bool,
}

/// What to do after a refusal.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Try on the same connection in a moment.
    Again,
    /// Wait for another turn: the server allows no more than what is open.
    Wait,
    /// The server allows none at all.
    Never,
}

impl Pool {
    /// Connects. So many bytes may be under way to us on each channel.
    pub(super) async fn connect(
        target: &SshTarget,
        prompter: &Arc<dyn Prompter>,
        window: u32,
    ) -> Result<Self, LinkError> {
        let first = Arc::new(ssh::connect(target, prompter, window).await?);
        let member = Member::new(Arc::clone(&first), SLOTS);
        Ok(Self(Arc::new(Shared {
            first,
            members: Mutex::new(vec![member]),
            freed: Notify::new(),
            turn: tokio::sync::Mutex::new(()),
            closed: AtomicBool::new(false),
            target: target.clone(),
            prompter: Arc::clone(prompter),
            window,
        })))
    }

    /// The connection whose end is the link's.
    pub(super) fn first(&self) -> &Arc<Connection> {
        &self.0.first
    }

    /// A slot, as soon as there is one.
    pub(super) async fn slot(&self) -> Result<Slot, LinkError> {
        let _turn = self.0.turn.lock().await;
        let mut patience = Instant::now() + TURN;
        loop {
            if let Some(slot) = self.free()? {
                return Ok(slot);
            }
            let freed = timeout_at(patience, self.0.freed.notified()).await;
            if freed.is_err() {
                if self.has_few() {
                    self.another().await?;
                } else if self.members().iter().all(|member| member.limit == 0) {
                    return Err(LinkError::NoSession {
                        place: self.0.first.place.clone(),
                        why: "commands that were left still take all that it allows".into(),
                    });
                }
                patience = Instant::now() + TURN;
            }
        }
    }

    /// A slot if one is free now.
    pub(super) fn spare(&self) -> Result<Option<Slot>, LinkError> {
        self.free()
    }

    /// Channels that one connection allows at a time, as far as the server has shown it.
    pub(super) fn allows(&self) -> usize {
        let members = self.members();
        let limits = members.iter().map(|member| member.limit);
        limits.max().unwrap_or(SLOTS)
    }

    /// Ends all connections.
    pub(super) async fn close(&self) {
        self.0.closed.store(true, Ordering::Relaxed);
        let connections: Vec<_> = {
            let members = self.members();
            members
                .iter()
                .map(|member| Arc::clone(&member.connection))
                .collect()
        };
        for connection in connections {
            connection.close().await;
        }
    }

    fn members(&self) -> std::sync::MutexGuard<'_, Vec<Member>> {
        self.0
            .members
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn free(&self) -> Result<Option<Slot>, LinkError> {
        let first = &self.0.first;
        if self.0.closed.load(Ordering::Relaxed) || first.is_gone() {
            return Err(first.state.reason());
        }
        let mut members = self.members();
        // A further connection that is gone is replaced when one is needed.
        members.retain(|member| {
            Arc::ptr_eq(&member.connection, first) || !member.connection.is_gone()
        });
        let member = members.iter_mut().find(|member| member.used < member.limit);
        Ok(member.map(|member| {
            member.used += 1;
            Slot {
                pool: self.clone(),
                connection: Arc::clone(&member.connection),
                opened: false,
            }
        }))
    }

    /// Whether the server was found to allow less than is wanted, and another connection may be opened.
    fn has_few(&self) -> bool {
        let members = self.members();
        let all: usize = members.iter().map(|member| member.limit).sum();
        all < SLOTS && members.len() < CONNECTIONS
    }

    async fn another(&self) -> Result<(), LinkError> {
        // What one connection may have, the next one may.
        let limit = self.members().iter().map(|member| member.limit).max();
        let Shared {
            target,
            prompter,
            window,
            ..
        } = &*self.0;
        let connection = Arc::new(ssh::connect(target, prompter, *window).await?);
        if self.0.closed.load(Ordering::Relaxed) {
            connection.close().await;
            return Err(self.0.first.state.reason());
        }
        let limit = limit.filter(|limit| *limit > 0).unwrap_or(1);
        self.members().push(Member::new(connection, limit));
        Ok(())
    }
}

impl Member {
    fn new(connection: Arc<Connection>, limit: usize) -> Self {
        Self {
            connection,
            used: 0,
            limit,
            ended: None,
        }
    }

    /// What a refusal shows, with the refused slot still counted.
    fn refused(&mut self, tries_left: bool) -> Refusal {
        let others = self.used.saturating_sub(1);
        let settling = self.ended.is_some_and(|at| at.elapsed() < SETTLED);
        if tries_left && (settling || others == 0) {
            return Refusal::Again;
        }
        // Nothing was ever open here, and still it allows nothing.
        if others == 0 && self.ended.is_none() {
            return Refusal::Never;
        }
        // None at all where the server still counts commands that were left: then another connection has to do.
        self.limit = self.limit.min(others);
        Refusal::Wait
    }
}

impl Slot {
    /// Its channel is open.
    pub(super) fn opened(&mut self) {
        self.opened = true;
    }

    /// A channel was refused on it; what follows.
    pub(super) fn refused(&self, tries_left: bool) -> Refusal {
        let mut members = self.pool.members();
        let own = members
            .iter_mut()
            .find(|member| Arc::ptr_eq(&member.connection, &self.connection));
        own.map_or(Refusal::Wait, |member| member.refused(tries_left))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut members = self.pool.members();
        for member in members.iter_mut() {
            if Arc::ptr_eq(&member.connection, &self.connection) {
                member.used = member.used.saturating_sub(1);
                if self.opened {
                    member.ended = Some(Instant::now());
                }
            }
        }
        drop(members);
        self.pool.0.freed.notify_one();
    }
}
