//! From keys to actions.
//!
//! In: the action table and the remaps of the configuration. Out: [`Keymap::resolve`], pure; or an error that names
//! both actions that want one key.

use crate::console::types::action::{ACTIONS, Act};
use crate::console::types::key::Key;
use crate::console::types::scope::Scope;
use crate::domain::nearest::nearest;
use crate::domain::{Explain, Notice, notice};
use std::collections::{BTreeMap, HashMap};
use thiserror::Error;

/// Why the remaps cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", self.notice())]
pub enum KeymapError {
    /// No such action.
    Unknown {
        /// As written.
        id: String,
        /// The most similar one.
        nearest: &'static str,
    },
    /// No such key.
    Key {
        /// The action.
        id: String,
        /// Cause and next step.
        what: String,
    },
    /// One key, two actions.
    Collision {
        /// The key.
        key: String,
        /// One action.
        first: &'static str,
        /// The other.
        second: &'static str,
        /// Where they collide.
        scope: &'static str,
    },
    /// An action that must stay reachable has lost all keys.
    Needed(&'static str),
}

impl Explain for KeymapError {
    fn notice(&self) -> Notice {
        match self {
            Self::Unknown { id, nearest } => notice!(
                "[keys] names an unknown action {id:?}",
                "the nearest is {nearest:?}, docs/keys.md lists all"
            ),
            Self::Key { id, what } => notice!("[keys] {id}: {what}"),
            Self::Collision {
                key,
                first,
                second,
                scope,
            } => notice!(
                "[keys] gives {key} to both {first} and {second} ({scope})",
                "choose another key for one of them"
            ),
            Self::Needed(what) => notice!(
                "[keys] leaves {what} without a key",
                "give it one, or nobody could leave the console"
            ),
        }
    }
}

/// Which key does what, where.
#[derive(Debug, Clone)]
pub struct Keymap {
    keys: HashMap<(Scope, Key), Act>,
    by_act: HashMap<Act, Vec<Key>>,
}

impl Keymap {
    /// The table's defaults, changed by remaps from action id to keys.
    pub fn new(remaps: &BTreeMap<String, Vec<String>>) -> Result<Self, KeymapError> {
        let remaps: BTreeMap<&str, &Vec<String>> = remaps
            .iter()
            .map(|(id, keys)| (current_id(id), keys))
            .collect();
        for id in remaps.keys() {
            if !ACTIONS.iter().any(|action| action.id == *id) {
                return Err(KeymapError::Unknown {
                    id: (*id).to_owned(),
                    nearest: nearest(id, ACTIONS.iter().map(|action| action.id))
                        .unwrap_or_default(),
                });
            }
        }
        let mut map = Self {
            keys: HashMap::new(),
            by_act: HashMap::new(),
        };
        for action in ACTIONS {
            let names: Vec<&str> = remaps.get(action.id).map_or_else(
                || action.keys.to_vec(),
                |keys| keys.iter().map(String::as_str).collect(),
            );
            if names.is_empty() && matches!(action.act, Act::Quit | Act::Close) {
                return Err(KeymapError::Needed(action.id));
            }
            for name in names {
                let key: Key = name.parse().map_err(|what| KeymapError::Key {
                    id: action.id.to_owned(),
                    what,
                })?;
                map.by_act.entry(action.act).or_default().push(key);
                for scope in action.scopes {
                    let Some(other) = map.keys.insert((*scope, key), action.act) else {
                        continue;
                    };
                    if other != action.act {
                        return Err(KeymapError::Collision {
                            key: key.to_string(),
                            first: id(other),
                            second: action.id,
                            scope: scope.title(),
                        });
                    }
                }
            }
        }
        Ok(map)
    }

    /// What a key does in a scope.
    pub fn resolve(&self, scope: Scope, key: Key) -> Option<Act> {
        self.keys.get(&(scope, key)).copied()
    }

    /// The keys of an action, the one for hints first.
    pub fn keys(&self, act: Act) -> &[Key] {
        self.by_act.get(&act).map_or(&[], Vec::as_slice)
    }

    /// The keys of an action as text, `j down`.
    pub fn names(&self, act: Act) -> String {
        let names: Vec<String> = self.keys(act).iter().map(ToString::to_string).collect();
        names.join(" ")
    }
}

fn id(act: Act) -> &'static str {
    crate::console::types::action::find(act).map_or("", |action| action.id)
}

/// Ids that configurations may still have, and what became of each.
const RENAMED: &[(&str, &str)] = &[
    ("sign.confirm", "plan.confirm"),
    ("change.confirm", "plan.confirm"),
    ("keep.confirm", "plan.confirm"),
    ("sign.list", "plan.list"),
    ("change.list", "plan.list"),
    ("keep.list", "plan.list"),
    ("sign.reason", "plan.reason"),
    ("change.reason", "plan.reason"),
    ("keep.note", "plan.reason"),
    ("sign.key", "plan.key"),
    ("sign.closure", "plan.closure"),
    ("sign.upstream", "plan.upstream"),
    ("change.lifetime", "plan.lifetime"),
    ("change.from", "plan.from"),
    ("change.comment", "plan.comment"),
    ("change.sessions", "plan.sessions"),
    ("keep.name", "plan.name"),
    ("keep.expiry", "plan.expiry"),
];

/// The id that an action has now.
fn current_id(id: &str) -> &str {
    let renamed = RENAMED.iter().find(|(old, _)| *old == id);
    renamed.map_or(id, |(_, new)| new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::types::change::Family;
    use crate::console::types::screen::Screen;
    use proptest::prelude::*;

    fn remap(pairs: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
        pairs
            .iter()
            .map(|(id, keys)| {
                (
                    (*id).to_owned(),
                    keys.iter().map(|key| (*key).to_owned()).collect(),
                )
            })
            .collect()
    }

    #[test]
    fn the_defaults_do_not_collide() {
        let map = Keymap::new(&BTreeMap::new()).unwrap();
        let key = |text: &str| text.parse::<Key>().unwrap();
        assert_eq!(map.resolve(Scope::Store, key("/")), Some(Act::Search));
        assert_eq!(map.resolve(Scope::Plan(Family::Sign), key("/")), None);
        assert_eq!(
            map.resolve(Scope::Plan(Family::Sign), key("enter")),
            Some(Act::ConfirmPlan)
        );
        assert_eq!(map.names(Act::Down), "j down");
    }

    #[test]
    fn the_table_keeps_the_products_keys() {
        let map = Keymap::new(&BTreeMap::new()).unwrap();
        for (key, act) in [
            ("1", Act::Go(Screen::Overview)),
            ("6", Act::Go(Screen::Activity)),
            ("j", Act::Down),
            ("up", Act::Up),
            ("pgdn", Act::PageDown),
            ("g", Act::First),
            ("G", Act::Last),
            ("esc", Act::Back),
            ("space", Act::Mark),
            ("v", Act::MarkRange),
            ("*", Act::MarkAll),
            ("o", Act::Sort),
            ("O", Act::Reverse),
            ("s", Act::Sign),
            ("a", Act::Authorize),
            ("d", Act::Deny),
            ("r", Act::Revoke),
            ("e", Act::Expiry),
            ("x", Act::Collect),
            ("p", Act::Pin),
            ("w", Act::Why),
            ("y", Act::Copy),
            ("R", Act::Refresh),
            ("S", Act::Servers),
            ("T", Act::Theme),
            ("?", Act::Help),
            ("q", Act::Quit),
            (":", Act::Palette),
        ] {
            assert_eq!(
                map.resolve(Scope::Store, key.parse().unwrap()),
                Some(act),
                "{key}"
            );
        }
    }

    #[test]
    fn remaps() {
        let map = Keymap::new(&remap(&[("store.search", &["f", "ctrl-s"])])).unwrap();
        assert_eq!(map.resolve(Scope::Store, Key::char('f')), Some(Act::Search));
        assert_eq!(map.resolve(Scope::Store, Key::char('/')), None);
        assert_eq!(map.names(Act::Search), "f ctrl-s");
    }

    #[test]
    fn errors_say_what_to_change() {
        let error = Keymap::new(&remap(&[("store.serach", &["f"])])).unwrap_err();
        assert!(error.to_string().contains("\"store.search\""), "{error}");
        let error = Keymap::new(&remap(&[("store.search", &["hyper-f"])])).unwrap_err();
        assert!(error.to_string().contains("store.search"), "{error}");
        let error = Keymap::new(&remap(&[("store.search", &["s"])]))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("sign.open") && error.contains("store.search"),
            "{error}"
        );
        let error = Keymap::new(&remap(&[("app.quit", &[])]))
            .unwrap_err()
            .to_string();
        assert!(error.contains("app.quit"), "{error}");
    }

    proptest! {
        /// Whatever is remapped, a key of a scope has one meaning or the keymap is refused.
        #[test]
        fn keys_of_one_scope_never_collide(changes in proptest::collection::vec((0..ACTIONS.len(), "[a-zA-Z/]"), 0..6)) {
            let remaps: BTreeMap<String, Vec<String>> = changes.iter().map(|(index, key)| (ACTIONS[*index].id.to_owned(), vec![key.clone()])).collect();
            if let Ok(map) = Keymap::new(&remaps) {
                for action in ACTIONS {
                    let wanted = remaps.get(action.id).cloned().unwrap_or_else(|| action.keys.iter().map(|key| (*key).to_owned()).collect());
                    for scope in action.scopes {
                        for key in &wanted {
                            prop_assert_eq!(map.resolve(*scope, key.parse().unwrap()), Some(action.act));
                        }
                    }
                }
            }
        }

        #[test]
        fn never_panics(id in ".{0,20}", key in ".{0,8}") {
            let _ = Keymap::new(&remap(&[(&id, &[&key])]));
        }
    }
}
