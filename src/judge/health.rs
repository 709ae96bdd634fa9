//! What is the matter with a cache server?
//!
//! In: what was measured and counted. Out: [`Check`]s in a fixed order, each with a stable id, and the [`State`] of
//! all. Words that name a command belong to the command line and the console alike. A value that is not known makes an
//! `unknown` check, never a fine one.

pub mod access;
pub mod space;
pub mod unfinished;
mod vitals;

use crate::domain::Notice;
use crate::domain::count::{count, number};
use crate::domain::{Bytes, Threshold};
use crate::domain::{Remedy, remedy};
use serde::Serialize;
use std::time::Duration;

/// A clock that is further off makes ages and expiry times wrong enough to mislead, in seconds.
const CLOCK: i64 = 120;

/// What mends a path of which Nix can tell nothing. `nix-store --verify` and `--delete` end at such a row too.
pub const UNREADABLE: &str =
    "correct its row in Nix's database there, or delete the row and upload the path again";

/// How well something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Fine,
    /// Could not be found out.
    Unknown,
    /// Should be looked at.
    Warning,
    /// Clients notice, or soon will.
    Critical,
}

impl State {
    /// The stable word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Unknown => "unknown",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    /// The mark in front of a line; never colour alone.
    pub const fn mark(self) -> char {
        match self {
            Self::Fine => '.',
            Self::Unknown => '?',
            Self::Warning => '!',
            Self::Critical => 'x',
        }
    }
}

/// How well it is that so much is left of so much: below which threshold of a warning and of what is critical.
pub fn space_left(left: Bytes, size: Bytes, limits: (Threshold, Threshold)) -> State {
    if limits.1.is_above(left, size) {
        State::Critical
    } else if limits.0.is_above(left, size) {
        State::Warning
    } else {
        State::Fine
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The stable id, such as `unsigned-paths`.
    pub id: &'static str,
    /// How well it is.
    pub state: State,
    /// What was found, without a full stop.
    pub summary: String,
    /// What mends it: a command, or what to do.
    #[serde(flatten, serialize_with = "remedy::fields")]
    pub fix: Option<Remedy>,
}

/// A file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Its size.
    pub size: Bytes,
    /// What is left of it.
    pub available: Bytes,
    /// Inodes in all; 0 where there is no fixed number.
    pub inodes: u64,
    /// Inodes in use.
    pub inodes_used: u64,
}

/// What was measured.
#[derive(Debug, Clone)]
pub struct Vitals<'a> {
    /// The server as commands name it.
    pub server: &'a str,
    /// Who is logged in where, such as `root@cache.example.org`.
    pub place: &'a str,
    /// A measured round trip.
    pub round_trip: Option<Duration>,
    /// Nix's version.
    pub nix_version: &'a str,
    /// The protocol that was agreed on.
    pub protocol: (u8, u8),
    /// Whether the daemon takes changes from this login; older ones do not say.
    pub trusted: Option<bool>,
    /// Whether the login is root or may become it.
    pub privileged: bool,
    /// Whether the store's database can be written; `None` where that is not known.
    pub writable: Option<bool>,
    /// Server clock minus this machine's, in seconds.
    pub clock_skew: i64,
    /// How many keys of its own the cache has, as far as known.
    pub own_keys: usize,
    /// Names of keys that have the name of another and are passed over.
    pub shadowed: Vec<&'a str>,
    /// What is wrong with key files on the server: the file and the problem.
    pub key_problems: Vec<(&'a str, &'a Notice)>,
    /// Paths that clients refuse.
    pub refused: usize,
    /// Paths that carry a wrong signature and no good one.
    pub bad: usize,
    /// Paths of which the server could not tell anything.
    pub unreadable: usize,
    /// The store's file system, and where it is mounted.
    pub space: Option<(Space, &'a str)>,
    /// Less than this left is a warning.
    pub disk_warning: Threshold,
    /// Less than this left is critical.
    pub disk_critical: Threshold,
    /// What could not be found out, one sentence each.
    pub unknown: &'a [String],
}

/// All checks, in the order in which they are listed.
pub fn checks(vitals: &Vitals<'_>) -> Vec<Check> {
    let mut checks = vec![connection(vitals), nix(vitals)];
    checks.extend(rights(vitals));
    checks.extend(clock(vitals));
    checks.push(signing_key(vitals));
    checks.push(bad(vitals));
    checks.push(unsigned(vitals));
    checks.extend(unreadable(vitals));
    checks.extend(space(vitals));
    checks.extend(vitals.unknown.iter().map(|sentence| Check {
        id: "not-known",
        state: State::Unknown,
        summary: sentence.clone(),
        fix: None,
    }));
    checks
}

/// The state of all: the worst one, where what is not known does not count as ill.
pub fn worst(checks: &[Check]) -> State {
    match checks.iter().map(|check| check.state).max() {
        Some(state @ (State::Warning | State::Critical)) => state,
        _ => State::Fine,
    }
}

/// Whether a check counts paths of the store, and so means nothing where the store was not read.
pub fn about_paths(check: &Check) -> bool {
    matches!(
        check.id,
        "unsigned-paths" | "bad-signatures" | "unreadable-paths"
    )
}

fn check(id: &'static str, state: State, summary: String, fix: Option<Remedy>) -> Check {
    Check {
        id,
        state,
        summary,
        fix,
    }
}

fn connection(vitals: &Vitals<'_>) -> Check {
    let summary = match vitals.round_trip {
        Some(time) => format!(
            "connected to {}, round trip {} ms",
            vitals.place,
            time.as_millis()
        ),
        None => format!("connected to {}", vitals.place),
    };
    check("connection", State::Fine, summary, None)
}

fn nix(vitals: &Vitals<'_>) -> Check {
    let (major, minor) = vitals.protocol;
    let summary = format!("Nix {}, protocol {major}.{minor}", vitals.nix_version);
    check("nix", State::Fine, summary, None)
}

fn rights(vitals: &Vitals<'_>) -> Option<Check> {
    if vitals.trusted == Some(false) {
        let summary = "Nix does not trust this login, so nothing can be signed".to_owned();
        let fix = "log in as root, or add the user to trusted-users in the server's nix.conf";
        return Some(check("rights", State::Warning, summary, Some(fix.into())));
    }
    if vitals.writable == Some(false) {
        let summary = "the store can't be written, so nothing can be signed or uploaded".to_owned();
        let fix = "mount it writable";
        return Some(check("rights", State::Warning, summary, Some(fix.into())));
    }
    if vitals.privileged {
        return None;
    }
    let summary = "the login is not root and sudo does not work without a password".to_owned();
    let fix = "log in as root, or allow the user sudo without a password";
    Some(check("rights", State::Warning, summary, Some(fix.into())))
}

fn clock(vitals: &Vitals<'_>) -> Option<Check> {
    let off = vitals.clock_skew;
    if off.abs() <= CLOCK {
        return None;
    }
    let way = if off > 0 { "ahead of" } else { "behind" };
    let summary = format!("the server's clock is {} s {way} this machine's", off.abs());
    let fix = "set both clocks by NTP".into();
    Some(check("clock", State::Warning, summary, Some(fix)))
}

fn signing_key(vitals: &Vitals<'_>) -> Check {
    let id = "signing-key";
    if let Some((file, problem)) = vitals.key_problems.first() {
        let Notice { message, hint } = (*problem).clone();
        let summary = format!("the signing key {file} can't be used: {message}");
        return check(id, State::Warning, summary, hint.map(Remedy::from));
    }
    if vitals.own_keys == 0 {
        let summary = "the cache's own public key is not known, so its signatures count as those of strangers";
        let fix = "set public_keys for this server in the configuration, or secret-key-files in its nix.conf";
        return check(id, State::Warning, summary.to_owned(), Some(fix.into()));
    }
    if let Some(name) = vitals.shadowed.first() {
        let summary =
            format!("two different keys are called {name}, and clients know only the first");
        let fix = "give each key a name of its own".into();
        return check(id, State::Warning, summary, Some(fix));
    }
    let summary = match vitals.own_keys {
        1 => "the cache's own key is known".to_owned(),
        keys => format!("{keys} keys of the cache are known"),
    };
    check(id, State::Fine, summary, None)
}

fn bad(vitals: &Vitals<'_>) -> Check {
    let id = "bad-signatures";
    match vitals.bad {
        0 => check(id, State::Fine, "no wrong signature".to_owned(), None),
        bad => check(
            id,
            State::Critical,
            format!("{} a wrong signature", carry(bad)),
            Some(Remedy::command(format!(
                "storekeeper paths {} --trust bad",
                vitals.server
            ))),
        ),
    }
}

fn unsigned(vitals: &Vitals<'_>) -> Check {
    let id = "unsigned-paths";
    match vitals.refused {
        0 => check(id, State::Fine, "no path would be refused".to_owned(), None),
        refused => check(
            id,
            State::Warning,
            format!("{} would be refused", count(refused, "path")),
            Some(Remedy::command(format!(
                "storekeeper sign {} --all",
                vitals.server
            ))),
        ),
    }
}

fn unreadable(vitals: &Vitals<'_>) -> Option<Check> {
    if vitals.unreadable == 0 {
        return None;
    }
    let summary = format!(
        "Nix could not tell anything of {}",
        count(vitals.unreadable, "path")
    );
    let fix = format!(
        "storekeeper paths {} names them; {UNREADABLE}",
        vitals.server
    );
    Some(check(
        "unreadable-paths",
        State::Warning,
        summary,
        Some(fix.into()),
    ))
}

fn space(vitals: &Vitals<'_>) -> Vec<Check> {
    let id = "store-disk";
    let Some((space, mount)) = vitals.space else {
        let summary = "the free space of the store is not known".to_owned();
        return vec![check(id, State::Unknown, summary, None)];
    };
    let limits = (vitals.disk_warning, vitals.disk_critical);
    let state = |left: u64, size: u64| space_left(Bytes(left), Bytes(size), limits);
    let disk = state(space.available.0, space.size.0);
    let fix = |state| {
        (state != State::Fine).then(|| {
            Remedy::command(format!(
                "storekeeper gc {} --until-free {}",
                vitals.server, vitals.disk_warning
            ))
        })
    };
    let summary = format!("{} of {} left on {mount}", space.available, space.size);
    let mut checks = vec![check(id, disk, summary, fix(disk))];
    // Sizes are no measure of inodes: only limits in percent count for them.
    let percent = matches!(vitals.disk_warning, Threshold::Percent(_))
        && matches!(vitals.disk_critical, Threshold::Percent(_));
    if space.inodes > 0 && percent {
        let left = space.inodes.saturating_sub(space.inodes_used);
        let inodes = state(left, space.inodes);
        let summary = format!(
            "{} of {} inodes left on {mount}",
            number(left as usize),
            number(space.inodes as usize)
        );
        checks.push(check("store-inodes", inodes, summary, fix(inodes)));
    }
    checks
}

fn carry(n: usize) -> String {
    match n {
        1 => "1 path carries".to_owned(),
        n => format!("{} carry", count(n, "path")),
    }
}

#[cfg(test)]
mod tests;
