//! The help overlay and docs/keys.md, both made from the action table.
//!
//! In: the table, the keymap, a scope, words. Out: lines in groups; each action with its keys, and why it cannot be done now if it cannot.

use crate::console::app::layer::Help;
use crate::console::app::model::Model;
use crate::console::app::reasons;
use crate::console::types::action::{self, ACTIONS, Action};
use crate::console::types::group;
use crate::console::types::keymap::Keymap;
use crate::console::types::scope::Scope;
use std::fmt::Write as _;

/// One line of help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// The title of a group.
    Group(&'static str),
    /// An action.
    Action {
        /// The keys.
        keys: String,
        /// What they do.
        title: &'static str,
        /// Why not now.
        reason: Option<String>,
    },
}

/// Over the actions that can't be done now.
const NOT_NOW: &str = "Not possible now";

/// The actions of a scope that have all words, in groups; those that can't be done now come last.
pub fn lines(model: &Model, help: &Help) -> Vec<Line> {
    let words = help.words.value().to_lowercase();
    let words: Vec<&str> = words.split_whitespace().collect();
    let here = ACTIONS
        .iter()
        .filter(|action| action.scopes.contains(&help.scope));
    let mut groups: Vec<(&str, Vec<Line>)> = group::titles().map(|title| (title, vec![])).collect();
    let mut not_now = Vec::new();
    for action in here {
        let keys = model.cx.keymap.names(action.act);
        let title = group::of(action);
        let said = format!(
            "{keys} {} {} {title} {}",
            action.title, action.doc, action.id
        );
        let said = said.to_lowercase();
        if !words.iter().all(|word| said.contains(word)) {
            continue;
        }
        // A dialog's own actions look at the dialog, which lies below the help by now.
        let reason = (model.screen_scope() == help.scope)
            .then(|| reasons::of(model, action.act).err())
            .flatten()
            .map(std::borrow::Cow::into_owned);
        let impossible = reason.is_some();
        let line = Line::Action {
            keys,
            title: action.title,
            reason,
        };
        if impossible {
            not_now.push(line);
        } else if let Some((_, lines)) = groups.iter_mut().find(|(own, _)| *own == title) {
            lines.push(line);
        }
    }
    groups.push((NOT_NOW, not_now));
    groups.retain(|(_, lines)| !lines.is_empty());
    let lines = groups.into_iter();
    lines
        .flat_map(|(title, lines)| std::iter::once(Line::Group(title)).chain(lines))
        .collect()
}

/// How many lines of it are in view, where a text has so many: one is for what is searched.
pub const fn page(text: usize) -> usize {
    text.saturating_sub(1)
}

/// The text of docs/keys.md.
pub fn document(keymap: &Keymap) -> String {
    let mut out = String::from(
        "# Keys of the console\n\n\
         Made from the action table in `src/console/types/action/table.rs`. To change a key, name the action in the configuration:\n\n\
         ```toml\n[keys]\n\"store.search\" = [\"/\", \"ctrl-s\"]\n```\n\n\
         A key is a character, or one of `enter esc tab shift-tab space backspace delete up down left right home end pgup pgdn` and `f1` to `f24`, with `ctrl-` or `alt-` before it.\n\
         While a text is typed, keys edit it; `enter` ends it and `esc` leaves it. `ctrl-c` never changes anything.\n",
    );
    let mut reported: Vec<&'static str> = Vec::new();
    for (title, scopes) in SHARED {
        let here = |action: &Action| scopes.iter().all(|scope| action.scopes.contains(scope));
        section(&mut out, title, keymap, &mut reported, here);
    }
    for scope in Scope::ALL {
        let here = |action: &Action| action.scopes.contains(&scope);
        section(&mut out, scope.title(), keymap, &mut reported.clone(), here);
    }
    out.push_str("\n## Commands\n\n`:` also takes\n\n");
    for (_, hint) in crate::console::app::palette::COMMANDS {
        let _ = writeln!(out, "- `:{hint}`");
    }
    out
}

/// Where actions are the same, so that they stand once.
const SHARED: [(&str, &[Scope]); 5] = [
    ("Everywhere", action::HELPED),
    ("Wherever there is a list or a text", action::MOVES),
    (
        "On every screen, on a path's page and on a card",
        action::SCREENS,
    ),
    ("In every dialog", action::DIALOGS),
    ("In every plan", action::PLANS),
];

/// The actions that are here and were not listed before.
fn section(
    out: &mut String,
    title: &str,
    keymap: &Keymap,
    reported: &mut Vec<&'static str>,
    here: impl Fn(&Action) -> bool,
) {
    let own: Vec<&Action> = ACTIONS
        .iter()
        .filter(|action| here(action) && !reported.contains(&action.id))
        .collect();
    if own.is_empty() {
        return;
    }
    let _ = write!(
        out,
        "\n## {title}\n\n| keys | action | what it does |\n|---|---|---|\n"
    );
    for action in own {
        let keys: Vec<String> = keymap
            .keys(action.act)
            .iter()
            .map(|key| format!("`{key}`"))
            .collect();
        let doc = action.doc.replace('|', "\\|");
        let _ = writeln!(out, "| {} | `{}` | {doc} |", keys.join(" "), action.id);
        reported.push(action.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// With `STOREKEEPER_UPDATE_DOCS` set, the file is written instead.
    #[test]
    fn the_document_is_up_to_date() {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/keys.md");
        let made = document(&Keymap::new(&BTreeMap::new()).unwrap());
        if std::env::var_os("STOREKEEPER_UPDATE_DOCS").is_some() {
            std::fs::write(&file, &made).unwrap();
        }
        let kept = std::fs::read_to_string(&file).unwrap();
        assert!(
            kept == made,
            "docs/keys.md is not what the action table says; run the test with STOREKEEPER_UPDATE_DOCS=1"
        );
    }
}
