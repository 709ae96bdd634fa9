//! Whom the clients of a cache trust, and the words for what follows from it.
//!
//! In: public keys with the role that the cache's administrator gives them. Out: [`KeyRing`], the seven trust
//! classes, the verdict on one signature. The judging itself is `judge::trust`.

use super::PublicKey;
use super::verify::Verifier;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// What a client that trusts this cache makes of a path; in order of severity, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum TrustClass {
    /// A signature names a known key and does not verify, and no other helps.
    Bad,
    /// Signed, but only by unknown keys.
    UnknownKey,
    /// No signature at all.
    Unsigned,
    /// A valid signature by a listed older key of this cache.
    Retired,
    /// A valid signature by another trusted key, such as `cache.nixos.org-1`.
    Upstream,
    /// Needs no signature: the store path follows from the content.
    ContentAddressed,
    /// A valid signature by the current key of this cache.
    Ours,
}

impl TrustClass {
    /// Every class, worst first.
    pub const ALL: [Self; 7] = [
        Self::Bad,
        Self::UnknownKey,
        Self::Unsigned,
        Self::Retired,
        Self::Upstream,
        Self::ContentAddressed,
        Self::Ours,
    ];

    /// Whether such a client refuses the path.
    pub const fn refused(self) -> bool {
        matches!(self, Self::Bad | Self::UnknownKey | Self::Unsigned)
    }

    /// The stable word for it, as in `--trust` and JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Bad => "bad",
            Self::UnknownKey => "unknown-key",
            Self::Unsigned => "unsigned",
            Self::Retired => "retired",
            Self::Upstream => "upstream",
            Self::ContentAddressed => "content-addressed",
            Self::Ours => "ours",
        }
    }

    /// Reads the stable word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.word() == word)
    }
}

impl fmt::Display for TrustClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Which part a known key plays for this cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The cache's current key.
    Ours,
    /// An older key of the cache that clients still trust.
    Retired,
    /// Another key that clients trust.
    Upstream,
}

impl Role {
    /// The stable word for it, as in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Retired => "retired",
            Self::Upstream => "upstream",
        }
    }
}

/// What one signature is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Verdict {
    /// It verifies with the key of that name.
    Valid,
    /// It names a known key and does not verify.
    Bad,
    /// It names an unknown key.
    UnknownKey,
    /// It is longer than a signature of Ed25519, so it is of another, unknown algorithm.
    UnknownAlgorithm,
}

impl Verdict {
    /// The stable word for it, as in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Bad => "bad",
            Self::UnknownKey => "unknown-key",
            Self::UnknownAlgorithm => "unknown-algorithm",
        }
    }
}

/// The verdict on a path: its class, and each signature with the name that it gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assessment {
    pub class: TrustClass,
    /// Name as stored (any text) and verdict, in the order of the store.
    pub signatures: Vec<(String, Verdict)>,
}

/// A key of the ring, and what checks its signatures.
#[derive(Debug, Clone)]
struct KnownKey {
    role: Role,
    key: PublicKey,
    verifier: Arc<Verifier>,
}

/// The public keys that clients of this cache trust. One key a name: like Nix, the first of a name counts.
#[derive(Debug, Clone, Default)]
pub struct KeyRing {
    keys: HashMap<String, KnownKey>,
    shadowed: Vec<PublicKey>,
    compromised: Vec<String>,
}

impl KeyRing {
    /// Gathers keys; the order ours, retired, upstream decides between keys of one name.
    pub fn new(ours: Vec<PublicKey>, retired: Vec<PublicKey>, upstream: Vec<PublicKey>) -> Self {
        let mut ring = Self::default();
        let roles = [
            (Role::Ours, ours),
            (Role::Retired, retired),
            (Role::Upstream, upstream),
        ];
        for (role, keys) in roles {
            for key in keys {
                ring.add(role, key);
            }
        }
        ring
    }

    /// The same, of which the keys of these names are known to be compromised. Whether clients still trust them is another matter.
    pub fn with_compromised(mut self, names: Vec<String>) -> Self {
        self.compromised = names;
        self
    }

    /// The names of keys that are known to be compromised.
    pub fn compromised(&self) -> &[String] {
        &self.compromised
    }

    fn add(&mut self, role: Role, key: PublicKey) {
        use std::collections::hash_map::Entry;
        match self.keys.entry(key.name().as_str().to_owned()) {
            Entry::Vacant(slot) => {
                slot.insert(KnownKey {
                    role,
                    verifier: Arc::new(Verifier::new(&key)),
                    key,
                });
            }
            Entry::Occupied(slot) if slot.get().key != key => self.shadowed.push(key),
            Entry::Occupied(_) => {}
        }
    }

    /// The key of this name.
    pub fn get(&self, name: &str) -> Option<(Role, &PublicKey)> {
        self.keys.get(name).map(|known| (known.role, &known.key))
    }

    /// What checks signatures by the key of this name.
    pub fn verifier(&self, name: &str) -> Option<(Role, &Verifier)> {
        self.keys
            .get(name)
            .map(|known| (known.role, &*known.verifier))
    }

    /// The names of all keys, sorted.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.keys.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// The cache's current keys, by name.
    pub fn ours(&self) -> Vec<&PublicKey> {
        self.of(Role::Ours)
    }

    /// The cache's older keys, by name.
    pub fn retired(&self) -> Vec<&PublicKey> {
        self.of(Role::Retired)
    }

    fn of(&self, role: Role) -> Vec<&PublicKey> {
        let mut keys: Vec<&PublicKey> = self
            .keys
            .values()
            .filter(|known| known.role == role)
            .map(|known| &known.key)
            .collect();
        keys.sort_unstable_by_key(|key| key.name().clone());
        keys
    }

    /// A SHA-256 of all keys and their roles: two rings with the same one give the same verdicts.
    pub fn digest(&self) -> [u8; 32] {
        let mut keys: Vec<String> = self
            .keys
            .values()
            .map(|known| format!("{:?} {}\n", known.role, known.key))
            .collect();
        keys.sort_unstable();
        let mut hasher = Sha256::new();
        for key in &keys {
            hasher.update(key);
        }
        hasher.finalize().into()
    }

    /// Other keys whose name was already taken. Nix ignores them, so they are to be warned of.
    pub fn shadowed(&self) -> &[PublicKey] {
        &self.shadowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_round_trip() {
        for class in TrustClass::ALL {
            assert_eq!(TrustClass::from_word(class.word()), Some(class));
        }
        assert_eq!(TrustClass::from_word("Ours"), None);
    }

    #[test]
    fn the_first_key_of_a_name_counts() {
        let first = PublicKey::parse("k:DIY1mU4LCDPftuy4qTEQxRmlP7xUDywWoR/jixfd498=").unwrap();
        let second = PublicKey::parse("k:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=").unwrap();
        let ring = KeyRing::new(
            vec![first.clone()],
            vec![second.clone()],
            vec![first.clone()],
        );
        assert_eq!(ring.get("k"), Some((Role::Ours, &first)));
        assert_eq!(ring.shadowed(), [second]);
        assert_eq!(ring.ours(), [&first]);
    }
}
