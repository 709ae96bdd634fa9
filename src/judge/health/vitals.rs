//! From what was found out about a server to what its checks look at.
//!
//! In: the facts of one probe, the counts of the store as far as it was read, limits. Out: [`Vitals`], the same for the console and
//! for `status`.

use super::{Space, Vitals};
use crate::domain::server_facts::{Facts, Rights};
use crate::domain::{Threshold, TrustClass};
use crate::inventory::Counts;
use std::time::Duration;

impl<'a> Vitals<'a> {
    /// Of a server. `place` says who is logged in where; `limits` are the thresholds of a warning and of what is critical. Without `counts`
    /// nothing is counted as refused: whoever asks then leaves out what is said about the store.
    pub fn of(
        server: &'a str,
        place: &'a str,
        round_trip: Option<Duration>,
        facts: &'a Facts,
        counts: Option<&Counts>,
        limits: (Threshold, Threshold),
    ) -> Self {
        let bad = counts.and_then(|counts| {
            let mut classes = counts.by_trust.iter();
            classes.find(|(class, ..)| *class == TrustClass::Bad)
        });
        let shadowed = facts.keys.shadowed().iter();
        Self {
            server,
            place,
            round_trip,
            nix_version: &facts.nix_version,
            protocol: facts.protocol,
            trusted: facts.trusted,
            privileged: facts.rights != Rights::User,
            writable: facts.store_writable,
            clock_skew: facts.clock_skew,
            own_keys: facts.keys.ours().len(),
            shadowed: shadowed.map(|key| key.name().as_str()).collect(),
            key_problems: facts
                .signing_keys
                .iter()
                .filter_map(|key| Some((key.file.as_str(), key.problem.as_ref()?)))
                .collect(),
            refused: counts.map_or(0, |counts| counts.refused),
            bad: bad.map_or(0, |(_, paths, _)| *paths),
            unreadable: counts.map_or(0, |counts| counts.unreadable),
            space: facts.disk.map(|disk| {
                let space = Space {
                    size: disk.size,
                    available: disk.available,
                    inodes: disk.inodes,
                    inodes_used: disk.inodes_used,
                };
                (space, facts.mount.as_str())
            }),
            disk_warning: limits.0,
            disk_critical: limits.1,
            unknown: &facts.unknown,
        }
    }
}
