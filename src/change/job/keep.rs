//! Changing what the store keeps, step by step: pins that come and go, roots that go.
//!
//! In: the steps of a plan, one for each item. Out: a tally. The steps do not depend on each other, so one that fails stops none
//! of the others; each may be done twice, so a lost link is followed by another try over a new one. A step that ended in an
//! error counts as done where a look finds it done.

use super::access::look_for_a_way_in;
use super::cache::{CacheServer, CallError};
use super::{Job, JobEvent};
use crate::change::keep::KeepStep;
use crate::change::plan::Item;
use crate::change::receipt::Freed;
use crate::server::LinkChange;

/// Carries them out.
pub(super) async fn run<C: CacheServer>(job: &mut Job<C>, items: &[Item], steps: &[KeepStep]) {
    for (item, step) in items.iter().zip(steps) {
        job.progress(&item.to_string());
        if job.cancel.is_cancelled() {
            job.tally.cancelled = true;
            job.tally
                .fail(item, "not done: cancelled before it was tried");
            continue;
        }
        if let Some(why) = job.cut_off.clone() {
            job.tally.fail(item, format!("not tried: {why}"));
            continue;
        }
        match one(job, step).await {
            Ok(LinkChange::Changed(why)) => {
                let mut conflicts: Vec<String> = job.tally.conflict.take().into_iter().collect();
                conflicts.push(format!("{item}: {why}"));
                job.tally.conflict = Some(conflicts.join("\n"));
                job.tally.fail(
                    item,
                    format!(
                        "not changed, since it differs from what was shown: {why}; look at it again"
                    ),
                );
            }
            Ok(LinkChange::Gone) => {
                job.log(&format!("{item} was gone already"));
                job.tally.done += 1;
            }
            Ok(LinkChange::Smaller(bytes)) => {
                job.tally.freed = Some(Freed::counted(bytes.0));
                job.tally.done += 1;
            }
            Ok(LinkChange::Done) => {
                job.tally.done += 1;
                if matches!(step, KeepStep::Remove(removal) if removal.knock.is_some()) {
                    look_for_a_way_in(job).await;
                }
            }
            Err(why) => job.tally.fail(item, why),
        }
    }
    job.progress("");
}

async fn one<C: CacheServer>(job: &mut Job<C>, step: &KeepStep) -> Result<LinkChange, String> {
    let (events, done, total) = (job.events.clone(), job.tally.finished(), job.total);
    let tell = move |note: &str| {
        let note = note.to_owned();
        // Nobody may be there any more to see it.
        let _ = events.send(JobEvent::Progress { done, total, note });
    };
    let tell = &tell;
    let answer = job
        .twice(|cache, token| async move { cache.keep(&token, step, tell).await })
        .await;
    let error = match answer {
        Ok(changed) => return Ok(changed),
        Err(error) => error,
    };
    match seen(job, step, &error).await {
        Some(true) => {
            job.log(&format!(
                "done, although the call ended in an error: {error}"
            ));
            Ok(LinkChange::Done)
        }
        // A call that was cut off may go on for a moment.
        Some(false) if matches!(error, CallError::Refused(_)) => Err(error.to_string()),
        _ => job.confirmed(Err(error)),
    }
}

/// Whether a look finds a step done that ended in an error; `None` where it can't tell.
async fn seen<C: CacheServer>(job: &Job<C>, step: &KeepStep, error: &CallError) -> Option<bool> {
    // A repair that Nix refuses was looked at already, and a look at contents takes long.
    let looked = matches!((step, error), (KeepStep::Repair(_), CallError::Refused(_)));
    if job.cut_off.is_some() || looked {
        return None;
    }
    job.look(job.cache.is_kept(step)).await.ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::super::CHUNK;
    use super::super::fake::{Fake, World};
    use super::*;
    use crate::change::plan::{Danger, Operation, Plan};
    use crate::change::testing::{info, path};
    use crate::change::{Outcome, Receipt};
    use crate::domain::When;
    use crate::domain::pin::{Pin, Shown};

    use tokio_util::sync::CancellationToken;

    /// A store with `a`, `b`, `c`.
    fn world() -> World {
        World {
            infos: ["a", "b", "c"]
                .map(|name| (path(name), info(name, &[], 60)))
                .into(),
            reopens: true,
            ..World::default()
        }
    }

    fn pin(server: &Fake, names: &[&str], cancel: CancellationToken) -> Receipt {
        let pins = names.iter().map(|name| Pin {
            name: name.parse().unwrap(),
            target: path(name),
            by: None,
            reason: None,
            at: When::from_unix(1),
            expires: None,
            sha256: None,
        });
        let plan = Plan {
            change: "pin",
            server: "prod".into(),
            summary: "pin".into(),
            items: names
                .iter()
                .map(|name| Item::Path {
                    path: path(name),
                    nar_size: 1,
                })
                .collect(),
            commands: vec![],
            warnings: vec![],
            lines: vec![],
            danger: Danger::Adds,
            operation: Operation::Keep(
                pins.map(|pin| KeepStep::Pin {
                    pin: Box::new(pin),
                    shown: Shown::Absent,
                })
                .collect(),
            ),
            concerns: Vec::new(),
            amounts: None,
            push: None,
            second: None,
            reason: None,
        };
        server.run(plan, CHUNK, None, cancel).0
    }

    fn pinned(server: &Fake) -> usize {
        server.world.lock().unwrap().pins.len()
    }

    #[test]
    fn one_that_fails_stops_no_other() {
        let server = Fake::new(world());
        let receipt = pin(&server, &["a", "gone", "c"], CancellationToken::new());
        assert_eq!((receipt.result, receipt.done), (Outcome::Partial, 2));
        assert!(receipt.failed[0].item.ends_with("-gone"), "{receipt:?}");
        assert_eq!(pinned(&server), 2);
    }

    /// Whatever call is cut, with or without having been done, and whether there is a new link or not: what counts as done
    /// is done, and what may have been done is not called failed.
    #[test]
    fn a_lost_link_is_followed_by_another_try() {
        for cut in 1..8 {
            for done_before_cut in [0, 1] {
                for reopens in [true, false] {
                    let server = Fake::new(World {
                        cut_at: Some(cut),
                        done_before_cut,
                        reopens,
                        ..world()
                    });
                    let receipt = pin(&server, &["a", "b", "c"], CancellationToken::new());
                    let at = format!("{cut} {done_before_cut} {reopens}: {receipt:?}");
                    assert!(receipt.done <= pinned(&server), "{at}");
                    if reopens && cut > 1 {
                        assert_eq!(receipt.done, 3, "{at}");
                        assert_eq!(pinned(&server), 3, "{at}");
                    }
                    if (2..5).contains(&cut) && !reopens {
                        assert_eq!(receipt.done, cut - 2, "{at}");
                        let said = &receipt.failed[0].message;
                        assert!(said.contains("not confirmed"), "{at}");
                        assert_eq!(receipt.result, Outcome::Partial, "{at}");
                    }
                }
            }
        }
    }

    /// What was cut off after it was done is seen to be done; what was not is not called done.
    #[test]
    fn what_a_cancel_cuts_off_is_looked_at() {
        for (made, done) in [(true, 2), (false, 1)] {
            let cancel = CancellationToken::new();
            let server = Fake::new(World {
                cancel_at: Some((3, cancel.clone())),
                stuck_at: Some(3),
                pins_at: made.then_some(3),
                ..world()
            });
            let receipt = pin(&server, &["a", "b", "c"], cancel);
            assert_eq!(receipt.result, Outcome::Cancelled, "{receipt:?}");
            assert_eq!((receipt.done, pinned(&server)), (done, done), "{receipt:?}");
            assert!(!server.world.lock().unwrap().log.is_empty(), "recorded");
        }
    }

    #[test]
    fn a_cancel_leaves_the_rest() {
        let cancel = CancellationToken::new();
        let server = Fake::new(World {
            cancel_at: Some((3, cancel.clone())),
            ..world()
        });
        let receipt = pin(&server, &["a", "b", "c"], cancel);
        assert_eq!((receipt.result, receipt.done), (Outcome::Cancelled, 2));
        assert_eq!(pinned(&server), 2);
    }
}
