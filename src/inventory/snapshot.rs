//! The inventory: one state of the store, immutable.
//!
//! In: what a [`super::Builder`] has gathered. Out: the values of each row, and sums over all. Every accessor here costs
//! the same at any size of the store, but for the walks that say so.

use super::Row;
use super::closures::Closures;
use super::columns::{Columns, State};
use super::deriver;
use super::graph::{self, Graph};
use super::key_names::KeyNames;
use super::names::{NO_ROW, Names};
use super::order::NameOrder;
use super::proof::ProofKey;
use super::search::FEW;
use super::with_closure::WithClosure;
use crate::domain::Budget;
use crate::domain::store_path::HASH_CHARS;
use crate::domain::{Assessment, KeyRing, PathInfo};
use crate::domain::{ContentAddress, NarHash, StorePath, TrustClass, Verdict, When, nix32};
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// One state of the store. Cloning copies pointers only; share it as `Arc<Inventory>` all the same.
#[derive(Clone)]
pub struct Inventory {
    pub(super) names: Names,
    pub(super) columns: Columns,
    pub(super) keys: Arc<KeyNames>,
    pub(super) graph: Arc<Graph>,
    /// For each row what clients make of it with all that it needs.
    pub(super) with_closure: Arc<[WithClosure]>,
    pub(super) order: Arc<NameOrder>,
    /// Derivations came in after paths had been read, whose derivers they may be.
    pub(super) late_derivers: bool,
    /// What it takes of the memory that it may have.
    pub(super) room: Budget,
    /// What the verdicts were made with, see [`KeyRing::digest`].
    pub(super) ring: Option<[u8; 32]>,
    pub(super) proof_key: Option<ProofKey>,
}

/// Sums over the paths of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Paths that are listed and not gone.
    pub paths: usize,
    /// How many of them are derivations.
    pub derivations: usize,
    /// NAR bytes of those that have been read.
    pub bytes: u64,
    /// Paths and NAR bytes by class, in the order of [`TrustClass::ALL`], of those that have been read.
    pub by_trust: [(TrustClass, usize, u64); 7],
    /// Paths that a client would refuse, of those that have been read.
    pub refused: usize,
    /// Paths that have not been read yet.
    pub unread: usize,
    /// Paths that the server answered for with an error.
    pub unreadable: usize,
}

impl Counts {
    /// Paths that have been read, or whose reading was answered with an error.
    pub const fn read(&self) -> usize {
        self.paths.saturating_sub(self.unread)
    }
}

impl Default for Inventory {
    /// The empty store.
    fn default() -> Self {
        super::Builder::new(Vec::new()).finish()
    }
}

impl Inventory {
    /// Whether it is the same state of the store, not only an equal one: nothing was entered in between.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.with_closure, &other.with_closure)
    }

    /// Number of rows: all listed paths, those gone since, and paths that are only referred to.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Makes the order by name, unless it is there: otherwise the first list that needs it does. A job.
    pub fn order_by_name(&self) {
        let never = AtomicBool::new(false);
        let _ = self.order.make(&self.names, &never);
    }

    /// How many listed paths have had their answer; with `counts().unread` still to come.
    pub fn loaded(&self) -> usize {
        self.columns.tally.answered()
    }

    /// Whether its verdicts were made with these keys.
    pub fn is_assessed_with(&self, ring: &KeyRing) -> bool {
        self.ring == Some(ring.digest())
    }

    /// The verdict of before, if all that it follows from is as it was.
    pub fn assessment(&self, info: &PathInfo) -> Option<Assessment> {
        let row = self.find(&info.path)?;
        let (chunk, at) = self.columns.at(row);
        let proof = self.proof_key?.prove(info);
        let class = chunk.trust[at].filter(|_| chunk.proof[at] == proof)?;
        let signatures = self.signatures(row);
        Some(Assessment {
            class,
            signatures: signatures
                .map(|(key, verdict)| (key.to_owned(), verdict))
                .collect(),
        })
    }

    /// The row of a path. It may be gone or never listed: see [`Inventory::state`].
    pub fn find(&self, path: &StorePath) -> Option<Row> {
        self.names.find(path.base_name())
    }

    /// The row of a digest.
    pub fn by_digest(&self, digest: &[u8; 20]) -> Option<Row> {
        self.names.find_hash_part(&nix32::encode(digest))
    }

    /// The path of a row.
    pub fn path(&self, row: Row) -> StorePath {
        StorePath::from_known_base_name(self.base_name(row))
    }

    /// `<hash>-<name>` of a row.
    pub fn base_name(&self, row: Row) -> &str {
        self.names.base(row)
    }

    /// The 32 digits of a row.
    pub fn hash_part(&self, row: Row) -> &str {
        &self.base_name(row)[..HASH_CHARS]
    }

    /// The name of a row, such as `hello-2.12`.
    pub fn name(&self, row: Row) -> &str {
        self.names.name(row)
    }

    /// How much is known of a row.
    pub fn state(&self, row: Row) -> State {
        let (chunk, at) = self.columns.at(row);
        chunk.state[at]
    }

    /// NAR size in bytes; `None` where the row has not been read. 0 means that the store does not know it.
    pub fn nar_size(&self, row: Row) -> Option<u64> {
        let (chunk, at) = self.columns.at(row);
        (chunk.state[at] == State::Valid).then(|| chunk.nar_size[at])
    }

    /// When the path became valid in this store, which for a cache is the upload.
    pub fn registered(&self, row: Row) -> Option<When> {
        let (chunk, at) = self.columns.at(row);
        (chunk.state[at] == State::Valid).then(|| When::from_unix(i64::from(chunk.registered[at])))
    }

    /// When the path was last used, where known.
    pub fn last_used(&self, row: Row) -> Option<When> {
        let (chunk, at) = self.columns.at(row);
        let seconds = chunk.used[at];
        (seconds != 0).then(|| When::from_unix(i64::from(seconds)))
    }

    /// What a client makes of the path; `None` where the row has not been read.
    pub fn trust(&self, row: Row) -> Option<TrustClass> {
        let (chunk, at) = self.columns.at(row);
        chunk.trust[at]
    }

    /// What clients make of the path together with all that it needs.
    pub fn with_closure(&self, row: Row) -> WithClosure {
        let verdict = self.with_closure.get(row as usize);
        verdict.copied().unwrap_or(WithClosure::Unknown)
    }

    /// The signatures in the order of the store: the name that each gives (any text), and what it is worth.
    pub fn signatures(&self, row: Row) -> impl Iterator<Item = (&str, Verdict)> {
        let (chunk, at) = self.columns.at(row);
        let signatures = chunk.signatures.get(at).iter();
        signatures.map(|signed| (self.keys.get(signed.key), signed.verdict))
    }

    /// The derivation that the path was built by, which need not be here.
    pub fn deriver(&self, row: Row) -> Option<StorePath> {
        let (chunk, at) = self.columns.at(row);
        match chunk.deriver[at] {
            NO_ROW => self
                .packed_deriver(row)
                .map(|base| StorePath::from_known_base_name(&base)),
            deriver => Some(self.path(deriver)),
        }
    }

    /// The name of the deriver, such as `hello-2.12.drv`.
    pub fn deriver_name(&self, row: Row) -> Option<Cow<'_, str>> {
        let (chunk, at) = self.columns.at(row);
        match chunk.deriver[at] {
            NO_ROW => deriver::name(self.name(row), chunk.deriver_name.get(at)).map(Cow::Owned),
            deriver => Some(Cow::Borrowed(self.name(deriver))),
        }
    }

    /// The base name of a deriver that has no row.
    fn packed_deriver(&self, row: Row) -> Option<String> {
        let (chunk, at) = self.columns.at(row);
        deriver::base(self.name(row), chunk.deriver_name.get(at))
    }

    /// The row of the deriver, where that is a path of this store.
    pub fn deriver_row(&self, row: Row) -> Option<Row> {
        let (chunk, at) = self.columns.at(row);
        let deriver = match chunk.deriver[at] {
            NO_ROW if self.late_derivers => self.names.find(&self.packed_deriver(row)?)?,
            NO_ROW => return None,
            deriver => deriver,
        };
        self.state(deriver).is_present().then_some(deriver)
    }

    /// Whether this very store has built the path.
    pub fn ultimate(&self, row: Row) -> bool {
        let (chunk, at) = self.columns.at(row);
        chunk.ultimate[at]
    }

    /// SHA-256 of the path's NAR; `None` where the row has not been read.
    pub fn nar_hash(&self, row: Row) -> Option<NarHash> {
        let (chunk, at) = self.columns.at(row);
        (chunk.state[at] == State::Valid).then(|| NarHash(chunk.nar_hash[at]))
    }

    /// The content address as stored.
    pub fn content_address(&self, row: Row) -> Option<&str> {
        let (chunk, at) = self.columns.at(row);
        text(chunk.note.get(at)).filter(|_| chunk.state[at] == State::Valid)
    }

    /// Why nothing is known of a row, if something is wrong with it. May hold the server's words: to be made visible.
    pub fn problem(&self, row: Row) -> Option<&str> {
        let (chunk, at) = self.columns.at(row);
        match chunk.state[at] {
            State::Unread | State::Valid => None,
            State::Unreadable => {
                Some(text(chunk.note.get(at)).unwrap_or("the server gave no reason"))
            }
            State::Gone => Some("no longer valid in this store"),
            State::Unlisted => Some("not valid in this store; other paths refer to it"),
        }
    }

    /// Whether the row is a derivation.
    pub fn is_derivation(&self, row: Row) -> bool {
        super::is_derivation(self.base_name(row))
    }

    /// What the path refers to, itself included where it does, in the order of its paths.
    pub fn references(&self, row: Row) -> &[Row] {
        let (chunk, at) = self.columns.at(row);
        chunk.references.get(at)
    }

    /// What refers to the path, itself included where it does, by row.
    pub fn referrers(&self, row: Row) -> &[Row] {
        self.graph.referrers(row)
    }

    /// Whether the path is refused, and would be with its signatures in order: its content address is another path's.
    pub fn refused_for_its_address(&self, row: Row) -> bool {
        let wrong = |(_, verdict)| verdict == Verdict::Bad;
        match self.trust(row) {
            Some(TrustClass::Bad) => !self.signatures(row).any(wrong),
            // A true one would need no signature.
            Some(class) if class.refused() => {
                let claims = self.content_address(row).map(ContentAddress::parse);
                claims.flatten().is_some()
            }
            _ => false,
        }
    }

    /// Whether clients accept the path without any signature: its content address is its own. A false one would have it refused.
    pub fn needs_no_signature(&self, row: Row) -> bool {
        let claims = || self.content_address(row).map(ContentAddress::parse);
        match self.trust(row) {
            Some(TrustClass::ContentAddressed) => true,
            Some(class) if !class.refused() => claims().flatten().is_some(),
            _ => false,
        }
    }

    /// Sums over the store.
    pub fn counts(&self) -> Counts {
        self.columns.tally.counts()
    }

    /// The path and all that it needs, the path first, then nearest first. A walk of the closure, for a job.
    pub fn closure(&self, row: Row) -> Vec<Row> {
        self.closure_of(&[row])
    }

    /// The same of several paths together, each path once: these first. A walk of what they need, not one for each.
    pub fn closure_of(&self, rows: &[Row]) -> Vec<Row> {
        graph::closure(&self.columns, self.len(), rows)
    }

    /// Number of paths and NAR bytes of the closure. A walk of the closure, for a job, unless all are known already.
    pub fn closure_size(&self, row: Row) -> (usize, u64) {
        self.closure_size_known(row).unwrap_or_else(|| {
            let rows = self.closure(row);
            let bytes = rows.iter().map(|row| self.nar_size(*row).unwrap_or(0));
            (rows.len(), bytes.fold(0, u64::saturating_add))
        })
    }

    /// The same, if it was measured before: for drawing.
    pub fn closure_size_known(&self, row: Row) -> Option<(usize, u64)> {
        match self.graph.closures.get() {
            Some(closures) => Some(closures.get(row)),
            None => self.graph.few().get(&row).copied(),
        }
    }

    /// Measures the closures of these rows and keeps the result, also for later snapshots until references change. A walk of
    /// each where they are few, else all of the store at once: a walk for each of many roots of one long chain takes
    /// minutes. For a job. False when cancelled.
    pub fn measure_closures_of(&self, rows: &[Row], cancel: &AtomicBool) -> bool {
        if rows.len() > FEW {
            return self.closures(cancel).is_some();
        }
        for row in rows {
            if cancel.load(Ordering::Relaxed) {
                return false;
            }
            let size = self.closure_size(*row);
            self.graph.few().insert(*row, size);
        }
        true
    }

    /// The closures of all rows, measured on first use and kept for later snapshots until references change. A job of
    /// seconds on a large store. `None` when cancelled.
    pub(super) fn closures(&self, cancel: &AtomicBool) -> Option<&Closures> {
        if let Some(closures) = self.graph.closures.get() {
            return Some(closures);
        }
        let closures = Closures::measure(&self.columns, self.len(), cancel)?;
        Some(self.graph.closures.get_or_init(|| closures))
    }

    /// The shortest chain of references from one path to another, both included; `None` if there is none. A walk of
    /// the closure, for a job.
    pub fn why_depends(&self, from: Row, to: Row) -> Option<Vec<Row>> {
        graph::why_depends(&self.columns, from, to)
    }

    /// The same rows, each once, so that a path comes after all that it needs. A walk of their closure, for a job.
    pub fn order_references_first(&self, rows: &[Row]) -> Vec<Row> {
        graph::order_references_first(&self.columns, self.len(), rows)
    }
}

impl fmt::Debug for Inventory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inventory")
            .field("rows", &self.len())
            .field("loaded", &self.loaded())
            .finish_non_exhaustive()
    }
}

/// A list of bytes that was text, if it is not empty.
fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes)
        .ok()
        .filter(|text| !text.is_empty())
}
