//! What was in use on the disk of each server, as it was seen from here: the real curve of its growth.
//!
//! In: a sample at each look. Out: all of them, in `space/SERVER.json` of the state folder, which only its owner can read.
//! They stay few (see [`remember`]), and without a state folder, or with one that can't be written, there are none: a
//! forecast then stands on what still exists.

use crate::domain::file_name;
use crate::domain::space::SpaceFacts;
use crate::judge::growth::{Sample, remember};
use std::fs::{DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// The file for a server.
fn file(state: &Path, server: &str) -> PathBuf {
    let name = file_name::of(server);
    state.join("space").join(format!("{name}.json"))
}

/// The samples that are kept of a server, oldest first; none where nothing can be read.
fn read(state: &Path, server: &str) -> Vec<Sample> {
    std::fs::read(file(state, server))
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default()
}

/// What is kept of a server, with what is seen of it now; without a state folder, nothing.
pub fn look(state: Option<&Path>, server: &str, seen: &SpaceFacts) -> Vec<Sample> {
    let Some(state) = state else {
        return Vec::new();
    };
    match &seen.store {
        Ok(store) => {
            let (at, used) = (seen.at, store.disk.used.0);
            keep(state, server, Sample { at, used })
        }
        Err(_) => read(state, server),
    }
}

/// Adds a sample to those of a server and gives back all of them, also where they can't be kept.
fn keep(state: &Path, server: &str, sample: Sample) -> Vec<Sample> {
    let mut samples = read(state, server);
    let before = samples.len();
    let last = samples.last().copied();
    remember(&mut samples, sample);
    if samples.len() != before || samples.last().copied() != last {
        // Only a help: what is not kept today is kept tomorrow.
        let _ = write(&file(state, server), &samples);
    }
    samples
}

/// In one step, so that two programs at once leave the file of one of them.
fn write(file: &Path, samples: &[Sample]) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    let new = file.with_extension(format!("new-{}", std::process::id()));
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)
        .and_then(|mut file| file.write_all(&serde_json::to_vec(samples)?))
        .and_then(|()| std::fs::rename(&new, file));
    if written.is_err() {
        let _ = std::fs::remove_file(&new);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::When;
    use std::os::unix::fs::PermissionsExt as _;

    fn sample(hour: i64) -> Sample {
        Sample {
            at: When::from_unix(hour * 3600),
            used: hour as u64,
        }
    }

    #[test]
    fn kept_for_its_owner_alone() {
        let state = tempfile::tempdir().unwrap();
        assert_eq!(read(state.path(), "prod"), []);
        assert_eq!(keep(state.path(), "prod", sample(1)), [sample(1)]);
        assert_eq!(keep(state.path(), "prod", sample(2)).len(), 2);
        assert_eq!(read(state.path(), "prod"), [sample(1), sample(2)]);
        assert_eq!(read(state.path(), "other"), []);
        let file = file(state.path(), "prod");
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
        assert_eq!(
            std::fs::read_dir(file.parent().unwrap()).unwrap().count(),
            1
        );
    }

    #[test]
    fn what_is_broken_begins_anew() {
        let state = tempfile::tempdir().unwrap();
        keep(state.path(), "prod", sample(1));
        std::fs::write(file(state.path(), "prod"), "{").unwrap();
        assert_eq!(read(state.path(), "prod"), []);
        assert_eq!(keep(state.path(), "prod", sample(3)), [sample(3)]);
        // A folder that can't be made is no reason to say nothing.
        let nowhere = state.path().join("space/prod.json");
        assert_eq!(keep(&nowhere, "prod", sample(4)), [sample(4)]);
    }
}
