//! The synthetic store: up to millions of paths in columns, the same for the same seed.
//!
//! In: [`StoreOptions`], then questions by path or number, and signatures to add. Out: path infos as a database would
//! give them. Hashes, content addresses and signatures are computed when they are asked for; only what is added later
//! is kept.

mod add;
mod build;
mod garbage;
mod names;

pub(super) use garbage::TempRoot;

use super::DemoError;
use super::keys::{Keys, Mark};
use super::random::{Purpose, Random};
use crate::domain::{NarHash, PathInfo, PublicKey, SigningKey, StorePath, When, nix32};
use rayon::slice::ParallelSliceMut as _;
use std::collections::{BTreeSet, HashMap};
use std::sync::{OnceLock, PoisonError, RwLock};
use tokio_util::sync::CancellationToken;

/// No path.
const NONE: u32 = u32::MAX;

/// What a store is grown from.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// Number of paths.
    pub paths: usize,
    /// Share of derivations among them in percent, at most 90.
    pub derivations: u8,
    /// Number of unsigned paths; at most an eighth of all are.
    pub unsigned: usize,
    /// The same seed gives the same store.
    pub seed: u64,
    /// The moment after the last upload.
    pub epoch: When,
}

/// How the content of a path determines its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    None,
    Text,
    Flat,
    Recursive,
}

#[derive(Debug)]
pub struct Store {
    seed: u64,
    /// The moment after the last upload.
    epoch: i64,
    keys: Keys,
    digests: Vec<[u8; 20]>,
    names: String,
    name_ends: Vec<u32>,
    sizes: Vec<u64>,
    registered: Vec<i64>,
    marks: Vec<Mark>,
    contents: Vec<Content>,
    derivers: Vec<u32>,
    references: Vec<u32>,
    reference_ends: Vec<u32>,
    /// Every number in the order of the paths' text.
    order: Vec<u32>,
    referrers: OnceLock<Referrers>,
    added: RwLock<HashMap<u32, BTreeSet<String>>>,
    garbage: garbage::Garbage,
}

/// The references, turned round.
#[derive(Debug)]
struct Referrers {
    ends: Vec<u32>,
    list: Vec<u32>,
}

/// Digests in this order are base-32 texts in bytewise order: the text begins with the last byte.
fn rank(digest: &[u8; 20]) -> [u8; 20] {
    let mut rank = *digest;
    rank.reverse();
    rank
}

impl Store {
    /// Grows a store.
    pub fn new(options: &StoreOptions) -> Result<Self, DemoError> {
        Self::grow(options, &CancellationToken::new())
    }

    /// Grows a store, unless that is cancelled.
    pub(super) fn grow(
        options: &StoreOptions,
        cancelled: &CancellationToken,
    ) -> Result<Self, DemoError> {
        build::Builder::new(options, cancelled)?.build()
    }

    fn empty(options: &StoreOptions, keys: Keys) -> Self {
        let paths = options.paths;
        Self {
            seed: options.seed,
            epoch: options.epoch.unix(),
            keys,
            digests: Vec::with_capacity(paths),
            names: String::with_capacity(paths * 24),
            name_ends: Vec::with_capacity(paths),
            sizes: Vec::with_capacity(paths),
            registered: Vec::with_capacity(paths),
            marks: Vec::with_capacity(paths),
            contents: Vec::with_capacity(paths),
            derivers: Vec::with_capacity(paths),
            references: Vec::with_capacity(paths * 6),
            reference_ends: Vec::with_capacity(paths),
            order: Vec::new(),
            referrers: OnceLock::new(),
            added: RwLock::default(),
            garbage: garbage::Garbage::new(paths),
        }
    }

    fn sort(&mut self) {
        // The first eight bytes decide nearly always, and are next to each other in memory.
        let mut keyed: Vec<(u64, u32)> = (0..)
            .zip(&self.digests)
            .map(|(at, digest)| {
                let mut top = [0; 8];
                top.copy_from_slice(&digest[12..]);
                (u64::from_le_bytes(top), at)
            })
            .collect();
        let full = |at: u32| rank(&self.digests[at as usize]);
        keyed.par_sort_unstable_by(|(a, i), (b, j)| a.cmp(b).then_with(|| full(*i).cmp(&full(*j))));
        self.order = keyed.into_iter().map(|(_, at)| at).collect();
    }

    /// Number of paths.
    pub fn len(&self) -> usize {
        self.digests.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.digests.is_empty()
    }

    /// The key that signs for this cache.
    pub fn signing_key(&self) -> &SigningKey {
        self.keys.ours()
    }

    /// The cache's older key.
    pub fn retired_key(&self) -> PublicKey {
        self.keys.retired()
    }

    /// The key of the cache that this one takes from.
    pub fn upstream_key(&self) -> PublicKey {
        self.keys.upstream()
    }

    /// Every number in the order of the paths' text.
    pub fn order(&self) -> &[u32] {
        &self.order
    }

    fn span(ends: &[u32], at: u32) -> std::ops::Range<usize> {
        let at = at as usize;
        let from = if at == 0 { 0 } else { ends[at - 1] as usize };
        from..ends[at] as usize
    }

    fn name(&self, at: u32) -> &str {
        &self.names[Self::span(&self.name_ends, at)]
    }

    /// The path of a number; `None` beyond the last.
    pub fn path(&self, at: u32) -> Option<StorePath> {
        let digest = self.digests.get(at as usize)?;
        StorePath::from_parts(digest, self.name(at)).ok()
    }

    /// The number of a path that is there.
    pub fn find(&self, path: &StorePath) -> Option<u32> {
        let at = self.find_digest(&path.digest())?;
        (self.name(at) == path.name()).then_some(at)
    }

    /// The number of the path that begins with this hash part.
    pub fn find_hash_part(&self, part: &str) -> Option<u32> {
        self.find_digest(&nix32::decode::<20>(part.as_bytes()).ok()?)
    }

    fn find_digest(&self, digest: &[u8; 20]) -> Option<u32> {
        let wanted = rank(digest);
        let found = self
            .order
            .binary_search_by_key(&wanted, |at| rank(&self.digests[*at as usize]));
        let found = self.order.get(found.ok()?).copied()?;
        self.is_valid(found).then_some(found)
    }

    /// The numbers of what a path refers to, sorted by path.
    pub fn references(&self, at: u32) -> &[u32] {
        &self.references[Self::span(&self.reference_ends, at)]
    }

    /// The numbers of what refers to a path, sorted by path.
    pub fn referrers(&self, at: u32) -> &[u32] {
        let referrers = self.referrers.get_or_init(|| self.turn_round());
        &referrers.list[Self::span(&referrers.ends, at)]
    }

    fn turn_round(&self) -> Referrers {
        let mut starts = vec![0_u32; self.len() + 1];
        for at in &self.references {
            starts[*at as usize + 1] += 1;
        }
        for at in 0..self.len() {
            starts[at + 1] += starts[at];
        }
        let mut list = vec![0; self.references.len()];
        for from in &self.order {
            for to in self.references(*from) {
                let slot = &mut starts[*to as usize];
                list[*slot as usize] = *from;
                *slot += 1;
            }
        }
        // Each start has moved to its end.
        starts.pop();
        Referrers { ends: starts, list }
    }

    fn nar_hash(&self, at: u32) -> NarHash {
        NarHash(Random::new(self.seed, Purpose::NarHash, u64::from(at)).bytes())
    }

    fn content_address_of(&self, at: u32, content: Content) -> Option<String> {
        let other = || Random::new(self.seed, Purpose::Content, u64::from(at)).bytes::<32>();
        match content {
            Content::None => None,
            Content::Text => Some(format!("text:sha256:{}", nix32::encode(&other()))),
            Content::Flat => Some(format!("fixed:sha256:{}", nix32::encode(&other()))),
            Content::Recursive => Some(format!("fixed:r:sha256:{}", self.nar_hash(at).to_nix32())),
        }
    }

    /// What was built elsewhere still names its derivation, which is not here.
    fn deriver(&self, at: u32) -> Option<StorePath> {
        if self.contents[at as usize] != Content::None {
            return None;
        }
        let deriver = self.derivers[at as usize];
        if deriver != NONE {
            return self.path(deriver);
        }
        let digest = Random::new(self.seed, Purpose::Deriver, u64::from(at)).bytes();
        StorePath::from_parts(&digest, &format!("{}.drv", self.name(at))).ok()
    }

    /// Everything about the path of a number; `None` beyond the last.
    pub fn info(&self, at: u32) -> Option<PathInfo> {
        let mut info = self.unsigned_info(at)?;
        let mark = self.marks[at as usize];
        info.signatures = self.keys.signatures(mark, &info);
        let added = self.added.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(added) = added.get(&at) {
            info.signatures.extend(added.iter().cloned());
            info.signatures.sort_unstable();
            info.signatures.dedup();
        }
        Some(info)
    }

    /// Whether a path has a signature of any kind from the beginning.
    pub(super) fn is_signed(&self, at: u32) -> bool {
        let mark = self.marks.get(at as usize);
        mark.is_some_and(|mark| *mark != Mark::Unsigned)
    }

    /// Everything but the signatures, which take the most time.
    pub(super) fn unsigned_info(&self, at: u32) -> Option<PathInfo> {
        Some(PathInfo {
            path: self.path(at)?,
            deriver: self.deriver(at),
            nar_hash: self.nar_hash(at),
            nar_size: self.sizes[at as usize],
            references: self
                .references(at)
                .iter()
                .filter_map(|to| self.path(*to))
                .collect(),
            registered: When::from_unix(self.registered[at as usize]),
            // A few were built on the server itself.
            ultimate: self.marks[at as usize] == Mark::Ours && at.is_multiple_of(997),
            signatures: Vec::new(),
            content_address: self.content_address_of(at, self.contents[at as usize]),
        })
    }

    /// Adds signatures as stored text; what is there already stays as it is.
    pub fn add_signatures(&self, at: u32, signatures: impl IntoIterator<Item = String>) {
        let mut added = self.added.write().unwrap_or_else(PoisonError::into_inner);
        added.entry(at).or_default().extend(signatures);
    }

    /// Signs a path with a key, as the server itself does; `false` if it was signed so before.
    pub fn sign(&self, at: u32, key: &SigningKey) -> bool {
        let Some(info) = self.info(at) else {
            return false;
        };
        let Some(fingerprint) = info.fingerprint() else {
            return false;
        };
        let signature = key.sign(&fingerprint).to_string();
        let new = !info.signatures.contains(&signature);
        if new {
            self.add_signatures(at, [signature]);
        }
        new
    }
}

#[cfg(test)]
mod tests;
