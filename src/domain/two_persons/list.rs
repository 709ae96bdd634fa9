//! Which store paths the first administrator of a collection has seen: the most that the second one can have deleted.
//!
//! In: store paths; the bytes of a list's file, and what its plan says of it. Out: a list, which can be asked for a path. A collection may take
//! a million paths, so a list has 16 bytes of each, the first ones of its name's SHA-256, in order, and lies beside its plan in a file of
//! its own. The plan has the number of them and the SHA-256 of the file.

use crate::domain::StorePath;
use crate::domain::path_info::hex;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Bytes of one path.
const EACH: usize = 16;

/// The largest list, in bytes: four million paths.
pub const LARGEST_LIST: usize = 64 << 20;

/// What a plan says of its list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// How many paths.
    pub paths: usize,
    /// The SHA-256 of the list's bytes, in hexadecimal digits.
    pub sha256: String,
}

/// A list of paths.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PathList(Vec<[u8; EACH]>);

impl PathList {
    /// Of these paths.
    pub fn of<'a>(paths: impl Iterator<Item = &'a StorePath>) -> Self {
        let mut all: Vec<[u8; EACH]> = paths.map(entry).collect();
        all.sort_unstable();
        all.dedup();
        Self(all)
    }

    /// How many paths.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a path is in it.
    pub fn has(&self, path: &StorePath) -> bool {
        self.0.binary_search(&entry(path)).is_ok()
    }

    /// The bytes of its file.
    pub fn bytes(&self) -> Vec<u8> {
        self.0.concat()
    }

    /// What its plan says of it.
    pub fn seal(&self) -> Seal {
        Seal {
            paths: self.len(),
            sha256: hex(&Sha256::digest(self.0.as_flattened())),
        }
    }

    /// Reads a file, which has to be what its plan says.
    pub fn parse(bytes: &[u8], seal: &Seal) -> Result<Self, String> {
        let (entries, rest) = bytes.as_chunks();
        let list = Self(entries.to_vec());
        if !rest.is_empty() || list.seal() != *seal || !list.0.is_sorted() {
            return Err(
                "the list of paths beside it is not the one that the first administrator has seen"
                    .to_owned(),
            );
        }
        Ok(list)
    }
}

fn entry(path: &StorePath) -> [u8; EACH] {
    let digest = Sha256::digest(path.base_name());
    let mut entry = [0; EACH];
    entry.copy_from_slice(&digest[..EACH]);
    entry
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn path(number: u32) -> StorePath {
        let text = format!("/nix/store/{number:032}-a");
        StorePath::parse(&text).unwrap()
    }

    #[test]
    fn another_name_with_the_same_hash_is_another_path() {
        let list = PathList::of([path(1)].iter());
        let other = format!("/nix/store/{:032}-b", 1);
        assert!(list.has(&path(1)) && !list.has(&StorePath::parse(&other).unwrap()));
    }

    proptest! {
        #[test]
        fn a_list_is_read_as_it_was_written_and_has_what_it_was_made_of(
            paths in proptest::collection::vec(0_u32..200, 0..40), other in 0_u32..200,
        ) {
            let all: Vec<StorePath> = paths.iter().copied().map(path).collect();
            let list = PathList::of(all.iter());
            prop_assert_eq!(list.has(&path(other)), paths.contains(&other));
            let (bytes, seal) = (list.bytes(), list.seal());
            prop_assert_eq!(PathList::parse(&bytes, &seal), Ok(list));
            // Neither more, nor less, nor another one.
            let more = [bytes.as_slice(), &[0; EACH]].concat();
            prop_assert!(PathList::parse(&more, &seal).is_err());
            if let Some(less) = bytes.get(1..) {
                prop_assert!(PathList::parse(less, &seal).is_err());
            }
        }
    }
}
