//! An authenticated SSH connection.
//!
//! In: a resolved target. Out: a [`Connection`] that channels can be opened on. The stream is TCP, a channel of a jump host's own
//! connection, or a `ProxyCommand`; on each the same host key check and authentication happen.

use std::borrow::Cow;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use russh::client::{self, Config, Handle};
use russh::{Preferred, cipher, compression};
use tokio::io::{AsyncRead, AsyncWrite, BufReader};
use tokio::time::timeout;
use tokio_util::io::InspectReader;

use super::auth;
use super::error::{LinkError, sentence};
use super::guard::{Guard, State, Stop};
use super::host_key;
use super::known_hosts::command::About;
use super::prompt::Prompter;
use super::proxy::{self, Complaints};
use super::queue::Waiting;
use super::target::{SshTarget, Via};
use super::tcp::Tcp;

const CONNECT_PATIENCE: Duration = Duration::from_secs(15);
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(30);
/// A silent network is found out after a minute.
const KEEPALIVE: Duration = Duration::from_secs(15);
const KEEPALIVES_LOST: usize = 3;
/// Bytes that are taken from a stream at once: the largest packet of OpenSSH, twice.
const READ_AHEAD: usize = 64 << 10;

/// An open connection.
pub(super) struct Connection {
    pub(super) handle: Handle<Guard>,
    pub(super) place: String,
    pub(super) state: Arc<State>,
    pub(super) waiting: Waiting,
    pub(super) used_key: Option<String>,
    /// This side's address and port, where nothing stands in between.
    pub(super) local: Option<SocketAddr>,
    /// The connection that carries this one, where there is a jump.
    _via: Option<Box<Connection>>,
}

impl Connection {
    /// Whether it has ended.
    pub(super) fn is_gone(&self) -> bool {
        self.state.is_gone() || self.handle.is_closed()
    }

    /// Ends it and every command on it.
    pub(super) async fn close(&self) {
        self.state.end("it was closed");
        let goodbye = self
            .handle
            .disconnect(russh::Disconnect::ByApplication, "", "");
        let _ = timeout(Duration::from_secs(1), goodbye).await;
    }
}

/// Connects and authenticates.
pub(super) fn connect<'a>(
    target: &'a SshTarget,
    prompter: &'a Arc<dyn Prompter>,
    window: u32,
) -> BoxFuture<'a, Result<Connection, LinkError>> {
    Box::pin(async move {
        let place = target.describe();
        match &target.via {
            Via::Direct => {
                let patience = target.connect_timeout.unwrap_or(CONNECT_PATIENCE);
                let stream = timeout(patience, Tcp::connect(&target.host, target.port))
                    .await
                    .map_err(|_| LinkError::Timeout {
                        place: place.clone(),
                        what: "accept a connection",
                        seconds: patience.as_secs(),
                    })?
                    .map_err(|error| LinkError::connect(&*place, error))?;
                let way = Way {
                    local: stream.local(),
                    peer: stream.peer(),
                    ..Way::default()
                };
                over(stream, target, prompter, window, way).await
            }
            Via::Command(command) => {
                let (stream, tail) = proxy::start(command, &place)?;
                // How long it takes to say something, and whether it does before the machine there, is its own matter.
                prompter.heard();
                let way = Way {
                    complaints: Some(tail),
                    ..Way::default()
                };
                over(stream, target, prompter, window, way).await
            }
            Via::Jump(hop) => {
                let outer = connect(hop, prompter, window).await?;
                let opening = outer.handle.channel_open_direct_tcpip(
                    &*target.host,
                    target.port.into(),
                    "127.0.0.1",
                    0,
                );
                let channel = timeout(HANDSHAKE_PATIENCE, opening)
                    .await
                    .map_err(|_| LinkError::Timeout {
                        place: outer.place.clone(),
                        what: "connect onwards",
                        seconds: HANDSHAKE_PATIENCE.as_secs(),
                    })?
                    .map_err(|error| {
                        LinkError::connect(
                            &*place,
                            format!("{} does not connect onwards ({error})", outer.place),
                        )
                    })?;
                let way = Way {
                    via: Some(Box::new(outer)),
                    ..Way::default()
                };
                let stream = channel.into_stream();
                over(stream, target, prompter, window, way).await
            }
        }
    })
}

/// How many bytes may be under way to us on a connection for questions and answers.
pub(super) const WINDOW: u32 = 4 << 20;

/// How many may be on one for streams, from the round trip to the server. A small window slows a long way down (2 MiB over 50 ms:
/// a tenth of what the line gives). A large one makes sshd pile up what a fast command writes, and that costs it more than it
/// gains: on loopback 64 MiB take four times as long as 4 MiB. So it is what 400 MB/s need. On a short way the least leaves sshd
/// asleep while the window is used up, so that it then sends many small answers as one packet.
pub(super) fn window(trip: Duration) -> u32 {
    const LEAST: u32 = 64 << 10;
    const MOST: u32 = 64 << 20;
    const BYTES_PER_MICROSECOND: u128 = 400;
    u32::try_from(trip.as_micros() * BYTES_PER_MICROSECOND)
        .unwrap_or(MOST)
        .clamp(LEAST, MOST)
}

/// What carries the stream of a connection.
#[derive(Default)]
struct Way {
    /// This side of it.
    local: Option<SocketAddr>,
    /// The address that was connected to, where nothing stands in between.
    peer: Option<IpAddr>,
    via: Option<Box<Connection>>,
    complaints: Option<Complaints>,
}

async fn over<S>(
    stream: S,
    target: &SshTarget,
    prompter: &Arc<dyn Prompter>,
    window: u32,
    way: Way,
) -> Result<Connection, LinkError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let place = target.describe();
    let known = host_key::known(target, About::Order).await?;
    let config = Arc::new(config(target, &known, window));
    let state = State::new(place.clone());
    let asking = Arc::new(AtomicBool::new(false));
    let guard = Guard {
        target: target.clone(),
        peer: way.peer,
        prompter: prompter.clone(),
        asking: asking.clone(),
        state: state.clone(),
    };
    // russh reads a packet's length and its body one by one; a busy server's packets are small and many.
    let stream = BufReader::with_capacity(READ_AHEAD, stream);
    let listener = prompter.clone();
    let stream = InspectReader::new(stream, move |bytes: &[u8]| {
        if !bytes.is_empty() {
            listener.heard();
        }
    });
    let connecting = client::connect_stream(config, stream, guard);
    let handle = patiently(connecting, &asking)
        .await
        .ok_or_else(|| LinkError::Timeout {
            place: place.clone(),
            what: "complete the SSH handshake",
            seconds: HANDSHAKE_PATIENCE.as_secs(),
        })?;
    let mut handle = match handle {
        Ok(handle) => handle,
        Err(Stop::Link(error)) => return Err(error),
        Err(stop) => {
            let Some(complaints) = way.complaints else {
                return Err(LinkError::connect(&*place, stop));
            };
            let said = complaints.text().await;
            let why = if said.is_empty() {
                stop.to_string()
            } else {
                sentence(&format!("{stop}; it said: {said}"))
            };
            return Err(LinkError::Proxy { place, why });
        }
    };
    let used_key = auth::authenticate(&mut handle, target, &**prompter).await?;
    Ok(Connection {
        handle,
        place,
        state,
        waiting: Waiting::default(),
        used_key,
        local: way.local,
        _via: way.via,
    })
}

/// Waits for the handshake, but not for a person in the middle of it.
async fn patiently<F: Future>(future: F, asking: &AtomicBool) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    loop {
        match timeout(HANDSHAKE_PATIENCE, &mut future).await {
            Ok(output) => return Some(output),
            Err(_) if asking.load(Ordering::Relaxed) => {}
            Err(_) => return None,
        }
    }
}

fn config(target: &SshTarget, known: &super::known_hosts::KnownHosts, window: u32) -> Config {
    let key = host_key::algorithms(&known.key_types(&target.known_as));
    let certificates = if known.has_authority(&target.known_as) {
        key.clone()
    } else {
        Vec::new()
    };
    Config {
        window_size: window,
        preferred: Preferred {
            key: Cow::Owned(key),
            host_key_certificates: Cow::Owned(certificates),
            // The processor's own AES is twice as fast as anything else here.
            cipher: Cow::Borrowed(&[
                cipher::AES_128_GCM,
                cipher::AES_256_GCM,
                cipher::CHACHA20_POLY1305,
                cipher::AES_256_CTR,
                cipher::AES_192_CTR,
                cipher::AES_128_CTR,
            ]),
            compression: Cow::Borrowed(&[compression::NONE]),
            ..Preferred::DEFAULT
        },
        keepalive_interval: Some(KEEPALIVE),
        keepalive_max: KEEPALIVES_LOST,
        nodelay: true,
        ..Config::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_grows_with_the_way() {
        let bulk = |millis| window(Duration::from_millis(millis));
        assert_eq!(
            (bulk(0), bulk(50), bulk(100_000)),
            (64 << 10, 20_000_000, 64 << 20)
        );
    }
}
