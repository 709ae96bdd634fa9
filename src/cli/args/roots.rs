//! The arguments of the subcommands about what the store keeps.
//!
//! In: arguments. Out: [`Roots`], [`Pin`], [`Unpin`], [`Delete`], [`Verify`].

use super::super::when::{End, end};
use super::Change;
use crate::domain::Age;
use crate::domain::pin::PinName;
use clap::{Args, Subcommand};

/// Arguments of `roots`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = false)]
pub(in crate::cli) struct Roots {
    /// A configured name, an address, or local.
    pub(in crate::cli) server: String,
    /// What to do; by default, list them.
    #[command(subcommand)]
    pub(in crate::cli) what: Option<RootsCommand>,
}

/// What can be done with roots.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum RootsCommand {
    /// List the GC roots: what each alone keeps alive, and its whole closure.
    List,
    /// Remove an old generation of a profile, the automatic link of an indirect root, or a pin.
    Remove(Remove),
}

/// Arguments of `roots remove`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Remove {
    /// The link, as the list shows it.
    #[arg(
        value_name = "ROOT",
        required_unless_present = "generations_older_than",
        conflicts_with = "generations_older_than"
    )]
    pub(in crate::cli) root: Option<String>,
    /// In place of one root: the generations of all profiles that are older than this, as nix-collect-garbage
    /// --delete-older-than chooses them.
    #[arg(long, value_name = "AGE")]
    pub(in crate::cli) generations_older_than: Option<Age>,
    /// What every change takes.
    #[command(flatten)]
    pub(in crate::cli) change: Change,
}

/// Arguments of `pin`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Pin {
    /// A configured name, an address, or local.
    pub(in crate::cli) server: String,
    /// A store path, its base name, its hash part, or its name where only one path has it.
    #[arg(required = true, value_name = "PATH")]
    pub(in crate::cli) paths: Vec<String>,
    /// The name of the pin; by default that of the path.
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) name: Option<PinName>,
    /// If the pin exists and leads to another path, move it here, and keep the last N targets as dated revisions.
    #[arg(long, value_name = "N", requires = "name")]
    pub(in crate::cli) keep_revisions: Option<u32>,
    /// The same, and keep each revision for D days after it was replaced; without --keep-revisions, all of them.
    #[arg(long, value_name = "D", requires = "name")]
    pub(in crate::cli) keep_days: Option<u32>,
    /// When the pin expires: 90d, 2027-02-20, 2027-02-20T12:00:00Z, or never. An expired pin keeps its path until it is unpinned.
    #[arg(long, value_name = "WHEN", value_parser = end, default_value = "never")]
    pub(in crate::cli) expires: End,
    /// What every change takes.
    #[command(flatten)]
    pub(in crate::cli) change: Change,
}

/// Arguments of `unpin`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Unpin {
    /// A configured name, an address, or local.
    pub(in crate::cli) server: String,
    /// The names of pins.
    #[arg(
        required_unless_present_any = ["expired", "revisions"],
        conflicts_with_all = ["expired", "revisions"],
        value_name = "NAME"
    )]
    pub(in crate::cli) names: Vec<PinName>,
    /// All expired pins.
    #[arg(long)]
    pub(in crate::cli) expired: bool,
    /// All expired revisions of moved pins (pin --keep-days); for a timer.
    #[arg(long, conflicts_with = "expired")]
    pub(in crate::cli) revisions: bool,
    /// What every change takes.
    #[command(flatten)]
    pub(in crate::cli) change: Change,
}

/// Arguments of `delete`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Delete {
    /// A configured name, an address, or local.
    pub(in crate::cli) server: String,
    /// Store paths, base names, hash parts, or names that only one path has.
    #[arg(required = true, value_name = "PATH")]
    pub(in crate::cli) paths: Vec<String>,
    /// What every change takes.
    #[command(flatten)]
    pub(in crate::cli) change: Change,
}

/// Arguments of `verify`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Verify {
    /// A configured name, an address, or local.
    pub(in crate::cli) server: String,
    /// Store paths, base names, hash parts, or names that only one path has; by default, all paths.
    #[arg(value_name = "PATH")]
    pub(in crate::cli) paths: Vec<String>,
    /// Have Nix fetch or build anew what is damaged.
    #[arg(long, conflicts_with = "delete")]
    pub(in crate::cli) repair: bool,
    /// Delete what is damaged, with all that refers to it.
    #[arg(long)]
    pub(in crate::cli) delete: bool,
    /// What every change takes.
    #[command(flatten)]
    pub(in crate::cli) change: Change,
}
