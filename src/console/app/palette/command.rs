//! The command palette: every action by its name, and commands that take an argument.
//!
//! In: what is typed. Out: the actions that match, best first; and what enter means.

use crate::console::app::model::Model;
use crate::console::screens::space::form::Field;
use crate::console::types::action::{ACTIONS, Act, Action};
use crate::console::types::column::COLUMNS;
use crate::domain::installable::Installable;
use crate::inventory::SortKey;
use crate::onboard::client::Platform;
use fuzzy_matcher::FuzzyMatcher as _;
use fuzzy_matcher::skim::SkimMatcherV2;

/// The commands with an argument, for the hint line.
pub const COMMANDS: [(&str, &str); 22] = [
    (
        "filter",
        "filter QUERY, such as unsigned older:30d size:>1G, or a saved NAME",
    ),
    (
        "save-filter",
        "save-filter NAME: keeps filter and search in the configuration",
    ),
    (
        "columns",
        "columns name,size,…: what the store's list shows; alone, a choice",
    ),
    (
        "export",
        "export FILE: writes what the list shows to FILE.json or FILE.csv",
    ),
    (
        "backup",
        "backup FILE: saves a checked copy of Nix's database here, as one file",
    ),
    (
        "way",
        "way FILE: what is in the way of this certificate or public key",
    ),
    (
        "onboard",
        "onboard linux | macos | nixos | github | gitlab: what a new client does",
    ),
    (
        "retention",
        "retention FILE: plans to write this retention policy to the server",
    ),
    (
        "setup",
        "setup auto-sign | gc | lease | knock: installs it, or removes it",
    ),
    ("sort", "sort name | size | closure | added | used | trust"),
    (
        "push",
        "push PATH…: store paths of this machine, or links such as ./result",
    ),
    ("key", "key FILE: a secret signing key on this machine"),
    (
        "agent",
        "agent SHA256:FINGERPRINT KEY-NAME: an ed25519 key of ssh-agent",
    ),
    (
        "until",
        "until 20% | 50G: the planner stops when so much is free",
    ),
    ("take", "take 100G: the planner takes at least so much"),
    ("at-most", "at-most 100G: the planner never takes more"),
    (
        "older",
        "older 30d: the planner takes only what was not used for so long",
    ),
    ("newest", "newest 3: the planner keeps so many of each name"),
    (
        "grace",
        "grace 24h: the planner keeps what was uploaded that recently",
    ),
    (
        "generations",
        "generations 30d: plans to remove older generations of profiles",
    ),
    ("theme", "theme NAME"),
    ("server", "server NAME"),
];

/// A command with its argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Shows the store through a filter; an empty one takes it away.
    Filter(String),
    /// Keeps filter and search under this name.
    SaveFilter(String),
    /// Shows these columns, with commas between them; an empty one asks.
    Columns(String),
    /// Writes what the list in front shows to this file.
    Export(String),
    /// Goes the way of the client with this certificate or public key.
    Way(String),
    /// Writes out what a new client of this system does.
    Onboard(Platform),
    /// Plans to write the retention policy of this file.
    Retention(String),
    /// Plans to install this, or to remove it where it is there.
    Setup(Installable),
    /// Saves a copy of Nix's database to this file.
    Backup(String),
    /// Plans to push these paths of this machine.
    Push(Vec<String>),
    /// Sorts the store.
    Sort(SortKey),
    /// Sets a rule of the planner; an empty one takes it away.
    Rule(Field, String),
    /// Plans to remove the generations that are older than this; an empty one is as usual.
    Generations(String),
    /// Takes a theme.
    Theme(String),
    /// Makes a key file of this machine a choice for signing.
    Key(String),
    /// Makes a key of ssh-agent a choice for signing.
    Agent {
        /// `SHA256:…`.
        fingerprint: String,
        /// The name for its signatures.
        name: String,
    },
    /// Goes to a server.
    Server(String),
}

/// What enter means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chosen {
    /// An action.
    Act(Act),
    /// A command.
    Command(Command),
    /// Nothing, and why.
    Nothing(String),
}

/// The actions that apply on this screen and match, best first.
pub fn matches(model: &Model, typed: &str) -> Vec<&'static Action> {
    let scope = model.screen_scope();
    let applies = ACTIONS
        .iter()
        .filter(|action| action.scopes.contains(&scope) && action.act != Act::Palette);
    let typed = typed.trim();
    if typed.is_empty() {
        return applies.collect();
    }
    let matcher = SkimMatcherV2::default();
    let mut scored: Vec<(i64, &Action)> = applies
        .filter_map(|action| {
            let title = matcher.fuzzy_match(action.title, typed);
            let id = matcher.fuzzy_match(action.id, typed);
            title.max(id).map(|score| (score, action))
        })
        .collect();
    // Stable: of equal matches the table's order decides.
    scored.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    scored.into_iter().map(|(_, action)| action).collect()
}

/// The command that is being typed, if one is.
pub fn command_hint(typed: &str) -> Option<&'static str> {
    let word = typed.split_whitespace().next()?;
    let (name, hint) = COMMANDS.iter().find(|(name, _)| name.starts_with(word))?;
    (*name == word || !typed.contains(' ')).then_some(hint)
}

/// How a command is written.
fn usage(name: &str) -> &'static str {
    let mut all = COMMANDS.iter();
    all.find(|(own, _)| *own == name)
        .map_or("", |(_, usage)| usage)
}

/// What enter means for this text.
pub fn chosen(model: &Model, typed: &str) -> Chosen {
    let (word, argument) = typed.split_once(char::is_whitespace).unwrap_or((typed, ""));
    let argument = argument.trim();
    if let Some(field) = Field::ALL.into_iter().find(|field| field.command() == word) {
        return Chosen::Command(Command::Rule(field, argument.to_owned()));
    }
    match (word, argument) {
        ("generations", age) => {
            return Chosen::Command(Command::Generations(age.to_owned()));
        }
        ("filter", _) => return Chosen::Command(Command::Filter(argument.to_owned())),
        ("save-filter", name) if !name.is_empty() => {
            return Chosen::Command(Command::SaveFilter(name.to_owned()));
        }
        ("columns", _) => return Chosen::Command(Command::Columns(argument.to_owned())),
        ("export", file) if !file.is_empty() => {
            return Chosen::Command(Command::Export(file.to_owned()));
        }
        ("way", file) if !file.is_empty() => {
            return Chosen::Command(Command::Way(file.to_owned()));
        }
        ("onboard", word) if !word.is_empty() => {
            let platform = Platform::ALL.into_iter().find(|one| one.word() == word);
            return platform.map_or_else(
                || Chosen::Nothing(format!("{word:?} is none: write {}", usage("onboard"))),
                |platform| Chosen::Command(Command::Onboard(platform)),
            );
        }
        ("retention", file) if !file.is_empty() => {
            return Chosen::Command(Command::Retention(file.to_owned()));
        }
        ("setup", word) if !word.is_empty() => {
            let what = Installable::ALL.into_iter().find(|one| one.word() == word);
            return what.map_or_else(
                || Chosen::Nothing(format!("{word:?} is none: write {}", usage("setup"))),
                |what| Chosen::Command(Command::Setup(what)),
            );
        }
        ("backup", file) if !file.is_empty() => {
            return Chosen::Command(Command::Backup(file.to_owned()));
        }
        ("push", paths) if !paths.is_empty() => {
            return match shell_words::split(paths) {
                Ok(paths) => Chosen::Command(Command::Push(paths)),
                Err(error) => Chosen::Nothing(format!("{error}: write {}", usage("push"))),
            };
        }
        ("sort", column) if !column.is_empty() => {
            return COLUMNS
                .iter()
                .find(|spec| spec.word == column)
                .and_then(|spec| spec.sort)
                .map_or_else(
                    || Chosen::Nothing(format!("there is no column {column:?}; {}", usage("sort"))),
                    |key| Chosen::Command(Command::Sort(key)),
                );
        }
        ("theme", name) if !name.is_empty() => {
            return Chosen::Command(Command::Theme(name.to_owned()));
        }
        ("key", file) if !file.is_empty() => {
            return Chosen::Command(Command::Key(file.to_owned()));
        }
        ("agent", both) if !both.is_empty() => {
            return match both.split_once(char::is_whitespace) {
                Some((fingerprint, name)) => Chosen::Command(Command::Agent {
                    fingerprint: fingerprint.to_owned(),
                    name: name.trim().to_owned(),
                }),
                None => Chosen::Nothing(format!("write {}", usage("agent"))),
            };
        }
        ("server", name) if !name.is_empty() => {
            return Chosen::Command(Command::Server(name.to_owned()));
        }
        ("q" | "quit", "") => return Chosen::Act(Act::Quit),
        _ => {}
    }
    let all = matches(model, typed);
    let named = all.iter().find(|action| action.id == typed);
    if named.is_none() && ACTIONS.iter().any(|action| action.id == typed) {
        return Chosen::Nothing(format!(
            "{typed} is for another screen; ? lists what is here"
        ));
    }
    match named.or(all.first()) {
        Some(action) => Chosen::Act(action.act),
        None => Chosen::Nothing(format!("no action is called {typed:?}; ? lists them")),
    }
}
