//! The SSH side of the demo: authorizes one key, and runs its commands.
//!
//! In: TCP connections, and when the store is there. Out: commands for `exec`, from then on. No terminal, no shell, no forwarding, no subsystem.

use super::Made;
use super::exec;
use super::faults::Faults;
use super::pipe;
use super::scratch::Scratch;
use russh::keys::PublicKey;
use russh::server::{
    Auth, ChannelOpenHandle, Config, Handler, Msg, PublicKeyOffer, Session, VerifiedPublicKey,
};
use russh::{Channel, ChannelId, ChannelOpenFailure, MethodKind, MethodSet, SshId};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// Sessions of one connection, as sshd has it by default.
const MAX_SESSIONS: usize = 10;
/// Bytes under way between the connection and the protocol.
const BUFFER: usize = 256 * 1024;

/// What every connection needs.
#[derive(Debug, Clone)]
pub(super) struct Service {
    pub(super) scratch: Arc<Scratch>,
    pub(super) made: watch::Receiver<Made>,
    pub(super) faults: Faults,
    pub(super) stopped: CancellationToken,
    pub(super) tasks: TaskTracker,
}

impl Service {
    /// Takes connections until the demo is stopped.
    pub(super) async fn listen(self, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.stopped.cancelled() => return,
            };
            let Ok((stream, _)) = accepted else {
                // Out of descriptors, say: wait rather than spin.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            if !self.faults.plan().refuse_connections {
                let service = self.clone();
                self.tasks.spawn(service.connection(stream));
            }
        }
    }

    async fn connection(self, stream: TcpStream) {
        // Without it, each small answer waits for the next acknowledgement.
        let _ = stream.set_nodelay(true);
        let (near, far) = tokio::io::duplex(BUFFER);
        let ended = CancellationToken::new();
        let connection = Connection {
            service: self.clone(),
            channels: HashMap::new(),
            sessions: Arc::default(),
            _end: ended.clone().drop_guard(),
            ended,
        };
        let serving = async {
            if let Ok(session) = russh::server::run_stream(self.config(), far, connection).await {
                // How a connection ended is the client's matter.
                let _ = session.await;
            }
        };
        tokio::select! {
            () = self.stopped.cancelled() => {}
            ((), ()) = async { tokio::join!(serving, pipe::carry(stream, near, self.faults.clone())) } => {}
        }
    }

    fn config(&self) -> Arc<Config> {
        let key = if self.faults.plan().wrong_host_key {
            &self.scratch.other_host_key
        } else {
            &self.scratch.host_key
        };
        Arc::new(Config {
            server_id: SshId::Standard(Cow::Borrowed("SSH-2.0-storekeeper-demo")),
            methods: MethodSet::from(&[MethodKind::PublicKey][..]),
            auth_rejection_time: Duration::from_millis(300),
            auth_rejection_time_initial: Some(Duration::ZERO),
            keys: vec![key.clone()],
            inactivity_timeout: None,
            nodelay: true,
            ..Config::default()
        })
    }
}

/// One client's connection.
struct Connection {
    service: Service,
    channels: HashMap<ChannelId, Channel<Msg>>,
    sessions: Arc<AtomicUsize>,
    ended: CancellationToken,
    /// Ends the commands when the connection is dropped.
    _end: DropGuard,
}

impl Connection {
    fn allows(&self, key: &PublicKey) -> Auth {
        if key.key_data() == self.service.scratch.client_key.key_data() {
            Auth::Accept
        } else {
            Auth::reject()
        }
    }
}

impl Handler for Connection {
    type Error = russh::Error;

    async fn auth_publickey_offered(
        &mut self,
        _user: &str,
        offer: PublicKeyOffer<'_>,
    ) -> Result<Auth, Self::Error> {
        Ok(self.allows(offer.public_key))
    }

    async fn auth_publickey(
        &mut self,
        _user: &str,
        key: VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        Ok(self.allows(key.public_key))
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        if self.sessions.fetch_add(1, Ordering::Relaxed) >= MAX_SESSIONS {
            self.sessions.fetch_sub(1, Ordering::Relaxed);
            reply
                .reject(ChannelOpenFailure::AdministrativelyProhibited)
                .await;
        } else {
            self.channels.insert(channel.id(), channel);
            reply.accept().await;
        }
        Ok(())
    }

    async fn channel_close(
        &mut self,
        channel: ChannelId,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        // What runs a command has taken the channel and counts for itself.
        if self.channels.remove(&channel).is_some() {
            self.sessions.fetch_sub(1, Ordering::Relaxed);
        }
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        data: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let Some(open) = self.channels.remove(&channel) else {
            return session.channel_failure(channel);
        };
        session.channel_success(channel)?;
        let service = self.service.clone();
        let (sessions, ended) = (self.sessions.clone(), self.ended.clone());
        let command = data.to_vec();
        let environment = exec::Environment {
            variables: service.scratch.environment(service.faults.plan().no_nix),
            home: service.scratch.path("home"),
            sshd: service.scratch.path("bin/sshd"),
            state: service.scratch.path("state"),
        };
        service.tasks.spawn(async move {
            exec::run(open, command, environment, service.made, ended).await;
            sessions.fetch_sub(1, Ordering::Relaxed);
        });
        Ok(())
    }

    async fn shell_request(
        &mut self,
        channel: ChannelId,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_failure(channel)
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        _name: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_failure(channel)
    }
}
