//! The private folder that a copy lies in.
//!
//! In: the folder of caches. Out: a folder for one copy, for nobody else's eyes; it goes when it is dropped. Its lock says that
//! somebody works in it: what a killed process has left has none, and is removed by the next one that makes such a folder.

use crate::domain::text::visible;
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// What such a folder's name begins with.
const PREFIX: &str = "copy-";

/// Name of the lock.
const LOCK: &str = "lock";

/// A younger folder without a lock is one that is being made.
const YOUNG: Duration = Duration::from_secs(60);

/// A folder for one copy.
#[derive(Debug)]
pub struct Folder {
    dir: TempDir,
    _lock: File,
}

/// Removes the folder when it is dropped, also while a thread still works in it: what such a thread writes then goes nowhere.
#[derive(Debug)]
pub struct Removal(PathBuf);

impl Drop for Removal {
    fn drop(&mut self) {
        // What can't be removed is left for the next start.
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Folder {
    /// Removes it at the end of the work, or when that is given up.
    pub fn removal(&self) -> Removal {
        Removal(self.dir.path().to_owned())
    }

    /// Name of the database.
    pub const DATABASE: &str = "db.sqlite";
    /// Name of its write-ahead log, as SQLite looks for it.
    pub const LOG: &str = "db.sqlite-wal";

    /// Makes one below the folder of caches, which is made where it is missing, and removes what killed processes have left.
    pub fn new(cache: &Path) -> io::Result<Self> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(cache)?;
        sweep(cache);
        let dir = tempfile::Builder::new()
            .prefix(PREFIX)
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(cache)?;
        let lock = private(&dir.path().join(LOCK))?;
        // Where there are no locks, it is left to lie for a day if this process is killed.
        let _ = flock(&lock, FlockOperation::NonBlockingLockExclusive);
        Ok(Self { dir, _lock: lock })
    }

    /// The file of this name in it, empty.
    pub fn create(&self, name: &str) -> io::Result<File> {
        private(&self.dir.path().join(name))
    }

    /// Removes the file of this name, if it is there.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.dir.path().join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Where the database is in it.
    pub fn database(&self) -> PathBuf {
        self.dir.path().join(Self::DATABASE)
    }

    /// Bytes that this user may still write there.
    pub fn free(&self) -> io::Result<u64> {
        let found = rustix::fs::statvfs(self.dir.path())?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }

    /// Its place, for messages.
    pub fn shown(&self) -> String {
        let parent = self.dir.path().parent().unwrap_or(self.dir.path());
        visible(&parent.to_string_lossy()).into_owned()
    }
}

/// A file for this user only, empty.
fn private(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
}

/// Removes the folders that nobody works in. What can't be removed is left for another time.
fn sweep(cache: &Path) {
    let Ok(entries) = fs::read_dir(cache) else {
        return;
    };
    for entry in entries.flatten() {
        let ours = entry.file_name().to_string_lossy().starts_with(PREFIX)
            && entry.file_type().is_ok_and(|kind| kind.is_dir());
        if ours && is_left(&entry.path()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Whether nobody works in this folder.
fn is_left(folder: &Path) -> bool {
    let young = fs::metadata(folder)
        .and_then(|found| found.modified())
        .is_ok_and(|changed| changed.elapsed().is_ok_and(|age| age < YOUNG));
    match File::open(folder.join(LOCK)) {
        Ok(lock) => !young && flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok(),
        Err(_) => !young,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn age(path: &Path) {
        let old = std::time::SystemTime::now() - 2 * YOUNG;
        File::open(path).unwrap().set_modified(old).unwrap();
    }

    #[test]
    fn a_copy_is_private_and_goes_with_its_owner() {
        let cache = tempfile::tempdir().unwrap();
        let cache = cache.path().join("storekeeper");
        let folder = Folder::new(&cache).unwrap();
        drop(folder.create(Folder::LOG).unwrap());
        assert_eq!(mode(&cache), 0o700);
        assert_eq!(mode(folder.dir.path()), 0o700);
        assert_eq!(mode(&folder.dir.path().join(Folder::LOG)), 0o600);
        folder.remove(Folder::LOG).unwrap();
        folder.remove(Folder::LOG).unwrap();
        assert!(folder.free().unwrap() > 0);
        drop(folder);
        assert_eq!(fs::read_dir(&cache).unwrap().count(), 0);
    }

    #[test]
    fn what_killed_processes_have_left_is_removed() {
        let cache = tempfile::tempdir().unwrap();
        let used = Folder::new(cache.path()).unwrap();
        age(used.dir.path());
        for (name, lock, old) in [
            ("copy-killed", true, true),
            ("copy-before-its-lock", false, true),
            ("copy-being-made", false, false),
            ("other", true, true),
        ] {
            let left = cache.path().join(name);
            fs::create_dir(&left).unwrap();
            if lock {
                fs::write(left.join(LOCK), "").unwrap();
            }
            if old {
                age(&left);
            }
        }
        let _new = Folder::new(cache.path()).unwrap();
        assert!(used.dir.path().is_dir());
        let here = |name: &str| cache.path().join(name).exists();
        assert_eq!(
            [
                "copy-killed",
                "copy-before-its-lock",
                "copy-being-made",
                "other"
            ]
            .map(here),
            [false, false, true, true]
        );
    }
}
