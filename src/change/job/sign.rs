//! Signing, chunk by chunk: look, sign, look again.
//!
//! In: the paths of a plan and its key. Out: a tally in which a path counts as done when the server was seen to store a
//! valid signature by that key for it, and for no other reason.

use super::Job;
use super::cache::{CacheServer, CallError};
use super::make::{Signer, signer};
use super::patience::{LOOKS, SETTLING, SILENT};
use crate::change::KeySource;
use crate::domain::{KeyRing, PathInfo, PublicKey, StorePath, Verdict};
use crate::judge::trust::{assess, is_unmendable};
use crate::server::InfoReply;
use std::collections::HashMap;

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

/// Why signing ended before the last path.
pub(super) enum End {
    /// The link was lost.
    Lost,
    /// Cancelled.
    Cancelled,
    /// The key does not sign, or the server does not go along.
    Refused(String),
}

impl End {
    /// What is shown for a path whose turn did not come.
    fn of_the_rest(&self) -> String {
        match self {
            Self::Lost => {
                "not signed: the link was lost before it was tried; sign again to go on".to_owned()
            }
            Self::Cancelled => {
                "not signed: cancelled before it was tried; sign again to go on".to_owned()
            }
            Self::Refused(why) => format!("not tried: {why}"),
        }
    }
}

/// Signs the paths. Why it ended before the last one, if it did.
pub(super) async fn sign<C: CacheServer>(
    job: &mut Job<C>,
    paths: &[StorePath],
    with: &KeySource,
    planned: &PublicKey,
) -> Option<End> {
    let before = job.tally.finished();
    let end = match signer(job, with, planned).await {
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
    let end = end?;
    job.tally.cancelled = matches!(end, End::Cancelled);
    let message = end.of_the_rest();
    // Paths are finished in order, so what is left is the tail.
    for path in paths.iter().skip(job.tally.finished() - before) {
        job.tally.fail(path, message.clone());
    }
    Some(end)
}

/// A signing job under way.
pub(super) struct Signing<'a, C> {
    pub(super) job: &'a mut Job<C>,
    pub(super) signer: Signer,
    pub(super) public: PublicKey,
    /// Only the signing key, for the verdict on its signatures.
    key: KeyRing,
    /// What clients trust, for the verdict on the path.
    trusted: KeyRing,
    /// Why the link was lost, until another was tried.
    pub(super) lost: Option<String>,
}

/// The server could not be read back: what it does next is not known either, so this is the end.
fn unseen(end: &mut Option<End>, why: &str) -> String {
    end.get_or_insert_with(|| End::Refused(why.to_owned()));
    why.to_owned()
}

impl<C: CacheServer> Signing<'_, C> {
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

    /// One chunk. After an error none of its paths is finished, or all are.
    async fn chunk(&mut self, chunk: &[StorePath]) -> Result<(), End> {
        // Nothing is touched before this is answered.
        let before = match self.job.patiently(self.look(chunk)).await {
            Ok(seen) => seen,
            Err(CallError::Lost(why)) => {
                self.job.reopen(&why).await;
                return Err(End::Lost);
            }
            Err(CallError::Stopped) => return Err(End::Cancelled),
            Err(CallError::Refused(why) | CallError::KeyChanged(why)) => {
                return Err(End::Refused(why));
            }
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
        let mut after = self.look_again(&touched, &mut end).await;
        if matches!(end, Some(End::Cancelled)) {
            self.wait_until_stable(&touched, &mut after).await;
        }
        for path in chunk {
            match (before.get(path), &after) {
                (Some(Seen::Lacking(_)), Ok(after)) => {
                    self.record(path, after.get(path), reasons.remove(path), end.as_ref());
                }
                (Some(Seen::Lacking(_)), Err(why)) => {
                    self.job.tally.unconfirmed = true;
                    self.job.tally.fail(path, format!("not confirmed: {why}"));
                }
                (seen, _) => self.record(path, seen, None, None),
            }
        }
        end.map_or(Ok(()), Err)
    }

    /// Looks until two looks agree: what was cut off there may go on for a moment.
    async fn wait_until_stable(
        &self,
        paths: &[StorePath],
        seen: &mut Result<HashMap<StorePath, Seen>, String>,
    ) {
        for _ in 0..LOOKS {
            let Ok(before) = seen else { return };
            tokio::time::sleep(SETTLING).await;
            let Ok(now) = self.job.briefly(self.look(paths)).await else {
                return;
            };
            let signed = |seen: &HashMap<StorePath, Seen>| {
                let signed = seen.values().filter(|seen| matches!(seen, Seen::Signed));
                signed.count()
            };
            let agreed = signed(before) == signed(&now);
            *seen = Ok(now);
            if agreed {
                return;
            }
        }
    }

    /// Counts what was seen of a path.
    fn record(
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
                "signed by {name}, and clients still refuse it: a malformed signature or a false content address is stored with it; delete it on the server and upload it again"
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
    async fn look(&self, paths: &[StorePath]) -> Result<HashMap<StorePath, Seen>, CallError> {
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
            match self.job.briefly(self.look(paths)).await {
                Ok(seen) => return Ok(seen),
                Err(CallError::Lost(why)) => lost = Some(why),
                Err(CallError::Stopped) => {
                    self.job.cut_off = Some(SILENT.to_owned());
                    return Err(unseen(end, SILENT));
                }
                Err(error @ (CallError::Refused(_) | CallError::KeyChanged(_))) => {
                    return Err(unseen(end, &error.to_string()));
                }
            }
        }
        *end = Some(End::Lost);
        self.job.reopen(&lost.unwrap_or_default()).await;
        if self.job.cut_off.is_none()
            && let Ok(seen) = self.job.briefly(self.look(paths)).await
        {
            return Ok(seen);
        }
        Err("the link was lost; refresh to see what is stored".to_owned())
    }
}
