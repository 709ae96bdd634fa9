//! In: facts with one thing wrong. Out: the check that must tell of it.

use super::*;
use crate::domain::When;
use crate::domain::access::{
    CacheUser, KeyFile, LogPosition, LogReach, LogSource, Service, Session, SshdFacts,
    SshdSettings, Unknown,
};
use crate::domain::key_request::{Request, Source};
use crate::domain::overflow::{Dropped, KNOCK_CAPACITY, Overflow};
use crate::domain::ssh_key::PublicSshKey;

const OTHER: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI";
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
            config_file: "/etc/ssh/sshd_config".into(),
            assumed: None,
            version: Err(unknown()),
            settings: Ok(SshdSettings {
                force_command: Some("nix-store --serve".into()),
                log_level: Some(crate::domain::access::LogLevel::Verbose),
                ..SshdSettings::default()
            }),
        },
        files: vec![KeyFile::sample("/k", "nix-ssh", content)],
        other_files: vec![],
        trusted_users: Ok(vec!["root".into()]),
        own_key: None,
        events: Err(unknown()),
        undated: std::collections::BTreeMap::new(),
        reach: None,
        log: LogPosition::default(),
        sessions: Err(unknown()),
        requests: Ok(vec![]),
        overflow: Ok(crate::domain::overflow::Overflow::default()),
        revoked: Ok(vec![]),
        past: Vec::new(),
        certificates: crate::domain::authorities::CertificateFacts::default(),
        reviewed: None,
        service: Ok(Service::Answers),
    }
}

fn all(facts: &AccessFacts) -> Vec<Check> {
    checks("prod", facts, &Thresholds::default())
}

/// Those that are not fine.
fn wrong(facts: &AccessFacts) -> Vec<Check> {
    let mut found = all(facts);
    found.retain(|check| check.state != State::Fine);
    found
}

fn ids(facts: &AccessFacts) -> Vec<(&'static str, State)> {
    wrong(facts)
        .iter()
        .map(|check| (check.id, check.state))
        .collect()
}

#[test]
fn all_is_well() {
    let facts = facts(&format!("restrict {KEY} ada\n"));
    assert_eq!(wrong(&facts), []);
    let found = all(&facts);
    let ids: Vec<&str> = found.iter().map(|check| check.id).collect();
    assert_eq!(
        ids,
        ["key-requests", "keys-odd", "keys-expiring", "keys-review"]
    );
}

#[test]
fn requests_wait_and_know_how_long() {
    let mut facts = facts("");
    let asked = When::from_unix(facts.at.unix() - 7200);
    let key = PublicSshKey::parse(KEY).unwrap();
    facts.requests = Ok(vec![Request::new(key, Source::Knock, "nix-ssh", asked)]);
    let found = &all(&facts)[0];
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
    let found = &wrong(&facts)[0];
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
    let found = &wrong(&facts)[1];
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
    assert!(!found.contains(&("access-posture", State::Unknown)));
    facts.sshd.assumed = Some("no sshd listens".into());
    assert!(ids(&facts).contains(&("access-posture", State::Unknown)));
    assert!(found.iter().all(|(id, _)| *id != "keys-reach"), "{found:?}");
    // With root's trust and a shell, a key is as good as root.
    facts.trusted_users = Ok(vec!["*".into()]);
    facts.sshd.settings.as_mut().unwrap().force_command = None;
    assert!(ids(&facts).contains(&("access-posture", State::Critical)));
}

#[test]
fn keys_that_want_looking_at() {
    let soon = facts(&format!("restrict,expiry-time=\"20270222Z\" {KEY} ada\n"));
    let found = wrong(&soon);
    assert_eq!(found[0].summary, "ada expires in 2d");
    assert!(found[0].fix.as_ref().unwrap().text().ends_with(" 90d"));
    let wide = facts(&format!("{KEY}\n{OTHER} bob\n"));
    assert_eq!(ids(&wide)[0], ("keys-reach", State::Warning));
    let found = &wrong(&wide)[0];
    assert_eq!(found.line.note, "and 1 more key");
    assert!(
        found.summary.ends_with(" reach back, and 1 more key"),
        "{}",
        found.summary
    );
    let over = facts(&format!("restrict,expiry-time=\"20270218Z\" {KEY} ada\n"));
    let found = &wrong(&over)[0];
    assert_eq!(
        (found.id, &*found.summary),
        ("keys-expired", "ada expired 2d ago")
    );
    let mut unread = facts(&format!("restrict {KEY}\nnonsense\n"));
    unread.files[0].strict_modes_problem = Some("others may write it".into());
    let files = ids(&unread)
        .iter()
        .filter(|(id, _)| *id == "key-file")
        .count();
    assert_eq!(files, 2);
}

/// The first check of facts that are changed so.
fn first(content: &str, change: impl Fn(&mut AccessFacts)) -> Check {
    let mut facts = facts(content);
    change(&mut facts);
    let mut found = all(&facts);
    crate::judge::health::order::sort(&mut found);
    found.swap_remove(0)
}

fn settings(facts: &mut AccessFacts) -> &mut SshdSettings {
    facts.sshd.settings.as_mut().unwrap()
}

/// What is changed in what was found.
type Change<'a> = &'a dyn Fn(&mut AccessFacts);

#[test]
fn where_no_client_gets_anything_it_is_critical_and_comes_first() {
    let key = format!("restrict {KEY} ada\nnonsense\n");
    let cases: [(Change<'_>, &str); 7] = [
        (
            &|facts| settings(facts).force_command = Some("/bin/false".into()),
            "clients may get nothing: sshd runs /bin/false, not nix-store --serve",
        ),
        (
            &|facts| facts.cache_user.as_mut().unwrap().shell = "/usr/sbin/nologin".into(),
            "clients get nothing: the login shell /usr/sbin/nologin runs no command",
        ),
        (
            &|facts| settings(facts).pubkey_authentication = Some(false),
            "clients get nothing: sshd takes no keys from nix-ssh at all",
        ),
        (
            &|facts| settings(facts).max_sessions = Some(0),
            "clients get nothing: sshd allows no sessions (MaxSessions 0)",
        ),
        (
            &|facts| facts.service = Ok(Service::Fails("sh: 1: nix-store: not found".into())),
            "clients may get nothing: nix-store --serve fails as nix-ssh: sh: 1: nix-store: not found",
        ),
        (
            &|facts| facts.service = Ok(Service::Noise("Hello!".into())),
            "clients may get nothing: the login shell of nix-ssh writes \"Hello!\" before Nix answers",
        ),
        (
            &|facts| settings(facts).force_command = Some("internal-sftp".into()),
            "clients get nothing: sshd serves files to nix-ssh, not Nix's store",
        ),
    ];
    for (change, words) in cases {
        let found = first(&key, change);
        assert_eq!((found.id, found.state), ("access-serving", State::Critical));
        assert_eq!(found.summary, words);
        assert!(found.fix.is_some(), "{words}");
    }
    // What was not tried is not fine, and not wrong.
    let found = first("", |facts| facts.service = Err(Unknown::new("not root")));
    assert_eq!((found.id, found.state), ("access-serving", State::Unknown));
}

#[test]
fn a_request_counts_from_its_age_on() {
    let mut facts = facts("");
    let asked = When::from_unix(facts.at.unix() - 7200);
    let key = PublicSshKey::parse(KEY).unwrap();
    facts.requests = Ok(vec![Request::new(key, Source::Knock, "nix-ssh", asked)]);
    let state = |age| {
        let limits = Thresholds {
            request_age: Age(age),
            ..Thresholds::default()
        };
        checks("prod", &facts, &limits)[0].state
    };
    assert_eq!(state(7200), State::Warning);
    assert_eq!(state(7201), State::Fine);
}

#[test]
fn keys_that_nobody_uses() {
    let mut facts = facts(&format!("restrict {KEY} ada\n"));
    let limits = Thresholds {
        key_age: Some(Age(90 * 86_400)),
        ..Thresholds::default()
    };
    let state = |facts: &AccessFacts| {
        let found = checks("prod", facts, &limits);
        let found = found
            .iter()
            .find(|check| check.id == "keys-unused")
            .unwrap();
        (found.state, found.summary.clone())
    };
    assert_eq!(state(&facts).0, State::Unknown);
    let reach = |facts: &mut AccessFacts, days: i64| {
        facts.reach = Some(LogReach {
            since: When::from_unix(facts.at.unix() - days * 86_400),
            source: LogSource::Journal,
        });
    };
    reach(&mut facts, 89);
    assert_eq!(state(&facts).0, State::Unknown);
    reach(&mut facts, 90);
    let said = (
        State::Warning,
        "ada was not used for 90d or longer".to_owned(),
    );
    assert_eq!(state(&facts), said);
}

#[test]
fn a_review_is_due_where_the_configuration_says_so() {
    let mut facts = facts(&format!("restrict {KEY} ada\n"));
    let state = |facts: &AccessFacts, age: Option<u64>| {
        let limits = Thresholds {
            review_age: age.map(Age),
            ..Thresholds::default()
        };
        let found = checks("prod", facts, &limits);
        let check = found
            .iter()
            .find(|check| check.id == "keys-review")
            .unwrap();
        (check.state, check.summary.clone())
    };
    let none = "no review of the keys is recorded".to_owned();
    assert_eq!(state(&facts, None), (State::Fine, none.clone()));
    assert_eq!(state(&facts, Some(86_400)), (State::Warning, none));
    facts.reviewed = Some(crate::domain::key_request::PastReview {
        at: When::from_unix(facts.at.unix() - 7200),
        by: "root via eve".into(),
    });
    assert_eq!(
        state(&facts, Some(7200)),
        (
            State::Fine,
            "the keys were reviewed 2h ago by root via eve".to_owned()
        )
    );
    assert_eq!(state(&facts, Some(7199)).0, State::Warning);
}

#[test]
fn a_suspended_key_is_named_and_no_trouble() {
    let mut file = crate::domain::authorized_keys::AuthorizedKeys::parse(
        format!("expiry-time=\"20200101Z\" {KEY} ada\n").as_bytes(),
    );
    let suspension = crate::domain::authorized_keys::Suspension {
        since: When::from_unix(facts("").at.unix() - 7200),
        by: "root via eve".into(),
        reason: "left".into(),
    };
    file.suspend(1, &suspension).unwrap();
    let facts = facts(&String::from_utf8(file.to_bytes()).unwrap());
    let found = checks("prod", &facts, &Thresholds::default());
    let check = found
        .iter()
        .find(|check| check.id == "keys-suspended")
        .unwrap();
    assert_eq!(
        (check.state, check.summary.as_str()),
        (
            State::Fine,
            "ada was suspended 2h ago by root via eve (left)"
        )
    );
    // It has ended too, and can do more than it should once it is resumed: nobody has to do anything now.
    let keys = found.iter().filter(|check| check.id.starts_with("keys-"));
    assert!(
        keys.clone().all(|check| check.state == State::Fine),
        "{:?}",
        keys.collect::<Vec<_>>()
    );
}

#[test]
fn a_session_that_has_been_open_for_days_is_pointed_out() {
    let mut facts = facts(&format!("restrict {KEY} ada\n"));
    let session = |hours: i64, key: &str| Session {
        pid: 7,
        user: "nix-ssh".into(),
        from: None,
        since: Some(When::from_unix(facts.at.unix() - hours * 3600)),
        fingerprint: Some(PublicSshKey::parse(key).unwrap().fingerprint()),
    };
    let (new, ada, other) = (session(24, KEY), session(49, KEY), session(30, OTHER));
    facts.sessions = Ok(vec![new.clone()]);
    assert_eq!(ids(&facts), []);
    facts.sessions = Ok(vec![new.clone(), other.clone()]);
    assert!(
        wrong(&facts)[0]
            .summary
            .starts_with("a session of an unknown client")
    );
    facts.sessions = Ok(vec![other, ada, new]);
    let found = wrong(&facts);
    assert_eq!(
        (found.len(), found[0].id, found[0].state),
        (1, "sessions-old", State::Warning)
    );
    assert!(
        found[0]
            .summary
            .starts_with("a session of ada has been open for 2d, and 1 more session:")
    );
    assert!(found[0].fix.as_ref().unwrap().text().contains("kill 7"));
    // One whose beginning is not known is not called old.
    let unknown = Session {
        since: None,
        ..facts.sessions.as_ref().unwrap()[0].clone()
    };
    facts.sessions = Ok(vec![unknown]);
    assert_eq!(ids(&facts), []);
}
