//! Where a key means something.

use crate::console::types::change::Family;

/// Where a key means something. Exactly one scope is in force at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// Screen 1.
    Overview,
    /// Screen 2.
    Store,
    /// Screen 3.
    Unsigned,
    /// Screen 4.
    Access,
    /// Screen 5.
    Space,
    /// Screen 6.
    Activity,
    /// The page of one path.
    Path,
    /// The card of a key or a request.
    Card,
    /// The dialog before a change.
    Plan(Family),
    /// A text to scroll: a list, a receipt, an error.
    Text,
    /// The keys that work somewhere.
    Help,
    /// A choice from a short list.
    Menu,
    /// The question before quitting while a job runs.
    Quit,
}

impl Scope {
    /// Every scope, as help and docs list them.
    pub const ALL: [Self; 15] = [
        Self::Overview,
        Self::Store,
        Self::Unsigned,
        Self::Access,
        Self::Space,
        Self::Activity,
        Self::Path,
        Self::Card,
        Self::Plan(Family::Sign),
        Self::Plan(Family::Access),
        Self::Plan(Family::Space),
        Self::Text,
        Self::Help,
        Self::Menu,
        Self::Quit,
    ];

    /// Its name in help and docs.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Store => "Store",
            Self::Unsigned => "Unsigned",
            Self::Access => "Access",
            Self::Space => "Space",
            Self::Activity => "Activity",
            Self::Path => "A path's page",
            Self::Card => "The card of a key or a request",
            Self::Plan(Family::Sign) => "Plan of signatures",
            Self::Plan(Family::Access) => "Plan of a change of access",
            Self::Plan(Family::Space) => "Plan of a collection, a pin or a root",
            Self::Text => "Lists, receipts, errors",
            Self::Help => "Help",
            Self::Menu => "Menus",
            Self::Quit => "Quit?",
        }
    }
}
