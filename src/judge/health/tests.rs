//! In: vitals with one thing wrong. Out: the check that must tell of it.

use super::*;
use crate::domain::{Bytes, Notice, PublicKey};

const KEY: &str = "DIY1mU4LCDPftuy4qTEQxRmlP7xUDywWoR/jixfd498=";
const OTHER: &str = "6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=";

fn public(name: &str, key: &str) -> PublicKey {
    PublicKey::parse(&format!("{name}:{key}")).unwrap()
}

/// Keys of one name, for as long as the test runs.
fn ring(name: &str, keys: &[&str]) -> &'static KeyRing {
    let ours = keys.iter().map(|key| public(name, key)).collect();
    Box::leak(Box::new(KeyRing::new(ours, vec![], vec![])))
}

/// A key file of the server.
fn signs(file: &str, public: Option<PublicKey>, problem: Option<Notice>) -> ServerKey {
    ServerKey {
        file: file.to_owned(),
        name: public.as_ref().map(|key| key.name().to_string()),
        public,
        problem,
    }
}

fn vitals() -> Vitals<'static> {
    Vitals {
        server: "prod",
        place: "root@cache",
        round_trip: Some(Duration::from_millis(12)),
        nix_version: "2.35.1",
        nix_program: Some("/usr/bin/nix"),
        protocol: (1, 38),
        trusted: Some(true),
        privileged: true,
        writable: Some(true),
        clock_skew: -3,
        signing_keys: &[],
        keys: ring("k-1", &[KEY]),
        refused: 0,
        refusals: None,
        retired: Some(0),
        compromised: &[],
        auto_sign: None,
        policy_timer: None,
        bad: 0,
        unreadable: 0,
        space: Some((
            Space {
                size: Bytes(1000),
                available: Bytes(500),
                inodes: 100,
                inodes_used: 10,
            },
            "/nix",
        )),
        limits: Thresholds::default(),
        unknown: &[],
    }
}

fn found(vitals: &Vitals<'_>, id: &str) -> (State, String, Option<String>) {
    let check = checks(vitals)
        .into_iter()
        .find(|check| check.id == id)
        .unwrap();
    (
        check.state,
        check.summary,
        check.fix.map(|fix| fix.to_string()),
    )
}

#[test]
fn all_is_well() {
    let checks = checks(&vitals());
    assert_eq!(worst(&checks), State::Fine);
    assert!(checks.iter().all(|check| check.fix.is_none()));
    let ids: Vec<&str> = checks.iter().map(|check| check.id).collect();
    assert_eq!(
        ids,
        [
            "connection",
            "nix",
            "advisories",
            "signing-key",
            "bad-signatures",
            "unsigned-paths",
            "store-disk",
            "store-inodes"
        ]
    );
}

#[test]
fn what_clients_refuse() {
    let vitals = Vitals {
        refused: 212,
        bad: 1,
        ..vitals()
    };
    assert_eq!(
        found(&vitals, "unsigned-paths"),
        (
            State::Warning,
            "212 paths would be refused".into(),
            Some("storekeeper sign prod --all".into())
        )
    );
    assert_eq!(found(&vitals, "bad-signatures").0, State::Critical);
    assert_eq!(worst(&checks(&vitals)), State::Critical);
}

#[test]
fn space_runs_out() {
    let left = |available: u64, used: u64| {
        let mut vitals = vitals();
        if let Some((space, _)) = &mut vitals.space {
            space.available = Bytes(available);
            space.inodes_used = used;
        }
        (
            found(&vitals, "store-disk").0,
            found(&vitals, "store-inodes").0,
        )
    };
    assert_eq!(left(150, 85), (State::Fine, State::Fine));
    assert_eq!(left(149, 86), (State::Warning, State::Warning));
    assert_eq!(left(49, 96), (State::Critical, State::Critical));
    let nothing = Vitals {
        space: None,
        ..vitals()
    };
    assert_eq!(found(&nothing, "store-disk").0, State::Unknown);
    assert_eq!(worst(&checks(&nothing)), State::Fine);
}

#[test]
fn keys_rights_and_clock() {
    let exposed = Notice::new("it can be read by all", "chmod 600 it");
    let problem = [signs("/root/k", None, Some(exposed))];
    let problem = Vitals {
        signing_keys: &problem,
        ..vitals()
    };
    assert_eq!(
        found(&problem, "signing-key"),
        (
            State::Warning,
            "the signing key /root/k can't be used: it can be read by all".into(),
            Some("chmod 600 it".into())
        )
    );
    let without = Vitals {
        keys: ring("k-1", &[]),
        ..vitals()
    };
    assert_eq!(found(&without, "signing-key").0, State::Warning);
    let twice = Vitals {
        keys: ring("k-1", &[KEY, OTHER]),
        ..vitals()
    };
    assert!(found(&twice, "signing-key").1.contains("called k-1"));
    let own = [signs("/root/k", Some(public("k-1", KEY)), None)];
    let own = Vitals {
        signing_keys: &own,
        ..vitals()
    };
    assert_eq!(found(&own, "signing-key").0, State::Fine);
    let other = [signs("/root/k", Some(public("k-1", OTHER)), None)];
    let other = Vitals {
        signing_keys: &other,
        ..vitals()
    };
    let (state, said, _) = found(&other, "signing-key");
    assert_eq!(state, State::Warning);
    assert!(
        said.contains("clients refuse what it signs: k-1:6NCH"),
        "{said}"
    );
    let stored = [signs("/nix/store/abc-key", Some(public("k-1", KEY)), None)];
    let stored = Vitals {
        signing_keys: &stored,
        ..vitals()
    };
    let (state, said, _) = found(&stored, "signing-key");
    assert_eq!(state, State::Critical);
    assert!(said.contains("lies in the Nix store"), "{said}");
    let user = Vitals {
        privileged: false,
        ..vitals()
    };
    assert_eq!(found(&user, "rights").0, State::Warning);
    let sealed = Vitals {
        writable: Some(false),
        ..vitals()
    };
    assert!(found(&sealed, "rights").1.contains("can't be written"));
    let distrusted = Vitals {
        trusted: Some(false),
        ..vitals()
    };
    assert!(
        found(&distrusted, "rights")
            .2
            .unwrap()
            .contains("trusted-users")
    );
    let late = Vitals {
        clock_skew: -600,
        ..vitals()
    };
    assert!(found(&late, "clock").1.contains("600 s behind"));
    let lines = ["the journal can't be read".to_owned()];
    let unknown = Vitals {
        unknown: &lines,
        ..vitals()
    };
    assert_eq!(found(&unknown, "not-known").0, State::Unknown);
}

#[test]
fn advisories_go_by_the_version_number() {
    let of = |version, program| {
        let vitals = Vitals {
            nix_version: version,
            nix_program: program,
            ..vitals()
        };
        found(&vitals, "advisories")
    };
    let stored = Some("/nix/store/x-nix-2.34.6/bin/nix");
    let (state, said, fix) = of("2.34.6", stored);
    assert_eq!(state, State::Warning);
    assert_eq!(
        said,
        "by its version number, Nix 2.34.6 lacks the fix of CVE-2026-44028 (whoever may upload can become root by a crafted archive)"
    );
    assert!(fix.is_some());
    // A distribution keeps numbers and adds fixes.
    let (state, said, _) = of("2.8.0", Some("/usr/bin/nix"));
    assert_eq!(state, State::Unknown);
    assert!(said.ends_with("; nor of CVE-2026-39860"), "{said}");
    assert_eq!(of("2.34.7", stored).0, State::Fine);
    assert_eq!(of("who knows", stored).0, State::Unknown);
}

#[test]
fn a_retired_key_that_is_needed_is_named() {
    let keys = KeyRing::new(vec![public("k-1", KEY)], vec![public("k-0", OTHER)], vec![]);
    let of = |retired| {
        let vitals = Vitals {
            keys: &keys,
            retired,
            ..vitals()
        };
        let checks = checks(&vitals);
        let found = checks.iter().find(|check| check.id == "retired-keys");
        found.map(|check| check.summary.clone())
    };
    assert_eq!(
        of(Some(2)).unwrap(),
        "2 paths still need the retired key k-0"
    );
    assert_eq!(
        of(Some(0)).unwrap(),
        "no path needs the retired key k-0 any more"
    );
    assert_eq!(of(None), None);
}

#[test]
fn signatures_of_a_compromised_key_are_a_finding() {
    let of = |compromised: &[(String, usize)]| {
        let vitals = Vitals {
            compromised,
            ..vitals()
        };
        let all = checks(&vitals);
        let found = all.iter().filter(|check| check.id == "compromised-keys");
        found
            .map(|check| (check.state, check.summary.clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(of(&[]), []);
    let none = of(&[("k-1".to_owned(), 0)]);
    assert_eq!(none[0].0, State::Fine);
    let found = of(&[
        ("k-1".to_owned(), 2),
        ("other-1".to_owned(), 1),
        ("x".to_owned(), 0),
    ]);
    // A key that clients trust is worse than one that they don't.
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].0, State::Critical);
    assert!(
        found[0]
            .1
            .contains("2 paths carry a signature by the compromised key k-1, which clients trust")
    );
    assert_eq!(found[1].0, State::Warning);
}

/// A warning with this word, and nothing that moves a cursor.
fn warns((state, summary): &(State, String), word: &str) {
    assert_eq!(*state, State::Warning);
    assert!(
        summary.contains(word) && !summary.contains('\u{1b}'),
        "{summary}"
    );
}

#[test]
fn signing_that_runs_by_itself_is_on_or_off() {
    let now = When::from_unix(1_790_000_000);
    let run = |on, ago: i64, problem: Option<&str>| AutoSign {
        on,
        at: Some(When::from_unix(now.unix() - ago)),
        problem: problem.map(str::to_owned),
        signed: 1,
        waiting: 2,
        ..AutoSign::default()
    };
    let of = |run: &AutoSign| {
        let vitals = Vitals {
            auto_sign: Some((run, now)),
            ..vitals()
        };
        let all = checks(&vitals);
        let found = all.iter().find(|check| check.id == "auto-sign").unwrap();
        (found.state, found.summary.clone())
    };
    let fine = of(&run(true, 180, None));
    assert_eq!(fine.0, State::Fine);
    assert!(fine.1.contains("is on, last ran 3m ago"), "{}", fine.1);
    for (ill, word) in [
        (run(false, 180, None), "is off"),
        (run(true, 7200, None), "last ran 2h ago"),
        (
            run(true, 60, Some("the key \u{1b} is gone")),
            "can't do its work",
        ),
    ] {
        warns(&of(&ill), word);
    }
    assert!(
        checks(&vitals())
            .iter()
            .all(|check| check.id != "auto-sign")
    );
}

#[test]
fn the_policy_timer_is_on_or_off() {
    let now = When::from_unix(1_790_000_000);
    let ran = PolicyRun {
        on: true,
        at: Some(When::from_unix(now.unix() - 7200)),
        paths: 12,
        freed: Bytes(3 << 20),
        ..PolicyRun::default()
    };
    let of = |run: &PolicyRun| {
        let vitals = Vitals {
            policy_timer: Some((run, now)),
            ..vitals()
        };
        let all = checks(&vitals);
        let found = all.iter().find(|check| check.id == "policy-timer").unwrap();
        (found.state, found.summary.clone())
    };
    let fine = of(&ran);
    assert_eq!(fine.0, State::Fine);
    assert!(
        fine.1
            .contains("is on, last ran 2h ago: it took 12 paths, 3.0 MiB"),
        "{}",
        fine.1
    );
    let new = PolicyRun {
        at: None,
        ..ran.clone()
    };
    assert_eq!(of(&new).0, State::Fine);
    assert!(of(&new).1.ends_with("it has not run yet"));
    for (ill, word) in [
        (
            PolicyRun {
                on: false,
                ..ran.clone()
            },
            "is off",
        ),
        (
            PolicyRun {
                failed: true,
                ..ran.clone()
            },
            "by systemd",
        ),
        (
            PolicyRun {
                problem: Some("no policy \u{1b}".to_owned()),
                ..ran
            },
            "could not collect: no policy",
        ),
    ] {
        warns(&of(&ill), word);
    }
    assert!(
        checks(&vitals())
            .iter()
            .all(|check| check.id != "policy-timer")
    );
}
