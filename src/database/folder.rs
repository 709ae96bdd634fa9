//! The private folder that a copy lies in.
//!
//! In: the folder of caches. Out: a folder for one copy, for nobody else's eyes; it goes when it is dropped. Its lock says that
//! somebody works in it: what a killed process has left has none, and is removed by the next one that makes such a folder.
//! One that is kept under a server's name is the next process's to take over, as long as the machine has not been restarted: what
//! was written may not have reached the disk.

use crate::domain::text::visible;
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// What such a folder's name begins with.
const PREFIX: &str = "copy-";

/// What the name of a folder that is kept begins with.
const KEPT: &str = "kept-";

/// How long one is kept that nobody takes over.
const UNUSED: Duration = Duration::from_secs(30 * 86_400);

/// Name of the file that says what a kept copy is of.
const ABOUT: &str = "about";

/// Linux: another one after each start (`random(4)`).
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

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
        let dir = made(cache)?;
        let lock = private(&dir.path().join(LOCK))?;
        // Where there are no locks, it is left to lie for a day if this process is killed.
        let _ = flock(&lock, FlockOperation::NonBlockingLockExclusive);
        Ok(Self { dir, _lock: lock })
    }

    /// Leaves it for the next process that takes over what is kept under this name, with what is to be known of it then. In place
    /// of what was there, unless somebody is taking that over.
    pub fn keep(&self, name: &str, about: &str) -> io::Result<()> {
        let boot = fs::read_to_string(BOOT_ID)?;
        let cache = self.dir.path().parent().unwrap_or(self.dir.path());
        let place = cache.join(format!("{KEPT}{name}"));
        let mut file = self.create(ABOUT)?;
        file.write_all(format!("{}\n{about}\n", boot.trim()).as_bytes())?;
        if place.exists() {
            let _held = lock(&place)?;
            fs::remove_dir_all(&place)?;
        }
        fs::rename(self.dir.path(), place)
    }

    /// Takes over what is kept under a name, and what is to be known of it; `None` where there is nothing of use.
    pub fn take_over(cache: &Path, name: &str) -> Option<(Self, String)> {
        let place = cache.join(format!("{KEPT}{name}"));
        let held = lock(&place).ok()?;
        let folder = Self {
            dir: made(cache).ok()?,
            _lock: held,
        };
        fs::rename(&place, folder.dir.path()).ok()?;
        let found = fs::read_to_string(folder.dir.path().join(ABOUT)).ok()?;
        let (boot, about) = found.split_once('\n')?;
        let same = fs::read_to_string(BOOT_ID).is_ok_and(|now| now.trim() == boot);
        folder.remove(ABOUT).ok()?;
        same.then(|| (folder, about.to_owned()))
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

fn made(cache: &Path) -> io::Result<TempDir> {
    tempfile::Builder::new()
        .prefix(PREFIX)
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(cache)
}

/// Locks a folder that nobody works in.
fn lock(folder: &Path) -> io::Result<File> {
    let lock = File::open(folder.join(LOCK))?;
    flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
    Ok(lock)
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
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_of = |prefix, age| name.starts_with(prefix) && is_left(&entry.path(), age);
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && (is_of(PREFIX, YOUNG) || is_of(KEPT, UNUSED)) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Whether nobody works in this folder, nor has for so long.
fn is_left(folder: &Path, age: Duration) -> bool {
    let young = fs::metadata(folder)
        .and_then(|found| found.modified())
        .is_ok_and(|changed| changed.elapsed().is_ok_and(|since| since < age));
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

    #[test]
    fn a_kept_copy_is_taken_over_by_one_and_replaced_by_a_newer_one() {
        let cache = tempfile::tempdir().unwrap();
        let cache = cache.path();
        let make = |text: &str| {
            let folder = Folder::new(cache).unwrap();
            fs::write(folder.database(), text).unwrap();
            folder.keep("root@a", &format!("about {text}")).unwrap();
        };
        let all = || fs::read_dir(cache).unwrap().count();
        assert!(Folder::take_over(cache, "root@a").is_none());
        make("old");
        make("new");
        assert_eq!(all(), 1);
        assert!(Folder::take_over(cache, "root@b").is_none());
        let (folder, about) = Folder::take_over(cache, "root@a").unwrap();
        assert_eq!(about, "about new\n");
        assert_eq!(fs::read_to_string(folder.database()).unwrap(), "new");
        assert_eq!(mode(folder.dir.path()), 0o700);
        // Nobody else gets it, and it goes with its owner.
        assert!(Folder::take_over(cache, "root@a").is_none());
        age(folder.dir.path());
        drop(Folder::new(cache).unwrap());
        assert!(folder.database().exists());
        folder.keep("root@a", "again").unwrap();
        drop(folder);
        assert_eq!(all(), 1);
        let kept = cache.join("kept-root@a");
        // While somebody takes it over, it is not replaced.
        let held = lock(&kept).unwrap();
        let other = Folder::new(cache).unwrap();
        assert!(other.keep("root@a", "x").is_err());
        drop((held, other));
        assert_eq!(all(), 1);
        // After a restart, and when it was not used for a month, it goes.
        fs::write(kept.join(ABOUT), "another-boot\nabout\n").unwrap();
        assert!(Folder::take_over(cache, "root@a").is_none());
        assert_eq!(all(), 0);
        make("unused");
        let old = std::time::SystemTime::now() - 2 * UNUSED;
        File::open(&kept).unwrap().set_modified(old).unwrap();
        drop(Folder::new(cache).unwrap());
        assert_eq!(all(), 0);
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
