//! What may be collected, and in which order.
//!
//! In: an inventory, what is alive, what was used when ([`Situation`]); an administrator's [`Rules`]. Out: a
//! [`Collection`]: the paths that go, least recently used first, in units that must go together; what stays and why; how
//! many bytes that is; whether the goal is reached.
//!
//! [`Prepared`] does once what does not depend on the rules: the order of all that is dead. A plan is then one pass along
//! that order, so a changed rule is answered at once.
//!
//! What can be relied on, for every plan: nothing that is alive or pinned is in it; whatever refers to a path of it is in
//! it too, and earlier; so is every output of a derivation of it, where Nix keeps derivations for their outputs, and the
//! other way round. What stays keeps all that it needs. So each prefix that ends with a unit leaves a whole store.

mod names;
mod plan;
mod policy;
mod prepare;
#[cfg(test)]
mod tests;
mod words;

pub use names::package;
pub use plan::batches;
pub use policy::Verdict;
pub use prepare::Prepared;

use crate::domain::two_persons::PathList;
use crate::domain::{Age, Bytes, Threshold, When};
use crate::inventory::{Inventory, Keep, Liveness, Row, Usage};
use crate::judge::retention::Policy;
use std::sync::Arc;

/// What an administrator wants. A target ends a plan early; without one, everything that the rules allow goes.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// The server's policy; it replaces `older_than`, `keep_newest` and `grace`.
    pub policy: Option<Arc<Policy>>,
    /// Until the store's file system has this much available, in bytes or percent.
    pub until_free: Option<Threshold>,
    /// Until at least this much is deleted. With `until_free`, until both targets are reached.
    pub reclaim: Option<Bytes>,
    /// Never more than this. The plan ends before the first unit that would pass it, so that nothing
    /// goes before something that was used earlier.
    pub max: Option<Bytes>,
    /// Only what was not used for this long.
    pub older_than: Option<Age>,
    /// The newest N paths of each package name stay, with what they need; 0 for none.
    pub keep_newest: usize,
    /// What was registered within this time stays, with what it needs; 0 for no such rule.
    pub grace: Age,
    /// Paths registered since the oldest open session began stay, whatever the other rules say.
    pub in_flight: Option<When>,
    /// Delete only while the cache user has no open session, and wait this long for that in all. A policy's own `idle` takes precedence.
    pub idle: Option<Age>,
    /// Nothing else goes, whatever the other rules say: what another administrator has seen.
    pub only: Option<Arc<PathList>>,
}

impl Rules {
    /// All that nothing keeps, as `nix-collect-garbage` takes it.
    pub fn whole() -> Self {
        Self {
            keep_newest: 0,
            grace: Age(0),
            ..Self::default()
        }
    }
}

impl Default for Rules {
    /// The defaults of the command line and the console: the newest three of each name stay, and so does what came in within a
    /// day. The command line asks for a target; the console's form begins with one.
    fn default() -> Self {
        Self {
            policy: None,
            until_free: None,
            reclaim: None,
            max: None,
            older_than: None,
            keep_newest: 3,
            grace: Age(86_400),
            in_flight: None,
            idle: None,
            only: None,
        }
    }
}

/// What a plan is made from.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// The store.
    pub inventory: &'a Inventory,
    /// What the roots keep, in this inventory.
    pub liveness: &'a Liveness,
    /// The targets of pins. They stay also if they are no roots.
    pub pinned: &'a [Row],
    /// When paths were last used, in this inventory.
    pub usage: &'a Usage,
    /// Nix's settings.
    pub keep: Keep<'a>,
    /// The server's time.
    pub now: When,
    /// Size of the store's file system, and what is available of it; `None` where it is not known.
    pub disk: Option<(Bytes, Bytes)>,
    /// What hard links save in the whole store; `None` where it is not known.
    pub saved: Option<Bytes>,
}

/// A target that ended a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Target {
    /// This much is available.
    UntilFree,
    /// This much is deleted.
    Reclaim,
}

/// What became of the targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Goal {
    /// There was no target: everything that the rules allow goes.
    NoTarget,
    /// All are reached; the one that was reached last.
    Reached(Target),
    /// All that the rules allow is not enough, or the maximum came first.
    Short {
        /// What is missing, counted as low as the hard links make it.
        by: Bytes,
    },
    /// Whether it is reached cannot be known, so nothing goes; with the reason.
    Unknown(String),
}

/// How many bytes come free. What really comes free shows only afterwards: files take whole blocks, and hard links share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Estimate {
    /// The NAR sizes together.
    pub nar: u64,
    /// The least: as if all that hard links save were shared with paths that stay. `None` if that is not known.
    pub low: Option<u64>,
    /// The most: as if nothing were shared.
    pub high: u64,
}

/// How many paths stay, and why. Each path counts once, under the first of these that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Kept {
    /// A pin keeps them.
    pub pinned: usize,
    /// Another root keeps them.
    pub live: usize,
    /// Registered within the grace time, or needed by what was.
    pub grace: usize,
    /// Among the newest of their name, or needed by what is.
    pub newest: usize,
    /// Used too recently.
    pub recent: usize,
    /// Within the quota of their project.
    pub quota: usize,
    /// Registered since a session began that is still open, or needed by what was.
    pub in_flight: usize,
    /// Not among what another administrator has seen, or needed by what is not.
    pub unseen: usize,
    /// Could go, but the targets are reached without them, or the maximum came first.
    pub left: usize,
    /// Of `pinned` and `live`: the server cannot read them, so they stay.
    pub unreadable: usize,
}

impl Kept {
    /// How many stay by a rule.
    pub const fn policy(&self) -> usize {
        self.grace + self.newest + self.recent + self.quota + self.in_flight + self.unseen
    }
}

/// Paths that go together: a package that nothing else refers to, and the dependencies that nothing else needs; or a path that
/// several such packages share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone {
    /// The path on top.
    pub top: Row,
    /// Whether several packages that go need it, rather than none.
    pub shared: bool,
    /// How many paths go, the top included.
    pub paths: usize,
    /// How many there are in all; more than `paths` if some of them stay.
    pub of: usize,
    /// NAR bytes of those that go.
    pub bytes: u64,
    /// The last use of the top.
    pub used: When,
    /// Where its paths begin in [`Collection::members`].
    start: u32,
}

/// Why a path of a plan may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Nothing refers to it.
    Unused,
    /// Only paths that go with it refer to it.
    OnlyDead,
    /// A derivation whose outputs go too, or are not here.
    Derivation,
}

/// A plan of what is collected.
#[derive(Debug, Clone, PartialEq)]
pub struct Collection {
    /// The paths, in the order of deletion: least recently used first, each after all that refers to it.
    pub order: Vec<Row>,
    /// The ends of the units in `order`. The paths of a unit must go in one call.
    pub units: Vec<u32>,
    /// Why each may go, in the same order.
    pub reasons: Vec<Reason>,
    /// The same paths by package, in the order of deletion of their tops.
    pub groups: Vec<Gone>,
    /// The paths in the order of the groups.
    members: Vec<Row>,
    pub bytes: Estimate,
    /// What stays.
    pub kept: Kept,
    /// What became of the targets.
    pub goal: Goal,
    /// Whether the maximum ended it.
    pub capped: bool,
    /// The latest use among what goes: nothing of it was used since.
    pub used_until: Option<When>,
}

impl Collection {
    /// The paths of a group, in the order of deletion.
    pub fn members(&self, group: &Gone) -> &[Row] {
        let start = group.start as usize;
        self.members
            .get(start..start + group.paths)
            .unwrap_or_default()
    }
}
