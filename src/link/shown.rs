//! The host key that an address shows to a client, as `ssh-keyscan` asks for it.
//!
//! In: a host, a port, and the types of key that a client knows of it. Out: the key that the server has proved to hold, or why
//! there was none. Nobody logs in: the connection ends with the key.

use std::borrow::Cow;
use std::io::ErrorKind;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use russh::Preferred;
use russh::client::{Config, Handler, connect_stream};
use russh::keys::PublicKeyOrCertificate;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::error::sentence;
use super::host_key;
use super::known_hosts::HostKey;
use crate::domain::ssh_key::PublicSshKey;

/// For the connection and for the key, each.
const PATIENCE: Duration = Duration::from_secs(8);

/// No key was shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotShown {
    /// The machine answered, and there is no sshd at that port.
    pub refused: bool,
    /// A clause, fit to be shown.
    pub why: String,
}

impl NotShown {
    fn unknown(why: &str) -> Self {
        Self {
            refused: false,
            why: sentence(why),
        }
    }

    fn refused(why: &str) -> Self {
        Self {
            refused: true,
            why: sentence(why),
        }
    }
}

/// Takes the key down and goes.
struct Look(Arc<Mutex<Option<HostKey>>>);

impl Handler for Look {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        offered: &PublicKeyOrCertificate,
    ) -> Result<bool, russh::Error> {
        let key = HostKey::of(offered.public_key().key_data());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = key;
        Ok(false)
    }
}

/// Asks for it. Keys of these types are asked for first, as a client does that knows them.
pub async fn shown_host_key(
    host: &str,
    port: u16,
    known: &[&str],
) -> Result<PublicSshKey, NotShown> {
    let late = |_| NotShown::unknown("it does not answer");
    let connecting = timeout(PATIENCE, TcpStream::connect((host, port)));
    let stream = connecting
        .await
        .map_err(late)?
        .map_err(|error| match error.kind() {
            ErrorKind::ConnectionRefused => NotShown::refused("the connection is refused"),
            _ => NotShown::unknown(&error.to_string()),
        })?;
    let config = Arc::new(Config {
        preferred: Preferred {
            key: Cow::Owned(host_key::algorithms(known)),
            ..Preferred::DEFAULT
        },
        ..Config::default()
    });
    let found = Arc::default();
    let look = Look(Arc::clone(&found));
    // It fails in any case: the key is not accepted.
    let ended = timeout(PATIENCE, connect_stream(config, stream, look)).await;
    let found = found.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(HostKey { kind, blob }) = found {
        let line = format!("{kind} {}", STANDARD.encode(blob));
        return PublicSshKey::parse(&line)
            .map_err(|error| NotShown::unknown(&format!("its host key can't be read: {error}")));
    }
    Err(match ended.map_err(late)? {
        Err(russh::Error::Version) => NotShown::refused("what answers there is no SSH server"),
        Err(error) => NotShown::unknown(&error.to_string()),
        Ok(_) => NotShown::unknown("it showed no host key"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::net::TcpListener;

    #[tokio::test]
    async fn what_is_no_sshd_shows_no_key() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        });
        let shown = shown_host_key("127.0.0.1", port, &[]).await.unwrap_err();
        assert!(!shown.why.is_empty(), "{shown:?}");
        // The listener has gone with its thread.
        let mut gone = shown_host_key("127.0.0.1", port, &[]).await.unwrap_err();
        for _ in 0..100 {
            if gone.refused {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            gone = shown_host_key("127.0.0.1", port, &[]).await.unwrap_err();
        }
        assert_eq!(gone, NotShown::refused("the connection is refused"));
    }
}
