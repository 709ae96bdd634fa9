//! What a confirmed plan of this folder does, step by step.
//!
//! In: what was planned. Out: [`KeepStep`], one for each item.

use super::PinMove;
use crate::domain::pin::{Pin, PinName, Shown};
use crate::domain::roots::Root;
use crate::domain::{StorePath, When};
use crate::server::{AutoSignInstall, LeaseInstall, PolicyEdit, PolicyTimer, Removal, Vacuum};

/// One step of a confirmed plan, for one of its items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeepStep {
    /// A pin comes, or gets another note.
    Pin {
        /// As it will be.
        pin: Box<Pin>,
        /// How its place was shown.
        shown: Shown,
    },
    /// A pin moves, and what it led to is kept as a revision.
    Move(Box<PinMove>),
    /// A pin goes.
    Unpin {
        /// Its name.
        name: PinName,
        /// What it leads to.
        target: StorePath,
        /// How it was shown.
        shown: Shown,
    },
    /// A generation of a profile or an automatic link goes.
    Root {
        /// What it was shown as.
        root: Root,
        /// When the link of a generation was made, as it was shown; `None` where that is not known.
        made: Option<When>,
    },
    /// A damaged path is fetched or built anew.
    Repair(StorePath),
    /// A path goes that nothing keeps and nothing refers to.
    Delete(StorePath),
    /// The timer that keeps new uploads.
    Lease(LeaseInstall),
    /// Install signing that runs by itself.
    AutoSign(Box<AutoSignInstall>),
    /// Install what collects by the retention policy.
    PolicyTimer(Box<PolicyTimer>),
    /// Take away what runs by itself.
    Remove(Box<Removal>),
    /// The free pages of Nix's database go back to the file system.
    Vacuum(Vacuum),
    /// The retention policy gets another text.
    Retention(PolicyEdit),
    /// The two-person rule gets another text.
    Rule(PolicyEdit),
    /// A plan that waits for a second administrator goes.
    DropPlan {
        /// The name of its file.
        file: String,
        /// The SHA-256 of that, as it was shown.
        sha256: String,
    },
}
