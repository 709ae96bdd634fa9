//! Planning signatures: what clients refuse now, and what one key can do about it.
//!
//! In: the server's facts, the inventory, a selection, a key. Out: a [`Plan`] that says which paths are signed, which
//! are left alone and why, and what should be known first; or why there is nothing to plan.

mod key;
pub mod rotate;
mod select;
pub mod strip;
#[cfg(test)]
mod tests;
mod words;

pub(crate) use key::in_agent;
pub use key::{Key, KeyChoice, choose, read_local};
pub(in crate::change) use words::{by_key, with_key};

use super::{Danger, Item, Operation, Plan};
use crate::domain::count::count;
use crate::domain::signature::KeyError;
use crate::domain::text::visible;
use crate::domain::{Explain, Notice, notice};
use crate::domain::{KeyRing, StorePath, When};
use crate::inventory::{Inventory, Row};
use crate::judge::trust::is_unmendable;
use crate::link::LinkError;
use crate::server::{Facts, InfoReply, Server, ServerError};
use std::collections::HashSet;
use thiserror::Error;

/// Paths that are signed, seen and counted together. As arguments of one command they stay below 128 KiB.
pub const CHUNK: usize = 512;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// The paths.
    pub what: What,
    /// Also everything that they need.
    pub closure: bool,
    /// Also paths that an upstream key has signed, and content-addressed ones.
    pub upstream: bool,
}

/// Which paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Everything that clients refuse.
    All,
    /// These rows of the inventory.
    Rows(Vec<Row>),
}

impl Selection {
    /// Everything that clients refuse.
    pub const fn all() -> Self {
        Self {
            what: What::All,
            closure: false,
            upstream: false,
        }
    }

    /// These rows.
    pub const fn rows(rows: Vec<Row>) -> Self {
        Self {
            what: What::Rows(rows),
            closure: false,
            upstream: false,
        }
    }

    /// With everything that they need.
    pub fn with_closure(mut self, closure: bool) -> Self {
        self.closure = closure;
        self
    }

    /// With upstream's paths and content-addressed ones.
    pub fn with_upstream(mut self, upstream: bool) -> Self {
        self.upstream = upstream;
        self
    }
}

/// Why there is no plan.
#[derive(Debug, Error)]
#[error("{}", self.notice())]
pub enum PlanError {
    /// Nothing to do.
    Nothing(String),
    /// Only paths that signing does not help.
    Unmendable(String),
    /// The store does not take signatures.
    ReadOnlyStore(String),
    /// No `secret-key-files` and no configuration.
    NoServerKey,
    /// A key file that the probe did not look at.
    NotAsked(String),
    /// Missing, not readable, readable by all, not a key.
    ServerKey {
        /// Path on the server.
        file: String,
        /// As found by the probe.
        problem: Notice,
    },
    /// Signatures could not be checked.
    NoPublicHalf(String),
    /// Same name, other key.
    OtherKey(String),
    /// A file of this machine that cannot be read.
    KeyFile {
        /// Path here.
        file: String,
        /// What the system says.
        cause: String,
    },
    /// Open to others.
    KeyFileMode {
        /// Path here.
        file: String,
        /// Its mode.
        mode: u32,
    },
    /// Some other file.
    NotAKeyFile {
        /// Path here.
        file: String,
        /// What is wrong with it.
        problem: KeyError,
    },
    /// A name that would break what is stored.
    KeyName {
        /// As given.
        name: String,
        /// What is wrong with it.
        problem: KeyError,
    },
    /// The agent does not answer.
    #[error(transparent)]
    Agent(LinkError),
    /// The agent has other keys.
    NotInAgent(String),
    /// RSA and the like.
    NotEd25519(String),
    /// The paths with wrong signatures could not be looked at.
    #[error(transparent)]
    Server(#[from] ServerError),
}

impl Explain for PlanError {
    fn notice(&self) -> Notice {
        match self {
            Self::Nothing(why) => notice!("there is nothing to sign: {why}"),
            Self::Unmendable(paths) => notice!(
                "signing can't fix {paths}: a malformed signature of a key that clients trust, or a content address that does not fit, is stored with it and Nix can't take it away",
                "delete it on the server and upload it again"
            ),
            Self::ReadOnlyStore(place) => notice!(
                "the store on {place} can't be written, so nothing can be signed there",
                "mount it writable, or log in as a user who may write it"
            ),
            Self::NoServerKey => notice!(
                "the server names no signing key",
                "set secret-key-files in its nix.conf or signing_key for this server in the configuration, or sign with a key file of this machine"
            ),
            Self::NotAsked(file) => notice!(
                "the key {file} was not looked at when the server was connected to",
                "set signing_key = {file:?} for this server in the configuration and connect again"
            ),
            Self::ServerKey { file, problem } => problem
                .clone()
                .after(format_args!("the server's key {file} can't be used: ")),
            Self::NoPublicHalf(key) => notice!(
                "the public half of {key} is unknown, so its signatures could not be checked",
                "add it to public_keys for this server in the configuration"
            ),
            Self::OtherKey(name) => notice!(
                "this key is called {name}, and clients know another key by that name, so they would call its signatures wrong",
                "use that key, or one with a name of its own"
            ),
            Self::KeyFile { file, cause } => notice!(
                "the key file {file} can't be read: {cause}",
                "give the path of a secret key file of Nix"
            ),
            Self::KeyFileMode { file, mode } => notice!(
                "the key file {file} can be read by others (mode {mode:04o}), so it is not used",
                "run chmod 600 on it"
            ),
            Self::NotAKeyFile { file, problem } => notice!(
                "the key file {file} is no secret key of Nix: {problem}",
                "make one with storekeeper keygen"
            ),
            Self::KeyName { name, problem } => notice!(
                "{name:?} can't be the name of a key: {problem}",
                "choose one such as cache.example.org-1"
            ),
            Self::Agent(error) => error.notice(),
            Self::NotInAgent(fingerprint) => notice!(
                "ssh-agent holds no key {fingerprint}",
                "ssh-add -l lists what it holds"
            ),
            Self::NotEd25519(fingerprint) => notice!(
                "the agent's key {fingerprint} is not an Ed25519 key, and Nix knows no other signatures",
                "choose one from ssh-add -l"
            ),
            Self::Server(error) => error.notice(),
        }
    }
}

/// Makes the plan. Asks the server only for paths that carry wrong signatures, and the agent only for its list of keys.
pub async fn plan(
    server: &Server,
    inventory: &Inventory,
    selection: &Selection,
    with: impl Into<KeyChoice>,
    reason: Option<String>,
    now: When,
) -> Result<Plan, PlanError> {
    let facts = server.facts();
    let spec = server.spec();
    let address = spec.place.describe();
    may_be_written(&facts, &address)?;
    let key = choose(&with.into(), &facts).await?;
    let mut picked = select::pick(
        inventory,
        &facts.keys,
        key.public.name().as_str(),
        selection,
    );
    let unmendable = unmendable(server, inventory, &facts.keys, &picked.suspect).await?;
    leave(inventory, &mut picked, &unmendable);
    draw(
        &Address {
            server: &spec.name,
            reached: &address,
            local: matches!(spec.place, crate::link::Place::Local),
        },
        inventory,
        &key,
        &picked,
        &unmendable,
        reason,
        now,
    )
}

/// Whether signatures can be stored at all.
pub(in crate::change) fn may_be_written(facts: &Facts, address: &str) -> Result<(), PlanError> {
    if facts.store_writable == Some(false) {
        return Err(PlanError::ReadOnlyStore(visible(address).into_owned()));
    }
    Ok(())
}

/// How the server is called in the plan.
struct Address<'a> {
    server: &'a str,
    reached: &'a str,
    local: bool,
}

/// Of these paths, those that no signature can help.
async fn unmendable(
    server: &Server,
    inventory: &Inventory,
    keys: &KeyRing,
    suspect: &[Row],
) -> Result<Vec<StorePath>, PlanError> {
    let mut found = Vec::new();
    for rows in suspect.chunks(CHUNK) {
        let paths: Vec<StorePath> = rows.iter().map(|row| inventory.path(*row)).collect();
        for reply in server.path_infos(&paths).await? {
            if let InfoReply::Valid(info) = reply
                && is_unmendable(keys, &info)
            {
                found.push(info.path);
            }
        }
    }
    Ok(found)
}

/// Takes paths that signing does not help out of the plan.
fn leave(inventory: &Inventory, picked: &mut select::Picked, unmendable: &[StorePath]) {
    if unmendable.is_empty() {
        return;
    }
    let rows: HashSet<Row> = unmendable
        .iter()
        .filter_map(|path| inventory.find(path))
        .collect();
    picked.rows.retain(|row| !rows.contains(row));
    picked.bad.retain(|row| !rows.contains(row));
}

/// Writes the plan down.
fn draw(
    address: &Address<'_>,
    inventory: &Inventory,
    key: &Key,
    picked: &select::Picked,
    unmendable: &[StorePath],
    reason: Option<String>,
    now: When,
) -> Result<Plan, PlanError> {
    if picked.rows.is_empty() {
        return Err(nothing(picked, key, unmendable));
    }
    let summary = select::summarize(inventory, &picked.rows);
    let about = words::About {
        server: address.server,
        reached: address.reached,
        local: address.local,
        key,
        inventory,
        picked,
        summary: &summary,
        unmendable,
        now,
    };
    let items: Vec<Item> = picked
        .rows
        .iter()
        .map(|row| Item::Path {
            path: inventory.path(*row),
            nar_size: inventory.nar_size(*row).unwrap_or(0),
        })
        .collect();
    Ok(Plan {
        change: "sign",
        server: address.server.to_owned(),
        summary: about.summary(),
        commands: about.commands(),
        warnings: about.warnings(),
        concerns: Vec::new(),
        amounts: None,
        push: None,
        second: None,
        lines: about.lines(),
        danger: Danger::Adds,
        operation: Operation::Sign {
            paths: items.iter().filter_map(Item::path).cloned().collect(),
            with: key.source.clone(),
            key: Box::new(key.public.clone()),
        },
        items,
        reason,
    })
}

/// Why nothing is left to sign.
fn nothing(picked: &select::Picked, key: &Key, unmendable: &[StorePath]) -> PlanError {
    if let [path, rest @ ..] = unmendable {
        let more = match rest.len() {
            0 => String::new(),
            more => format!(" and {} more", count(more, "path")),
        };
        return PlanError::Unmendable(format!("{path}{more}"));
    }
    let name = key.public.name();
    PlanError::Nothing(if picked.unread > 0 {
        format!(
            "{} could not be judged yet; refresh and try again",
            count(picked.unread, "path")
        )
    } else if picked.upstream + picked.addressed > 0 && picked.already == 0 {
        format!(
            "clients take {} as it is, upstream's by their own key, content-addressed ones without any; ask for upstream's too to add {name}",
            count(picked.upstream + picked.addressed, "path")
        )
    } else {
        format!("no path lacks a valid signature by {name} that clients would refuse without it")
    })
}
