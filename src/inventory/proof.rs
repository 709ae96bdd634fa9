//! Whether what was assessed before is what there is now.
//!
//! In: all of an info that its verdict follows from. Out: 128 bits of it under a key of the inventory's own, so that no server
//! can make two infos alike. A verdict that is kept costs a look-up; a signature that is checked again costs a thousand times
//! as much.

use crate::domain::PathInfo;
use siphasher::sip128::{Hasher128 as _, SipHasher24};
use std::hash::Hasher as _;

/// The key of an inventory, drawn at random when it is begun.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct ProofKey(pub(super) [u8; 16]);

impl ProofKey {
    /// A new one. Where the system gives no random numbers, nothing is ever taken as proven: the key is `None`.
    pub(super) fn random() -> Option<Self> {
        let mut key = [0; 16];
        getrandom::fill(&mut key).ok()?;
        Some(Self(key))
    }

    /// The proof of an info.
    pub(super) fn prove(self, info: &PathInfo) -> u128 {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        let mut text = |text: &str| {
            hasher.write_u64(text.len() as u64);
            hasher.write(text.as_bytes());
        };
        text(info.path.base_name());
        text(info.content_address.as_deref().unwrap_or_default());
        for signature in &info.signatures {
            text(signature);
        }
        for reference in &info.references {
            text(reference.base_name());
        }
        for number in [
            info.signatures.len() as u64,
            info.references.len() as u64,
            u64::from(info.content_address.is_some()),
            info.nar_size,
        ] {
            hasher.write_u64(number);
        }
        hasher.write(&info.nar_hash.0);
        hasher.finish128().as_u128()
    }
}
