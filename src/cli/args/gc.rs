//! Arguments of `gc`.
//!
//! In: arguments. Out: [`Gc`].

use super::Change;
use crate::domain::{Age, Bytes, Threshold};
use crate::judge::collect::Rules;
use clap::Args as ClapArgs;

/// Arguments of `gc`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Gc {
    /// A configured name, an address, or local.
    pub(crate) server: String,
    /// Stop when the store's file system has this much available.
    #[arg(long, value_name = "SIZE|%", value_parser = Threshold::parse)]
    pub(crate) until_free: Option<Threshold>,
    /// Stop when this much is deleted.
    #[arg(long, value_name = "SIZE")]
    pub(crate) reclaim: Option<Bytes>,
    /// Never delete more than this.
    #[arg(long, value_name = "SIZE")]
    pub(crate) max: Option<Bytes>,
    /// Only paths unused for this long.
    #[arg(long, value_name = "AGE")]
    pub(crate) older_than: Option<Age>,
    /// Keep the newest N versions of each package; 0 for none.
    #[arg(long, value_name = "N", default_value_t = Rules::default().keep_newest)]
    pub(crate) keep_newest: usize,
    /// Keep what was registered within this time; 0 for no limit.
    #[arg(long, value_name = "AGE", default_value_t = Rules::default().grace)]
    pub(crate) grace: Age,
    /// Collect by the server's retention policy in place of the three rules above; for a timer, with --yes. `retention SERVER check` lists the same paths, and why the others stay.
    #[arg(long, conflicts_with_all = ["older_than", "keep_newest", "grace"])]
    pub(crate) policy: bool,
    /// Everything that is dead, as nix-collect-garbage does, even if it was used or uploaded just now.
    #[arg(long, conflicts_with_all = ["until_free", "reclaim", "max", "older_than", "keep_newest", "grace", "policy"])]
    pub(crate) whole: bool,
    /// Collect nothing, and remove the generations of all profiles that are older than this, as nix-collect-garbage
    /// --delete-older-than chooses them; what they alone kept is dead then.
    #[arg(long, value_name = "AGE", conflicts_with_all = ["until_free", "reclaim", "max", "older_than", "keep_newest", "grace", "whole", "policy"])]
    pub(crate) delete_generations_older_than: Option<Age>,
    /// Delete only while the cache user has no open session, and wait up to this time in all: Nix may have promised a path to the client of an open session, and the server keeps no record of that.
    #[arg(
        long,
        value_name = "TIME",
        conflicts_with = "delete_generations_older_than"
    )]
    pub(crate) idle: Option<Age>,
    /// What every change takes.
    #[command(flatten)]
    pub(crate) change: Change,
}
