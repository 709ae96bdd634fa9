//! Changing what the store keeps, step by step: pins that come and go, roots that go.
//!
//! In: the steps of a plan, one for each item. Out: a tally. The steps do not depend on each other, so one that fails stops none
//! of the others; each may be done twice, so a lost link is followed by another try over a new one.

use super::Job;
use super::cache::{Cache, Trouble};
use crate::change::keep::KeepStep;
use crate::change::plan::Item;
use crate::server::Removed;

/// Carries them out.
pub(super) async fn run<C: Cache>(job: &mut Job<C>, items: &[Item], steps: &[KeepStep]) {
    for (item, step) in items.iter().zip(steps) {
        job.progress(&item.to_string());
        if job.cancel.is_cancelled() {
            job.tally.cancelled = true;
            job.tally.fail(item, "not done: cancelled before its turn");
            continue;
        }
        if let Some(why) = job.cut_off.clone() {
            job.tally.fail(item, format!("not tried: {why}"));
            continue;
        }
        match one(job, step).await {
            Ok(removed) => {
                if removed == Removed::Gone {
                    job.log(&format!("{item} was gone already"));
                }
                job.tally.done += 1;
            }
            Err(why) => job.tally.fail(item, why),
        }
    }
    job.progress("");
}

async fn one<C: Cache>(job: &mut Job<C>, step: &KeepStep) -> Result<Removed, String> {
    let mut answer = job.patiently(job.cache.keep(&job.token, step)).await;
    if let Err(Trouble::Lost(why)) = &answer {
        let why = why.clone();
        job.reopen(&why).await;
        if let Some(why) = &job.cut_off {
            job.tally.unconfirmed = true;
            return Err(format!("not confirmed: {why}"));
        }
        answer = job.patiently(job.cache.keep(&job.token, step)).await;
    }
    answer.map_err(|trouble| {
        if !matches!(trouble, Trouble::Refused(_)) {
            job.tally.unconfirmed = true;
        }
        trouble.to_string()
    })
}
