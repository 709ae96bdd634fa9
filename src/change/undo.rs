//! The change that takes another one back, where one does.
//!
//! In: a plan that was carried out. Out: [`Undo`], which becomes a plan of its own like any other change: shown, confirmed, with a
//! receipt. Where the state before can't be had again exactly, there is none: a line of a key file that this program would write
//! otherwise, a pin that had another reason, several pins at once.

use super::keep::KeepStep;
use super::two::new_key;
use super::{Item, Operation, Plan};
use crate::domain::StorePath;
use crate::domain::When;
use crate::domain::authorized_keys::NewKey;
use crate::domain::key_request::Request;
use crate::domain::pin::{PinName, Shown};
use crate::domain::ssh_key::Fingerprint;
use crate::server::access::Folder;

/// What takes a change back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undo {
    /// Revoke the key that was authorized.
    Revoke(Fingerprint),
    /// Authorize the key that was revoked, by the very line that it had.
    Authorize {
        /// The line.
        new: Box<NewKey>,
        /// The file that it was in.
        file: String,
    },
    /// Take the key back into use that was suspended.
    Resume(Fingerprint),
    /// Have the request that was denied wait again.
    Reopen(Box<Request>),
    /// Remove the pin that was made.
    Unpin(PinName),
    /// Make the pin again that was removed.
    Pin {
        /// Its name.
        name: PinName,
        /// What it kept.
        path: StorePath,
        /// Its reason.
        reason: Option<String>,
        /// Until when it kept.
        expires: Option<When>,
    },
}

impl Undo {
    /// What takes this plan back once all of it was done.
    pub fn of(plan: &Plan) -> Option<Self> {
        match &plan.operation {
            Operation::Access(operation) if operation.own_way => None,
            Operation::Access(operation) => match (plan.change, operation.requests.as_slice()) {
                ("authorize" | "approve", _) => authorized(&plan.items),
                ("revoke", []) => revoked(&plan.items),
                ("suspend", _) => suspended(&plan.items),
                ("deny", [(Folder::Denied, request)]) => {
                    let waited = Request {
                        decision: None,
                        ..request.clone()
                    };
                    Some(Self::Reopen(Box::new(waited)))
                }
                _ => None,
            },
            Operation::Keep(steps) => match (steps.as_slice(), plan.items.as_slice()) {
                // With another reason it was there before.
                (
                    [
                        KeepStep::Pin {
                            pin,
                            shown: Shown::Absent,
                        },
                    ],
                    _,
                ) => Some(Self::Unpin(pin.name.clone())),
                (
                    [KeepStep::Unpin { .. }],
                    [
                        Item::Pin {
                            pin,
                            path,
                            reason,
                            expires,
                        },
                    ],
                ) => Some(Self::Pin {
                    name: pin.clone(),
                    path: path.clone(),
                    reason: reason.clone(),
                    expires: *expires,
                }),
                _ => None,
            },
            Operation::Sign { .. }
            | Operation::Strip(_)
            | Operation::Collect(_)
            | Operation::Push(_) => None,
        }
    }

    /// Whether it would still be good for something: what had an end is not made again after it.
    pub fn stands(&self, now: When) -> bool {
        let expires = match self {
            Self::Authorize { new, .. } => new.expires,
            Self::Pin { expires, .. } => *expires,
            Self::Revoke(_) | Self::Resume(_) | Self::Reopen(_) | Self::Unpin(_) => None,
        };
        expires.is_none_or(|end| end > now)
    }

    /// What it does, in words.
    pub const fn words(&self) -> &'static str {
        match self {
            Self::Revoke(_) => "revoke the key again",
            Self::Authorize { .. } => "authorize the key again, by the line that it had",
            Self::Resume(_) => "resume the key, each line as it was",
            Self::Reopen(_) => "have the request wait again",
            Self::Unpin(_) => "remove the pin again",
            Self::Pin { .. } => "pin the path again, with the same name, reason and end",
        }
    }
}

fn authorized(items: &[Item]) -> Option<Undo> {
    let mut keys = items.iter().filter_map(|item| match item {
        Item::Key {
            fingerprint,
            before: None,
            after: Some(_),
            ..
        } => Some(*fingerprint),
        _ => None,
    });
    match (keys.next(), keys.next()) {
        (Some(key), None) => Some(Undo::Revoke(key)),
        _ => None,
    }
}

/// The key of which lines were suspended. Sessions that ended with it are not there again.
fn suspended(items: &[Item]) -> Option<Undo> {
    items.iter().find_map(|item| match item {
        Item::Key { fingerprint, .. } => Some(Undo::Resume(*fingerprint)),
        _ => None,
    })
}

/// The one line that went, where this program would write it again byte for byte.
fn revoked(items: &[Item]) -> Option<Undo> {
    let mut lines = items.iter().filter_map(|item| match item {
        Item::Key {
            file,
            before: Some(before),
            after: None,
            ..
        } => Some((file, before)),
        _ => None,
    });
    let ((file, before), None) = (lines.next()?, lines.next()) else {
        return None;
    };
    new_key(before).map(|new| Undo::Authorize {
        new: Box::new(new),
        file: file.clone(),
    })
}
