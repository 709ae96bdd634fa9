//! What is the matter with access to a cache server?
//!
//! In: the facts of one look at it, judged. Out: [`Check`]s, as for everything else: whether clients are served, requests that wait,
//! clients that were refused, key files that sshd does not read, keys that end, are weak or can do more than they should, sessions
//! that do not end.

mod keys;
mod sessions;
#[cfg(test)]
mod tests;

use super::{Check, Line, State, Subject, check};
use crate::domain::Remedy;
use crate::domain::access::AccessFacts;
use crate::domain::count::count;
use crate::domain::{Age, Thresholds, When};
use crate::judge::access::{Access, Cause, FileRow, KeyRow, Refused, overflow};
use crate::judge::finding::{Finding, Level};

/// Keys that end within this time are pointed out.
pub const SOON: Age = Age(7 * 86_400);

/// Refused clients that `status` names one by one.
const REFUSED: usize = 5;

/// What one look at access came to.
#[derive(Debug, Clone)]
pub struct Looked<'a> {
    /// The server as commands name it.
    pub server: &'a str,
    /// As they were found.
    pub facts: &'a AccessFacts,
    /// What holds for every key.
    pub posture: &'a [Finding],
    /// The key files.
    pub files: &'a [FileRow],
    pub keys: Vec<&'a KeyRow>,
    /// Clients that were refused lately, the latest first.
    pub refused: &'a [Refused],
    /// So many refused clients are named one by one.
    pub named: usize,
    /// From which values on a check warns.
    pub limits: Thresholds,
    /// The time, by the server's clock.
    pub now: When,
}

/// All checks of access, of facts that nobody has judged yet.
pub fn checks(server: &str, facts: &AccessFacts, limits: &Thresholds) -> Vec<Check> {
    let access: Access = crate::judge::access::keys(facts, SOON);
    of(&Looked {
        server,
        facts,
        posture: &access.posture.findings,
        files: &access.files,
        keys: access.keys.iter().collect(),
        refused: &access.refused,
        named: REFUSED,
        limits: *limits,
        now: facts.at,
    })
}

/// All checks of access.
pub fn of(looked: &Looked<'_>) -> Vec<Check> {
    let mut checks = vec![requests(looked)];
    checks.extend(lost_requests(looked.facts));
    checks.extend(looked.posture.iter().filter_map(of_posture));
    for file in looked.files {
        checks.extend(file.findings.iter().map(|finding| {
            let summary = format!("{}: {}", file.path, finding.message);
            let subject = Some(Subject::Finding(summary.clone()));
            Check {
                line: Line {
                    subject,
                    ..Line::default()
                },
                ..check("key-file", State::Warning, summary, finding.fix.clone())
            }
        }));
    }
    checks.extend(of_refused(looked));
    checks.extend(keys::checks(looked));
    checks.extend(sessions::checks(looked));
    checks
}

fn requests(looked: &Looked<'_>) -> Check {
    let id = "key-requests";
    let all = match &looked.facts.requests {
        Ok(all) => all,
        Err(unknown) => {
            let summary = format!("whether key requests wait is not known: {unknown}");
            return check(id, State::Unknown, summary, None);
        }
    };
    let waiting: Vec<_> = all.iter().filter(|request| request.waits()).collect();
    let oldest = waiting
        .iter()
        .filter_map(|request| Some((request.first_seen?, request)))
        .min_by_key(|(seen, _)| *seen);
    let age = oldest.map(|(seen, _)| seen.age(looked.now));
    let text = match waiting.len() {
        0 => return check(id, State::Fine, "no key request waits".to_owned(), None),
        1 => "1 key request waits".to_owned(),
        count => format!("{count} key requests wait"),
    };
    let named = oldest.map_or(waiting.first(), |(_, request)| Some(request));
    let line = Line {
        note: age.map_or_else(String::new, |age| format!("oldest {age}")),
        subject: named.map(|request| Subject::Request(request.key.fingerprint())),
        text: text.clone(),
    };
    // One of which nobody knows the age has waited long enough.
    let long = age.is_none_or(|age| age >= looked.limits.request_age);
    let state = if long { State::Warning } else { State::Fine };
    let age = age.map_or_else(String::new, |age| format!(", the oldest for {age}"));
    let fix = Remedy::command(format!("storekeeper requests {} list", looked.server));
    Check {
        line,
        ..check(id, state, format!("{text}{age}"), Some(fix))
    }
}

fn lost_requests(facts: &AccessFacts) -> Vec<Check> {
    let mut checks: Vec<Check> = overflow(facts)
        .into_iter()
        .map(|finding| Check {
            line: about(&finding),
            ..check(finding.code, State::Warning, finding.message, finding.fix)
        })
        .collect();
    // Where nothing of the queue can be read, that is said already.
    if let (Ok(_), Err(unknown)) = (&facts.requests, &facts.overflow) {
        let summary = format!("how many key requests were dropped is not known: {unknown}");
        checks.push(check("requests-dropped", State::Unknown, summary, None));
    }
    checks
}

fn about(finding: &Finding) -> Line {
    Line {
        subject: Some(Subject::Finding(finding.message.clone())),
        ..Line::default()
    }
}

/// What holds for every key. A note about what can't be seen is something that is not known; other notes are left out here.
fn of_posture(finding: &Finding) -> Option<Check> {
    let (id, state) = match (finding.code, finding.level) {
        // No client gets anything, whatever its key.
        (
            "unknown-command" | "sftp" | "no-shell" | "no-keys" | "shut-out" | "no-sessions"
            | "not-served",
            _,
        ) => ("access-serving", State::Critical),
        ("not-tried", _) => ("access-serving", State::Unknown),
        ("log-level", Level::Note) => ("access-log", State::Unknown),
        ("log-level", _) => ("access-log", State::Warning),
        ("posture-unknown" | "settings-assumed" | "trusted-unknown" | "inject-unknown", _) => {
            ("access-posture", State::Unknown)
        }
        (_, Level::Refuse) => ("access-posture", State::Critical),
        (_, Level::Warning) => ("access-posture", State::Warning),
        (_, Level::Note) => return None,
    };
    let Finding { message, fix, .. } = finding.clone();
    Some(Check {
        line: about(finding),
        ..check(id, state, message, fix)
    })
}

/// Somebody gets nothing from the cache. A request that waits is shown as that.
fn of_refused(looked: &Looked<'_>) -> Vec<Check> {
    let id = "refused-clients";
    let refused = looked.refused.iter();
    let refused: Vec<&Refused> = refused.filter(|one| one.cause != Cause::Waits).collect();
    if refused.is_empty() {
        let known = looked.facts.events.is_ok();
        let summary = "no client was refused within a day".to_owned();
        return known
            .then(|| check(id, State::Fine, summary, None))
            .into_iter()
            .collect();
    }
    let more = refused.len().saturating_sub(looked.named);
    let named = refused
        .iter()
        .take(looked.named)
        .enumerate()
        .map(|(at, one)| {
            let times = count(usize::try_from(one.times).unwrap_or(usize::MAX), "time");
            let age = one.last.at.age(looked.now);
            let others = match more {
                more @ 1.. if at + 1 == looked.named => format!(", and {more} more"),
                _ => String::new(),
            };
            let name: String = one.name().chars().take(24).collect();
            let line = Line {
                text: format!("{name} refused {times}: {}", one.message),
                note: format!("last {age} ago{others}"),
                subject: Some(place(looked, one)),
            };
            let summary = format!(
                "{} was refused {times}, last {age} ago from {}: {}",
                one.name(),
                one.last.from,
                one.message
            );
            let fix = match one.cause {
                Cause::Expired => Some(Remedy::command(format!(
                    "storekeeper keys {} expire {} 90d",
                    looked.server, one.fingerprint
                ))),
                Cause::Suspended => Some(Remedy::command(format!(
                    "storekeeper keys {} resume {}",
                    looked.server, one.fingerprint
                ))),
                _ => one.fix.clone(),
            };
            Check {
                line,
                ..check(id, State::Warning, summary, fix)
            }
        });
    let mut checks: Vec<Check> = named.collect();
    if let Some(last) = checks.last_mut().filter(|_| more > 0) {
        let clients = count(more, "more client");
        last.summary = format!("{}; and {clients} refused within a day", last.summary);
    }
    checks
}

/// Where a refused key stands, or that it stands nowhere.
fn place(looked: &Looked<'_>, one: &Refused) -> Subject {
    let rows = looked.keys.iter();
    let row = rows.filter(|row| row.fingerprint == one.fingerprint);
    let row = row.max_by_key(|row| row.active);
    row.map_or(Subject::Refused(one.fingerprint), |row| keys::subject(row))
}
