//! How a command's bytes reach a machine: over SSH, or without it on the machine itself.
//!
//! In: [`Options`] (a name and what was said about it) and a [`Prompter`] for what only a person can answer. Out: a [`Link`] on which
//! [`Command`]s run. The way through the room: `target` asks `ssh -G` where a name leads; `ssh` connects (directly, through
//! jumps, through a `ProxyCommand`); `host_key` and `known_hosts` decide whether it is the right host; `auth` logs in with what `keys` and
//! [`agent`] have; `pool` shares what channels the server allows, `remote` and `local` run commands, `process` is one that runs.
//!
//! Host keys are strict by default: an unknown host needs a typed yes, a changed or revoked one is refused. Of the ssh
//! configuration's `StrictHostKeyChecking`, `yes` and `accept-new` are honoured and `no` means `ask`. Agent and ports are never forwarded.

mod address;
pub mod agent;
mod auth;
pub mod certify;
mod child;
mod clock;
mod command;
mod error;
mod guard;
mod host_key;
mod keys;
pub mod known_hosts;
mod local;
mod pool;
mod process;
mod prompt;
mod proxy;
mod queue;
mod remote;
mod settings;
mod shown;
mod signing;
mod ssh;
mod target;
mod tcp;

use crate::domain::ssh_key::PublicSshKey;
pub(crate) use address::tilde;
pub(crate) use child::end as end_group;
use russh::keys::PublicKey;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_util::sync::CancellationToken;

pub use self::command::{Command, quote};
pub use self::error::{ErrorKind, LinkError};
pub use self::process::{BoxedReader, BoxedWriter, Exit, Hold, Output, Process};
pub use self::prompt::{NoPrompter, Prompter, Question};
pub use self::shown::{NotShown, shown_host_key};
pub use self::target::{Options, Place, SshTarget, resolve};

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lane {
    /// As [`Link::open`] makes it.
    Interactive,
    /// As [`Link::beside`] makes it.
    Bulk,
}

/// The end of a connection, which does not keep it open.
#[derive(Clone, Default)]
pub struct End(Option<Arc<guard::State>>);

impl End {
    /// When it ended; `None` while it is open.
    pub fn at(&self) -> Option<Instant> {
        self.0.as_ref()?.ended()
    }
}

/// How much a command may write and how long it may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of standard output.
    pub output: usize,
    /// From the start to the end.
    pub time: Duration,
}

/// Seconds before the next attempt to connect; the last one repeats.
const WAITS: [u64; 6] = [1, 2, 5, 10, 30, 60];

/// How long somebody waits who wants to be connected, after so many attempts in a row have failed.
pub fn before_attempt(failed: usize) -> Duration {
    Duration::from_secs(WAITS[failed.min(WAITS.len() - 1)])
}

/// A connection to a place. Clones share it; it ends with the last of them and of its commands.
#[derive(Clone)]
pub struct Link(Arc<Inner>);

enum Inner {
    Local { closed: CancellationToken },
    Ssh { pool: pool::Pool, lane: Lane },
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Link").field(&self.place()).finish()
    }
}

impl Link {
    /// Connects, checks the host key and logs in: for short questions and answers, several at a time. A command that nobody reads
    /// is ended.
    pub async fn open(place: &Place, prompter: &Arc<dyn Prompter>) -> Result<Self, LinkError> {
        Self::connect(place, prompter, Lane::Interactive, ssh::WINDOW).await
    }

    /// The same once more, for streams of a whole store. A command that nobody reads waits, and so does its whole connection. This
    /// link shows how long the way to the server is: a new connection would only show how far what it connects to is, and that
    /// may be a forwarded port or a load balancer next door.
    pub async fn beside(
        &self,
        place: &Place,
        prompter: &Arc<dyn Prompter>,
    ) -> Result<Self, LinkError> {
        let window = ssh::window(self.round_trip().await?);
        Self::connect(place, prompter, Lane::Bulk, window).await
    }

    async fn connect(
        place: &Place,
        prompter: &Arc<dyn Prompter>,
        lane: Lane,
        window: u32,
    ) -> Result<Self, LinkError> {
        let inner = match place {
            Place::Local => Inner::Local {
                closed: CancellationToken::new(),
            },
            Place::Ssh(target) => Inner::Ssh {
                pool: pool::Pool::connect(target, prompter, window).await?,
                lane,
            },
        };
        Ok(Self(Arc::new(inner)))
    }

    fn place(&self) -> &str {
        match &*self.0 {
            Inner::Local { .. } => "local",
            Inner::Ssh { pool, .. } => &pool.first().place,
        }
    }

    fn closed_here() -> LinkError {
        LinkError::Lost {
            place: "local".into(),
            why: "it was closed".into(),
        }
    }

    /// Starts a command and leaves its streams to the caller. At most eight run at a time, on as many connections as the server makes
    /// necessary; the next one waits.
    pub async fn start(&self, command: &Command) -> Result<Process, LinkError> {
        match &*self.0 {
            Inner::Local { closed } if closed.is_cancelled() => Err(Self::closed_here()),
            Inner::Local { .. } => local::start(command),
            Inner::Ssh { pool, lane } => remote::start(pool, command.line()?, *lane).await,
        }
    }

    /// Starts a command that is not needed, if a channel for it is to spare.
    pub async fn start_spare(&self, command: &Command) -> Result<Option<Process>, LinkError> {
        match &*self.0 {
            Inner::Local { .. } => self.start(command).await.map(Some),
            Inner::Ssh { pool, lane } => remote::start_spare(pool, command.line()?, *lane).await,
        }
    }

    /// Commands that one connection runs at a time, as far as the server has shown it.
    pub fn allows(&self) -> usize {
        match &*self.0 {
            Inner::Local { .. } => usize::MAX,
            Inner::Ssh { pool, .. } => pool.allows(),
        }
    }

    /// Runs a command to its end. A command that fails is an [`Output`] with its [`Exit`]; a connection that is lost is an error.
    pub async fn run(
        &self,
        command: &Command,
        stdin: &[u8],
        limits: Limits,
    ) -> Result<Output, LinkError> {
        self.run_seen(command, stdin, limits, &|_| ()).await
    }

    /// The same; `seen` gets all of its output so far, as it comes.
    pub async fn run_seen(
        &self,
        command: &Command,
        stdin: &[u8],
        limits: Limits,
        seen: &(dyn Fn(&[u8]) + Sync),
    ) -> Result<Output, LinkError> {
        let all = async {
            let mut process = self.start(command).await?;
            let input = process.stdin.take();
            let write = async {
                if let Some(mut input) = input {
                    // A command need not read what it is given.
                    let _ = input.write_all(stdin).await;
                    let _ = input.flush().await;
                    if command.is_watching() {
                        std::future::pending::<()>().await;
                    }
                    let _ = input.shutdown().await;
                }
            };
            let finish = async {
                let mut stdout = Vec::new();
                let limit = u64::try_from(limits.output).unwrap_or(u64::MAX);
                let mut capped = (&mut process.stdout).take(limit.saturating_add(1));
                let read = loop {
                    match capped.read_buf(&mut stdout).await {
                        Ok(0) => break Ok(()),
                        Ok(_) => seen(&stdout),
                        Err(error) => break Err(error),
                    }
                };
                if stdout.len() > limits.output {
                    return Err(LinkError::TooMuch {
                        place: self.place().to_owned(),
                        limit: limits.output,
                    });
                }
                if let Err(error) = read {
                    return Err(self.broken(&error.to_string()));
                }
                match process.hold.exit().await {
                    Exit::Lost => Err(self.broken("the command's exit status was not reported")),
                    exit => Ok((stdout, exit)),
                }
            };
            let (stdout, exit) = {
                let mut write = std::pin::pin!(write);
                let mut finish = std::pin::pin!(finish);
                tokio::select! {
                    () = &mut write => finish.await?,
                    finished = &mut finish => finished?,
                }
            };
            Ok(Output {
                stdout,
                stderr: process.stderr_tail(),
                exit,
            })
        };
        match tokio::time::timeout(limits.time, all).await {
            Ok(output) => output,
            Err(_) => Err(LinkError::Timeout {
                place: self.place().to_owned(),
                what: "finish a command",
                seconds: limits.time.as_secs(),
            }),
        }
    }

    fn broken(&self, why: &str) -> LinkError {
        match &*self.0 {
            Inner::Ssh { pool, .. } if pool.first().handle.is_closed() => {
                pool.first().state.reason()
            }
            _ => LinkError::Lost {
                place: self.place().to_owned(),
                why: why.to_owned(),
            },
        }
    }

    /// How long a message takes there and back.
    pub async fn round_trip(&self) -> Result<Duration, LinkError> {
        const PATIENCE: Duration = Duration::from_secs(15);
        match &*self.0 {
            Inner::Local { .. } => Ok(Duration::ZERO),
            Inner::Ssh { pool, .. } => {
                let connection = pool.first();
                let start = Instant::now();
                let answered = tokio::select! {
                    answered = tokio::time::timeout(PATIENCE, connection.handle.send_ping()) => answered,
                    () = connection.state.gone() => return Err(connection.state.reason()),
                };
                match answered {
                    Ok(Ok(())) if !connection.handle.is_closed() => Ok(start.elapsed()),
                    Ok(_) => Err(connection.state.reason()),
                    Err(_) => Err(LinkError::Timeout {
                        place: connection.place.clone(),
                        what: "answer",
                        seconds: PATIENCE.as_secs(),
                    }),
                }
            }
        }
    }

    /// Resolves when the connection is gone, and says why. Never, for a local one that nobody closes.
    pub async fn lost(&self) -> LinkError {
        match &*self.0 {
            Inner::Local { closed } => {
                closed.cancelled().await;
                Self::closed_here()
            }
            Inner::Ssh { pool, .. } => {
                pool.first().state.gone().await;
                pool.first().state.reason()
            }
        }
    }

    /// The end of the connection.
    pub fn end(&self) -> End {
        match &*self.0 {
            Inner::Local { .. } => End(None),
            Inner::Ssh { pool, .. } => End(Some(Arc::clone(&pool.first().state))),
        }
    }

    /// This side's address and port, where nothing stands between it and what it is connected to.
    pub fn local(&self) -> Option<SocketAddr> {
        match &*self.0 {
            Inner::Local { .. } => None,
            Inner::Ssh { pool, .. } => pool.first().local,
        }
    }

    /// Ends the connection and every command on it.
    pub async fn close(&self) {
        match &*self.0 {
            Inner::Local { closed } => closed.cancel(),
            Inner::Ssh { pool, .. } => pool.close().await,
        }
    }

    /// The host key that the server has proven to hold, without a comment; `None` for this machine.
    pub fn host_key(&self) -> Option<PublicSshKey> {
        match &*self.0 {
            Inner::Local { .. } => None,
            Inner::Ssh { pool, .. } => {
                let key = pool.first().state.host_key()?.key_data().clone();
                let line = PublicKey::new(key, "").to_openssh().ok()?;
                PublicSshKey::parse(&line).ok()
            }
        }
    }

    /// The fingerprint of the key that logged in, `SHA256:…`. `None` for a password, and for `local`.
    pub fn used_key(&self) -> Option<String> {
        match &*self.0 {
            Inner::Local { .. } => None,
            Inner::Ssh { pool, .. } => pool.first().used_key.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
