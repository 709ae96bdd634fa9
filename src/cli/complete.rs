//! `completions`, and what a shell asks when somebody presses tab.
//!
//! In: the command tree, and a shell's question in the environment. Out: the script for a shell, which asks this very program; candidates, the
//! servers of the configuration among them.

use super::args::{Args, Completions};
use super::error::CliError;
use super::out::Out;
use crate::config::Config;
use clap::CommandFactory as _;
use clap_complete::CompleteEnv;
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use clap_complete::env::Shells;
use std::ffi::OsString;

/// The variable in which the script names its shell.
const VARIABLE: &str = "STOREKEEPER_COMPLETE";

/// The name under which the program is completed, and found on the path.
const NAME: &str = "storekeeper";

/// The command tree, in which every SERVER has its candidates.
fn tree() -> clap::Command {
    fn named(command: clap::Command) -> clap::Command {
        command
            .mut_args(|arg| match arg.get_id().as_str() {
                "server" => arg.add(ArgValueCandidates::new(servers)),
                _ => arg,
            })
            .mut_subcommands(named)
    }
    named(Args::command())
}

/// The servers of the user's configuration; none if it can't be read.
fn servers() -> Vec<CompletionCandidate> {
    let config = Config::load(None).unwrap_or_default();
    let configured = config.servers.into_iter().map(|server| {
        let candidate = CompletionCandidate::new(&server.name);
        if server.host == server.name {
            candidate
        } else {
            candidate.help(Some(server.host.clone().into()))
        }
    });
    let here = CompletionCandidate::new("local").help(Some("this machine".into()));
    configured.chain([here]).collect()
}

/// Answers a shell's question; false where it is none.
pub(super) fn answered(arguments: &[OsString]) -> bool {
    let here = std::env::current_dir().ok();
    let answer = CompleteEnv::with_factory(tree)
        .var(VARIABLE)
        .try_complete(arguments, here.as_deref());
    answer.unwrap_or_else(|error| {
        // The shell shows nothing then; this is for debugging.
        let _ = error.print();
        true
    })
}

/// Prints the script of a shell.
pub(super) fn completions(args: &Completions, out: &mut Out) -> Result<(), CliError> {
    let shells = Shells::builtins();
    // Each shell that an argument may name is one of them.
    let Some(shell) = shells.completer(&args.shell.to_string()) else {
        return Ok(());
    };
    let mut script = Vec::new();
    shell.write_registration(VARIABLE, NAME, NAME, NAME, &mut script)?;
    Ok(std::io::Write::write_all(out.raw(), &script)?)
}
