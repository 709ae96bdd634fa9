//! The names of all rows, and the way from a store path to its row.
//!
//! In: base names in the order in which rows are made. Out: the base name of a row, its character mask for search, and
//! the row of a base name or digest.
//!
//! Names lie back to back in one arena, which is cut into chunks of [`CHUNK`] rows so that a snapshot shares all of it
//! and an added row copies only the last chunk. They are the pieces of the listing that they came with. The first 32 characters of a base name are the 20-byte digest in
//! base 32; they are kept once, as text, since a second copy in bytes would take 20 MB a million rows and save only
//! the encoding in a look-up. The index is a hash table of row numbers, keyed with a random seed, because the paths
//! come from a server that could otherwise choose them to collide.

use super::Row;
use super::rank::rank;
use crate::domain::path_list::{self, BaseNames};
use crate::domain::store_path::HASH_CHARS;
use crate::domain::{PathList, nix32};
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::Arc;

/// Rows a chunk: as many as paths in a piece of a listing.
pub(super) const CHUNK: usize = path_list::CHUNK;

/// No row: an empty slot of the index, a deriver that is not here.
pub(super) const NO_ROW: Row = Row::MAX;

/// Splits a row into its chunk and the place in it.
pub(super) const fn place(row: Row) -> (usize, usize) {
    (row as usize / CHUNK, row as usize % CHUNK)
}

#[derive(Clone, Default)]
struct NameChunk {
    bases: Arc<BaseNames>,
    masks: Vec<u64>,
    heads: Vec<u16>,
}

impl NameChunk {
    fn of(bases: &Arc<BaseNames>) -> Self {
        let masks = bases.iter().map(|base| mask(&base[HASH_CHARS + 1..]));
        let heads = bases.iter().map(head);
        Self {
            masks: masks.map(Option::unwrap_or_default).collect(),
            heads: heads.map(Option::unwrap_or_default).collect(),
            bases: Arc::clone(bases),
        }
    }
}

/// A place in the index that holds nothing. As a row it would be the number of the last place, and there are fewer rows.
const EMPTY: u32 = u32::MAX;

/// Base names by row, rows by base name.
#[derive(Clone)]
pub(super) struct Names {
    chunks: Vec<Arc<NameChunk>>,
    len: Row,
    /// The index, whose length is a power of two. In each place a row, as few bits as the number of places needs, and above it
    /// bits of its hash that are not in the place, so that a name is fetched for hardly any row but the wanted one.
    slots: Arc<Vec<u32>>,
    seed: RandomState,
}

impl Names {
    /// Room for about so many rows.
    pub(super) fn with_capacity(rows: usize) -> Self {
        Self {
            chunks: Vec::with_capacity(rows.div_ceil(CHUNK)),
            len: 0,
            slots: Arc::new(vec![EMPTY; (rows * 2).next_power_of_two().max(16)]),
            seed: RandomState::new(),
        }
    }

    /// A row for each path of a list, with whose pieces the names are shared.
    pub(super) fn of(list: &PathList) -> Self {
        let mut names = Self::with_capacity(list.len());
        for bases in list.chunks() {
            if !names.share(bases) {
                // A path is there twice: each has one row.
                names = Self::with_capacity(list.len());
                for base in list.chunks().iter().flat_map(|bases| bases.iter()) {
                    names.insert(base);
                }
                break;
            }
        }
        names
    }

    /// Adds a row for each of these names, which follow a whole chunk; false where one is there already.
    pub(super) fn share(&mut self, bases: &Arc<BaseNames>) -> bool {
        self.chunks.push(Arc::new(NameChunk::of(bases)));
        bases.iter().all(|base| {
            self.make_room();
            let new = self.probe(&base[..HASH_CHARS], |row| self.base(row) == base);
            let Err((at, tag)) = new else {
                return false;
            };
            Arc::make_mut(&mut self.slots)[at] = tag | self.len;
            self.len += 1;
            true
        })
    }

    /// Number of rows.
    pub(super) const fn len(&self) -> usize {
        self.len as usize
    }

    /// `<hash>-<name>` of a row.
    pub(super) fn base(&self, row: Row) -> &str {
        let (chunk, at) = place(row);
        self.chunks[chunk].bases.get(at)
    }

    /// The name of a row, without the hash part.
    pub(super) fn name(&self, row: Row) -> &str {
        &self.base(row)[HASH_CHARS + 1..]
    }

    /// How well a row's name matches a word in lower case, see [`rank`].
    pub(super) fn rank(&self, row: Row, word: &str) -> Option<u8> {
        let (chunk, at) = place(row);
        let (text, len) = self.chunks[chunk].bases.from(at);
        rank(text.get(HASH_CHARS + 1..)?, len - HASH_CHARS - 1, word)
    }

    /// The characters of a row's name, see [`mask`].
    pub(super) fn mask(&self, row: Row) -> u64 {
        let (chunk, at) = place(row);
        self.chunks[chunk].masks[at]
    }

    /// The beginning of a row's hash part, see [`head`].
    pub(super) fn head(&self, row: Row) -> u16 {
        let (chunk, at) = place(row);
        self.chunks[chunk].heads[at]
    }

    /// The row of a base name.
    pub(super) fn find(&self, base: &str) -> Option<Row> {
        let hash_part = base.get(..HASH_CHARS)?;
        self.probe(hash_part, |row| self.base(row) == base).ok()
    }

    /// The rows of many base names. What takes time is to fetch from memory, so this asks for all of it before it waits for any.
    pub(super) fn find_all(&self, bases: &[&str]) -> Vec<Option<Row>> {
        const AT_ONCE: usize = 16;
        let last = self.last();
        let mut rows = Vec::with_capacity(bases.len());
        for some in bases.chunks(AT_ONCE) {
            let mut places = [(0, 0); AT_ONCE];
            for (place, base) in places.iter_mut().zip(some) {
                *place = self.start(base.get(..HASH_CHARS).unwrap_or_default());
            }
            let mut first = [NO_ROW; AT_ONCE];
            for (row, (at, tag)) in first.iter_mut().zip(places).take(some.len()) {
                let slot = self.slots[at];
                if slot != EMPTY && slot & !last == tag {
                    *row = slot & last;
                }
            }
            let found = first.map(|row| match row {
                NO_ROW => "",
                row => self.base(row),
            });
            for ((base, found), row) in some.iter().zip(found).zip(first) {
                // Hardly any name is not where its hash says.
                let right = row != NO_ROW && found == *base;
                rows.push(if right { Some(row) } else { self.find(base) });
            }
        }
        rows
    }

    /// The first row with these 32 digits.
    pub(super) fn find_hash_part(&self, digits: &str) -> Option<Row> {
        self.probe(digits, |row| &self.base(row)[..HASH_CHARS] == digits)
            .ok()
    }

    /// The row of a base name, made if there is none; and whether it was made.
    pub(super) fn insert(&mut self, base: &str) -> (Row, bool) {
        self.make_room();
        let (at, tag) = match self.probe(&base[..HASH_CHARS], |row| self.base(row) == base) {
            Ok(row) => return (row, false),
            Err(free) => free,
        };
        let row = self.len;
        let (chunk, _) = place(row);
        if chunk == self.chunks.len() {
            self.chunks.push(Arc::default());
        }
        let last = Arc::make_mut(&mut self.chunks[chunk]);
        Arc::make_mut(&mut last.bases).push(base);
        last.masks.push(mask(&base[HASH_CHARS + 1..]).unwrap_or(0));
        last.heads.push(head(base).unwrap_or(0));
        self.len += 1;
        Arc::make_mut(&mut self.slots)[at] = tag | row;
        (row, true)
    }

    /// The last place, whose bits are those of a row.
    fn last(&self) -> u32 {
        (self.slots.len() - 1) as u32
    }

    /// The first place where this key may be, and its tag: the bits that are not the row's.
    fn start(&self, hash_part: &str) -> (usize, u32) {
        let hash = self.seed.hash_one(hash_part);
        let last = self.last();
        ((hash as u32 & last) as usize, (hash >> 32) as u32 & !last)
    }

    /// The row under this key that is the wanted one, else the empty place where it would go, and its tag.
    fn probe(&self, hash_part: &str, wanted: impl Fn(Row) -> bool) -> Result<Row, (usize, u32)> {
        let last = self.last();
        let (mut at, tag) = self.start(hash_part);
        loop {
            match self.slots[at] {
                EMPTY => return Err((at, tag)),
                slot if slot & !last == tag && wanted(slot & last) => return Ok(slot & last),
                _ => at = (at + 1) & last as usize,
            }
        }
    }

    /// Of three places at most two are taken, so no row has the number of the last one.
    fn make_room(&mut self) {
        if (self.len() + 1) * 3 > self.slots.len() * 2 {
            self.grow();
        }
    }

    fn grow(&mut self) {
        self.slots = Arc::new(vec![EMPTY; self.slots.len() * 2]);
        for row in 0..self.len {
            if let Err((at, tag)) = self.probe(&self.base(row)[..HASH_CHARS], |_| false) {
                Arc::make_mut(&mut self.slots)[at] = tag | row;
            }
        }
    }
}

/// The characters of a name as 64 bits: a text can only be a subsequence of a name whose mask has all its bits.
///
/// Bits 0-41 say that a character occurs, letters without their case; bits 42-63 that one of the 22 most frequent
/// letters occurs twice. `None` for text with a character that no name has.
pub(super) fn mask(text: &str) -> Option<u64> {
    const TWICE: &[u8; 22] = b"eiaonrstlcdpumhgbyfkvx";
    let mut bits = 0_u64;
    for byte in text.bytes() {
        let byte = byte.to_ascii_lowercase();
        let bit = match byte {
            b'a'..=b'z' => byte - b'a',
            b'0'..=b'9' => byte - b'0' + 26,
            b'-' => 36,
            b'.' => 37,
            b'_' => 38,
            b'+' => 39,
            b'?' => 40,
            b'=' => 41,
            _ => return None,
        };
        if bits & (1 << bit) != 0
            && let Some(at) = TWICE.iter().position(|frequent| *frequent == byte)
        {
            bits |= 1 << (42 + at);
        }
        bits |= 1 << bit;
    }
    Some(bits)
}

/// The first three digits of a hash part as a number: two bytes a row, so that a search for the beginning of one looks at no other.
/// `None` where there are not so many digits.
pub(super) fn head(base: &str) -> Option<u16> {
    let digits = base.as_bytes().get(..3)?.iter();
    digits
        .map(|byte| nix32::digit(*byte))
        .try_fold(0, |head, digit| Some(head << 5 | u16::from(digit?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rows_are_found_across_chunks_and_growth() {
        let mut names = Names::with_capacity(0);
        let base = |i: usize| format!("{}-n{i}", crate::domain::nix32::encode(&digest(i)));
        for i in 0..3 * CHUNK + 7 {
            assert_eq!(names.insert(&base(i)), (i as Row, true));
        }
        let before = names.clone();
        names.insert(&base(99_999));
        assert_eq!(before.find(&base(99_999)), None);
        for i in 0..3 * CHUNK + 7 {
            assert_eq!(names.find(&base(i)), Some(i as Row));
            assert_eq!(names.name(i as Row), format!("n{i}"));
            assert_eq!(names.find_hash_part(&base(i)[..HASH_CHARS]), Some(i as Row));
        }
        let many: Vec<String> = (0..2 * CHUNK).map(|i| base(i * 2)).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).chain(["", "x"]).collect();
        let each: Vec<Option<Row>> = many.iter().map(|base| names.find(base)).collect();
        assert_eq!(names.find_all(&many), each);
        assert!(each.contains(&Some(0)) && each.contains(&None));
        assert_eq!(names.insert(&base(5)), (5, false));
        assert_eq!(names.find("x"), None);
    }

    fn digest(i: usize) -> [u8; 20] {
        let mut digest = [7; 20];
        digest[..8].copy_from_slice(&i.to_le_bytes());
        digest
    }

    #[test]
    fn one_digest_may_have_two_names() {
        let mut names = Names::with_capacity(2);
        let digits = crate::domain::nix32::encode(&digest(1));
        names.insert(&format!("{digits}-a"));
        names.insert(&format!("{digits}-b"));
        assert_eq!(names.find(&format!("{digits}-b")), Some(1));
        assert_eq!(names.find_hash_part(&digits), Some(0));
    }

    proptest! {
        #[test]
        fn a_subsequence_has_a_subset_of_the_bits(
            name in "[0-9A-Za-z+._?=-]{1,40}",
            keep in prop::collection::vec(any::<bool>(), 40),
        ) {
            let part: String = name.chars().zip(keep).filter(|(_, k)| *k).map(|(c, _)| c).collect();
            let (whole, part) = (mask(&name).unwrap(), mask(&part).unwrap());
            prop_assert_eq!(whole & part, part);
        }
    }
}
