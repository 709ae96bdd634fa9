//! The groups that help lists actions in.
//!
//! In: the ids of the action table. Out: a group for each, by what stands before the dot.

use crate::console::types::action::Action;

/// A group's title, and the beginnings of the ids that are in it.
const GROUPS: [(&str, &[&str]); 11] = [
    (
        "This dialog",
        &["plan", "menu", "quit", "dialog", "text", "receipt", "help"],
    ),
    ("Lists", &["list", "tree"]),
    ("Signatures and contents", &["sign", "verify"]),
    ("Access", &["access", "plans"]),
    ("Store", &["store"]),
    ("Space", &["space"]),
    ("Jobs and logs", &["job", "activity"]),
    ("Moving", &["move"]),
    ("Screens", &["screen"]),
    ("Console", &["app"]),
    ("Other", &[]),
];

/// The titles, in the order of the help.
pub fn titles() -> impl Iterator<Item = &'static str> {
    GROUPS.iter().map(|(title, _)| *title)
}

/// The title of an action's group.
pub fn of(action: &Action) -> &'static str {
    let room = action.id.split('.').next().unwrap_or_default();
    let group = GROUPS.iter().find(|(_, rooms)| rooms.contains(&room));
    group.map_or("Other", |(title, _)| title)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::types::action::ACTIONS;

    #[test]
    fn every_action_has_a_group() {
        for action in ACTIONS {
            assert_ne!(of(action), "Other", "{}", action.id);
        }
    }
}
