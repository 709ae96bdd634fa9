//! What happens when a server speaks first: the host key check, the news of the connection's end, and a refusal for all else.
//!
//! In: russh's callbacks. Out: verdicts on host keys, and a [`State`] that says whether and why a connection is gone.

use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use futures_util::future::BoxFuture;
use russh::client::{self, DisconnectReason};
use russh::keys::{PublicKey, PublicKeyOrCertificate};
use tokio_util::sync::CancellationToken;

use super::error::{LinkError, sentence};
use super::host_key::{self, Offered};
use super::prompt::{Prompter, Question};
use super::target::SshTarget;

/// What is known about a connection: whom it leads to, and its end.
pub(super) struct State {
    pub(super) place: String,
    /// The host key that was verified.
    host_key: OnceLock<PublicKey>,
    lost: CancellationToken,
    ended: OnceLock<Instant>,
    reason: Mutex<Option<LinkError>>,
}

impl State {
    pub(super) fn new(place: String) -> Arc<Self> {
        Arc::new(Self {
            place,
            host_key: OnceLock::new(),
            lost: CancellationToken::new(),
            ended: OnceLock::new(),
            reason: Mutex::new(None),
        })
    }

    /// The host key that was verified.
    pub(super) fn host_key(&self) -> Option<&PublicKey> {
        self.host_key.get()
    }

    /// Resolves when the connection is gone.
    pub(super) async fn gone(&self) {
        self.lost.cancelled().await;
    }

    /// Whether it is gone.
    pub(super) fn is_gone(&self) -> bool {
        self.lost.is_cancelled()
    }

    /// When it went.
    pub(super) fn ended(&self) -> Option<Instant> {
        self.ended.get().copied()
    }

    /// Why it is gone.
    pub(super) fn reason(&self) -> LinkError {
        let reason = self
            .reason
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        reason.unwrap_or_else(|| LinkError::Lost {
            place: self.place.clone(),
            why: "the server closed it".into(),
        })
    }

    /// Ends it. Only the first reason counts.
    pub(super) fn end(&self, why: impl Into<String>) {
        let mut reason = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        if reason.is_none() {
            *reason = Some(LinkError::Lost {
                place: self.place.clone(),
                why: why.into(),
            });
        }
        drop(reason);
        self.ended.get_or_init(Instant::now);
        self.lost.cancel();
    }
}

/// The client's side of russh's callbacks: the host key check, and the news of the end. Everything that a server may try to
/// open towards us is refused.
pub(super) struct Guard {
    pub(super) target: SshTarget,
    /// The address that was connected to; `None` behind a jump or a proxy.
    pub(super) peer: Option<IpAddr>,
    pub(super) prompter: Arc<dyn Prompter>,
    pub(super) asking: Arc<AtomicBool>,
    pub(super) state: Arc<State>,
}

/// Why a handshake ended.
#[derive(Debug)]
pub(super) enum Stop {
    Link(LinkError),
    Russh(russh::Error),
}

impl From<russh::Error> for Stop {
    fn from(error: russh::Error) -> Self {
        Self::Russh(error)
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link(error) => error.fmt(f),
            Self::Russh(russh::Error::KeepaliveTimeout) => {
                f.write_str("the server does not answer any more")
            }
            Self::Russh(russh::Error::Disconnect | russh::Error::HUP) => {
                f.write_str("the server closed the connection")
            }
            Self::Russh(russh::Error::IO(error))
                if error.kind() == std::io::ErrorKind::UnexpectedEof =>
            {
                f.write_str("the server closed the connection")
            }
            Self::Russh(russh::Error::Version) => {
                f.write_str("what answers there is no SSH server")
            }
            Self::Russh(error) => f.write_str(&sentence(&error.to_string())),
        }
    }
}

impl client::Handler for Guard {
    type Error = Stop;

    async fn check_server_key(&mut self, offered: &PublicKeyOrCertificate) -> Result<bool, Stop> {
        let key = offered.public_key();
        // A new exchange of session keys must be with the same host.
        if let Some(accepted) = self.state.host_key() {
            if accepted.key_data() == key.key_data() {
                return Ok(true);
            }
            return Err(Stop::Link(LinkError::connect(
                &*self.state.place,
                "its host key changed within the connection",
            )));
        }
        let offered = offered
            .certificate()
            .map_or(Offered::Key(&key), Offered::Certificate);
        let prompter = Asking {
            inner: &*self.prompter,
            asking: &self.asking,
        };
        host_key::verify(&self.target, self.peer, &prompter, offered)
            .await
            .map_err(Stop::Link)?;
        self.state.host_key.get_or_init(|| key);
        Ok(true)
    }

    async fn disconnected(&mut self, reason: DisconnectReason<Stop>) -> Result<(), Stop> {
        match reason {
            DisconnectReason::ReceivedDisconnect(info) if !info.message.is_empty() => {
                self.state
                    .end(format!("the server says \"{}\"", sentence(&info.message)));
            }
            DisconnectReason::ReceivedDisconnect(_) => self.state.end("the server closed it"),
            DisconnectReason::Error(stop) => self.state.end(stop.to_string()),
        }
        Ok(())
    }

    async fn server_channel_open_forwarded_tcpip(
        &mut self,
        _channel: russh::Channel<client::Msg>,
        _address: &str,
        _port: u32,
        _from: &str,
        _from_port: u32,
        _reply: client::ChannelOpenHandle,
        _session: &mut client::Session,
    ) -> Result<(), Stop> {
        Ok(())
    }

    async fn server_channel_open_forwarded_streamlocal(
        &mut self,
        _channel: russh::Channel<client::Msg>,
        _path: &str,
        _reply: client::ChannelOpenHandle,
        _session: &mut client::Session,
    ) -> Result<(), Stop> {
        Ok(())
    }

    async fn server_channel_open_agent_forward(
        &mut self,
        _channel: russh::Channel<client::Msg>,
        _reply: client::ChannelOpenHandle,
        _session: &mut client::Session,
    ) -> Result<(), Stop> {
        Ok(())
    }

    async fn server_channel_open_session(
        &mut self,
        _channel: russh::Channel<client::Msg>,
        _reply: client::ChannelOpenHandle,
        _session: &mut client::Session,
    ) -> Result<(), Stop> {
        Ok(())
    }

    async fn server_channel_open_direct_tcpip(
        &mut self,
        _channel: russh::Channel<client::Msg>,
        _host: &str,
        _port: u32,
        _from: &str,
        _from_port: u32,
        _reply: client::ChannelOpenHandle,
        _session: &mut client::Session,
    ) -> Result<(), Stop> {
        Ok(())
    }

    async fn server_channel_open_direct_streamlocal(
        &mut self,
        _channel: russh::Channel<client::Msg>,
        _path: &str,
        _reply: client::ChannelOpenHandle,
        _session: &mut client::Session,
    ) -> Result<(), Stop> {
        Ok(())
    }

    async fn server_channel_open_x11(
        &mut self,
        _channel: russh::Channel<client::Msg>,
        _from: &str,
        _from_port: u32,
        _reply: client::ChannelOpenHandle,
        _session: &mut client::Session,
    ) -> Result<(), Stop> {
        Ok(())
    }
}

impl Drop for Guard {
    // However the session's task ended.
    fn drop(&mut self) {
        self.state.end("the connection ended");
    }
}

/// Marks the time in which a person thinks, so that it counts as nobody's delay.
struct Asking<'a> {
    inner: &'a dyn Prompter,
    asking: &'a AtomicBool,
}

impl Prompter for Asking<'_> {
    fn ask(&self, question: Question) -> BoxFuture<'_, Option<zeroize::Zeroizing<String>>> {
        Box::pin(async move {
            self.asking.store(true, Ordering::Relaxed);
            let answer = self.inner.ask(question).await;
            self.asking.store(false, Ordering::Relaxed);
            answer
        })
    }
}
