//! The arguments of `push`.
//!
//! In: arguments. Out: [`Push`].

use super::super::when::{End, end};
use super::Change;
use super::signing::Source;
use crate::domain::pin::PinName;
use clap::ValueHint;
use std::path::PathBuf;

/// Arguments of `push`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Push {
    /// A configured name, an address, or local.
    pub(in crate::cli) server: String,
    /// Store paths of this machine, or links to them such as ./result. With --spool and none given, those of `OUT_PATHS`, as Nix sets it for a post-build-hook.
    #[arg(
        value_name = "PATH",
        required_unless_present = "spool",
        conflicts_with = "drain"
    )]
    pub(in crate::cli) paths: Vec<String>,
    /// The store that they come from: a host that this machine's ssh knows, or a store address of Nix; by default this machine's store.
    #[arg(long, value_name = "STORE")]
    pub(in crate::cli) from: Option<String>,
    /// Pin the path there under this name.
    #[arg(long, value_name = "NAME", conflicts_with = "drain")]
    pub(in crate::cli) pin: Option<PinName>,
    /// When the pin expires: 90d, 2027-02-20, 2027-02-20T12:00:00Z, or never.
    #[arg(long, value_name = "WHEN", value_parser = end, default_value = "never", requires = "pin", conflicts_with = "spool")]
    pub(in crate::cli) expires: End,
    /// What signs.
    #[command(flatten)]
    pub(in crate::cli) source: Source,
    /// Only put the paths into this folder, durably and without a connection, to be pushed by --drain.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(in crate::cli) spool: Option<PathBuf>,
    /// Push what lies in the folder, oldest first; what is there, signed and recorded leaves it.
    #[arg(long, requires = "spool")]
    pub(in crate::cli) drain: bool,
    /// Go on as more comes, and try again for as long as the server can't be reached.
    #[arg(long, requires = "drain")]
    pub(in crate::cli) follow: bool,
    /// What every change takes.
    #[command(flatten)]
    pub(in crate::cli) change: Change,
}

#[cfg(test)]
mod tests {
    use super::super::{Args, Command};
    use clap::Parser as _;

    /// The unit, and the page's hook and service.
    #[test]
    fn what_pushes_in_the_documentation_is_understood() {
        let unit = include_str!("../../../docs/storekeeper-push@.service");
        let page = include_str!("../../../docs/push.md");
        let unit = unit
            .lines()
            .filter_map(|line| line.strip_prefix("ExecStart="));
        let page = page
            .lines()
            .map(|line| line.strip_prefix("exec ").unwrap_or(line));
        let page = page.filter(|line| line.starts_with("storekeeper push "));
        let mut spooled = (0, 0, 0);
        for line in unit.chain(page) {
            let args = Args::try_parse_from(line.replace("%i", "prod").split(' ')).unwrap();
            let Some(Command::Push(push)) = args.command else {
                panic!("{line}");
            };
            match (push.spool, push.drain && push.follow && push.change.yes) {
                (None, _) => spooled.0 += 1,
                (Some(_), false) => spooled.1 += 1,
                (Some(_), true) => spooled.2 += 1,
            }
        }
        assert_eq!(spooled, (3, 1, 2));
    }
}
