//! The journal of pushes to a server: what was missing there when a push began, until it is signed and recorded.
//!
//! In: the paths of a push. Out: those of pushes that have not come to their end, so that the next push can sign what they have copied,
//! and nothing else. One file for each server in the state folder, `push/SERVER.json`, mode 0600.

use super::durable;
use crate::domain::{StorePath, When, file_name};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Seconds after which nobody goes on with a push.
const OLD: i64 = 90 * 24 * 3600;

/// Bytes of a journal, at most: about ten million paths.
const MOST: u64 = 1 << 30;

/// A push that has begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// The id of its job, as in its record.
    pub id: String,
    /// When it began, by this machine's clock.
    pub at: When,
    /// What was missing on the server then, or left by an earlier push, and is not done yet.
    pub paths: Vec<StorePath>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Document {
    schema: u8,
    pushes: Vec<Begun>,
}

/// The journal of one server.
#[derive(Debug, Clone)]
pub struct Journal {
    folder: PathBuf,
    name: String,
}

impl Journal {
    /// In the state folder of this program.
    pub fn of(state: &Path, server: &str) -> Self {
        Self {
            folder: state.join("push"),
            name: format!("{}.json", file_name::of(server)),
        }
    }

    pub fn file(&self) -> PathBuf {
        self.folder.join(&self.name)
    }

    /// The pushes that have not come to their end, oldest first.
    pub fn begun(&self) -> io::Result<Vec<Begun>> {
        let file = match File::open(self.file()) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut io::Read::take(file, MOST), &mut bytes)?;
        read(&bytes)
    }

    /// Notes a push before it changes anything.
    pub fn begin(&self, push: Begun) -> io::Result<()> {
        self.edit(|pushes| pushes.push(push))
    }

    /// Removes the paths that are done: signed and recorded.
    pub fn drop_done(&self, done: impl Fn(&Begun, &StorePath) -> bool) -> io::Result<()> {
        if !self.file().exists() {
            return Ok(());
        }
        self.edit(|pushes| {
            for push in pushes.iter_mut() {
                let mut paths = std::mem::take(&mut push.paths);
                paths.retain(|path| !done(push, path));
                push.paths = paths;
            }
        })
    }

    /// Changes it under a lock: two pushes at once keep what each has noted.
    fn edit(&self, change: impl FnOnce(&mut Vec<Begun>)) -> io::Result<()> {
        durable::folder(&self.folder)?;
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(self.folder.join(".lock"))?;
        flock(&lock, FlockOperation::LockExclusive)?;
        let mut pushes = self.begun()?;
        change(&mut pushes);
        let now = When::now().unix();
        pushes.retain(|push| !push.paths.is_empty() && now.saturating_sub(push.at.unix()) < OLD);
        if pushes.is_empty() {
            match fs::remove_file(self.file()) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => return durable::sync(&self.folder),
            }
        }
        let document = Document { schema: 1, pushes };
        durable::write(&self.folder, &self.name, &serde_json::to_vec(&document)?)
    }
}

/// Reads a journal.
pub(super) fn read(bytes: &[u8]) -> io::Result<Vec<Begun>> {
    let document: Document = serde_json::from_slice(bytes)?;
    if document.schema != 1 {
        return Err(io::Error::other("it is of another version of this program"));
    }
    Ok(document.pushes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn path(name: &str) -> StorePath {
        StorePath::from_parts(&[name.len() as u8; 20], name).unwrap()
    }

    fn push(id: &str, at: When, names: &[&str]) -> Begun {
        Begun {
            id: id.to_owned(),
            at,
            paths: names.iter().map(|name| path(name)).collect(),
        }
    }

    #[test]
    fn goes_when_all_is_done() {
        let state = tempfile::tempdir().unwrap();
        let journal = Journal::of(state.path(), "prod");
        assert_eq!(journal.begun().unwrap(), []);
        let now = When::now();
        journal.begin(push("1", now, &["a", "bb"])).unwrap();
        journal.begin(push("2", now, &["bb", "ccc"])).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(
            (mode(&journal.file()), mode(&state.path().join("push"))),
            (0o600, 0o700)
        );
        journal.drop_done(|_, one| *one == path("bb")).unwrap();
        assert_eq!(
            journal.begun().unwrap(),
            [push("1", now, &["a"]), push("2", now, &["ccc"])]
        );
        assert_eq!(Journal::of(state.path(), "other").begun().unwrap(), []);
        journal.drop_done(|push, _| push.id == "1").unwrap();
        assert_eq!(journal.begun().unwrap(), [push("2", now, &["ccc"])]);
        journal.drop_done(|_, _| true).unwrap();
        assert!(!journal.file().exists());
        // What nobody went on with is forgotten.
        let old = When::from_unix(now.unix() - OLD - 1);
        journal.begin(push("3", old, &["a"])).unwrap();
        assert_eq!(journal.begun().unwrap(), []);
    }

    #[test]
    fn a_damaged_one_is_no_empty_one() {
        let state = tempfile::tempdir().unwrap();
        let journal = Journal::of(state.path(), "prod");
        journal.begin(push("1", When::now(), &["a"])).unwrap();
        fs::write(journal.file(), "{").unwrap();
        assert!(journal.begun().is_err());
        assert!(journal.begin(push("2", When::now(), &["a"])).is_err());
    }

    proptest! {
        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }
    }
}
