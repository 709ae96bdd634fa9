//! The dialog before signing.

use crate::change::Plan;
use crate::console::types::change::What;
use crate::console::types::problem::Problem;
use tui_input::Input;

/// The dialog before signing.
#[derive(Debug)]
pub struct SignDialog {
    /// What is to be signed.
    pub what: What,
    /// What is under the cursor and not marked, so that it is not signed.
    pub instead_of: Option<String>,
    /// With what it depends on.
    pub closure: bool,
    /// With what another trusted key has signed.
    pub upstream: bool,
    /// The key, by its place in [`Model::sources`](crate::console::app::model::Model::sources).
    pub source: usize,
    /// The plan, once it is made.
    pub plan: Option<Result<Box<Plan>, Problem>>,
    /// Why it is done, for the audit log.
    pub reason: Input,
    /// Whether keys type into the reason.
    pub writing: bool,
    /// The number of the newest request for a plan.
    pub asked: u64,
}
