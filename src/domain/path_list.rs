//! Very many store paths in little memory.
//!
//! In: paths. Out: the same paths by place. Their base names lie back to back, [`CHUNK`] to a piece, and pieces are shared: the list of
//! a million paths is held once, by the task that asks about them and the one that enters them.

use super::StorePath;
use std::fmt;
use std::sync::Arc;

/// Paths in a piece.
pub const CHUNK: usize = 4096;

/// Base names back to back.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct BaseNames {
    text: String,
    ends: Vec<u32>,
}

impl BaseNames {
    /// From all of them and where each ends, if those are places in the text that rise.
    pub(crate) fn from_parts(text: String, ends: Vec<u32>) -> Option<Self> {
        let mut start = 0;
        let whole = ends.iter().all(|end| {
            let from = std::mem::replace(&mut start, *end as usize);
            text.get(from..start).is_some()
        });
        (whole && start == text.len()).then_some(Self { text, ends })
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The one at a place.
    pub(crate) fn get(&self, at: usize) -> &str {
        &self.text[self.start(at)..self.ends[at] as usize]
    }

    /// The text from the one at a place on, with all that follow, and the length of that one.
    pub(crate) fn from(&self, at: usize) -> (&[u8], usize) {
        let (start, text) = (self.start(at), self.text.as_bytes());
        (&text[start..], self.ends[at] as usize - start)
    }

    fn start(&self, at: usize) -> usize {
        at.checked_sub(1)
            .map_or(0, |before| self.ends[before] as usize)
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|at| self.get(at))
    }

    /// Adds one.
    pub(crate) fn push(&mut self, base: &str) {
        self.text.push_str(base);
        // A piece holds 4096 names of at most 244 bytes, far below 2^32.
        self.ends.push(self.text.len() as u32);
        if self.len() == CHUNK {
            self.text.shrink_to_fit();
        }
    }
}

/// Store paths in an order.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PathList {
    /// All but the last have [`CHUNK`] each.
    chunks: Vec<Arc<BaseNames>>,
    len: usize,
}

impl PathList {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The path at a place.
    pub fn get(&self, at: usize) -> Option<StorePath> {
        (at < self.len).then(|| StorePath::from_known_base_name(self.base_name(at)))
    }

    /// `<hash>-<name>` of the path at a place, which must be one of the list.
    pub fn base_name(&self, at: usize) -> &str {
        self.chunks[at / CHUNK].get(at % CHUNK)
    }

    /// All paths.
    pub fn iter(&self) -> impl Iterator<Item = StorePath> {
        (0..self.len).filter_map(|at| self.get(at))
    }

    /// Adds a path.
    pub fn push(&mut self, path: &StorePath) {
        if self.len.is_multiple_of(CHUNK) {
            self.chunks.push(Arc::default());
        }
        if let Some(last) = self.chunks.last_mut() {
            Arc::make_mut(last).push(path.base_name());
            self.len += 1;
        }
    }

    /// The pieces.
    pub(crate) fn chunks(&self) -> &[Arc<BaseNames>] {
        &self.chunks
    }
}

impl FromIterator<StorePath> for PathList {
    fn from_iter<I: IntoIterator<Item = StorePath>>(paths: I) -> Self {
        let mut list = Self::default();
        paths.into_iter().for_each(|path| list.push(&path));
        list
    }
}

impl fmt::Debug for PathList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(number: usize) -> StorePath {
        let mut digest = [0; 20];
        digest[..8].copy_from_slice(&number.to_le_bytes());
        StorePath::from_parts(&digest, &format!("n-{number}")).unwrap()
    }

    #[test]
    fn paths_come_back_by_place() {
        for count in [0, 1, CHUNK - 1, CHUNK, 2 * CHUNK + 3] {
            let list: PathList = (0..count).map(path).collect();
            assert_eq!((list.len(), list.is_empty()), (count, count == 0));
            assert!(list.iter().eq((0..count).map(path)));
            assert_eq!(list.get(count), None);
        }
    }

    #[test]
    fn a_list_that_grows_leaves_its_clones_alone() {
        let mut list: PathList = (0..CHUNK + 2).map(path).collect();
        let before = list.clone();
        list.push(&path(9));
        assert_eq!(before.len(), CHUNK + 2);
        assert_eq!(list.get(CHUNK + 2), Some(path(9)));
        assert!(Arc::ptr_eq(&list.chunks[0], &before.chunks[0]));
    }

    #[test]
    fn places_that_do_not_fit_the_text_are_refused() {
        let of = |ends: &[u32]| BaseNames::from_parts("aböc".to_owned(), ends.to_vec());
        assert_eq!(
            of(&[1, 4, 5]).map(|names| names.get(1).to_owned()),
            Some("bö".to_owned())
        );
        for ends in [&[1, 3, 5][..], &[4, 1, 5], &[1, 4], &[1, 6], &[]] {
            assert!(of(ends).is_none(), "{ends:?}");
        }
        assert!(BaseNames::from_parts(String::new(), Vec::new()).is_some());
    }
}
