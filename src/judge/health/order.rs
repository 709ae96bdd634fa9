//! What stands above what.
//!
//! In: checks from everywhere. Out: the worst first; of one state, a cause before what follows from it. `status` and the Overview
//! both go by this one table.

use super::{Check, State};
use std::cmp::Reverse;

/// The ids of checks, causes first. What no client gets anything with comes before what some clients notice, and that before
/// what only an administrator does.
pub const ORDER: &[&str] = &[
    // Nobody gets anything.
    "problem",
    "connection",
    "nix",
    "daemon-down",
    "store-listing",
    "access-serving",
    // Nothing can be uploaded or signed.
    "store-disk",
    "store-inodes",
    "root-disk",
    "rights",
    "signing-key",
    "collecting",
    // Some clients get nothing.
    "access-posture",
    "key-file",
    "clock",
    "refused-clients",
    "compromised-keys",
    "auto-sign",
    "bad-signatures",
    "unsigned-paths",
    "unreadable-paths",
    // Somebody waits, or soon will.
    "two-persons",
    "plans-waiting",
    "key-requests",
    "requests-dropped",
    "requests-unread",
    "requests-full",
    "keys-expiring",
    "collection-interrupted",
    "change-interrupted",
    "lease",
    "policy-timer",
    "sessions-old",
    "units",
    "forecast",
    // Nothing is broken yet.
    "keys-revoked",
    "keys-weak",
    "keys-reach",
    "keys-expired",
    "keys-odd",
    "keys-unused",
    "keys-suspended",
    "keys-review",
    "pins",
    "roots",
    "database-log",
    "database",
    "database-size",
    "retired-keys",
    "advisories",
    "load",
    "collection-running",
    "change-running",
    "plans-left",
    // What is not known, the most important first.
    "access",
    "access-log",
    "space",
    "access-times",
    "not-known",
    "not-live",
    "not-read",
    "hard-links",
    "fallback",
];

/// What sorts a check of this state and id. What stands behind a colon tells checks of one kind apart.
pub fn key(state: State, id: &str) -> (Reverse<State>, usize) {
    let kind = id.split(':').next();
    let place = ORDER.iter().position(|known| Some(*known) == kind);
    (Reverse(state), place.unwrap_or(ORDER.len()))
}

/// The worst first. Of one state and id, the order in which they came stays.
pub fn sort(checks: &mut [Check]) {
    checks.sort_by_key(|check| key(check.state, check.id));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every id that the checks of this room have, by their source.
    fn ids() -> Vec<&'static str> {
        let sources = [
            include_str!("../health.rs"),
            include_str!("nix.rs"),
            include_str!("signing_key.rs"),
            include_str!("access/mod.rs"),
            include_str!("access/keys.rs"),
            include_str!("access/sessions.rs"),
            include_str!("auto_sign.rs"),
            include_str!("policy_timer.rs"),
            include_str!("compromised.rs"),
            include_str!("space.rs"),
            include_str!("unfinished.rs"),
            include_str!("plans.rs"),
        ];
        let mut found = Vec::new();
        for source in sources {
            for before in [
                "check(",
                "Check::new(",
                "let id = ",
                "const ID: &str = ",
                "not_known(",
            ] {
                for part in source.split(before).skip(1) {
                    if let Some(rest) = part.trim_start().strip_prefix('"') {
                        found.extend(rest.split('"').next());
                    }
                }
            }
        }
        found
    }

    #[test]
    fn every_check_has_its_place() {
        let found = ids();
        assert!(found.len() > 20, "{found:?}");
        for id in found {
            assert!(ORDER.contains(&id), "{id} has no place in the order");
        }
    }

    #[test]
    fn a_place_is_had_once() {
        for (at, id) in ORDER.iter().enumerate() {
            assert!(!ORDER[..at].contains(id), "{id}");
        }
    }

    #[test]
    fn the_worst_first_and_a_cause_before_what_follows() {
        let check = |id, state| Check::new(id, state, "", None);
        let mut checks = [
            check("connection", State::Fine),
            check("not-known", State::Unknown),
            check("refused-clients", State::Warning),
            check("key-file", State::Warning),
            check("unsigned-paths", State::Warning),
            check("signing-key", State::Warning),
            check("bad-signatures", State::Critical),
            check("access-serving", State::Critical),
        ];
        sort(&mut checks);
        assert_eq!(
            checks.map(|check| check.id),
            [
                "access-serving",
                "bad-signatures",
                "signing-key",
                "key-file",
                "refused-clients",
                "unsigned-paths",
                "not-known",
                "connection",
            ]
        );
    }
}
