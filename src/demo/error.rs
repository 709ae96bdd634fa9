//! Why the demo could not be started.
//!
//! In: what failed on this machine. Out: a notice with the next step.

use crate::domain::signature::KeyError;
use crate::domain::{Explain, Notice, notice};
use std::net::SocketAddr;
use thiserror::Error;

/// Why the demo could not be started.
#[derive(Debug, Error)]
#[error("{}", self.notice())]
pub enum DemoError {
    /// A signing key could not be made.
    Key(#[source] KeyError),
    /// A generated name is no store path name.
    Name(String),
    /// It was stopped while the store was being made.
    Ended,
    /// An SSH key could not be made.
    SshKey(String),
    /// The scratch folder could not be made or filled.
    Scratch(#[source] std::io::Error),
    /// The socket in it could not be made.
    Socket(#[source] std::io::Error),
    /// The address cannot be listened on.
    Listen {
        /// As asked for.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
}

impl Explain for DemoError {
    fn notice(&self) -> Notice {
        match self {
            Self::Key(error) => notice!(
                "the demo's signing key could not be made: {error}",
                "try another seed"
            ),
            Self::Name(name) => notice!(
                "the demo made a name that no store path can have, {name:?}",
                "try another seed"
            ),
            Self::Ended => notice!("the demo was ended before it had begun", "start it again"),
            Self::SshKey(error) => notice!(
                "the demo's SSH keys could not be made: {error}",
                "try again"
            ),
            Self::Scratch(error) => notice!(
                "the demo's scratch folder could not be made: {error}",
                "set TMPDIR to a folder that you can write to"
            ),
            Self::Socket(error) => notice!(
                "the demo's socket could not be made: {error}",
                "set TMPDIR to a folder with a short name"
            ),
            Self::Listen { address, source } => notice!(
                "the demo can't listen on {address}: {source}",
                "give another address or port"
            ),
        }
    }
}
