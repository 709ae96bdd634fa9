//! What is the matter with access to a cache server?
//!
//! In: the facts of one look at it. Out: [`Check`]s, as for everything else: requests that wait, what keys can do that they should not,
//! keys that end soon or are weak, key files that sshd does not read.

use super::{Check, State, check};
use crate::domain::Remedy;
use crate::domain::access::AccessFacts;
use crate::domain::count::count;
use crate::domain::{Age, When};
use crate::judge::access::{Access, Cause, KeyRow, Refused, keys, overflow};
use crate::judge::finding::{Finding, Level};

/// Keys that end within this time are pointed out.
pub const SOON: Age = Age(7 * 86_400);

/// All checks of access. `server` is how commands name it.
pub fn checks(server: &str, facts: &AccessFacts) -> Vec<Check> {
    let access = keys(facts, SOON);
    let mut checks = vec![requests(server, facts)];
    checks.extend(lost_requests(facts));
    checks.extend(access.posture.findings.iter().filter_map(of_posture));
    for file in &access.files {
        checks.extend(file.findings.iter().map(|finding| {
            let summary = format!("{}: {}", file.path, finding.message);
            check("key-file", State::Warning, summary, finding.fix.clone())
        }));
    }
    checks.extend(of_refused(server, facts.at, &access));
    checks.extend(of_keys(server, &access));
    checks
}

fn requests(server: &str, facts: &AccessFacts) -> Check {
    let id = "key-requests";
    let all = match &facts.requests {
        Ok(all) => all,
        Err(unknown) => {
            let summary = format!("whether key requests wait is not known: {unknown}");
            return check(id, State::Unknown, summary, None);
        }
    };
    let waiting: Vec<_> = all.iter().filter(|request| request.waits()).collect();
    let oldest = waiting
        .iter()
        .filter_map(|request| request.first_seen)
        .min();
    let age = oldest.map_or(String::new(), |oldest| {
        format!(", the oldest for {}", oldest.age(facts.at))
    });
    let summary = match waiting.len() {
        0 => return check(id, State::Fine, "no key request waits".to_owned(), None),
        1 => format!("1 key request waits{age}"),
        count => format!("{count} key requests wait{age}"),
    };
    let fix = format!("storekeeper requests {server} list");
    check(id, State::Warning, summary, Some(Remedy::command(fix)))
}

fn lost_requests(facts: &AccessFacts) -> Vec<Check> {
    let mut checks: Vec<Check> = overflow(facts)
        .into_iter()
        .map(|finding| check(finding.code, State::Warning, finding.message, finding.fix))
        .collect();
    // Where nothing of the queue can be read, that is said already.
    if let (Ok(_), Err(unknown)) = (&facts.requests, &facts.overflow) {
        let summary = format!("how many key requests were dropped is not known: {unknown}");
        checks.push(check("requests-dropped", State::Unknown, summary, None));
    }
    checks
}

/// What holds for every key. A note about what can't be seen is something that is not known; other notes are not told here.
fn of_posture(finding: &Finding) -> Option<Check> {
    let (id, state) = match (finding.code, finding.level) {
        ("log-level", _) => ("access-log", State::Unknown),
        ("posture-unknown" | "trusted-unknown" | "inject-unknown", _) => {
            ("access-posture", State::Unknown)
        }
        (_, Level::Refuse) => ("access-posture", State::Critical),
        (_, Level::Warning) => ("access-posture", State::Warning),
        (_, Level::Note) => return None,
    };
    Some(check(
        id,
        state,
        finding.message.clone(),
        finding.fix.clone(),
    ))
}

/// Refused clients that are told one by one.
const REFUSED: usize = 5;

/// Somebody gets nothing from the cache. A request that waits is told as that.
fn of_refused(server: &str, at: When, access: &Access) -> Vec<Check> {
    let wait = |one: &&Refused| one.cause != Cause::Waits;
    let all: Vec<&Refused> = access.refused.iter().filter(wait).collect();
    let told = all.iter().take(REFUSED).map(|one| {
        let times = count(usize::try_from(one.times).unwrap_or(usize::MAX), "time");
        let summary = format!(
            "{} was refused {times}, last {} ago from {}: {}",
            one.name(),
            one.last.at.age(at),
            one.last.from,
            one.message
        );
        let fix = match one.cause {
            Cause::Expired => Some(Remedy::command(format!(
                "storekeeper keys {server} expire {} 90d",
                one.fingerprint
            ))),
            _ => one.fix.clone(),
        };
        check("refused-clients", State::Warning, summary, fix)
    });
    let mut checks: Vec<Check> = told.collect();
    if all.len() > REFUSED {
        let more = count(all.len() - REFUSED, "more client");
        let summary = format!("{more} refused within a day");
        let list = Remedy::command(format!("storekeeper keys {server} list"));
        checks.push(check(
            "refused-clients",
            State::Warning,
            summary,
            Some(list),
        ));
    }
    checks
}

fn of_keys(server: &str, access: &Access) -> Vec<Check> {
    let list = format!("storekeeper keys {server} list");
    let mut checks = Vec::new();
    let mut add = |id, rows: &[&KeyRow], one: &str, several: &str| {
        let summary = match rows {
            [] => return,
            [key] => format!("1 key {one}: {}", name(key)),
            keys => format!("{} keys {several}", keys.len()),
        };
        checks.push(check(
            id,
            State::Warning,
            summary,
            Some(Remedy::command(&*list)),
        ));
    };
    let active: Vec<&KeyRow> = access.keys.iter().filter(|key| key.active).collect();
    let with = |is: &dyn Fn(&Finding) -> bool| -> Vec<&KeyRow> {
        let has = |key: &&&KeyRow| key.findings.iter().any(is);
        active.iter().filter(has).copied().collect()
    };
    let soon = with(&|finding| finding.code == "expiring");
    let days = SOON.0 / 86_400;
    add(
        "keys-expiring",
        &soon,
        &format!("expires within {days} days"),
        &format!("expire within {days} days"),
    );
    let common = |code: &str| {
        let posture = &access.posture.findings;
        posture.iter().any(|finding| finding.code == code)
    };
    let is_reach = |code: &str| {
        matches!(
            code,
            "shell" | "shell-trusted" | "inject" | "gc" | "forward" | "cert-authority"
        )
    };
    // What every key can do is said once, above.
    let more = with(&|finding| is_reach(finding.code) && !common(finding.code));
    add(
        "keys-reach",
        &more,
        "can do more than fetch",
        "can do more than fetch",
    );
    let weak = with(&|finding| finding.level == Level::Refuse && !is_reach(finding.code));
    add(
        "keys-weak",
        &weak,
        "should not be authorized",
        "should not be authorized",
    );
    let back = with(&|finding| finding.code == "revoked-before");
    add(
        "keys-revoked",
        &back,
        "was revoked and is in again",
        "were revoked and are in again",
    );
    checks
}

fn name(key: &KeyRow) -> String {
    if key.comment.is_empty() {
        key.fingerprint.to_string()
    } else {
        key.comment.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::When;
    use crate::domain::access::{
        CacheUser, KeyFile, LogPosition, SshdFacts, SshdSettings, Unknown,
    };
    use crate::domain::key_request::{Request, Source};
    use crate::domain::overflow::{Dropped, KNOCK_CAPACITY, Overflow};
    use crate::domain::ssh_key::PublicSshKey;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGHg0yAYWxZPxtHKrVw/QA4iV1jAdLvLT4eFVhVmVJUK";

    /// A server on which all is well, with one key file.
    fn facts(content: &str) -> AccessFacts {
        let unknown = || Unknown::new("not asked");
        AccessFacts {
            host: "cache".into(),
            at: When::from_unix(1_803_081_600), // 2027-02-20
            utc_offset: 0,
            cache_user: Ok(CacheUser {
                name: "nix-ssh".into(),
                uid: 7,
                gid: 7,
                groups: vec![],
                home: "/h".into(),
                shell: "/bin/sh".into(),
            }),
            sshd: SshdFacts {
                binary: Err(unknown()),
                config_file: Err(unknown()),
                version: Err(unknown()),
                settings: Ok(SshdSettings {
                    force_command: Some("nix-store --serve".into()),
                    log_level: Some(crate::domain::access::LogLevel::Verbose),
                    ..SshdSettings::default()
                }),
            },
            files: vec![KeyFile {
                path: "/k".into(),
                resolved: "/k".into(),
                user: "nix-ssh".into(),
                exists: true,
                content: Ok(content.as_bytes().to_vec()),
                numbers: None,
                size: content.len() as u64,
                sha256: [0; 32],
                mode: 0o644,
                editable: Ok(()),
                strict_modes_problem: None,
                generated_by: None,
            }],
            other_files: vec![],
            trusted_users: Ok(vec!["root".into()]),
            nix_version: Err(unknown()),
            own_key: None,
            events: Err(unknown()),
            undated: std::collections::BTreeMap::new(),
            reach: None,
            log: LogPosition::default(),
            sessions: Err(unknown()),
            requests: Ok(vec![]),
            overflow: Ok(crate::domain::overflow::Overflow::default()),
            revoked: Ok(vec![]),
        }
    }

    fn ids(facts: &AccessFacts) -> Vec<(&'static str, State)> {
        checks("prod", facts)
            .iter()
            .map(|check| (check.id, check.state))
            .collect()
    }

    #[test]
    fn all_is_well() {
        let found = checks("prod", &facts(&format!("restrict {KEY} ada\n")));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].id, found[0].state), ("key-requests", State::Fine));
    }

    #[test]
    fn requests_wait_and_know_how_long() {
        let mut facts = facts("");
        let asked = When::from_unix(facts.at.unix() - 7200);
        let key = PublicSshKey::parse(KEY).unwrap();
        facts.requests = Ok(vec![Request::new(key, Source::Knock, "nix-ssh", asked)]);
        let found = &checks("prod", &facts)[0];
        assert_eq!(found.state, State::Warning);
        assert_eq!(found.summary, "1 key request waits, the oldest for 2h");
        assert_eq!(
            found.fix.as_ref().map(Remedy::text),
            Some("storekeeper requests prod list")
        );
        facts.requests = Err(Unknown::new("no rights"));
        assert_eq!(ids(&facts)[0], ("key-requests", State::Unknown));
    }

    #[test]
    fn lost_requests_are_said_for_a_week() {
        let mut facts = facts("");
        let before = |seconds| When::from_unix(facts.at.unix() - seconds);
        let mut dropped = Dropped {
            count: 37,
            since: before(7200),
            last: before(300),
        };
        facts.overflow = Ok(Overflow {
            dropped: Some(dropped),
            unread: 0,
        });
        let found = &checks("prod", &facts)[1];
        assert_eq!(
            (found.id, found.state),
            ("requests-dropped", State::Warning)
        );
        assert_eq!(
            found.summary,
            "37 requests dropped since 2027-02-19 22:00 UTC, too many at once, the last 5m ago"
        );
        let key = PublicSshKey::parse(KEY).unwrap();
        let request = Request::new(key, Source::Knock, "nix-ssh", before(7200));
        facts.requests = Ok(vec![request; KNOCK_CAPACITY]);
        let found = &checks("prod", &facts)[1];
        assert_eq!(
            found.summary,
            "request queue full: 37 dropped since 2027-02-19 22:00 UTC, the last 5m ago"
        );
        dropped.last = before(8 * 86_400);
        facts.overflow = Ok(Overflow {
            dropped: Some(dropped),
            unread: 3,
        });
        assert_eq!(ids(&facts)[1..], [("requests-unread", State::Warning)]);
        facts.overflow = Err(Unknown::new("no count"));
        assert_eq!(ids(&facts)[1..], [("requests-dropped", State::Unknown)]);
        facts.requests = Err(Unknown::new("no rights"));
        assert_eq!(ids(&facts), [("key-requests", State::Unknown)]);
    }

    #[test]
    fn what_every_key_can_do_is_said_once() {
        let mut facts = facts(&format!("restrict {KEY} ada\n"));
        let settings = facts.sshd.settings.as_mut().unwrap();
        settings.force_command = Some("nix-daemon --stdio".into());
        settings.log_level = Some(crate::domain::access::LogLevel::Info);
        let found = ids(&facts);
        assert!(
            found.contains(&("access-posture", State::Warning)),
            "{found:?}"
        );
        assert!(found.contains(&("access-log", State::Unknown)), "{found:?}");
        assert!(found.iter().all(|(id, _)| *id != "keys-reach"), "{found:?}");
        // With root's trust and a shell, a key is as good as root.
        facts.trusted_users = Ok(vec!["*".into()]);
        facts.sshd.settings.as_mut().unwrap().force_command = None;
        assert!(ids(&facts).contains(&("access-posture", State::Critical)));
    }

    #[test]
    fn keys_that_want_looking_at() {
        let soon = facts(&format!("restrict,expiry-time=\"20270222Z\" {KEY} ada\n"));
        let found = checks("prod", &soon);
        assert_eq!(found[1].summary, "1 key expires within 7 days: ada");
        let wide = facts(&format!("{KEY}\n"));
        assert_eq!(ids(&wide)[1], ("keys-reach", State::Warning));
        let mut unread = facts(&format!("restrict {KEY}\nnonsense\n"));
        unread.files[0].strict_modes_problem = Some("others may write it".into());
        let files = ids(&unread)
            .iter()
            .filter(|(id, _)| *id == "key-file")
            .count();
        assert_eq!(files, 2);
    }
}
