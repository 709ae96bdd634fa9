//! Arguments of what signs: `sign` and `rotate`.

use super::Change;
use clap::{Args as ClapArgs, ValueHint};
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
    /// Also what an upstream key has signed already.
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
    /// The name of the key that goes; may be given several times. Without it, the keys are only listed.
    #[arg(long, value_name = "KEY-NAME")]
    pub(in crate::cli) from: Vec<String>,
    /// The name of the key that takes its place, where it is one of the server's; by default the first of those.
    #[arg(long, value_name = "KEY-NAME", requires = "from")]
    pub(in crate::cli) to: Option<String>,
    /// Leave out the paths that a filter finds, such as `nightly older:30d`; they go on needing the old key.
    #[arg(long, value_name = "FILTER", requires = "from")]
    pub(in crate::cli) except: Option<String>,
    /// Which key signs.
    #[command(flatten)]
    pub(in crate::cli) source: Source,
    /// What every change takes.
    #[command(flatten)]
    pub(in crate::cli) change: Change,
}
