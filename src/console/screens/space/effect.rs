//! What screen 5 asks for.

use crate::console::types::assessment::SpaceAssessment;
use crate::console::types::space::PolicyDraft;
use crate::console::types::space::SpaceSnapshot;
use crate::domain::Bytes;
use crate::inventory::{Inventory, Row};
use crate::judge::collect::Rules;
use std::path::PathBuf;
use std::sync::Arc;

/// What is to be done beside the loop.
#[derive(Debug)]
pub enum Effect {
    /// Look at what fills the disk.
    Read {
        /// The number of the request.
        look: u64,
        /// What the slow passes have found, where they are not to be made again.
        known: Option<Arc<SpaceSnapshot>>,
    },
    /// Work out what is live, what roots keep, when paths were used; a newer request replaces an older one.
    Assess {
        /// The number of the request.
        request_id: u64,
        /// Of this generation.
        generation: u64,
        /// In this.
        inventory: Arc<Inventory>,
        /// By this look.
        known: Arc<SpaceSnapshot>,
    },
    /// Plan what goes; a newer request calls an older one off.
    Plan {
        /// The number of the request.
        request_id: u64,
        /// In this.
        assessment: Arc<SpaceAssessment>,
        /// By these rules.
        rules: Rules,
        /// When hard links save so much.
        saved: Option<Bytes>,
    },
    /// Look for what keeps a path.
    WhyAlive {
        /// In this.
        assessment: Arc<SpaceAssessment>,
        /// The path.
        row: Row,
    },
    /// Read the retention policy, to edit it.
    ReadPolicy,
    /// Read it, and a file of this machine.
    ReadPolicyOfFile(PathBuf),
    /// Give the terminal to an editor.
    Edit(Box<PolicyDraft>),
}
