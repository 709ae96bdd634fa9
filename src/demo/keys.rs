//! The signing keys of the demo's cache, made from the seed.
//!
//! In: a seed. Out: key pairs for each part that a key can play, and the signatures that a stored path carries.
//! These keys sign invented paths only; the keys that let someone in are random (`scratch`).

use super::random::{Purpose, Random};
use crate::domain::signature::KeyError;
use crate::domain::{KeyName, PathInfo, PublicKey, SigningKey};
use zeroize::Zeroizing;

/// How a path is signed in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    Unsigned,
    Ours,
    Upstream,
    OursAndUpstream,
    Retired,
    RetiredAndOurs,
    Unknown,
    FlippedBit,
    AnotherPath,
    AnotherKey,
}

/// Every key of the demo.
#[derive(Debug)]
pub(crate) struct Keys {
    ours: SigningKey,
    retired: SigningKey,
    upstream: SigningKey,
    unknown: SigningKey,
    impostor: SigningKey,
}

impl Keys {
    pub(crate) const OURS: &str = "cache.example.org-1";
    const RETIRED: &str = "cache.example.org-0";
    const UPSTREAM: &str = "upstream.example.net-1";
    const UNKNOWN: &str = "old-builder-3";

    pub(crate) fn new(seed: u64) -> Result<Self, KeyError> {
        let key = |name: &str, index| {
            let bytes = Random::new(seed, Purpose::SigningKey, index).bytes::<32>();
            Ok(SigningKey::from_seed(
                KeyName::new(name)?,
                &Zeroizing::new(bytes),
            ))
        };
        Ok(Self {
            ours: key(Self::OURS, 0)?,
            retired: key(Self::RETIRED, 1)?,
            upstream: key(Self::UPSTREAM, 2)?,
            unknown: key(Self::UNKNOWN, 3)?,
            impostor: key(Self::OURS, 4)?,
        })
    }

    /// The cache's own key, as its key file holds it.
    pub(crate) fn ours(&self) -> &SigningKey {
        &self.ours
    }

    /// The older key of the cache.
    pub(crate) fn retired(&self) -> PublicKey {
        self.retired.public()
    }

    /// The key of the cache that this one takes from.
    pub(crate) fn upstream(&self) -> PublicKey {
        self.upstream.public()
    }

    /// The signatures that a path has from the beginning, sorted as the daemon sends them.
    pub(crate) fn signatures(&self, mark: Mark, info: &PathInfo) -> Vec<String> {
        let Some(fingerprint) = info.fingerprint() else {
            return Vec::new();
        };
        let sign = |key: &SigningKey| key.sign(&fingerprint).to_string();
        let mut signatures = match mark {
            Mark::Unsigned => Vec::new(),
            Mark::Ours => vec![sign(&self.ours)],
            Mark::Upstream => vec![sign(&self.upstream)],
            Mark::OursAndUpstream => vec![sign(&self.ours), sign(&self.upstream)],
            Mark::Retired => vec![sign(&self.retired)],
            Mark::RetiredAndOurs => vec![sign(&self.retired), sign(&self.ours)],
            Mark::Unknown => vec![sign(&self.unknown)],
            Mark::FlippedBit => vec![flip(&self.ours, &fingerprint)],
            Mark::AnotherPath => {
                let mut other = info.clone();
                other.nar_hash.0[0] ^= 0xff;
                let other = other.fingerprint().unwrap_or_default();
                vec![self.ours.sign(&other).to_string()]
            }
            Mark::AnotherKey => vec![sign(&self.impostor)],
        };
        signatures.sort_unstable();
        signatures
    }
}

/// A signature of ours with one bit changed.
fn flip(key: &SigningKey, fingerprint: &[u8]) -> String {
    let good = key.sign(fingerprint);
    let mut bytes = *good.as_bytes();
    bytes[10] ^= 4;
    crate::domain::Signature::from_bytes(good.name().clone(), bytes).to_string()
}
