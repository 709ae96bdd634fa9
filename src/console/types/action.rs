//! The one table of actions: keymap, help, palette, hints and docs/keys.md all come from it.
//!
//! In: nothing. Out: [`ACTIONS`]. What an action does, and whether it can be done now, is the screen's matter; the table does
//! not know the model. An action that can't be done now is shown with its reason, never hidden.

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
    /// The dialog before signing.
    Sign,
    /// The dialog before a change of who may log in.
    Change,
    /// The dialog before a change of what the store keeps.
    Keep,
    /// A text to scroll: help, a list, a receipt, an error.
    Text,
    /// A choice from a short list.
    Menu,
    /// The question before quitting while a job runs.
    Quit,
}

impl Scope {
    /// Every scope, as help and docs list them.
    pub const ALL: [Self; 14] = [
        Self::Overview,
        Self::Store,
        Self::Unsigned,
        Self::Access,
        Self::Space,
        Self::Activity,
        Self::Path,
        Self::Card,
        Self::Sign,
        Self::Change,
        Self::Keep,
        Self::Text,
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
            Self::Change => "Dialog of a change of access",
            Self::Keep => "Dialog of a collection, a pin or a root",
            Self::Sign => "Sign dialog",
            Self::Text => "Help, lists, receipts",
            Self::Menu => "Menus",
            Self::Quit => "Quit?",
        }
    }
}

/// How much an action can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Danger {
    /// Only looks.
    None,
    /// Leads to a plan; nothing happens before that is confirmed.
    Plans,
    /// Confirms a plan that was shown.
    Confirms,
}

/// What can be done with a key or from the palette.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each has its documentation in the table below")]
pub enum Act {
    Overview,
    Store,
    Unsigned,
    Access,
    Space,
    Activity,
    NextScreen,
    PreviousScreen,
    Down,
    Up,
    PageDown,
    PageUp,
    First,
    Last,
    Open,
    Back,
    Expand,
    Collapse,
    Search,
    Palette,
    Mark,
    MarkRange,
    MarkAll,
    UnmarkAll,
    Sort,
    Reverse,
    Derivations,
    Sign,
    SignAll,
    Why,
    Copy,
    Refresh,
    CancelJob,
    Part,
    EndSession,
    Servers,
    Theme,
    Authorize,
    Deny,
    Revoke,
    Expiry,
    Collect,
    Pin,
    Unroot,
    CollectWhole,
    OldGenerations,
    Verify,
    VerifyAll,
    Repair,
    DeleteDamaged,
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
    ConfirmSign,
    PlanItems,
    PlanKey,
    PlanClosure,
    PlanUpstream,
    PlanReason,
    ConfirmChange,
    ChangeItems,
    ChangeLifetime,
    ChangeSessions,
    ChangeFrom,
    ChangeComment,
    ChangeReason,
    ConfirmKeep,
    KeepItems,
    KeepName,
    KeepExpiry,
    KeepNote,
    Close,
    Dismiss,
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
}

impl std::fmt::Debug for Action {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.id)
    }
}

type Keys = &'static [&'static str];
type Scopes = &'static [Scope];

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
    }
}

impl Action {
    const fn danger(mut self, danger: Danger) -> Self {
        self.danger = danger;
        self
    }
}

const SCREENS: Scopes = &[
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
const NOT_SPACE: Scopes = &[
    Scope::Overview,
    Scope::Store,
    Scope::Unsigned,
    Scope::Access,
    Scope::Activity,
    Scope::Path,
    Scope::Card,
];
const MOVES: Scopes = &[
    Scope::Overview,
    Scope::Store,
    Scope::Unsigned,
    Scope::Access,
    Scope::Space,
    Scope::Activity,
    Scope::Path,
    Scope::Text,
    Scope::Menu,
    Scope::Card,
];
const ROWS: Scopes = &[
    Scope::Overview,
    Scope::Store,
    Scope::Unsigned,
    Scope::Activity,
    Scope::Path,
    Scope::Access,
    Scope::Space,
];
const PATHS: Scopes = &[Scope::Store, Scope::Unsigned];
const MARKS: Scopes = &[Scope::Store, Scope::Unsigned, Scope::Space];
const SIGNS: Scopes = &[Scope::Overview, Scope::Store, Scope::Unsigned, Scope::Path];
const VERIFIED: Scopes = &[Store, Path, Space];
/// Where one reads what was found, and where it was asked for.
const MENDED: Scopes = &[Store, Path, Space, Activity, Text];
const TREES: Scopes = &[Scope::Unsigned, Scope::Path];
const HELPED: Scopes = &[
    Scope::Overview,
    Scope::Store,
    Scope::Unsigned,
    Scope::Access,
    Scope::Space,
    Scope::Activity,
    Scope::Path,
    Scope::Sign,
    Scope::Text,
    Scope::Menu,
    Scope::Quit,
    Scope::Card,
    Scope::Change,
    Scope::Keep,
];
const DIALOGS: Scopes = &[
    Scope::Sign,
    Scope::Text,
    Scope::Menu,
    Scope::Quit,
    Scope::Change,
    Scope::Keep,
];

use Scope::{Activity, Change, Keep, Menu, Path, Quit, Sign, Space, Store, Text};

/// All actions. Hints appear on the last line in this order.
#[rustfmt::skip]
pub static ACTIONS: &[Action] = &[
    action(Act::Open, "list.open", &["enter"], ROWS, "open", "Open", "Opens what is under the cursor: a check's screen, a path's page, a group, a receipt."),
    action(Act::Sign, "sign.open", &["s"], SIGNS, "sign", "Sign the marked paths, else this one", "Plans signatures for the marked paths, else for the path or group under the cursor; on the overview for everything refused.").danger(Danger::Plans),
    action(Act::SignAll, "sign.all", &["A"], SIGNS, "", "Sign all that is refused", "Plans signatures for every path that clients would refuse.").danger(Danger::Plans),
    action(Act::Authorize, "access.authorize", &["a"], SCREENS, "authorize", "Approve the request, or authorize a key", "Plans to let the request under the cursor in; elsewhere on the screen asks for a public key to let in.").danger(Danger::Plans),
    action(Act::Deny, "access.deny", &["d"], NOT_SPACE, "deny", "Deny a request", "Plans to turn the request under the cursor away; the same key is not asked about again.").danger(Danger::Plans),
    action(Act::Revoke, "access.revoke", &["r"], SCREENS, "revoke", "Revoke a key", "Plans to take the key under the cursor out, and to end its sessions.").danger(Danger::Plans),
    action(Act::Expiry, "access.expiry", &["e"], NOT_SPACE, "expiry", "Set a key's expiry", "Plans when the key under the cursor ends; for a request, how long an approval will be good.").danger(Danger::Plans),
    action(Act::Proof, "access.proof", &["o"], &[Scope::Access, Scope::Card], "proof", "Proof of possession", "Shows what to send to a requester, who signs it with the private key, and takes the answer.").danger(Danger::Plans),
    action(Act::NextCard, "access.next", &["n"], &[Scope::Card], "next", "The next card", "Goes to the card of the next request or key."),
    action(Act::Collect, "space.collect", &["x"], SCREENS, "collect", "Plan a collection", "On screen 5, plans to delete what the planner lists; it is confirmed by a word. Elsewhere, goes to the planner.").danger(Danger::Plans),
    action(Act::CollectWhole, "space.collect-whole", &["W"], &[Space], "", "Plan to collect all that is dead", "Plans to delete all that nothing keeps, whatever the rules say, as nix-collect-garbage does; it is confirmed by a word.").danger(Danger::Plans),
    action(Act::OldGenerations, "space.generations", &["O"], &[Space], "", "Plan to remove old generations", "Plans to remove the generations of all profiles that are older than an age, as nix-collect-garbage --delete-older-than chooses them.").danger(Danger::Plans),
    action(Act::Rules, "space.rules", &["e"], &[Space], "rules", "Edit the planner's rules", "Edits the rules in place: tab goes to the next one, enter keeps them, esc takes them back; each change gives a new plan at once."),
    action(Act::EveryPath, "space.list", &["l"], &[Space], "list", "List packages or every path", "Lists every path that goes in the order of deletion, or packages again."),
    action(Act::Pin, "space.pin", &["p"], SCREENS, "pin", "Pin the marked paths, else this one", "Plans to keep the marked paths, else the one under the cursor, from being collected: with a name, a note and, if wanted, an end.").danger(Danger::Plans),
    action(Act::Unroot, "space.remove-root", &["d"], &[Space], "remove", "Remove the root or pin", "Plans to take the root under the cursor away; what it alone keeps is dead then.").danger(Danger::Plans),
    action(Act::Verify, "verify.some", &["V"], VERIFIED, "", "Verify the marked paths, else this one", "Compares the contents of the marked paths, else of the one under the cursor, with their hashes, as a job; changes nothing."),
    action(Act::VerifyAll, "verify.all", &["C"], &[Store, Space], "", "Verify all paths", "Asks, with how much that is, and then compares the contents of all paths with their hashes, as a job that can be cancelled; changes nothing."),
    action(Act::Repair, "verify.repair", &["M"], MENDED, "", "Repair what is damaged", "Plans to have Nix fetch or build anew what was found damaged.").danger(Danger::Plans),
    action(Act::DeleteDamaged, "verify.delete", &["X"], MENDED, "", "Delete what is damaged", "Plans to delete what was found damaged, with all that refers to it.").danger(Danger::Plans),
    action(Act::Why, "store.why", &["w"], &[Store, Path, Space], "why", "Why alive; or why depends, with a marked path", "Shows the chain from a root that keeps the path; with one other path marked, the chain of references between the two."),
    action(Act::Mark, "list.mark", &["space"], MARKS, "mark", "Mark or unmark", "Marks the path or group under the cursor, or takes the mark away, and steps down."),
    action(Act::MarkRange, "list.mark-range", &["v"], PATHS, "", "Mark a range", "Starts a range; pressed again, marks all from there to the cursor."),
    action(Act::MarkAll, "list.mark-all", &["*"], PATHS, "", "Mark all shown", "Marks every path that the list shows now."),
    action(Act::UnmarkAll, "list.unmark-all", &["u"], MARKS, "", "Unmark all", "Takes all marks away."),
    action(Act::Expand, "tree.expand", &["right"], TREES, "", "Expand", "Shows what is below."),
    action(Act::Collapse, "tree.collapse", &["left"], TREES, "", "Collapse", "Hides what is below, or goes to what is above."),
    action(Act::NextView, "space.next-view", &["right"], &[Space], "", "Next view", "Goes to the view on the right: plan, roots, heaviest, growth."),
    action(Act::PreviousView, "space.previous-view", &["left"], &[Space], "", "Previous view", "Goes to the view on the left."),
    action(Act::Sort, "store.sort", &["o"], &[Store], "sort", "Sort by the next column", "Sorts by the next column: name, size, closure, added, used, trust."),
    action(Act::Reverse, "store.reverse", &["O"], &[Store], "", "Reverse the order", "Turns the order of the list round."),
    action(Act::Derivations, "store.derivations", &["D"], &[Store], "", "Show or hide .drv", "Shows derivations in the list, or hides them."),
    action(Act::CancelJob, "job.cancel", &["c"], &[Activity], "cancel", "Cancel the job", "Stops the job under the cursor; what it has done stays done, and the receipt says so."),
    action(Act::Part, "activity.part", &["o"], &[Activity], "other", "The other lists", "Goes through the lists of this screen: changes, open sessions of the cache user, sshd's log."),
    action(Act::EndSession, "activity.end-session", &["K"], &[Activity], "end", "End a session", "Plans to end the session under the cursor.").danger(Danger::Plans),
    action(Act::Search, "store.search", &["/"], SCREENS, "find", "Search the store", "Searches names as you type; enter keeps the search, esc clears it."),
    action(Act::Palette, "app.palette", &[":"], SCREENS, "command", "Command palette", "Runs any action by its name; also :filter QUERY, :sort COLUMN, :theme NAME, :server NAME."),
    action(Act::Copy, "app.copy", &["y"], &[Scope::Overview, Store, Scope::Unsigned, Scope::Access, Scope::Card, Space, Activity, Path, Text, Change], "copy", "Copy", "Copies the path, the receipt, the plan, what to send or the error's details through the terminal (OSC 52)."),
    action(Act::Refresh, "app.refresh", &["R"], SCREENS, "refresh", "Refresh or reconnect", "Reads the server again, or connects now if the link is down."),
    action(Act::Overview, "screen.overview", &["1"], SCREENS, "", "Overview", "What needs attention, worst first."),
    action(Act::Store, "screen.store", &["2"], SCREENS, "", "Store", "Every valid path."),
    action(Act::Unsigned, "screen.unsigned", &["3"], SCREENS, "", "Unsigned", "What clients would refuse."),
    action(Act::Access, "screen.access", &["4"], SCREENS, "", "Access", "Who may read the cache."),
    action(Act::Space, "screen.space", &["5"], SCREENS, "", "Space", "What fills the disk."),
    action(Act::Activity, "screen.activity", &["6"], SCREENS, "", "Activity", "Jobs, receipts, the audit log, open sessions, sshd's log."),
    action(Act::NextScreen, "screen.next", &["tab"], SCREENS, "", "Next screen", "Goes to the next screen."),
    action(Act::PreviousScreen, "screen.previous", &["shift-tab"], SCREENS, "", "Previous screen", "Goes to the previous screen."),
    action(Act::Down, "move.down", &["j", "down"], MOVES, "", "Down", "One row down."),
    action(Act::Up, "move.up", &["k", "up"], MOVES, "", "Up", "One row up."),
    action(Act::PageDown, "move.page-down", &["pgdn"], MOVES, "", "Page down", "One page down."),
    action(Act::PageUp, "move.page-up", &["pgup"], MOVES, "", "Page up", "One page up."),
    action(Act::First, "move.first", &["g", "home"], MOVES, "", "First", "To the first row."),
    action(Act::Last, "move.last", &["G", "end"], MOVES, "", "Last", "To the last row."),
    action(Act::Back, "app.back", &["esc"], SCREENS, "", "Back", "Leaves a page, ends a range, clears the search, then the filter."),
    action(Act::Servers, "app.servers", &["S"], SCREENS, "", "Switch server", "Connects to another server of the configuration."),
    action(Act::Theme, "app.theme", &["T"], SCREENS, "", "Next theme", "Goes to the next theme."),
    action(Act::Redraw, "app.redraw", &["ctrl-l"], SCREENS, "", "Draw anew", "Draws the whole screen again."),
    action(Act::Suspend, "app.suspend", &["ctrl-z"], SCREENS, "", "Suspend", "Stops the program and returns to the shell; fg comes back."),
    action(Act::ConfirmSign, "sign.confirm", &["enter"], &[Sign], "sign", "Sign", "Confirms the plan that is shown and runs it as a job.").danger(Danger::Confirms),
    action(Act::PlanItems, "sign.list", &["l"], &[Sign], "list all", "List all", "Shows every path of the plan."),
    action(Act::PlanKey, "sign.key", &["k"], &[Sign], "key", "Another key", "Signs with the next key: the server's, a local file's, an ssh-agent's."),
    action(Act::PlanClosure, "sign.closure", &["c"], &[Sign], "closure", "With or without closures", "Takes what the paths depend on into the plan, or leaves it out."),
    action(Act::PlanUpstream, "sign.upstream", &["u"], &[Sign], "", "With or without upstream paths", "Takes paths into the plan that another trusted key has signed, or leaves them out."),
    action(Act::PlanReason, "sign.reason", &["r"], &[Sign], "reason", "Write a reason", "Edits the reason that goes into the audit log."),
    action(Act::ConfirmChange, "change.confirm", &["enter"], &[Change], "confirm", "Confirm", "Confirms the plan that is shown and runs it as a job; one that takes something away asks for a word first.").danger(Danger::Confirms),
    action(Act::ChangeItems, "change.list", &["l"], &[Change], "list all", "All of the plan", "Shows every line of the plan in full."),
    action(Act::ChangeLifetime, "change.lifetime", &["e"], &[Change], "lifetime", "Another lifetime", "Goes to the next lifetime: 30 d, 90 d, 1 y, none."),
    action(Act::ChangeFrom, "change.from", &["f"], &[Change], "", "From where", "Edits the addresses or names from which the key may be used, as in from=; empty is anywhere."),
    action(Act::ChangeComment, "change.comment", &["c"], &[Change], "", "Another comment", "Edits the comment of the line; empty keeps the key's own."),
    action(Act::ChangeSessions, "change.sessions", &["o"], &[Change], "sessions", "End open sessions or not", "Ends the open sessions of a revoked key, or leaves them."),
    action(Act::ChangeReason, "change.reason", &["r"], &[Change], "reason", "Write why", "Edits the reason or note that goes into the audit log."),
    action(Act::ConfirmKeep, "keep.confirm", &["enter"], &[Keep], "confirm", "Confirm the change", "Confirms the plan that is shown and runs it as a job; one that deletes or takes away asks for a word first.").danger(Danger::Confirms),
    action(Act::KeepItems, "keep.list", &["l"], &[Keep], "list all", "Everything of the plan", "Shows every line of the plan in full, and its paths."),
    action(Act::KeepName, "keep.name", &["n"], &[Keep], "name", "Name the pin", "Edits the name of the pin."),
    action(Act::KeepExpiry, "keep.expiry", &["e"], &[Keep], "when", "When the pin ends, or how old", "Edits until when the pin keeps (30d, 2026-12-31, or nothing for no end), or how old generations are that go."),
    action(Act::KeepNote, "keep.note", &["r"], &[Keep], "note", "Write a note or reason", "Edits the note of the pin, or the reason that goes into the audit log."),
    action(Act::Choose, "menu.choose", &["enter"], &[Menu], "choose", "Choose", "Takes what is under the cursor."),
    action(Act::QuitNow, "quit.confirm", &["y"], &[Quit], "cancel and quit", "Quit although a job runs", "Cancels the job, waits for its receipt and quits; pressed again, quits at once."),
    action(Act::Dismiss, "text.close", &["enter"], &[Text], "", "Done reading", "Closes the text."),
    action(Act::Close, "dialog.close", &["esc"], DIALOGS, "cancel", "Close", "Closes the dialog; nothing is changed."),
    action(Act::Help, "app.help", &["?"], HELPED, "help", "Help", "Shows the keys that work here."),
    action(Act::Quit, "app.quit", &["q", "ctrl-c"], HELPED, "quit", "Quit", "Quits; asks only while a job runs. In a dialog, closes it."),
];

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
