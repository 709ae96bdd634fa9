//! Where actions apply: sets of scopes that several of them share.
//!
//! In: nothing. Out: constants for the table.

use crate::console::types::change::Family;
use crate::console::types::scope::Scope;
use Scope::{Activity, Path, Space, Store, Text};

/// Some of the scopes.
pub type Scopes = &'static [Scope];

/// The screens, and what is opened over them with their keys.
pub const SCREENS: Scopes = &[
    Scope::Overview,
    Scope::Store,
    Scope::Unsigned,
    Scope::Access,
    Scope::Space,
    Scope::Activity,
    Scope::Path,
    Scope::Card,
];
/// Where `d` and `e` are about keys; on screen 5 they are about roots and rules.
pub(super) const NOT_SPACE: Scopes = &[
    Scope::Overview,
    Scope::Store,
    Scope::Unsigned,
    Scope::Access,
    Scope::Activity,
    Scope::Path,
    Scope::Card,
];
/// Where one moves up and down.
pub const MOVES: Scopes = &[
    Scope::Overview,
    Scope::Store,
    Scope::Unsigned,
    Scope::Access,
    Scope::Space,
    Scope::Activity,
    Scope::Path,
    Scope::Text,
    Scope::Help,
    Scope::Menu,
    Scope::Card,
];
pub(super) const ROWS: Scopes = &[
    Scope::Overview,
    Scope::Store,
    Scope::Unsigned,
    Scope::Activity,
    Scope::Path,
    Scope::Access,
    Scope::Space,
];
pub(super) const PATHS: Scopes = &[Scope::Store, Scope::Unsigned];
pub(super) const MARKS: Scopes = &[Scope::Store, Scope::Unsigned, Scope::Space];
pub(super) const SIGNS: Scopes = &[Scope::Overview, Scope::Store, Scope::Unsigned, Scope::Path];
pub(super) const VERIFIED: Scopes = &[Store, Path, Space];
/// Where one reads what was found, and where it was asked for.
pub(super) const MENDED: Scopes = &[Store, Path, Space, Activity, Text];
/// Where paths are deleted.
pub(super) const DELETED: Scopes = &[Scope::Store, Scope::Unsigned, Scope::Path];
pub(super) const PUSHES: Scopes = &[Scope::Overview, Scope::Store, Scope::Unsigned];
pub(super) const TREES: Scopes = &[Scope::Unsigned, Scope::Path];
/// Where there is help.
pub const HELPED: Scopes = &[
    Scope::Overview,
    Scope::Store,
    Scope::Unsigned,
    Scope::Access,
    Scope::Space,
    Scope::Activity,
    Scope::Path,
    Scope::Text,
    Scope::Help,
    Scope::Menu,
    Scope::Quit,
    Scope::Card,
    Scope::Plan(Family::Sign),
    Scope::Plan(Family::Access),
    Scope::Plan(Family::Space),
];
pub(super) const SIGN_PLAN: Scopes = &[Scope::Plan(Family::Sign)];
pub(super) const ACCESS_PLAN: Scopes = &[Scope::Plan(Family::Access)];
pub(super) const SPACE_PLAN: Scopes = &[Scope::Plan(Family::Space)];
/// The plans that may make a pin.
pub(super) const PIN_PLANS: Scopes = &[SIGN_PLAN[0], SPACE_PLAN[0]];
/// The plans.
pub const PLANS: Scopes = &[SIGN_PLAN[0], ACCESS_PLAN[0], SPACE_PLAN[0]];
pub(super) const LOGINS: Scopes = &[Scope::Access, Activity];
pub(super) const ON_ACCESS: Scopes = &[Scope::Access, Scope::Card];
pub(super) const ON_KEYS: Scopes = &[Scope::Access, Scope::Card, Scope::Overview];
pub(super) const COPIED: Scopes = &[
    Scope::Overview,
    Scope::Store,
    Scope::Unsigned,
    Scope::Access,
    Scope::Card,
    Scope::Space,
    Scope::Activity,
    Scope::Path,
    Scope::Text,
    PLANS[0],
    PLANS[1],
    PLANS[2],
];
/// The same but for plans, where there is no room for its word.
pub(super) const COPIED_HINT: Scopes = COPIED.split_at(COPIED.len() - PLANS.len()).0;
/// What `esc` closes.
pub const DIALOGS: Scopes = &[
    Scope::Text,
    Scope::Help,
    Scope::Menu,
    Scope::Quit,
    PLANS[0],
    PLANS[1],
    PLANS[2],
];
