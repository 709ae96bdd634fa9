//! What a screen can want to change.

use crate::inventory::Row;
use std::sync::Arc;

/// What is to be signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Everything refused.
    All,
    /// These.
    Rows(Arc<[Row]>),
}
