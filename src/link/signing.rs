//! Signatures for a login, by the agent or by a key file.
//!
//! In: what is to be signed. Out: the same bytes with the signature behind them, as russh wants it. A passphrase is asked for only now,
//! when the server has said that it would take the key.

use std::sync::Arc;

use russh::SendError;
use russh::keys::agent::AgentIdentity;
use russh::keys::signature::Signer as _;
use russh::keys::ssh_encoding::Encode as _;
use russh::keys::ssh_key::private::KeypairData;
use russh::keys::{HashAlg, PrivateKey};

use super::agent::Agent;
use super::error::{LinkError, homely};
use super::keys::{Secret, Signer};
use super::prompt::{Prompter, Question};
use super::target::SshTarget;

const TRIES: usize = 3;

/// Makes the signature once the server has accepted the public key; only then a passphrase is asked for.
pub(super) struct Signing<'a> {
    pub(super) agent: Option<&'a Agent>,
    pub(super) target: &'a SshTarget,
    pub(super) prompter: &'a dyn Prompter,
    pub(super) signer: Signer,
}

/// A [`LinkError`] in the shape that russh wants.
#[derive(Debug)]
pub(super) struct Unsigned(pub(super) LinkError);

impl From<SendError> for Unsigned {
    fn from(_: SendError) -> Self {
        Self(LinkError::Lost {
            place: "the server".into(),
            why: "it closed the connection during the login".into(),
        })
    }
}

impl Signing<'_> {
    /// The unlocked private key of a file.
    pub(super) async fn secret(&mut self) -> Result<Arc<PrivateKey>, LinkError> {
        let Signer::File(path, secret) = &self.signer else {
            return Err(LinkError::Agent {
                why: "it holds no such key".into(),
            });
        };
        let text = match secret {
            Secret::Open(key) => return Ok(key.clone()),
            Secret::Locked(text) => text.clone(),
        };
        if let Some(key) = self.target.secrets.key(path) {
            return Ok(key);
        }
        for _ in 0..TRIES {
            let question = Question::Passphrase { file: homely(path) };
            let Some(passphrase) = self.prompter.ask(question).await else {
                return Err(LinkError::key_file(
                    path,
                    "it is encrypted and no passphrase was given; load it with ssh-add, or connect from a terminal",
                ));
            };
            let text = text.clone();
            // Deriving the key takes a while on purpose.
            let opened = tokio::task::spawn_blocking(move || {
                russh::keys::decode_secret_key(&text, Some(&passphrase))
            })
            .await;
            if let Ok(Ok(key)) = opened {
                let key = Arc::new(key);
                self.target.secrets.keep_key(path, key.clone());
                return Ok(key);
            }
        }
        Err(LinkError::key_file(
            path,
            format!("its passphrase was wrong {TRIES} times; try again"),
        ))
    }
}

impl russh::Signer for Signing<'_> {
    type Error = Unsigned;

    async fn auth_sign(
        &mut self,
        _key: &AgentIdentity,
        hash: Option<HashAlg>,
        mut message: Vec<u8>,
    ) -> Result<Vec<u8>, Unsigned> {
        let blob = if let (Signer::Agent(blob), Some(agent)) = (&self.signer, self.agent) {
            agent.sign(blob, &message, hash).await.map_err(Unsigned)?
        } else {
            let key = self.secret().await.map_err(Unsigned)?;
            sign(&key, hash, &message).ok_or_else(|| {
                Unsigned(LinkError::Agent {
                    why: format!("a key of type {} cannot sign from a file", key.algorithm()),
                })
            })?
        };
        let length = u32::try_from(blob.len()).unwrap_or(u32::MAX);
        message.extend(length.to_be_bytes());
        message.extend(blob);
        Ok(message)
    }
}

/// A signature blob by a private key.
fn sign(key: &PrivateKey, hash: Option<HashAlg>, message: &[u8]) -> Option<Vec<u8>> {
    let signature = match key.key_data() {
        KeypairData::Rsa(rsa) => (rsa, hash).try_sign(message).ok()?,
        data => data.try_sign(message).ok()?,
    };
    signature.encode_vec().ok()
}
