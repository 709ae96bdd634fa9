//! Arguments of `audit`.
//!
//! In: arguments. Out: [`Audit`].

use clap::Args;

/// Arguments of `audit`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Audit {
    /// A configured name, an address, or local.
    pub(in crate::cli) server: String,
    /// Only check the log; exit 0 if its chain is intact and the copy on this machine or the server's journal has its last record, else 1.
    #[arg(long)]
    pub(in crate::cli) verify: bool,
    /// List the newest N records.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(in crate::cli) last: u32,
}
