//! One deleting call, and what is gone after it.
//!
//! In: the places that are to go. Out: how the call ended, and which of them are still there; on the way, progress, and who
//! holds the lock if it has to be waited for.

use super::Collecting;

use crate::change::job::cache::{CacheServer, CallError};
use crate::change::job::patience::{LOOKS, SETTLING, SILENT};
use crate::change::job::space::{SpaceStep, SpaceStepped};
use crate::domain::{Age, Bytes, StorePath};
use crate::server::{CollectEvent, Collected};
use std::collections::HashSet;
use std::fmt::Write as _;
use tokio::sync::mpsc::unbounded_channel;

/// How a call ended.
pub(super) enum Called {
    Answered(Collected),
    Failed(CallError),
    Cancelled,
}

impl<C: CacheServer> Collecting<'_, '_, C> {
    /// Deletes, and tells how far it is.
    pub(super) async fn delete(&mut self, left: &[usize]) -> Called {
        let list: Vec<StorePath> = left.iter().map(|at| self.paths[*at].clone()).collect();
        let (sender, mut events) = unbounded_channel();
        let mut on = move |event| {
            // The receiver lives longer than the call.
            let _ = sender.send(event);
        };
        let call = self.job.cache.collect(&self.job.token, &list, &mut on);
        let mut call = std::pin::pin!(call);
        let mut holder = std::pin::pin!(futures_util::future::OptionFuture::from(None));
        let mut asking = false;
        let mut seen = HashSet::new();
        let mut bytes = 0;
        loop {
            tokio::select! {
                biased;
                () = self.job.cancel.cancelled() => return Called::Cancelled,
                answer = &mut call => {
                    return match answer {
                        Ok(answer) => Called::Answered(answer),
                        Err(error) => Called::Failed(error),
                    };
                }
                event = events.recv() => match event {
                    Some(CollectEvent::Deleting(path)) => {
                        if let Some(at) = self.places.get(&path)
                            && seen.insert(*at)
                        {
                            bytes += self.sizes[*at];
                            self.report(seen.len(), bytes);
                        }
                    }
                    Some(CollectEvent::Waiting) if !asking => {
                        asking = true;
                        self.job.log("another process holds the lock of Nix's garbage collector; waiting for it");
                        let asked = self.job.cache.space(SpaceStep::Holders);
                        holder.set(Some(asked).into());
                    }
                    Some(CollectEvent::Note(line)) => self.job.log(&line),
                    Some(CollectEvent::Waiting) | None => {}
                },
                Some(answer) = &mut holder, if asking => {
                    asking = false;
                    if let Ok(SpaceStepped::Holders(holders)) = answer {
                        for holder in holders {
                            self.job.log(&holder);
                        }
                    }
                }
            }
        }
    }

    /// What of these is still there. After a call that was cut off, the daemon may go on for a moment, so looks repeat until
    /// two agree.
    pub(super) async fn still_there(
        &mut self,
        left: &[usize],
        cut: bool,
    ) -> Result<Vec<usize>, String> {
        let list: Vec<StorePath> = left.iter().map(|at| self.paths[*at].clone()).collect();
        let mut before: Option<HashSet<StorePath>> = None;
        let mut reopened = false;
        for _ in 0..LOOKS {
            if let Some(why) = &self.job.cut_off {
                return Err(why.clone());
            }
            if cut {
                tokio::time::sleep(SETTLING).await;
            }
            let asked = self.job.cache.space(SpaceStep::Valid(&list));
            let valid: HashSet<StorePath> = match self.job.briefly(asked).await {
                Ok(SpaceStepped::Paths(valid)) => valid.into_iter().collect(),
                Ok(_) => return Err("the server answered something else".to_owned()),
                Err(CallError::Lost(why)) if !reopened => {
                    reopened = true;
                    self.job.reopen(&why).await;
                    continue;
                }
                Err(CallError::Stopped) => {
                    self.job.cut_off = Some(SILENT.to_owned());
                    return Err(SILENT.to_owned());
                }
                Err(error) => return Err(error.to_string()),
            };
            let agreed = !cut || before.as_ref() == Some(&valid);
            before = Some(valid);
            if agreed {
                break;
            }
        }
        let valid = before.unwrap_or_default();
        let (still, gone): (Vec<usize>, Vec<usize>) = left
            .iter()
            .copied()
            .partition(|at| valid.contains(self.paths[*at]));
        for at in gone {
            self.job.tally.done += 1;
            self.bytes += self.sizes[at];
        }
        Ok(still)
    }

    /// How far it is, with rate and time left; `more` and `bytes` are what the running call has done.
    pub(super) fn report(&self, more: usize, bytes: u64) {
        let done = self.bytes + bytes;
        let seconds = self.started.elapsed().as_secs_f64();
        let mut note = format!("{} of {}", Bytes(done), self.operation.planned);
        if seconds >= 1.0 && done > 0 {
            let rate = done as f64 / seconds;
            let left = self.operation.planned.0.saturating_sub(done) as f64 / rate;
            // Writing to a text does not fail.
            let _ = write!(
                note,
                ", {}/s, {} left",
                Bytes(rate as u64),
                Age(left.ceil() as u64)
            );
        }
        self.job
            .progress_at(self.job.tally.finished() + more, &note);
    }
}
