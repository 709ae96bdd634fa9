//! Looking again after a call that ended in an error or was cut off.
//!
//! In: the step that may have been done. Out: whether it is seen to be; where there is no answer, it is not.

use super::super::Job;
use super::super::cache::{CacheServer, Step, Stepped};
use crate::change::access::FileEdit;
use crate::domain::access::Session;
use crate::domain::key_request::{Request, RevokedKey};
use crate::server::access::{Folder, KnockInstall};
use sha2::{Digest as _, Sha256};

/// Whether the file is seen to be as the edit leaves it.
pub(super) async fn is_written<C: CacheServer>(job: &Job<C>, edit: &FileEdit) -> bool {
    let Some(Stepped::File(Ok(file))) = look(job, Step::File(&edit.edit)).await else {
        return false;
    };
    let after: [u8; 32] = Sha256::digest(&edit.after).into();
    file.sha256 == after || !edit.lines.is_empty() && holds(&file.content, &edit.lines)
}

/// Whether a request is seen to lie where this job puts it, as it puts it; `None` where that is not known.
pub(super) async fn is_kept<C: CacheServer>(
    job: &Job<C>,
    folder: Folder,
    request: &Request,
) -> Option<bool> {
    let Some(Stepped::Queue(Ok(requests), _)) = look(job, Step::Queue).await else {
        return None;
    };
    let key = request.key.fingerprint();
    let found = requests.iter().find(|own| own.key.fingerprint() == key);
    Some(found.is_some_and(|found| match folder {
        Folder::Waiting | Folder::Proven | Folder::Reopened => {
            found.waits() && found.nonce == request.nonce && found.proof == request.proof
        }
        Folder::Approved { .. } | Folder::Denied | Folder::Revoked => {
            found.decision == request.decision
        }
    }))
}

/// Whether a key is seen to stand in the list of revoked ones.
pub(super) async fn is_listed<C: CacheServer>(job: &Job<C>, key: &RevokedKey) -> bool {
    match look(job, Step::Queue).await {
        Some(Stepped::Queue(_, Ok(revoked))) => revoked.contains(key),
        _ => false,
    }
}

/// What is there of the knock after its installation ended in an error. Whether sshd has read its configuration anew can't
/// be seen, so without an answer its lines do not count; the script does where the lines that run it are in place.
pub(super) async fn half_installed<C: CacheServer>(
    job: &mut Job<C>,
    install: &KnockInstall,
    why: String,
) -> String {
    let Some(Stepped::Knock(seen)) = look(job, Step::KnockSeen(install)).await else {
        return why;
    };
    job.tally.done += usize::from(seen.script && seen.lines);
    match (seen.script, seen.lines) {
        (true, true) => format!(
            "{why}; the script and sshd's lines are in place, and whether sshd has read them can't be seen: reload sshd, or install the knock again"
        ),
        (true, false) => format!("{why}; the script is in place, and sshd does not run it"),
        (false, _) => format!("{why}; the script is not in place"),
    }
}

/// Whether a session is seen to be gone.
pub(super) async fn is_ended<C: CacheServer>(job: &Job<C>, session: &Session) -> bool {
    match look(job, Step::Sessions).await {
        Some(Stepped::Sessions(Ok(open))) => open
            .iter()
            .all(|other| (other.pid, other.since) != (session.pid, session.since)),
        _ => false,
    }
}

/// A look after an error; nothing where there is no answer.
async fn look<C: CacheServer>(job: &Job<C>, step: Step<'_>) -> Option<Stepped> {
    if job.cut_off.is_some() {
        return None;
    }
    job.look(job.cache.access(&job.token, step)).await.ok()
}

/// Whether the lines stand in the file, whole.
pub(super) fn holds(file: &[u8], lines: &[u8]) -> bool {
    let line = lines.strip_suffix(b"\n").unwrap_or(lines);
    file.split(|byte| *byte == b'\n').any(|other| other == line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_lines() {
        assert!(holds(b"a\nb c\n", b"b c\n"));
        assert!(!holds(b"a\nb c d\n", b"b c\n"));
    }
}
