//! The built-in cache server.

mod keys;
mod random;
pub mod store;

use crate::domain::signature::KeyError;
use thiserror::Error;

/// Why the demo could not be started.
#[derive(Debug, Error)]
pub enum DemoError {
    /// A signing key could not be made.
    #[error("the demo's signing key could not be made: {0}")]
    Key(#[source] KeyError),
    /// A generated name is no store path name.
    #[error("the demo made a name that no store path can have: {0:?}")]
    Name(String),
}
