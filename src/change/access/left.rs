//! What a key that goes leaves behind: its open sessions, and the same key in files of other accounts.
//!
//! In: what was found out. Out: items and warnings of a plan.

use super::AccessOperation;
use super::files::document;
use crate::change::{Item, Plan};
use crate::domain::access::AccessFacts;
use crate::domain::ssh_key::Fingerprint;
use crate::domain::text::visible;

/// The same key in a file of root or of the login.
pub(super) fn elsewhere(facts: &AccessFacts, key: Fingerprint) -> Option<String> {
    let file = facts.other_files.iter().find(|file| {
        let own = facts.files.iter().any(|own| own.resolved == file.resolved);
        !own && document(file).is_ok_and(|document| !document.find(&key).is_empty())
    })?;
    Some(format!(
        "the key still logs in as {}: it is in {} too",
        visible(&file.user),
        visible(&file.path)
    ))
}

pub(super) fn sessions(
    plan: &mut Plan,
    operation: &mut AccessOperation,
    facts: &AccessFacts,
    key: Fingerprint,
    end: bool,
) {
    let open = match &facts.sessions {
        Ok(open) => open,
        Err(unknown) => {
            plan.warnings
                .push(format!("its open sessions are unknown ({unknown})"));
            return;
        }
    };
    let own: Vec<_> = open
        .iter()
        .filter(|session| session.fingerprint == Some(key))
        .collect();
    let nameless = open
        .iter()
        .filter(|session| session.fingerprint.is_none())
        .count();
    if nameless > 0 {
        plan.warnings.push(format!(
            "{nameless} open sessions of the cache user can't be attributed to a key; they go on"
        ));
    }
    if !end {
        if !own.is_empty() {
            plan.warnings.push(format!(
                "{} open sessions of this key go on until they end by themselves",
                own.len()
            ));
        }
        return;
    }
    operation.end.push(key);
    for session in own {
        plan.items.push(Item::Session {
            session: session.pid,
            from: session.from.clone(),
            fingerprint: session.fingerprint,
        });
        let from = session.from.as_deref().unwrap_or("somewhere");
        plan.lines
            .push(("ends", format!("session {} from {from}", session.pid)));
        plan.commands.push(format!("kill {}", session.pid));
        operation.sessions.push(session.clone());
    }
}
