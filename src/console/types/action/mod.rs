//! The one table of actions: keymap, help, palette, hints and docs/keys.md all come from it.
//!
//! In: nothing. Out: [`ACTIONS`]. What an action does, and whether it can be done now, is the screen's matter; the table does
//! not know the model. An action that can't be done now is shown with its reason, never hidden.

mod scopes;
mod table;

pub use self::scopes::{DIALOGS, HELPED, MOVES, PLANS, SCREENS, Scopes};
pub use self::table::ACTIONS;
pub use crate::console::types::hint::{Danger, HintWhen};
use crate::console::types::scope::Scope;
use crate::console::types::screen::Screen;
use crate::inventory::SortKey;

/// What can be done with a key or from the palette.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Act {
    Go(Screen),
    NextScreen,
    PreviousScreen,
    Down,
    Up,
    PageDown,
    PageUp,
    HalfPageDown,
    HalfPageUp,
    First,
    Last,
    Open,
    Back,
    Expand,
    Collapse,
    Search,
    NextMatch,
    PreviousMatch,
    Palette,
    Mark,
    MarkRange,
    MarkAll,
    UnmarkAll,
    Sort,
    Reverse,
    SortBy(SortKey),
    Columns,
    Derivations,
    Sign,
    SignAll,
    Push,
    Rotate,
    StripKey,
    WaitingPlans,
    ByItself,
    Why,
    Way,
    WayTo,
    WayOfFile,
    Onboard,
    Copy,
    Refresh,
    CancelJob,
    Part,
    Export,
    RefusedOnly,
    OurLogins,
    VerifyAudit,
    EndSession,
    Servers,
    Theme,
    Authorize,
    AddRequest,
    Deny,
    Revoke,
    SuspendKey,
    Review,
    MarkReviewed,
    Expiry,
    Collect,
    Pin,
    Unroot,
    UnpinExpired,
    UnpinRevisions,
    CollectWhole,
    OldGenerations,
    Vacuum,
    Backup,
    ByPolicy,
    EditPolicy,
    PolicyOfFile,
    Verify,
    VerifyAll,
    Repair,
    DeleteDamaged,
    DeletePaths,
    Rules,
    EveryPath,
    NextView,
    PreviousView,
    Help,
    Redraw,
    Suspend,
    Quit,
    NextCard,
    Proof,
    Certify,
    ConfirmPlan,
    PlanItems,
    PlanReason,
    PlanKey,
    PlanClosure,
    PlanUpstream,
    PlanLifetime,
    PlanSessions,
    PlanFrom,
    PlanComment,
    PlanAuthority,
    PlanNames,
    PlanId,
    PlanFile,
    PlanName,
    PlanExpiry,
    PlanRevisions,
    PlanExcept,
    PlanNever,
    PlanUploaders,
    PlanProgram,
    PlanRemove,
    Close,
    Dismiss,
    Undo,
    HelpSearch,
    Choose,
    QuitNow,
}

/// One line of the table.
pub struct Action {
    /// What it is in the program.
    pub act: Act,
    /// What it is in the configuration.
    pub id: &'static str,
    /// A few words for help and palette.
    pub title: &'static str,
    /// One word for the last line; empty if it is not shown there.
    pub hint: &'static str,
    /// One sentence for docs/keys.md.
    pub doc: &'static str,
    /// Keys, unless remapped.
    pub keys: &'static [&'static str],
    /// Where it applies.
    pub scopes: &'static [Scope],
    /// What it can do.
    pub danger: Danger,
    /// Where its word is among the hints.
    pub hint_in: &'static [Scope],
    pub hint_when: HintWhen,
}

impl std::fmt::Debug for Action {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.id)
    }
}

type Keys = &'static [&'static str];

/// `hint|title` in one text keeps a line of the table a line.
const fn action(
    act: Act,
    id: &'static str,
    keys: Keys,
    scopes: Scopes,
    hint: &'static str,
    title: &'static str,
    doc: &'static str,
) -> Action {
    Action {
        act,
        id,
        title,
        hint,
        doc,
        keys,
        scopes,
        danger: Danger::None,
        hint_in: if hint.is_empty() { &[] } else { scopes },
        hint_when: HintWhen::Always,
    }
}

impl Action {
    /// What can't be done, after "Cannot": its title as far as it says one thing.
    pub fn verb(&self) -> String {
        let ends = [", ", "; ", " or "]
            .iter()
            .filter_map(|end| self.title.find(end));
        let first = &self.title[..ends.min().unwrap_or(self.title.len())];
        let mut letters = first.chars();
        let small = letters.next().map(|c| c.to_ascii_lowercase());
        small.into_iter().chain(letters).collect()
    }

    const fn hints(mut self, scopes: Scopes, when: HintWhen) -> Self {
        self.hint_in = scopes;
        self.hint_when = when;
        self
    }

    const fn danger(mut self, danger: Danger) -> Self {
        self.danger = danger;
        self
    }
}

/// The line of an action.
pub fn find(act: Act) -> Option<&'static Action> {
    ACTIONS.iter().find(|action| action.act == act)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_every_text_is_there() {
        for (index, action) in ACTIONS.iter().enumerate() {
            for other in &ACTIONS[..index] {
                assert_ne!(action.id, other.id);
                assert_ne!(action.act, other.act);
                assert_ne!(action.title, other.title);
            }
            assert!(action.doc.ends_with('.'), "{}", action.id);
            assert!(
                !action.scopes.is_empty() && !action.keys.is_empty(),
                "{}",
                action.id
            );
        }
    }

    #[test]
    fn no_control_key_changes_anything() {
        for action in ACTIONS {
            if action.keys.iter().any(|key| key.contains("ctrl-")) {
                assert_eq!(action.danger, Danger::None, "{}", action.id);
            }
        }
    }
}
