//! Fills an inventory, and changes one after something was done on the server.
//!
//! In: the listing, then infos with their verdicts in any order. Out: [`Inventory`] values to publish.
//!
//! What a snapshot costs: all columns are shared, so it copies a few hundred pointers, and the builder's next write to
//! a chunk that a snapshot holds copies that chunk once. Only the referrers are made anew, and only if references have
//! changed: one pass over all of them (about 0.1 s at six million). While loading, publish when [`Builder::due`] says
//! so: snapshots then grow by a quarter each, so that all of them together cost at most five times the last one.

use super::columns::{Chunk, Columns, Signed, State};
use super::deriver;
use super::graph::Graph;
use super::key_names::KeyNames;
use super::names::{NO_ROW, Names};
use super::order::NameOrder;
use super::proof::ProofKey;
use super::room::{room, room_of_row};
use super::with_closure::verdicts;
use super::{Inventory, Row};
use crate::domain::budget::{Budget, TooLarge};
use crate::domain::{Assessment, KeyRing, PathInfo, PathList, StorePath, TrustClass, When};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// The fewest answers between two publications.
const FIRST_ROWS: usize = 256;

/// The longest problem text that is kept, in bytes.
const LONGEST_PROBLEM: usize = 1024;

/// An inventory in the making.
pub struct Builder {
    names: Names,
    columns: Columns,
    keys: Arc<KeyNames>,
    graph: OnceLock<Arc<Graph>>,
    order: Arc<NameOrder>,
    late_derivers: bool,
    published: AtomicUsize,
    room: Budget,
    ring: Option<[u8; 32]>,
    proof_key: Option<ProofKey>,
    changes: usize,
    /// What it goes on from, which is the next snapshot as well while nothing has changed.
    before: Option<Box<Inventory>>,
}

/// What an inventory that was stored is made of.
pub(super) struct Parts {
    pub(super) names: Names,
    pub(super) columns: Columns,
    pub(super) order: NameOrder,
    /// The names of keys in the order of their numbers.
    pub(super) keys: Vec<String>,
    pub(super) ring: Option<[u8; 32]>,
    pub(super) proof_key: Option<ProofKey>,
    pub(super) late_derivers: bool,
}

impl Builder {
    /// Starts from the listing; every path in it can be searched by name at once.
    pub fn new(listed: Vec<StorePath>) -> Self {
        Self::of(&listed.into_iter().collect())
    }

    /// The same; the names are shared with the listing.
    pub fn of(listed: &PathList) -> Self {
        let mut builder = Self {
            names: Names::of(listed),
            columns: Columns::new(),
            keys: Arc::default(),
            graph: OnceLock::new(),
            order: Arc::default(),
            late_derivers: false,
            published: AtomicUsize::new(0),
            room: room(listed.len()),
            ring: None,
            proof_key: ProofKey::random(),
            changes: 0,
            before: None,
        };
        let rows = builder.names.len();
        builder.changes = rows;
        builder.columns.reserve(rows);
        for row in 0..rows as Row {
            let base = builder.names.base(row);
            let derivation = super::is_derivation(base);
            // An error stays, for `check`.
            let _ = builder.room.charge(room_of_row(base));
            builder.columns.write(row, derivation, |chunk, at| {
                chunk.state[at] = State::Unread;
            });
        }
        builder
    }

    /// Goes on from an inventory, to bring it up to date after a change. Rows keep their numbers.
    pub fn resume(inventory: &Inventory) -> Self {
        Self {
            names: inventory.names.clone(),
            columns: inventory.columns.clone(),
            keys: Arc::clone(&inventory.keys),
            graph: OnceLock::from(Arc::clone(&inventory.graph)),
            order: Arc::clone(&inventory.order),
            late_derivers: inventory.late_derivers,
            published: AtomicUsize::new(inventory.loaded()),
            room: inventory.room.clone(),
            ring: inventory.ring,
            proof_key: inventory.proof_key,
            changes: 0,
            before: Some(Box::new(inventory.clone())),
        }
    }

    /// From what was stored. What it takes of memory is charged as if it had been read from a server.
    pub(super) fn from_parts(parts: Parts) -> Self {
        let mut builder = Self {
            names: parts.names,
            columns: parts.columns,
            keys: Arc::default(),
            graph: OnceLock::new(),
            order: Arc::new(parts.order),
            late_derivers: parts.late_derivers,
            published: AtomicUsize::new(0),
            room: Budget::new("", 0),
            ring: parts.ring,
            proof_key: parts.proof_key,
            changes: 0,
            before: None,
        };
        builder.room = room(builder.columns.tally.counts().paths);
        for name in &parts.keys {
            builder.key(name);
        }
        let mut spent = 0;
        for row in 0..builder.names.len() as Row {
            let (chunk, at) = builder.columns.at(row);
            spent += room_of_row(builder.names.base(row)) + chunk.lists(at);
        }
        // An error stays, for `check`.
        let _ = builder.room.charge(spent);
        builder
    }

    /// From here on verdicts are those of these keys. Verdicts of other keys that are there must be made anew.
    pub fn assess_with(&mut self, ring: &KeyRing) {
        let ring = Some(ring.digest());
        if self.ring != ring {
            self.ring = ring;
            self.before = None;
        }
    }

    /// Whether all that was entered fits into the memory that it may have. What did not is not in it: its path stays as it
    /// was, and so does every later one.
    pub fn check(&self) -> Result<(), TooLarge> {
        self.room.check()
    }

    /// Takes a newer listing: what it lacks is gone, what it has more is to be read.
    pub fn relist(&mut self, listed: &PathList) {
        self.room.widen(&room(listed.len()));
        let mut seen = vec![false; self.names.len()];
        for base in listed.chunks().iter().flat_map(|chunk| chunk.iter()) {
            let row = self.list(base);
            seen.resize(self.names.len(), false);
            seen[row as usize] = true;
        }
        for row in (0..seen.len()).filter(|row| !seen[*row]) {
            let row = row as Row;
            let (chunk, at) = self.columns.at(row);
            if chunk.state[at].is_present() {
                self.clear(row, State::Gone, "");
            }
        }
    }

    /// Enters what the store knows of a path, or replaces it. References may name paths that were never listed: they
    /// get a row of their own, in the state [`State::Unlisted`]. Does nothing where [`Builder::check`] has an error.
    pub fn add(&mut self, info: &PathInfo, assessment: &Assessment) {
        if self.check().is_err() {
            return;
        }
        let row = self.row_of(info.path.base_name());
        let proof = self.proof_key.map_or(0, |key| key.prove(info));
        let signatures: Vec<Signed> = assessment
            .signatures
            .iter()
            .map(|(name, verdict)| Signed {
                key: self.key(name),
                verdict: *verdict,
            })
            .collect();
        if self.is_known(row, info, proof, assessment.class, &signatures) {
            return;
        }
        self.changes += 1;
        let bases: Vec<&str> = info.references.iter().map(StorePath::base_name).collect();
        let found = self.names.find_all(&bases);
        let references: Vec<Row> = info
            .references
            .iter()
            .zip(found)
            .map(|(path, row)| row.unwrap_or_else(|| self.row_of(path.base_name())))
            .collect();
        let deriver = info.deriver.as_ref();
        let deriver_row = deriver
            .and_then(|path| self.names.find(path.base_name()))
            .unwrap_or(NO_ROW);
        let deriver_name = deriver
            .filter(|_| deriver_row == NO_ROW)
            .map(|deriver| deriver::pack(info.path.name(), deriver.base_name()))
            .unwrap_or_default();
        let derivation = info.path.is_derivation();
        let mut lists = (0, 0);
        let other_graph = self.columns.write(row, derivation, |chunk, at| {
            lists.0 = chunk.lists(at);
            let other_size = chunk.nar_size[at] != info.nar_size;
            chunk.state[at] = State::Valid;
            chunk.trust[at] = Some(assessment.class);
            chunk.ultimate[at] = info.ultimate;
            chunk.nar_size[at] = info.nar_size;
            chunk.registered[at] = seconds(info.registered);
            chunk.nar_hash[at] = info.nar_hash.0;
            chunk.proof[at] = proof;
            chunk.deriver[at] = deriver_row;
            chunk.deriver_name.set(at, &deriver_name);
            chunk.signatures.set(at, &signatures);
            let address = info.content_address.as_deref().unwrap_or_default();
            chunk.note.set(at, address.as_bytes());
            let other_references = chunk.references.set(at, &references);
            lists.1 = chunk.lists(at);
            other_references || other_size
        });
        self.exchange(lists);
        if other_graph {
            self.graph.take();
        }
    }

    /// Whether a row says all of this already: then its chunk stays shared with the snapshots that have it.
    fn is_known(
        &self,
        row: Row,
        info: &PathInfo,
        proof: u128,
        class: TrustClass,
        signatures: &[Signed],
    ) -> bool {
        let (chunk, at) = self.columns.at(row);
        let named = info.deriver.as_ref().map_or("", StorePath::base_name);
        let same_deriver = || match chunk.deriver[at] {
            NO_ROW => deriver::pack(info.path.name(), named) == chunk.deriver_name.get(at),
            deriver => self.names.base(deriver) == named,
        };
        chunk.state[at] == State::Valid
            && self.proof_key.is_some()
            && chunk.proof[at] == proof
            && chunk.trust[at] == Some(class)
            && chunk.ultimate[at] == info.ultimate
            && chunk.registered[at] == seconds(info.registered)
            && chunk.signatures.get(at) == signatures
            && same_deriver()
    }

    /// How many rows were made or changed since it was begun or resumed.
    pub const fn changes(&self) -> usize {
        self.changes
    }

    /// What lists took before, and take now.
    fn exchange(&mut self, (before, now): (u64, u64)) {
        self.room.release(before);
        // An error stays, for `check`.
        let _ = self.room.charge(now);
    }

    /// Enters that the server could not say anything about a listed path, with its words.
    pub fn unreadable(&mut self, path: &StorePath, mut problem: String) {
        if self.check().is_err() {
            return;
        }
        let row = self.row_of(path.base_name());
        let end = (0..=problem.len().min(LONGEST_PROBLEM))
            .rev()
            .find(|end| problem.is_char_boundary(*end));
        problem.truncate(end.unwrap_or(0));
        self.clear(row, State::Unreadable, &problem);
    }

    /// Enters that a path is valid no more.
    pub fn gone(&mut self, path: &StorePath) {
        if let Some(row) = self.names.find(path.base_name()) {
            self.clear(row, State::Gone, "");
        }
    }

    /// Enters when a path was last used, where known.
    pub fn used(&mut self, path: &StorePath, at: When) {
        if let Some(row) = self.names.find(path.base_name()) {
            self.changes += 1;
            self.columns
                .write(row, path.is_derivation(), |chunk, place| {
                    chunk.used[place] = seconds(at);
                });
        }
    }

    /// Whether enough has come in since the last snapshot to be worth publishing: 256 rows, then a quarter more each
    /// time, and everything.
    pub fn due(&self) -> bool {
        let published = self.published.load(Ordering::Relaxed);
        let answered = self.columns.tally.answered();
        answered >= published + FIRST_ROWS.max(published / 4)
            || (answered > published && self.columns.tally.counts().unread == 0)
    }

    /// The present state as an inventory of its own. Not for the event loop: see the cost in the module's head.
    pub fn snapshot(&self) -> Inventory {
        if let Some(before) = self.before.as_ref().filter(|_| self.changes == 0) {
            return (**before).clone();
        }
        self.published
            .store(self.columns.tally.answered(), Ordering::Relaxed);
        let graph = self
            .graph
            .get_or_init(|| Arc::new(Graph::new(&self.columns, self.names.len())));
        Inventory {
            names: self.names.clone(),
            columns: self.columns.clone(),
            keys: Arc::clone(&self.keys),
            with_closure: verdicts(&self.columns, graph, self.names.len()).into(),
            graph: Arc::clone(graph),
            order: Arc::clone(&self.order),
            late_derivers: self.late_derivers,
            room: self.room.clone(),
            ring: self.ring,
            proof_key: self.proof_key,
        }
    }

    /// The last snapshot.
    pub fn finish(mut self) -> Inventory {
        self.columns.shrink();
        self.snapshot()
    }

    /// The row of a listed path.
    fn list(&mut self, base: &str) -> Row {
        let row = self.row_of(base);
        let (chunk, at) = self.columns.at(row);
        if !chunk.state[at].is_present() {
            let derivation = super::is_derivation(base);
            self.columns.write(row, derivation, |chunk, at| {
                chunk.state[at] = State::Unread;
            });
        }
        row
    }

    /// The row of a path, made if there is none.
    fn row_of(&mut self, base: &str) -> Row {
        let (row, new) = self.names.insert(base);
        if new {
            self.changes += 1;
            // An error stays, for `check`.
            let _ = self.room.charge(room_of_row(base));
            self.columns.reserve(self.names.len());
            // The order by name and the referrers are columns of a fixed number of rows; a snapshot may fill its own later.
            match Arc::get_mut(&mut self.order) {
                Some(order) => order.forget(),
                None => self.order = Arc::default(),
            }
            self.graph.take();
            // Paths that were read before know it by name only.
            self.late_derivers |= super::is_derivation(base) && self.columns.tally.answered() > 0;
        }
        row
    }

    /// Empties a row of all but its name.
    fn clear(&mut self, row: Row, state: State, note: &str) {
        self.changes += 1;
        let derivation = super::is_derivation(self.names.base(row));
        let mut lists = (0, 0);
        let other_graph = self.columns.write(row, derivation, |chunk, at| {
            lists.0 = chunk.lists(at);
            let other_size = chunk.nar_size[at] != 0;
            reset(chunk, at);
            chunk.state[at] = state;
            chunk.note.set(at, note.as_bytes());
            let other_references = chunk.references.set(at, &[]);
            lists.1 = chunk.lists(at);
            other_references || other_size
        });
        self.exchange(lists);
        if other_graph {
            self.graph.take();
        }
    }

    fn key(&mut self, name: &str) -> u16 {
        match self.keys.number(name) {
            Some(number) => number,
            None if self.keys.len() >= usize::from(u16::MAX) => u16::MAX,
            None => {
                // An error stays, for `check`.
                let _ = self.room.charge(KeyNames::room(name));
                Arc::make_mut(&mut self.keys).insert(name)
            }
        }
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("rows", &self.names.len())
            .field("answered", &self.columns.tally.answered())
            .finish_non_exhaustive()
    }
}

/// Forgets the values of a row, its references excepted.
fn reset(chunk: &mut Chunk, at: usize) {
    chunk.trust[at] = None;
    chunk.ultimate[at] = false;
    chunk.nar_size[at] = 0;
    chunk.registered[at] = 0;
    chunk.used[at] = 0;
    chunk.nar_hash[at] = [0; 32];
    chunk.proof[at] = 0;
    chunk.deriver[at] = NO_ROW;
    chunk.deriver_name.set(at, &[]);
    chunk.signatures.set(at, &[]);
}

fn seconds(when: When) -> u32 {
    u32::try_from(when.unix().max(0)).unwrap_or(u32::MAX)
}
