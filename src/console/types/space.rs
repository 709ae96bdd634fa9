//! What fills the disk, as it was found out at one look at the server.
//!
//! In: the facts of the look. Out: [`SpaceSnapshot`], and [`Planned`], what the planner made of it.

use crate::change::keep::NO_POLICY;
use crate::console::types::assessment::SpaceAssessment;
use crate::domain::pin::{Pin, PinName};
use crate::domain::roots::Root;
use crate::domain::space::{LastUse, Links, SpaceFacts};
use crate::domain::two_persons::{Login, TwoPersons};
use crate::domain::{Bytes, Fact, StorePath, When};
use crate::judge::collect::{Collection, Rules};
use crate::judge::growth::Sample;
use crate::judge::health::unfinished::Left;
use crate::judge::retention::Policy;
use crate::server::PolicyFile;
use std::sync::Arc;

/// One look at the server. It comes in parts: what is quick first, what takes a pass over the store's folders later.
#[derive(Debug, Clone)]
pub struct SpaceSnapshot {
    /// The number of the request; parts of one look have the same.
    pub look: u64,
    /// File systems, database, who collects.
    pub facts: SpaceFacts,
    pub roots: Fact<Vec<Root>>,
    /// What the daemon said while it looked for them.
    pub notes: Vec<String>,
    pub pins: Fact<Vec<Pin>>,
    /// The retention policy; `None` within where there is none.
    pub policy: Fact<Option<Arc<Policy>>>,
    /// When paths were last used; `None` while that is being read.
    pub last_use: Option<Arc<Fact<LastUse>>>,
    /// What hard links save; `None` while they are being counted.
    pub links: Option<Fact<Links>>,
    /// Changes that have no record yet.
    pub unfinished: Fact<Vec<Left>>,
    /// The two-person rule, and the plans that wait.
    pub two: Fact<TwoPersons>,
    /// Who this connection is logged in as.
    pub login: Login,
    /// What was in use at earlier looks from this machine, oldest first, and at this one.
    pub samples: Arc<[Sample]>,
    /// Server clock minus this machine's, in seconds.
    pub skew: i64,
}

impl SpaceSnapshot {
    /// Bytes that hard links save, where that is known.
    pub fn saved(&self) -> Option<Bytes> {
        let links = self.links.as_ref()?.as_ref().ok()?;
        Some(links.saved)
    }

    /// The time there.
    pub fn there(&self, now: When) -> When {
        When::from_unix(now.unix().saturating_add(self.skew))
    }

    /// A pin by its name.
    pub fn pin(&self, name: &str) -> Option<&Pin> {
        let pins = self.pins.as_ref().ok()?;
        pins.iter().find(|pin| pin.name.as_str() == name)
    }
}

/// A retention policy that is edited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyDraft {
    /// What was there.
    pub shown: PolicyFile,
    /// What is to be there.
    pub text: String,
}

impl PolicyDraft {
    /// What an editor began with where nothing was written before.
    pub fn before(&self) -> &str {
        let found = self.shown.found.as_ref();
        found.map_or(NO_POLICY, |(text, _)| text)
    }
}

/// A plan as the planner made it.
#[derive(Debug, Clone)]
pub struct Planned {
    /// What it was made of.
    pub assessment: Arc<SpaceAssessment>,
    /// By which rules.
    pub rules: Rules,
    /// What hard links save, where that was known.
    pub saved: Option<Bytes>,
    /// What goes.
    pub collection: Arc<Collection>,
}

/// A name for a pin of this path that no pin has.
pub fn pin_name(known: Option<&SpaceSnapshot>, path: &StorePath) -> String {
    let taken = |name: &PinName| known.is_some_and(|known| known.pin(name.as_str()).is_some());
    PinName::for_path(path, taken).to_string()
}
