//! `paths`: what is in the store, and what clients make of it.
//!
//! In: a query, filters and an order. Out: one line a path, one JSON document, or with `--jsonl` one element a line while
//! the store is still being read.

use super::args::{self, SortBy};
use super::error::{CliError, Kind};
use super::load::{Loaded, load};
use super::out::{Out, say};
use super::progress::Progress;
use super::session::Session;
use crate::domain::notice;
use crate::domain::text::visible;
use crate::domain::{Bytes, TrustClass, When};
use crate::inventory::{Builder, Inventory, Query, Row, SearchFacts, Sort, SortKey, view};
use crate::judge::health::UNREADABLE;
use crate::load::{AssessedPath, Element};
use crate::server::Source;
use rayon::prelude::*;
use std::io::Write as _;
use std::sync::atomic::AtomicBool;

/// Rows of a document that are written in one go, and how many such pieces are made at a time.
const PIECE: usize = 1024;
const PIECES: usize = 16;

/// What is asked for, read.
struct PathsRequest {
    query: Query,
    refused: bool,
    trust: Option<TrustClass>,
    sort: Sort,
    limit: usize,
}

impl PathsRequest {
    fn new(args: &args::Paths) -> Result<Self, CliError> {
        let query = Query::parse(&args.query.join(" ")).map_err(CliError::usage)?;
        if query.asks_roots() || query.asks_use() {
            return Err(CliError::usage(notice!(
                "paths reads neither roots nor the last use",
                "see `storekeeper gc SERVER --dry-run` and `storekeeper roots SERVER`, or put ' before a word to look for it in names"
            )));
        }
        let key = match args.sort {
            None | Some(SortBy::Name) => SortKey::Name,
            Some(SortBy::Size) => SortKey::Size,
            Some(SortBy::Closure) => SortKey::Closure,
            Some(SortBy::Added) => SortKey::Added,
            Some(SortBy::Trust) => SortKey::Trust,
        };
        Ok(Self {
            query,
            refused: args.refused,
            trust: args.trust.as_deref().and_then(TrustClass::from_word),
            sort: Sort {
                key,
                reverse: args.reverse,
            },
            limit: args.limit.unwrap_or(usize::MAX),
        })
    }

    /// The rows in order. Derivations are paths like others here: a list that leaves some out is no basis for scripts.
    fn rows(&self, inventory: &Inventory, now: When) -> Vec<Row> {
        let never = AtomicBool::new(false);
        let Some(view) = view(
            inventory,
            &self.query,
            self.sort,
            false,
            now,
            SearchFacts::default(),
            &never,
        ) else {
            return Vec::new();
        };
        let rows = view.rows.iter().copied();
        rows.filter(|row| self.class(inventory.trust(*row)))
            .take(self.limit)
            .collect()
    }

    /// Whether paths of this class are wanted.
    fn class(&self, class: Option<TrustClass>) -> bool {
        (!self.refused || class.is_some_and(TrustClass::refused))
            && (self.trust.is_none() || class == self.trust)
    }

    /// Which of a batch are wanted, by position. For a query, the batch becomes an inventory of its own, so that the
    /// query means the same as on the whole store.
    fn positions(&self, batch: &[AssessedPath], now: When) -> Vec<usize> {
        if self.query.is_empty() {
            return (0..batch.len())
                .filter(|at| match &batch[*at] {
                    AssessedPath::Valid(_, assessment) => self.class(Some(assessment.class)),
                    AssessedPath::Failed(..) => self.class(None),
                    AssessedPath::Invalid(_) => false,
                })
                .collect();
        }
        // The listed paths have the first rows, in the order of the batch.
        let mut builder = Builder::new(batch.iter().map(|judged| judged.path().clone()).collect());
        for judged in batch {
            judged.enter(&mut builder);
        }
        let rows = self.rows(&builder.finish(), now);
        let mut positions: Vec<usize> = rows.into_iter().map(|row| row as usize).collect();
        positions.sort_unstable();
        positions
    }
}

/// Checks the arguments before anything is connected to.
pub(super) fn check(args: &args::Paths) -> Result<(), CliError> {
    PathsRequest::new(args).map(|_| ())
}

/// Runs it; the exit code tells whether all of the store could be read.
pub(super) async fn run(
    session: &Session,
    args: &args::Paths,
    out: &mut Out,
) -> Result<u8, CliError> {
    let request = PathsRequest::new(args)?;
    let server = session.connect_to_read().await?;
    let now = When::now();
    let progress = Progress::new(session.quiet);
    let loaded = if args.jsonl {
        let mut left = request.limit;
        load(session, &server, &progress, |batch| {
            stream(&request, batch, now, &mut left, out)
        })
        .await
    } else {
        load(session, &server, &progress, |_| Ok(())).await
    };
    server.link().close().await;
    let Loaded {
        inventory, read, ..
    } = match loaded {
        // The limit is reached; what would follow is not wanted.
        Err(CliError::Closed) if args.jsonl => return Ok(0),
        other => other?,
    };
    if !args.jsonl {
        let rows = request.rows(&inventory, now);
        if out.json() {
            let from = (session.name(), read.source);
            document(from, now, &inventory, &rows, out)?;
        } else {
            table(&inventory, &rows, out)?;
        }
    }
    match inventory.counts().unreadable {
        0 => Ok(0),
        unreadable => {
            say(&format!(
                "storekeeper: the server could not read {unreadable} paths; {UNREADABLE}"
            ));
            Ok(Kind::Server.code())
        }
    }
}

/// Writes what is wanted of a batch.
fn stream(
    request: &PathsRequest,
    batch: &[AssessedPath],
    now: When,
    left: &mut usize,
    out: &mut Out,
) -> Result<(), CliError> {
    for at in request.positions(batch, now).into_iter().take(*left) {
        if let Some(element) = batch.get(at).and_then(Element::of_answer) {
            serde_json::to_writer(out.raw(), &element)?;
            out.line("")?;
            *left -= 1;
        }
    }
    out.flush()?;
    if *left == 0 {
        return Err(CliError::Closed);
    }
    Ok(())
}

/// Writes the document in pieces, made on all cores: as one value it would be in memory twice.
fn document(
    (server, source): (&str, Source),
    at: When,
    inventory: &Inventory,
    rows: &[Row],
    out: &mut Out,
) -> Result<(), CliError> {
    let raw = out.raw();
    let server = serde_json::to_string(server)?;
    let source = source.word();
    write!(
        raw,
        "{{\"schema\":1,\"server\":{server},\"at\":\"{at}\",\"source\":\"{source}\",\"paths\":["
    )?;
    let mut first = true;
    let mut pieces = vec![Vec::new(); PIECES];
    for some in rows.chunks(PIECE * PIECES) {
        pieces
            .par_iter_mut()
            .zip(some.par_chunks(PIECE))
            .try_for_each(|(piece, rows)| write_piece(inventory, rows, piece))?;
        for piece in pieces.iter().take(some.len().div_ceil(PIECE)) {
            let piece = if first { &piece[1..] } else { piece };
            raw.write_all(piece)?;
            first = false;
        }
    }
    raw.write_all(b"]}")?;
    out.line("")
}

/// Elements, each with a comma before it, in the place of what the piece had before.
fn write_piece(
    inventory: &Inventory,
    rows: &[Row],
    piece: &mut Vec<u8>,
) -> Result<(), serde_json::Error> {
    piece.clear();
    for row in rows {
        piece.push(b',');
        serde_json::to_writer(&mut *piece, &Element::of_row(inventory, *row))?;
    }
    Ok(())
}

fn table(inventory: &Inventory, rows: &[Row], out: &mut Out) -> Result<(), CliError> {
    let raw = out.raw();
    for row in rows {
        let size = match inventory.nar_size(*row) {
            Some(size) if size > 0 => Bytes(size).to_string(),
            _ => "?".to_owned(),
        };
        let trust = inventory.trust(*row).map_or("?", TrustClass::word);
        let path = inventory.path(*row);
        write!(raw, "{size:>9}  {trust:<17}  {path}")?;
        if let Some(problem) = inventory.problem(*row) {
            write!(raw, "  {}", visible(problem))?;
        }
        writeln!(raw)?;
    }
    Ok(())
}
