//! What has happened on a server between two looks at it.
//!
//! In: what was known before, and what is known now. Out: [`Event`]s, the same for text, JSON and programs that are run for them.
//! What holds for a time (a disk that is nearly full, a daemon that is down) is an event when it begins and when it ends.

mod clients;
mod store;
#[cfg(test)]
mod tests;

pub use clients::{Ending, endings, logins, requests};
pub use store::{deleted, of_path};

use super::health::State;
use crate::domain::When;
use crate::domain::ssh_key::Fingerprint;
use serde::Serialize;

/// A kind of event, as a filter names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// A path became valid.
    Upload,
    /// A path that clients refuse came in, or became such.
    RefusedPath,
    /// A path that was there has signatures that it had not.
    Signature,
    /// Paths are valid no more.
    Deleted,
    /// A key asks for access.
    Request,
    /// sshd refused a client.
    RefusedLogin,
    /// The store's disk crossed a threshold.
    Disk,
    /// A key ends within a week, or has ended.
    KeyExpiring,
    /// A collection began or ended.
    Collection,
    /// The daemon stopped listening, or listens again.
    Daemon,
    /// The connection, or the watch of the server, was had or lost.
    Connection,
}

impl EventKind {
    /// All of them, in the order in which they are documented.
    pub const ALL: [Self; 11] = [
        Self::Upload,
        Self::RefusedPath,
        Self::Signature,
        Self::Deleted,
        Self::Request,
        Self::RefusedLogin,
        Self::Disk,
        Self::KeyExpiring,
        Self::Collection,
        Self::Daemon,
        Self::Connection,
    ];

    /// The stable word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::RefusedPath => "refused-path",
            Self::Signature => "signature",
            Self::Deleted => "deleted",
            Self::Request => "request",
            Self::RefusedLogin => "refused-login",
            Self::Disk => "disk",
            Self::KeyExpiring => "key-expiring",
            Self::Collection => "collection",
            Self::Daemon => "daemon",
            Self::Connection => "connection",
        }
    }

    /// What it is, for a list of them.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Upload => "a path became valid",
            Self::RefusedPath => {
                "a path that clients refuse was uploaded, or clients refuse one from now on"
            }
            Self::Signature => "a path got signatures",
            Self::Deleted => "paths were deleted",
            Self::Request => "a key asks for access",
            Self::RefusedLogin => "sshd refused a client",
            Self::Disk => "the store's disk crossed a threshold of the configuration",
            Self::KeyExpiring => "a key ends within a week, or has ended",
            Self::Collection => "a collection began or ended",
            Self::Daemon => "the daemon stopped listening, or listens again",
            Self::Connection => "the connection or the watch was made or lost",
        }
    }
}

/// Something that happened. Texts are fit to be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(
    tag = "event",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase"
)]
pub enum Event {
    /// A path became valid.
    Upload {
        /// The store path.
        path: String,
        /// In bytes; null where the store does not know.
        nar_size: Option<u64>,
        /// When the server registered it, by its clock.
        registered: When,
        /// The trust class of the path alone.
        trust: &'static str,
        /// Whether clients refuse it as it is.
        refused: bool,
    },
    /// A path is refused by clients now.
    RefusedPath {
        /// The store path.
        path: String,
        /// Why: its trust class.
        trust: &'static str,
    },
    /// A path has new signatures.
    Signature {
        /// The store path.
        path: String,
        /// The names of their keys.
        keys: Vec<String>,
        /// The trust class with them.
        trust: &'static str,
    },
    /// Paths are valid no more.
    Deleted {
        /// How many.
        paths: usize,
        /// The sum of their NAR sizes in bytes, as far as the store knew them.
        nar_size: u64,
    },
    /// A key asks for access.
    Request {
        /// What approves it.
        id: String,
        /// The key's fingerprint.
        fingerprint: Fingerprint,
        /// The key's own comment, not verified.
        comment: String,
    },
    /// A client was refused.
    RefusedLogin {
        /// Its key.
        fingerprint: Fingerprint,
        /// The key's comment, as far as any is known.
        comment: String,
        /// The address it came from last.
        from: String,
        /// Connections in which it was refused since the last event about it.
        times: u64,
        /// When it was refused last, by the server's clock.
        last: When,
        /// Why, in words.
        message: String,
    },
    /// The store's disk crossed a threshold.
    Disk {
        /// On which side it is now.
        state: State,
        /// Bytes that are left.
        available: u64,
        /// Of so many.
        size: u64,
        /// Inodes that are left; null where there is no fixed number of them.
        inodes_free: Option<u64>,
    },
    /// A key ends soon, or has ended.
    KeyExpiring {
        /// The key's fingerprint.
        fingerprint: Fingerprint,
        /// Its comment.
        comment: String,
        /// When it ends.
        expires: When,
        /// Whether that is over.
        expired: bool,
    },
    /// A collection.
    Collection {
        /// `began` or `ended`.
        state: Phase,
    },
    /// The daemon.
    Daemon {
        /// Whether anybody listens at its socket.
        listens: bool,
    },
    /// The connection.
    Connection {
        /// What it is now.
        state: Link,
        /// Why.
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
}

/// Of something that lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// From now on.
    Began,
    /// Until now.
    Ended,
}

/// How a server is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Link {
    /// Changes come in as they happen.
    Watched,
    /// It is read once a minute, since it can't be watched.
    Polled,
    /// Part of it could not be read.
    Unread,
    /// Not connected.
    Lost,
}

impl Event {
    pub const fn kind(&self) -> EventKind {
        match self {
            Self::Upload { .. } => EventKind::Upload,
            Self::RefusedPath { .. } => EventKind::RefusedPath,
            Self::Signature { .. } => EventKind::Signature,
            Self::Deleted { .. } => EventKind::Deleted,
            Self::Request { .. } => EventKind::Request,
            Self::RefusedLogin { .. } => EventKind::RefusedLogin,
            Self::Disk { .. } => EventKind::Disk,
            Self::KeyExpiring { .. } => EventKind::KeyExpiring,
            Self::Collection { .. } => EventKind::Collection,
            Self::Daemon { .. } => EventKind::Daemon,
            Self::Connection { .. } => EventKind::Connection,
        }
    }
}
