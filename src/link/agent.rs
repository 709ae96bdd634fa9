//! A client of ssh-agent: which keys it holds, and signatures by them. Secrets never come here.
//!
//! In: the socket of `SSH_AUTH_SOCK` or `IdentityAgent`. Out: keys and signatures. The protocol is draft-ietf-sshm-ssh-agent; one key
//! that cannot be read does not hide the others.

use std::path::{Path, PathBuf};
use std::time::Duration;

use russh::keys::agent::AgentSessionBinding;
use russh::keys::ssh_key::public::KeyData;
use russh::keys::{Certificate, HashAlg, PublicKey};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::sync::Mutex;

use super::error::LinkError;
use crate::domain::text::visible_bytes;

const FAILURE: u8 = 5;
const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;
const EXTENSION: u8 = 27;

/// OpenSSH's own limit for an agent's message.
const MOST_BYTES: u32 = 256 << 10;
const MOST_KEYS: u32 = 2048;
/// A list comes at once. A signature may wait for a finger on a security key or a dialog.
const LIST_PATIENCE: Duration = Duration::from_secs(10);
const SIGN_PATIENCE: Duration = Duration::from_secs(120);

/// A connection to an agent.
#[derive(Debug)]
pub struct Agent {
    stream: Mutex<UnixStream>,
}

/// A key that the agent holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentKey {
    /// `SHA256:…`, of the plain key also for a certificate.
    pub fingerprint: String,
    /// Its comment, made safe for a terminal.
    pub comment: String,
    /// The public key, where it is a plain ed25519 key: only such a one can make Nix signatures.
    pub ed25519: Option<[u8; 32]>,
    pub(crate) blob: Vec<u8>,
    pub(crate) public: PublicKey,
    pub(crate) certificate: Option<Box<Certificate>>,
}

impl Agent {
    /// Connects to the agent of `SSH_AUTH_SOCK`.
    pub async fn connect() -> Result<Self, LinkError> {
        let path = std::env::var_os("SSH_AUTH_SOCK").filter(|path| !path.is_empty());
        let path =
            path.ok_or_else(|| failed("no agent is running here (SSH_AUTH_SOCK is not set)"))?;
        Self::connect_to(&PathBuf::from(path)).await
    }

    /// Connects to the agent of a socket.
    pub async fn connect_to(path: &Path) -> Result<Self, LinkError> {
        let stream = UnixStream::connect(path).await.map_err(|error| {
            failed(format!(
                "no agent answers at {}: {error}",
                super::error::shown(path)
            ))
        })?;
        Ok(Self {
            stream: Mutex::new(stream),
        })
    }

    /// The keys it holds, certificates too.
    pub async fn identities(&self) -> Result<Vec<AgentKey>, LinkError> {
        let answer = self.ask(&[REQUEST_IDENTITIES], LIST_PATIENCE).await?;
        parse_identities(&answer).ok_or_else(|| failed("its list of keys cannot be read"))
    }

    /// A raw ed25519 signature over `message`.
    pub async fn sign_ed25519(
        &self,
        key: &AgentKey,
        message: &[u8],
    ) -> Result<[u8; 64], LinkError> {
        if key.ed25519.is_none() {
            return Err(failed(format!(
                "{} is no ed25519 key, so it cannot make Nix signatures",
                key.fingerprint
            )));
        }
        let blob = self.sign(&key.blob, message, None).await?;
        let mut rest = blob.as_slice();
        let signature = (take(&mut rest) == Some(b"ssh-ed25519".as_slice()))
            .then(|| take(&mut rest))
            .flatten();
        signature
            .and_then(|signature| signature.try_into().ok())
            .ok_or_else(|| failed("its signature is not one of ed25519"))
    }

    /// A signature blob (RFC 4253, section 6.6) by the key or certificate of `blob`.
    pub(crate) async fn sign(
        &self,
        blob: &[u8],
        message: &[u8],
        hash: Option<HashAlg>,
    ) -> Result<Vec<u8>, LinkError> {
        let mut request = vec![SIGN_REQUEST];
        put(&mut request, blob);
        put(&mut request, message);
        let flags: u32 = match hash {
            Some(HashAlg::Sha256) => 2,
            Some(_) => 4,
            None => 0,
        };
        request.extend(flags.to_be_bytes());
        let answer = self.ask(&request, SIGN_PATIENCE).await?;
        let signature = match answer.split_first() {
            Some((&SIGN_RESPONSE, mut rest)) => take(&mut rest).map(<[u8]>::to_vec),
            Some((&FAILURE, _)) => return Err(failed("it declined to sign")),
            _ => None,
        };
        let signature = signature.ok_or_else(|| failed("its signature cannot be read"))?;
        let expected: Option<&[u8]> = match flags {
            2 => Some(b"rsa-sha2-256"),
            4 => Some(b"rsa-sha2-512"),
            _ => None,
        };
        if expected.is_some() && take(&mut signature.as_slice()) != expected {
            return Err(failed(
                "it cannot sign with SHA-2, which servers ask for today; use a newer agent",
            ));
        }
        Ok(signature)
    }

    /// Tells the agent which server the next signatures are for, so that keys bound to destinations (`ssh-add -h`) work.
    pub(crate) async fn bind(&self, binding: &AgentSessionBinding) {
        let mut request = vec![EXTENSION];
        put(&mut request, b"session-bind@openssh.com");
        put(&mut request, binding.host_key());
        put(&mut request, binding.session_id());
        put(&mut request, binding.signature());
        request.push(0);
        // An agent that does not know it says so, and has no such keys.
        let _ = self.ask(&request, LIST_PATIENCE).await;
    }

    async fn ask(&self, request: &[u8], patience: Duration) -> Result<Vec<u8>, LinkError> {
        let mut stream = self.stream.lock().await;
        let talk = async {
            let mut message = Vec::with_capacity(request.len() + 4);
            put(&mut message, request);
            stream.write_all(&message).await?;
            let length = stream.read_u32().await?;
            if length == 0 || length > MOST_BYTES {
                return Err(std::io::Error::other("its message is too long"));
            }
            let mut answer = vec![0; length as usize];
            stream.read_exact(&mut answer).await?;
            Ok(answer)
        };
        match tokio::time::timeout(patience, talk).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(failed(error.to_string())),
            Err(_) => Err(failed(format!(
                "it did not answer within {} s",
                patience.as_secs()
            ))),
        }
    }
}

fn failed(why: impl Into<String>) -> LinkError {
    LinkError::Agent { why: why.into() }
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    // Longer ones than 4 GiB do not fit in memory beside each other; the agent would refuse them.
    out.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend(bytes);
}

fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let (bytes, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    *rest = after;
    Some(bytes)
}

fn parse_identities(answer: &[u8]) -> Option<Vec<AgentKey>> {
    let (&IDENTITIES_ANSWER, rest) = answer.split_first()? else {
        return None;
    };
    let (count, mut rest) = rest.split_first_chunk::<4>()?;
    let count = u32::from_be_bytes(*count);
    if count > MOST_KEYS {
        return None;
    }
    let mut keys = Vec::new();
    for _ in 0..count {
        let blob = take(&mut rest)?;
        let comment = take(&mut rest)?;
        keys.extend(parse_key(blob, comment));
    }
    Some(keys)
}

/// `None` for an unknown type: the agent may hold what it likes.
fn parse_key(blob: &[u8], comment: &[u8]) -> Option<AgentKey> {
    let certified = take(&mut &*blob)?.ends_with(b"-cert-v01@openssh.com");
    let (data, certificate): (KeyData, _) = if certified {
        // The nesting is checked by russh's own reader of keys, which refuses what would exhaust the stack.
        russh::keys::key::parse_public_key(blob).ok()?;
        let certificate = Certificate::from_bytes(blob).ok()?;
        (
            certificate.public_key().clone(),
            Some(Box::new(certificate)),
        )
    } else {
        (
            russh::keys::key::parse_public_key(blob)
                .ok()?
                .key_data()
                .clone(),
            None,
        )
    };
    let ed25519 = match &certificate {
        Some(_) => None,
        None => data.ed25519().map(|key| key.0),
    };
    Some(AgentKey {
        fingerprint: data.fingerprint(HashAlg::Sha256).to_string(),
        comment: visible_bytes(comment),
        ed25519,
        blob: blob.to_vec(),
        public: PublicKey::new(data, ""),
        certificate,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_odd_key_hides_no_other() {
        let mut good = Vec::new();
        put(&mut good, b"ssh-ed25519");
        put(&mut good, &[7; 32]);
        let mut odd = Vec::new();
        put(&mut odd, b"ssh-new@example");
        let mut answer = vec![IDENTITIES_ANSWER, 0, 0, 0, 3];
        for (blob, comment) in [
            (b"x".as_slice(), b"bad".as_slice()),
            (&odd, b"odd"),
            (&good, b"me\x1b[31m\xff"),
        ] {
            put(&mut answer, blob);
            put(&mut answer, comment);
        }
        let keys = parse_identities(&answer).unwrap();
        let found = keys
            .iter()
            .find(|key| key.ed25519 == Some([7; 32]))
            .unwrap();
        assert_eq!(found.comment, "me\\e[31m\u{fffd}");
        assert!(found.fingerprint.starts_with("SHA256:"));
    }

    proptest! {
        #[test]
        fn never_panics(mut answer in proptest::collection::vec(any::<u8>(), 0..200), tagged in any::<bool>()) {
            if tagged && answer.len() > 5 {
                answer[0] = IDENTITIES_ANSWER;
                answer[1..5].copy_from_slice(&[0, 0, 0, 2]);
            }
            parse_identities(&answer);
        }
    }
}
