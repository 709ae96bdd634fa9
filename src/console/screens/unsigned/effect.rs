//! What screen 3 asks for.

use crate::console::types::key_purpose::KeyPurpose;
use crate::inventory::Inventory;
use crate::server::Facts;
use std::sync::Arc;

/// What is to be done beside the loop.
#[derive(Debug)]
pub enum Effect {
    /// Group what is refused; a newer request replaces an older one.
    Group {
        /// The number of the request.
        request_id: u64,
        /// Of this generation.
        generation: u64,
        /// In this.
        inventory: Arc<Inventory>,
        /// Compromised keys, to be counted as well.
        compromised: Vec<String>,
    },
    /// Count how far each signing key has got.
    Keys {
        /// In this.
        inventory: Arc<Inventory>,
        /// The keys that clients trust are among them.
        facts: Arc<Facts>,
        /// What for.
        purpose: KeyPurpose,
    },
}
