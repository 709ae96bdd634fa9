//! What screen 4 asks for.

use crate::console::types::access::AccessSnapshot;
use crate::domain::StorePath;
use crate::domain::ssh_key::Fingerprint;
use crate::onboard::client::Platform;
use std::path::PathBuf;
use std::sync::Arc;

/// What is to be done beside the loop.
#[derive(Debug)]
pub enum Effect {
    /// Look at who may log in.
    Read,
    /// Read what is new in sshd's log.
    FollowLog {
        /// What is known.
        known: Arc<AccessSnapshot>,
    },
    /// Write out what the new client has to do.
    Onboard {
        /// The server's name.
        server: String,
        /// What is known of its sshd.
        known: Arc<AccessSnapshot>,
        /// The client's system.
        platform: Platform,
    },
    /// Read the certificate that a job has made.
    ReadCertificate(PathBuf),
    /// Go through the way of a client.
    Way {
        /// The server's name.
        server: String,
        /// What is known of its sshd.
        known: Arc<AccessSnapshot>,
        /// The client's key.
        key: Fingerprint,
        /// The path; `None` for any.
        path: Option<StorePath>,
    },
    /// Go through the way of the client with the certificate or public key in a file.
    WayOfFile {
        /// The server's name.
        server: String,
        /// What is known of its sshd.
        known: Arc<AccessSnapshot>,
        /// The file; `~/` is of the home folder.
        file: PathBuf,
        /// The path; `None` for any.
        path: Option<StorePath>,
    },
}
