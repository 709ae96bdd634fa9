//! What is known of a database that was read, so that only what differs is read again.
//!
//! In: the rows as they are read. Out: [`Seen`], a mark of 64 bits for each row under a key of its own, so that no server can
//! make two rows alike; and its bytes, to be kept with what the rows said.

use super::facts::{Facts, Said};
use rusqlite::types::ValueRef;
use siphasher::sip::SipHasher13;
use std::hash::Hasher as _;

/// All that was read, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    facts: Facts,
    key: [u8; 16],
    /// The numbers of the rows, rising.
    ids: Vec<i64>,
    /// A mark for each.
    marks: Vec<u64>,
    /// The rows that the daemon was asked about, rising.
    odd: Vec<i64>,
}

/// How the rows of a database differ from those that were seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Difference {
    /// Rows that are no more.
    pub gone: usize,
    /// Rows that were not there.
    pub new: usize,
}

impl Seen {
    /// Of a database that is about to be read. Its marks can be compared with those of what was seen before.
    pub fn begin(facts: Facts, before: Option<&Self>) -> Result<Self, getrandom::Error> {
        let mut key = [0; 16];
        match before {
            Some(before) => key = before.key,
            None => getrandom::fill(&mut key)?,
        }
        Ok(Self {
            facts,
            key,
            ids: Vec::new(),
            marks: Vec::new(),
            odd: Vec::new(),
        })
    }

    /// What the database was like.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// How many rows it had.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether it had none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Enters a row, with a larger number than the last one.
    pub(super) fn push(&mut self, id: i64, mark: u64) {
        self.ids.push(id);
        self.marks.push(mark);
    }

    /// The row that was entered last is one for the daemon.
    pub(super) fn push_odd(&mut self) {
        self.odd.extend(self.ids.last());
    }

    /// Begins the mark of a row.
    pub(super) fn mark(&self) -> Mark {
        Mark(SipHasher13::new_with_key(&self.key))
    }

    /// How other numbers, rising, differ.
    pub fn compare(&self, ids: &[i64]) -> Difference {
        let mut known = self.ids.iter().peekable();
        let (mut new, mut both) = (0, 0);
        for id in ids {
            while known.next_if(|known| *known < id).is_some() {}
            match known.next_if_eq(&id) {
                Some(_) => both += 1,
                None => new += 1,
            }
        }
        Difference {
            gone: self.ids.len() - both,
            new,
        }
    }

    /// For asking about rows in the order of their numbers.
    pub(super) fn walk(&self) -> Walk<'_> {
        Walk { seen: self, at: 0 }
    }

    /// All of it as bytes, but for the facts, which have a line of their own. Numbers are little-endian.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.key.to_vec();
        bytes.reserve(8 + self.ids.len() * 16 + self.odd.len() * 8);
        bytes.extend((self.ids.len() as u64).to_le_bytes());
        bytes.extend(self.ids.iter().flat_map(|id| id.to_le_bytes()));
        bytes.extend(self.marks.iter().flat_map(|mark| mark.to_le_bytes()));
        bytes.extend(self.odd.iter().flat_map(|id| id.to_le_bytes()));
        bytes
    }

    /// Reads what [`Seen::to_bytes`] has made, with the line of its facts; `None` for anything else.
    pub fn from_bytes(facts: &str, bytes: &[u8]) -> Option<Self> {
        let Said::Facts(facts) = Said::parse(facts)? else {
            return None;
        };
        let (key, bytes) = bytes.split_first_chunk()?;
        let (rows, bytes) = bytes.split_first_chunk()?;
        let rows = usize::try_from(u64::from_le_bytes(*rows)).ok()?;
        let (numbers, []) = bytes.as_chunks() else {
            return None;
        };
        let (ids, rest) = numbers.split_at_checked(rows)?;
        let (marks, odd) = rest.split_at_checked(rows)?;
        let signed = |numbers: &[[u8; 8]]| -> Option<Vec<i64>> {
            let numbers: Vec<i64> = numbers.iter().map(|n| i64::from_le_bytes(*n)).collect();
            numbers.is_sorted_by(|a, b| a < b).then_some(numbers)
        };
        Some(Self {
            facts,
            key: *key,
            ids: signed(ids)?,
            marks: marks.iter().map(|n| u64::from_le_bytes(*n)).collect(),
            odd: signed(odd)?,
        })
    }
}

/// Rows that were seen, in the order of their numbers.
pub(super) struct Walk<'s> {
    seen: &'s Seen,
    at: usize,
}

impl Walk<'_> {
    /// Whether the row of this number, larger than the last one, was the same, and not one for the daemon.
    pub(super) fn is_known(&mut self, id: i64, mark: u64) -> bool {
        let Seen { ids, marks, .. } = self.seen;
        while ids.get(self.at).is_some_and(|known| *known < id) {
            self.at += 1;
        }
        ids.get(self.at) == Some(&id)
            && marks.get(self.at) == Some(&mark)
            && self.seen.odd.binary_search(&id).is_err()
    }
}

/// The mark of a row in the making.
pub(super) struct Mark(SipHasher13);

impl Mark {
    /// A column; one that can't be read is unlike any other.
    pub(super) fn column(&mut self, value: &rusqlite::Result<ValueRef<'_>>) {
        let mut bytes = |kind: u8, bytes: &[u8]| {
            self.0.write_u8(kind);
            self.0.write_u64(bytes.len() as u64);
            self.0.write(bytes);
        };
        match value {
            Ok(ValueRef::Null) => bytes(0, &[]),
            Ok(ValueRef::Integer(number)) => bytes(1, &number.to_le_bytes()),
            Ok(ValueRef::Real(number)) => bytes(2, &number.to_le_bytes()),
            Ok(ValueRef::Text(text)) => bytes(3, text),
            Ok(ValueRef::Blob(blob)) => bytes(4, blob),
            Err(_) => bytes(5, &[]),
        }
    }

    /// A reference, by its number.
    pub(super) fn reference(&mut self, id: i64) {
        self.0.write_i64(id);
    }

    /// The mark.
    pub(super) fn finish(self) -> u64 {
        self.0.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    const FACTS: &str = "storekeeper-database schema=10 inode=7 size=4096";

    fn of(ids: &BTreeSet<i64>) -> Seen {
        let Some(Said::Facts(facts)) = Said::parse(FACTS) else {
            panic!("facts");
        };
        let mut seen = Seen::begin(facts, None).unwrap();
        for id in ids {
            seen.push(*id, id.unsigned_abs() * 3);
            if id % 5 == 0 {
                seen.push_odd();
            }
        }
        seen
    }

    proptest! {
        #[test]
        fn it_comes_back_and_differences_are_those_of_sets(one in prop::collection::btree_set(-9..60_i64, 0..40), two in prop::collection::btree_set(-9..60_i64, 0..40)) {
            let seen = of(&one);
            let again = Seen::from_bytes(&seen.facts().to_string(), &seen.to_bytes());
            prop_assert_eq!(again.as_ref(), Some(&seen));
            let ids: Vec<i64> = two.iter().copied().collect();
            let difference = Difference { gone: one.difference(&two).count(), new: two.difference(&one).count() };
            prop_assert_eq!(seen.compare(&ids), difference);
            let mut walk = seen.walk();
            for id in two {
                let known = walk.is_known(id, id.unsigned_abs() * 3);
                prop_assert_eq!(known, one.contains(&id) && id % 5 != 0);
                prop_assert!(!walk.is_known(id, 1));
            }
        }

        #[test]
        fn bytes_that_are_none_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(seen) = Seen::from_bytes(FACTS, &bytes) {
                prop_assert_eq!(seen.to_bytes(), bytes);
            }
        }
    }
}
