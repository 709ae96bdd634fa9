//! A copy of a database that is kept: whole in one file, and checked.
//!
//! In: a copy in its private folder, as it was taken. Out: a file of this user's alone that was not there before, and how many rows
//! it has; or why there is none, and then there is no file either.

use super::folder::Folder;
use super::held::Held;
use super::store::{Database, Stopped};
use crate::domain::Bytes;
use crate::domain::count::count;
use crate::domain::text::{plain, visible};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What was saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Saved {
    /// Bytes of the file.
    pub size: Bytes,
    /// Rows of `ValidPaths`.
    pub paths: u64,
    /// Rows of `Refs`.
    pub references: u64,
}

impl Saved {
    /// What is in it, for people.
    pub fn words(&self) -> String {
        format!(
            "{}, {} and {}; its integrity was checked",
            self.size,
            count(self.paths as usize, "path"),
            count(self.references as usize, "reference"),
        )
    }
}

/// Saves a copy. Its log goes into the file, which is looked through by SQLite (`integrity_check`) before it gets its name. The
/// copy is of no more use for reading changes afterwards.
pub fn save(held: &mut Held, to: &Path) -> Result<Saved, Stopped> {
    // Only what is Nix's is opened to be written.
    drop(Database::open(
        &held.database(),
        Arc::new(AtomicBool::new(false)),
    )?);
    let (paths, references) = merge_log(held.spoil())?;
    let size = place(&held.database(), to)
        .map_err(|why| Stopped::Wrong(format!("its copy can't be saved: {why}")))?;
    Ok(Saved {
        size: Bytes(size),
        paths,
        references,
    })
}

/// Merges the log into the file and checks the file. Nothing of the database's own is run.
fn merge_log(folder: &Folder) -> Result<(u64, u64), Stopped> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(folder.database(), flags)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    // One file that anybody can read without writing beside it; Nix turns its log on again when it opens it.
    let mode: String =
        connection.query_row("pragma journal_mode = delete", [], |row| row.get(0))?;
    if mode != "delete" {
        return Err(Stopped::Wrong(
            "the log of its copy can't be put into the file".to_owned(),
        ));
    }
    let said: String = connection.query_row("pragma integrity_check(1)", [], |row| row.get(0))?;
    if said != "ok" {
        return Err(Stopped::Wrong(format!(
            "its database is damaged: {}",
            plain(&said)
        )));
    }
    let count = |table: &str| {
        connection.query_row(&format!("select count(*) from main.{table}"), [], |row| {
            row.get::<_, i64>(0)
        })
    };
    Ok((
        count("ValidPaths")?.unsigned_abs(),
        count("Refs")?.unsigned_abs(),
    ))
}

/// Copies a file to a place where none is.
fn place(from: &Path, to: &Path) -> io::Result<u64> {
    let folder = match to.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let explain = |error: io::Error| {
        let shown = to.to_string_lossy();
        io::Error::new(error.kind(), format!("{}: {error}", visible(&shown)))
    };
    // Mode 0600.
    let mut new = tempfile::NamedTempFile::new_in(folder).map_err(explain)?;
    let size = io::copy(&mut File::open(from)?, new.as_file_mut()).map_err(explain)?;
    new.as_file().sync_all().map_err(explain)?;
    new.persist_noclobber(to)
        .map_err(|error| explain(error.error))?;
    File::open(folder)?.sync_all()?;
    Ok(size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    const TABLES: &str = "create table ValidPaths (id integer primary key autoincrement not null, path text unique not null,
        hash text not null, registrationTime integer not null, deriver text, narSize integer, ultimate integer, sigs text, ca text);
        create table Refs (referrer integer not null, reference integer not null, primary key (referrer, reference));";

    /// A copy with one row in the file and one in the log.
    fn held(cache: &Path) -> Held {
        let held = Held::new(Folder::new(cache).unwrap());
        let server = tempfile::tempdir().unwrap();
        let file = server.path().join("db.sqlite");
        let sql = Connection::open(&file).unwrap();
        let one = |name| {
            format!(
                "insert into ValidPaths (path, hash, registrationTime) values ('/nix/store/{name}', 'x', 1);"
            )
        };
        sql.execute_batch(&format!("pragma journal_mode = wal; {TABLES} {}", one("a")))
            .unwrap();
        sql.execute_batch("pragma wal_checkpoint(truncate)")
            .unwrap();
        sql.execute_batch(&one("b")).unwrap();
        fs::copy(&file, held.database()).unwrap();
        fs::copy(
            server.path().join("db.sqlite-wal"),
            held.database().with_file_name(Folder::LOG),
        )
        .unwrap();
        held
    }

    #[test]
    fn one_file_with_all_rows_that_replaces_none() {
        let cache = tempfile::tempdir().unwrap();
        let to = cache.path().join("saved.sqlite");
        let saved = save(&mut held(cache.path()), &to).unwrap();
        assert_eq!((saved.paths, saved.references), (2, 0));
        let found = fs::metadata(&to).unwrap();
        assert_eq!(
            (found.len(), found.permissions().mode() & 0o777),
            (saved.size.0, 0o600)
        );
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let sql = Connection::open_with_flags(&to, flags).unwrap();
        let count: i64 = sql
            .query_row("select count(*) from ValidPaths", [], |row| row.get(0))
            .unwrap();
        assert_eq!(count, 2);
        let before = fs::read(&to).unwrap();
        assert!(save(&mut held(cache.path()), &to).is_err());
        assert_eq!(fs::read(&to).unwrap(), before);
        let left = fs::read_dir(cache.path()).unwrap().count();
        assert_eq!(left, 1, "only the file itself");
    }

    #[test]
    fn what_is_damaged_is_not_saved() {
        let cache = tempfile::tempdir().unwrap();
        let mut held = held(cache.path());
        let sql = Connection::open(held.database()).unwrap();
        sql.execute_batch(
            "pragma writable_schema = on; update sqlite_master set rootpage = 3 where name = 'Refs';",
        )
        .unwrap();
        drop(sql);
        let to = cache.path().join("saved.sqlite");
        assert!(save(&mut held, &to).is_err());
        assert!(!to.exists());
    }
}
