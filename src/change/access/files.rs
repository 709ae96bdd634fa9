//! Which key file a change is made in, and whether it may be.
//!
//! In: the cache user's files as they were found. Out: one of them, or why none, with what to do instead.

use super::AccessError;
use crate::domain::access::{AccessFacts, KeyFile};
use crate::domain::authorized_keys::AuthorizedKeys;
use crate::domain::ssh_key::Fingerprint;
use crate::domain::text::{nix_string, visible};

/// The cache user's key files, or why they are not known.
pub(super) fn files(facts: &AccessFacts) -> Result<&[KeyFile], AccessError> {
    if !facts.files.is_empty() {
        return Ok(&facts.files);
    }
    let why = match (&facts.cache_user, &facts.sshd.settings) {
        (Err(unknown), _) | (_, Err(unknown)) => unknown.to_string(),
        _ => "sshd reads none for the cache user".to_owned(),
    };
    Err(AccessError::NoFile(why))
}

/// Where a new key goes: a file that is there and can be edited, before one that would have to be made.
pub(super) fn target<'a>(
    facts: &'a AccessFacts,
    wanted: Option<&str>,
    line: &str,
) -> Result<&'a KeyFile, AccessError> {
    let files = files(facts)?;
    let file = if let Some(path) = wanted {
        files
            .iter()
            .find(|file| file.path == path || file.resolved == path)
            .ok_or_else(|| AccessError::OtherFile(visible(path).into_owned()))?
    } else {
        {
            let rank = |file: &&KeyFile| {
                (
                    file.editable.is_err(),
                    file.strict_modes_problem.is_some(),
                    !file.exists,
                    // The home of a system user that is nowhere can't hold a file.
                    file.path.starts_with("/var/empty/") || file.path.starts_with("/nonexistent/"),
                )
            };
            let mut best = files.first();
            for file in files {
                // The first of equals, as sshd reads them.
                if best.is_none_or(|best| rank(&file) < rank(&best)) {
                    best = Some(file);
                }
            }
            best.ok_or_else(|| AccessError::NoFile("there is none".to_owned()))?
        }
    };
    editable(
        file,
        &format!("add {} to nix.sshServe.keys", nix_string(line)),
    )?;
    if let Some(other) = facts.also_read_for(file) {
        return Err(AccessError::Shared {
            file: file.place(),
            user: visible(&other.user).into_owned(),
        });
    }
    Ok(file)
}

pub(super) fn editable(file: &KeyFile, change: &str) -> Result<(), AccessError> {
    match (&file.generated_by, &file.editable) {
        (Some(by), _) => Err(AccessError::Generated {
            file: visible(&file.path).into_owned(),
            by: by.clone(),
            change: change.to_owned(),
        }),
        (None, Err(why)) => Err(AccessError::NotEditable(why.clone())),
        (None, Ok(())) => Ok(()),
    }
}

pub(super) fn document(file: &KeyFile) -> Result<AuthorizedKeys, AccessError> {
    Ok(file.document()?)
}

/// The file and the line in which a key stands now, of the files that could be read.
pub fn authorized_in(files: &[KeyFile], key: Fingerprint) -> Option<(String, usize)> {
    files.iter().find_map(|file| {
        let line = *document(file).ok()?.find(&key).first()?;
        Some((visible(&file.path).into_owned(), line))
    })
}
