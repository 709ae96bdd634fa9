//! Collecting, batch by batch: look what has come alive or was used, delete the rest, look what is gone.
//!
//! In: the items of a plan and what has to stay with each. Out: a tally in which a path counts as done when the server was
//! seen not to have it any more. A path that is kept after all keeps what it needs.

mod call;
mod stay;

use super::Job;
use super::cache::{CacheServer, CallError};
use super::space::{SpaceStep, SpaceStepped};
use crate::change::collect::CollectOperation;
use crate::change::plan::Item;
use crate::change::receipt::Freed;
use crate::domain::count::count;
use crate::domain::server_facts::Disk;
use crate::domain::unfinished::Unfinished;
use crate::domain::{Bytes, StorePath};
use call::Called;
use std::collections::HashMap;
use std::ops::Range;
use std::time::{Duration, Instant};

/// How often one batch is tried anew after something of it had to be left out.
const TRIES: usize = 12;

/// Why it ended before the last batch.
enum End {
    /// The link was lost, or the server can't be asked any more.
    Lost(String),
    /// Cancelled.
    Cancelled,
    /// The server does not go along.
    Refused(String),
    /// As much is available as was asked for.
    Enough(Bytes),
}

/// A collection under way.
struct Collecting<'a, 'j, C> {
    job: &'j mut Job<C>,
    paths: Vec<&'a StorePath>,
    sizes: Vec<u64>,
    operation: &'a CollectOperation,
    places: HashMap<&'a StorePath, usize>,
    /// Why a place stays.
    stays: Vec<bool>,
    finished: usize,
    bytes: u64,
    /// What Nix has counted; `None` once a call has deleted something and ended without its count.
    freed: Option<u64>,
    started: Instant,
    /// How long was waited for moments without a session.
    waited: Duration,
}

/// Carries it out, unless another collection of ours runs.
pub(super) async fn run<C: CacheServer>(
    job: &mut Job<C>,
    items: &[Item],
    operation: &CollectOperation,
) {
    let paths: Vec<&StorePath> = items.iter().filter_map(Item::path).collect();
    let runs = |other: &&Unfinished| other.collects() && other.running == Some(true);
    if let Some(other) = job.others.iter().find(runs) {
        let why = format!(
            "nothing was changed: {} runs a collection here since {} (id {}); wait for it, or stop it there",
            other.by, other.at, other.id
        );
        return rest(job, &paths, &why);
    }
    let places = (0..).zip(&paths).map(|(at, path)| (*path, at)).collect();
    let mut work = Collecting {
        stays: vec![false; paths.len()],
        sizes: items.iter().map(Item::nar_size).collect(),
        paths,
        operation,
        places,
        finished: 0,
        bytes: 0,
        freed: Some(0),
        started: Instant::now(),
        waited: Duration::ZERO,
        job,
    };
    work.keep_in_flight().await;
    let before = work.disk().await;
    let end = work.all().await;
    let freed = match work.freed {
        Some(counted) => Some(Freed::counted(counted)),
        None => work.measured(before).await,
    };
    let Collecting {
        paths,
        stays,
        finished,
        bytes,
        ..
    } = work;
    job.tally.freed = freed;
    job.tally.gone = Some(bytes);
    let counted = match freed {
        Some(freed) if freed.measured => {
            format!("{freed} came free, including changes by others")
        }
        Some(freed) => format!("Nix counts {freed} freed"),
        None => "the freed space is unknown, since a call ended without Nix's count".to_owned(),
    };
    job.log(&format!(
        "{} of NARs are gone, {} of {} planned; {counted}",
        Bytes(bytes),
        job.tally.done,
        paths.len(),
    ));
    let left: Vec<&StorePath> = (finished..paths.len())
        .filter(|at| !stays[*at])
        .map(|at| paths[at])
        .collect();
    match end {
        Ok(()) => {}
        Err(End::Enough(available)) => job.log(&format!(
            "{} are available on the store's file system, so the last {} paths of the plan stay",
            available,
            left.len()
        )),
        Err(End::Cancelled) => {
            job.tally.cancelled = true;
            rest(
                job,
                &left,
                "not collected: cancelled before they were tried",
            );
        }
        Err(End::Lost(why)) => rest(
            job,
            &left,
            &format!("not collected: {why}; plan again to go on"),
        ),
        Err(End::Refused(why)) => rest(job, &left, &format!("not collected: {why}")),
    }
    job.progress("");
}

/// One entry for all whose turn did not come: a plan may have a million.
fn rest<C: CacheServer>(job: &mut Job<C>, left: &[&StorePath], why: &str) {
    match left {
        [] => {}
        [one] => job.tally.fail(one, why),
        [first, others @ ..] => {
            let what = format!("{}, from {first} on", count(left.len(), "path"));
            job.tally.fail(what, why);
            job.tally.more += others.len();
        }
    }
}

impl<C: CacheServer> Collecting<'_, '_, C> {
    async fn all(&mut self) -> Result<(), End> {
        for range in &self.operation.batches {
            if self.job.cancel.is_cancelled() {
                return Err(End::Cancelled);
            }
            if let Some(wanted) = self.operation.until_free
                && self.finished > 0
                && let Some(disk) = self.disk().await
                && disk.available >= wanted
            {
                return Err(End::Enough(disk.available));
            }
            self.idle().await?;
            self.batch(range).await?;
            self.finished = range.end;
            self.report(0, 0);
        }
        Ok(())
    }

    /// How full the store's file system is; not known is no reason to stop.
    async fn disk(&self) -> Option<Disk> {
        let asked = self.job.cache.space(SpaceStep::Disk);
        match self.job.patiently(asked).await {
            Ok(SpaceStepped::Disk(disk)) => disk,
            _ => None,
        }
    }

    /// What came free by what is in use, where a call that deleted something ended without Nix's count.
    async fn measured(&self, before: Option<Disk>) -> Option<Freed> {
        if self.job.cut_off.is_some() {
            return None;
        }
        let asked = self.job.cache.space(SpaceStep::Disk);
        match self.job.look(asked).await {
            Ok(SpaceStepped::Disk(Some(now))) => Freed::measured(before?.used, now.used),
            _ => None,
        }
    }

    /// One batch. After an error it is finished all the same: what is gone, what stays, what is not known.
    async fn batch(&mut self, range: &Range<usize>) -> Result<(), End> {
        self.look(range).await?;
        let mut left: Vec<usize> = range.clone().filter(|at| !self.stays[*at]).collect();
        for _ in 0..TRIES {
            if left.is_empty() {
                return Ok(());
            }
            let called = self.delete(&left).await;
            let mut end = match &called {
                Called::Answered(_) => None,
                Called::Cancelled | Called::Failed(CallError::Stopped) => Some(End::Cancelled),
                Called::Failed(CallError::Lost(why)) => {
                    let why = why.clone();
                    self.job.reopen(&why).await;
                    Some(End::Lost("the link was lost".to_owned()))
                }
                Called::Failed(CallError::Refused(why) | CallError::KeyChanged(why)) => {
                    Some(End::Refused(why.clone()))
                }
            };
            let still = match self.still_there(&left, end.is_some()).await {
                Ok(still) => still,
                Err(why) => {
                    self.freed = None;
                    for at in &left {
                        self.job
                            .tally
                            .fail(self.paths[*at], format!("not confirmed: {why}"));
                    }
                    self.job.tally.unconfirmed = true;
                    self.finished = range.end;
                    return Err(end.unwrap_or(End::Lost(why)));
                }
            };
            let counted = match &called {
                Called::Answered(answer) => answer.freed,
                Called::Failed(_) | Called::Cancelled => None,
            };
            // A call that took nothing has freed nothing, whatever it said.
            if still.len() < left.len() {
                self.freed = self.freed.zip(counted).map(|(sum, more)| sum + more.0);
            }
            if let Some(end) = end.take() {
                let why = match &end {
                    End::Cancelled => "not collected: cancelled before it was tried".to_owned(),
                    End::Lost(why) | End::Refused(why) => format!("not collected: {why}"),
                    End::Enough(_) => String::new(),
                };
                for at in &still {
                    self.job.tally.fail(self.paths[*at], why.clone());
                }
                self.finished = range.end;
                return Err(end);
            }
            let Called::Answered(answer) = called else {
                return Ok(());
            };
            let Some(why) = answer.refused else {
                for at in still {
                    self.job.tally.fail(
                        self.paths[at],
                        "not collected: the server reported success and still has it",
                    );
                }
                return Ok(());
            };
            self.leave_out(range, &still, &why).await?;
            left = still.into_iter().filter(|at| !self.stays[*at]).collect();
        }
        for at in left {
            self.job.tally.fail(
                self.paths[at],
                "not collected: Nix refused again and again; plan again",
            );
        }
        Ok(())
    }
}
