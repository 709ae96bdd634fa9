//! What a change will do, before it does it; and the one gate between showing and doing.
//!
//! In: facts, chosen by the caller. Out: a [`Plan`] to show, a [`Confirmed`] plan to run, or the reason why not.
//! `--read-only` is enforced here and nowhere else: under it no plan is ever confirmed.

use super::access::AccessOperation;
use super::collect::{Amounts, CollectOperation};
use super::keep::KeepStep;
use super::push::{PushAmounts, PushOperation};
use super::second::Second;
use super::sign::strip::Strip;
use super::token::Token;
use crate::domain::pin::PinName;
use crate::domain::ssh_key::Fingerprint;
use crate::domain::{Explain, Notice, notice};
use crate::domain::{PublicKey, StorePath, When};
use crate::judge::concern::{self, Concern};
use serde::Serialize;
use std::fmt;
use std::sync::Arc;
use thiserror::Error;

/// What a confirmed plan does on the server. Each kind is built by its own module of this room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Add signatures to paths.
    Sign {
        /// In the order of signing: references before what refers to them.
        paths: Vec<StorePath>,
        /// What signs.
        with: KeySource,
        /// The public half that was shown. Another key, also one of the same name, signs nothing.
        key: Box<PublicKey>,
    },
    /// Take the signatures of a key away from the paths of the items, in their order.
    Strip(Box<Strip>),
    /// Change who may log in.
    Access(Box<AccessOperation>),
    /// Delete the store paths of the items, in their order.
    Collect(Arc<CollectOperation>),
    /// Change what the store keeps: a step for each item, in their order.
    Keep(Vec<KeepStep>),
    /// Copy closures there, sign what was added, and pin what was given.
    Push(Arc<PushOperation>),
}

/// Where the secret that signs is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A file on the server, read there by Nix and never by us.
    Server {
        /// Path on the server.
        file: String,
        /// Name of the key in it, read from its public half.
        name: String,
    },
    /// A file on this machine; the secret stays here, the signatures travel.
    Local {
        /// Path here.
        file: std::path::PathBuf,
        /// Name of the key in it.
        name: String,
    },
    /// An Ed25519 key that ssh-agent holds.
    Agent {
        /// `SHA256:…` of the public key.
        fingerprint: String,
        /// The name under which its signatures are stored.
        name: String,
    },
}

impl KeySource {
    /// The name of the key.
    pub fn name(&self) -> &str {
        match self {
            Self::Server { name, .. } | Self::Local { name, .. } | Self::Agent { name, .. } => name,
        }
    }
}

/// One thing that a plan touches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Item {
    /// A store path.
    Path {
        /// Full store path.
        path: StorePath,
        /// NAR size in bytes, for the list that is shown.
        #[serde(skip)]
        nar_size: u64,
    },
    /// A store path that goes.
    Collect {
        /// Full store path.
        path: StorePath,
        /// NAR size in bytes.
        #[serde(rename = "narSize")]
        nar_size: u64,
        /// The last use of it, or of what needs it.
        #[serde(rename = "lastUsed")]
        last_used: When,
        /// Why it may go.
        reason: &'static str,
    },
    /// A line of a key file.
    Key {
        /// Which key.
        fingerprint: Fingerprint,
        /// The file on the server.
        file: String,
        /// The line, from 1; `None` for one that comes.
        line: Option<usize>,
        /// What stands there; `None` for one that comes.
        before: Option<String>,
        /// What will stand there; `None` for one that goes.
        after: Option<String>,
    },
    /// A session that is ended.
    Session {
        /// Its process on the server.
        session: u32,
        /// The client's address.
        from: Option<String>,
        /// The key it logged in with.
        fingerprint: Option<Fingerprint>,
    },
    /// A request that is kept or decided.
    Request {
        /// Its id.
        request: String,
        /// The key that asks.
        fingerprint: Fingerprint,
    },
    /// A pin that comes or goes.
    Pin {
        /// Its name.
        pin: PinName,
        /// What it keeps.
        path: StorePath,
        /// Why.
        #[serde(rename = "note")]
        reason: Option<String>,
        /// When it may go.
        expires: Option<When>,
    },
    /// A root that goes.
    Root {
        /// Its link.
        root: String,
        /// What it keeps.
        path: StorePath,
    },
    /// A certificate that is made.
    Certificate {
        /// Its number.
        serial: u64,
        /// What sshd's log calls it.
        id: String,
        /// The key that it is for.
        fingerprint: Fingerprint,
        /// The key that signs it.
        authority: Fingerprint,
        /// The names that it may log in as.
        principals: Vec<String>,
        /// The addresses that it may come from; `None` for any.
        from: Option<String>,
        /// When it ends.
        expires: When,
        /// Where it is written, on the administrator's machine.
        out: String,
    },
    /// A file of the server that is written.
    File {
        /// Where.
        file: String,
    },
}

impl Item {
    /// The store path, for one of those.
    pub const fn path(&self) -> Option<&StorePath> {
        match self {
            Self::Path { path, .. } | Self::Collect { path, .. } => Some(path),
            _ => None,
        }
    }

    /// NAR size in bytes; 0 for what is no store path.
    pub const fn nar_size(&self) -> u64 {
        match self {
            Self::Path { nar_size, .. } | Self::Collect { nar_size, .. } => *nar_size,
            _ => 0,
        }
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path { path, .. } | Self::Collect { path, .. } => path.fmt(f),
            Self::Key {
                fingerprint,
                file,
                line,
                ..
            } => match line {
                Some(line) => write!(f, "{fingerprint} in {file}, line {line}"),
                None => write!(f, "{fingerprint} in {file}"),
            },
            Self::Session { session, from, .. } => match from {
                Some(from) => write!(f, "session {session} from {from}"),
                None => write!(f, "session {session}"),
            },
            Self::Request {
                request,
                fingerprint,
            } => write!(f, "request {request} of {fingerprint}"),
            Self::Pin { pin, path, .. } => write!(f, "pin {pin} of {path}"),
            Self::Root { root, path } => write!(f, "root {root} of {path}"),
            Self::Certificate {
                serial,
                id,
                fingerprint,
                ..
            } => write!(f, "certificate {serial} ({id}) of {fingerprint}"),
            Self::File { file } => file.fmt(f),
        }
    }
}

/// How sure the administrator must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Danger {
    /// Adds something; a key press confirms.
    Adds,
    /// Takes something away that does not come back; a typed word confirms.
    Destroys {
        /// The word.
        word: &'static str,
    },
}

/// What a change will do. Nothing in it can be run until it is confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The stable word for this kind of change, such as `sign`.
    pub change: &'static str,
    /// The server's name as the user calls it.
    pub server: String,
    /// One line: what, how much, with what.
    pub summary: String,
    /// Everything it touches, in order.
    pub items: Vec<Item>,
    /// The equivalent commands on the server.
    pub commands: Vec<String>,
    /// What the administrator should know first.
    pub warnings: Vec<String>,
    /// What of these has to be accepted by name, the gravest first.
    #[serde(rename = "accept", skip_serializing_if = "Vec::is_empty")]
    pub concerns: Vec<Concern>,
    /// Of a collection: how much goes and how much stays.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub amounts: Option<Amounts>,
    /// Of a push: how much is copied, and how much is there already.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub push: Option<PushAmounts>,
    /// What the server's two-person rule makes of it, where it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second: Option<Second>,
    /// Labelled lines for the dialog (`on`, `with`, `what`, `not`, `effect`), in order.
    #[serde(skip)]
    pub lines: Vec<(&'static str, String)>,
    /// How it has to be confirmed.
    #[serde(skip)]
    pub danger: Danger,
    /// What will be done.
    #[serde(skip)]
    pub operation: Operation,
    /// Why, in the administrator's words, for the audit log.
    #[serde(skip)]
    pub reason: Option<String>,
}

/// What may be done at all in this run of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Set by `--read-only` or the configuration.
    pub read_only: bool,
}

/// How a plan was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// `--yes` on the command line.
    Flag,
    /// `--yes`, and what `--accept` names.
    Accepting(Vec<Concern>),
    /// The confirming key of the dialog, or a typed yes at the prompt.
    Key,
    /// The typed word of a destructive plan.
    Word(String),
}

/// Why a plan is not confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", self.notice())]
pub enum Refusal {
    /// Read-only.
    ReadOnly,
    /// Nothing to do.
    Nothing,
    /// The word was not typed.
    Word(&'static str),
    /// Concerns that were not accepted.
    Accept {
        /// Those.
        missing: Vec<Concern>,
        /// All that the plan has.
        all: Vec<Concern>,
    },
}

impl Explain for Refusal {
    fn notice(&self) -> Notice {
        match self {
            Self::ReadOnly => notice!(
                "storekeeper is read-only here",
                "start it without --read-only (or set read_only = false for this server) to make changes"
            ),
            Self::Nothing => notice!(
                "there is nothing to do",
                "every path that was asked for is done already"
            ),
            Self::Word(word) => notice!(
                "the plan is confirmed by typing {word:?}",
                "nothing was changed"
            ),
            Self::Accept { missing, all } => {
                let (missing, all) = (concern::meanings(missing), concern::ids(all));
                notice!(
                    "the key {missing}, so nothing was changed",
                    "to authorize it all the same, add --accept {all}"
                )
            }
        }
    }
}

/// A plan that may run, once.
#[derive(Debug)]
pub struct Confirmed {
    plan: Plan,
}

impl Plan {
    /// The gate. Everything that changes a server has come through here.
    pub fn confirm(self, answer: &Answer, policy: Policy) -> Result<Confirmed, Refusal> {
        if policy.read_only {
            return Err(Refusal::ReadOnly);
        }
        if self.items.is_empty() {
            return Err(Refusal::Nothing);
        }
        match (answer, self.word()) {
            (Answer::Flag, _) => self.accepts(&[])?,
            (Answer::Accepting(concerns), _) => self.accepts(concerns)?,
            (Answer::Word(typed), Some(word)) if typed == word => {}
            (_, Some(word)) => return Err(Refusal::Word(word)),
            (_, None) => {}
        }
        Ok(Confirmed { plan: self })
    }

    /// The word that is typed to confirm it, where a key press is not enough: that of what it takes away, else the id of its gravest
    /// concern.
    pub fn word(&self) -> Option<&'static str> {
        match self.danger {
            Danger::Destroys { word } => Some(word),
            Danger::Adds => self.concerns.first().map(|concern| concern.id()),
        }
    }

    fn accepts(&self, accepted: &[Concern]) -> Result<(), Refusal> {
        let missing = |concern: &&Concern| !accepted.contains(concern);
        let missing: Vec<Concern> = self.concerns.iter().filter(missing).copied().collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(Refusal::Accept {
            missing,
            all: self.concerns.clone(),
        })
    }
}

impl Confirmed {
    /// The plan as it was shown.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Takes the plan apart for the job that runs it.
    pub(super) fn into_parts(self) -> (Plan, Token) {
        (self.plan, Token::new())
    }
}

#[cfg(test)]
mod tests;
