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
    /// Stop when the store's file system has so much available.
    #[arg(long, value_name = "SIZE|%", value_parser = Threshold::parse)]
    pub(crate) until_free: Option<Threshold>,
    /// Stop when so much is taken.
    #[arg(long, value_name = "SIZE")]
    pub(crate) reclaim: Option<Bytes>,
    /// Never take more than this.
    #[arg(long, value_name = "SIZE")]
    pub(crate) max: Option<Bytes>,
    /// Only what was not used for so long.
    #[arg(long, value_name = "AGE")]
    pub(crate) older_than: Option<Age>,
    /// Keep the newest N versions of each package; 0 for none.
    #[arg(long, value_name = "N", default_value_t = Rules::default().keep_newest)]
    pub(crate) keep_newest: usize,
    /// Nothing that was registered within this time; 0 for no such rule.
    #[arg(long, value_name = "AGE", default_value_t = Rules::default().grace)]
    pub(crate) grace: Age,
    /// What the retention policy of the server does not keep, project by project, in the place of the three rules above; for a timer
    /// with --yes. `retention SERVER check` shows the same and why the rest stays.
    #[arg(long, conflicts_with_all = ["older_than", "keep_newest", "grace"])]
    pub(crate) policy: bool,
    /// All that nothing keeps, at once, as nix-collect-garbage does: what was used or uploaded just now as well.
    #[arg(long, conflicts_with_all = ["until_free", "reclaim", "max", "older_than", "keep_newest", "grace", "policy"])]
    pub(crate) whole: bool,
    /// Collect nothing, and remove the generations of all profiles that are older than this, as nix-collect-garbage
    /// --delete-older-than chooses them; what they alone kept is dead then.
    #[arg(long, value_name = "AGE", conflicts_with_all = ["until_free", "reclaim", "max", "older_than", "keep_newest", "grace", "whole", "policy"])]
    pub(crate) delete_generations_older_than: Option<Age>,
    /// Delete only in moments without an open session of the cache user, and wait so long for them in all: Nix may have told the client of
    /// a session that a path is there, which nothing else on the server knows of.
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
