//! What is the matter with a cache server?
//!
//! In: what was measured and counted. Out: [`Check`]s, each with a stable id, the order of all of them ([`order`]), and the
//! [`State`] of all. Words that name a command belong to the command line and the console alike. A value that is not known
//! makes an `unknown` check, never a fine one.

pub mod access;
mod auto_sign;
mod compromised;
mod nix;
pub mod order;
pub mod plans;
mod policy_timer;
pub mod refusals;
mod signing_key;
pub mod space;
pub mod unfinished;
mod vitals;

use crate::domain::auto_sign::AutoSign;
use crate::domain::count::{count, number};
use crate::domain::policy_run::PolicyRun;
use crate::domain::server_facts::ServerKey;
use crate::domain::ssh_key::Fingerprint;
use crate::domain::{Bytes, KeyRing, Threshold, Thresholds, When};
use crate::domain::{Remedy, remedy};
use refusals::Refusals;
use serde::Serialize;
use std::time::Duration;

/// A clock that is further off makes ages and expiry times wrong enough to mislead, in seconds.
const CLOCK: i64 = 120;

/// What fixes a path of which Nix can tell nothing. `nix-store --verify` and `--delete` end at such a row too.
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

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The stable id, such as `unsigned-paths`.
    pub id: &'static str,
    /// How well it is.
    pub state: State,
    /// What was found, without a full stop.
    pub summary: String,
    /// What fixes it: a command, or what to do.
    #[serde(flatten, serialize_with = "remedy::fields")]
    pub fix: Option<Remedy>,
    /// The same for one line of a screen, where that is shorter.
    #[serde(skip)]
    pub line: Line,
}

/// A check as one line of a screen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line {
    /// In place of the summary, where it is not empty.
    pub text: String,
    /// A detail, at the right.
    pub note: String,
    /// What it is about, where that is one thing.
    pub subject: Option<Subject>,
}

/// The one thing that a check is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A request for this key.
    Request(Fingerprint),
    /// A key, by file and line.
    Key(Fingerprint, String, usize),
    /// A client that was refused and whose key stands in no file.
    Refused(Fingerprint),
    /// A finding about the server or a key file, by its message.
    Finding(String),
}

impl Check {
    /// One with no shorter line.
    pub fn new(
        id: &'static str,
        state: State,
        summary: impl Into<String>,
        fix: Option<Remedy>,
    ) -> Self {
        Self {
            id,
            state,
            summary: summary.into(),
            fix,
            line: Line::default(),
        }
    }
}

/// A file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
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
    /// The program file of Nix's command.
    pub nix_program: Option<&'a str>,
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
    /// The keys that the server signs with, the default first.
    pub signing_keys: &'a [ServerKey],
    /// The keys that its clients trust.
    pub keys: &'a KeyRing,
    /// Paths that clients refuse.
    pub refused: usize,
    /// Which they are, where somebody has looked.
    pub refusals: Option<(&'a Refusals, When)>,
    /// Paths that only a retired key has signed; `None` where the store was not read.
    pub retired: Option<usize>,
    /// For each compromised key, the paths with a signature by its name; none where the store was not read.
    pub compromised: &'a [(String, usize)],
    /// What auto-sign says of its last run, where it is installed, and when it was asked.
    pub auto_sign: Option<(&'a AutoSign, When)>,
    /// The same of the policy timer.
    pub policy_timer: Option<(&'a PolicyRun, When)>,
    /// Paths that carry a wrong signature and no good one.
    pub bad: usize,
    /// Paths of which the server could not tell anything.
    pub unreadable: usize,
    /// The store's file system, and where it is mounted.
    pub space: Option<(Space, &'a str)>,
    /// From which values on a check warns.
    pub limits: Thresholds,
    /// What could not be found out, one sentence each.
    pub unknown: &'a [String],
}

/// All checks of what every connection finds out.
pub fn checks(vitals: &Vitals<'_>) -> Vec<Check> {
    let mut checks = vec![
        connection(vitals),
        nix::version(vitals),
        nix::advisories(vitals),
    ];
    checks.extend(rights(vitals));
    checks.extend(clock(vitals));
    checks.push(signing_key::check(vitals));
    checks.extend(auto_sign::check(vitals));
    checks.extend(policy_timer::check(vitals));
    checks.extend(compromised::checks(vitals));
    checks.push(bad(vitals));
    checks.push(unsigned(vitals));
    checks.extend(unreadable(vitals));
    checks.extend(retired(vitals));
    checks.extend(space(vitals));
    let unknown = vitals.unknown.iter();
    checks
        .extend(unknown.map(|sentence| Check::new("not-known", State::Unknown, &**sentence, None)));
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
    Check::new(id, state, summary, fix)
}

/// How well it is that so much is left of so much: below which threshold.
pub fn space_left(left: Bytes, size: Bytes, warning: Threshold, critical: Threshold) -> State {
    if critical.is_above(left, size) {
        State::Critical
    } else if warning.is_above(left, size) {
        State::Warning
    } else {
        State::Fine
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

/// One of which a row of a screen shows less.
fn brief(
    id: &'static str,
    state: State,
    text: String,
    summary: String,
    fix: Option<Remedy>,
) -> Check {
    let mut check = check(id, state, summary, fix);
    check.line.text = text;
    check
}

fn bad(vitals: &Vitals<'_>) -> Check {
    let id = "bad-signatures";
    match vitals.bad {
        0 => check(id, State::Fine, "no wrong signature".to_owned(), None),
        bad => brief(
            id,
            State::Critical,
            format!("{} a wrong signature", carry(bad)),
            match vitals.refusals.and_then(|(which, _)| which.bad.as_deref()) {
                Some(name) => format!("{} a wrong signature: {name}", carry(bad)),
                None => format!("{} a wrong signature", carry(bad)),
            },
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
        refused => brief(
            id,
            State::Warning,
            format!("{} would be refused", count(refused, "path")),
            format!(
                "{} would be refused{}",
                count(refused, "path"),
                vitals
                    .refusals
                    .map_or_else(String::new, |(which, now)| which.words(refused, now))
            ),
            Some(Remedy::command(format!(
                "storekeeper sign {} --all",
                vitals.server
            ))),
        ),
    }
}

/// Whether a key that is on its way out can go.
fn retired(vitals: &Vitals<'_>) -> Option<Check> {
    let id = "retired-keys";
    let names: Vec<&str> = vitals
        .keys
        .retired()
        .iter()
        .map(|key| key.name().as_str())
        .collect();
    let paths = vitals.retired.filter(|_| !names.is_empty())?;
    let names = names.join(", ");
    let summary = match paths {
        0 => format!("no path needs the retired key {names} any more"),
        paths => {
            let need = if paths == 1 { "needs" } else { "need" };
            format!(
                "{} still {need} the retired key {names}",
                count(paths, "path")
            )
        }
    };
    Some(check(id, State::Fine, summary, None))
}

fn unreadable(vitals: &Vitals<'_>) -> Option<Check> {
    if vitals.unreadable == 0 {
        return None;
    }
    let summary = format!("Nix could not read {}", count(vitals.unreadable, "path"));
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
    let limits = &vitals.limits;
    let disk = space_left(
        space.available,
        space.size,
        limits.disk_warning,
        limits.disk_critical,
    );
    let fix = |state| {
        (state != State::Fine).then(|| {
            Remedy::command(format!(
                "storekeeper gc {} --until-free {}",
                vitals.server, limits.disk_warning
            ))
        })
    };
    let summary = format!("{} of {} left on {mount}", space.available, space.size);
    let mut checks = vec![check(id, disk, summary, fix(disk))];
    if space.inodes > 0 {
        let free = space.inodes.saturating_sub(space.inodes_used);
        let inodes = space_left(
            Bytes(free),
            Bytes(space.inodes),
            limits.inodes_warning,
            limits.inodes_critical,
        );
        let summary = format!(
            "{} of {} inodes left on {mount}",
            number(free as usize),
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
