//! The worker protocol of the Nix daemon: bytes to domain values and back, for both sides of the connection.
//!
//! In: any byte stream (`nix-daemon --stdio` through a link; a client of the built-in demo server). Out: handshakes,
//! messages, requests and replies, checked and capped: a peer can end the conversation, never exhaust or mislead us.
//! No sockets and no waiting rules live here; time-outs and pipelining are `server::daemon`'s.
//! Source: `src/libstore/worker-protocol*.{hh,cc}`, `daemon.cc` and `remote-store.cc` of Nix 2.8 to 2.35.
//!
//! The text in messages and errors is as it came (lossy UTF-8), hostile characters included. What shows it goes
//! through `domain::text`; [`RemoteError`]'s `Display` already does.

mod collect;
mod encode;
mod handshake;
mod message;
mod read;
mod reply;
mod request;

pub use collect::{
    Garbage, GcAction, encode_garbage, encode_outputs, encode_roots, read_garbage, read_outputs,
    read_roots,
};
pub use encode::Encoder;
pub use handshake::{Hello, Identity, Version, client_handshake, server_handshake};
pub use message::{Activity, Field, Message, RemoteError, levels};
pub use read::Reader;
pub use reply::{InfoReply, encode_path_info, read_path_info};
pub use request::{Options, Request};

use crate::domain::TooLarge;
use thiserror::Error;

/// What a peer may send at most. Beyond it the connection is given up: nothing tells where the next value begins. What all
/// of it together may take is in [`crate::domain::budget::most`].
pub mod limits {
    /// Bytes of a store path, link or hash text.
    pub const PATH: usize = 4096;
    /// Bytes of one log line, error message or version text.
    pub const TEXT: usize = 1 << 20;
    /// Bytes of one stored signature or content address.
    pub const SIGNATURE: usize = 16 << 10;
    /// Signatures of one path. Each is compared with all of its references, so many of both cost time.
    pub const SIGNATURES: u64 = 256;
    /// Paths in one set: references, referrers, or a whole store.
    pub const PATHS: u64 = 20_000_000;
    /// Traces of an error, fields of an activity, features, overrides.
    pub const FIELDS: u64 = 4096;
    /// Bytes of an error's message, and of each of its traces, that are kept.
    pub const ERROR_KEPT: usize = 4096;
    /// Traces of an error that are kept.
    pub const TRACES_KEPT: usize = 16;
}

/// Why a conversation cannot go on.
#[derive(Debug, Error)]
pub enum WireError {
    /// The stream ended where more had to come.
    #[error("the connection ended in the middle of a message")]
    Closed,
    /// The stream broke.
    #[error("the connection broke: {0}")]
    Io(#[from] std::io::Error),
    /// The first bytes are no daemon's: a banner of the shell, or another program.
    #[error("what answers is not a Nix daemon; it began with {0:?}")]
    Magic(String),
    /// A protocol that is not spoken here.
    #[error("the daemon speaks protocol {0}; 1.34 (Nix 2.8) or a later 1.x is needed")]
    Version(Version),
    /// A length or count beyond the cap.
    #[error("{what} of {got} is more than the {cap} that are accepted")]
    TooLarge {
        /// What was too large.
        what: &'static str,
        /// As sent.
        got: u64,
        /// As accepted.
        cap: u64,
    },
    /// More than fits into the memory that it may have.
    #[error(transparent)]
    Memory(#[from] TooLarge),
    /// Padding bytes that are not zero: the two sides have lost step.
    #[error("the padding after a text is not zero; the two sides have lost step")]
    Padding,
    /// A message, tag or number that the protocol does not have.
    #[error("{what} {got} is not part of the protocol")]
    Unexpected {
        /// What was read.
        what: &'static str,
        /// Its value.
        got: u64,
    },
    /// A store path that is none.
    #[error("a store path in it is malformed: {0}")]
    Path(String),
    /// The daemon refused in the handshake.
    #[error("the daemon refused: {0}")]
    Refused(RemoteError),
}

#[cfg(test)]
pub(crate) mod tests {
    use futures_util::FutureExt as _;
    use std::future::Future;

    /// Runs a future that never waits, such as one that reads from a slice.
    pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
        future
            .now_or_never()
            .expect("reading a slice does not wait")
    }

    /// Bytes from hexadecimal text with blanks.
    pub(crate) fn unhex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text
            .chars()
            .filter(|c| !c.is_whitespace())
            .map(|c| c.to_digit(16).unwrap() as u8)
            .collect();
        digits
            .chunks_exact(2)
            .map(|pair| pair[0] << 4 | pair[1])
            .collect()
    }
}
