//! Adds signatures to paths: those that were made here, or by Nix on the server with a key that stays there.
//!
//! In: a token, and what to sign. Out: an answer for each path as it comes. What counts is what the store says
//! afterwards: the caller reads the paths again.

use super::daemon::{Daemon, has_gone};
use super::error::ServerError;
use super::script::{self, why};
use super::store::MAX_ENDED;
use super::{Inner, Server, chunks};
use crate::change::token::Token;
use crate::domain::SignedPath;
use crate::domain::{PublicKey, StorePath, text};
use crate::link::{Command, Exit, Limits};
use crate::wire::WireError;
use std::collections::HashSet;
use std::time::Duration;

/// Signatures sent at a time: their requests stay below 32 KiB, which a daemon takes without being read from.
const AT_A_TIME: usize = 80;

/// What the script exits with when the key file does not hold the key of the plan.
const KEY_CHANGED: u32 = 67;

/// Bytes of store paths in one command, far below what a kernel or a login shell takes.
const ARGUMENTS: u64 = 64 << 10;

/// Room and time for one `nix store sign`.
const SIGNING: Limits = Limits {
    output: 1 << 20,
    time: Duration::from_secs(600),
};

/// Called for each path, by its place in the list, as it is answered.
pub type OnPath<'a> = &'a mut (dyn FnMut(usize, Result<(), String>) + Send);

/// Called with the paths of each call, as it ends.
pub type OnCall<'a> = &'a mut (dyn FnMut(&[StorePath], Result<(), String>) + Send);

impl Server {
    /// Adds signatures that were made elsewhere. `progress` gets the place in `items` and how it went; what it did not
    /// get was not done. Dropping the future stops it.
    pub async fn add_signatures(
        &self,
        _: &Token,
        items: &[SignedPath],
        progress: OnPath<'_>,
    ) -> Result<(), ServerError> {
        add(&self.inner, items, progress).await
    }

    /// Lets Nix on the server sign with a key file there, which must hold the secret of `key`: each call compares it before it signs, with
    /// the same reading of the file, and [`ServerError::KeyChanged`] means that this call signed nothing. `progress` gets the paths of one call and how it went; what it
    /// did not get was not tried. Dropping the future stops it at the next path.
    pub async fn sign_on_server(
        &self,
        _: &Token,
        key_file: &str,
        key: &PublicKey,
        paths: &[StorePath],
        progress: OnCall<'_>,
    ) -> Result<(), ServerError> {
        on_server(&self.inner, key_file, key, paths, progress).await
    }
}

/// What [`Server::add_signatures`] does.
pub(super) async fn add(
    inner: &Inner,
    items: &[SignedPath],
    progress: OnPath<'_>,
) -> Result<(), ServerError> {
    let open = || Daemon::open(&inner.link, &inner.start);
    let mut daemon = open().await?;
    let mut todo: Vec<usize> = (0..items.len()).rev().collect();
    let mut suspect = None;
    let mut ended = 0;
    while !todo.is_empty() {
        // Taken from the end, so that what is not answered can be put back.
        let mut some = todo.split_off(todo.len().saturating_sub(AT_A_TIME));
        some.reverse();
        let asked = add_some(&mut daemon, items, &some, progress).await;
        let (unanswered, error) = match asked {
            Ok(true) => continue,
            Ok(false) => {
                // A fatal error comes twice, and the second one would answer the next request.
                daemon = open().await?;
                continue;
            }
            Err(ended) => ended,
        };
        ended += 1;
        if !has_gone(&error) || ended > MAX_ENDED {
            return Err(daemon.fail(error).await);
        }
        // The path may have been collected between the question and the addition, which ends the daemon.
        let oldest = unanswered.first().copied();
        todo.extend(unanswered.into_iter().rev());
        if let (Some(at), true) = (oldest, oldest == suspect) {
            todo.pop();
            progress(
                at,
                Err("the daemon ended twice when it was given this signature".to_owned()),
            );
            suspect = None;
        } else {
            suspect = oldest;
        }
        daemon = open().await?;
    }
    Ok(())
}

/// What [`Server::sign_on_server`] does.
pub(super) async fn on_server(
    inner: &Inner,
    key_file: &str,
    key: &PublicKey,
    paths: &[StorePath],
    progress: OnCall<'_>,
) -> Result<(), ServerError> {
    for chunk in calls(paths) {
        let mut left = chunk.to_vec();
        while !left.is_empty() {
            let command = Command::script(script::SIGN)
                .arg(&inner.spec.nix_command)
                .arg(key_file)
                .arg(key.to_string())
                .args(left.iter().map(ToString::to_string))
                .watching()
                .sudo(inner.start.sudo);
            let output = inner.link.run(&command, b"", SIGNING).await?;
            if output.exit.success() {
                progress(&left, Ok(()));
                break;
            }
            let why = why(&output);
            if output.exit == Exit::Code(KEY_CHANGED) {
                return Err(ServerError::KeyChanged {
                    place: inner.start.place.clone(),
                    file: text::visible(key_file).into_owned(),
                    why: why.to_string(),
                });
            }
            if let Exit::Code(66 | 126 | 127) | Exit::Lost = output.exit {
                return Err(ServerError::Script {
                    place: inner.start.place.clone(),
                    what: "sign",
                    why: why.reworded(|line| format!("{line} ({})", text::visible(key_file))),
                    next: "check the key file and the nix command there",
                });
            }
            // Nix names the path that it stopped at. The others are tried again without it.
            let named = left
                .iter()
                .position(|path| output.stderr.contains(path.base_name()));
            if let Some(at) = named {
                let path = left.remove(at);
                progress(&[path], Err(why.to_string()));
            } else {
                progress(&left, Err(why.to_string()));
                break;
            }
        }
    }
    Ok(())
}

/// Asks which of these are valid, then adds their signatures. Says whether there was no error at all; gives back what was
/// not answered when the daemon ends.
async fn add_some(
    daemon: &mut Daemon,
    items: &[SignedPath],
    some: &[usize],
    progress: OnPath<'_>,
) -> Result<bool, (Vec<usize>, WireError)> {
    let chosen: Vec<(usize, &SignedPath)> = some
        .iter()
        .filter_map(|at| Some((*at, items.get(*at)?)))
        .collect();
    let paths = chosen.iter().map(|(_, item)| item.path.clone()).collect();
    let valid: HashSet<StorePath> = match daemon.valid_paths(paths).await {
        Ok(Ok(valid)) => valid.into_iter().collect(),
        Ok(Err(error)) => {
            for (at, _) in chosen {
                progress(at, Err(error.to_string()));
            }
            return Ok(false);
        }
        Err(error) => return Err((some.to_vec(), error)),
    };
    let (there, gone): (Vec<_>, Vec<_>) = chosen
        .into_iter()
        .partition(|(_, item)| valid.contains(&item.path));
    for (at, _) in gone {
        progress(
            at,
            Err("the store does not have this path any more".to_owned()),
        );
    }
    let batch: Vec<_> = there
        .iter()
        .map(|(_, item)| (&item.path, &item.signature))
        .collect();
    let mut answers = Vec::with_capacity(batch.len());
    let ended = daemon.add_signatures(&batch, &mut answers).await;
    // An error in the words of the one before it, and then the end: a fatal error that came twice.
    if let (Err(_), [.., Err(one), Err(other)]) = (&ended, answers.as_slice())
        && one == other
    {
        answers.pop();
    }
    let answered = answers.len();
    let clean = answers.iter().all(Result::is_ok);
    for ((at, _), answer) in there.iter().zip(answers) {
        progress(*at, answer.map_err(|error| error.to_string()));
    }
    match ended {
        Ok(()) => Ok(clean),
        Err(error) => {
            let unanswered = there.iter().skip(answered).map(|(at, _)| *at);
            Err((unanswered.collect(), error))
        }
    }
}

/// Splits paths so that the arguments of one command fit.
fn calls(paths: &[StorePath]) -> Vec<&[StorePath]> {
    // The directory, a blank, and quotes where the shell needs them.
    chunks(paths, usize::MAX, ARGUMENTS, |path| {
        path.base_name().len() as u64 + 16
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::path_info::tests::vector;

    #[test]
    fn calls_hold_all_in_order() {
        let path =
            |i: usize| StorePath::from_parts(&[i as u8; 20], &"x".repeat(i % 200 + 1)).unwrap();
        let paths: Vec<StorePath> = (0..2000).map(path).collect();
        let some = calls(&paths);
        assert_eq!(some.concat(), paths);
        assert!(some.len() > 3);
        for call in some {
            let bytes: usize = call.iter().map(|path| path.to_string().len() + 3).sum();
            assert!(bytes as u64 <= ARGUMENTS, "{bytes}");
        }
        assert_eq!(calls(&[]).len(), 0);
        assert_eq!(calls(&[vector().path]).len(), 1);
    }
}
