//! What is known of each row, column by column.
//!
//! In: one row's values at a time. Out: values by row. Columns are cut into chunks of [`CHUNK`] rows behind `Arc`s: a
//! snapshot shares them all, and a later write copies the one chunk that it touches (about 0.6 MB).

use super::names::{CHUNK, NO_ROW, place};
use super::{Counts, Row};
use crate::domain::{TrustClass, Verdict};
use std::sync::Arc;

/// How much is known of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Listed by the server, its info not read yet.
    Unread,
    /// Listed and read.
    Valid,
    /// Listed; the server answered with an error instead of an info.
    Unreadable,
    /// Was listed, and is no valid path any more.
    Gone,
    /// Never listed: another path refers to it. In a consistent store there is none.
    Unlisted,
}

impl State {
    /// Whether the row is a path of the store.
    pub const fn is_present(self) -> bool {
        matches!(self, Self::Unread | Self::Valid | Self::Unreadable)
    }
}

/// One signature: the interned name of its key, and what it is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Signed {
    pub(super) key: u16,
    pub(super) verdict: Verdict,
}

/// Lists of values, one for each row of a chunk, back to back.
#[derive(Clone)]
pub(super) struct Lists<T> {
    items: Vec<T>,
    places: Places,
    dead: usize,
}

/// Where each list is.
#[derive(Clone)]
enum Places {
    /// All are empty.
    None,
    /// In the order of rows, and where each ends.
    Packed(Vec<u32>),
    /// In any order, from where to where.
    Loose(Vec<(u32, u32)>),
}

impl<T: Copy + PartialEq> Lists<T> {
    fn new() -> Self {
        Self {
            items: Vec::new(),
            places: Places::None,
            dead: 0,
        }
    }

    /// From all items and the end of each list, which must rise and end with the last item.
    pub(super) fn from_parts(items: Vec<T>, mut ends: Vec<u32>) -> Self {
        let places = if items.is_empty() {
            Places::None
        } else {
            ends.resize(CHUNK, items.len() as u32);
            Places::Packed(ends)
        };
        Self {
            items,
            places,
            dead: 0,
        }
    }

    pub(super) fn get(&self, at: usize) -> &[T] {
        let (start, end) = match &self.places {
            Places::None => return &[],
            Places::Packed(ends) => {
                let start = at.checked_sub(1).map_or(0, |before| ends[before]);
                (start, ends[at])
            }
            Places::Loose(spans) => spans[at],
        };
        &self.items[start as usize..end as usize]
    }

    /// Replaces one list; says whether it changed.
    pub(super) fn set(&mut self, at: usize, values: &[T]) -> bool {
        let old = self.get(at);
        if old == values {
            return false;
        }
        self.dead += old.len();
        let mut spans = self.loosen();
        if self.dead > 4096 && self.dead * 2 > self.items.len() {
            spans[at] = (0, 0);
            self.compact(&mut spans);
        }
        let start = self.items.len();
        // Lists of 4096 rows that pass 2^32 items are beyond any server; such a list is left empty.
        let span = u32::try_from(start)
            .ok()
            .zip(u32::try_from(start + values.len()).ok());
        spans[at] = span.unwrap_or((0, 0));
        if span.is_some() {
            self.items.extend_from_slice(values);
        }
        self.places = Places::Loose(spans);
        true
    }

    /// The span of each list, taken out of it.
    fn loosen(&mut self) -> Vec<(u32, u32)> {
        match std::mem::replace(&mut self.places, Places::None) {
            Places::None => vec![(0, 0); CHUNK],
            Places::Packed(ends) => {
                let starts = std::iter::once(0).chain(ends.iter().copied());
                starts.zip(ends.iter().copied()).collect()
            }
            Places::Loose(spans) => spans,
        }
    }

    /// Gives back all that it takes beyond its items and their ends.
    fn pack(&mut self) {
        if let Places::Loose(_) = self.places {
            let mut spans = self.loosen();
            let mut end = 0;
            let is_next = |(start, stop): &(u32, u32)| {
                start == stop || *start == std::mem::replace(&mut end, *stop)
            };
            if self.dead > 0 || !spans.iter().all(is_next) {
                self.compact(&mut spans);
            }
            let mut end = 0;
            let ends = spans.into_iter().map(|(start, stop)| {
                if start < stop {
                    end = stop;
                }
                end
            });
            self.places = Places::Packed(ends.collect());
        }
        if self.items.is_empty() {
            self.places = Places::None;
        }
        if self.items.capacity() > self.items.len() + self.items.len() / 16 {
            self.items.shrink_to_fit();
        }
    }

    /// Leaves nothing but the lists, in the order of rows.
    fn compact(&mut self, spans: &mut [(u32, u32)]) {
        let mut items = Vec::with_capacity(self.items.len() - self.dead.min(self.items.len()));
        for span in spans {
            let start = items.len() as u32;
            items.extend_from_slice(&self.items[span.0 as usize..span.1 as usize]);
            *span = (start, items.len() as u32);
        }
        self.items = items;
        self.dead = 0;
    }
}

/// The columns of [`CHUNK`] rows.
#[derive(Clone)]
pub(super) struct Chunk {
    /// Rows that are listed and not read yet.
    unread: u16,
    pub(super) state: Vec<State>,
    pub(super) trust: Vec<Option<TrustClass>>,
    pub(super) ultimate: Vec<bool>,
    pub(super) nar_size: Vec<u64>,
    /// Seconds since 1970; a `u32` lasts until 2106.
    pub(super) registered: Vec<u32>,
    /// Seconds since 1970 of the last use, 0 where it is not known.
    pub(super) used: Vec<u32>,
    pub(super) nar_hash: Vec<[u8; 32]>,
    /// What its verdict stands on; 0 where nothing does.
    pub(super) proof: Vec<u128>,
    /// The row of the deriver, if it has one.
    pub(super) deriver: Vec<Row>,
    /// The deriver, where it has no row, as [`super::deriver`] packs it.
    pub(super) deriver_name: Lists<u8>,
    pub(super) references: Lists<Row>,
    pub(super) signatures: Lists<Signed>,
    /// The content address of a valid row, the problem of an unreadable one.
    pub(super) note: Lists<u8>,
}

impl Chunk {
    /// Bytes of memory that the lists of a row take, which may be half dead; each reference is in the graph as well.
    pub(super) fn lists(&self, at: usize) -> u64 {
        let references = self.references.get(at).len() * 3 * size_of::<Row>();
        let signatures = self.signatures.get(at).len() * 2 * size_of::<Signed>();
        let texts = 2 * (self.deriver_name.get(at).len() + self.note.get(at).len());
        (references + signatures + texts) as u64
    }

    /// Gives back what its lists have taken in growing.
    fn pack(&mut self) {
        self.deriver_name.pack();
        self.references.pack();
        self.signatures.pack();
        self.note.pack();
    }

    pub(super) fn new() -> Self {
        Self {
            unread: 0,
            state: vec![State::Unlisted; CHUNK],
            trust: vec![None; CHUNK],
            ultimate: vec![false; CHUNK],
            nar_size: vec![0; CHUNK],
            registered: vec![0; CHUNK],
            used: vec![0; CHUNK],
            nar_hash: vec![[0; 32]; CHUNK],
            proof: vec![0; CHUNK],
            deriver: vec![NO_ROW; CHUNK],
            deriver_name: Lists::new(),
            references: Lists::new(),
            signatures: Lists::new(),
            note: Lists::new(),
        }
    }
}

/// Sums that are kept up to date with each write, so that reading them costs nothing.
#[derive(Clone, Copy, Default)]
pub(super) struct Tally {
    paths: usize,
    derivations: usize,
    unread: usize,
    unreadable: usize,
    gone: usize,
    /// Paths and bytes by class. 128 bits, as the sizes are what a server claims.
    classes: [(usize, u128); 7],
}

impl Tally {
    /// Rows that were listed and have had their answer.
    pub(super) const fn answered(&self) -> usize {
        self.paths - self.unread + self.gone
    }

    pub(super) fn counts(&self) -> Counts {
        let clamp = |bytes: u128| u64::try_from(bytes).unwrap_or(u64::MAX);
        let by_trust = TrustClass::ALL.map(|class| {
            let (paths, bytes) = self.classes[class as usize];
            (class, paths, clamp(bytes))
        });
        Counts {
            paths: self.paths,
            derivations: self.derivations,
            bytes: clamp(self.classes.iter().map(|(_, bytes)| bytes).sum()),
            by_trust,
            refused: by_trust
                .iter()
                .filter(|(class, ..)| class.refused())
                .map(|(_, paths, _)| paths)
                .sum(),
            unread: self.unread,
            unreadable: self.unreadable,
        }
    }
}

/// All columns.
#[derive(Clone)]
pub(super) struct Columns {
    chunks: Vec<Arc<Chunk>>,
    empty: Arc<Chunk>,
    pub(super) tally: Tally,
}

impl Columns {
    pub(super) fn new() -> Self {
        Self {
            chunks: Vec::new(),
            empty: Arc::new(Chunk::new()),
            tally: Tally::default(),
        }
    }

    /// Makes room for so many rows. Chunks without a written row are one and the same.
    pub(super) fn reserve(&mut self, rows: usize) {
        let chunks = rows.div_ceil(CHUNK);
        while self.chunks.len() < chunks {
            self.chunks.push(Arc::clone(&self.empty));
        }
    }

    /// Adds a chunk of rows. The sums wait for [`Columns::count`].
    pub(super) fn push(&mut self, mut chunk: Chunk) {
        let unread = chunk.state.iter().filter(|state| **state == State::Unread);
        chunk.unread = unread.count() as u16;
        self.chunks.push(Arc::new(chunk));
    }

    /// Gives back what lists have taken in growing, where no snapshot shares them.
    pub(super) fn shrink(&mut self) {
        self.chunks
            .iter_mut()
            .filter_map(Arc::get_mut)
            .for_each(Chunk::pack);
    }

    /// Makes the sums of chunks that were pushed.
    pub(super) fn count(&mut self, is_derivation: impl Fn(Row) -> bool) {
        let mut tally = Tally::default();
        for (number, chunk) in self.chunks.iter().enumerate() {
            for at in 0..CHUNK {
                // Rows behind the last one are like those that were never listed, which count for nothing.
                let derivation =
                    chunk.state[at].is_present() && is_derivation((number * CHUNK + at) as Row);
                count(&mut tally, chunk, at, derivation, true);
            }
        }
        self.tally = tally;
    }

    /// The chunk of a row, and the place in it.
    pub(super) fn at(&self, row: Row) -> (&Chunk, usize) {
        let (chunk, at) = place(row);
        (&self.chunks[chunk], at)
    }

    /// Changes a row; the sums follow.
    pub(super) fn write<T>(
        &mut self,
        row: Row,
        derivation: bool,
        change: impl FnOnce(&mut Chunk, usize) -> T,
    ) -> T {
        let (chunk, at) = place(row);
        let chunk = Arc::make_mut(&mut self.chunks[chunk]);
        let tally = &mut self.tally;
        count(tally, chunk, at, derivation, false);
        let before = chunk.state[at];
        let result = change(chunk, at);
        count(tally, chunk, at, derivation, true);
        match (before, chunk.state[at]) {
            (State::Unread, State::Unread) => {}
            (State::Unread, _) => {
                chunk.unread -= 1;
                // Before a snapshot shares it: then it can't be done any more.
                if chunk.unread == 0 {
                    chunk.pack();
                }
            }
            (_, State::Unread) => chunk.unread += 1,
            _ => {}
        }
        result
    }
}

/// Takes a row into the sums, or out of them.
fn count(tally: &mut Tally, chunk: &Chunk, at: usize, derivation: bool, enter: bool) {
    let step = |sum: &mut usize| *sum = if enter { *sum + 1 } else { *sum - 1 };
    let state = chunk.state[at];
    if state.is_present() {
        step(&mut tally.paths);
        if derivation {
            step(&mut tally.derivations);
        }
    }
    match state {
        State::Unread => step(&mut tally.unread),
        State::Unreadable => step(&mut tally.unreadable),
        State::Gone => step(&mut tally.gone),
        State::Valid | State::Unlisted => {}
    }
    if let Some(class) = chunk.trust[at] {
        let (paths, bytes) = &mut tally.classes[class as usize];
        step(paths);
        let size = u128::from(chunk.nar_size[at]);
        *bytes = if enter { *bytes + size } else { *bytes - size };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn lists_behave_like_lists(
            writes in prop::collection::vec((0..6_usize, prop::collection::vec(any::<u8>(), 0..3000), any::<bool>()), 1..40),
        ) {
            let mut lists = Lists::new();
            let mut model = vec![Vec::new(); 6];
            for (at, values, pack) in writes {
                let changed = lists.set(at, &values);
                prop_assert_eq!(changed, model[at] != values);
                model[at] = values;
                for (at, values) in model.iter().enumerate() {
                    prop_assert_eq!(lists.get(at), values.as_slice());
                }
                let live: usize = model.iter().map(Vec::len).sum();
                prop_assert!(lists.items.len() <= live * 2 + 2 * 4096 + 3000);
                if pack {
                    lists.pack();
                    prop_assert_eq!(lists.items.len(), live);
                    for (at, values) in model.iter().enumerate() {
                        prop_assert_eq!(lists.get(at), values.as_slice());
                    }
                }
            }
        }
    }
}
