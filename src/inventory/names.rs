//! The names of all rows, and the way from a store path to its row.
//!
//! In: base names in the order in which rows are made. Out: the base name of a row, its character mask for search, and
//! the row of a base name or digest.
//!
//! Names lie back to back in one arena, which is cut into chunks of [`CHUNK`] rows so that a snapshot shares all of it
//! and an added row copies only the last chunk. The first 32 characters of a base name are the 20-byte digest in
//! base 32; they are kept once, as text, since a second copy in bytes would take 20 MB a million rows and save only
//! the encoding in a look-up. The index is a hash table of row numbers, keyed with a random seed, because the paths
//! come from a server that could otherwise choose them to collide.

use super::Row;
use crate::domain::nix32;
use crate::domain::store_path::HASH_CHARS;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::Arc;

/// Rows a chunk.
pub(super) const CHUNK: usize = 4096;

/// No row: an empty slot of the index, a deriver that is not here.
pub(super) const NO_ROW: Row = Row::MAX;

/// Splits a row into its chunk and the place in it.
pub(super) const fn place(row: Row) -> (usize, usize) {
    (row as usize / CHUNK, row as usize % CHUNK)
}

#[derive(Clone, Default)]
struct NameChunk {
    text: String,
    ends: Vec<u32>,
    masks: Vec<u64>,
    heads: Vec<u16>,
}

impl NameChunk {
    fn base(&self, at: usize) -> &str {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start as usize..self.ends[at] as usize]
    }
}

/// A place in the index: a row, and bits of its hash that are not in the place, so that a name is fetched for hardly
/// any row but the wanted one.
#[derive(Clone, Copy)]
struct Slot {
    tag: u32,
    row: Row,
}

const EMPTY: Slot = Slot {
    tag: 0,
    row: NO_ROW,
};

/// Base names by row, rows by base name.
#[derive(Clone)]
pub(super) struct Names {
    chunks: Vec<Arc<NameChunk>>,
    len: Row,
    slots: Arc<Vec<Slot>>,
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

    /// Number of rows.
    pub(super) const fn len(&self) -> usize {
        self.len as usize
    }

    /// `<hash>-<name>` of a row.
    pub(super) fn base(&self, row: Row) -> &str {
        let (chunk, at) = place(row);
        self.chunks[chunk].base(at)
    }

    /// The name of a row, without the hash part.
    pub(super) fn name(&self, row: Row) -> &str {
        &self.base(row)[HASH_CHARS + 1..]
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
        let mut rows = Vec::with_capacity(bases.len());
        for some in bases.chunks(AT_ONCE) {
            let mut places = [(0, 0); AT_ONCE];
            for (place, base) in places.iter_mut().zip(some) {
                *place = self.start(base.get(..HASH_CHARS).unwrap_or_default());
            }
            let mut first = [NO_ROW; AT_ONCE];
            for (row, (at, tag)) in first.iter_mut().zip(places).take(some.len()) {
                let slot = self.slots[at];
                if slot.tag == tag {
                    *row = slot.row;
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
        if (self.len() + 1) * 3 > self.slots.len() * 2 {
            self.grow();
        }
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
        last.text.push_str(base);
        // A chunk holds 4096 names of at most 244 bytes, far below 2^32.
        last.ends.push(last.text.len() as u32);
        last.masks.push(mask(&base[HASH_CHARS + 1..]).unwrap_or(0));
        last.heads.push(head(base).unwrap_or(0));
        if last.ends.len() == CHUNK {
            last.text.shrink_to_fit();
        }
        self.len += 1;
        Arc::make_mut(&mut self.slots)[at] = Slot { tag, row };
        (row, true)
    }

    /// The first place where this key may be, and its tag.
    fn start(&self, hash_part: &str) -> (usize, u32) {
        let hash = self.seed.hash_one(hash_part);
        let last = self.slots.len() - 1;
        (hash as usize & last, (hash >> 32) as u32)
    }

    /// The row under this key that is the wanted one, else the empty place where it would go, and its tag.
    fn probe(&self, hash_part: &str, wanted: impl Fn(Row) -> bool) -> Result<Row, (usize, u32)> {
        let last = self.slots.len() - 1;
        let (mut at, tag) = self.start(hash_part);
        loop {
            match self.slots[at] {
                Slot { row: NO_ROW, .. } => return Err((at, tag)),
                slot if slot.tag == tag && wanted(slot.row) => return Ok(slot.row),
                _ => at = (at + 1) & last,
            }
        }
    }

    fn grow(&mut self) {
        self.slots = Arc::new(vec![EMPTY; self.slots.len() * 2]);
        for row in 0..self.len {
            if let Err((at, tag)) = self.probe(&self.base(row)[..HASH_CHARS], |_| false) {
                Arc::make_mut(&mut self.slots)[at] = Slot { tag, row };
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
