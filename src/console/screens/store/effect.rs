//! What screen 2 asks for.

use crate::console::types::assessment::SpaceAssessment;
use crate::inventory::{Inventory, Query, Row, Sort};
use std::sync::Arc;

/// What is to be done beside the loop.
#[derive(Debug)]
pub enum Effect {
    /// Filter and sort; a newer request replaces an older one.
    View {
        /// The number of the request.
        request_id: u64,
        /// Of this generation.
        generation: u64,
        /// In this.
        inventory: Arc<Inventory>,
        /// What is searched.
        query: Query,
        /// The order.
        sort: Sort,
        /// Without derivations.
        hide_drv: bool,
        /// What is known of use and roots.
        assessment: Option<Arc<SpaceAssessment>>,
    },
    /// Measure the closures of some rows; a newer request replaces an older one.
    Measure {
        /// Of this store.
        inventory: Arc<Inventory>,
        /// The rows in view that are not measured yet.
        rows: Vec<Row>,
    },
    /// Look for a chain of references, in either direction.
    Chain {
        /// In this.
        inventory: Arc<Inventory>,
        /// From.
        from: Row,
        /// To.
        to: Row,
    },
}
