//! What screen 6 asks for.

use crate::console::types::JobId;
use crate::inventory::{Inventory, Row};
use std::path::PathBuf;
use std::sync::Arc;

/// What is to be done beside the loop.
#[derive(Debug)]
pub enum Effect {
    /// Read the audit log.
    ReadAudit,
    /// Verify the audit log.
    VerifyAudit,
    /// Compare contents with their hashes.
    Compare {
        /// The job's number.
        job: JobId,
        /// In this.
        inventory: Arc<Inventory>,
        /// The paths; `None` for all.
        rows: Option<Vec<Row>>,
    },
    /// Save a copy of Nix's database here.
    BackUp {
        /// The job's number.
        job: JobId,
        /// Which file; `~/` is of the home folder.
        file: PathBuf,
    },
}
