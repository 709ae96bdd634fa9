//! What the log says of each key.
//!
//! In: events, oldest first. Out: for each key when it logged in last and from where, and how often it was refused. A client offers one
//! key after another, so a key that failed in a connection that another key then opened was passed over, and not refused.

use crate::domain::When;
use crate::domain::access::{LogEvent, LogKind};
use crate::domain::ssh_key::Fingerprint;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Addresses that are kept for a key.
const MOST_ADDRESSES: usize = 10;

/// When and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// When.
    pub at: When,
    /// From which address.
    pub from: String,
}

/// What the log says of a key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyUse {
    /// Logins with it.
    pub accepted: u64,
    /// The last of them.
    pub last_accepted: Option<Seen>,
    /// Connections in which it was offered, refused, and nothing else opened.
    pub refused: u64,
    /// The last of them.
    pub last_refused: Option<Seen>,
    /// Those after the last login with it, by the order of the log: its times are whole seconds.
    pub refused_since: u64,
    /// Connections in which it failed before another key opened.
    pub passed_over: u64,
    /// Refused because of its options: expired, or from an address that `from=` does not have.
    pub refused_by_options: u64,
    /// Refused because it stands in `RevokedKeys`.
    pub refused_as_revoked: u64,
    /// First seen at all.
    pub first_seen: Option<When>,
    /// Where it was offered from, the latest first, at most ten.
    pub addresses: Vec<String>,
}

/// A connection: its process, address and port. One process can serve another connection later.
type Connection<'a> = (Option<u32>, &'a str, u16);

/// What happened to one connection so far.
#[derive(Default)]
struct Course {
    opened: bool,
    /// When and where in the log each key failed, and why.
    failed: BTreeMap<Fingerprint, (When, Why, usize)>,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Why {
    #[default]
    NotListed,
    Options,
    Revoked,
}

/// Sums up by key what happened to logins as `user`.
pub fn by_key(events: &[LogEvent], user: &str) -> BTreeMap<Fingerprint, KeyUse> {
    let mut summary: BTreeMap<Fingerprint, KeyUse> = BTreeMap::new();
    let mut courses: HashMap<Connection<'_>, Course> = HashMap::new();
    let mut order: Vec<Connection<'_>> = Vec::new();
    // The reason stands in a line of its own before the refusal.
    let mut reasons: HashMap<u32, Why> = HashMap::new();
    let mut accepted: BTreeMap<Fingerprint, usize> = BTreeMap::new();
    for (at, event) in events.iter().enumerate() {
        match (&event.kind, event.pid) {
            (LogKind::RefusedByOptions, Some(pid)) => {
                reasons.insert(pid, Why::Options);
            }
            (LogKind::Revoked, Some(pid)) => {
                reasons.insert(pid, Why::Revoked);
            }
            _ => {}
        }
        let (Some(fingerprint), true) = (event.fingerprint, event.user == user) else {
            continue;
        };
        let connection = (event.pid, event.address.as_str(), event.port);
        match &event.kind {
            LogKind::Accepted(_) => {
                let course = courses.entry(connection).or_default();
                course.opened = true;
                course.failed.remove(&fingerprint);
                accepted.insert(fingerprint, at);
                let entry = summary.entry(fingerprint).or_default();
                entry.accepted += 1;
                entry.last_accepted = Some(seen(event.at, connection));
                entry.note(event.at, connection);
            }
            LogKind::Failed(_) => {
                let why = event.pid.and_then(|pid| reasons.remove(&pid));
                let course = courses.entry(connection).or_insert_with(|| {
                    order.push(connection);
                    Course::default()
                });
                // The client asks, and then signs: the same refusal twice.
                let entry = course.failed.entry(fingerprint).or_default();
                *entry = (event.at, why.unwrap_or(entry.1), at);
                summary
                    .entry(fingerprint)
                    .or_default()
                    .note(event.at, connection);
            }
            _ => {}
        }
    }
    for connection in order {
        let Some(course) = courses.get(&connection) else {
            continue;
        };
        for (fingerprint, (at, why, place)) in &course.failed {
            let entry = summary.entry(*fingerprint).or_default();
            if course.opened {
                entry.passed_over += 1;
                continue;
            }
            entry.refused += 1;
            let since = accepted.get(fingerprint).is_none_or(|login| login < place);
            entry.refused_since += u64::from(since);
            entry.refused_by_options += u64::from(*why == Why::Options);
            entry.refused_as_revoked += u64::from(*why == Why::Revoked);
            if entry
                .last_refused
                .as_ref()
                .is_none_or(|last| last.at <= *at)
            {
                entry.last_refused = Some(seen(*at, connection));
            }
        }
    }
    for entry in summary.values_mut() {
        entry.addresses.reverse();
        let mut known = BTreeSet::new();
        entry
            .addresses
            .retain(|address| known.insert(address.clone()));
        entry.addresses.truncate(MOST_ADDRESSES);
    }
    summary
}

impl KeyUse {
    /// How often it was offered without a login, whatever came of the connection.
    pub const fn tries(&self) -> u64 {
        self.refused + self.passed_over
    }

    fn note(&mut self, at: When, connection: Connection<'_>) {
        self.first_seen.get_or_insert(at);
        let address = connection.1;
        if self.addresses.last().is_none_or(|last| last != address) {
            // The newest are at the end; an attacker's many addresses must not fill the memory.
            if self.addresses.len() >= 4 * MOST_ADDRESSES {
                self.addresses.drain(..2 * MOST_ADDRESSES);
            }
            self.addresses.push(address.to_owned());
        }
    }
}

fn seen(at: When, connection: Connection<'_>) -> Seen {
    Seen {
        at,
        from: connection.1.to_owned(),
    }
}
