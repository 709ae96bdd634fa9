//! What can come next in the palette.
//!
//! In: what is typed. Out: candidates for its last word: commands and actions first, behind a command what it takes. It costs as much as
//! there are names in the configuration and the tables, whatever the store has.

use super::command::{COMMANDS, matches};
use crate::console::app::model::Model;
use crate::console::types::action::Action;
use crate::console::types::column::{COLUMNS, Spec};
use crate::domain::installable::Installable;
use crate::inventory::FILTER_WORDS;
use crate::onboard::client::Platform;

/// One of them.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// What stands in the text for the last word.
    pub text: String,
    /// What it is, in a few words.
    pub note: String,
    /// The action, where it is one.
    pub action: Option<&'static Action>,
}

/// What can come next.
#[derive(Debug, Clone, Default)]
pub struct Completion {
    /// How many bytes of the text stay in front.
    pub stays: usize,
    /// In the order of the list.
    pub all: Vec<Candidate>,
}

impl Completion {
    /// The text with one of the candidates.
    pub fn text(&self, typed: &str, at: usize) -> Option<String> {
        let candidate = self.all.get(at)?;
        let front = typed.get(..self.stays)?;
        Some(format!("{front}{}", candidate.text))
    }

    /// The place of what enter runs while none was chosen: the first action.
    pub fn usual(&self) -> Option<usize> {
        self.all
            .iter()
            .position(|candidate| candidate.action.is_some())
    }
}

/// What can come next after what is typed.
pub fn complete(model: &Model, typed: &str) -> Completion {
    match typed.split_once(char::is_whitespace) {
        None => Completion {
            stays: 0,
            all: names(model, typed),
        },
        // An action may have been searched by more than one word of its title.
        Some((word, _)) if !COMMANDS.iter().any(|(name, _)| *name == word) => Completion {
            stays: 0,
            all: actions(model, typed),
        },
        Some((word, rest)) => argument(model, typed, word, rest),
    }
}

fn names(model: &Model, typed: &str) -> Vec<Candidate> {
    let commands = COMMANDS
        .iter()
        .filter(|(name, _)| name.starts_with(typed))
        .map(|(name, usage)| Candidate {
            text: format!("{name} "),
            note: usage
                .strip_prefix(name)
                .unwrap_or(usage)
                .trim_start_matches([':', ' '])
                .to_owned(),
            action: None,
        });
    if typed.is_empty() {
        return actions(model, typed).into_iter().chain(commands).collect();
    }
    commands.chain(actions(model, typed)).collect()
}

fn actions(model: &Model, typed: &str) -> Vec<Candidate> {
    matches(model, typed)
        .into_iter()
        .map(|action| Candidate {
            text: action.id.to_owned(),
            note: action.title.to_owned(),
            action: Some(action),
        })
        .collect()
}

/// Behind a command: its last word begins behind the last of these.
fn argument(model: &Model, typed: &str, command: &str, rest: &str) -> Completion {
    let ends: &[char] = match command {
        "filter" => &[' ', '!'],
        "columns" => &[',', ' '],
        _ => &[],
    };
    let rest = rest.trim_start();
    let last = rest.rfind(ends).map_or(rest, |at| &rest[at + 1..]);
    let stays = typed.len() - last.len();
    let all: Vec<(String, String)> = match command {
        "sort" => columns(|spec| spec.sort.is_some()),
        "columns" => columns(|spec| !rest.split(',').any(|word| word.trim() == spec.word)),
        "onboard" => Platform::ALL
            .map(|platform| (platform.word().to_owned(), String::new()))
            .to_vec(),
        "setup" => Installable::ALL
            .map(|what| (what.word().to_owned(), what.does().to_owned()))
            .to_vec(),
        "save-filter" => saved(model),
        "theme" => themes(model),
        "server" => servers(model),
        // A saved one is all of it.
        "filter" if last.len() == rest.len() => {
            saved(model).into_iter().chain(filters(model)).collect()
        }
        "filter" => filters(model),
        _ => vec![],
    };
    let small = last.to_lowercase();
    let all = all
        .into_iter()
        .filter(|(text, _)| text.to_lowercase().starts_with(&small))
        .map(|(text, note)| Candidate {
            text,
            note,
            action: None,
        })
        .collect();
    Completion { stays, all }
}

fn columns(wanted: impl Fn(&Spec) -> bool) -> Vec<(String, String)> {
    let all = COLUMNS.iter().filter(|spec| wanted(spec));
    all.map(|spec| (spec.word.to_owned(), spec.doc.to_owned()))
        .collect()
}

fn saved(model: &Model) -> Vec<(String, String)> {
    let all = model.filters.iter().map(|filter| {
        let note = filter.problem.as_ref().unwrap_or(&filter.query);
        (filter.name.clone(), note.clone())
    });
    all.collect()
}

fn themes(model: &Model) -> Vec<(String, String)> {
    let now = &model.theme().name;
    let all = model.themes.iter().map(|theme| &theme.name);
    all.map(|name| {
        let note = if name == now { "in use" } else { "" };
        (name.clone(), note.to_owned())
    })
    .collect()
}

fn servers(model: &Model) -> Vec<(String, String)> {
    let all = model.servers.iter().map(|server| {
        let here = server.name == model.cx.server;
        let note = match (here, server.read_only) {
            (true, _) => "this one",
            (false, true) => "read-only",
            (false, false) => "",
        };
        (server.name.clone(), note.to_owned())
    });
    all.collect()
}

/// The words of a query, and the names of keys.
fn filters(model: &Model) -> Vec<(String, String)> {
    let words = FILTER_WORDS
        .iter()
        .map(|(word, note)| ((*word).to_owned(), (*note).to_owned()));
    let ring = model.cx.facts.as_ref().map(|facts| &facts.keys);
    let keys = ring.into_iter().flat_map(|ring| ring.names());
    let keys = keys.map(|name| (format!("key:{name}"), String::new()));
    words.chain(keys).collect()
}
