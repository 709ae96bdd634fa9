//! The names of keys in signatures, each once.
//!
//! In: names as they are stored. Out: their numbers, at most 65,535 different ones, and back.

use crate::domain::budget::heap;
use std::collections::HashMap;
use std::sync::Arc;

/// The name that stands for all key names beyond the first 65,535 different ones.
const OTHER_KEYS: &str = "(one of too many key names)";

/// Key names, each kept once.
#[derive(Clone, Default)]
pub(super) struct KeyNames {
    names: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, u16>,
}

impl KeyNames {
    pub(super) fn get(&self, key: u16) -> &str {
        self.names
            .get(usize::from(key))
            .map_or(OTHER_KEYS, |name| name)
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    pub(super) fn number(&self, name: &str) -> Option<u16> {
        self.numbers.get(name).copied()
    }

    /// Bytes of memory that one more takes: its text, two pointers to it, its number.
    pub(super) fn room(name: &str) -> u64 {
        heap(16 + name.len()) + 4 * size_of::<(Arc<str>, u16)>() as u64
    }

    /// All, in the order of their numbers.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| &**name)
    }

    pub(super) fn insert(&mut self, name: &str) -> u16 {
        let number = u16::try_from(self.names.len()).unwrap_or(u16::MAX);
        if number < u16::MAX {
            let name: Arc<str> = name.into();
            self.names.push(Arc::clone(&name));
            self.numbers.insert(name, number);
        }
        number
    }
}
