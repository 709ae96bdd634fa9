//! What screen 3 asks for.

use crate::inventory::Inventory;
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
    },
}
