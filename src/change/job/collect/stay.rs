//! What stays after all: paths that came alive or were used since the plan, and all that they need.
//!
//! In: a batch, or a refusal. Out: marks on the places that stay, each reported once with its reason.

use super::{Collecting, End};
use crate::change::collect::first_open;
use crate::change::job::Job;
use crate::change::job::cache::{CacheServer, CallError, Step, Stepped};
use crate::change::job::space::{SpaceStep, SpaceStepped};
use crate::domain::StorePath;
use crate::domain::count::count;
use crate::domain::text::visible;
use std::collections::HashMap;
use std::ops::Range;
use std::time::Duration;

/// Between two looks at the open sessions.
const PAUSE: Duration = Duration::from_secs(1);

impl<C: CacheServer> Collecting<'_, '_, C> {
    /// Roots and uses since the plan: what they touch stays, with what it needs.
    pub(super) async fn look(&mut self, range: &Range<usize>) -> Result<(), End> {
        let asked = self.job.cache.space(SpaceStep::Roots);
        let targets = match self.job.patiently(asked).await {
            Ok(SpaceStepped::Paths(targets)) => targets,
            other => return Err(ended(self.job, other).await),
        };
        for target in targets {
            if let Some(at) = self.places.get(&target).copied() {
                self.stay(at, "it became a GC root since the plan was made");
            }
        }
        if self.operation.used.is_empty() {
            return Ok(());
        }
        let some: Vec<StorePath> = range.clone().map(|at| self.paths[at].clone()).collect();
        let asked = self.job.cache.space(SpaceStep::Used(&some));
        let times = match self.job.patiently(asked).await {
            Ok(SpaceStepped::Times(times)) => times,
            other => return Err(ended(self.job, other).await),
        };
        let now: HashMap<[u8; 20], _> = times.into_iter().collect();
        for (at, path) in range.clone().zip(&some) {
            let before = self.operation.used.get(at).copied().flatten();
            if let (Some(before), Some(now)) = (before, now.get(&path.digest()))
                && *now > before
            {
                self.stay(at, "it was used since the plan was made");
            }
        }
        Ok(())
    }

    /// What was uploaded since a session began that is open now stays: its client may be about to upload what needs it. What comes
    /// later is in no plan.
    pub(super) async fn keep_in_flight(&mut self) {
        if self.operation.registered.is_empty() {
            return;
        }
        let asked = self.job.cache.access(&self.job.token, Step::Sessions);
        let since = match self.job.briefly(asked).await {
            Ok(Stepped::Sessions(Ok(open))) => first_open(&open),
            Ok(Stepped::Sessions(Err(unknown))) => {
                self.job
                    .log(&format!("the open sessions are unknown: {unknown}"));
                None
            }
            // A server without sshd; and what is wrong with a link shows at the next look.
            _ => None,
        };
        let Some(since) = since else {
            return;
        };
        for at in 0..self.paths.len() {
            let registered = self.operation.registered.get(at).copied().flatten();
            if registered.is_some_and(|at| at >= since) {
                self.stay(
                    at,
                    "it was uploaded since a session began that is still open",
                );
            }
        }
    }

    /// Waits for a moment in which no session of the cache user is open, where that was asked for. Nix may have told the client of one that
    /// a path is there, which nothing on the server knows of; the next session is told that it is not.
    pub(super) async fn idle(&mut self) -> Result<(), End> {
        let Some(limit) = self.operation.idle else {
            return Ok(());
        };
        loop {
            let asked = self.job.cache.access(&self.job.token, Step::Sessions);
            let open = match self.job.patiently(asked).await {
                Ok(Stepped::Sessions(Ok(open))) => open.len(),
                Ok(Stepped::Sessions(Err(unknown))) => {
                    return Err(End::Refused(format!(
                        "it goes on only without an open session, and the open sessions are unknown: {unknown}"
                    )));
                }
                Ok(_) => {
                    return Err(End::Refused(
                        "the server answered something else".to_owned(),
                    ));
                }
                Err(error) => return Err(ended(self.job, Err(error)).await),
            };
            if open == 0 {
                return Ok(());
            }
            if self.waited >= Duration::from_secs(limit.0) {
                return Err(End::Refused(format!(
                    "sessions of the cache user were open for all of {limit}"
                )));
            }
            let note = format!("waiting for {} to end", count(open, "session"));
            self.job.progress_at(self.finished, &note);
            let _ = self
                .job
                .patiently(async {
                    tokio::time::sleep(PAUSE).await;
                    Ok::<(), CallError>(())
                })
                .await;
            if self.job.cancel.is_cancelled() {
                return Err(End::Cancelled);
            }
            self.waited += PAUSE;
        }
    }

    /// Keeps a path and what it needs, each reported once.
    fn stay(&mut self, at: usize, why: &str) {
        let mut todo = vec![(at, format!("kept: {why}"))];
        while let Some((at, why)) = todo.pop() {
            if self.stays.get(at).copied().unwrap_or(true) {
                continue;
            }
            self.stays[at] = true;
            self.job.log(&format!("{}: {why}", self.paths[at].name()));
            self.job.tally.fail(self.paths[at], why);
            let needed = format!("kept: {} needs it, which stays", self.paths[at].name());
            for needs in self.operation.needs(at) {
                todo.push((*needs as usize, needed.clone()));
            }
        }
    }

    /// After a refusal: what has become alive, or has got a referrer that is not in the plan, stays.
    pub(super) async fn leave_out(
        &mut self,
        range: &Range<usize>,
        still: &[usize],
        why: &str,
    ) -> Result<(), End> {
        let kept = |work: &Self| work.stays.iter().filter(|stays| **stays).count();
        let before = kept(self);
        self.look(range).await?;
        let some: Vec<StorePath> = still.iter().map(|at| self.paths[*at].clone()).collect();
        let asked = self.job.cache.space(SpaceStep::Referrers(&some));
        let referrers = match self.job.patiently(asked).await {
            Ok(SpaceStepped::Referrers(referrers)) => referrers,
            other => return Err(ended(self.job, other).await),
        };
        for (at, referrers) in still.iter().zip(referrers) {
            let stranger = referrers.into_iter().find(|referrer| {
                let place = self.places.get(referrer);
                place.is_none_or(|place| self.stays[*place] || *place >= range.end)
            });
            if let Some(stranger) = stranger {
                let why = format!(
                    "{} refers to it, which came since the plan was made or stays",
                    stranger.name()
                );
                self.stay(*at, &why);
            }
        }
        if kept(self) > before {
            return Ok(());
        }
        // Nix names the path that it stopped at, Lix the first ten of those that it has kept.
        let named: Vec<usize> = still
            .iter()
            .copied()
            .filter(|at| why.contains(self.paths[*at].base_name()))
            .collect();
        if !named.is_empty() {
            let said = match *named {
                [_] => why,
                // Each path's entry has the reason, not the others' names.
                _ => before_names(why, named.iter().map(|at| self.paths[*at].base_name())),
            };
            for at in named {
                self.stay(at, &format!("Nix refuses to delete it: {}", visible(said)));
            }
            return Ok(());
        }
        for at in still {
            self.job
                .tally
                .fail(self.paths[*at], format!("not collected: {why}"));
        }
        self.finished = range.end;
        Err(End::Refused(why.to_owned()))
    }
}

/// What a refusal says before the first of these names.
fn before_names<'a>(why: &'a str, names: impl Iterator<Item = &'a str>) -> &'a str {
    let first = names.filter_map(|name| why.find(name)).min();
    let before = first.and_then(|at| why.get(..at)).unwrap_or(why);
    before.trim_end_matches(|c: char| c.is_whitespace() || ":'\"/".contains(c))
}

/// Why a question had no answer, as the end of the job.
async fn ended<C: CacheServer>(job: &mut Job<C>, answer: Result<SpaceStepped, CallError>) -> End {
    match answer {
        Err(CallError::Lost(why)) => {
            job.reopen(&why).await;
            End::Lost("the link was lost".to_owned())
        }
        Err(CallError::Stopped) => End::Cancelled,
        Err(CallError::Refused(why) | CallError::KeyChanged(why)) => End::Refused(why),
        Ok(_) => End::Refused("the server answered something else".to_owned()),
    }
}
