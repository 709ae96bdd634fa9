//! Reads the copy of a database.
//!
//! In: a file that a server sent, which may be made to do harm. Out: every path of the store, then what is known of each, in the
//! order of their numbers. Two tables are read side by side, each from its beginning to its end, so that a row costs no query.
//!
//! Nothing in the file is run: it is opened to be read, without trust in its schema, and both tables have to be tables. What is
//! read has to be in order, so that pages that lead in a circle end the reading.

use super::row::{self, COLUMNS, Row};
use crate::domain::StorePath;
use crate::domain::budget::{Budget, entry, heap, most};
use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Steps of SQLite between two looks whether the reading is still wanted.
const STEPS: i32 = 20_000;

/// The longest text of a row, and so what a row may make SQLite take.
const LONGEST: i32 = 8 << 20;

/// Pages that are kept in memory, in KiB.
const CACHE: i64 = 16 << 10;

/// Tables and columns that are read.
const TABLES: [(&str, &[&str]); 2] = [
    (
        "ValidPaths",
        &[
            "id",
            "path",
            "hash",
            "registrationTime",
            "deriver",
            "narSize",
            "ultimate",
            "sigs",
            "ca",
        ],
    ),
    ("Refs", &["referrer", "reference"]),
];

/// All of `Refs`, in the order of the table's own key.
const REFERENCES: &str = "select referrer, reference from main.Refs order by referrer, reference";

/// Why the reading ended early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopped {
    /// Nobody wants the rest.
    Unwanted,
    /// The file is not what it should be: how, as a clause.
    Wrong(String),
}

impl From<rusqlite::Error> for Stopped {
    fn from(error: rusqlite::Error) -> Self {
        if error.sqlite_error_code() == Some(rusqlite::ErrorCode::OperationInterrupted) {
            return Self::Unwanted;
        }
        let why = crate::domain::text::plain(&error.to_string());
        Self::Wrong(format!("its database can't be read: {why}"))
    }
}

fn wrong<T>(why: &str) -> Result<T, Stopped> {
    Err(Stopped::Wrong(why.to_owned()))
}

/// A copy of a database, open.
#[derive(Debug)]
pub struct Database {
    connection: Connection,
}

/// All paths of a store, in the order of their numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Rising.
    ids: Vec<i64>,
    /// As many.
    paths: Vec<StorePath>,
}

impl Listing {
    /// The paths.
    pub fn paths(&self) -> &[StorePath] {
        &self.paths
    }
}

impl Database {
    /// Opens a copy and looks whether it is Nix's. All reading ends soon after `unwanted` is set.
    pub fn open(file: &Path, unwanted: Arc<AtomicBool>) -> Result<Self, Stopped> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(file, flags)?;
        connection.progress_handler(STEPS, Some(move || unwanted.load(Ordering::Relaxed)))?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
        connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, LONGEST)?;
        connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
        connection.set_limit(Limit::SQLITE_LIMIT_WORKER_THREADS, 0)?;
        connection.pragma_update(None, "cell_size_check", true)?;
        connection.pragma_update(None, "mmap_size", 0)?;
        connection.pragma_update(None, "cache_size", -CACHE)?;
        connection.pragma_update(None, "query_only", true)?;
        let database = Self { connection };
        database.check()?;
        Ok(database)
    }

    /// Whether the tables are Nix's.
    fn check(&self) -> Result<(), Stopped> {
        for (table, columns) in TABLES {
            let kind: Vec<String> = self
                .connection
                .prepare("select type from pragma_table_list where schema = 'main' and name = ?1")?
                .query_map([table], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            if kind != ["table"] {
                return wrong(&format!("its database has no table {table}"));
            }
            let mut found = self
                .connection
                .prepare("select name from pragma_table_xinfo(?1) where hidden = 0")?;
            let found: Vec<String> = found
                .query_map([table], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            if let Some(column) = columns
                .iter()
                .find(|column| !found.iter().any(|f| f == *column))
            {
                return wrong(&format!("its database has no column {table}.{column}"));
            }
        }
        let mut plan = self
            .connection
            .prepare(&format!("explain query plan {REFERENCES}"))?;
        let plan: Vec<String> = plan
            .query_map([], |row| row.get("detail"))?
            .collect::<Result<_, _>>()?;
        if plan.iter().any(|step| step.contains("TEMP B-TREE")) {
            return wrong("its database has no index of references");
        }
        Ok(())
    }

    /// Every path. A row that is no store path stops it: Nix lists no such store, and its own words name the row.
    pub fn listing(&self) -> Result<Listing, Stopped> {
        let mut budget = Budget::new("the list of store paths", most::LISTING);
        let mut listing = Listing::default();
        let mut statement = self
            .connection
            .prepare("select id, path from main.ValidPaths order by id")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(0)?;
            let path = row
                .get_ref(1)?
                .as_str()
                .ok()
                .and_then(|path| StorePath::parse(path).ok());
            let Some(path) = path else {
                return wrong("a row of its database is no store path");
            };
            if listing.ids.last().is_some_and(|last| *last >= id) {
                return wrong("the rows of its database are not in order");
            }
            let taken = entry::<StorePath>() + entry::<i64>() + heap(16 + path.base_name().len());
            budget
                .charge(taken)
                .map_err(|what| Stopped::Wrong(what.to_string()))?;
            listing.ids.push(id);
            listing.paths.push(path);
        }
        Ok(listing)
    }

    /// What is known of the rows at these places of the listing, without what they refer to.
    pub fn some(&self, listing: &Listing, places: &[usize]) -> Result<Vec<Row>, Stopped> {
        let mut statement = self.connection.prepare(&format!(
            "select {COLUMNS} from main.ValidPaths where id = ?1"
        ))?;
        let mut found = Vec::with_capacity(places.len());
        for place in places {
            let (Some(id), Some(path)) = (listing.ids.get(*place), listing.paths.get(*place))
            else {
                continue;
            };
            let mut rows = statement.query([id])?;
            if let Some(row) = rows.next()? {
                found.push(row::read(path, |at| row.get_ref(at), Vec::new()));
            }
        }
        Ok(found)
    }

    /// What is known of each path, in the order of the listing. `each` says whether it goes on.
    pub fn rows(
        &self,
        listing: &Listing,
        mut each: impl FnMut(Row) -> ControlFlow<()>,
    ) -> Result<(), Stopped> {
        let index = Index::new(&listing.ids);
        let mut references = self.connection.prepare(REFERENCES)?;
        let mut references = References {
            rows: references.query([])?,
            next: None,
            last: None,
        };
        references.step()?;
        let mut statement = self.connection.prepare(&format!(
            "select id, {COLUMNS} from main.ValidPaths order by id"
        ))?;
        let mut rows = statement.query([])?;
        for (id, path) in listing.ids.iter().zip(&listing.paths) {
            let Some(row) = rows.next()? else {
                return wrong("the rows of its database change");
            };
            if row.get::<_, i64>(0)? != *id {
                return wrong("the rows of its database change");
            }
            let mut own = Vec::new();
            let mut size = 0;
            while let Some((referrer, reference)) = references.next {
                if referrer > *id {
                    break;
                }
                // One that is not in the store any more, or of such a one, Nix doesn't see.
                if referrer == *id
                    && let Some(path) = index.place(reference).and_then(|at| listing.paths.get(at))
                {
                    size += entry::<StorePath>() + heap(16 + path.base_name().len());
                    if size <= most::INFO {
                        own.push(path.clone());
                    }
                }
                references.step()?;
            }
            let row = if size > most::INFO {
                Row::Odd(path.clone())
            } else {
                row::read(path, |at| row.get_ref(at + 1), own)
            };
            if each(row).is_break() {
                return Err(Stopped::Unwanted);
            }
        }
        Ok(())
    }
}

/// The rows of `Refs` with a look ahead.
struct References<'s> {
    rows: rusqlite::Rows<'s>,
    next: Option<(i64, i64)>,
    last: Option<(i64, i64)>,
}

impl References<'_> {
    fn step(&mut self) -> Result<(), Stopped> {
        self.next = match self.rows.next()? {
            Some(row) => Some((row.get(0)?, row.get(1)?)),
            None => None,
        };
        if self.next.is_some() && self.last >= self.next {
            return wrong("the references in its database are not in order");
        }
        self.last = self.next;
        Ok(())
    }
}

/// Where a number is in the listing.
enum Index<'a> {
    /// By number, less the first one; `u32::MAX` where there is none.
    Dense(i64, Vec<u32>),
    /// By search, where most numbers are of paths that are gone.
    Sparse(&'a [i64]),
}

impl<'a> Index<'a> {
    fn new(ids: &'a [i64]) -> Self {
        let (Some(first), Some(last)) = (ids.first(), ids.last()) else {
            return Self::Sparse(ids);
        };
        let span = last.abs_diff(*first);
        if span > 16 * ids.len() as u64 + 1_000_000 || ids.len() >= u32::MAX as usize {
            return Self::Sparse(ids);
        }
        let mut places = vec![u32::MAX; span as usize + 1];
        for (at, id) in ids.iter().enumerate() {
            places[id.abs_diff(*first) as usize] = at as u32;
        }
        Self::Dense(*first, places)
    }

    fn place(&self, id: i64) -> Option<usize> {
        match self {
            Self::Dense(first, places) => {
                let offset = usize::try_from(id.checked_sub(*first)?).ok()?;
                let place = *places.get(offset)?;
                (place != u32::MAX).then_some(place as usize)
            }
            Self::Sparse(ids) => ids.binary_search(&id).ok(),
        }
    }
}

#[cfg(test)]
mod tests;
