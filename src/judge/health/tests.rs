//! In: vitals with one thing wrong. Out: the check that must tell of it.

use super::*;
use crate::domain::Notice;

fn vitals() -> Vitals<'static> {
    Vitals {
        server: "prod",
        place: "root@cache",
        round_trip: Some(Duration::from_millis(12)),
        nix_version: "2.28.3",
        protocol: (1, 38),
        trusted: Some(true),
        privileged: true,
        writable: Some(true),
        clock_skew: -3,
        own_keys: 1,
        shadowed: vec![],
        key_problems: vec![],
        refused: 0,
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
        disk_warning: Threshold::Percent(15.0),
        disk_critical: Threshold::Percent(5.0),
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
    let problem = Vitals {
        key_problems: vec![("/root/k", &exposed)],
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
        own_keys: 0,
        ..vitals()
    };
    assert_eq!(found(&without, "signing-key").0, State::Warning);
    let twice = Vitals {
        shadowed: vec!["k-1"],
        ..vitals()
    };
    assert!(found(&twice, "signing-key").1.contains("k-1"));
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
