//! Changing who may log in, step by step: files, lists, requests, sessions.
//!
//! In: what a plan says. Out: a tally in which an edit counts as done when the file was read back as it should be, and a
//! session as ended when it is gone; after a call that ended in an error or was cut off, that is looked at, as are decisions,
//! the list of revoked keys and the knock. A conflict ends the job with the difference; a change of one's own way in that shuts it is taken back.

mod certify;
mod looked;

use super::Job;
use super::cache::{CacheServer, CallError, Step, Stepped};
use crate::change::access::{AccessOperation, FileEdit};
use crate::change::plan::Item;
use crate::domain::access::{KeyFile, Session};
use crate::domain::key_request::Request;
use crate::server::access::{Edit, Edited, Folder};
use looked::{half_installed, holds, is_ended, is_kept, is_listed, is_written};
use sha2::{Digest as _, Sha256};

/// Lines of a difference that are shown.
const SHOWN: usize = 40;

/// How often an edit is undone that meets the edits of others.
const TRIES: usize = 3;

/// What is shown for everything behind a step that failed.
const NOT_TRIED: &str = "not tried, because a step before it failed; look at the plan again";

/// Carries it out.
pub(super) async fn run<C: CacheServer>(
    job: &mut Job<C>,
    items: &[Item],
    operation: &AccessOperation,
) {
    let done = steps(job, items, operation).await;
    if let Err(why) = done {
        let mut first = Some(why);
        for item in items.iter().skip(job.tally.finished()) {
            let why = first.take().unwrap_or_else(|| NOT_TRIED.to_owned());
            job.tally.fail(item, why);
        }
    }
    job.progress("");
}

async fn steps<C: CacheServer>(
    job: &mut Job<C>,
    items: &[Item],
    operation: &AccessOperation,
) -> Result<(), String> {
    job.tally.done += operation.reviewed;
    if let Some(new) = &operation.certificate {
        job.progress(&new.out.display().to_string());
        certify::make(job, new).await?;
        job.tally.done += 1;
    }
    for (folder, request) in &operation.requests {
        unchanged(job, *folder, request).await?;
    }
    for edit in &operation.edits {
        stop(job)?;
        job.progress(edit.edit.path());
        edit_file(job, edit).await?;
        if operation.own_way {
            prove(job, edit).await?;
        }
        job.tally.done += edit.items;
    }
    if let Some(install) = &operation.knock {
        job.progress(&install.script);
        match ask(job, Step::Knock(install)).await {
            Ok(_) => job.tally.done += 2,
            Err(why) => return Err(half_installed(job, install, why).await),
        }
        look_for_a_way_in(job).await;
    }
    for (folder, request) in &operation.requests {
        stop(job)?;
        let answer = match ask(job, Step::Request(*folder, request)).await {
            Err(why) => match is_kept(job, *folder, request).await {
                Some(true) => {
                    job.log(&although(&why));
                    Stepped::Kept
                }
                Some(false) => return Err(format!("{why}; it is seen not to be kept")),
                None => return Err(why),
            },
            Ok(answer) => answer,
        };
        if let Stepped::Decided(why) = answer {
            let why = conflict(job, request, &why);
            return Err(take_all_back(job, operation, why).await);
        }
        job.tally.done += 1;
    }
    for key in &operation.revoked {
        // The key is out already; a list that can't be written is reported, and undoes nothing.
        if let Err(why) = ask(job, Step::Revoked(key)).await {
            if is_listed(job, key).await {
                job.log(&although(&why));
                continue;
            }
            job.tally.fail(
                "list of revoked keys",
                format!("a later request for this key will not be flagged: {why}"),
            );
        }
    }
    end(job, items, operation).await
}

/// Looks again at what a decision is about, right before anything is changed.
async fn unchanged<C: CacheServer>(
    job: &mut Job<C>,
    folder: Folder,
    request: &Request,
) -> Result<(), String> {
    if let Stepped::Decided(why) = first_look(job, Step::Look(folder, request)).await? {
        return Err(conflict(job, request, &why));
    }
    if folder != Folder::Denied {
        return Ok(());
    }
    // Somebody may have authorized the key without looking at its request.
    let step = Step::Authorized(request.key.fingerprint());
    if let Stepped::Authorized(Some((file, line))) = first_look(job, step).await? {
        let why = format!("its key is authorized by now, in {file}, line {line}");
        return Err(format!(
            "{}; revoke the key to keep it out",
            conflict(job, request, &why)
        ));
    }
    Ok(())
}

/// A look before anything is changed: where it fails, nothing may have been done.
async fn first_look<C: CacheServer>(job: &mut Job<C>, step: Step<'_>) -> Result<Stepped, String> {
    let answer = job
        .twice(|cache, token| async move { cache.access(&token, step).await })
        .await;
    answer.map_err(|error| format!("nothing was changed: {error}"))
}

fn conflict<C: CacheServer>(job: &mut Job<C>, request: &Request, why: &str) -> String {
    job.tally.conflict = Some(format!("request {}: {why}", request.id()));
    format!("nothing was changed: {why}")
}

/// Undoes the edits that came with a decision which somebody else has taken first.
async fn take_all_back<C: CacheServer>(
    job: &mut Job<C>,
    operation: &AccessOperation,
    why: String,
) -> String {
    for edit in &operation.edits {
        if !take_back(job, edit).await {
            return format!(
                "{why}; but {} was changed already and could not be changed back: look at it",
                edit.edit.path()
            );
        }
        job.tally.done -= edit.items;
    }
    why
}

/// Undoes one edit; lines that others have added meanwhile stay.
async fn take_back<C: CacheServer>(job: &mut Job<C>, edit: &FileEdit) -> bool {
    let mut now = edit.after.clone();
    let mut before = edit.file.content.clone().unwrap_or_default();
    for _ in 0..TRIES {
        let file = KeyFile {
            exists: true,
            sha256: Sha256::digest(&now).into(),
            size: now.len() as u64,
            content: Ok(now.clone()),
            ..edit.file.clone()
        };
        let back = Edit::undo(&edit.edit, &file, before.clone());
        match ask(job, Step::Edit(&back)).await {
            Ok(Stepped::Edited(Edited::Done { .. })) => return true,
            Ok(Stepped::Edited(Edited::Conflict {
                content: Some(content),
                ..
            })) if !edit.lines.is_empty() => {
                let Some(without) = without(&content, &edit.lines) else {
                    return !holds(&content, &edit.lines);
                };
                (now, before) = (content, without);
            }
            _ => return false,
        }
    }
    false
}

/// A file without the one line; nothing where the line does not stand in it once.
fn without(file: &[u8], line: &[u8]) -> Option<Vec<u8>> {
    let of = |line: &[u8]| line.strip_suffix(b"\n").map(<[u8]>::to_vec);
    let wanted = of(line).unwrap_or_else(|| line.to_vec());
    let lines: Vec<&[u8]> = file.split_inclusive(|byte| *byte == b'\n').collect();
    let is = |other: &&&[u8]| other.strip_suffix(b"\n").unwrap_or(other) == wanted.as_slice();
    (lines.iter().filter(is).count() == 1).then(|| {
        lines
            .iter()
            .filter(|line| !is(line))
            .copied()
            .collect::<Vec<_>>()
            .concat()
    })
}

fn stop<C: CacheServer>(job: &mut Job<C>) -> Result<(), String> {
    if job.cancel.is_cancelled() {
        job.tally.cancelled = true;
        return Err("not done: cancelled before it was tried".to_owned());
    }
    Ok(())
}

/// One step; after a lost link, once more over a new one: each of them may be done twice.
async fn ask<C: CacheServer>(job: &mut Job<C>, step: Step<'_>) -> Result<Stepped, String> {
    let answer = job
        .twice(|cache, token| async move { cache.access(&token, step).await })
        .await;
    job.confirmed(answer)
}

async fn edit_file<C: CacheServer>(job: &mut Job<C>, edit: &FileEdit) -> Result<(), String> {
    let stepped = match ask(job, Step::Edit(&edit.edit)).await {
        Err(why) if is_written(job, edit).await => {
            job.log(&although(&why));
            return Ok(());
        }
        answer => answer?,
    };
    let (content, already) = match stepped {
        Stepped::Edited(Edited::Done { merged, .. }) => {
            if merged {
                job.log("others have added keys meanwhile; theirs and this one are there");
            }
            return Ok(());
        }
        Stepped::Edited(Edited::Conflict { content, already }) => (content, already),
        _ => return Err("the server answered something else".to_owned()),
    };
    let Some(now) = content else {
        return Err("somebody else has changed the file since it was shown, and it is too large to show the difference; nothing was changed, plan again".to_owned());
    };
    // Done by this very job, over a link that was lost before it could say so.
    let whole = !edit.lines.is_empty() && already && holds(&now, &edit.lines);
    if now == edit.after || whole {
        return Ok(());
    }
    let shown = edit.file.content.as_deref().unwrap_or_default();
    job.tally.conflict = Some(difference(&edit.file.path, shown, &now));
    Err(if already {
        "somebody else has added the same key meanwhile; nothing was changed".to_owned()
    } else {
        "somebody else has changed the file since it was shown; nothing was changed, look at the difference and plan again".to_owned()
    })
}

fn although(why: &str) -> String {
    format!("done, although the call ended in an error: {why}")
}

/// What is different, line by line, without the lines that are the same at both ends.
fn difference(path: &str, shown: &[u8], now: &[u8]) -> String {
    let split = |text| String::from_utf8_lossy(text).into_owned();
    let (shown, now) = (split(shown), split(now));
    let (old, new): (Vec<&str>, Vec<&str>) = (shown.lines().collect(), now.lines().collect());
    let start = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let end = old[start..]
        .iter()
        .rev()
        .zip(new[start..].iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let gone = &old[start..old.len() - end];
    let come = &new[start..new.len() - end];
    let mut lines = vec![format!("{path}, from line {}:", start + 1)];
    lines.extend(gone.iter().map(|line| format!("-{line}")));
    lines.extend(come.iter().map(|line| format!("+{line}")));
    if gone.is_empty() && come.is_empty() {
        lines.push("only line ends differ".to_owned());
    }
    let more = lines.len().saturating_sub(SHOWN);
    lines.truncate(SHOWN);
    if more > 0 {
        lines.push(format!("and {more} more lines"));
    }
    lines.join("\n")
}

/// Says so where sshd lets nobody in any more since it has read its configuration anew.
pub(super) async fn look_for_a_way_in<C: CacheServer>(job: &Job<C>) {
    if open_another(job).await.is_err() {
        job.log("no new connection could be opened after sshd reloaded its configuration; keep this one open and look at sshd");
    }
}

async fn open_another<C: CacheServer>(job: &Job<C>) -> Result<(), String> {
    match job.briefly(job.cache.reopen()).await {
        Ok(_) => Ok(()),
        Err(CallError::Stopped) => Err("the server did not answer".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Opens another connection after one's own way in was changed; without one, takes the change back.
async fn prove<C: CacheServer>(job: &mut Job<C>, edit: &FileEdit) -> Result<(), String> {
    let Err(why) = open_another(job).await else {
        job.log("another connection could be opened: there is a way in");
        return Ok(());
    };
    if take_back(job, edit).await {
        return Err(format!(
            "taken back: after it no other connection could be opened ({why}); add another way in first"
        ));
    }
    job.tally.unconfirmed = true;
    Err(format!(
        "it shut your own way in ({why}) and could not be taken back; keep this connection open and put the line back from {}.storekeeper-backup",
        edit.edit.path()
    ))
}

/// Ends the sessions of the plan, and those of its keys that came since.
async fn end<C: CacheServer>(
    job: &mut Job<C>,
    items: &[Item],
    operation: &AccessOperation,
) -> Result<(), String> {
    let names: Vec<&Item> = items
        .iter()
        .filter(|item| matches!(item, Item::Session { .. }))
        .collect();
    for (session, item) in operation.sessions.iter().zip(names) {
        match ask(job, Step::End(session)).await {
            Ok(stepped) => {
                if matches!(stepped, Stepped::Ended(false)) {
                    job.log(&format!("{item} had ended by itself"));
                }
                job.tally.done += 1;
            }
            Err(why) if is_ended(job, session).await => {
                job.log(&format!(
                    "{item} has ended, although the call did in an error: {why}"
                ));
                job.tally.done += 1;
            }
            Err(why) => job.tally.fail(item, why),
        }
    }
    if operation.end.is_empty() {
        return Ok(());
    }
    let since: Vec<Session> = match ask(job, Step::Sessions).await {
        Ok(Stepped::Sessions(Ok(open))) => open
            .into_iter()
            .filter(|session| {
                session
                    .fingerprint
                    .is_some_and(|key| operation.end.contains(&key))
            })
            .collect(),
        Ok(Stepped::Sessions(Err(unknown))) => {
            job.log(&format!(
                "whether sessions are left is not known: {unknown}"
            ));
            return Ok(());
        }
        Ok(_) => return Ok(()),
        Err(why) => {
            job.log(&format!("whether sessions are left is not known: {why}"));
            return Ok(());
        }
    };
    for session in since {
        match ask(job, Step::End(&session)).await {
            Ok(_) => job.log(&format!(
                "ended session {}, which had begun since",
                session.pid
            )),
            Err(why) => job.tally.fail(format!("session {}", session.pid), why),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences() {
        let of = |old: &str, new: &str| difference("/k", old.as_bytes(), new.as_bytes());
        assert_eq!(
            of("a\nb\nc\n", "a\nx\ny\nc\n"),
            "/k, from line 2:\n-b\n+x\n+y"
        );
        assert_eq!(of("a\n", "a\na\n"), "/k, from line 2:\n+a");
        assert_eq!(of("a\n", "a"), "/k, from line 2:\nonly line ends differ");
        assert_eq!(of("", "a"), "/k, from line 1:\n+a");
        let long = "x\n".repeat(100);
        assert!(of("", &long).ends_with("and 61 more lines"));
    }

    #[test]
    fn a_line_is_taken_out_and_the_others_stay() {
        let out = |file: &str| without(file.as_bytes(), b"mine\n");
        assert_eq!(out("a\nmine\nb\n").unwrap(), b"a\nb\n");
        assert_eq!(out("a\nmine").unwrap(), b"a\n");
        assert_eq!(out("a\nmine b\n"), None);
        assert_eq!(out("mine\nmine\n"), None);
    }
}
