//! Arguments of `database`.
//!
//! In: arguments. Out: [`Database`].

use super::Change;
use clap::{Args, Subcommand, ValueHint};
use std::path::PathBuf;

/// Arguments of `database`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Database {
    /// A configured name, an address, or local.
    pub(in crate::cli) server: String,
    /// What to do.
    #[command(subcommand)]
    pub(in crate::cli) what: DatabaseCommand,
}

/// What can be done with Nix's database.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum DatabaseCommand {
    /// Save a copy as one private file here, checked by SQLite; changes nothing on the server.
    Backup(Backup),
    /// Give free pages back to the file system; collections wait, and a checked copy stays on the server until it is done.
    Vacuum(Vacuum),
}

/// Arguments of `database backup`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Backup {
    /// The file, which must not be there yet; by default named after the server and the time, in this folder.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(in crate::cli) file: Option<PathBuf>,
}

/// Arguments of `database vacuum`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Vacuum {
    /// The sqlite3 to run on the server: 3.27 or later.
    #[arg(long, value_name = "PROGRAM", default_value = "sqlite3")]
    pub(in crate::cli) sqlite3: String,
    /// What every change takes.
    #[command(flatten)]
    pub(in crate::cli) change: Change,
}
