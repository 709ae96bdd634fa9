//! What fills the small server's disk: roots of every kind, pins, times of use, and what can't be known.

use super::access::about;
use super::{NOW, now, path};
use std::sync::Arc;
use storekeeper::change::Plan;
use storekeeper::change::contents::{Compared, Damage};
use storekeeper::console::plan::request::PlanRequest;
use storekeeper::console::plan::space::{self, Asked};
use storekeeper::console::screens::activity::comparison::Comparison;
use storekeeper::console::types::change::SpaceChange;
use storekeeper::console::types::problem::Problem;
use storekeeper::console::types::space::SpaceSnapshot;
use storekeeper::domain::pin::Pin;
use storekeeper::domain::roots::{Root, RootKind};
use storekeeper::domain::server_facts::Disk;
use storekeeper::domain::space::{
    Collector, DatabaseFacts, FileSystem, LastUse, Links, SpaceFacts, UseSource,
};
use storekeeper::domain::unfinished::Unfinished;
use storekeeper::domain::{Bytes, Unknown, When};
use storekeeper::judge::growth::Sample;
use storekeeper::judge::health::unfinished::Left;
use storekeeper::server::Generation;

const DAY: i64 = 86_400;
const STATE: &str = "/nix/var/nix";
pub const PINS: &str = "/nix/var/nix/gcroots/storekeeper";

fn ago(seconds: i64) -> When {
    When::from_unix(NOW - seconds)
}

fn disk() -> FileSystem {
    FileSystem {
        mount: "/nix".to_owned(),
        kind: "ext4".to_owned(),
        options: vec!["rw".to_owned(), "relatime".to_owned()],
        // A twentieth is kept for root.
        disk: Disk {
            size: Bytes(1_032 << 30),
            used: Bytes(804 << 30),
            available: Bytes(176 << 30),
            inodes: 1_000_000,
            inodes_used: 610_000,
        },
    }
}

pub fn facts() -> SpaceFacts {
    SpaceFacts {
        at: now(),
        store: Ok(disk()),
        root: Ok(None),
        database: Ok(DatabaseFacts {
            size: Bytes(1_288_490_188),
            wal: Bytes(4 << 20),
            free: Some(Bytes(96 << 20)),
        }),
        optimised: Ok(true),
        collecting: Ok(vec![]),
        lease: None,
        keep_derivations: Ok(true),
        keep_outputs: Ok(false),
    }
}

fn root(link: &str, target: &str) -> Root {
    Root::new(link.to_owned(), path(target), STATE, PINS)
}

pub fn roots() -> Vec<Root> {
    vec![
        root(&format!("{PINS}/release"), "storefront-2.0"),
        root(&format!("{PINS}/old-demo"), "ledger-4.1"),
        root(&format!("{PINS}/by-hand"), "ledger-4.1"),
        root("/nix/var/nix/profiles/system-12-link", "ledger-4.2"),
        root("/home/ada/result\u{1b}[31m", "curl-8.7.1"),
        root("/proc/77/exe", "zlib-1.3.1"),
        root("{censored}", "glibc-2.39"),
    ]
}

fn pin(name: &str, target: &str, note: &str, at: i64, expires: Option<i64>) -> Pin {
    Pin {
        name: name.parse().unwrap(),
        target: path(target),
        by: Some("root via ada@laptop".to_owned()),
        note: Some(note.to_owned()),
        at: ago(at),
        expires: expires.map(|end| When::from_unix(NOW + end)),
        sha256: None,
    }
}

fn used(name: &str, days: i64) -> ([u8; 20], When) {
    (path(name).digest(), ago(days * DAY))
}

/// Everything is known.
pub fn known() -> SpaceSnapshot {
    SpaceSnapshot {
        look: 0,
        facts: facts(),
        roots: Ok(roots()),
        notes: vec![],
        pins: Ok(vec![
            pin(
                "release",
                "storefront-2.0",
                "what runs in production",
                9 * DAY,
                None,
            ),
            pin(
                "old-demo",
                "ledger-4.1",
                "demo\u{1b}[31m for \u{202e}sales",
                40 * DAY,
                Some(-3 * DAY),
            ),
        ]),
        last_use: Some(Arc::new(Ok(LastUse {
            source: UseSource::AccessTimeDaily,
            why: None,
            times: vec![
                used("storefront-1.0", 38),
                used("ledger-4.0", 38),
                used("orphan-tool-0.1", 1),
                used("ledger-cli-4.1", 4),
                used("glibc-2.39", 0),
            ],
        }))),
        links: Some(Ok(Links {
            files: 81_222,
            saved: Bytes(24 << 20),
        })),
        unfinished: Ok(vec![]),
        samples: Arc::new([]),
        skew: 0,
    }
}

/// No access times are kept, and hard links can't be counted.
pub fn no_times() -> SpaceSnapshot {
    let mut known = known();
    let why = "/nix is mounted with noatime, so that no access times are kept";
    known.last_use = Some(Arc::new(Ok(LastUse {
        source: UseSource::Registration,
        why: Some(why.to_owned()),
        times: vec![],
    })));
    known.links = Some(Err(Unknown(
        "the .links folder can't be read by this user; log in as root".to_owned(),
    )));
    known
}

/// Hardly anything can be known.
pub fn blind() -> SpaceSnapshot {
    let unknown = |why: &str| Unknown(why.to_owned());
    let mut known = no_times();
    known.roots = Err(unknown(
        "the daemon refuses to list them; log in as root or a trusted user",
    ));
    known.pins = Err(unknown("the folder of pins can't be read"));
    known.facts.store = Err(unknown("df failed: Permission denied"));
    known.facts.database = Err(unknown("/nix/var/nix/db can't be read"));
    known.facts.collecting = Err(unknown("/proc/locks can't be read"));
    known.unfinished = Err(unknown("the folder of the audit log can't be read"));
    known
}

/// Nothing is left of the disk, and somebody collects.
pub fn full() -> SpaceSnapshot {
    let mut known = known();
    let mut full = disk();
    full.disk.used = Bytes(980 << 30);
    full.disk.available = Bytes(0);
    known.facts.store = Ok(full);
    known.facts.collecting = Ok(vec![Collector {
        process: 4_711,
        user: "root".to_owned(),
        since: Some(ago(240)),
        command: "nix-collect-garbage -d".to_owned(),
        holds: true,
    }]);
    let unfinished = Unfinished {
        id: "c0ffee01".to_owned(),
        change: "gc".to_owned(),
        at: ago(7_200),
        by: "root via bob@desk".to_owned(),
        summary: "collect 40 paths (1.0 GiB)".to_owned(),
        total: 40,
        running: Some(false),
    };
    let signing = Unfinished {
        id: "c0ffee02".to_owned(),
        change: "sign".to_owned(),
        summary: "sign 9 paths (1.2 MiB) with cache-1".to_owned(),
        ..unfinished.clone()
    };
    let left = |what, gone| Left { what, gone };
    known.unfinished = Ok(vec![left(unfinished, Some(12)), left(signing, None)]);
    known
}

/// The disk was looked at once a day, and space was collected in between.
pub fn sampled() -> SpaceSnapshot {
    let mut known = known();
    let used =
        |day: u64| ((760 + day * 2 - if day > 20 { 40 } else { 0 }) << 30) + ((day % 3) << 28);
    let samples = (0..42).map(|day| Sample {
        at: ago((41 - day as i64) * DAY),
        used: used(day),
    });
    known.samples = samples.collect();
    known
}

/// What a comparison of all paths has found.
pub fn compared(corrupt: &[&str], failed: &[&str]) -> Comparison {
    let damage = |name: &&str, said: &str| Damage {
        path: path(name),
        message: format!("path '{}' {said}", path(name)),
    };
    let modified = "was modified! expected hash 'sha256:0sjp', got 'sha256:1abc'";
    Comparison {
        at: now(),
        found: Compared {
            checked: 14,
            bytes: 152 << 20,
            corrupt: corrupt.iter().map(|name| damage(name, modified)).collect(),
            failed: failed
                .iter()
                .map(|name| damage(name, "is not valid"))
                .collect(),
            times_moved: !failed.is_empty(),
        },
        cancelled: false,
        trouble: None,
    }
}

/// A plan, made by the real planners.
pub fn plan(request: &PlanRequest, change: &SpaceChange) -> Result<Plan, Problem> {
    let pins = known().pins;
    let roots = roots();
    let past = [(11, 60), (10, 90)].map(|(number, days)| Generation {
        root: root(
            &format!("/nix/var/nix/profiles/system-{number}-link"),
            "storefront-1.0",
        ),
        at: ago(days * DAY),
        current: false,
    });
    let generations = roots
        .iter()
        .filter(|root| matches!(root.kind, RootKind::Generation { .. }))
        .map(|root| Generation {
            root: root.clone(),
            at: ago(20 * DAY),
            current: false,
        })
        .chain(past)
        .collect();
    let asked = Asked {
        about: about(),
        pins,
        folder: PINS.to_owned(),
        generations,
        now: now(),
    };
    space::plan(request, change, &asked)
}
