//! The plan that takes away the signatures of a compromised key.
//!
//! In: the rows that have one, as the server's database has them now; the inventory. Out: a plan that says what clients refuse
//! then, or why there is none.

use super::PlanError;
use crate::change::{Danger, Item, Operation, Plan};
use crate::domain::count::{count, number};
use crate::domain::signed_row::SignedRow;
use crate::domain::text::visible;
use crate::domain::{Explain, Notice, StorePath, notice};
use crate::inventory::Inventory;
use crate::judge::compromised::Compromised;
use crate::server::spec::folder_of;
use crate::server::{Server, ServerError};
use std::collections::{BTreeSet, HashSet};
use thiserror::Error;

/// Rows that are changed in one transaction.
pub const AT_ONCE: usize = 5_000;

/// What goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strip {
    /// The name of the key.
    pub key: String,
    /// The rows as they were shown.
    pub rows: Vec<SignedRow>,
}

/// Why there is no plan.
#[derive(Debug, Error)]
#[error("{}", self.notice())]
pub enum StripError {
    /// No path has a signature by that key.
    Nothing(String),
    /// The server has no SQLite, and Nix has no call for it.
    NoSqlite {
        /// The server as the user calls it.
        server: String,
        /// The key.
        key: String,
    },
    /// The store can't be written.
    #[error(transparent)]
    Store(Box<PlanError>),
    /// The database could not be read.
    #[error(transparent)]
    Server(#[from] ServerError),
}

impl Explain for StripError {
    fn notice(&self) -> Notice {
        match self {
            Self::Nothing(key) => {
                let key = visible(key);
                notice!("no path carries a signature by {key}")
            }
            Self::NoSqlite { server, key } => {
                let (server, key) = (visible(server), shell_words::quote(key));
                notice!(
                    "sqlite3 is not installed on {server}, and without it a signature can't be taken away: Nix has no command for that",
                    "install it there; or, on the server itself and for this one command: nix-shell -p sqlite --run \"storekeeper compromised local {key} strip\" (nix run nixpkgs#sqlite has it too)"
                )
            }
            Self::Store(error) => error.notice(),
            Self::Server(error) => error.notice(),
        }
    }
}

/// What the server has of a key.
#[derive(Debug, Clone, Default)]
pub struct Stored {
    /// The server as the user calls it, and how it is reached.
    pub server: String,
    /// The same, with the login.
    pub address: String,
    /// Path of the audit log there.
    pub audit_log: String,
    /// Nix's state folder there.
    pub state_dir: String,
    /// Key files there that hold this key.
    pub key_files: Vec<String>,
    /// The rows with a signature by its name; none where the server has no SQLite.
    pub rows: Option<Vec<SignedRow>>,
}

/// Asks the server.
pub async fn look(server: &Server, key: &str) -> Result<Stored, StripError> {
    let facts = server.facts();
    let spec = server.spec();
    let address = spec.place.describe();
    super::may_be_written(&facts, &address).map_err(|error| StripError::Store(Box::new(error)))?;
    let signs = facts.signing_keys.iter();
    let signs = signs.filter(|own| own.name.as_deref() == Some(key));
    Ok(Stored {
        server: spec.name.clone(),
        address,
        audit_log: spec.audit_log.clone(),
        state_dir: facts.state_dir.clone().unwrap_or_default(),
        key_files: signs.map(|own| own.file.clone()).collect(),
        rows: server.signed_by(key).await?,
    })
}

/// Makes the plan. Of `only`, where it is given; else of all that carry a signature by that name.
pub fn plan(
    stored: &Stored,
    inventory: &Inventory,
    key: &str,
    only: Option<&BTreeSet<StorePath>>,
    reason: Option<String>,
) -> Result<Plan, StripError> {
    let rows = stored.rows.as_ref().ok_or_else(|| StripError::NoSqlite {
        server: stored.server.clone(),
        key: key.to_owned(),
    })?;
    let wanted = |row: &&SignedRow| only.is_none_or(|only| only.contains(&row.path));
    let rows: Vec<SignedRow> = rows.iter().filter(wanted).cloned().collect();
    if rows.is_empty() {
        return Err(StripError::Nothing(key.to_owned()));
    }
    let size = |path: &StorePath| inventory.nar_size(inventory.find(path)?);
    let items = rows.iter().map(|row| Item::Path {
        path: row.path.clone(),
        nar_size: size(&row.path).unwrap_or(0),
    });
    let items: Vec<Item> = items.collect();
    let going: HashSet<&StorePath> = rows.iter().map(|row| &row.path).collect();
    let alone = Compromised::new(inventory, key, None).alone;
    let alone = alone
        .into_iter()
        .filter(|row| going.contains(&inventory.path(*row)))
        .count();
    Ok(Plan {
        change: "strip",
        server: stored.server.clone(),
        summary: format!(
            "take the signatures by {} away from {}",
            visible(key),
            count(rows.len(), "path")
        ),
        commands: vec![format!("sqlite3 {}", stored.database())],
        warnings: stored.warnings(key, alone),
        concerns: Vec::new(),
        amounts: None,
        push: None,
        second: None,
        lines: stored.lines(key, rows.len()),
        danger: Danger::Destroys { word: "strip" },
        items,
        operation: Operation::Strip(Box::new(Strip {
            key: key.to_owned(),
            rows,
        })),
        reason,
    })
}

impl Stored {
    /// Nix's database, fit to be shown.
    fn database(&self) -> String {
        format!("{}/db/db.sqlite", visible(&self.state_dir))
    }

    fn lines(&self, key: &str, rows: usize) -> Vec<(&'static str, String)> {
        let key = visible(key);
        let database = self.database();
        let folder = visible(folder_of(&self.audit_log));
        vec![
            (
                "on",
                format!("{} ({})", visible(&self.server), visible(&self.address)),
            ),
            (
                "what",
                format!("{}, in Nix's database {database}", count(rows, "path")),
            ),
            (
                "how",
                format!(
                    "{} of SQLite, while Nix goes on; a row that is another by then stays",
                    count(rows.div_ceil(AT_ONCE), "transaction")
                ),
            ),
            (
                "effect",
                format!("clients that trust {key} accept none of these for it any more"),
            ),
            (
                "back",
                format!(
                    "sqlite3 {database} < {folder}/stripped-RECEIPT-1.sql, where the rows as they are go first"
                ),
            ),
        ]
    }

    fn warnings(&self, key: &str, alone: usize) -> Vec<String> {
        let key = visible(key);
        let mut warnings = Vec::new();
        if alone > 0 {
            let (paths, name) = (number(alone), visible(&self.server));
            let noun = if alone == 1 { "path has" } else { "paths have" };
            warnings.push(format!(
                "{paths} {noun} no other signature that clients trust, and they refuse these then: first sign what you vouch for, with storekeeper compromised {name} {key} sign"
            ));
        }
        for file in &self.key_files {
            warnings.push(format!(
                "{} on the server still holds this key, and signs with it what is built there: take it out of secret-key-files first",
                visible(file)
            ));
        }
        warnings.push(
            "sessions that are open now may give the old signatures out until they end; what clients have fetched already they keep".to_owned(),
        );
        warnings
    }
}
