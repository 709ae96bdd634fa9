//! What every screen may look at, whatever else it knows.

use super::problem::Problem;
use crate::domain::When;
use crate::inventory::{Inventory, Row};
use std::sync::Arc;

/// The store as far as it was read.
#[derive(Debug, Clone, Default)]
pub struct Data {
    /// What was read.
    pub inventory: Option<Arc<Inventory>>,
    /// Inventories of one generation number their rows alike.
    pub generation: u64,
    /// Whether more is coming.
    pub loading: bool,
    /// When the last of it came in.
    pub at: Option<When>,
    /// Why it ended early.
    pub trouble: Option<Problem>,
    /// The rows whose closures are being measured, so that they are asked for once.
    pub measuring: Vec<Row>,
}
