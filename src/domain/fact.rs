//! What was found out on a server, or why not.
//!
//! In: the server room's answers. Out: values for `judge` and the screens, in which unknown is said and never guessed.

use thiserror::Error;

/// Why something is not known: one sentence with the cause and the next step.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Unknown(pub String);

/// What was found out, or why not.
pub type Fact<T> = Result<T, Unknown>;
