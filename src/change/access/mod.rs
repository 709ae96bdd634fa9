//! Planning who may log in: authorize, revoke, suspend, resume, set an expiry, decide a request, install the knock.
//!
//! In: what was found out about the server's sshd and key files, and what the administrator wants. Out: a [`Plan`] that shows
//! the exact difference of each file; or why there is none. Nothing here asks the server.

pub(super) mod certify;
mod files;
mod keys;
mod knock;
mod left;
mod requests;
mod review;
mod suspend;
#[cfg(test)]
pub(super) mod tests;

pub use certify::{
    NewCertificate, SignCertRequest, certificate_name, may_write, serial, sign_cert,
};
pub use files::authorized_in;
pub use keys::{authorize, expire, revoke};
pub use knock::{install_knock, knock_to_install};
pub use requests::{approve, deny, end_session, prove, reopen, submit};
pub use review::review;
pub use suspend::{resume, suspend};

use super::{Danger, Item, Operation, Plan};
use crate::domain::access::{AccessFacts, KeyFile, Session, Unknown};
use crate::domain::authorized_keys::EditError;
use crate::domain::key_request::{Request, RevokedKey};
use crate::domain::proof::ProofError;
use crate::domain::ssh_key::Fingerprint;
use crate::domain::{Explain, Notice, notice};
use crate::server::Server;
use crate::server::access::{Edit, Folder, KnockInstall};
use thiserror::Error;

/// How long a key may be authorized: what that is called, and its seconds.
pub const LIFETIMES: [(&str, Option<i64>); 4] = [
    ("30 d", Some(30 * 86_400)),
    ("90 d", Some(90 * 86_400)),
    ("1 y", Some(365 * 86_400)),
    ("none", None),
];

/// The place in [`LIFETIMES`] of what a key gets where an administrator says nothing, on the command line and in the console.
pub const USUAL: usize = 1;

/// What a confirmed plan about access does, in this order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccessOperation {
    /// Files that are edited.
    pub edits: Vec<FileEdit>,
    /// Keys for the list of revoked ones.
    pub revoked: Vec<RevokedKey>,
    /// Requests that are kept or decided.
    pub requests: Vec<(Folder, Request)>,
    /// Sessions that are ended.
    pub sessions: Vec<Session>,
    /// Keys of which every session is ended, also those that were not there yet when it was planned.
    pub end: Vec<Fingerprint>,
    pub knock: Option<KnockInstall>,
    /// Items that are done by the record of them: keys that somebody has looked at.
    pub reviewed: usize,
    /// A certificate that is made here.
    pub certificate: Option<NewCertificate>,
    /// It touches the very line by which this connection logged in: another login has to work afterwards, or it is undone.
    pub own_way: bool,
}

/// One file's edit, with what is needed to show a conflict and to undo it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEdit {
    /// What is done.
    pub edit: Edit,
    /// The file as it was shown.
    pub file: KeyFile,
    /// The file as it will be.
    pub after: Vec<u8>,
    /// The lines that come, each with its end.
    pub lines: Vec<u8>,
    /// How many items of the plan it covers.
    pub items: usize,
}

/// The server and the administrator, as they are named in a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The server's name as the user calls it.
    pub server: String,
    pub address: String,
    /// `root via ada@laptop`.
    pub by: String,
}

impl About {
    /// Of a server that is connected.
    pub fn of(server: &Server) -> Self {
        Self {
            server: server.spec().name.clone(),
            address: server.spec().place.describe(),
            by: super::audit::who::by(&server.facts().user),
        }
    }

    /// One without anything in it yet, for what is no matter of access.
    pub(super) fn bare(&self, change: &'static str, summary: String) -> Plan {
        self.plan(change, summary, AccessOperation::default())
    }

    fn plan(&self, change: &'static str, summary: String, operation: AccessOperation) -> Plan {
        Plan {
            change,
            server: self.server.clone(),
            summary,
            items: Vec::new(),
            commands: Vec::new(),
            warnings: Vec::new(),
            concerns: Vec::new(),
            amounts: None,
            push: None,
            second: None,
            lines: vec![("on", self.address.clone())],
            danger: Danger::Adds,
            operation: Operation::Access(Box::new(operation)),
            reason: None,
        }
    }
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", self.notice())]
pub enum AccessError {
    /// There already.
    There {
        /// Which key.
        fingerprint: Fingerprint,
        /// The file.
        file: String,
        /// Its line.
        line: usize,
    },
    /// There, and suspended.
    Suspended {
        /// Which key.
        fingerprint: Fingerprint,
        /// The file.
        file: String,
        /// Its line.
        line: usize,
    },
    /// Not there.
    NotThere(Fingerprint),
    /// No key file at all.
    NoFile(String),
    /// The file that was asked for.
    OtherFile(String),
    /// Not ours to edit.
    NotEditable(Notice),
    /// Written by NixOS.
    Generated {
        /// The file.
        file: String,
        /// What writes it.
        by: String,
        /// What to change there.
        change: String,
    },
    /// Its keys would log in as somebody else, too.
    Shared {
        /// The file, with where its links lead.
        file: String,
        /// The other account.
        user: String,
    },
    /// Not readable.
    #[error(transparent)]
    Unknown(#[from] Unknown),
    /// Not a line that sshd takes.
    #[error(transparent)]
    Line(#[from] EditError),
    /// Nothing would be different.
    Nothing(String),
    /// A weak key.
    Weak(String),
    /// The answer to a challenge proves nothing.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The knock cannot be installed so.
    Knock(Notice),
    /// There can be no such certificate.
    Certificate(Notice),
}

impl Explain for AccessError {
    fn notice(&self) -> Notice {
        match self {
            Self::There {
                fingerprint,
                file,
                line,
            } => notice!(
                "the key {fingerprint} is in {file} already, line {line}",
                "change its expiry, or revoke it first"
            ),
            Self::Suspended {
                fingerprint,
                file,
                line,
            } => notice!(
                "the key {fingerprint} is suspended, line {line} of {file}",
                "resume it, or revoke it first: `keys SERVER resume {fingerprint}`"
            ),
            Self::NotThere(fingerprint) => notice!(
                "the key {fingerprint} is in no key file of the cache user",
                "`keys SERVER list` shows those that are"
            ),
            Self::NoFile(why) => notice!(
                "the key files that sshd reads are unknown ({why})",
                "name them with key_files for this server in the configuration"
            ),
            Self::OtherFile(file) => notice!(
                "{file} is no key file of the cache user",
                "leave it out, or name it in key_files for this server in the configuration"
            ),
            Self::NotEditable(why) | Self::Knock(why) | Self::Certificate(why) => why.clone(),
            Self::Generated { file, by, change } => notice!(
                "{file} is written by {by}, so an edit would be lost",
                "in the configuration of that server, {change}"
            ),
            Self::Shared { file, user } => notice!(
                "{file} is read for {user} too, so the key could log in as {user}",
                "give the cache user a file of its own"
            ),
            Self::Unknown(error) => error.notice(),
            Self::Line(error) => error.notice(),
            Self::Nothing(why) => notice!("there is nothing to do: {why}"),
            Self::Weak(why) => notice!("the key is refused: {why}"),
            Self::Proof(error) => error.notice(),
        }
    }
}

impl AccessError {
    /// Whether it is a matter of policy (exit code 4), and not of what is there.
    pub const fn is_policy(&self) -> bool {
        matches!(
            self,
            Self::Weak(_) | Self::Generated { .. } | Self::Shared { .. } | Self::Proof(_)
        )
    }
}

/// Whether a file opens the way by which this connection came in.
fn is_own_way(facts: &AccessFacts, login: &str, file: &KeyFile, key: Fingerprint) -> bool {
    facts.own_key == Some(key)
        && facts
            .files
            .iter()
            .chain(&facts.other_files)
            .any(|other| other.user == login && other.resolved == file.resolved)
}

/// Items and lines for one key line that changes.
fn line_item(
    plan: &mut Plan,
    file: &KeyFile,
    number: Option<usize>,
    key: Fingerprint,
    (before, after): (Option<&[u8]>, Option<&[u8]>),
) {
    let text = |line: &[u8]| {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        String::from_utf8_lossy(line).into_owned()
    };
    let (before, after) = (before.map(text), after.map(text));
    if let Some(before) = &before {
        plan.lines.push(("-", before.clone()));
    }
    if let Some(after) = &after {
        plan.lines.push(("+", after.clone()));
    }
    plan.items.push(Item::Key {
        fingerprint: key,
        file: file.place(),
        line: number,
        before,
        after,
    });
}
