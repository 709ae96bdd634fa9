//! All that a plan is made of, as the dialog had it when it asked.

use crate::change::KeySource;
use crate::console::types::access::AccessSnapshot;
use crate::console::types::assessment::SpaceAssessment;
use crate::console::types::change::ChangeKind;
use crate::console::types::problem::Problem;
use crate::domain::installable::Chosen;
use crate::domain::pin::Revisions;
use crate::domain::{Age, When};
use crate::inventory::{Inventory, Query};
use std::sync::Arc;

/// Why there is no plan before all is read.
const NOT_READ: &str = "the store has not been read yet";
const NOT_ASSESSED: &str = "what is dead is not known yet";

/// What was typed of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFields {
    /// The file of the authority's key; `~/` is of the home folder.
    pub authority: String,
    /// The names that it may log in as; none for what the server wants.
    pub names: Vec<String>,
    /// What sshd's log calls it.
    pub id: Option<String>,
    /// Where it is written.
    pub file: Option<String>,
}

/// All that a plan is made of.
#[derive(Debug, Clone)]
pub struct PlanRequest {
    /// What shall be changed.
    pub change: ChangeKind,
    /// The store.
    pub inventory: Option<Arc<Inventory>>,
    /// What was shown of roots.
    pub assessment: Option<Arc<SpaceAssessment>>,
    /// What was shown of access.
    pub access: Option<Arc<AccessSnapshot>>,
    /// What signs.
    pub key: Option<KeySource>,
    /// Sign with what the paths depend on.
    pub closure: bool,
    /// Sign also what another trusted key has signed.
    pub upstream: bool,
    /// Until when a key is good, or a pin keeps.
    pub expires: Option<When>,
    /// End the open sessions of a revoked key.
    pub end_sessions: bool,
    /// The name of a pin; the path's own name where it is empty.
    pub name: String,
    /// What is kept of the pin of that name where it moves; `None` where it does not.
    pub revisions: Option<Revisions>,
    /// How old the generations are that go.
    pub age: Age,
    /// From where a key may be used; empty: from anywhere.
    pub from: String,
    /// The comment of a key's line; empty: the key's own.
    pub comment: String,
    /// What was typed of a certificate.
    pub certificate: Option<CertificateFields>,
    /// What a rotation leaves out.
    pub except: Option<Query>,
    /// What was chosen of what runs by itself.
    pub installs: Option<Chosen>,
    /// Why.
    pub reason: Option<String>,
}

impl PlanRequest {
    /// The store, where it was read.
    pub fn inventory(&self) -> Result<&Inventory, Problem> {
        let inventory = self.inventory.as_deref();
        inventory.ok_or_else(|| Problem::say(NOT_READ))
    }

    /// What was shown of roots, where anything was.
    pub fn assessment(&self) -> Result<&Arc<SpaceAssessment>, Problem> {
        let assessment = self.assessment.as_ref();
        assessment.ok_or_else(|| Problem::say(NOT_ASSESSED))
    }
}
