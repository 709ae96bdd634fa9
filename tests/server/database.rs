//! A store that is read from its database, over a real sshd and with the real Nix writing to it.

use crate::help::terminal::{Terminal, is_read};
use crate::help::text;
use crate::rig::{Access, Nix, Rig, Twist};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

fn paths(document: &Value) -> &Vec<Value> {
    document["paths"].as_array().unwrap()
}

fn names(document: &Value) -> BTreeSet<&str> {
    let paths = paths(document).iter();
    paths.map(|path| path["path"].as_str().unwrap()).collect()
}

/// Of copies, only the one is on this side that the next process goes on with.
fn one_left(rig: &Rig) {
    let cache = rig.scratch().join("home-here/.cache/storekeeper");
    let entries = fs::read_dir(&cache).unwrap().flatten();
    let left: Vec<_> = entries
        .filter(|entry| {
            entry.file_name() != "inventories" && entry.file_name() != "connections.jsonl"
        })
        .collect();
    let names = left.iter().map(fs::DirEntry::file_name);
    let kept = names.filter(|name| name.to_string_lossy().starts_with("kept-"));
    assert!(left.len() == 1 && kept.count() == 1, "{left:?}");
}

#[test]
fn both_ways_tell_the_same() {
    Rig::on_every_nix(|rig| {
        rig.add_readers(rig.port(Access::Root));
        let from_database = rig.ask("paths database", 0);
        let through_daemon = rig.ask("paths daemon", 0);
        assert_eq!(from_database["source"], "database");
        assert_eq!(through_daemon["source"], "daemon");
        assert_eq!(from_database["paths"], through_daemon["paths"]);
        assert_eq!(paths(&from_database).len(), rig.entries.len());
        let lines = |server: &str| {
            let output = rig.run(&format!("paths {server} --jsonl"));
            let mut lines: Vec<String> = text(&output.stdout).lines().map(str::to_owned).collect();
            lines.sort_unstable();
            lines
        };
        assert_eq!(lines("database"), lines("daemon"));
        one_left(rig);
        // Reading has left the server's folder as it was; the files of an open database come and go with the daemon.
        let folder = rig.scratch().join("server/nix/var/nix/db");
        let files = |folder: &Path| {
            let entries = fs::read_dir(folder).unwrap().flatten();
            let files: BTreeSet<_> = entries
                .map(|entry| {
                    (
                        entry.file_name(),
                        entry.metadata().unwrap().modified().unwrap(),
                    )
                })
                .filter(|(name, _)| name != "db.sqlite-shm" && name != "db.sqlite-wal")
                .collect();
            files
        };
        let before = files(&folder);
        rig.ask("paths database", 0);
        assert_eq!(files(&folder), before);
    });
}

#[test]
fn a_database_with_another_maker_s_column_and_without_an_index_is_read_as_ever() {
    Rig::on_every_nix(|rig| {
        rig.add_readers(rig.port(Access::Root));
        let before = rig.ask("paths database", 0);
        // Nix 2.35 has no such index, and Determinate Nix has such a column.
        rig.sql(
            "drop index if exists IndexReferrer;
             alter table ValidPaths add column provenance text;
             update ValidPaths set provenance = '{\"type\":\"flake\"}'",
        );
        let from_database = rig.ask("paths database", 0);
        let through_daemon = rig.ask("paths daemon", 0);
        assert_eq!(from_database["source"], "database");
        assert_eq!(from_database["paths"], through_daemon["paths"]);
        assert_eq!(from_database["paths"], before["paths"]);
    });
}

#[test]
fn a_store_that_is_written_to_meanwhile_is_read_as_it_was_at_one_moment() {
    Rig::on_every_nix(|rig| {
        rig.add_readers(rig.port(Access::Root));
        rig.add_server(&rig.server_section("auto", "root", rig.port(Access::Root), ""));
        let before = rig.ask("paths daemon", 0);
        let ended = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let mut added = 0;
                while !ended.load(Ordering::Relaxed) {
                    let file = rig.scratch().join(format!("added-{added}"));
                    fs::write(&file, format!("content {added}")).unwrap();
                    let mut add = rig.nix_here("nix-store");
                    add.arg("--add").arg(&file).stdout(Stdio::null());
                    assert!(add.status().unwrap().success());
                    added += 1;
                }
                added
            });
            let mut seen = 0;
            for _ in 0..6 {
                let now = rig.ask("paths auto", 0);
                assert!(names(&now).is_superset(&names(&before)));
                assert!(paths(&now).len() >= seen);
                seen = paths(&now).len();
                for path in paths(&now) {
                    let references = path["references"].as_array().unwrap();
                    let here = |path: &Value| names(&now).contains(path.as_str().unwrap());
                    assert!(references.iter().all(here), "{path}");
                }
            }
            ended.store(true, Ordering::Relaxed);
            assert!(writer.join().unwrap() > 0);
        });
        let [from_database, through_daemon] =
            ["database", "daemon"].map(|server| rig.ask(&format!("paths {server}"), 0));
        assert_eq!(from_database["paths"], through_daemon["paths"]);
    });
}

#[test]
fn one_session_at_a_time_is_enough() {
    let rig = Rig::new();
    let twist = Twist {
        more: "MaxSessions 1\n".to_owned(),
        ..Twist::default()
    };
    let sshd = rig.twisted("one-session", Access::Root, twist);
    rig.add_readers(rig.port(Access::Root));
    let found = rig.ask("paths one-session", 0);
    assert_eq!(found["source"], "database");
    assert_eq!(found["paths"], rig.ask("paths daemon", 0)["paths"]);
    drop(sshd);
}

#[test]
fn a_reason_is_told_where_only_the_database_is_wanted() {
    let rig = Rig::new();
    rig.add_readers(rig.port(Access::ViaSocket));
    let reported = rig.ask("paths database", 1);
    let message = reported["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("its store is in an unknown place"),
        "{message}"
    );
    assert!(reported.to_string().contains("reader ="), "{reported}");
    let found = rig.ask("paths via-socket", 0);
    assert_eq!(found["source"], "daemon");
    let status = rig.ask("status database", 2);
    assert!(status.to_string().contains("reader ="), "{status}");
}

#[test]
fn the_console_says_why_it_asks_the_daemon_until_it_need_not() {
    let rig = Rig::new();
    let open = |server: &str| {
        let terminal = Terminal::start(&rig.storekeeper_command([server]), 80, 24);
        terminal.wait("a store that is read", is_read);
        terminal
    };
    let mut terminal = open("via-socket");
    terminal.wait_for("   read through the daemon");
    terminal.keys("G");
    terminal.wait_for(".  read through the daemon: ");
    terminal.wait_for("its store is in an unknown place");
    drop(terminal);
    // A database that is not as any release of Nix makes it, which its daemon does not mind.
    let database = rig.scratch().join("server/nix/var/nix/db/db.sqlite");
    let with_key = |key: &str| {
        let sql = rusqlite::Connection::open(&database).unwrap();
        sql.execute_batch(&format!(
            "begin; create table R as select * from Refs; drop table Refs;
             create table Refs (referrer integer not null, reference integer not null{key});
             insert into Refs select * from R; drop table R; commit"
        ))
        .unwrap();
    };
    with_key("");
    let mut terminal = open("root");
    terminal.wait_for(".  read through the daemon: ");
    terminal.keys("2");
    terminal.wait_for(", through the daemon");
    with_key(", primary key (referrer, reference)");
    terminal.keys("1R");
    terminal.wait("a reading of the database", |text| {
        text.contains("1 Overview") && !text.contains("through the daemon")
    });
}

#[test]
fn a_link_that_is_cut_in_the_middle_of_a_copy_is_an_error_and_leaves_nothing() {
    let rig = Rig::bulk(&Nix::of_this_machine(), 20_000);
    let proxy = rig.proxied(Duration::from_millis(2));
    rig.add_readers(proxy.port());
    let whole = {
        let before = proxy.bytes();
        assert!(rig.run("paths database --json").status.success());
        proxy.bytes() - before
    };
    let before = proxy.bytes();
    let mut command = rig.storekeeper_command(["paths", "database", "--json", "--no-cache"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while proxy.bytes() - before < whole / 2 {
        assert!(Instant::now() < deadline, "nothing was copied");
        std::thread::yield_now();
    }
    proxy.cut();
    let output = child.wait_with_output().unwrap();
    assert!(!output.status.success(), "{output:?}");
    one_left(&rig);
    assert!(rig.run("paths database --json").status.success());
}
