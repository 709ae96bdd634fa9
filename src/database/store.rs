//! Reads the copy of a database.
//!
//! In: a file that a server sent, which may be made to do harm. Out: every path of the store, then what is known of each, in the
//! order of their numbers. Two tables are read side by side, each from its beginning to its end, so that a row costs no query.
//!
//! Nothing in the file is run: it is opened to be read, without trust in its schema, and both tables have to be tables. What is
//! read has to be in order, so that pages that lead in a circle end the reading.

use super::row::{self, COLUMNS, ID, PATH, Row};
use super::seen::{Seen, Walk};
use crate::domain::budget::{Budget, entry, heap, most};
use crate::domain::{PathList, StorePath};
use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Statement};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Steps of SQLite between two looks whether the reading is still wanted.
const STEPS: i32 = 20_000;

/// The longest text of a row, and so what a row may make SQLite take.
const LONGEST: i32 = 8 << 20;

/// References of one row that are looked at: more take more memory than a path may, however short their names are.
const MOST_REFERENCES: usize = (most::INFO / 64) as usize + 1;

/// Pages that are kept in memory, in KiB: each is read once, in its order.
const CACHE: i64 = 4 << 10;

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
    paths: PathList,
}

impl Listing {
    pub fn paths(&self) -> &PathList {
        &self.paths
    }

    /// The numbers of their rows.
    pub fn ids(&self) -> &[i64] {
        &self.ids
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

    /// Every path.
    pub fn listing(&self) -> Result<Listing, Stopped> {
        let mut budget = Budget::new("the list of store paths", most::LISTING);
        let mut listing = Listing::default();
        let mut statement = self
            .connection
            .prepare("select id, path from main.ValidPaths order by id")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(0)?;
            let path = store_path(row.get_ref(1)?)?;
            if listing.ids.last().is_some_and(|last| *last >= id) {
                return wrong("the rows of its database are not in order");
            }
            let taken = entry::<u32>() + entry::<i64>() + path.base_name().len() as u64;
            budget
                .charge(taken)
                .map_err(|what| Stopped::Wrong(what.to_string()))?;
            listing.ids.push(id);
            listing.paths.push(&path);
        }
        Ok(listing)
    }

    /// The numbers of all rows.
    pub fn ids(&self) -> Result<Vec<i64>, Stopped> {
        let mut budget = Budget::new("the list of store paths", most::LISTING);
        let mut statement = self
            .connection
            .prepare("select id from main.ValidPaths order by id")?;
        let mut rows = statement.query([])?;
        let mut ids: Vec<i64> = Vec::new();
        while let Some(row) = rows.next()? {
            let id = row.get(0)?;
            if ids.last().is_some_and(|last| *last >= id) {
                return wrong("the rows of its database are not in order");
            }
            budget
                .charge(entry::<i64>())
                .map_err(|what| Stopped::Wrong(what.to_string()))?;
            ids.push(id);
        }
        Ok(ids)
    }

    /// What is known of the rows of these numbers, without what they refer to.
    pub fn some(&self, ids: &[i64]) -> Result<Vec<Row>, Stopped> {
        let mut statement = self.connection.prepare(&format!(
            "select {COLUMNS} from main.ValidPaths where id = ?1"
        ))?;
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            let mut rows = statement.query([id])?;
            if let Some(row) = rows.next()? {
                let path = path_of(row)?;
                found.push(row::read(&path, |at| row.get_ref(at), Vec::new()));
            }
        }
        Ok(found)
    }

    /// What is known of each path, in the order of the listing. `each` says whether it goes on. With what was seen, only the
    /// rows that differ are given out. Gives back what was seen of all.
    pub fn rows(
        &self,
        listing: &Listing,
        seen: Seen,
        before: Option<&Seen>,
        each: impl FnMut(Row) -> ControlFlow<()>,
    ) -> Result<Seen, Stopped> {
        let paths = Paths::Listed(&listing.paths);
        self.walk(&listing.ids, paths, seen, before, each)
    }

    /// The same for the rows of these numbers, of which most are as they were seen: paths are looked up where one differs.
    pub fn changes(
        &self,
        ids: &[i64],
        seen: Seen,
        before: &Seen,
        each: impl FnMut(Row) -> ControlFlow<()>,
    ) -> Result<Seen, Stopped> {
        let look_up = self
            .connection
            .prepare("select path from main.ValidPaths where id = ?1")?;
        self.walk(ids, Paths::LookedUp(look_up), seen, Some(before), each)
    }

    fn walk(
        &self,
        ids: &[i64],
        mut paths: Paths<'_>,
        mut seen: Seen,
        before: Option<&Seen>,
        mut each: impl FnMut(Row) -> ControlFlow<()>,
    ) -> Result<Seen, Stopped> {
        let index = Index::new(ids);
        let mut before = before.map(Seen::walk);
        let mut references = self.connection.prepare(REFERENCES)?;
        let mut references = References {
            rows: references.query([])?,
            next: None,
            last: None,
        };
        references.step()?;
        let mut statement = self.connection.prepare(&format!(
            "select {COLUMNS}, id from main.ValidPaths order by id"
        ))?;
        let mut rows = statement.query([])?;
        let mut places = Vec::new();
        for (at, id) in ids.iter().enumerate() {
            let Some(row) = rows.next()? else {
                return wrong("the rows of its database change");
            };
            if row.get::<_, i64>(ID)? != *id {
                return wrong("the rows of its database change");
            }
            let mut mark = seen.mark();
            (0..ID).for_each(|column| mark.column(&row.get_ref(column)));
            places.clear();
            while let Some((referrer, reference)) = references.next {
                if referrer > *id {
                    break;
                }
                // One that is not in the store any more, or of such a one, Nix doesn't see.
                if referrer == *id
                    && let Some(place) = index.place(reference)
                {
                    mark.reference(reference);
                    if places.len() < MOST_REFERENCES {
                        places.push(place);
                    }
                }
                references.step()?;
            }
            let mark = mark.finish();
            seen.push(*id, mark);
            let known = |before: &mut Walk<'_>| before.is_known(*id, mark);
            if before.as_mut().is_some_and(known) {
                continue;
            }
            let path = paths.get(at, row)?;
            let row = match paths.all(ids, &places)? {
                Some(own) => row::read(&path, |at| row.get_ref(at), own),
                None => Row::Odd(path),
            };
            if matches!(row, Row::Odd(_)) {
                seen.push_odd();
            }
            if each(row).is_break() {
                return Err(Stopped::Unwanted);
            }
        }
        Ok(seen)
    }
}

/// The path of a row of all [`COLUMNS`]. One that is no store path stops the reading: Nix lists no such store, and its own
/// words name the row.
fn path_of(row: &rusqlite::Row<'_>) -> Result<StorePath, Stopped> {
    store_path(row.get_ref(PATH)?)
}

fn store_path(value: ValueRef<'_>) -> Result<StorePath, Stopped> {
    let path = value.as_str().ok();
    match path.and_then(|path| StorePath::parse(path).ok()) {
        Some(path) => Ok(path),
        None => wrong("a row of its database is no store path"),
    }
}

/// Where the paths of rows come from.
enum Paths<'a> {
    /// They are here, in the order of the rows.
    Listed(&'a PathList),
    /// They are looked up by their numbers.
    LookedUp(Statement<'a>),
}

impl Paths<'_> {
    /// The path at this place, whose row this is.
    fn get(&self, at: usize, row: &rusqlite::Row<'_>) -> Result<StorePath, Stopped> {
        match self {
            Self::Listed(paths) => paths.get(at).map_or_else(|| path_of(row), Ok),
            Self::LookedUp(_) => path_of(row),
        }
    }

    /// The paths at these places; `None` where they are more than a path has.
    fn all(&mut self, ids: &[i64], places: &[usize]) -> Result<Option<Vec<StorePath>>, Stopped> {
        let mut size = 0;
        let mut found = Vec::with_capacity(places.len());
        for place in places {
            let path = match self {
                Self::Listed(paths) => paths.get(*place),
                Self::LookedUp(statement) => match ids.get(*place) {
                    Some(id) => {
                        let mut rows = statement.query([id])?;
                        rows.next()?
                            .map(|row| store_path(row.get_ref(0)?))
                            .transpose()?
                    }
                    None => None,
                },
            };
            let Some(path) = path else {
                return wrong("the rows of its database change");
            };
            size += entry::<StorePath>() + heap(16 + path.base_name().len());
            if size > most::INFO {
                return Ok(None);
            }
            found.push(path);
        }
        Ok(Some(found))
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
