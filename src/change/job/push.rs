//! A push: note what is missing, copy, look, sign, pin. After a lost link it starts over on a new one, a few times.
//!
//! In: what a plan found missing, or left by a push that was cut off. Out: a tally in which a path counts as done when the server was
//! seen to have it with the contents that it has here and a valid signature by the key. Each step may be done twice: Nix does
//! not copy what is there, and what is signed is seen to be.

use super::cache::{CacheServer, CallError};
use super::patience::SILENT;
use super::sign::{self, End};
use super::{Job, Tally, keep};
use crate::change::plan::Item;
use crate::change::push::{PushOperation, contents};
use crate::domain::{Bytes, StorePath, When};
use crate::link::before_attempt;
use crate::server::{InfoReply, PushEvent};
use crate::spool::{Begun, Journal};
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::Duration;

/// How often it begins again after a lost link.
const ATTEMPTS: usize = 5;

/// Calls of Nix in a row, each of which has brought something.
const CALLS: usize = 4;

/// Paths that are asked about at a time.
const AT_A_TIME: usize = 1000;

/// Why a pass over all of it ended before its end.
enum Cut {
    /// The link was lost: another pass may do the rest.
    Lost,
    /// Nothing more is to be tried.
    Over,
}

/// Carries it out.
pub(super) async fn run<C: CacheServer>(
    job: &mut Job<C>,
    items: &[Item],
    push: &PushOperation,
    server: &str,
    state: Option<&Path>,
) {
    if let Some(state) = state
        && !push.added.is_empty()
    {
        let begun = Begun {
            id: job.about.id.clone(),
            at: When::now(),
            paths: push.added.iter().map(|added| added.path.clone()).collect(),
        };
        if let Err(error) = Journal::of(state, server).begin(begun) {
            for item in items {
                job.tally.fail(
                    item,
                    format!(
                        "not tried: the journal {} can't be written: {error}",
                        state.display()
                    ),
                );
            }
            return;
        }
    }
    for attempt in 0..ATTEMPTS {
        // What an earlier attempt has done is looked at again.
        job.tally = Tally::default();
        match pass(job, items, push).await {
            Ok(()) | Err(Cut::Over) => return,
            Err(Cut::Lost) => {}
        }
        if attempt + 1 == ATTEMPTS || !again(job, attempt).await {
            return;
        }
    }
}

/// Takes what is signed and recorded out of the journal.
pub(super) fn clear_journal<C>(
    job: &Job<C>,
    push: &PushOperation,
    server: &str,
    state: Option<&Path>,
) {
    let Some(state) = state else { return };
    let failed: HashSet<&str> = job
        .tally
        .failed
        .iter()
        .map(|one| one.item.as_str())
        .collect();
    let done: HashSet<&StorePath> = push
        .added
        .iter()
        .map(|added| &added.path)
        .filter(|path| !failed.contains(path.to_string().as_str()))
        .collect();
    if let Err(error) = Journal::of(state, server).drop_done(|_, path| done.contains(path)) {
        tracing::warn!(%error, "the journal of pushes could not be shortened");
    }
}

/// Waits before the next attempt and opens a link where there is none. Whether there is one.
async fn again<C: CacheServer>(job: &mut Job<C>, attempt: usize) -> bool {
    let wait = if cfg!(test) {
        Duration::from_millis(1)
    } else {
        before_attempt(attempt)
    };
    job.log(&format!("going on in {} s", wait.as_secs()));
    tokio::select! {
        () = tokio::time::sleep(wait) => {}
        () = job.cancel.cancelled() => return false,
    }
    if let Some(why) = job.cut_off.clone() {
        job.reopen(&why).await;
    }
    // Where none could be opened, the next attempt says so and waits longer.
    true
}

async fn pass<C: CacheServer>(
    job: &mut Job<C>,
    items: &[Item],
    push: &PushOperation,
) -> Result<(), Cut> {
    let paths: Vec<StorePath> = push.added.iter().map(|added| added.path.clone()).collect();
    let pins = items.get(paths.len()..).unwrap_or_default();
    let mut reasons = HashMap::new();
    let copied = copy_all(job, push, &paths, &mut reasons).await;
    let mut cut = None;
    if let Err(error) = copied {
        cut = Some(ended(job, error).await);
    }
    if let Some((Cut::Lost, why)) = &cut {
        return rest(job, items, why, Cut::Lost);
    }
    // What has come is signed, whatever became of the rest.
    let seen = match look(job, &paths).await {
        Ok(seen) => seen,
        Err(error) => {
            let (cut, why) = ended(job, error).await;
            return rest(job, items, &why, cut);
        }
    };
    let mut ready = Vec::new();
    for added in &push.added {
        match seen.get(&added.path) {
            Some(Some(there)) if added.contents.is_some() && *there == added.contents => {
                ready.push(added.path.clone());
            }
            Some(Some(_)) if added.contents.is_none() => job.tally.fail(
                &added.path,
                "copied and not signed: the store that it comes from has no NAR size for it",
            ),
            Some(Some(_)) => job.tally.fail(
                &added.path,
                "not signed: the server has other contents under this name, which somebody else has uploaded; compare them, or delete it there and push again",
            ),
            _ => {
                let why = match (reasons.get(&added.path), &cut) {
                    (Some(why), _) | (None, Some((_, why))) => why.as_str(),
                    (None, None) => reasons
                        .values()
                        .next()
                        .map_or("Nix reported success, and the server does not have it", String::as_str),
                };
                job.tally.fail(&added.path, format!("not copied: {why}"));
            }
        }
    }
    let end = sign::sign(job, &ready, &push.with, &push.key).await;
    match end {
        Some(End::Lost) => return Err(Cut::Lost),
        Some(End::Cancelled) => {
            for pin in pins {
                job.tally.fail(pin, "not done: cancelled before it began");
            }
            return Err(Cut::Over);
        }
        Some(End::Refused(_)) | None => {}
    }
    if !job.tally.failed.is_empty() && !pins.is_empty() {
        for pin in pins {
            job.tally.fail(
                pin,
                "not pinned, since its closure is not complete and signed",
            );
        }
        return Err(Cut::Over);
    }
    keep::run(job, pins, &push.pins).await;
    Ok(())
}

/// Why it ends here, in words. A lost link was replaced, if that was possible.
async fn ended<C: CacheServer>(job: &mut Job<C>, error: CallError) -> (Cut, String) {
    match error {
        CallError::Lost(why) => {
            job.reopen(&why).await;
            (
                Cut::Lost,
                format!("the link was lost ({why}); push again to go on"),
            )
        }
        CallError::Stopped if job.cancel.is_cancelled() => {
            job.tally.cancelled = true;
            (Cut::Over, "cancelled; push again to go on".to_owned())
        }
        CallError::Stopped => (Cut::Lost, SILENT.to_owned()),
        CallError::Refused(why) | CallError::KeyChanged(why) => (Cut::Over, why),
    }
}

/// Leaves everything as it is; how much was copied before is lost.
fn rest<C: CacheServer>(job: &mut Job<C>, items: &[Item], why: &str, cut: Cut) -> Result<(), Cut> {
    job.tally.unconfirmed = true;
    for item in items {
        job.tally.fail(item, format!("not confirmed: {why}"));
    }
    Err(cut)
}

/// Has Nix copy until nothing is missing, or a call brings nothing more. A daemon of Nix 2.8 loses its place where somebody else, such as what a
/// killed push has left there, adds the same path at that moment; the next call finds it there.
async fn copy_all<C: CacheServer>(
    job: &Job<C>,
    push: &PushOperation,
    paths: &[StorePath],
    reasons: &mut HashMap<StorePath, String>,
) -> Result<(), CallError> {
    let mut before = usize::MAX;
    for _ in 0..CALLS {
        let missing = missing(job, paths).await?;
        if missing == 0 || missing >= before {
            break;
        }
        before = missing;
        reasons.clear();
        copy(job, push, reasons).await?;
        if reasons.is_empty() {
            break;
        }
    }
    Ok(())
}

/// Has Nix copy. One path can spoil a whole call, so each has one of its own then.
async fn copy<C: CacheServer>(
    job: &Job<C>,
    push: &PushOperation,
    reasons: &mut HashMap<StorePath, String>,
) -> Result<(), CallError> {
    let together = call(job, push, &push.tops).await;
    let why = match together {
        Err(CallError::Refused(why)) => why,
        other => return other,
    };
    if let [top] = push.tops.as_slice() {
        reasons.insert(top.clone(), why);
        return Ok(());
    }
    for top in &push.tops {
        match call(job, push, std::slice::from_ref(top)).await {
            Ok(()) => {}
            Err(CallError::Refused(why)) => {
                job.log(&format!("{}: {why}", top.name()));
                reasons.insert(top.clone(), why);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn call<C: CacheServer>(
    job: &Job<C>,
    push: &PushOperation,
    tops: &[StorePath],
) -> Result<(), CallError> {
    let (mut path, mut sent, mut begun) = (String::new(), 0, 0);
    let total = push.added.len();
    let mut on = |event: PushEvent| {
        match event {
            PushEvent::Copying(copying) => {
                begun += 1;
                copying.name().clone_into(&mut path);
            }
            PushEvent::Sent(bytes) => sent = bytes,
        }
        job.progress(&format!(
            "copying {path} ({begun} of {total}), {} sent",
            Bytes(sent)
        ));
    };
    let copied = job
        .cache
        .push(&job.token, push.from.as_deref(), tops, &mut on);
    job.patiently(copied).await
}

/// How many of the paths the server does not have.
async fn missing<C: CacheServer>(job: &Job<C>, paths: &[StorePath]) -> Result<usize, CallError> {
    let seen = look(job, paths).await?;
    let absent = |path: &&StorePath| seen.get(*path).is_none_or(Option::is_none);
    Ok(paths.iter().filter(absent).count())
}

/// The contents that the server has of each path; `None` for one that it has not.
async fn look<C: CacheServer>(
    job: &Job<C>,
    paths: &[StorePath],
) -> Result<HashMap<StorePath, Option<Option<[u8; 32]>>>, CallError> {
    let mut seen = HashMap::with_capacity(paths.len());
    for some in paths.chunks(AT_A_TIME) {
        for reply in job.patiently(job.cache.path_infos(some)).await? {
            match reply {
                InfoReply::Valid(info) => {
                    seen.insert(info.path.clone(), Some(contents(&info)));
                }
                InfoReply::Invalid(path) => {
                    seen.insert(path, None);
                }
                InfoReply::Failed(path, why) => {
                    return Err(CallError::Refused(format!(
                        "the server can't read {path}: {why}"
                    )));
                }
            }
        }
    }
    Ok(seen)
}
