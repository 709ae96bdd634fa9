//! What comes in for screen 4.

use crate::console::types::access::{AccessSnapshot, Certified};
use crate::console::types::client::ClientWay;
use crate::console::types::problem::Problem;
use std::sync::Arc;

/// Something has happened.
#[derive(Debug)]
pub enum Msg {
    /// Who may log in was looked at.
    Snapshot(Result<Arc<AccessSnapshot>, Problem>),
    /// sshd's log was read on.
    Followed {
        /// From here.
        before: Arc<AccessSnapshot>,
        /// To here.
        known: Result<Arc<AccessSnapshot>, Problem>,
    },
    /// What the new client has to do, or why that can't be written.
    Onboarding(Result<String, Problem>),
    /// The certificate that was made, or why it can't be shown.
    Certificate(Result<Certified, Problem>),
    /// The way of a client was gone through, or could not be.
    Way(Result<Box<ClientWay>, Problem>),
}
