//! What comes in for screen 3.

use super::state::Found;
use crate::console::types::key_purpose::KeyPurpose;
use crate::judge::rotation::KeyCoverage;

/// Something has happened.
#[derive(Debug)]
pub enum Msg {
    /// What is refused, in groups, and how far each key has got.
    Groups {
        /// Of this request.
        request_id: u64,
        /// Of this generation.
        generation: u64,
        /// What was found.
        found: Found,
    },
    /// How far each signing key has got.
    SigningKeys(KeyPurpose, Vec<KeyCoverage>),
}
