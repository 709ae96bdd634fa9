//! Arguments of `retention`.
//!
//! In: arguments. Out: [`Retention`].

use super::Change;
use clap::{Args, Subcommand, ValueHint};

/// Arguments of `retention`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Retention {
    /// A configured name, an address, or local.
    pub(in crate::cli) server: String,
    /// What to do.
    #[command(subcommand)]
    pub(in crate::cli) what: RetentionCommand,
}

/// What can be done with a retention policy.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum RetentionCommand {
    /// Print the policy, to be edited and set again; exit 1 if there is none.
    Show,
    /// List what `gc --policy` would delete now, and why the rest stays, project by project; changes nothing.
    Check(Check),
    /// Edit the policy in $VISUAL or $EDITOR, then write it as `set` does. An invalid policy can be edited again; one that was not written stays in a file here.
    Edit(super::Change),
    /// Replace the policy, unless somebody else changed it meanwhile; shows the changed lines, and what a collection by it would delete.
    Set(Set),
}

/// Arguments of `retention check`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Check {
    /// A policy on this machine, - for standard input; by default that of the server.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(in crate::cli) file: Option<String>,
    /// List every path with its project, and whether it stays.
    #[arg(long)]
    pub(in crate::cli) paths: bool,
}

/// Arguments of `retention set`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Set {
    /// The policy, - for standard input.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(in crate::cli) file: String,
    /// What every change takes.
    #[command(flatten)]
    pub(in crate::cli) change: Change,
}

#[cfg(test)]
mod tests {
    use crate::cli::args::{Args, Command};
    use clap::Parser as _;

    #[test]
    fn the_unit_in_the_documentation_is_understood() {
        let unit = include_str!("../../../docs/storekeeper-gc@.service");
        let lines = unit
            .lines()
            .filter_map(|line| line.strip_prefix("ExecStart="));
        let parsed = lines.map(|line| Args::try_parse_from(line.split(' ')).unwrap());
        let commands: Vec<Option<Command>> = parsed.map(|args| args.command).collect();
        let [Some(Command::Unpin(unpin)), Some(Command::Gc(gc))] = commands.as_slice() else {
            panic!("{unit}")
        };
        assert!(unpin.revisions && unpin.change.yes);
        assert!(gc.policy && gc.change.yes);
    }
}
