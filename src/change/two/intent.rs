//! What a waiting plan keeps of a plan.
//!
//! In: a plan. Out: an [`Intent`] from which it can be planned again, where it is of a kind that can wait; and one line for each effect, by
//! which two plans of the same intent are compared. Ages of sessions and numbers of lines are no effects: they change by themselves.

use crate::change::access::{AccessOperation, NewCertificate};
use crate::change::keep::KeepStep;
use crate::change::{Item, Operation, Plan};
use crate::domain::authorized_keys::{AuthorizedKeys, NewKey};
use crate::domain::ssh_key::Fingerprint;
use crate::domain::text::visible;
use crate::domain::two_persons::{Intent, PathList};

/// The change to keep; `None` where a plan of this kind can't wait.
pub fn intent(plan: &Plan) -> Option<Intent> {
    let intent = match &plan.operation {
        Operation::Access(operation) => {
            let end_sessions = !operation.end.is_empty();
            match plan.change {
                "authorize" | "approve" => {
                    let [edit] = operation.edits.as_slice() else {
                        return None;
                    };
                    let line = String::from_utf8(edit.lines.clone()).ok()?;
                    let line = line.trim_end().to_owned();
                    // What comes back has to be the very line that was shown.
                    new_key(&line)?;
                    let file = edit.file.path.clone();
                    match operation.requests.as_slice() {
                        [] => Intent::Authorize { line, file },
                        [(_, request)] => Intent::Approve {
                            request: request.id(),
                            line,
                            file,
                        },
                        _ => return None,
                    }
                }
                "revoke" => Intent::Revoke {
                    key: the_key(plan)?,
                    end_sessions,
                },
                "suspend" => Intent::Suspend {
                    key: the_key(plan)?,
                    end_sessions,
                },
                "resume" => Intent::Resume {
                    key: the_key(plan)?,
                },
                "expire" => return expire(plan),
                "sign-cert" => return certificate(operation),
                _ => return None,
            }
        }
        Operation::Keep(steps) => match (plan.change, steps.as_slice()) {
            ("unpin", steps) => Intent::Unpin {
                pins: steps
                    .iter()
                    .map(|step| match step {
                        KeepStep::Unpin { name, .. } => Some(name.clone()),
                        _ => None,
                    })
                    .collect::<Option<_>>()?,
            },
            ("remove-root", steps @ [_, ..]) => Intent::RemoveRoots {
                roots: steps
                    .iter()
                    .map(|step| match step {
                        KeepStep::Root { root, .. } => Some(root.link.clone()),
                        _ => None,
                    })
                    .collect::<Option<_>>()?,
            },
            (_, [KeepStep::Retention(edit)]) => Intent::SetRetention {
                text: edit.text.clone(),
            },
            (_, [KeepStep::Rule(edit)]) => Intent::SetRule {
                text: edit.text.clone(),
            },
            _ => return None,
        },
        Operation::Strip(strip) => Intent::Strip {
            key: strip.key.clone(),
            paths: strip.rows.iter().map(|row| row.path.clone()).collect(),
        },
        Operation::Collect(operation) => match &operation.request {
            Some(asked) => Intent::Collect {
                rules: asked.rules.clone(),
                list: list(plan)?.seal(),
            },
            None if plan.change == "delete" => Intent::Delete {
                paths: plan.items.iter().filter_map(Item::path).cloned().collect(),
            },
            None => return None,
        },
        Operation::Sign { .. } | Operation::Push(_) => return None,
    };
    Some(intent)
}

/// The paths that belong to what is wanted, where that is too much for the plan itself: those of a collection.
pub fn list(plan: &Plan) -> Option<PathList> {
    match &plan.operation {
        Operation::Collect(operation) if operation.request.is_some() => {
            Some(PathList::of(plan.items.iter().filter_map(Item::path)))
        }
        _ => None,
    }
}

/// The certificate that an operation signs.
fn certificate(operation: &AccessOperation) -> Option<Intent> {
    let request = &operation.certificate.as_ref()?.request;
    let key = String::from_utf8(request.key.line()).ok()?;
    Some(Intent::SignCert {
        key: key.trim_end().to_owned(),
        authority: request.ca.fingerprint,
        serial: request.serial,
        id: request.id.clone(),
        principals: request.principals.clone(),
        from: request.source.clone(),
        expires: request.before,
    })
}

/// What a certificate is to say, line by line. Where its authority's key is and where it is written differs from one administrator to another.
fn says(new: &NewCertificate) -> Vec<String> {
    let request = &new.request;
    let mut lines = vec![
        format!("certificate {} ({})", request.serial, request.id),
        format!("of {}", request.key.fingerprint()),
        format!("by {}", request.ca.fingerprint),
        format!("for {}", request.principals.join(", ")),
        format!("until {}", request.before),
    ];
    lines.extend(request.source.iter().map(|from| format!("from {from}")));
    lines.extend(request.command.iter().map(|runs| format!("runs {runs}")));
    lines
}

/// The one key of a plan.
fn the_key(plan: &Plan) -> Option<Fingerprint> {
    let mut keys = plan.items.iter().filter_map(|item| match item {
        Item::Key { fingerprint, .. } => Some(*fingerprint),
        _ => None,
    });
    let key = keys.next()?;
    keys.all(|other| other == key).then_some(key)
}

/// When the key of a plan is to expire; `None` where its lines get different ends.
fn expire(plan: &Plan) -> Option<Intent> {
    let mut ends = plan.items.iter().filter_map(|item| match item {
        Item::Key {
            after: Some(after), ..
        } => {
            let document = AuthorizedKeys::parse(after.as_bytes());
            let options = document.line(1)?.key()?.effective()?.clone();
            Some(options.expiry.map(|end| end.at(0)))
        }
        _ => None,
    });
    let expires = ends.next()?;
    ends.all(|other| other == expires)
        .then_some(Intent::Expire {
            key: the_key(plan)?,
            expires,
        })
}

/// The key of a line, where this program would write it again byte for byte.
pub fn new_key(text: &str) -> Option<NewKey> {
    let document = AuthorizedKeys::parse(text.as_bytes());
    let line = document.line(1)?;
    let options = line.key()?.effective()?;
    let new = NewKey {
        key: line.key()?.key.clone(),
        restrict: options.restrict,
        from: options.from.clone(),
        expires: options.expiry.map(|expiry| expiry.at(0)),
    };
    let same = new
        .line()
        .is_ok_and(|line| line == text.trim_end().as_bytes());
    same.then_some(new)
}

/// What a plan would do, one line each, fit to be shown.
pub fn effects(plan: &Plan) -> Vec<String> {
    let mut effects = Vec::new();
    for item in &plan.items {
        match item {
            Item::Key {
                file,
                before,
                after,
                ..
            } => {
                // A suspended line says when and by whom.
                let suspends = plan.change == "suspend";
                let sign = if suspends { "suspend" } else { "-" };
                effects.extend(before.iter().map(|line| format!("{file}: {sign} {line}")));
                let after = after.iter().filter(|_| !suspends);
                effects.extend(after.map(|line| format!("{file}: + {line}")));
            }
            // Sessions come and go; the paths of a collection may be a million, and what a certificate says has lines of its own.
            Item::Session { .. } | Item::Collect { .. } | Item::Certificate { .. } => {}
            item => effects.push(item.to_string()),
        }
    }
    match &plan.operation {
        Operation::Access(operation) => {
            effects.extend(
                operation
                    .end
                    .iter()
                    .map(|key| format!("end sessions of {key}")),
            );
            effects.extend(operation.certificate.iter().flat_map(says));
        }
        Operation::Collect(operation) => {
            let asked = operation.request.iter();
            effects.extend(asked.flat_map(|asked| asked.lines.clone()));
        }
        Operation::Keep(_) => {
            let lines = plan.lines.iter();
            let changed = lines.filter(|(label, _)| matches!(*label, "+" | "-"));
            effects.extend(changed.map(|(label, line)| format!("{label} {line}")));
        }
        _ => {}
    }
    let concerns = plan.concerns.iter();
    effects.extend(concerns.map(|concern| format!("{DOUBT}{}", concern.id())));
    effects
        .iter()
        .map(|line| visible(line).into_owned())
        .collect()
}

/// Before a concern. One that is gone is no difference.
pub(super) const DOUBT: &str = "doubt: ";
