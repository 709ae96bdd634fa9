//! From what was found out about a server to what its checks look at.
//!
//! In: the facts of one probe, the counts of the store as far as it was read, limits. Out: [`Vitals`], the same for the console and
//! for `status`.

use super::{Space, Vitals};
use crate::domain::server_facts::{Facts, Rights};
use crate::domain::{Thresholds, TrustClass};
use crate::inventory::Counts;
use std::time::Duration;

impl<'a> Vitals<'a> {
    /// Of a server. `place` says who is logged in where; `limits` say from which values on a check warns. Without `counts`
    /// nothing is counted as refused: the caller then leaves out what concerns the store.
    pub fn of(
        server: &'a str,
        place: &'a str,
        round_trip: Option<Duration>,
        facts: &'a Facts,
        counts: Option<&Counts>,
        limits: Thresholds,
    ) -> Self {
        let of = |wanted| {
            let mut classes = counts?.by_trust.iter();
            let (_, paths, _) = classes.find(|(class, ..)| *class == wanted)?;
            Some(*paths)
        };
        Self {
            server,
            place,
            round_trip,
            nix_program: facts.nix_program.as_deref(),
            nix_version: &facts.nix_version,
            protocol: facts.protocol,
            trusted: facts.trusted,
            privileged: facts.rights != Rights::User,
            writable: facts.store_writable,
            clock_skew: facts.clock_skew,
            signing_keys: &facts.signing_keys,
            keys: &facts.keys,
            refused: counts.map_or(0, |counts| counts.refused),
            refusals: None,
            compromised: &[],
            auto_sign: facts
                .auto_sign
                .as_ref()
                .map(|run| (run, facts.there(facts.at))),
            policy_timer: facts
                .policy_timer
                .as_ref()
                .map(|run| (run, facts.there(facts.at))),
            bad: of(TrustClass::Bad).unwrap_or_default(),
            retired: of(TrustClass::Retired)
                .filter(|_| counts.is_some_and(|counts| counts.unread == 0)),
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
            limits,
            unknown: &facts.unknown,
        }
    }
}
