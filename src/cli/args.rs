//! The command line as clap knows it.
//!
//! In: arguments. Out: [`Args`]. The help texts here are also the manual page and the completions.

pub(super) mod access;
pub(super) mod audit;
pub(super) mod database;
pub(super) mod gc;
pub(super) mod plans;
pub(super) mod push;
pub(super) mod retention;
pub(super) mod roots;
pub(super) mod signing;
pub(super) mod watch;
pub(super) mod why;

use crate::config::Overrides;
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum, ValueHint};
use std::net::SocketAddr;
use std::path::PathBuf;

/// An admin console for private Nix binary caches that are served over SSH.
///
/// SERVER is a name from the configuration, ssh://[user@]host[:port], user@host, an alias of the ssh configuration, or
/// `local` for this machine. Without a subcommand, the console opens on it.
#[derive(Debug, Parser)]
#[command(
    name = "storekeeper",
    version,
    args_conflicts_with_subcommands = false,
    subcommand_precedence_over_arg = true,
    after_help = "Exit codes: 0 done; 1 the server refused or part of it failed; 2 bad usage or configuration; \
                  3 could not connect or authenticate; 4 refused by policy; 5 the plan waits for a second administrator; 130 interrupted.",
    max_term_width = 100
)]
pub(super) struct Args {
    /// The server that the console opens on; the only one of the configuration by default.
    pub(super) server: Option<String>,
    /// What holds for every subcommand.
    #[command(flatten)]
    pub(super) common: Common,
    /// What to do instead of opening the console.
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

/// Options that every subcommand takes.
#[derive(Debug, Clone, ClapArgs)]
#[command(next_help_heading = "Common options")]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(super) struct Common {
    /// Use this configuration file.
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) config: Option<PathBuf>,
    /// Refuse every change.
    #[arg(long, global = true)]
    pub(super) read_only: bool,
    /// Try this key file first to log in.
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) identity: Option<PathBuf>,
    /// Check the server's host key against this file only.
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) known_hosts: Option<PathBuf>,
    /// Use this ssh configuration file.
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) ssh_config: Option<PathBuf>,
    /// Do not use or write the copy of the server's store on this machine.
    #[arg(long, global = true)]
    pub(super) no_cache: bool,
    /// Print one JSON document on standard output.
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// Show no progress.
    #[arg(long, short, global = true)]
    pub(super) quiet: bool,
}

impl Common {
    /// What these say over the configuration.
    pub(super) fn overrides(&self) -> Overrides {
        Overrides {
            identity: self.identity.clone(),
            known_hosts: self.known_hosts.clone(),
            ssh_config: self.ssh_config.clone(),
            read_only: self.read_only,
            no_cache: self.no_cache,
        }
    }
}

/// Options of every subcommand that changes something.
#[derive(Debug, Clone, ClapArgs)]
#[command(next_help_heading = "Options of changes")]
pub(super) struct Change {
    /// Print the plan and change nothing.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Skip confirmation.
    #[arg(long, short, conflicts_with = "dry_run")]
    pub(super) yes: bool,
    /// Why: for the audit log, and kept with a pin or a decision on a request.
    #[arg(long, value_name = "TEXT", alias = "note")]
    pub(super) reason: Option<String>,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Open the console on a built-in cache server.
    Demo(Demo),
    /// Check the health of a server, or of all; exit 0 fine, 1 warning, 2 critical, 3 unreachable.
    Status(Status),
    /// Print events on a server as they happen, until stopped.
    Watch(watch::Watch),
    /// List store paths, and whether clients accept them.
    Paths(Paths),
    /// Show whether a client would get a path and its closure, and with --for each step of that client's way; exit 0 if it would, else 1.
    Why(why::Why),
    /// Sign store paths.
    Sign(signing::Sign),
    /// Copy store paths of this machine to the cache with all that they need, and sign what was added; or spool them for later.
    Push(push::Push),
    /// Have a new key sign what only an old one has signed, and report when the old one can be dropped; without --from, list how many paths each key has signed.
    Rotate(signing::Rotate),
    /// Show what a compromised key has signed; sign with another key what you vouch for, and strip its signatures.
    Compromised(signing::Compromised),
    /// List who may log in to the cache; authorize, revoke and expire keys.
    Keys(access::Keys),
    /// Collect garbage, least recently used first.
    Gc(gc::Gc),
    /// Show, check, edit or replace a server's retention policy.
    Retention(retention::Retention),
    /// List plans that wait for a second administrator, confirm or drop one, and set which changes need two.
    Plans(plans::Plans),
    /// List key requests; approve and deny them.
    Requests(access::Requests),
    /// List the GC roots and what each keeps alive, or remove one.
    Roots(roots::Roots),
    /// Protect store paths and their closures from collections until they are unpinned.
    Pin(roots::Pin),
    /// Remove pins by name, or all that have expired.
    Unpin(roots::Unpin),
    /// Delete store paths that no root keeps, with all that refers to them; names the keys that had sessions since they were uploaded.
    Delete(roots::Delete),
    /// Compare the contents of store paths with their hashes; exit 1 if one is damaged.
    Verify(roots::Verify),
    /// Save a checked copy of Nix's database here, or give its free pages back to the file system.
    Database(database::Database),
    /// Print the setup of a new client of a cache.
    Onboard(access::Onboard),
    /// Print the setup of a new cache server; with SERVER and --knock, --lease, --auto-sign or --gc, install that there.
    Setup(access::Setup),
    /// Show the audit log, or check its integrity.
    Audit(audit::Audit),
    /// Make a key pair that signs for a cache.
    Keygen(Keygen),
    /// Print the completions of a shell.
    Completions(Completions),
    /// Print the manual page.
    Man(Man),
}

/// Arguments of `status`.
#[derive(Debug, ClapArgs)]
pub(super) struct Status {
    /// A configured name, an address, or local.
    #[arg(required_unless_present = "all")]
    pub(super) server: Option<String>,
    /// Every server of the configuration, at once; the exit code is the worst.
    #[arg(long, conflicts_with = "server")]
    pub(super) all: bool,
    /// The output format; with prometheus the exit code is 0.
    #[arg(long, value_name = "FORMAT")]
    pub(super) format: Option<Format>,
    /// Give up on a server that has not answered after this time; with --all 60 by default, less while there is no connection.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(super) timeout: Option<u64>,
}

/// The output format of `status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    Text,
    /// One JSON document, as with --json.
    Json,
    /// A plugin's line with its performance data.
    Nagios,
    /// Metrics for a text file of the node exporter.
    Prometheus,
}

/// Arguments of `demo`.
#[derive(Debug, ClapArgs)]
pub(super) struct Demo {
    /// How many store paths it has.
    #[arg(long, value_name = "N", default_value_t = 4000, value_parser = clap::value_parser!(u32).range(1..=5_000_000))]
    pub(super) paths: u32,
    /// Open no console; serve on this address and print how to connect.
    #[arg(long, value_name = "ADDR")]
    pub(super) listen: Option<SocketAddr>,
    /// Seed of the made-up store.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) seed: u64,
}

/// By what `paths` sorts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum SortBy {
    /// By name.
    Name,
    /// By NAR size, largest first.
    Size,
    /// By closure size, largest first.
    Closure,
    /// By registration, newest first.
    Added,
    /// By trust class, worst first.
    Trust,
}

/// Arguments of `paths`.
#[derive(Debug, ClapArgs)]
pub(super) struct Paths {
    /// A configured name, an address, or local.
    pub(super) server: String,
    /// Words of the name, and terms such as older:30d size:>1G trust:ours drv:no.
    pub(super) query: Vec<String>,
    /// Only what clients would refuse.
    #[arg(long)]
    pub(super) refused: bool,
    /// Only one trust class.
    #[arg(long, value_name = "CLASS", value_parser = ["bad", "unknown-key", "unsigned", "retired", "upstream", "content-addressed", "ours"])]
    pub(super) trust: Option<String>,
    /// The order.
    #[arg(long, value_name = "KEY", value_enum)]
    pub(super) sort: Option<SortBy>,
    /// Reverse the order.
    #[arg(long)]
    pub(super) reverse: bool,
    /// No more than this many.
    #[arg(long, value_name = "N")]
    pub(super) limit: Option<usize>,
    /// Print one JSON object a line, each as it arrives.
    #[arg(long, conflicts_with_all = ["json", "sort", "reverse"])]
    pub(super) jsonl: bool,
}

/// Arguments of `keygen`.
#[derive(Debug, ClapArgs)]
pub(super) struct Keygen {
    /// Name of the key, such as cache.example.org-1.
    pub(super) name: String,
    /// Folder for the two files.
    #[arg(long, value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    pub(super) out: PathBuf,
}

/// Arguments of `completions`.
#[derive(Debug, ClapArgs)]
pub(super) struct Completions {
    /// The shell.
    pub(super) shell: clap_complete::Shell,
}

/// Arguments of `man`.
#[derive(Debug, ClapArgs)]
pub(super) struct Man {
    /// The page of this subcommand.
    pub(super) command: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_tree_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn the_unit_in_the_documentation_is_understood() {
        let unit = include_str!("../../docs/storekeeper-watch@.service");
        let starts = unit
            .lines()
            .find_map(|line| line.strip_prefix("ExecStart="));
        let args = parse(&starts.unwrap().replace("%i", "prod")).unwrap();
        let Some(Command::Watch(watch)) = args.command else {
            panic!("{args:?}");
        };
        assert_eq!((watch.server.as_str(), watch.jsonl), ("prod", true));
        assert!(watch.exec.is_some() && args.common.read_only);
    }

    fn parse(line: &str) -> Result<Args, clap::Error> {
        Args::try_parse_from(line.split(' '))
    }

    const TOGETHER: &[&str] = &[
        "storekeeper",
        "storekeeper prod --read-only",
        "storekeeper --config c paths prod ledg 4 --refused --json",
        "storekeeper sign prod --all --ssh-agent SHA256:x --key-name k-1 --yes",
        "storekeeper sign prod /nix/store/a b --closure --dry-run",
        "storekeeper demo --listen 127.0.0.1:0 --paths 10",
        "storekeeper keys prod list --json",
        "storekeeper keys prod authorize k.pub --from 10.0.0.0/8 --expires 90d --comment x --dry-run",
        "storekeeper keys prod revoke SHA256:x --keep-sessions --yes --reason left",
        "storekeeper keys prod expire a@b never",
        "storekeeper keys prod expire a@b 2027-02-20",
        "storekeeper requests prod approve 00 --expires none --reason ok",
        "storekeeper requests prod add - --yes",
        "storekeeper onboard prod --platform macos",
        "storekeeper setup --nixos --knock",
        "storekeeper setup prod --knock --yes",
        "storekeeper setup prod --lease 30 --dry-run",
        "storekeeper setup prod --lease",
        "storekeeper setup --nixos --lease",
        "storekeeper roots prod remove --generations-older-than 30d --yes",
        "storekeeper verify prod",
        "storekeeper verify prod a b --repair --dry-run",
        "storekeeper gc prod",
        "storekeeper gc prod --until-free 50G --reclaim 1G --max 2T --older-than 30d --keep-newest 3 --grace 0s --dry-run",
        "storekeeper gc prod --until-free 15% --yes --reason full",
        "storekeeper gc prod --older-than 0 --grace 0 --max 0 --until-free 20B",
        "storekeeper gc prod --whole --dry-run",
        "storekeeper gc prod --delete-generations-older-than 30d --yes",
        "storekeeper roots prod",
        "storekeeper roots prod list --json",
        "storekeeper roots prod remove /nix/var/nix/profiles/system-3-link --dry-run",
        "storekeeper pin prod hello --name x --expires 30d --reason why --yes",
        "storekeeper pin prod a b --expires never",
        "storekeeper unpin prod x y --yes",
        "storekeeper why prod hello",
        "storekeeper why prod hello --for a@b --from 10.0.0.7 --contents --json",
        "storekeeper why prod hello --try --key id",
        "storekeeper why prod hello --for SHA256:x --try --key id --contents",
        "storekeeper unpin prod --expired --dry-run",
        "storekeeper push prod ./result --pin app --expires 90d --yes",
        "storekeeper push prod /nix/store/a --from build.example.org --key-file k --dry-run",
        "storekeeper push prod --spool /var/spool/push",
        "storekeeper push prod --spool /s --drain --follow --yes",
        "storekeeper database prod backup",
        "storekeeper retention prod show",
        "storekeeper retention prod check new.toml --paths",
        "storekeeper retention prod set - --yes",
        "storekeeper gc prod --policy --until-free 20% --yes",
        "storekeeper database prod vacuum --sqlite3 /nix/store/x/bin/sqlite3 --yes",
    ];

    const APART: &[&str] = &[
        "storekeeper paths",
        "storekeeper paths prod --json --jsonl",
        "storekeeper paths prod --trust mine",
        "storekeeper sign prod",
        "storekeeper sign prod --all a",
        "storekeeper sign prod --all --closure",
        "storekeeper sign prod --all --ssh-agent SHA256:x",
        "storekeeper sign prod --all --key-name k",
        "storekeeper sign prod --all --key-file a --server-key b",
        "storekeeper sign prod --all --yes --dry-run",
        "storekeeper demo --paths 0",
        "storekeeper keys prod",
        "storekeeper keys list",
        "storekeeper keys prod expire a@b",
        "storekeeper keys prod expire a@b soon",
        "storekeeper keys prod list --yes",
        "storekeeper requests prod approve",
        "storekeeper onboard prod --platform windows",
        "storekeeper setup prod --lease 0",
        "storekeeper verify prod --repair --delete",
        "storekeeper roots prod remove /x --generations-older-than 30d",
        "storekeeper gc",
        "storekeeper gc prod --until-free much",
        "storekeeper gc prod --max -1",
        "storekeeper gc prod --keep-newest x",
        "storekeeper gc prod --until-free 20",
        "storekeeper gc prod --reclaim 20",
        "storekeeper gc prod --max 20",
        "storekeeper gc prod --whole --reclaim 1G",
        "storekeeper gc prod --whole --grace 1d",
        "storekeeper gc prod --whole --delete-generations-older-than 30d",
        "storekeeper roots",
        "storekeeper roots prod remove",
        "storekeeper pin prod",
        "storekeeper pin prod a --name ../x",
        "storekeeper unpin prod",
        "storekeeper unpin prod x --expired",
        "storekeeper why prod",
        "storekeeper why prod hello --from 10.0.0.7",
        "storekeeper why prod hello --for a --from here",
        "storekeeper why prod hello --contents",
        "storekeeper why prod hello --for a --try",
        "storekeeper why prod hello --key id",
        "storekeeper push prod",
        "storekeeper push prod a --drain",
        "storekeeper push prod a --spool /s --drain",
        "storekeeper push prod --spool /s --follow",
        "storekeeper push prod a --expires 90d",
        "storekeeper gc prod --policy --grace 1d",
        "storekeeper gc prod --policy --whole",
    ];

    #[test]
    fn what_may_stand_together() {
        for line in TOGETHER {
            assert!(parse(line).is_ok(), "{line}");
        }
        for line in APART {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
