//! The folder of a spool: entries come by a rename, and go when they are done.
//!
//! In: paths. Out: an entry that is on the disk when [`Spool::add`] returns; and for the one who drains, the entries, oldest first.
//! What is no entry, is damaged or belongs to somebody else is set aside in `bad`, with the reason beside it, and holds nothing up.

use super::durable;
use super::entry::{self, Entry, Kept};
use crate::domain::StorePath;
use crate::domain::pin::PinName;
use crate::domain::text::visible;
use rustix::fs::{FlockOperation, OFlags, flock};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Bytes of an entry, at most.
const MOST: u64 = 4 << 20;

/// The lock of the process that drains.
const LOCK: &str = ".lock";
/// Where what is no entry lies.
const BAD: &str = "bad";
/// Links that keep the paths of entries on this machine.
const ROOTS: &str = "roots";

/// An unfinished file that is older was left by a process that was killed.
const OLD: Duration = Duration::from_secs(3600);

/// A spool folder.
#[derive(Debug, Clone)]
pub struct Spool {
    folder: PathBuf,
}

/// The spool of the one who drains it, for as long as this lives.
#[derive(Debug)]
pub struct Drain {
    spool: Spool,
    _lock: File,
}

/// What was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aside {
    /// Its name in the folder, fit to be shown.
    pub name: String,
    /// Why. A clause, fit to be shown.
    pub reason: String,
}

impl Spool {
    /// The folder, which is made for its owner alone where it is missing.
    pub fn at(folder: &Path) -> io::Result<Self> {
        durable::folder(folder)?;
        // Nix takes no relative name for a root, and what is started elsewhere finds the same one.
        let folder = fs::canonicalize(folder)?;
        Ok(Self { folder })
    }

    /// Adds an entry. When this returns, it is on the disk.
    pub fn add(
        &self,
        server: &str,
        paths: &[StorePath],
        pin: Option<&PinName>,
    ) -> io::Result<String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or_default();
        let mut random = [0; 4];
        getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
        let name = format!(
            "{:011}.{:09}-{:08x}.json",
            now.as_secs(),
            now.subsec_nanos(),
            u32::from_be_bytes(random)
        );
        let kept = Kept {
            schema: 1,
            server: server.to_owned(),
            paths: paths.to_vec(),
            pin: pin.cloned(),
            tries: 0,
        };
        let bytes = serde_json::to_vec(&kept)?;
        // What is written is read by the same rules.
        entry::read(&bytes).map_err(io::Error::other)?;
        durable::write(&self.folder, &name, &bytes)?;
        Ok(name)
    }

    /// The link of the roots of an entry, with its folder made.
    pub fn root(&self, entry: &str) -> io::Result<PathBuf> {
        let folder = self.folder.join(ROOTS);
        durable::folder(&folder)?;
        Ok(folder.join(entry))
    }

    /// Takes the lock; `None` where somebody else has it.
    pub fn drain(&self) -> io::Result<Option<Drain>> {
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(self.folder.join(LOCK))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Drain {
                spool: self.clone(),
                _lock: lock,
            })),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

impl Drain {
    /// The folder.
    pub fn spool(&self) -> &Spool {
        &self.spool
    }

    /// What waits, oldest first. What is no entry is set aside now.
    pub fn waiting(&self) -> io::Result<(Vec<Entry>, Vec<Aside>)> {
        let mut names = Vec::new();
        for found in fs::read_dir(&self.spool.folder)? {
            let name = found?.file_name();
            if name == LOCK || name == BAD || name == ROOTS {
                continue;
            }
            names.push(name);
        }
        names.sort();
        let (mut entries, mut aside) = (Vec::new(), Vec::new());
        for name in names {
            let path = self.spool.folder.join(&name);
            let text = name.to_string_lossy();
            if text.starts_with(durable::UNFINISHED) {
                sweep(&path);
                continue;
            }
            let read = match name.to_str() {
                Some(name) if well_named(name) => read(&path),
                _ => Err("its name is not that of an entry".to_owned()),
            };
            match (read, name.to_str()) {
                (Ok(Some(kept)), Some(name)) => entries.push(Entry {
                    name: name.to_owned(),
                    kept,
                }),
                (Ok(_), _) => {}
                (Err(reason), _) => aside.push(self.put_aside(Path::new(&name), &reason)?),
            }
        }
        Ok((entries, aside))
    }

    /// Whether an entry has its root, or at least one.
    pub fn is_rooted(&self, entry: &Entry) -> bool {
        let link = self.spool.folder.join(ROOTS).join(&entry.name);
        link.symlink_metadata().is_ok()
    }

    /// An entry whose paths are there, signed and recorded goes, and then what kept its paths here.
    pub fn done(&self, entry: &Entry) -> io::Result<()> {
        fs::remove_file(self.spool.folder.join(&entry.name))?;
        durable::sync(&self.spool.folder)?;
        self.unroot(entry);
        Ok(())
    }

    /// Counts a try that failed.
    pub fn failed(&self, entry: &mut Entry) -> io::Result<()> {
        entry.kept.tries = entry.kept.tries.saturating_add(1);
        let bytes = serde_json::to_vec(&entry.kept)?;
        durable::write(&self.spool.folder, &entry.name, &bytes)
    }

    /// Sets an entry aside.
    pub fn set_aside(&self, entry: &Entry, reason: &str) -> io::Result<Aside> {
        let aside = self.put_aside(Path::new(&entry.name), reason)?;
        self.unroot(entry);
        Ok(aside)
    }

    fn put_aside(&self, name: &Path, reason: &str) -> io::Result<Aside> {
        let bad = self.spool.folder.join(BAD);
        durable::folder(&bad)?;
        let from = self.spool.folder.join(name);
        let mut to = bad.join(name);
        let mut number = 1;
        while to.symlink_metadata().is_ok() {
            let mut other = name.as_os_str().to_owned();
            other.push(format!(".{number}"));
            to = bad.join(other);
            number += 1;
        }
        fs::rename(&from, &to)?;
        durable::sync(&self.spool.folder)?;
        let reason = visible(reason).into_owned();
        let mut why = to.file_name().unwrap_or_default().to_owned();
        why.push(".why");
        durable::write(
            &bad,
            &why.to_string_lossy(),
            format!("{reason}\n").as_bytes(),
        )?;
        Ok(Aside {
            name: visible(&name.to_string_lossy()).into_owned(),
            reason,
        })
    }

    /// Takes away what kept the paths of an entry on this machine: `NAME`, `NAME-2` and so on, as Nix names them.
    fn unroot(&self, entry: &Entry) {
        let link = self.spool.folder.join(ROOTS).join(&entry.name);
        for number in 1..=entry.paths().len() {
            let mut one = link.clone().into_os_string();
            if number > 1 {
                one.push(format!("-{number}"));
            }
            // What is left keeps some paths too long, and nothing else.
            let _ = fs::remove_file(one);
        }
    }
}

/// What [`Spool::add`] calls its entries; others may be put there by hand.
fn well_named(name: &str) -> bool {
    let rest = name.strip_suffix(".json");
    rest.is_some_and(|rest| {
        !rest.starts_with('.')
            && rest
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    })
}

/// Reads an entry; `None` where it has gone. The error is a clause.
fn read(path: &Path) -> Result<Option<Kept>, String> {
    // A link may lead anywhere, and a pipe would never end.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    let flags = i32::try_from(flags).unwrap_or_default();
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("it can't be read: {error}")),
    };
    let facts = file.metadata().map_err(|error| error.to_string())?;
    if !facts.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    let own = rustix::process::geteuid().as_raw();
    if facts.uid() != own {
        return Err(format!("it belongs to user {}, not to {own}", facts.uid()));
    }
    let mut bytes = Vec::new();
    let read = file.take(MOST + 1).read_to_end(&mut bytes);
    read.map_err(|error| format!("it can't be read: {error}"))?;
    if bytes.len() as u64 > MOST {
        return Err("it is too large".to_owned());
    }
    entry::read(&bytes).map(Some)
}

/// Removes an unfinished file that nobody writes any more.
fn sweep(path: &Path) {
    let age = path
        .symlink_metadata()
        .and_then(|facts| facts.modified())
        .ok()
        .and_then(|at| at.elapsed().ok());
    if age.is_some_and(|age| age > OLD) {
        let _ = fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn path(name: &str) -> StorePath {
        StorePath::from_parts(&[name.len() as u8; 20], name).unwrap()
    }

    fn spool() -> (tempfile::TempDir, Spool) {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::at(&folder.path().join("spool")).unwrap();
        (folder, spool)
    }

    #[test]
    fn oldest_first_and_gone_when_done() {
        let (_folder, spool) = spool();
        let names: Vec<String> = ["a", "bb", "ccc"]
            .iter()
            .map(|name| spool.add("prod", &[path(name)], None).unwrap())
            .collect();
        let mode = fs::metadata(spool.folder.join(&names[0])).unwrap();
        assert_eq!(mode.permissions().mode() & 0o777, 0o600);
        let drain = spool.drain().unwrap().unwrap();
        let (mut entries, aside) = drain.waiting().unwrap();
        assert_eq!(aside, []);
        let found: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(found, names);
        assert_eq!(
            (entries[1].server(), entries[1].paths()),
            ("prod", &[path("bb")][..])
        );
        drain.failed(&mut entries[1]).unwrap();
        drain.done(&entries[0]).unwrap();
        let (entries, _) = drain.waiting().unwrap();
        let tries: Vec<u32> = entries.iter().map(Entry::tries).collect();
        assert_eq!(tries, [1, 0]);
        // A pin keeps one path.
        let pin: PinName = "x".parse().unwrap();
        assert!(
            spool
                .add("prod", &[path("a"), path("bb")], Some(&pin))
                .is_err()
        );
        assert!(spool.add("prod", &[], None).is_err());
    }

    #[test]
    fn one_drains_at_a_time() {
        let (_folder, spool) = spool();
        let first = spool.drain().unwrap();
        assert!(first.is_some() && spool.drain().unwrap().is_none());
        drop(first);
        assert!(spool.drain().unwrap().is_some());
    }

    #[test]
    fn what_is_no_entry_is_set_aside() {
        let (folder, spool) = spool();
        let good = spool.add("prod", &[path("a")], None).unwrap();
        let at = |name: &str| spool.folder.join(name);
        let text = fs::read(at(&good)).unwrap();
        fs::write(at("1.json"), &text[..20]).unwrap();
        fs::write(at("notes"), "x").unwrap();
        fs::create_dir(at("2.json")).unwrap();
        symlink(at(&good), at("3.json")).unwrap();
        fs::write(at("4.json"), &text).unwrap();
        std::os::unix::fs::chown(at("4.json"), Some(61_009), None).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            at("5.json"),
            rustix::fs::FileType::Fifo,
            0o600.into(),
            0,
        )
        .unwrap();
        fs::write(at("6.json"), vec![b' '; MOST as usize + 1]).unwrap();
        fs::write(at(".new-1"), "young").unwrap();
        let drain = spool.drain().unwrap().unwrap();
        let (entries, aside) = drain.waiting().unwrap();
        assert_eq!(entries.len(), 1);
        let names: Vec<&str> = aside.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "1.json", "2.json", "3.json", "4.json", "5.json", "6.json", "notes"
            ]
        );
        assert!(
            aside[3].reason.contains("belongs to user 61009"),
            "{aside:?}"
        );
        let why = fs::read_to_string(at("bad/2.json.why")).unwrap();
        assert_eq!(why, "it is not a regular file\n");
        assert!(at(".new-1").exists());
        // What has the same name again does not take its place.
        fs::write(at("1.json"), "again").unwrap();
        assert_eq!(drain.waiting().unwrap().1.len(), 1);
        assert!(at("bad/1.json").exists() && at("bad/1.json.1").exists());
        drop(folder);
    }
}
