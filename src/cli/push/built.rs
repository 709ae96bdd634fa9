//! What a build has made, as Nix tells its post-build-hook.
//!
//! In: the environment. Out: store paths.

use crate::change::push::given;
use crate::cli::error::CliError;
use crate::domain::{StorePath, notice};
use crate::server::outputs_here;

/// What Nix says in the environment of a post-build-hook (nix.conf(5)): `$OUT_PATHS`, separated by blanks. Nix 2.8.0 leaves it empty, so
/// the outputs of `$DRV_PATH` count then.
pub(super) async fn built() -> Result<Vec<StorePath>, CliError> {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let paths: Vec<String> = variable("OUT_PATHS")
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    if !paths.is_empty() {
        return given::paths(&paths).map_err(CliError::usage);
    }
    match variable("DRV_PATH").as_str() {
        "" => Err(CliError::usage(notice!(
            "there is nothing to spool: no path is given, and neither OUT_PATHS nor DRV_PATH is set",
            "give paths, or call this from a post-build-hook"
        ))),
        derivation => Ok(outputs_here(&given::path(derivation).map_err(CliError::usage)?).await?),
    }
}
