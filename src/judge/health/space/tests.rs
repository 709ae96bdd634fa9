//! The checks of space: what is shown for what, and how bad it is.

use super::*;
use crate::domain::Notice;
use crate::domain::server_facts::Disk;
use crate::domain::{Bytes, StorePath, Unknown};
use crate::judge::growth::Rate;

const GIB: u64 = 1 << 30;

fn disk(mount: &str, available: u64) -> FileSystem {
    FileSystem {
        mount: mount.into(),
        kind: "ext4".into(),
        options: vec!["rw".into(), "relatime".into()],
        disk: Disk {
            size: Bytes(100 * GIB),
            used: Bytes(100 * GIB - available),
            available: Bytes(available),
            inodes: 0,
            inodes_used: 0,
        },
    }
}

fn facts() -> SpaceFacts {
    SpaceFacts {
        at: When::from_unix(100_000),
        store: Ok(disk("/nix", 50 * GIB)),
        root: Ok(None),
        database: Ok(DatabaseFacts {
            size: Bytes(GIB),
            wal: Bytes(0),
            free: Some(Bytes(0)),
        }),
        optimised: Ok(true),
        collecting: Ok(vec![]),
        lease: None,
        load: None,
        failed_units: vec![],
        dangling: vec![],
        keep_derivations: Ok(true),
        keep_outputs: Ok(false),
    }
}

fn of(facts: &SpaceFacts, pins: &Fact<Vec<Pin>>, forecast: Option<&Forecast>) -> Vec<Check> {
    checks(&Looked {
        server: "prod",
        facts,
        pins,
        forecast,
        inventory: Some(&Inventory::default()),
        limits: Thresholds::default(),
        now: When::from_unix(100_000),
    })
}

fn one<'a>(checks: &'a [Check], id: &str) -> &'a Check {
    checks.iter().find(|check| check.id == id).unwrap()
}

#[test]
fn all_is_well() {
    let found = of(&facts(), &Ok(vec![]), None);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].summary, "Nix's database is 1.0 GiB");
    assert_eq!(found[0].state, State::Fine);
}

#[test]
fn what_is_not_known_is_said_with_its_next_step() {
    let why = || Unknown(Notice::new("it is hidden from eve", "log in as root"));
    let facts = SpaceFacts {
        root: Err(why()),
        database: Err(why()),
        collecting: Err(why()),
        store: Err(why()),
        ..facts()
    };
    let found = of(
        &facts,
        &Err(why()),
        Some(&Forecast::Unknown("no forecast: x".into())),
    );
    assert_eq!(found.len(), 5);
    for check in &found {
        assert_eq!(check.state, State::Unknown);
        let alike = found.iter().filter(|other| other.summary == check.summary);
        assert_eq!(alike.count(), 1, "{}", check.summary);
        if check.id != "forecast" {
            assert_eq!(check.fix.as_ref().map(Remedy::text), Some("log in as root"));
        }
    }
    assert_eq!(super::super::worst(&found), State::Fine);
}

#[test]
fn the_disk_of_the_system() {
    for (left, state) in [
        (50, State::Fine),
        (10, State::Warning),
        (1, State::Critical),
    ] {
        let facts = SpaceFacts {
            root: Ok(Some(disk("/", left * GIB))),
            ..facts()
        };
        let found = of(&facts, &Ok(vec![]), None);
        let check = one(&found, "root-disk");
        assert_eq!(check.state, state);
        assert_eq!(check.fix.is_some(), state != State::Fine);
    }
}

#[test]
fn a_database_with_much_air() {
    let with = |free, wal| SpaceFacts {
        database: Ok(DatabaseFacts {
            size: Bytes(GIB),
            wal: Bytes(wal),
            free,
        }),
        ..facts()
    };
    let found = of(&with(Some(Bytes(GIB / 2)), 0), &Ok(vec![]), None);
    assert!(
        one(&found, "database")
            .summary
            .starts_with("512 MiB of the 1.0 GiB")
    );
    let found = of(&with(None, GIB), &Ok(vec![]), None);
    assert_eq!(one(&found, "database-log").state, State::Warning);
    let found = of(&with(Some(Bytes(GIB / 8)), GIB / 8), &Ok(vec![]), None);
    assert_eq!(one(&found, "database").state, State::Fine);
}

#[test]
fn who_collects_and_who_waits() {
    let who = |process, holds, since: i64| Collector {
        process,
        user: "root".into(),
        since: Some(When::from_unix(100_000 - since)),
        command: "nix-store --gc".into(),
        holds,
    };
    let facts = SpaceFacts {
        collecting: Ok(vec![
            who(7, true, 7200),
            who(8, false, 60),
            who(9, false, 7200),
        ]),
        ..facts()
    };
    let found = of(&facts, &Ok(vec![]), None);
    let lines: Vec<(&str, State)> = found
        .iter()
        .filter(|check| check.id == "collecting")
        .map(|check| (check.summary.as_str(), check.state))
        .collect();
    assert_eq!(
        lines,
        [
            (
                "a collection holds Nix's lock, process 7 of root for 2h: nix-store --gc",
                State::Fine
            ),
            (
                "a collection waits behind process 7, process 8 of root for 1m: nix-store --gc",
                State::Fine
            ),
            (
                "a collection waits behind process 7, process 9 of root for 2h: nix-store --gc",
                State::Warning
            ),
        ]
    );
}

#[test]
fn pins_that_have_expired() {
    let pin = |end: Option<i64>| Pin {
        name: "x".parse().unwrap(),
        target: StorePath::from_parts(&[1; 20], "x").unwrap(),
        by: None,
        reason: None,
        at: When::from_unix(1),
        expires: end.map(When::from_unix),
        sha256: None,
    };
    let found = of(&facts(), &Ok(vec![pin(None), pin(Some(100_001))]), None);
    assert_eq!(one(&found, "pins").state, State::Fine);
    let found = of(&facts(), &Ok(vec![pin(Some(100_000)), pin(None)]), None);
    assert_eq!(
        one(&found, "pins").summary,
        "the pin x has expired and keeps its path"
    );
    let found = of(&facts(), &Ok(vec![pin(Some(100_000)), pin(Some(1))]), None);
    let check = one(&found, "pins");
    assert_eq!(check.summary, "2 pins have expired and keep 2 paths");
    assert_eq!(
        check.fix.as_ref().map(Remedy::text),
        Some("storekeeper unpin prod --expired")
    );
}

#[test]
fn times_links_and_forecasts() {
    let mut store = disk("/nix", GIB);
    store.options = vec!["noatime".into()];
    let facts = SpaceFacts {
        store: Ok(store),
        optimised: Ok(false),
        ..facts()
    };
    let by = Rate {
        a_day: GIB,
        days: 9,
        sampled: true,
    };
    let soon = Forecast::Full { days: 3, by };
    let found = of(&facts, &Ok(vec![]), Some(&soon));
    assert_eq!(one(&found, "access-times").state, State::Unknown);
    assert!(one(&found, "hard-links").fix.is_some());
    let check = one(&found, "forecast");
    assert_eq!(check.state, State::Warning);
    assert_eq!(
        check.fix.as_ref().map(Remedy::text),
        Some("storekeeper gc prod --until-free 15%")
    );
    let found = of(&facts, &Ok(vec![]), Some(&Forecast::Now));
    assert_eq!(one(&found, "forecast").state, State::Warning);
    let late = Forecast::Full { days: 300, by };
    let found = of(&facts, &Ok(vec![]), Some(&late));
    assert_eq!(one(&found, "forecast").state, State::Fine);
}

#[test]
fn a_lease_that_cannot_look_or_does_not_run_is_found() {
    let of_lease = |at: Option<i64>, problem: Option<&str>| {
        let facts = SpaceFacts {
            lease: Some(Lease {
                at: at.map(When::from_unix),
                problem: problem.map(str::to_owned),
            }),
            ..facts()
        };
        let checks = of(&facts, &Ok(vec![]), None);
        checks
            .into_iter()
            .find(|check| check.id == "lease")
            .unwrap()
    };
    assert_eq!(of_lease(Some(99_900), None).state, State::Fine);
    let blind = of_lease(Some(99_900), Some("error: no"));
    assert_eq!(blind.state, State::Warning);
    assert!(blind.summary.ends_with("keeps everything: error: no"));
    assert_eq!(of_lease(Some(90_000), None).state, State::Warning);
    assert_eq!(of_lease(None, None).state, State::Unknown);
    let none = of(&facts(), &Ok(vec![]), None);
    assert!(none.iter().all(|check| check.id != "lease"));
}

#[test]
fn roots_load_and_units() {
    let mut facts = facts();
    facts.load = Some((3.5, 2));
    let found = of(&facts, &Ok(vec![]), None);
    assert_eq!(one(&found, "load").state, State::Fine);
    facts.load = Some((32.0, 2));
    facts.dangling = ["a", "b"]
        .map(|name| Dangling {
            link: format!("/nix/var/nix/gcroots/{name}"),
            target: StorePath::from_parts(&[1; 20], name).unwrap(),
        })
        .to_vec();
    facts.failed_units = vec!["storekeeper-lease.service".into()];
    let found = of(&facts, &Ok(vec![]), None);
    for (id, summary) in [
        (
            "load",
            "the load of the last 15 minutes is 32.0 on 2 processors",
        ),
        ("units", "storekeeper-lease.service failed"),
        (
            "roots",
            "the root /nix/var/nix/gcroots/a and 1 more lead nowhere: what it kept is gone",
        ),
    ] {
        let check = one(&found, id);
        assert_eq!((check.state, &*check.summary), (State::Warning, summary));
        assert!(check.fix.is_some(), "{id}");
    }
}

#[test]
fn a_collection_that_holds_the_lock_for_long_may_hang() {
    let collector = |process, holds, since| Collector {
        process,
        user: "root".into(),
        since: Some(When::from_unix(since)),
        command: "nix-store --gc".into(),
        holds,
    };
    let now = When::from_unix(100_000);
    let limits = Thresholds {
        collection_age: Age(600),
        ..Thresholds::default()
    };
    let of = |since| {
        collectors(
            &[collector(8, false, since), collector(7, true, since)],
            limits,
            now,
        )
    };
    let found = of(99_401);
    assert!(found.iter().all(|check| check.state == State::Fine));
    let found = of(99_400);
    assert!(found.iter().all(|check| check.state == State::Warning));
    assert_eq!(
        found[0].summary,
        "a collection holds Nix's lock and may hang, process 7 of root for 10m: nix-store --gc"
    );
    assert!(found[0].fix.as_ref().unwrap().text().contains("kill 7"));
    assert!(
        found[1]
            .summary
            .starts_with("a collection waits behind process 7, ")
    );
}

#[test]
fn a_database_is_large_by_the_configuration() {
    let limits = |database| Thresholds {
        database,
        ..Thresholds::default()
    };
    let facts = facts();
    let facts = facts.database.as_ref().unwrap();
    let found = of_database("prod", facts, limits(Some(Bytes(GIB - 1))));
    assert_eq!(
        (found[0].id, found[0].state),
        ("database-size", State::Warning)
    );
    assert_eq!(
        of_database("prod", facts, limits(Some(Bytes(GIB))))[0].state,
        State::Fine
    );
    assert_eq!(
        of_database("prod", facts, limits(None))[0].state,
        State::Fine
    );
}
