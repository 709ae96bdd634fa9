//! The rotation of a signing key: what the new key has to sign before an old one can go.
//!
//! In: the inventory, the keys that go, the new key. Out: where the rotation stands, what stands in its way, and the plan of
//! signatures that is next, which is one of [`super::plan`] with its paths chosen here.

use super::{KeyChoice, PlanError, Selection, choose, plan};
use crate::change::Plan;
use crate::domain::count::count;
use crate::domain::text::visible;
use crate::domain::{Explain, Notice, PublicKey, StorePath, When, notice};
use crate::inventory::{Inventory, Query, Row, SearchFacts, Sort, SortKey, view};
use crate::judge::rotation::Rotation;
use crate::server::{Server, ServerError};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::atomic::AtomicBool;
use thiserror::Error;

/// Names that a warning lists.
const NAMES: usize = 3;

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct RotateRequest {
    /// The names of the keys that go.
    pub from: Vec<String>,
    /// Paths that are not to be signed, whatever needs them.
    pub except: HashSet<Row>,
}

/// The rows that a filter finds. Looks at every row.
pub fn found(inventory: &Inventory, query: &Query) -> HashSet<Row> {
    let sort = Sort {
        key: SortKey::Name,
        reverse: false,
    };
    let (now, never) = (When::now(), AtomicBool::new(false));
    let known = SearchFacts::default();
    let view = view(inventory, query, sort, false, now, known, &never);
    view.map(|view| view.rows.iter().copied().collect())
        .unwrap_or_default()
}

/// Where a rotation stands, and what is next.
#[derive(Debug)]
pub struct Rotate {
    /// The keys that go.
    pub from: Vec<String>,
    /// The key that stays.
    pub to: PublicKey,
    /// What was found.
    pub rotation: Rotation,
    /// What the new key does not sign, and why.
    pub stragglers: Vec<Straggler>,
    /// Signatures by the new key; none where all of it is signed or can't be.
    pub plan: Option<Plan>,
}

impl Rotate {
    /// Whether the keys can go.
    pub fn is_safe_to_drop(&self) -> bool {
        self.rotation.is_safe_to_drop()
    }

    /// The same in a sentence.
    pub fn verdict(&self) -> String {
        let (from, to) = (self.from.join(" and "), self.to.name());
        if self.is_safe_to_drop() {
            return format!(
                "safe to drop {from}: clients that trust {to} instead accept every path that they accept today"
            );
        }
        let mut why = Vec::new();
        let needing = self.rotation.needing.len();
        if needing > 0 {
            let need = if needing == 1 { "is" } else { "are" };
            why.push(format!(
                "{} {need} accepted only for it",
                count(needing, "path")
            ));
        }
        let others = self.rotation.spoilt.len() + self.rotation.unreadable.len();
        if others > 0 {
            why.push(format!("{} can't be signed", count(others, "path")));
        }
        if self.rotation.unread > 0 {
            let unread = count(self.rotation.unread, "path");
            why.push(format!("{unread} could not be read yet"));
        }
        format!("not safe to drop {from}: {}", why.join(", "))
    }
}

/// A path that needs a key that goes, and that the new one does not sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Straggler {
    pub path: StorePath,
    /// Why, in a word: `absent`, `excepted`, `malformed` or `unreadable`.
    pub kind: &'static str,
    /// Why, and what to do.
    pub message: &'static str,
}

impl Straggler {
    fn new(path: StorePath, kind: &'static str) -> Self {
        let message = match kind {
            "absent" => {
                "its contents are not in the store; repair it, or delete it and upload it again"
            }
            "excepted" => "it is left out by --except",
            "malformed" => {
                "a malformed signature by the name of the new key is stored with it, at which Nix gives up; delete it and upload it again"
            }
            _ => "the server could not read it; storekeeper paths names the reason",
        };
        Self {
            path,
            kind,
            message,
        }
    }
}

/// Why there is no rotation.
#[derive(Debug, Error)]
#[error("{}", self.notice())]
pub enum RotateError {
    /// A key that goes is none of those that clients trust.
    NoSuchKey(String),
    /// A key that goes is the one that shall sign.
    SameKey(String),
    /// What the new key has signed is not known: clients of this cache are not known to trust it.
    NotTrusted {
        /// The new key.
        key: Box<PublicKey>,
        /// All that clients have to trust meanwhile.
        all: Vec<String>,
    },
    /// No plan of signatures.
    #[error(transparent)]
    Plan(#[from] PlanError),
}

impl From<ServerError> for RotateError {
    fn from(error: ServerError) -> Self {
        Self::Plan(PlanError::Server(error))
    }
}

impl Explain for RotateError {
    fn notice(&self) -> Notice {
        match self {
            Self::NoSuchKey(name) => {
                let name = visible(name);
                notice!(
                    "{name} is none of the keys that clients of this cache are known to trust",
                    "list them with storekeeper rotate SERVER; an older key belongs into retired_keys for this server in the configuration"
                )
            }
            Self::SameKey(name) => notice!(
                "{name} can't take its own place",
                "choose another key to sign with: --to, --server-key, --key-file or --ssh-agent"
            ),
            Self::NotTrusted { key, all } => {
                let (name, all) = (key.name(), all.join("\", \""));
                notice!(
                    "{name} is not among the keys that clients of this cache are known to trust, so what it has signed is not known",
                    "give it to the clients first, and set public_keys = [\"{all}\"] for this server in the configuration"
                )
            }
            Self::Plan(error) => error.notice(),
        }
    }
}

/// The names of the key files on the server have to be looked through: one that holds the key of this name.
pub fn server_key(server: &Server, name: &str) -> Option<String> {
    let facts = server.facts();
    let mut keys = facts.signing_keys.iter();
    let found = keys.find(|key| key.name.as_deref() == Some(name))?;
    Some(found.file.clone())
}

/// Looks where the rotation stands, and plans what is next. Asks the server whether the contents are there of what is to be signed.
pub async fn rotate(
    server: &Server,
    inventory: &Inventory,
    request: &RotateRequest,
    with: KeyChoice,
    reason: Option<String>,
    now: When,
) -> Result<Rotate, RotateError> {
    let facts = server.facts();
    let key = choose(&with, &facts).await?;
    let to = key.public.name().as_str();
    for name in &request.from {
        if name == to {
            return Err(RotateError::SameKey(name.clone()));
        }
        if facts.keys.get(name).is_none() {
            return Err(RotateError::NoSuchKey(name.clone()));
        }
    }
    if key.role.is_none() {
        let own = facts.keys.ours().into_iter();
        let all = std::iter::once(&key.public).chain(own);
        return Err(RotateError::NotTrusted {
            key: Box::new(key.public.clone()),
            all: all.map(ToString::to_string).collect(),
        });
    }
    let from: Vec<&str> = request.from.iter().map(String::as_str).collect();
    let rotation = Rotation::new(inventory, &from, to);
    let (signed, stragglers) = sort_out(server, inventory, request, &rotation).await?;
    let mut rotate = Rotate {
        from: request.from.clone(),
        to: key.public.clone(),
        rotation,
        stragglers,
        plan: None,
    };
    if !signed.is_empty() {
        let selection = Selection::rows(signed);
        let mut plan = plan(server, inventory, &selection, with, reason, now).await?;
        describe(&mut plan, &rotate);
        rotate.plan = Some(plan);
    }
    Ok(rotate)
}

/// What is signed, and what is not, with the reason.
async fn sort_out(
    server: &Server,
    inventory: &Inventory,
    request: &RotateRequest,
    rotation: &Rotation,
) -> Result<(Vec<Row>, Vec<Straggler>), ServerError> {
    let paths: Vec<StorePath> = rotation
        .needing
        .iter()
        .map(|row| inventory.path(*row))
        .collect();
    let absent: BTreeSet<StorePath> = if paths.is_empty() {
        BTreeSet::new()
    } else {
        let absent = server.absent(&paths).await?;
        absent.unwrap_or_default().into_iter().collect()
    };
    let mut signed = Vec::new();
    let mut stragglers = Vec::new();
    for (row, path) in rotation.needing.iter().zip(paths) {
        if request.except.contains(row) {
            stragglers.push(Straggler::new(path, "excepted"));
        } else if absent.contains(&path) {
            stragglers.push(Straggler::new(path, "absent"));
        } else {
            signed.push(*row);
        }
    }
    let of = |rows: &[Row], kind| -> Vec<Straggler> {
        rows.iter()
            .map(|row| Straggler::new(inventory.path(*row), kind))
            .collect()
    };
    stragglers.extend(of(&rotation.spoilt, "malformed"));
    stragglers.extend(of(&rotation.unreadable, "unreadable"));
    Ok((signed, stragglers))
}

/// Says in the plan what it is for.
fn describe(plan: &mut Plan, rotate: &Rotate) {
    plan.change = "rotate";
    let from = rotate.from.join(" and ");
    plan.summary = format!("{}, which only {from} has signed", plan.summary);
    let left = rotate.stragglers.len();
    let then = if left == 0 && rotate.rotation.unread == 0 {
        format!("{from} can go, once clients trust {}", rotate.to.name())
    } else {
        let left = left + rotate.rotation.unread;
        format!("{from} is needed still, for {}", count(left, "path"))
    };
    let at = plan.lines.iter().position(|(label, _)| *label == "effect");
    let at = at.map_or(plan.lines.len(), |at| at + 1);
    plan.lines.insert(at, ("then", then));
    let mut kinds: BTreeMap<&str, Vec<&Straggler>> = BTreeMap::new();
    for straggler in &rotate.stragglers {
        kinds.entry(straggler.kind).or_default().push(straggler);
    }
    for (_, some) in kinds {
        let names = some.iter().take(NAMES).map(|one| one.path.name());
        let names: Vec<&str> = names.collect();
        let more = if some.len() > NAMES { ", …" } else { "" };
        let are = if some.len() == 1 { "is" } else { "are" };
        let why = some.first().map_or("", |one| one.message);
        plan.warnings.push(format!(
            "{} {are} not signed ({}{more}): {why}",
            count(some.len(), "path"),
            names.join(", ")
        ));
    }
}
