//! The dialog before a change of who may log in, and the plan that it asks for.
//!
//! In: what is wanted, with what was typed. Out: [`plan`], from what is wanted to what will be done.

use crate::change::Plan;
use crate::change::access::{self, About, AccessError};
use crate::console::types::access::{AccessSnapshot, sentence};
use crate::console::types::problem::Problem;
use crate::console::types::secret::Secret;
use crate::domain::When;
use crate::domain::access::{AccessFacts, Session};
use crate::domain::authorized_keys::NewKey;
use crate::domain::key_request::Request;
use crate::domain::ssh_key::{Fingerprint, PublicSshKey};
use crate::judge::finding::Level;
use std::sync::Arc;
use tui_input::Input;

/// What shall be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Let a key in; `None` before it was given.
    Authorize(Option<PublicSshKey>),
    /// Have a requester show that the private key is there; `None` before the answer was given.
    Prove(Box<Request>, Option<Box<str>>),
    /// Let a request in.
    Approve(Box<Request>),
    /// Turn a request away.
    Deny(Box<Request>),
    /// Take a key out.
    Revoke(Fingerprint),
    /// Set when a key ends.
    Expire(Fingerprint),
    /// End an open session.
    End(Box<Session>),
}

impl Wanted {
    /// Whether a lifetime belongs to it.
    pub const fn lasts(&self) -> bool {
        matches!(
            self,
            Self::Authorize(_) | Self::Approve(_) | Self::Expire(_)
        )
    }

    /// Whether a line is written whose addresses and comment can be chosen.
    pub const fn adds(&self) -> bool {
        matches!(self, Self::Authorize(_) | Self::Approve(_))
    }

    /// The key that is let in.
    pub fn key(&self) -> Option<&PublicSshKey> {
        match self {
            Self::Authorize(key) => key.as_ref(),
            Self::Approve(request) => Some(&request.key),
            _ => None,
        }
    }

    /// Over the dialog.
    pub const fn title(&self) -> &'static str {
        match self {
            Self::Authorize(_) => "Authorize a key",
            Self::Prove(..) => "Proof that the requester has the private key",
            Self::Approve(_) => "Approve a request",
            Self::Deny(_) => "Deny a request",
            Self::Revoke(_) => "Revoke a key",
            Self::Expire(_) => "Set when a key expires",
            Self::End(_) => "End a session",
        }
    }
}

/// What is typed in the dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Typing {
    /// Nothing.
    Nothing,
    /// The key that shall be let in.
    Key,
    /// The answer to a challenge.
    Answer,
    /// From where the key may be used.
    From,
    /// The comment of the line.
    Comment,
    /// Why.
    Reason,
    /// The word that confirms.
    Word,
}

/// The dialog before a change of who may log in.
#[derive(Debug)]
pub struct AccessDialog {
    /// What shall be changed.
    pub wanted: Wanted,
    /// How long, by its place in [`LIFETIMES`](crate::console::screens::access::state::LIFETIMES).
    pub lifetime: usize,
    /// Whether open sessions of a revoked key are ended.
    pub end_sessions: bool,
    /// The plan, once it is made.
    pub plan: Option<Result<Box<Plan>, Problem>>,
    /// A key or an answer as it is typed or pasted. It may be a private key by mistake, so it is wiped.
    pub pasted: Secret,
    /// From where the key may be used, as in `from=`; empty: from anywhere.
    pub from: Input,
    /// The comment of the line; empty: the key's own.
    pub comment: Input,
    /// Why.
    pub reason: Input,
    /// The word that confirms.
    pub word: Input,
    /// What keys type into.
    pub typing: Typing,
    /// The number of the newest request for a plan.
    pub asked: u64,
}

/// All that a plan is made of.
#[derive(Debug, Clone)]
pub struct Order {
    /// The facts that were shown.
    pub known: Arc<AccessSnapshot>,
    /// What shall be changed.
    pub wanted: Wanted,
    /// Until when, where that belongs to it.
    pub expires: Option<When>,
    /// Whether open sessions are ended.
    pub end_sessions: bool,
    /// From where the key may be used; empty: from anywhere.
    pub from: String,
    /// The comment of the line; empty: the key's own.
    pub comment: String,
    /// Why.
    pub reason: String,
}

/// Makes the plan. `login` is the user of this connection on the server.
pub fn plan(order: &Order, about: &About, login: &str) -> Result<Plan, Problem> {
    let facts = &order.known.facts;
    let reason = (!order.reason.is_empty()).then(|| order.reason.clone());
    let new = |key: &PublicSshKey| {
        let mut key = key.clone();
        if !order.comment.is_empty() {
            key.set_comment(&order.comment);
        }
        NewKey {
            key,
            restrict: true,
            from: (!order.from.is_empty()).then(|| order.from.clone()),
            expires: order.expires,
        }
    };
    let plan = match &order.wanted {
        Wanted::Authorize(None) => return Err(Problem::say("no key was given")),
        Wanted::Authorize(Some(key)) => {
            admit(facts, key)?;
            access::authorize(about, facts, &new(key), None, reason)
        }
        Wanted::Prove(_, None) => return Err(Problem::say("no answer was given")),
        Wanted::Prove(request, Some(answer)) => {
            let planned = access::prove(about, facts, request, answer);
            planned.map(|plan| Plan { reason, ..plan })
        }
        Wanted::Approve(request) => {
            admit(facts, &request.key)?;
            let new = new(&request.key);
            access::approve(about, facts, request, &new, None, &order.reason)
        }
        Wanted::Deny(request) => access::deny(about, facts, request, &order.reason),
        Wanted::Revoke(key) => {
            access::revoke(about, facts, login, *key, order.end_sessions, reason)
        }
        Wanted::End(session) => Ok(access::end_session(about, session, reason)),
        Wanted::Expire(key) => access::expire(about, facts, login, *key, order.expires, reason),
    };
    plan.map_err(|error: AccessError| Problem::new(&error))
}

/// Weak keys are not authorized, however they come.
fn admit(facts: &AccessFacts, key: &PublicSshKey) -> Result<(), Problem> {
    let findings = crate::judge::access::of_candidate(facts, key);
    let worst = findings.iter().find(|found| found.level == Level::Refuse);
    match worst {
        Some(worst) => Err(Problem::say(format!(
            "this key is not let in: {}",
            sentence(worst)
        ))),
        None => Ok(()),
    }
}
