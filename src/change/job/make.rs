//! Making signatures and having them stored: by Nix on the server, or here and then added.
//!
//! In: path infos that were just read. Out: what failed for which path, and why it ended if it did. What was stored is
//! not reported: that is for the caller to see.

use super::Job;
use super::cache::{CacheServer, CallError};
use super::sign::{End, Signing};
use crate::change::KeySource;
use crate::change::sign::{Key, KeyChoice, choose, in_agent, read_local};
use crate::domain::SignedPath;
use crate::domain::{PathInfo, PublicKey, Signature, SigningKey, StorePath};
use crate::link::agent::{Agent, AgentKey};
use std::collections::HashMap;

/// Calls in a row that may fail while the bad path of a chunk is searched for; after that the key is blamed.
/// Halving 512 paths down to one takes ten.
const MOST_FAILURES: usize = 12;

/// What makes the signatures.
pub(super) enum Signer {
    /// Nix on the server, with this key file.
    Server(String),
    /// The secret, here.
    Local(Box<SigningKey>),
    /// The agent.
    Agent(Box<(Agent, AgentKey)>),
}

/// The key of the plan, looked at once more: it must still be the one that was shown.
pub(super) async fn signer<C: CacheServer>(
    job: &Job<C>,
    with: &KeySource,
    planned: &PublicKey,
) -> Result<(Key, Signer), String> {
    let facts = job.cache.facts();
    let key = choose(&KeyChoice::from(with.clone()), &facts)
        .await
        .map_err(|error| error.to_string())?;
    if key.source != *with || key.public != *planned {
        return Err(format!(
            "the key has changed since the plan: it is {} now, and was {planned}; plan again",
            key.public
        ));
    }
    let signer = match with {
        KeySource::Server { file, .. } => Signer::Server(file.clone()),
        KeySource::Local { file, .. } => {
            let secret = read_local(file).map_err(|error| error.to_string())?;
            if secret.public() != key.public {
                return Err("the key file was changed just now; plan again".to_owned());
            }
            Signer::Local(Box::new(secret))
        }
        KeySource::Agent { fingerprint, name } => {
            let (agent, held, _) = in_agent(fingerprint, name)
                .await
                .map_err(|error| error.to_string())?;
            Signer::Agent(Box::new((agent, held)))
        }
    };
    Ok((key, signer))
}

impl<C: CacheServer> Signing<'_, C> {
    /// Makes the signatures and has them stored. What failed for single paths is reported by path, also with an end.
    pub(super) async fn make(
        &mut self,
        infos: &[&PathInfo],
        reasons: &mut HashMap<StorePath, String>,
    ) -> Result<(), End> {
        if infos.is_empty() {
            return Ok(());
        }
        let file = match &self.signer {
            Signer::Server(file) => Some(file.clone()),
            Signer::Local(_) | Signer::Agent(_) => None,
        };
        match file {
            Some(file) => self.have_nix_sign(&file, infos, reasons).await,
            None => self.sign_here(infos, reasons).await,
        }
    }

    /// What the error of a call means for the job; the call may have changed something.
    fn ended(&mut self, error: CallError) -> End {
        match error {
            CallError::Lost(why) => {
                self.lost = Some(why);
                End::Lost
            }
            CallError::Stopped => End::Cancelled,
            CallError::Refused(why) | CallError::KeyChanged(why) => End::Refused(why),
        }
    }

    /// `nix store sign` on the server. One path can spoil a whole call, so a failed call is halved until it is found.
    async fn have_nix_sign(
        &mut self,
        file: &str,
        infos: &[&PathInfo],
        reasons: &mut HashMap<StorePath, String>,
    ) -> Result<(), End> {
        let paths: Vec<StorePath> = infos.iter().map(|info| info.path.clone()).collect();
        let mut stack: Vec<&[StorePath]> = vec![&paths];
        let mut failures = 0;
        while let Some(part) = stack.pop() {
            let job = &*self.job;
            let call = job
                .cache
                .sign_on_server(&job.token, file, &self.public, part);
            match job.patiently(call).await {
                Ok(failed) => {
                    failures = 0;
                    reasons.extend(failed);
                }
                Err(error @ (CallError::Lost(_) | CallError::Stopped)) => {
                    return Err(self.ended(error));
                }
                // No path is to blame, and the next call would meet the same key, or worse, a third one.
                Err(CallError::KeyChanged(why)) => {
                    let rest = stack.into_iter().chain([part]).flatten();
                    reasons.extend(rest.map(|path| (path.clone(), why.clone())));
                    return Err(End::Refused(why));
                }
                Err(CallError::Refused(why)) => {
                    failures += 1;
                    if failures >= MOST_FAILURES {
                        let rest = stack.into_iter().chain([part]).flatten();
                        reasons.extend(rest.map(|path| (path.clone(), why.clone())));
                        return Err(End::Refused(why));
                    }
                    match part {
                        [path] => {
                            reasons.insert(path.clone(), why);
                        }
                        part => {
                            let (first, second) = part.split_at(part.len() / 2);
                            stack.push(second);
                            stack.push(first);
                        }
                    }
                }
            }
            if self.job.cancel.is_cancelled() && !stack.is_empty() {
                return Err(End::Cancelled);
            }
        }
        Ok(())
    }

    /// Signs here, checks each signature with the public key, and has the daemon add them.
    async fn sign_here(
        &mut self,
        infos: &[&PathInfo],
        reasons: &mut HashMap<StorePath, String>,
    ) -> Result<(), End> {
        let mut items = Vec::with_capacity(infos.len());
        let mut end = None;
        for info in infos {
            let Some(fingerprint) = info.fingerprint() else {
                reasons.insert(
                    info.path.clone(),
                    "the store has no NAR size for it, which the signature covers; upload it again"
                        .to_owned(),
                );
                continue;
            };
            let signature = match &mut self.signer {
                Signer::Server(_) => continue,
                Signer::Local(secret) => secret.sign(&fingerprint),
                Signer::Agent(held) => {
                    let (agent, key) = &mut **held;
                    match agent.sign_ed25519(key, &fingerprint).await {
                        Ok(bytes) => Signature::from_bytes(self.public.name().clone(), bytes),
                        // What it has signed so far is still added.
                        Err(error) => {
                            end = Some(End::Refused(error.to_string()));
                            break;
                        }
                    }
                }
            };
            if self.public.verifies(&fingerprint, signature.as_bytes()) {
                items.push(SignedPath {
                    path: info.path.clone(),
                    signature,
                });
            } else {
                end = Some(End::Refused(
                    "the signature that was made does not verify with the public half of the key"
                        .to_owned(),
                ));
                break;
            }
            if self.job.cancel.is_cancelled() {
                end = Some(End::Cancelled);
                break;
            }
        }
        if !items.is_empty() {
            let job = &*self.job;
            let call = job.cache.add_signatures(&job.token, &items);
            match job.patiently(call).await {
                Ok(failed) => reasons.extend(failed),
                Err(CallError::Refused(why)) => {
                    reasons.extend(items.into_iter().map(|item| (item.path, why.clone())));
                }
                Err(error) => return Err(self.ended(error)),
            }
        }
        if let Some(End::Refused(why)) = &end {
            for info in infos {
                reasons
                    .entry(info.path.clone())
                    .or_insert_with(|| why.clone());
            }
        }
        end.map_or(Ok(()), Err)
    }
}
