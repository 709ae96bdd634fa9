//! Arguments of `plans`.
//!
//! In: arguments. Out: [`Plans`].

use super::Change;
use super::access::Accept;
use crate::domain::Age;
use crate::domain::two_persons::Group;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand, ValueHint};
use std::path::PathBuf;

/// Arguments of `plans`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Plans {
    /// A configured name, an address, or local.
    pub(in crate::cli) server: String,
    /// What to do; by default list.
    #[command(subcommand)]
    pub(in crate::cli) what: Option<PlansCommand>,
}

/// What can be done with plans that wait.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum PlansCommand {
    /// List the plans that wait for a second administrator.
    List,
    /// Show one: who planned it, when and why, and what it would do.
    Show(One),
    /// Confirm a plan of another administrator: it is made again from the present state, shown, and carried out.
    Confirm(Confirm),
    /// Drop one, so that nobody can confirm it any more.
    Drop(DropPlan),
    /// Show which changes need a second administrator on this server.
    Rule,
    /// Set which changes need a second administrator; changing an existing rule needs one, too.
    SetRule(SetRule),
}

/// Arguments of `plans show`.
#[derive(Debug, Args)]
pub(in crate::cli) struct One {
    /// The id of a plan.
    pub(in crate::cli) id: String,
}

/// Arguments of `plans confirm`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Confirm {
    /// The id of a plan.
    pub(in crate::cli) id: String,
    /// Do it even if it is the key of this login.
    #[arg(long)]
    pub(in crate::cli) my_own_key: bool,
    /// Of a certificate: the authority's private key; its .pub file where the ssh-agent has the private one.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(in crate::cli) ca: Option<PathBuf>,
    /// Of a certificate: where it is written; by default here, called after the key's comment.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(in crate::cli) out: Option<PathBuf>,
    /// What is accepted by name.
    #[command(flatten)]
    pub(in crate::cli) accept: Accept,
    /// Print the plan and change nothing.
    #[arg(long, help_heading = "Options of changes")]
    pub(in crate::cli) dry_run: bool,
    /// Skip confirmation. The plan must still be of another administrator.
    #[arg(
        long,
        short,
        conflicts_with = "dry_run",
        help_heading = "Options of changes"
    )]
    pub(in crate::cli) yes: bool,
}

/// Arguments of `plans drop`.
#[derive(Debug, Args)]
pub(in crate::cli) struct DropPlan {
    /// The id of a plan.
    pub(in crate::cli) id: String,
    /// What every change takes.
    #[command(flatten)]
    pub(in crate::cli) change: Change,
}

/// Arguments of `plans set-rule`.
#[derive(Debug, Args)]
pub(in crate::cli) struct SetRule {
    /// Groups of changes; by default all: access, delete, collect, strip and retention.
    #[arg(value_name = "GROUP", value_parser = groups(), conflicts_with = "none")]
    pub(in crate::cli) groups: Vec<Group>,
    /// No change needs a second administrator any more.
    #[arg(long)]
    pub(in crate::cli) none: bool,
    /// How long a plan waits, at most 90d.
    #[arg(long, value_name = "AGE", default_value = "3d")]
    pub(in crate::cli) valid: Age,
    /// What every change takes.
    #[command(flatten)]
    pub(in crate::cli) change: Change,
}

/// The words of all groups.
fn groups() -> impl TypedValueParser<Value = Group> {
    let values = Group::ALL.map(Group::word);
    PossibleValuesParser::new(values).try_map(|word| word.parse::<Group>())
}
