//! What fills the disk: file systems, the database, hard links, a collection that runs.
//!
//! In: the server room fills these in. Out: plain data for `judge` and the screens. What could not be found out is
//! [`Unknown`](super::Unknown) with the reason, never a guess.

use super::server_facts::Disk;
use super::{Bytes, Fact, StorePath, When};

/// Everything about space that one look at the server finds out, but for roots, last use and hard links.
#[derive(Debug, Clone)]
pub struct SpaceFacts {
    /// When it was looked at, by the server's clock.
    pub at: When,
    /// The file system of the store.
    pub store: Fact<FileSystem>,
    /// That of `/`, where it is another one; `None` where it is the same.
    pub root: Fact<Option<FileSystem>>,
    /// Nix's database.
    pub database: Fact<DatabaseFacts>,
    /// Whether equal files have ever been linked to each other.
    pub optimised: Fact<bool>,
    /// Collections that run now, or wait for the lock.
    pub collecting: Fact<Vec<Collector>>,
    /// How the upload lease works; `None` where there is none.
    pub lease: Option<Lease>,
    /// The load average of the last 15 minutes, and how many processors there are; `None` where `/proc` does not tell.
    pub load: Option<(f64, u32)>,
    /// Units of ours that have failed, as systemd names them.
    pub failed_units: Vec<String>,
    /// Links below Nix's folder of roots whose path is not on the disk, as far as they were looked at.
    pub dangling: Vec<Dangling>,
    /// Whether Nix keeps the derivers of live paths (`keep-derivations`, default true).
    pub keep_derivations: Fact<bool>,
    /// Whether Nix keeps the outputs of live derivations (`keep-outputs`, default false).
    pub keep_outputs: Fact<bool>,
}

/// A root whose path is not on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dangling {
    /// The link, fit to be shown.
    pub link: String,
    /// What it is to keep.
    pub target: StorePath,
}

/// How the last run of the upload lease went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// When it ran, by the server's clock; `None` where its script is one that does not say.
    pub at: Option<When>,
    /// Why it could not look at what was uploaded, fit to be shown. It keeps everything then.
    pub problem: Option<String>,
}

/// A mounted file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSystem {
    /// Where it is mounted.
    pub mount: String,
    /// Its type, such as `ext4`.
    pub kind: String,
    /// Mount options, such as `relatime`.
    pub options: Vec<String>,
    /// Its size and what is used of it.
    pub disk: Disk,
}

/// What a file system keeps of access times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessTimes {
    /// Moved at each access.
    Always,
    /// Moved at most once a day (`relatime`): good to a day.
    Daily,
    /// Never moved (`noatime`, `nodiratime`, `ro`): there is no last use.
    Never,
}

impl AccessTimes {
    /// What is kept under these mount options (mount(8)). Reading through a read-only mount, such as NixOS's of the
    /// store, moves none; nearly every store path is a directory, so `nodiratime` is as good as `noatime`.
    pub fn of<S: AsRef<str>>(options: &[S]) -> Self {
        let has = |option: &str| options.iter().any(|o| o.as_ref() == option);
        if has("noatime") || has("nodiratime") || has("ro") {
            Self::Never
        } else if has("relatime") {
            Self::Daily
        } else {
            Self::Always
        }
    }
}

impl FileSystem {
    /// What it keeps of access times.
    pub fn access_times(&self) -> AccessTimes {
        AccessTimes::of(&self.options)
    }
}

/// Nix's SQLite database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DatabaseFacts {
    /// The main file.
    pub size: Bytes,
    /// The write-ahead log.
    pub wal: Bytes,
    /// Pages that are free within the main file, in bytes: what a `VACUUM` would give back. Read from the header of the
    /// file (SQLite file format, bytes 16 and 36); `None` where it could not be read.
    pub free: Option<Bytes>,
}

/// The `.links` folder of a store: what hard links between equal files save (`auto-optimise-store`,
/// `nix-store --optimise`). Counting it looks at each of its files, so it is a question of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Links {
    /// Files in it; 0 for a store that was never optimised.
    pub files: u64,
    /// What the links save: for each file its size times the links beyond the first in the store.
    pub saved: Bytes,
}

/// A process that collects garbage, or waits to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collector {
    /// Its id.
    pub process: u32,
    /// Whose it is; empty if that can't be seen, as for one that ended while it was looked at.
    pub user: String,
    /// Since when it runs, by the server's clock.
    pub since: Option<When>,
    /// Its command line, fit to be shown.
    pub command: String,
    /// Whether it holds the lock, as far as is known; others wait for it.
    pub holds: bool,
}

impl Collector {
    /// Whose it is, as it is shown.
    pub fn owner(&self) -> &str {
        if self.user.is_empty() {
            "?"
        } else {
            &self.user
        }
    }
}

/// Where the time of last use comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UseSource {
    /// Access times of the top directories, moved at each access.
    AccessTime,
    /// The same, good to a day.
    AccessTimeDaily,
    /// Registration times: nothing tells of use since.
    Registration,
}

/// When paths were last used, as read from the server: the digests of store paths and the access times of their top
/// directories. No directory content is read for it, as that would move the times.
#[derive(Debug, Clone)]
pub struct LastUse {
    /// Where the times come from.
    pub source: UseSource,
    /// Why there is nothing better than registration times, where that is so.
    pub why: Option<String>,
    /// Access times; empty where the source is registration.
    pub times: Vec<([u8; 20], When)>,
}
