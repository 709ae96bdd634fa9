//! Signing, chunk by chunk: look, sign, look again.
//!
//! In: the paths of a plan and its key. Out: a tally in which a path counts as done when the server was seen to store a
//! valid signature by that key for it, and for no other reason.

use super::cache::{Cache, Trouble};
use super::{Job, REOPEN};
use crate::change::KeySource;
use crate::change::plan::SignedPath;
use crate::change::sign::{Key, KeyChoice, choose, in_agent, is_unmendable, read_local};
use crate::domain::{KeyRing, PathInfo, PublicKey, Signature, SigningKey, StorePath, Verdict};
use crate::judge::trust::assess;
use crate::link::agent::{Agent, AgentKey};
use crate::server::InfoReply;
use std::collections::HashMap;

/// Calls in a row that may fail, while the guilty path of a chunk is looked for, before the key itself is called guilty.
/// Halving 512 paths down to one takes ten.
const MOST_FAILURES: usize = 12;

/// What was seen of a path.
enum Seen {
    /// It carries a valid signature by the key.
    Signed,
    /// It does, and clients refuse it all the same.
    Spoilt,
    /// It does not.
    Lacking(Box<PathInfo>),
    /// Not in the store.
    Gone,
    /// The server cannot read it.
    Unreadable(String),
    /// The server did not say.
    Silent,
}

/// What makes the signatures.
enum Signer {
    /// Nix on the server, with this key file.
    Server(String),
    /// The secret, here.
    Local(SigningKey),
    /// The agent.
    Agent(Box<(Agent, AgentKey)>),
}

/// Why signing ended before the last path.
enum End {
    /// The link was lost.
    Lost,
    /// Cancelled.
    Cancelled,
    /// The key does not sign, or the server does not go along.
    Refused(String),
}

impl End {
    /// What is said of a path whose turn did not come.
    fn of_the_rest(&self) -> String {
        match self {
            Self::Lost => {
                "not signed: the link was lost before its turn; sign again to go on".to_owned()
            }
            Self::Cancelled => {
                "not signed: cancelled before its turn; sign again to go on".to_owned()
            }
            Self::Refused(why) => format!("not tried: {why}"),
        }
    }
}

/// Signs the paths.
pub(super) async fn sign<C: Cache>(job: &mut Job<C>, paths: &[StorePath], with: &KeySource) {
    let end = match signer(job, with).await {
        Err(why) => Some(End::Refused(why)),
        Ok((key, signer)) => {
            let mut signing = Signing {
                key: KeyRing::new(vec![key.public.clone()], vec![], vec![]),
                public: key.public,
                signer,
                trusted: job.cache.facts().keys.clone(),
                lost: None,
                job,
            };
            signing.all(paths).await
        }
    };
    let Some(end) = end else { return };
    job.tally.cancelled = matches!(end, End::Cancelled);
    let message = end.of_the_rest();
    // Paths are settled in order, so what is left is the tail.
    for path in paths.iter().skip(job.tally.settled()) {
        job.tally.fail(path, message.clone());
    }
}

/// The key of the plan, looked at once more: it must still be the one that was shown.
async fn signer<C: Cache>(job: &Job<C>, with: &KeySource) -> Result<(Key, Signer), String> {
    let facts = job.cache.facts();
    let key = choose(&KeyChoice::from(with.clone()), &facts)
        .await
        .map_err(|error| error.to_string())?;
    if key.source != *with {
        return Err("the key is not the one of the plan any more; plan again".to_owned());
    }
    let signer = match with {
        KeySource::Server { file, .. } => Signer::Server(file.clone()),
        KeySource::Local { file, .. } => {
            let secret = read_local(file).map_err(|error| error.to_string())?;
            if secret.public() != key.public {
                return Err("the key file was changed just now; plan again".to_owned());
            }
            Signer::Local(secret)
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

/// A signing job under way.
struct Signing<'a, C> {
    job: &'a mut Job<C>,
    signer: Signer,
    public: PublicKey,
    /// Only the signing key, for the verdict on its signatures.
    key: KeyRing,
    /// What clients trust, for the verdict on the path.
    trusted: KeyRing,
    /// Why the link was lost, until another was tried.
    lost: Option<String>,
}

/// The server could not be read back: what it does next is not known either, so this is the end.
fn unseen(end: &mut Option<End>, why: &str) -> String {
    end.get_or_insert_with(|| End::Refused(why.to_owned()));
    why.to_owned()
}

impl<C: Cache> Signing<'_, C> {
    /// Works through the chunks; `None` when all of them had their turn.
    async fn all(&mut self, paths: &[StorePath]) -> Option<End> {
        for chunk in paths.chunks(self.job.chunk) {
            if self.job.cancel.is_cancelled() {
                return Some(End::Cancelled);
            }
            self.job.progress(chunk.first().map_or("", StorePath::name));
            if let Err(end) = self.chunk(chunk).await {
                self.job.progress("");
                return Some(end);
            }
        }
        self.job.progress("");
        None
    }

    /// One chunk. After an error nothing of it is settled, or all of it.
    async fn chunk(&mut self, chunk: &[StorePath]) -> Result<(), End> {
        // Nothing is touched before this is answered.
        let before = match self.job.patiently(self.look(chunk)).await {
            Ok(seen) => seen,
            Err(Trouble::Lost(why)) => {
                self.job.reopen(&why).await;
                return Err(End::Lost);
            }
            Err(Trouble::Stopped) => return Err(End::Cancelled),
            Err(Trouble::Refused(why)) => return Err(End::Refused(why)),
        };
        let lacking: Vec<&PathInfo> = chunk
            .iter()
            .filter_map(|path| match before.get(path) {
                Some(Seen::Lacking(info)) => Some(&**info),
                _ => None,
            })
            .collect();
        let mut reasons = HashMap::new();
        let mut end = self.make(&lacking, &mut reasons).await.err();
        let touched: Vec<StorePath> = lacking.iter().map(|info| info.path.clone()).collect();
        let after = self.look_again(&touched, &mut end).await;
        for path in chunk {
            match (before.get(path), &after) {
                (Some(Seen::Lacking(_)), Ok(after)) => {
                    self.settle(path, after.get(path), reasons.remove(path), end.as_ref());
                }
                (Some(Seen::Lacking(_)), Err(why)) => {
                    self.job.tally.unconfirmed = true;
                    self.job.tally.fail(path, format!("not confirmed: {why}"));
                }
                (seen, _) => self.settle(path, seen, None, None),
            }
        }
        end.map_or(Ok(()), Err)
    }

    /// Writes down what was seen of a path.
    fn settle(
        &mut self,
        path: &StorePath,
        seen: Option<&Seen>,
        reason: Option<String>,
        end: Option<&End>,
    ) {
        let name = self.public.name();
        let message = match seen {
            Some(Seen::Signed) => {
                self.job.tally.done += 1;
                return;
            }
            Some(Seen::Spoilt) => format!(
                "signed by {name}, and clients still refuse it: a malformed signature is stored with it; delete it on the server and upload it again"
            ),
            Some(Seen::Gone) => {
                "it is not in the store any more, deleted since the plan was made; nothing is left to sign".to_owned()
            }
            Some(Seen::Unreadable(why)) => format!("the server can't read it: {why}"),
            Some(Seen::Silent) | None => {
                self.job.tally.unconfirmed = true;
                "not confirmed: the server did not say what it has stored; refresh to see".to_owned()
            }
            Some(Seen::Lacking(_)) => match (reason, end) {
                (Some(reason), _) => format!("not signed: {reason}"),
                (None, Some(End::Lost)) => {
                    "not signed: the link was lost before the signature arrived; sign again to go on".to_owned()
                }
                (None, Some(End::Cancelled)) => {
                    "not signed: cancelled; sign again to go on".to_owned()
                }
                (None, _) => format!(
                    "not signed: the server reported success, and no valid signature by {name} is stored; check the key on the server"
                ),
            },
        };
        self.job.log(&format!("{}: {message}", path.name()));
        self.job.tally.fail(path, message);
    }

    /// Asks the server what it has.
    async fn look(&self, paths: &[StorePath]) -> Result<HashMap<StorePath, Seen>, Trouble> {
        let mut seen: HashMap<StorePath, Seen> = HashMap::with_capacity(paths.len());
        if paths.is_empty() {
            return Ok(seen);
        }
        for reply in self.job.cache.path_infos(paths).await? {
            match reply {
                InfoReply::Valid(info) => {
                    let valid = assess(&self.key, &info)
                        .signatures
                        .iter()
                        .any(|(_, verdict)| *verdict == Verdict::Valid);
                    let path = info.path.clone();
                    let what = match (valid, is_unmendable(&self.trusted, &info)) {
                        (true, true) => Seen::Spoilt,
                        (true, false) => Seen::Signed,
                        (false, _) => Seen::Lacking(Box::new(info)),
                    };
                    seen.insert(path, what);
                }
                InfoReply::Invalid(path) => {
                    seen.insert(path, Seen::Gone);
                }
                InfoReply::Failed(path, why) => {
                    seen.insert(path, Seen::Unreadable(why));
                }
            }
        }
        for path in paths {
            seen.entry(path.clone()).or_insert(Seen::Silent);
        }
        Ok(seen)
    }

    /// Reads back after signing; over a new link if the old one was lost, which then is the end. The error says why
    /// nothing could be read.
    async fn look_again(
        &mut self,
        paths: &[StorePath],
        end: &mut Option<End>,
    ) -> Result<HashMap<StorePath, Seen>, String> {
        let mut lost = self.lost.take();
        if lost.is_none() {
            match tokio::time::timeout(REOPEN, self.look(paths)).await {
                Ok(Ok(seen)) => return Ok(seen),
                Ok(Err(Trouble::Lost(why))) => lost = Some(why),
                Ok(Err(trouble)) => return Err(unseen(end, &trouble.to_string())),
                Err(_) => return Err(unseen(end, "the server stopped answering")),
            }
        }
        *end = Some(End::Lost);
        self.job.reopen(&lost.unwrap_or_default()).await;
        if !self.job.cut_off
            && let Ok(Ok(seen)) = tokio::time::timeout(REOPEN, self.look(paths)).await
        {
            return Ok(seen);
        }
        Err("the link was lost; refresh to see what is stored".to_owned())
    }

    /// Makes the signatures and has them stored. What failed for single paths is told by path, also with an end.
    async fn make(
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

    /// Sorts the trouble of a call that may have changed something.
    fn ended(&mut self, trouble: Trouble) -> End {
        match trouble {
            Trouble::Lost(why) => {
                self.lost = Some(why);
                End::Lost
            }
            Trouble::Stopped => End::Cancelled,
            Trouble::Refused(why) => End::Refused(why),
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
            let call = job.cache.sign_on_server(&job.token, file, part);
            match job.patiently(call).await {
                Ok(failed) => {
                    failures = 0;
                    reasons.extend(failed);
                }
                Err(trouble @ (Trouble::Lost(_) | Trouble::Stopped)) => {
                    return Err(self.ended(trouble));
                }
                Err(Trouble::Refused(why)) => {
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
                    "the store does not know its NAR size, which the signature is made over; upload it again".to_owned(),
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
                Err(Trouble::Refused(why)) => {
                    reasons.extend(items.into_iter().map(|item| (item.path, why.clone())));
                }
                Err(trouble) => return Err(self.ended(trouble)),
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
