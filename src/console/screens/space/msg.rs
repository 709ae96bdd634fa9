//! What comes in for screen 5.

use crate::console::types::assessment::SpaceAssessment;
use crate::console::types::problem::Problem;
use crate::console::types::space::{Planned, PolicyDraft, SpaceSnapshot};
use crate::inventory::Row;
use crate::server::PolicyFile;
use std::sync::Arc;

/// Something has happened.
#[derive(Debug)]
pub enum Msg {
    /// A look at what fills the disk, or a part of it.
    Snapshot {
        /// Of this request.
        look: u64,
        /// What is known now.
        known: Result<Arc<SpaceSnapshot>, Problem>,
    },
    /// What is live was worked out, or cannot be.
    Assessed {
        /// Of this request.
        request_id: u64,
        /// What follows.
        assessment: Result<Arc<SpaceAssessment>, Problem>,
    },
    /// The planner has planned.
    Planned {
        /// Of this request.
        request_id: u64,
        /// What goes.
        planned: Box<Planned>,
    },
    /// The retention policy was read, to be edited.
    Policy(Result<PolicyFile, Problem>),
    /// The retention policy was read, and a file of this machine that is to be it.
    PolicyOfFile(Result<Box<PolicyDraft>, Problem>),
    /// The editor has left a policy.
    Edited {
        /// What it began with.
        draft: Box<PolicyDraft>,
        /// What it has left.
        left: Result<String, Problem>,
    },
    /// What keeps a path was looked for.
    Alive {
        /// Of this.
        assessment: Arc<SpaceAssessment>,
        /// The path.
        row: Row,
        /// From a root's path to it.
        chain: Option<Vec<Row>>,
    },
}
