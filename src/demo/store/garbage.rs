//! What of the synthetic store was used when, what is alive, and what is gone.
//!
//! In: roots, deletions. Out: access times as a file system would have them, the live set by Nix's rules, and the store
//! without what was deleted. Numbers keep their meaning: a path that is gone is only not found any more.

use super::{NONE, Store};
use crate::demo::random::{Purpose, Random};
use crate::domain::{StorePath, When};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{OnceLock, PoisonError, RwLock};

/// What changes about a store while it is collected.
#[derive(Debug, Default)]
pub(super) struct Garbage {
    gone: Vec<AtomicBool>,
    freed: AtomicU64,
    removed: AtomicU64,
    touched: RwLock<HashMap<u32, i64>>,
    temporary: RwLock<HashMap<StorePath, usize>>,
    /// What each derivation has made.
    outputs: OnceLock<HashMap<u32, Vec<u32>>>,
    /// One collection runs at a time.
    lock: tokio::sync::Mutex<()>,
}

impl Garbage {
    pub(super) fn new(paths: usize) -> Self {
        let mut gone = Vec::new();
        gone.resize_with(paths, AtomicBool::default);
        Self {
            gone,
            ..Self::default()
        }
    }
}

/// A path that is kept for as long as this lives.
pub(in crate::demo) struct TempRoot<'a> {
    store: &'a Store,
    path: StorePath,
}

impl Drop for TempRoot<'_> {
    fn drop(&mut self) {
        let temporary = self.store.garbage.temporary.write();
        let mut temporary = temporary.unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = temporary.get_mut(&self.path) {
            *count -= 1;
            if *count == 0 {
                temporary.remove(&self.path);
            }
        }
    }
}

impl Store {
    /// Whether the path of a number is there.
    pub fn is_valid(&self, at: u32) -> bool {
        let gone = self.garbage.gone.get(at as usize);
        gone.is_some_and(|gone| !gone.load(Ordering::Relaxed))
    }

    /// Every number that is there, in the order of the paths' text.
    pub fn valid(&self) -> impl Iterator<Item = u32> + '_ {
        self.order.iter().copied().filter(|at| self.is_valid(*at))
    }

    /// The access time of the top entry of a number: half of what is here was never used after its upload.
    pub fn used(&self, at: u32) -> When {
        let touched = self.garbage.touched.read();
        let touched = touched.unwrap_or_else(PoisonError::into_inner);
        if let Some(time) = touched.get(&at) {
            return When::from_unix(*time);
        }
        let registered = self.registered.get(at as usize).copied().unwrap_or(0);
        let mut random = Random::new(self.seed, Purpose::Use, u64::from(at));
        let since = usize::try_from(self.epoch.saturating_sub(registered)).unwrap_or(0);
        let after = if random.percent(50) {
            random.below(since.min(600) + 1)
        } else {
            random.below(since + 1)
        };
        When::from_unix(registered.saturating_add(after as i64))
    }

    /// Somebody reads a path.
    pub fn touch(&self, at: u32, when: When) {
        let touched = self.garbage.touched.write();
        let mut touched = touched.unwrap_or_else(PoisonError::into_inner);
        touched.insert(at, when.unix());
    }

    /// Bytes that deletions have freed, and how many paths they were.
    pub fn freed(&self) -> (u64, u64) {
        let garbage = &self.garbage;
        (
            garbage.freed.load(Ordering::Relaxed),
            garbage.removed.load(Ordering::Relaxed),
        )
    }

    /// Takes a path away; how many bytes it had, 0 if it was not there.
    pub fn delete(&self, at: u32) -> u64 {
        let Some(gone) = self.garbage.gone.get(at as usize) else {
            return 0;
        };
        if gone.swap(true, Ordering::Relaxed) {
            return 0;
        }
        let size = self.sizes.get(at as usize).copied().unwrap_or(0);
        self.garbage.freed.fetch_add(size, Ordering::Relaxed);
        self.garbage.removed.fetch_add(1, Ordering::Relaxed);
        size
    }

    /// The lock of the garbage collector.
    pub(in crate::demo) fn collector_lock(&self) -> &tokio::sync::Mutex<()> {
        &self.garbage.lock
    }

    /// Keeps a path, there or not.
    pub(in crate::demo) fn add_temp_root(&self, path: StorePath) -> TempRoot<'_> {
        let temporary = self.garbage.temporary.write();
        let mut temporary = temporary.unwrap_or_else(PoisonError::into_inner);
        *temporary.entry(path.clone()).or_insert(0) += 1;
        TempRoot { store: self, path }
    }

    /// What is kept so.
    pub(in crate::demo) fn temp_roots(&self) -> Vec<StorePath> {
        let temporary = self.garbage.temporary.read();
        let temporary = temporary.unwrap_or_else(PoisonError::into_inner);
        temporary.keys().cloned().collect()
    }

    /// Which numbers are alive, with `keep-derivations` as Nix has it by default.
    pub fn live(&self, roots: impl IntoIterator<Item = u32>) -> Vec<bool> {
        let mut live = vec![false; self.len()];
        let mut todo: Vec<u32> = roots.into_iter().collect();
        while let Some(at) = todo.pop() {
            let seen = live.get_mut(at as usize).filter(|seen| !**seen);
            let (Some(seen), true) = (seen, self.is_valid(at)) else {
                continue;
            };
            *seen = true;
            todo.extend_from_slice(self.references(at));
            todo.extend(self.derivers.get(at as usize));
        }
        live
    }

    /// The numbers of what was made by the derivation of a number, as far as it is there.
    pub fn outputs(&self, derivation: u32) -> impl Iterator<Item = u32> + '_ {
        let outputs = self.garbage.outputs.get_or_init(|| {
            let mut outputs: HashMap<u32, Vec<u32>> = HashMap::new();
            for (at, deriver) in (0..).zip(&self.derivers) {
                if *deriver != NONE {
                    outputs.entry(*deriver).or_default().push(at);
                }
            }
            outputs
        });
        let outputs = outputs.get(&derivation).into_iter().flatten().copied();
        outputs.filter(|at| self.is_valid(*at))
    }

    /// What has to go before a path can: what refers to it, and for a derivation what was made by it.
    pub(in crate::demo) fn holders(&self, at: u32) -> impl Iterator<Item = u32> + '_ {
        self.referrers(at)
            .iter()
            .copied()
            .chain(self.outputs(at))
            .filter(move |other| *other != at && self.is_valid(*other))
    }
}
