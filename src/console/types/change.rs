//! What a person can want to change, before there is a plan for it.

use crate::change::keep::Over;
use crate::console::types::space::{Planned, PolicyDraft};
use crate::domain::access::Session;
use crate::domain::authorized_keys::NewKey;
use crate::domain::installable::Installable;
use crate::domain::key_request::Request;
use crate::domain::pin::PinName;
use crate::domain::roots::Root;
use crate::domain::ssh_key::{Fingerprint, PublicSshKey};
use crate::domain::two_persons::{FoundPlan, Intent};
use crate::domain::{Bytes, StorePath};
use crate::inventory::Row;
use std::sync::Arc;

/// What shall be changed.
#[derive(Debug, Clone)]
pub enum ChangeKind {
    /// Sign paths.
    Sign(What),
    /// Copy paths of this machine there, and sign what was added.
    Push(Arc<[String]>),
    /// Change who may log in.
    Access(AccessChange),
    /// Change what the store keeps.
    Space(SpaceChange),
    /// Confirm a plan that waits for a second administrator, or drop it.
    Two(TwoChange),
    /// Install what then runs by itself.
    Install(Installable),
    /// Take it away.
    Remove(Installable),
}

/// What becomes of a plan that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TwoChange {
    /// It is planned again, and carried out.
    Confirm(Box<FoundPlan>),
    /// It goes.
    Drop(Box<FoundPlan>),
}

/// What is to be signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Everything refused.
    All,
    /// These.
    Rows(Arc<[Row]>),
    /// All that only the key of this name has signed.
    Rotation(Arc<str>),
}

/// A change of who may log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessChange {
    /// Authorize a key; `None` before it was given.
    Authorize(Option<PublicSshKey>),
    /// Keep a key that somebody has sent as a request; `None` before it was given.
    Submit(Option<PublicSshKey>),
    /// Make a user certificate for a key with an authority of this machine; `None` before the key was given.
    Certify(Option<PublicSshKey>),
    /// Have a requester show that the private key is there; `None` before the answer was given.
    Prove(Box<Request>, Option<Box<str>>),
    /// Authorize the key of a request.
    Approve(Box<Request>),
    /// Deny a request.
    Deny(Box<Request>),
    /// Have a denied request wait again.
    Reopen(Box<Request>),
    /// Authorize a key by this line, in the file of this name: it had it before.
    Restore(Box<NewKey>, String),
    /// Revoke a key.
    Revoke(Fingerprint),
    /// Suspend a key.
    Suspend(Fingerprint),
    /// Take a suspended key back into use.
    Resume(Fingerprint),
    /// Mark the keys as reviewed.
    Review,
    /// Set when a key expires.
    Expire(Fingerprint),
    /// End an open session.
    EndSession(Box<Session>),
}

/// A change of what the store keeps.
#[derive(Debug, Clone)]
pub enum SpaceChange {
    /// Delete what the planner chose.
    Collect(Box<Planned>),
    /// Delete all that is dead, whatever the rules say.
    CollectDead {
        /// Bytes that hard links save, where that is known.
        saved: Option<Bytes>,
    },
    /// Remove the generations of profiles that are older than an age.
    RemoveGenerations,
    /// Give the free pages of Nix's database back.
    Vacuum,
    /// Write another retention policy.
    Policy(Box<PolicyDraft>),
    /// Keep these paths, each under a pin of its own.
    Pin(Vec<StorePath>),
    /// Remove a pin.
    Unpin(PinName),
    /// Remove the pins whose time is over.
    UnpinOver(Over),
    /// Remove another root.
    RemoveRoot(Root),
    /// Have Nix fetch or build these anew, which are damaged.
    Repair(Vec<StorePath>),
    /// Delete these, whatever they are, with all that refers to them.
    DeletePaths(Vec<StorePath>),
    /// Take the signatures of the key of this name away; only from these paths, where some are marked.
    Strip(Arc<str>, Option<Arc<[StorePath]>>),
    /// Delete these, which are damaged.
    DeleteDamaged(Vec<StorePath>),
}

/// The changes that have the same choices and keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// Signatures, and what is pushed and signed.
    Sign,
    /// Who may log in.
    Access,
    /// What the store keeps.
    Space,
}

impl ChangeKind {
    /// Which keys its dialog has.
    pub fn family(&self) -> Family {
        match self {
            Self::Two(_) if self.signs() => Family::Access,
            Self::Sign(_) | Self::Push(_) => Family::Sign,
            Self::Access(_) => Family::Access,
            Self::Space(_) | Self::Two(_) | Self::Install(_) | Self::Remove(_) => Family::Space,
        }
    }

    /// Over its dialog.
    pub const fn title(&self) -> &'static str {
        match self {
            Self::Sign(What::Rotation(_)) => "Rotate a signing key",
            Self::Sign(_) => "Sign",
            Self::Push(_) => "Push",
            Self::Access(AccessChange::Authorize(_)) => "Authorize a key",
            Self::Access(AccessChange::Submit(_)) => "Keep a key as a request",
            Self::Access(AccessChange::Certify(_)) => "Make a certificate",
            Self::Access(AccessChange::Prove(..)) => "Proof that the requester has the private key",
            Self::Access(AccessChange::Approve(_)) => "Approve a request",
            Self::Access(AccessChange::Deny(_)) => "Deny a request",
            Self::Access(AccessChange::Reopen(_)) => "Take a denial back",
            Self::Access(AccessChange::Restore(..)) => "Authorize a key again",
            Self::Access(AccessChange::Revoke(_)) => "Revoke a key",
            Self::Access(AccessChange::Suspend(_)) => "Suspend a key",
            Self::Access(AccessChange::Resume(_)) => "Resume a key",
            Self::Access(AccessChange::Review) => "Mark the keys as reviewed",
            Self::Access(AccessChange::Expire(_)) => "Set when a key expires",
            Self::Access(AccessChange::EndSession(_)) => "End a session",
            Self::Install(Installable::AutoSign) => "Install auto-sign",
            Self::Install(Installable::PolicyTimer) => "Install the policy timer",
            Self::Install(Installable::Lease) => "Install the upload lease",
            Self::Install(Installable::Knock) => "Install the knock",
            Self::Remove(Installable::AutoSign) => "Remove auto-sign",
            Self::Remove(Installable::PolicyTimer) => "Remove the policy timer",
            Self::Remove(Installable::Lease) => "Remove the upload lease",
            Self::Remove(Installable::Knock) => "Remove the knock",
            Self::Two(TwoChange::Confirm(_)) => "Confirm as the second administrator",
            Self::Two(TwoChange::Drop(_)) => "Drop a plan that waits",
            Self::Space(SpaceChange::Collect(_)) => "Collect",
            Self::Space(SpaceChange::CollectDead { .. }) => "Collect all that is dead",
            Self::Space(SpaceChange::RemoveGenerations) => "Remove old generations",
            Self::Space(SpaceChange::Vacuum) => "Vacuum the database",
            Self::Space(SpaceChange::Policy(_)) => "Write the retention policy",
            Self::Space(SpaceChange::Pin(_)) => "Pin",
            Self::Space(SpaceChange::Unpin(_)) => "Unpin",
            Self::Space(SpaceChange::UnpinOver(Over::Pins)) => "Unpin all that has expired",
            Self::Space(SpaceChange::UnpinOver(Over::Revisions)) => "Unpin expired revisions",
            Self::Space(SpaceChange::RemoveRoot(_)) => "Remove a root",
            Self::Space(SpaceChange::Repair(_)) => "Repair",
            Self::Space(SpaceChange::Strip(..)) => "Take a key's signatures away",
            Self::Space(SpaceChange::DeletePaths(_) | SpaceChange::DeleteDamaged(_)) => "Delete",
        }
    }

    /// Whether a lifetime belongs to it.
    pub const fn has_lifetime(&self) -> bool {
        matches!(
            self,
            Self::Access(
                AccessChange::Authorize(_) | AccessChange::Approve(_) | AccessChange::Expire(_)
            )
        )
    }

    /// Whether a line is written whose addresses and comment can be chosen.
    pub const fn writes_line(&self) -> bool {
        matches!(
            self,
            Self::Access(AccessChange::Authorize(_) | AccessChange::Approve(_))
        )
    }

    /// Whether a certificate is made, whose names, number of days and file can be chosen.
    pub const fn certifies(&self) -> bool {
        matches!(self, Self::Access(AccessChange::Certify(_)))
    }

    /// Whether the key of an authority signs: for a certificate of one's own, or for one that another administrator has planned.
    pub fn signs(&self) -> bool {
        let intent = match self {
            Self::Two(TwoChange::Confirm(found)) => found.plan.as_ref().map(|plan| &plan.intent),
            _ => return self.certifies(),
        };
        matches!(intent, Ok(Intent::SignCert { .. }))
    }

    /// Whether the open sessions of a key can be ended with it.
    pub const fn ends_sessions(&self) -> bool {
        matches!(
            self,
            Self::Access(AccessChange::Revoke(_) | AccessChange::Suspend(_))
        )
    }

    /// Whether it is the one path that is pinned, so that the pin's name can be chosen.
    pub fn names_pin(&self) -> bool {
        matches!(self, Self::Space(SpaceChange::Pin(paths)) if paths.len() == 1)
    }

    /// Whether the reason is a part of the plan, and not only of the audit log.
    pub const fn plans_reason(&self) -> bool {
        matches!(
            self,
            Self::Access(_) | Self::Push(_) | Self::Space(SpaceChange::Pin(_))
        )
    }

    /// Whether it is a rotation of a signing key.
    pub const fn rotates(&self) -> bool {
        matches!(self, Self::Sign(What::Rotation(_)))
    }

    /// Whether it installs this.
    pub fn installs(&self, what: Installable) -> bool {
        matches!(self, Self::Install(own) if *own == what)
    }

    /// Whether it installs or removes what runs by itself.
    pub const fn installs_or_removes(&self) -> bool {
        matches!(self, Self::Install(_) | Self::Remove(_))
    }

    /// The request whose proof is waited for.
    pub const fn unanswered(&self) -> Option<&Request> {
        match self {
            Self::Access(AccessChange::Prove(request, None)) => Some(request),
            _ => None,
        }
    }

    /// Whether a key has to be given before there is a plan.
    pub const fn waits_for_key(&self) -> bool {
        matches!(
            self,
            Self::Access(
                AccessChange::Authorize(None)
                    | AccessChange::Submit(None)
                    | AccessChange::Certify(None)
            )
        )
    }

    /// The key that is authorized.
    pub fn key(&self) -> Option<&PublicSshKey> {
        match self {
            Self::Access(AccessChange::Authorize(key)) => key.as_ref(),
            Self::Access(AccessChange::Approve(request)) => Some(&request.key),
            Self::Access(AccessChange::Restore(new, _)) => Some(&new.key),
            _ => None,
        }
    }
}
