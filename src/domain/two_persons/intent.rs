//! The change that the first administrator planned, in a form that can be planned again from what is there later.
//!
//! In: a plan of a kind that can wait. Out: plain data, as a plan's file has it. Rules of a collection are kept and not its paths, which may be
//! a million: those lie beside the plan ([`Seal`]).

use super::Seal;
use crate::domain::pin::PinName;
use crate::domain::ssh_key::Fingerprint;
use crate::domain::{StorePath, When};
use serde::{Deserialize, Serialize};

/// A change that waits for its second confirmation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Intent {
    /// Authorize the key of this line of a key file.
    Authorize {
        /// The line, as this program writes it.
        line: String,
        /// The file.
        file: String,
    },
    /// The same, and the request of this id is decided by it.
    Approve {
        /// The request.
        request: String,
        /// The line, as this program writes it.
        line: String,
        /// The file.
        file: String,
    },
    /// Take every line of a key away.
    Revoke {
        /// Which key.
        key: Fingerprint,
        /// Whether its open sessions end.
        end_sessions: bool,
    },
    /// Have sshd pass over every line of a key.
    Suspend {
        /// Which key.
        key: Fingerprint,
        /// Whether its open sessions end.
        end_sessions: bool,
    },
    /// Take a suspended key back into use.
    Resume {
        /// Which key.
        key: Fingerprint,
    },
    /// Set when a key expires.
    Expire {
        /// Which key.
        key: Fingerprint,
        /// When; `None` for never.
        expires: Option<When>,
    },
    /// Delete these paths, with all that refers to them.
    Delete {
        /// Those.
        paths: Vec<StorePath>,
    },
    /// Remove pins.
    Unpin {
        /// Their names.
        pins: Vec<PinName>,
    },
    /// Remove roots.
    RemoveRoots {
        /// Their links.
        roots: Vec<String>,
    },
    /// Collect by these rules, and nothing that the first has not seen.
    Collect {
        /// The rules.
        rules: CollectRules,
        /// What the first has seen.
        list: Seal,
    },
    /// Make a user certificate, where the authority's key is.
    SignCert {
        /// The line of the key that it is for.
        key: String,
        /// The key that signs it.
        authority: Fingerprint,
        /// Its number.
        serial: u64,
        /// What sshd's log calls it.
        id: String,
        /// The names that it may log in as.
        principals: Vec<String>,
        /// The addresses that it may come from.
        from: Option<String>,
        /// When it ends.
        expires: When,
    },
    /// Take the signatures of a key away.
    Strip {
        /// Its name.
        key: String,
        /// From these paths.
        paths: Vec<StorePath>,
    },
    /// Write another retention policy.
    SetRetention {
        /// Its text.
        text: String,
    },
    /// Write another two-person rule.
    SetRule {
        /// Its text.
        text: String,
    },
}

/// The rules of a collection, as they were asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct CollectRules {
    /// The server's retention policy, in the place of the last three.
    pub policy: bool,
    /// Until so much is available, as it is typed: `20%`, `50G`.
    pub until_free: Option<String>,
    /// Until at least so many bytes are taken.
    pub reclaim: Option<u64>,
    /// Never more bytes than this.
    pub max: Option<u64>,
    /// Only in moments without a session, for which so many seconds are waited.
    pub idle: Option<u64>,
    /// Only what was not used for so many seconds.
    pub older_than: Option<u64>,
    /// So many of the newest paths of each name stay.
    pub keep_newest: usize,
    /// What was registered within so many seconds stays.
    pub grace: u64,
}
