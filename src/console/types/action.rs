//! The one table of actions: keymap, help, palette, hints and docs/keys.md all come from it.
//!
//! In: nothing. Out: [`ACTIONS`]. What an action does, and whether it can be done now, is the screen's matter; the table does
//! not know the model. An action that can't be done now is shown with its reason, never hidden.

use crate::console::types::change::Family;
use crate::console::types::column;
pub use crate::console::types::hint::{Danger, HintWhen};
use crate::console::types::scope::Scope;
use crate::console::types::screen::Screen;
use crate::inventory::SortKey;

/// What can be done with a key or from the palette.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each has its documentation in the table below")]
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
    Why,
    Way,
    WayTo,
    Copy,
    Refresh,
    CancelJob,
    Part,
    Export,
    RefusedOnly,
    OurLogins,
    EndSession,
    Servers,
    Theme,
    Authorize,
    Deny,
    Revoke,
    SuspendKey,
    Review,
    MarkReviewed,
    Expiry,
    Collect,
    Pin,
    Unroot,
    CollectWhole,
    OldGenerations,
    Vacuum,
    ByPolicy,
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
    PlanName,
    PlanExpiry,
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
    /// When it is.
    pub hint_when: HintWhen,
}

impl std::fmt::Debug for Action {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.id)
    }
}

type Keys = &'static [&'static str];
/// Some of them.
pub type Scopes = &'static [Scope];

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
const NOT_SPACE: Scopes = &[
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
/// Where paths are deleted.
const DELETED: Scopes = &[Scope::Store, Scope::Unsigned, Scope::Path];
const PUSHES: Scopes = &[Scope::Overview, Scope::Store, Scope::Unsigned];
const TREES: Scopes = &[Scope::Unsigned, Scope::Path];
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
const SIGN_PLAN: Scopes = &[Scope::Plan(Family::Sign)];
const ACCESS_PLAN: Scopes = &[Scope::Plan(Family::Access)];
const SPACE_PLAN: Scopes = &[Scope::Plan(Family::Space)];
/// The plans.
pub const PLANS: Scopes = &[SIGN_PLAN[0], ACCESS_PLAN[0], SPACE_PLAN[0]];
const LOGINS: Scopes = &[Scope::Access, Activity];
const ON_ACCESS: Scopes = &[Scope::Access, Scope::Card];
const ON_KEYS: Scopes = &[Scope::Access, Scope::Card, Scope::Overview];
const COPIED: Scopes = &[
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
const COPIED_HINT: Scopes = COPIED.split_at(COPIED.len() - PLANS.len()).0;
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

use Scope::{Activity, Menu, Path, Quit, Space, Store, Text};

/// All actions. Hints appear on the last line in this order.
#[rustfmt::skip]
pub static ACTIONS: &[Action] = &[
    action(Act::Open, "list.open", &["enter"], ROWS, "open", "Open", "Opens what is under the cursor: a check's screen, a path's page, a group, a receipt.").hints(ROWS, HintWhen::OnLine),
    action(Act::Sign, "sign.open", &["s"], SIGNS, "sign", "Sign the marked paths, else this one", "Plans signatures for the marked paths, else for the path or group under the cursor; on the overview for everything refused.").danger(Danger::Plans),
    action(Act::SignAll, "sign.all", &["A"], SIGNS, "", "Sign all that is refused", "Plans signatures for every path that clients would refuse.").danger(Danger::Plans),
    action(Act::Push, "store.push", &["P"], PUSHES, "", "Push store paths of this machine", "Asks for store paths of this machine, or links to them, and plans to copy them to the cache with all that they need and to sign what was added.").danger(Danger::Plans),
    action(Act::Rotate, "sign.rotate", &["K"], SIGNS, "", "Rotate a signing key", "Lists how far each signing key has got; enter on one plans signatures by another key for all that only this one has signed, or says that it can be dropped.").danger(Danger::Plans),
    action(Act::StripKey, "sign.strip", &["t"], SIGNS, "", "Take a compromised key's signatures away", "Lists how far each signing key has got; enter on one plans to take all of its signatures away, in Nix's database.").danger(Danger::Plans),
    action(Act::WaitingPlans, "plans.list", &["J"], SCREENS, "", "Confirm a plan that waits for a second administrator", "Lists the plans that wait; enter on one that another administrator has made plans it again to be confirmed, on any other plans to drop it.").danger(Danger::Plans),
    action(Act::Authorize, "access.authorize", &["a"], SCREENS, "authorize", "Approve the request, or authorize a key", "Plans to authorize the key of the request under the cursor; elsewhere on the screen asks for a public key.").danger(Danger::Plans).hints(ON_ACCESS, HintWhen::Always),
    action(Act::Deny, "access.deny", &["d"], NOT_SPACE, "deny", "Deny a request", "Plans to deny the request under the cursor; the same key does not ask again.").danger(Danger::Plans).hints(ON_KEYS, HintWhen::OnKey),
    action(Act::Revoke, "access.revoke", &["r"], SCREENS, "revoke", "Revoke a key", "Plans to revoke the key under the cursor, and to end its sessions.").danger(Danger::Plans).hints(ON_KEYS, HintWhen::OnKey),
    action(Act::Expiry, "access.expiry", &["e"], NOT_SPACE, "expiry", "Set a key's expiry", "Plans when the key under the cursor ends; for a request, how long an approval will be good.").danger(Danger::Plans).hints(ON_KEYS, HintWhen::OnKey),
    action(Act::Proof, "access.proof", &["o"], &[Scope::Access, Scope::Card], "proof", "Prove possession of the key", "Shows what to send to a requester, who signs it with the private key, and takes the answer.").danger(Danger::Plans),
    action(Act::Review, "access.review", &["V"], &[Scope::Access], "", "Review the keys", "Shows who may log in, since when, by whom approved, why, when used last, and what each key can do; y copies it as Markdown."),
    action(Act::MarkReviewed, "access.mark-reviewed", &["M"], &[Scope::Access], "", "Mark the keys as reviewed", "Plans a record in the audit log that you have looked at all keys; status shows the last one.").danger(Danger::Plans),
    action(Act::Way, "access.way", &["w"], ON_ACCESS, "why", "Show what is in the way of a client", "Goes through the whole way of the client whose key is under the cursor, step by step, from the address to the daemon; with one path marked, also to that path and all that it needs.").hints(ON_ACCESS, HintWhen::OnLine),
    action(Act::SuspendKey, "access.suspend", &["z"], NOT_SPACE, "suspend", "Suspend a key, or resume it", "Plans to suspend the key under the cursor, and to end its sessions; of a suspended key, to take it back into use as it was.").danger(Danger::Plans).hints(ON_KEYS, HintWhen::OnKey),
    action(Act::NextCard, "access.next", &["n"], &[Scope::Card], "next", "Go to the next card", "Goes to the card of the next request or key."),
    action(Act::Collect, "space.collect", &["x"], SCREENS, "collect", "Plan a collection", "On screen 5, plans to delete what the planner lists; it is confirmed by a word. Elsewhere, goes to the planner.").danger(Danger::Plans).hints(&[Space], HintWhen::Always),
    action(Act::CollectWhole, "space.collect-whole", &["W"], &[Space], "", "Plan to collect all that is dead", "Plans to delete all that nothing keeps, whatever the rules say, as nix-collect-garbage does; it is confirmed by a word.").danger(Danger::Plans),
    action(Act::OldGenerations, "space.generations", &["O"], &[Space], "", "Plan to remove old generations", "Plans to remove the generations of all profiles that are older than an age, as nix-collect-garbage --delete-older-than chooses them.").danger(Danger::Plans),
    action(Act::Vacuum, "space.vacuum", &["D"], &[Space, Scope::Overview], "", "Vacuum the database", "Plans to give the free pages of Nix's database back to the file system: with a checked copy on the server until it is done, while no collection runs.").danger(Danger::Plans),
    action(Act::ByPolicy, "space.policy", &["P"], &[Space], "", "Plan by the server's policy, or by the rules", "Plans what the retention policy of the server does not keep, as gc --policy takes it from a timer; pressed again, by the rules of the planner."),
    action(Act::Rules, "space.rules", &["e"], &[Space], "rules", "Edit the planner's rules", "Edits the rules in place: tab goes to the next one, enter keeps them, esc takes them back; each change gives a new plan at once.").hints(&[Space], HintWhen::Possible),
    action(Act::EveryPath, "space.list", &["l"], &[Space], "list", "List packages or every path", "Lists every path that goes in the order of deletion, or packages again.").hints(&[Space], HintWhen::Possible),
    action(Act::Pin, "space.pin", &["p"], SCREENS, "pin", "Pin the marked paths, else this one", "Plans to keep the marked paths, else the one under the cursor, from being collected: with a name, a note and, if wanted, an end.").danger(Danger::Plans).hints(&[Space], HintWhen::Possible),
    action(Act::Unroot, "space.remove-root", &["d"], &[Space], "remove", "Remove the root or pin", "Plans to take the root under the cursor away; what it alone keeps is dead then.").danger(Danger::Plans).hints(&[Space], HintWhen::Possible),
    action(Act::Verify, "verify.some", &["V"], VERIFIED, "", "Verify the marked paths, else this one", "Compares the contents of the marked paths, else of the one under the cursor, with their hashes, as a job; changes nothing."),
    action(Act::VerifyAll, "verify.all", &["C"], &[Store, Space], "", "Verify all paths", "Asks, with how much that is, and then compares the contents of all paths with their hashes, as a job that can be cancelled; changes nothing."),
    action(Act::Repair, "verify.repair", &["H"], MENDED, "", "Repair what is damaged", "Plans to have Nix fetch or build anew what was found damaged.").danger(Danger::Plans),
    action(Act::DeleteDamaged, "verify.delete", &["X"], MENDED, "", "Delete what is damaged", "Plans to delete what was found damaged, with all that refers to it.").danger(Danger::Plans),
    action(Act::DeletePaths, "store.delete", &["delete"], DELETED, "", "Delete the marked paths, else this one", "Plans to delete the marked paths, else the one under the cursor, with all that refers to them; what a root keeps is refused, and the keys that had sessions since the upload are named.").danger(Danger::Plans),
    action(Act::Why, "store.why", &["w"], &[Store, Path, Space], "why", "Show why it is alive; or why it depends on a marked path", "Shows the chain from a root that keeps the path; with one other path marked, the chain of references between the two.").hints(&[Store, Path, Space], HintWhen::OnLine),
    action(Act::WayTo, "store.way", &["W"], &[Store, Scope::Unsigned, Path], "", "Show what is in the way of a client to this path", "Asks which client, and goes through its whole way to the path under the cursor: address, host key, authorization, forced command, daemon, closure, signatures."),
    action(Act::Mark, "list.mark", &["space"], MARKS, "mark", "Mark or unmark", "Marks the path or group under the cursor, or takes the mark away, and steps down.").hints(MARKS, HintWhen::OnLine),
    action(Act::MarkRange, "list.mark-range", &["v"], PATHS, "", "Mark a range", "Starts a range; pressed again, marks all from there to the cursor."),
    action(Act::MarkAll, "list.mark-all", &["*"], PATHS, "", "Mark all shown", "Marks every path that the list shows now."),
    action(Act::UnmarkAll, "list.unmark-all", &["u"], MARKS, "", "Unmark all", "Takes all marks away."),
    action(Act::Expand, "tree.expand", &["right"], TREES, "", "Expand", "Shows what is below."),
    action(Act::Collapse, "tree.collapse", &["left"], TREES, "", "Collapse", "Hides what is below, or goes to what is above."),
    action(Act::NextView, "space.next-view", &["right"], &[Space], "", "Show the next view", "Goes to the view on the right: plan, roots, heaviest, growth."),
    action(Act::PreviousView, "space.previous-view", &["left"], &[Space], "", "Show the previous view", "Goes to the view on the left."),
    action(Act::Sort, "store.sort", &["o"], &[Store], "sort", "Sort by the next column", "Sorts by the next column: name, size, closure, added, used, trust."),
    action(Act::Reverse, "store.reverse", &["O"], &[Store], "", "Reverse the order", "Turns the order of the list round."),
    action(Act::SortBy(SortKey::Name), "store.sort-name", column::NAME.keys, &[Store], "", "Sort by name", "Sorts by name; pressed again, from the last to the first."),
    action(Act::SortBy(SortKey::Size), "store.sort-size", column::SIZE.keys, &[Store], "", "Sort by size", "Sorts by NAR size, the largest first; pressed again, the smallest."),
    action(Act::SortBy(SortKey::Closure), "store.sort-closure", column::CLOSURE.keys, &[Store], "", "Sort by closure", "Sorts by the size of the closure, the largest first; pressed again, the smallest."),
    action(Act::SortBy(SortKey::Added), "store.sort-added", column::ADDED.keys, &[Store], "", "Sort by registration", "Sorts by registration, the newest first; pressed again, the oldest."),
    action(Act::SortBy(SortKey::Used), "store.sort-used", column::USED.keys, &[Store], "", "Sort by last use", "Sorts by last use, the latest first; pressed again, the earliest."),
    action(Act::SortBy(SortKey::Trust), "store.sort-trust", column::TRUST.keys, &[Store], "", "Sort by trust", "Sorts by trust, the worst first; pressed again, the best."),
    action(Act::Columns, "store.columns", &["F"], &[Store], "", "Choose columns", "Lists the columns of the store's list, to switch each on or off."),
    action(Act::Derivations, "store.derivations", &["."], &[Store], "", "Show or hide .drv", "Shows derivations in the list, or hides them."),
    action(Act::CancelJob, "job.cancel", &["c"], &[Activity], "cancel", "Cancel the job", "Stops the job under the cursor; what it has done stays done, and the receipt says so."),
    action(Act::Part, "activity.part", &["o"], &[Activity], "lists", "Show the next list", "Goes through the lists of this screen: changes, open sessions of the cache user, sshd's log."),
    action(Act::RefusedOnly, "activity.refused", &["F"], LOGINS, "", "Show only what was refused, or all", "On screen 4 lists the clients that were refused within a day, the latest first, each with why; on screen 6 goes to sshd's log and shows only what was refused. Pressed again, everything."),
    action(Act::OurLogins, "activity.ours", &["m"], &[Activity], "", "Show this console's own logins, or hide them", "Goes to sshd's log and shows the entries of this console's own connections too; pressed again, hides them, with their number."),
    action(Act::EndSession, "activity.end-session", &["K"], &[Activity], "end session", "End a session", "Plans to end the session under the cursor.").danger(Danger::Plans),
    action(Act::Search, "store.search", &["/"], SCREENS, "find", "Search", "Searches the store as you type, from screens 1 and 2; on sshd's log shows the entries that have all words of a key, an address, a user; on every other list and page goes to the line that has all words, in any order. enter keeps the search, esc clears it."),
    action(Act::NextMatch, "list.next-match", &["n"], ROWS, "", "Go to the next match", "Goes to the next line that has what was searched on this list."),
    action(Act::PreviousMatch, "list.previous-match", &["N"], ROWS, "", "Go to the match before", "Goes to the line before that has what was searched on this list."),
    action(Act::Palette, "app.palette", &[":"], SCREENS, "command", "Command palette", "Runs any action by its name, and commands such as :filter QUERY; tab completes, up and down go through what was run before."),
    action(Act::Export, "list.export", &["ctrl-e"], SCREENS, "", "Export the list to a file", "Asks for a file and writes to it what the list shows, with its filter and in its order: JSON as the command line has it where its name ends in .json, comma-separated values where it ends in .csv. A file that is there stays."),
    action(Act::Copy, "app.copy", &["y"], COPIED, "copy", "Copy", "Copies the path, the receipt, the plan, what to send or the error's details through the terminal (OSC 52).").hints(COPIED_HINT, HintWhen::Always),
    action(Act::Refresh, "app.refresh", &["R"], SCREENS, "refresh", "Refresh or reconnect", "Reads the server again and watches it again where that has ended, or connects now if the link is down."),
    action(Act::Go(Screen::Overview), "screen.overview", &["1"], SCREENS, "", "Overview", "What needs attention, worst first."),
    action(Act::Go(Screen::Store), "screen.store", &["2"], SCREENS, "", "Store", "Every valid path."),
    action(Act::Go(Screen::Unsigned), "screen.unsigned", &["3"], SCREENS, "", "Unsigned", "What clients would refuse."),
    action(Act::Go(Screen::Access), "screen.access", &["4"], SCREENS, "", "Access", "Who may read the cache."),
    action(Act::Go(Screen::Space), "screen.space", &["5"], SCREENS, "", "Space", "What fills the disk."),
    action(Act::Go(Screen::Activity), "screen.activity", &["6"], SCREENS, "", "Activity", "Jobs, receipts, the audit log, open sessions, sshd's log."),
    action(Act::NextScreen, "screen.next", &["tab"], SCREENS, "", "Next screen", "Goes to the next screen."),
    action(Act::PreviousScreen, "screen.previous", &["shift-tab"], SCREENS, "", "Previous screen", "Goes to the previous screen."),
    action(Act::Down, "move.down", &["j", "down"], MOVES, "", "Down", "One row down."),
    action(Act::Up, "move.up", &["k", "up"], MOVES, "", "Up", "One row up."),
    action(Act::PageDown, "move.page-down", &["pgdn", "ctrl-f"], MOVES, "", "Page down", "One page down."),
    action(Act::PageUp, "move.page-up", &["pgup", "ctrl-b"], MOVES, "", "Page up", "One page up."),
    action(Act::HalfPageDown, "move.half-page-down", &["ctrl-d"], MOVES, "", "Half a page down", "Half a page down."),
    action(Act::HalfPageUp, "move.half-page-up", &["ctrl-u"], MOVES, "", "Half a page up", "Half a page up."),
    action(Act::First, "move.first", &["g", "home"], MOVES, "", "First", "To the first row."),
    action(Act::Last, "move.last", &["G", "end"], MOVES, "", "Last", "To the last row."),
    action(Act::Back, "app.back", &["esc"], SCREENS, "", "Back", "Leaves a page, ends a range, clears the search, then the filter; then goes back to where one came from."),
    action(Act::Servers, "app.servers", &["S"], SCREENS, "", "Switch server", "Connects to another server of the configuration."),
    action(Act::Theme, "app.theme", &["T"], SCREENS, "", "Choose a theme", "Lists the themes; moving shows each at once, enter takes it until you quit, esc puts the old one back."),
    action(Act::Redraw, "app.redraw", &["ctrl-l"], SCREENS, "", "Draw anew", "Draws the whole screen again."),
    action(Act::Suspend, "app.suspend", &["ctrl-z"], SCREENS, "", "Suspend", "Stops the program and returns to the shell; fg comes back."),
    action(Act::ConfirmPlan, "plan.confirm", &["enter"], PLANS, "confirm", "Confirm the plan", "Confirms the plan that is shown and runs it as a job; one that deletes or takes something away asks for a word first.").danger(Danger::Confirms),
    action(Act::PlanItems, "plan.list", &["l"], PLANS, "list all", "Show all of the plan", "Shows every line of the plan in full, and its paths.").hints(PLANS, HintWhen::Possible),
    action(Act::PlanKey, "plan.key", &["k"], SIGN_PLAN, "key", "Sign with another key", "Signs with the next key: the server's, a local file's, an ssh-agent's.").hints(SIGN_PLAN, HintWhen::Possible),
    action(Act::PlanClosure, "plan.closure", &["c"], SIGN_PLAN, "closure", "Sign closures, or not", "Takes what the paths depend on into the plan, or leaves it out.").hints(SIGN_PLAN, HintWhen::Possible),
    action(Act::PlanUpstream, "plan.upstream", &["u"], SIGN_PLAN, "", "Sign upstream paths, or not", "Takes paths into the plan that another trusted key has signed, or leaves them out."),
    action(Act::PlanLifetime, "plan.lifetime", &["e"], ACCESS_PLAN, "lifetime", "Choose another lifetime", "Goes to the next lifetime: 30 d, 90 d, 1 y, none.").hints(ACCESS_PLAN, HintWhen::Possible),
    action(Act::PlanFrom, "plan.from", &["f"], ACCESS_PLAN, "", "Limit the addresses", "Edits the addresses or names from which the key may be used, as in from=; empty is anywhere."),
    action(Act::PlanComment, "plan.comment", &["c"], ACCESS_PLAN, "", "Write another comment", "Edits the comment of the line; empty keeps the key's own."),
    action(Act::PlanSessions, "plan.sessions", &["o"], ACCESS_PLAN, "sessions", "End open sessions, or not", "Ends the open sessions of a key that is revoked or suspended, or leaves them.").hints(ACCESS_PLAN, HintWhen::Possible),
    action(Act::PlanName, "plan.name", &["n"], SPACE_PLAN, "name", "Name the pin", "Edits the name of the pin.").hints(SPACE_PLAN, HintWhen::Possible),
    action(Act::PlanExpiry, "plan.expiry", &["e"], SPACE_PLAN, "when", "Set when the pin ends, or how old", "Edits until when the pin keeps (30d, 2026-12-31, or nothing for no end), or how old generations are that go.").hints(SPACE_PLAN, HintWhen::Possible),
    action(Act::PlanReason, "plan.reason", &["r"], PLANS, "reason", "Write a reason", "Edits the reason: it goes into the audit log, and into a pin or a decision on a request.").hints(PLANS, HintWhen::Possible),
    action(Act::Choose, "menu.choose", &["enter"], &[Menu], "choose", "Choose", "Takes what is under the cursor."),
    action(Act::QuitNow, "quit.confirm", &["y"], &[Quit], "cancel and quit", "Quit although a job runs", "Cancels the job, waits for its receipt and quits; pressed again, quits at once."),
    action(Act::Undo, "receipt.undo", &["u"], &[Text], "undo", "Take the change back", "In the receipt of a change that can be taken back, looks at the server again and shows the plan of the inverse change: authorize and revoke, deny and wait again, pin and unpin.").danger(Danger::Plans).hints(&[Text], HintWhen::Possible),
    action(Act::HelpSearch, "help.search", &["/"], &[Scope::Help], "find", "Search the help", "Narrows the help to the lines that have all words; enter keeps them, esc shows all again."),
    action(Act::Dismiss, "text.close", &["enter"], &[Text, Scope::Help], "", "Done reading", "Closes the text."),
    action(Act::Close, "dialog.close", &["esc"], DIALOGS, "cancel", "Close", "Closes the dialog; nothing is changed.").hints(PLANS, HintWhen::Always),
    action(Act::Help, "app.help", &["?"], HELPED, "help", "Help", "Shows the keys that work here.").hints(&[], HintWhen::Always),
    action(Act::Quit, "app.quit", &["q", "ctrl-c"], HELPED, "quit", "Quit", "Quits; asks only while a job runs. In a dialog, closes it.").hints(&[], HintWhen::Always),
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
