//! Collecting, batch by batch: look what has come alive or was used, delete the rest, look what is gone.
//!
//! In: the items of a plan and what has to stay with each. Out: a tally in which a path counts as done when the server was
//! seen not to have it any more. A path that is kept after all keeps what it needs. Before the first deletion the list of
//! paths lies on the server, under a lock; it goes when the record is in the audit log.

use super::cache::{Cache, Trouble};
use super::space::{SpaceStep, SpaceStepped};
use super::{Job, SILENT};
use crate::change::collect::CollectDeed;
use crate::change::plan::Item;
use crate::domain::text::visible;
use crate::domain::{Age, Bytes, StorePath};
use crate::server::{CollectEvent, Collected};
use std::any::Any;
use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::ops::Range;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::unbounded_channel;

/// How often one batch is tried anew after something of it had to be left out.
const TRIES: usize = 12;

/// How long a daemon that was cut off may go on deleting: it looks once for each file.
const SETTLING: Duration = if cfg!(test) {
    Duration::from_millis(1)
} else {
    Duration::from_millis(250)
};

/// Looks that must agree before it counts as settled, at most.
const LOOKS: usize = 12;

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
    deed: &'a CollectDeed,
    places: HashMap<&'a StorePath, usize>,
    /// Why a place stays.
    stays: Vec<bool>,
    settled: usize,
    bytes: u64,
    freed: u64,
    started: Instant,
}

/// Carries it out. What it holds on the server lives as long as what is given back.
pub(super) async fn run<C: Cache>(
    job: &mut Job<C>,
    items: &[Item],
    deed: &CollectDeed,
) -> Option<Box<dyn Any + Send>> {
    let paths: Vec<&StorePath> = items.iter().filter_map(Item::path).collect();
    let list: Vec<StorePath> = paths.iter().map(|path| (*path).clone()).collect();
    let guard = match begin(job, &list).await {
        Ok(guard) => guard,
        Err(why) => {
            rest(job, &paths, &why);
            return None;
        }
    };
    let places = (0..).zip(&paths).map(|(at, path)| (*path, at)).collect();
    let mut work = Collecting {
        stays: vec![false; paths.len()],
        sizes: items.iter().map(Item::nar_size).collect(),
        paths,
        deed,
        places,
        settled: 0,
        bytes: 0,
        freed: 0,
        started: Instant::now(),
        job,
    };
    let end = work.all().await;
    let Collecting {
        paths,
        stays,
        settled,
        freed,
        bytes,
        ..
    } = work;
    job.tally.freed = Some(freed);
    job.log(&format!(
        "{} of NARs are gone, {} of {} planned; Nix counts {} freed",
        Bytes(bytes),
        job.tally.done,
        paths.len(),
        Bytes(freed)
    ));
    let left: Vec<&StorePath> = (settled..paths.len())
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
            rest(job, &left, "not collected: cancelled before their turn");
        }
        Err(End::Lost(why)) => rest(
            job,
            &left,
            &format!("not collected: {why}; plan again to go on"),
        ),
        Err(End::Refused(why)) => rest(job, &left, &format!("not collected: {why}")),
    }
    job.progress("");
    guard
}

/// One entry for all whose turn did not come: a plan may have a million.
fn rest<C: Cache>(job: &mut Job<C>, left: &[&StorePath], why: &str) {
    match left {
        [] => {}
        [one] => job.tally.fail(one, why),
        [first, ..] => job
            .tally
            .fail(format!("{} paths, from {first} on", left.len()), why),
    }
}

/// Writes the list, unless another collection of ours runs. Without room for it, the collection that makes room goes on.
async fn begin<C: Cache>(
    job: &mut Job<C>,
    list: &[StorePath],
) -> Result<Option<Box<dyn Any + Send>>, String> {
    if let Some(running) = job.others.iter().find(|other| other.running == Some(true)) {
        return Err(format!(
            "nothing was changed: {} runs a collection here since {} (id {}); wait for it, or stop it there",
            running.by, running.at, running.id
        ));
    }
    let what = job.about.clone();
    let step = SpaceStep::Begin(&what, list);
    match job.patiently(job.cache.space(&job.token, step)).await {
        Ok(SpaceStepped::Begun(guard)) => Ok(Some(guard)),
        Ok(_) => Err("nothing was changed: the server answered something else".to_owned()),
        Err(Trouble::Refused(why)) if job.no_room => {
            job.log(&format!(
                "the list of paths can't be kept on the server, so nobody will see there how far this got if it is killed: {why}"
            ));
            Ok(None)
        }
        Err(trouble) => Err(format!("nothing was changed: {trouble}")),
    }
}

impl<C: Cache> Collecting<'_, '_, C> {
    async fn all(&mut self) -> Result<(), End> {
        for range in &self.deed.batches {
            if self.job.cancel.is_cancelled() {
                return Err(End::Cancelled);
            }
            if let Some(wanted) = self.deed.until_free
                && self.settled > 0
                && let Some(available) = self.available().await
                && available >= wanted
            {
                return Err(End::Enough(available));
            }
            self.batch(range).await?;
            self.settled = range.end;
            self.tell(0, 0);
        }
        Ok(())
    }

    /// What is available; not known is no reason to stop.
    async fn available(&self) -> Option<Bytes> {
        let asked = self.job.cache.space(&self.job.token, SpaceStep::Available);
        match self.job.patiently(asked).await {
            Ok(SpaceStepped::Available(available)) => available,
            _ => None,
        }
    }

    /// One batch. After an error it is settled all the same: what is gone, what stays, what is not known.
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
                Called::Cancelled | Called::Failed(Trouble::Stopped) => Some(End::Cancelled),
                Called::Failed(Trouble::Lost(why)) => {
                    let why = why.clone();
                    self.job.reopen(&why).await;
                    Some(End::Lost("the link was lost".to_owned()))
                }
                Called::Failed(Trouble::Refused(why)) => Some(End::Refused(why.clone())),
            };
            let still = match self.settle(&left, end.is_some()).await {
                Ok(still) => still,
                Err(why) => {
                    for at in &left {
                        self.job
                            .tally
                            .fail(self.paths[*at], format!("not confirmed: {why}"));
                    }
                    self.job.tally.unconfirmed = true;
                    self.settled = range.end;
                    return Err(end.unwrap_or(End::Lost(why)));
                }
            };
            if let Some(end) = end.take() {
                let why = match &end {
                    End::Cancelled => "not collected: cancelled before its turn".to_owned(),
                    End::Lost(why) | End::Refused(why) => format!("not collected: {why}"),
                    End::Enough(_) => String::new(),
                };
                for at in &still {
                    self.job.tally.fail(self.paths[*at], why.clone());
                }
                self.settled = range.end;
                return Err(end);
            }
            let Called::Answered(answer) = called else {
                return Ok(());
            };
            self.freed += answer.freed.map_or(0, |freed| freed.0);
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

    /// Roots and uses since the plan: what they touch stays, with what it needs.
    async fn look(&mut self, range: &Range<usize>) -> Result<(), End> {
        let asked = self.job.cache.space(&self.job.token, SpaceStep::Roots);
        let targets = match self.job.patiently(asked).await {
            Ok(SpaceStepped::Paths(targets)) => targets,
            other => return Err(ended(self.job, other).await),
        };
        for target in targets {
            if let Some(at) = self.places.get(&target).copied() {
                self.stay(at, "it became a GC root since the plan was made");
            }
        }
        if self.deed.used.is_empty() {
            return Ok(());
        }
        let some: Vec<StorePath> = range.clone().map(|at| self.paths[at].clone()).collect();
        let asked = self
            .job
            .cache
            .space(&self.job.token, SpaceStep::Used(&some));
        let times = match self.job.patiently(asked).await {
            Ok(SpaceStepped::Times(times)) => times,
            other => return Err(ended(self.job, other).await),
        };
        let now: HashMap<[u8; 20], _> = times.into_iter().collect();
        for (at, path) in range.clone().zip(&some) {
            let before = self.deed.used.get(at).copied().flatten();
            if let (Some(before), Some(now)) = (before, now.get(&path.digest()))
                && *now > before
            {
                self.stay(at, "it was used since the plan was made");
            }
        }
        Ok(())
    }

    /// Keeps a path and what it needs, each told once.
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
            for needs in self.deed.needs(at) {
                todo.push((*needs as usize, needed.clone()));
            }
        }
    }

    /// After a refusal: what has become alive, or has got a referrer that is not in the plan, stays.
    async fn leave_out(
        &mut self,
        range: &Range<usize>,
        still: &[usize],
        why: &str,
    ) -> Result<(), End> {
        let kept = |work: &Self| work.stays.iter().filter(|stays| **stays).count();
        let before = kept(self);
        self.look(range).await?;
        let some: Vec<StorePath> = still.iter().map(|at| self.paths[*at].clone()).collect();
        let asked = self
            .job
            .cache
            .space(&self.job.token, SpaceStep::Referrers(&some));
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
        // Nix names the path that it stopped at.
        let named = still
            .iter()
            .find(|at| why.contains(self.paths[**at].base_name()));
        if let Some(at) = named {
            self.stay(*at, &format!("Nix refuses to delete it: {}", visible(why)));
            return Ok(());
        }
        for at in still {
            self.job
                .tally
                .fail(self.paths[*at], format!("not collected: {why}"));
        }
        self.settled = range.end;
        Err(End::Refused(why.to_owned()))
    }

    /// Deletes, and tells how far it is.
    async fn delete(&mut self, left: &[usize]) -> Called {
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
                        Err(trouble) => Called::Failed(trouble),
                    };
                }
                event = events.recv() => match event {
                    Some(CollectEvent::Deleting(path)) => {
                        if let Some(at) = self.places.get(&path)
                            && seen.insert(*at)
                        {
                            bytes += self.sizes[*at];
                            self.tell(seen.len(), bytes);
                        }
                    }
                    Some(CollectEvent::Waiting) if !asking => {
                        asking = true;
                        self.job.log("another process holds the lock of Nix's garbage collector; waiting for it");
                        let asked = self.job.cache.space(&self.job.token, SpaceStep::Holders);
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
    async fn settle(&mut self, left: &[usize], cut: bool) -> Result<Vec<usize>, String> {
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
            let asked = self
                .job
                .cache
                .space(&self.job.token, SpaceStep::Valid(&list));
            let valid: HashSet<StorePath> =
                match tokio::time::timeout(self.job.limit(), asked).await {
                    Ok(Ok(SpaceStepped::Paths(valid))) => valid.into_iter().collect(),
                    Ok(Ok(_)) => return Err("the server answered something else".to_owned()),
                    Ok(Err(Trouble::Lost(why))) if !reopened => {
                        reopened = true;
                        self.job.reopen(&why).await;
                        continue;
                    }
                    Ok(Err(trouble)) => return Err(trouble.to_string()),
                    Err(_) => {
                        self.job.cut_off = Some(SILENT.to_owned());
                        return Err(SILENT.to_owned());
                    }
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
    fn tell(&self, more: usize, bytes: u64) {
        let done = self.bytes + bytes;
        let seconds = self.started.elapsed().as_secs_f64();
        let mut note = format!("{} of {}", Bytes(done), self.deed.planned);
        if seconds >= 1.0 && done > 0 {
            let rate = done as f64 / seconds;
            let left = self.deed.planned.0.saturating_sub(done) as f64 / rate;
            // Writing to a text does not fail.
            let _ = write!(
                note,
                ", {}/s, {} left",
                Bytes(rate as u64),
                Age(left.ceil() as u64)
            );
        }
        self.job.progress_at(self.job.tally.settled() + more, &note);
    }
}

/// How a call ended.
enum Called {
    Answered(Collected),
    Failed(Trouble),
    Cancelled,
}

/// Why a question had no answer, as the end of the job.
async fn ended<C: Cache>(job: &mut Job<C>, answer: Result<SpaceStepped, Trouble>) -> End {
    match answer {
        Err(Trouble::Lost(why)) => {
            job.reopen(&why).await;
            End::Lost("the link was lost".to_owned())
        }
        Err(Trouble::Stopped) => End::Cancelled,
        Err(Trouble::Refused(why)) => End::Refused(why),
        Ok(_) => End::Refused("the server answered something else".to_owned()),
    }
}
