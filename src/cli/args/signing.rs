//! Arguments of what signs: `sign`, `rotate` and `compromised`.

use super::Change;
use crate::change::sign::KeyChoice;
use crate::cli::when::past;
use crate::domain::When;
use clap::{Args as ClapArgs, Subcommand, ValueHint};
use std::path::PathBuf;

/// Which key signs.
#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Source {
    /// Sign with a secret key file on this machine; the secret stays here.
    #[arg(long, value_name = "FILE", group = "source", value_hint = ValueHint::FilePath)]
    pub(in crate::cli) key_file: Option<PathBuf>,
    /// Sign with a secret key file on the server; by default the one that the server itself is configured with.
    #[arg(long, value_name = "FILE", group = "source")]
    pub(in crate::cli) server_key: Option<String>,
    /// Sign with an Ed25519 key that ssh-agent holds.
    #[arg(
        long,
        value_name = "FINGERPRINT",
        group = "source",
        requires = "key_name"
    )]
    pub(in crate::cli) ssh_agent: Option<String>,
    /// The name under which signatures by ssh-agent are stored.
    #[arg(long, value_name = "NAME", requires = "ssh_agent")]
    pub(in crate::cli) key_name: Option<String>,
}

impl Source {
    /// The key that these name.
    pub(in crate::cli) fn choice(&self) -> KeyChoice {
        match (&self.key_file, &self.ssh_agent, &self.key_name) {
            (Some(file), _, _) => KeyChoice::Local(file.clone()),
            (None, Some(fingerprint), Some(name)) => KeyChoice::Agent {
                fingerprint: fingerprint.clone(),
                name: name.clone(),
            },
            _ => KeyChoice::Server(self.server_key.clone()),
        }
    }
}

/// Arguments of `sign`.
#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Sign {
    /// A configured name, an address, or local.
    pub(in crate::cli) server: String,
    /// Store paths, base names, hash parts, or names that only one path has.
    #[arg(
        required_unless_present = "all",
        conflicts_with = "all",
        value_name = "PATH"
    )]
    pub(in crate::cli) paths: Vec<String>,
    /// Everything that clients would refuse.
    #[arg(long)]
    pub(in crate::cli) all: bool,
    /// With the whole closure of each path.
    #[arg(long, conflicts_with = "all")]
    pub(in crate::cli) closure: bool,
    /// Also paths that an upstream key has signed.
    #[arg(long)]
    pub(in crate::cli) upstream: bool,
    /// Which key signs.
    #[command(flatten)]
    pub(in crate::cli) source: Source,
    /// What every change takes.
    #[command(flatten)]
    pub(in crate::cli) change: Change,
}

/// Arguments of `rotate`.
#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Rotate {
    /// A configured name, an address, or local.
    pub(in crate::cli) server: String,
    /// The name of the key to retire; may be given several times. Without it, the keys are listed.
    #[arg(long, value_name = "KEY-NAME")]
    pub(in crate::cli) from: Vec<String>,
    /// The name of the key that replaces it, if it is one of the server's; by default the server's first.
    #[arg(long, value_name = "KEY-NAME", requires = "from")]
    pub(in crate::cli) to: Option<String>,
    /// Leave out the paths that match a filter, such as `nightly older:30d`; clients still need the old key for them.
    #[arg(long, value_name = "FILTER", requires = "from")]
    pub(in crate::cli) except: Option<String>,
    /// Which key signs.
    #[command(flatten)]
    pub(in crate::cli) source: Source,
    /// What every change takes.
    #[command(flatten)]
    pub(in crate::cli) change: Change,
}

/// Arguments of `compromised`.
#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Compromised {
    /// A configured name, an address, or local.
    pub(in crate::cli) server: String,
    /// The name of the key.
    pub(in crate::cli) key: String,
    /// Since when it counts as compromised: an age such as 30d, a day or a moment. It is compared with the
    /// registration of paths, since the time of a signature is not recorded.
    #[arg(long, value_name = "WHEN", value_parser = past, global = true)]
    pub(in crate::cli) since: Option<When>,
    /// What to do; by default, list.
    #[command(subcommand)]
    pub(in crate::cli) what: Option<CompromisedCommand>,
}

/// What `compromised` does.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum CompromisedCommand {
    /// List what the key has signed, and what clients accept only because of it.
    List,
    /// Sign with another key those of its paths that you vouch for.
    Sign(Vouch),
    /// Strip its signatures in Nix's database; clients then refuse what no other key has signed.
    Strip(StripArgs),
}

/// Arguments of `compromised … sign`.
#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Vouch {
    /// Store paths, base names, hash parts, or names that only one path has.
    #[arg(required_unless_present_any = ["all", "before"], conflicts_with_all = ["all", "before"], value_name = "PATH")]
    pub(in crate::cli) paths: Vec<String>,
    /// All that this key has signed.
    #[arg(long, conflicts_with = "before")]
    pub(in crate::cli) all: bool,
    /// All that was registered before: an age such as 30d, a day or a moment.
    #[arg(long, value_name = "WHEN", value_parser = past)]
    pub(in crate::cli) before: Option<When>,
    /// Also the paths in their closures that this key has signed.
    #[arg(long, conflicts_with_all = ["all", "before"])]
    pub(in crate::cli) closure: bool,
    /// Which key signs.
    #[command(flatten)]
    pub(in crate::cli) source: Source,
    /// What every change takes.
    #[command(flatten)]
    pub(in crate::cli) change: Change,
}

/// Arguments of `compromised … strip`.
#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct StripArgs {
    /// Only from these: store paths, base names, hash parts, or names that only one path has.
    #[arg(value_name = "PATH")]
    pub(in crate::cli) paths: Vec<String>,
    /// What every change takes.
    #[command(flatten)]
    pub(in crate::cli) change: Change,
}

#[cfg(test)]
mod tests {
    use crate::cli::args::Args;
    use clap::Parser as _;

    #[test]
    fn what_may_stand_together() {
        let parsed = |line: &str| Args::try_parse_from(line.split(' ')).is_ok();
        for line in [
            "storekeeper rotate prod",
            "storekeeper rotate prod --from a-1 --from a-0 --to b-1 --dry-run",
            "storekeeper rotate prod --from a-1 --key-file k --except nightly --yes",
            "storekeeper compromised prod a-1 --since 30d",
            "storekeeper compromised prod a-1 sign --before 2027-02-20 --dry-run",
            "storekeeper compromised prod a-1 sign hello --closure --key-file k",
            "storekeeper compromised prod a-1 strip --yes",
        ] {
            assert!(parsed(line), "{line}");
        }
        for line in [
            "storekeeper rotate prod --to b-1",
            "storekeeper rotate prod --from a-1 --key-file k --server-key l",
            "storekeeper compromised prod",
            "storekeeper compromised prod a-1 sign",
            "storekeeper compromised prod a-1 sign hello --all",
            "storekeeper compromised prod a-1 --since soon",
        ] {
            assert!(!parsed(line), "{line}");
        }
    }
}
