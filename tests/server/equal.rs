//! Store, graph and verdicts are the same from each source: the database, the kept inventory, the daemon.
//!
//! In: stores of the rig, with rows as the real world has them, and under a writer that never stops. Out: each source gives the
//! same paths, and of a store that is written to those of one moment.

use crate::help::{stuck, text};
use crate::rig::{Access, Nix, Rig, Sshd, Twist, need};
use rusqlite::Connection;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Servers to ask in turn, with the source that each has to name; the last one starts from what the one before has kept.
const SOURCES: [(&str, &str); 5] = [
    ("daemon --no-cache", "daemon"),
    ("database --no-cache", "database"),
    ("daemon", "daemon"),
    ("root", "database"),
    ("root", "database"),
];

/// What is reported of each path.
fn by_path(document: &Value) -> BTreeMap<String, Value> {
    let paths = document["paths"].as_array().unwrap().iter();
    paths
        .map(|path| (path["path"].as_str().unwrap().to_owned(), path.clone()))
        .collect()
}

/// What every source reports of each path, and what is said beside it of paths that could not be read.
fn reported(rig: &Rig) -> (BTreeMap<String, Value>, String) {
    let mut first = None;
    for (server, source) in SOURCES {
        let output = rig.run(&format!("paths {server} --json"));
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(document["source"], source, "{server}");
        let found = (
            by_path(&document),
            text(&output.stderr),
            output.status.code(),
        );
        let Some(expected) = &first else {
            first = Some(found);
            continue;
        };
        for (path, said) in &expected.0 {
            assert_eq!(found.0.get(path), Some(said), "{server}");
        }
        assert_eq!(&found, expected, "{server}");
    }
    let (paths, said, _) = first.unwrap();
    (paths, said)
}

#[test]
fn a_store_that_grew_is_the_same_from_each_source() {
    for nix in Nix::all() {
        let rig = Rig::bulk(&nix, 2_000);
        rig.add_readers(rig.port(Access::Root));
        let (paths, said) = reported(&rig);
        assert_eq!((paths.len(), said.as_str()), (2_000, ""), "{}", nix.version);
    }
}

/// The path of this number.
fn path(number: usize, name: &str) -> String {
    format!("/nix/store/{number:032}-{name}")
}

/// A statement that registers a path as Nix would, but for one column that is set to an expression of SQL.
fn register(path: &str, number: usize, column: &str, value: &str) -> String {
    let usual = [
        ("path", format!("'{path}'")),
        ("hash", format!("'sha256:{number:064x}'")),
        ("registrationTime", "1760000000".to_owned()),
        ("deriver", "null".to_owned()),
        ("narSize", "120".to_owned()),
        ("ultimate", "null".to_owned()),
        ("sigs", "null".to_owned()),
        ("ca", "null".to_owned()),
    ];
    let columns = usual.each_ref().map(|(title, _)| *title).join(", ");
    let values = usual.map(|(title, usual)| {
        if title == column {
            value.to_owned()
        } else {
            usual
        }
    });
    format!(
        "insert into ValidPaths({columns}) values({});\n",
        values.join(", ")
    )
}

/// Columns with what stores in the field have there, or a hand has left.
fn odd_columns() -> Vec<(&'static str, String)> {
    let digits = "A".repeat(86);
    let [one, other] = ["cache.example.org-1", "other-1"].map(|key| format!("{key}:{digits}=="));
    let base_32 = "1jkv4xinjyhxmbsyr8mfyhwn2q7vc6jlhqkj8a4hdr1xkl4vflzq";
    let base_16 = "0123456789abcdef".repeat(4);
    let texts = [
        ("deriver", String::new()),
        ("deriver", path(999, "unknown.drv")),
        ("deriver", path(999, "no-derivation")),
        ("deriver", "unknown-deriver".to_owned()),
        ("sigs", String::new()),
        ("sigs", " ".to_owned()),
        ("sigs", one.clone()),
        ("sigs", format!("{one} {one}")),
        ("sigs", format!("  {other}   {one} {other} ")),
        ("sigs", format!("{one}\n{other}")),
        ("sigs", format!("{one} nonsense {other}")),
        ("sigs", "cache.example.org-1:short".to_owned()),
        ("ca", String::new()),
        ("ca", format!("fixed:r:sha256:{base_32}")),
        ("ca", format!("fixed:sha256:{base_32}")),
        ("ca", format!("text:sha256:{base_32}")),
        ("ca", format!("fixed:r:sha256:{base_16}")),
        ("ca", "nonsense".to_owned()),
        ("hash", format!("sha256:{base_32}")),
        ("hash", format!("sha256:{}", base_16.to_uppercase())),
        ("hash", base_16.clone()),
        ("hash", "nonsense".to_owned()),
        ("hash", String::new()),
        ("narSize", "many".to_owned()),
        ("registrationTime", "then".to_owned()),
    ];
    let texts = texts.map(|(column, value)| (column, format!("'{value}'")));
    let other = [
        ("narSize", "null"),
        ("narSize", "0"),
        ("narSize", "4611686018427387904"),
        ("narSize", "9223372036854775807"),
        ("narSize", "-1"),
        ("narSize", "1.5"),
        ("registrationTime", "0"),
        ("registrationTime", "-1"),
        ("registrationTime", "4611686018427387904"),
        ("ultimate", "0"),
        ("ultimate", "1"),
        ("ultimate", "2"),
        ("sigs", "x'ff'"),
        ("deriver", "cast(x'2f6e69782f73746f72652fff' as text)"),
    ];
    let other = other.map(|(column, value)| (column, value.to_owned()));
    texts.into_iter().chain(other).collect()
}

#[test]
fn odd_rows_are_the_same_from_each_source() {
    Rig::on_every_nix(|rig| {
        rig.add_readers(rig.port(Access::Root));
        let mut statements = String::new();
        let mut number = 0;
        for (column, value) in odd_columns() {
            number += 1;
            let path = path(number, &format!("odd-{column}"));
            statements += &register(&path, number, column, &value);
        }
        // The longest name, each character that a name may have, itself in its references, a circle, and one that is not there.
        let names = ["n".repeat(211), "+-._?=09azAZ".to_owned()];
        let names = names.iter().map(String::as_str);
        let names = names.chain(["itself", "circle-a", "circle-b", "points-nowhere"]);
        let mut added = Vec::new();
        for name in names {
            number += 1;
            added.push(path(number, name));
            statements += &register(&path(number, name), number, "ultimate", "null");
        }
        let id = |path: &str| format!("(select id from ValidPaths where path = '{path}')");
        let [.., itself, circle_a, circle_b, nowhere] = added.as_slice() else {
            panic!("{added:?}");
        };
        for (from, to) in [
            (itself, id(itself)),
            (circle_a, id(circle_b)),
            (circle_b, id(circle_a)),
            (nowhere, "987654321".to_owned()),
        ] {
            statements += &["insert into Refs values(", &id(from), ", ", &to, ");\n"].concat();
        }
        rig.sql(&statements);
        let (paths, said) = reported(rig);
        assert_eq!(paths.len(), rig.entries.len() + number, "{said}");
        assert_eq!(paths[circle_a]["references"][0], **circle_b);
    });
}

/// Pairs that are in the store at once; each transaction adds one and takes the oldest away.
const PAIRS: usize = 2_000;

/// What [`write`] has the store hold after each of its transactions.
fn whole(paths: &BTreeMap<String, Value>) -> bool {
    let Some(counter) = paths.get(&path(0, "counter")) else {
        return false;
    };
    let last = usize::try_from(counter["narSize"].as_u64().unwrap()).unwrap();
    let of = |name: &str| {
        let numbers = paths.keys().filter(|path| path.ends_with(name));
        let numbers = numbers.map(|path| path["/nix/store/".len()..][..32].parse().unwrap());
        numbers.collect::<Vec<usize>>()
    };
    let expected: Vec<usize> = (last.saturating_sub(PAIRS) + 1..=last).collect();
    let refers = expected.iter().all(|number| {
        let references = &paths[&path(*number, "above")]["references"];
        references
            .as_array()
            .unwrap()
            .iter()
            .any(|to| *to == path(*number, "below"))
    });
    of("-above") == expected && of("-below") == expected && refers
}

/// Writes until it has made this many transactions and `stop` is set, or ten times as many. Checkpoints come often at first, then
/// as seldom as Nix makes them.
fn write(rig: &Rig, transactions: usize, stop: &AtomicBool) -> usize {
    let file = rig.scratch().join("server/nix/var/nix/db/db.sqlite");
    let mut connection = Connection::open(file).unwrap();
    connection.busy_timeout(Duration::from_secs(120)).unwrap();
    connection
        .pragma_update(None, "synchronous", "off")
        .unwrap();
    connection
        .pragma_update(None, "foreign_keys", true)
        .unwrap();
    connection
        .execute_batch(&register(&path(0, "counter"), 0, "narSize", "0"))
        .unwrap();
    let mut number = 0;
    while number < transactions || number < 10 * transactions && !stop.load(Ordering::Relaxed) {
        if number % (transactions / 4) == 0 {
            let pages = [50, 400, 4_000]
                .get(number / (transactions / 4))
                .unwrap_or(&40_000);
            connection
                .pragma_update(None, "wal_autocheckpoint", *pages)
                .unwrap();
        }
        number += 1;
        let both =
            ["above", "below"].map(|name| register(&path(number, name), number, "ultimate", "1"));
        let change = connection.transaction().unwrap();
        change.execute_batch(&both.concat()).unwrap();
        change
            .execute(
                "insert into Refs select a.id, b.id from ValidPaths a, ValidPaths b where a.path = ? and b.path = ?",
                [path(number, "above"), path(number, "below")],
            )
            .unwrap();
        for name in ["above", "below"] {
            let oldest = path(number.saturating_sub(PAIRS), name);
            change
                .execute("delete from ValidPaths where path = ?", [oldest])
                .unwrap();
        }
        change
            .execute(
                "update ValidPaths set narSize = ? where path = ?",
                (i64::try_from(number).unwrap(), path(0, "counter")),
            )
            .unwrap();
        change.commit().unwrap();
        // So that some copies begin well, and meet the next checkpoint on their way or do not.
        if number % 500 == 0 {
            std::thread::sleep(Duration::from_millis(100 + number as u64 / 500 % 3 * 100));
        }
    }
    number
}

/// The server `slow`, whose `dd` rests at its end: between the database and its log there is time for a checkpoint.
fn slow_to_copy(rig: &Rig) -> Sshd {
    let first = stuck(rig.scratch(), &["dd"]);
    let dd = format!(
        "#!/bin/sh\n{} \"$@\"\nsleep 0.05\n",
        need::program("dd").display()
    );
    fs::write(first.join("dd"), dd).unwrap();
    let twist = Twist {
        first: Some(first),
        ..Twist::default()
    };
    rig.twisted("slow", Access::Root, twist)
}

#[test]
fn a_store_under_a_writer_that_never_stops_is_read_as_it_was_at_one_moment() {
    Rig::on_every_nix(|rig| {
        let sshd = slow_to_copy(rig);
        rig.add_readers(sshd.port);
        let stop = AtomicBool::new(false);
        let (mut sound, mut busy) = (0, 0);
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| write(rig, 20_000, &stop));
            while !writer.is_finished() {
                for server in ["database --no-cache", "slow"] {
                    let output = rig.run(&format!("paths {server} --json"));
                    let document = serde_json::from_slice::<Value>(&output.stdout).ok();
                    let read = document.filter(|document| document["source"] == "database");
                    if let Some(document) = read {
                        assert!(whole(&by_path(&document)), "{server}: {document}");
                        sound += 1;
                        continue;
                    }
                    // A torn copy is recognized before SQLite reads it. What was read may be gone when the daemon is asked about it.
                    let said = text(&output.stderr);
                    let busily = said.is_empty()
                        || said.contains("changes all the time")
                        || said.contains("the daemon has another store");
                    assert!(busily, "{server}: {said}");
                    busy += 1;
                }
                if sound >= 4 {
                    stop.store(true, Ordering::Relaxed);
                }
            }
            let transactions = writer.join().unwrap();
            eprintln!("{transactions} transactions: {sound} sound, {busy} too busy");
        });
        assert!(sound >= 4);
        let (paths, said) = reported(rig);
        assert!(whole(&paths), "{said}");
        assert_eq!(said, "");
    });
}
