//! Upkeep of Nix's database on a real server: a copy that is kept here, and a VACUUM while others write, and one that is killed.

use crate::help::{Ends, connect, json, stuck, text, wait};
use crate::rig::{Access, Nix, Rig, Sshd, Twist, need, wait_until};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use storekeeper::change::access::About;
use storekeeper::change::keep::vacuum;
use storekeeper::change::{Answer, JobEvent, Outcome, Policy, run_in};
use storekeeper::server::Vacuum;
use tokio::sync::mpsc::unbounded_channel;
use tokio_util::sync::CancellationToken;

fn database(rig: &Rig) -> PathBuf {
    rig.scratch().join("server/nix/var/nix/db/db.sqlite")
}

/// What a VACUUM works in.
fn work(rig: &Rig) -> PathBuf {
    database(rig).with_file_name("storekeeper-vacuum")
}

/// Leaves some megabytes of free pages.
fn bloat(rig: &Rig) {
    rig.sql(
        "create table x (y); insert into x values (zeroblob(6000000)); drop table x; pragma wal_checkpoint(truncate)",
    );
}

/// All rows, by what identifies them.
fn rows(rig: &Rig) -> BTreeSet<String> {
    let all = rig.sql(
        "select 'p', id, path, hash, sigs from ValidPaths; select 'r', referrer, reference from Refs;
         select 'o', drv, id, path from DerivationOutputs",
    );
    all.lines().map(str::to_owned).collect()
}

fn is_whole(rig: &Rig) {
    assert_eq!(rig.sql("pragma integrity_check").trim(), "ok");
}

/// Whether nobody holds the lock of a file or folder.
fn is_free(rig: &Rig, file: &str) -> bool {
    let mut flock = Command::new(need::program("flock"));
    let state = rig.scratch().join("server/nix/var/nix");
    let status = flock
        .args(["-x", "-n"])
        .arg(state.join(file))
        .arg("true")
        .status();
    status.unwrap().success()
}

/// Registers paths with the real Nix, and rows with SQLite, until it is stopped; gives back what was acknowledged.
fn write_until(rig: &Rig, ended: &AtomicBool) -> Vec<String> {
    let mut known = Vec::new();
    while !ended.load(Ordering::Relaxed) {
        let at = known.len();
        known.push(rig.add(&format!("written-{at}"), &format!("content {at}")));
        let path = format!("/nix/store/{at:032}-by-hand");
        rig.sql(&format!(
            "insert into ValidPaths (path, hash, registrationTime) values ('{path}', 'sha256:{at:064}', 1)"
        ));
        known.push(path);
    }
    known
}

fn has_all(rig: &Rig, known: &[String]) {
    let all = rig.sql("select path from ValidPaths");
    let all: BTreeSet<&str> = all.lines().collect();
    let lost: Vec<&String> = known
        .iter()
        .filter(|path| !all.contains(path.as_str()))
        .collect();
    assert!(!known.is_empty() && lost.is_empty(), "{lost:?}");
}

#[test]
fn free_pages_go_back_while_others_write() {
    Rig::on_every_nix(|rig| {
        bloat(rig);
        let before = (rows(rig), fs::metadata(database(rig)).unwrap());
        let shown = rig.ask("database root vacuum --dry-run", 0);
        assert!(
            shown["plan"]["summary"]
                .as_str()
                .unwrap()
                .contains("5.7 MiB"),
            "{shown}"
        );
        assert_eq!(fs::metadata(database(rig)).unwrap().len(), before.1.len());
        let ended = AtomicBool::new(false);
        let known = std::thread::scope(|scope| {
            let writer = scope.spawn(|| write_until(rig, &ended));
            let ends = Ends(&ended);
            wait_until("a first registration", || {
                rig.sql("select count(*) from ValidPaths where path like '%by-hand'")
                    .trim()
                    != "0"
            });
            let done = rig.ask("database root vacuum --yes", 0);
            drop(ends);
            assert_eq!(done["receipt"]["result"], "done", "{done}");
            assert!(
                done["receipt"]["freed"].as_u64().unwrap() > 5_000_000,
                "{done}"
            );
            writer.join().unwrap()
        });
        is_whole(rig);
        has_all(rig, &known);
        assert!(rows(rig).is_superset(&before.0));
        let now = fs::metadata(database(rig)).unwrap();
        assert!(now.len() < 1_000_000, "{}", now.len());
        let same = |found: &fs::Metadata| (found.ino(), found.uid(), found.gid(), found.mode());
        assert_eq!(same(&now), same(&before.1));
        assert!(!work(rig).exists());
        assert!(is_free(rig, "gc.lock") && is_free(rig, "db"));
        // Nix goes on with it: what it says is valid is there.
        let mut nix = rig.nix_here("nix-store");
        let output = nix
            .args(["--query", "--hash", rig.path("top-1.0")])
            .output();
        assert!(output.unwrap().status.success());
        let again = rig.ask("database root vacuum --yes", 0);
        assert_eq!(again["plan"]["items"], serde_json::json!([]), "{again}");
        let log = text(&rig.run("audit root").stdout);
        assert!(log.contains("free pages of Nix's database"), "{log}");
    });
}

/// A server whose `sqlite3` stops after a call with certain words.
struct Stopped {
    rig: Rig,
    sshd: Sshd,
    first: PathBuf,
}

impl Stopped {
    fn new(nix: &Nix) -> Self {
        let rig = Rig::with(nix);
        let first = stuck(rig.scratch(), &["sqlite3"]);
        let twist = Twist {
            first: Some(first.clone()),
            ..Twist::default()
        };
        let sshd = rig.twisted("stuck", Access::Root, twist);
        Self { rig, sshd, first }
    }

    /// Starts a VACUUM, until a call with these words was made.
    fn until(&self, words: &str) -> Child {
        fs::write(self.first.join("ready"), words).unwrap();
        let mut command = self
            .rig
            .storekeeper_command(["database", "stuck", "vacuum", "--yes", "--json"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        wait_until("a call of sqlite3", || {
            let ended = child.try_wait().unwrap().is_some();
            ended || self.first.join("reached").exists()
        });
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none(), "{words}: {:?}", child.wait_with_output());
        fs::remove_file(self.first.join("reached")).unwrap();
        child
    }
}

/// The calls of `sqlite3`, each by its end.
const STEPS: [&str; 6] = [
    "vacuum main into",
    "storekeeper-vacuum/copy pragma integrity_check",
    "./db.sqlite vacuum|",
    "wal_checkpoint",
    "./db.sqlite pragma integrity_check",
    "./db.sqlite attach",
];

#[test]
fn killed_after_each_step_it_loses_nothing_and_the_next_one_cleans_up() {
    for nix in Nix::all() {
        let stopped = Stopped::new(&nix);
        let rig = &stopped.rig;
        let ended = AtomicBool::new(false);
        let known = std::thread::scope(|scope| {
            let writer = scope.spawn(|| write_until(rig, &ended));
            let ends = Ends(&ended);
            for words in STEPS {
                bloat(rig);
                let before = rows(rig);
                let child = stopped.until(words);
                // With its connection: all of the script's processes, by SIGKILL.
                stopped.sshd.kill_sessions();
                let output = child.wait_with_output().unwrap();
                // Either it was done over a new connection, or it is said that it was not.
                let reported: Value = json(&output);
                assert!(
                    reported["receipt"]["result"].is_string(),
                    "{words}: {reported}"
                );
                is_whole(rig);
                assert!(rows(rig).is_superset(&before), "{words}");
                wait_until("its locks", || {
                    is_free(rig, "gc.lock") && is_free(rig, "db")
                });
                let again = rig.run("database root vacuum --yes --json");
                assert!(again.status.success(), "{words}: {}", text(&again.stderr));
                assert!(!work(rig).exists(), "{words}");
            }
            drop(ends);
            writer.join().unwrap()
        });
        is_whole(rig);
        has_all(rig, &known);
    }
}

/// `sqlite3`, which waits after the copy and after the VACUUM until the test has seen how far it is; not for ever, so that a test that sees
/// nothing says so.
const WAITS: &str = r#"#!/bin/sh
"$(PATH=/usr/bin:/bin command -v sqlite3)" "$@"
code=$?
for words in "vacuum main into" "./db.sqlite vacuum|"; do
    case "$*|" in
    *"$words"*)
        tries=0
        while ! [ -e "${0%/*}/go-on" ] && [ $tries -lt 600 ]; do tries=$((tries + 1)); sleep 0.05; done
        rm -f "${0%/*}/go-on" ;;
    esac
done
exit $code
"#;

/// What it is at, and how large what it writes has become by then, as whoever waits for it sees it.
#[test]
fn it_says_how_far_it_is() {
    let rig = Rig::bulk(&Nix::of_this_machine(), 20_000);
    let first = stuck(rig.scratch(), &["sqlite3"]);
    fs::write(first.join("sqlite3"), WAITS).unwrap();
    let twist = Twist {
        first: Some(first.clone()),
        ..Twist::default()
    };
    let sshd = rig.twisted("waits", Access::Root, twist);
    bloat(&rig);
    let server = wait(connect(wait(rig.spec("root", sshd.port))));
    let facts = wait(server.vacuum_facts(&Vacuum::default()))
        .unwrap()
        .unwrap();
    let plan = vacuum(&About::of(&server), &facts, Vacuum::default()).unwrap();
    let confirmed = plan.confirm(&Answer::Flag, Policy { read_only: false });
    let (events, mut reported) = unbounded_channel();
    let job = run_in(
        None,
        confirmed.unwrap(),
        &server,
        events,
        CancellationToken::new(),
    );
    let mut notes: Vec<String> = Vec::new();
    let receipt = wait(async {
        tokio::pin!(job);
        loop {
            tokio::select! {
                receipt = &mut job => break receipt,
                event = reported.recv() => if let Some(JobEvent::Progress { note, .. }) = event {
                    // Of a file that has grown: nothing came of it before.
                    if note.contains(" of about ") && !note.contains(": 0 B") {
                        fs::write(first.join("go-on"), "").unwrap();
                    }
                    notes.push(note);
                }
            }
        }
    });
    assert_eq!(receipt.result, Outcome::Done, "{receipt:?}");
    let at = |words: &str| {
        let found = notes.iter().position(|note| note.starts_with(words));
        found.unwrap_or_else(|| panic!("{words}: {notes:?}"))
    };
    let phases = ["copying it", "checking the copy", "VACUUM", "comparing it"];
    assert!(phases.map(at).is_sorted(), "{notes:?}");
    let grown = notes.iter().filter(|note| note.contains(" MiB of about "));
    assert!(grown.count() >= 2, "{notes:?}");
}

/// In the middle of what SQLite does, wherever that is.
#[test]
fn killed_at_any_moment_it_loses_nothing() {
    let rig = Rig::bulk(&Nix::of_this_machine(), 20_000);
    let twist = Twist::default();
    let sshd = rig.twisted("killed", Access::Root, twist);
    let before = rows(&rig);
    for pause in [0, 10, 30, 60, 100, 150, 220, 300, 400] {
        bloat(&rig);
        let mut command = rig.storekeeper_command(["database", "killed", "vacuum", "--yes"]);
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_until("the work", || {
            work(&rig).exists() || child.try_wait().unwrap().is_some()
        });
        std::thread::sleep(Duration::from_millis(pause));
        sshd.kill_sessions();
        child.wait().unwrap();
        sshd.kill_sessions();
        is_whole(&rig);
        assert_eq!(rows(&rig), before, "{pause}");
        wait_until("its locks", || {
            is_free(&rig, "gc.lock") && is_free(&rig, "db")
        });
    }
    bloat(&rig);
    assert!(rig.run("database root vacuum --yes").status.success());
    assert_eq!(rows(&rig), before);
    assert!(!work(&rig).exists());
}

/// Collections wait for it, and it for them; uploads do neither.
#[test]
fn no_collection_runs_meanwhile_and_uploads_go_on() {
    for nix in Nix::all() {
        let stopped = Stopped::new(&nix);
        let rig = &stopped.rig;
        bloat(rig);
        let child = stopped.until("vacuum main into");
        assert!(!is_free(rig, "gc.lock"));
        let file = rig.scratch().join("upload");
        fs::write(&file, "upload").unwrap();
        let mut add = rig.nix_here("nix-store");
        assert!(
            add.arg("--add")
                .arg(&file)
                .output()
                .unwrap()
                .status
                .success()
        );
        // What is left of an interrupted one is named, and another one is not begun beside it.
        let beside = rig.run("database root vacuum --yes");
        let said = text(&beside.stderr);
        assert!(said.contains("another VACUUM runs there"), "{said}");
        stopped.sshd.kill_sessions();
        child.wait_with_output().unwrap();
        wait_until("its locks", || {
            is_free(rig, "gc.lock") && is_free(rig, "db")
        });

        let state = rig.scratch().join("server/nix/var/nix");
        let mut holder = Command::new(need::program("flock"))
            .args(["-x"])
            .arg(state.join("gc.lock"))
            .args(["sleep", "1000"])
            .spawn()
            .unwrap();
        wait_until("the lock", || !is_free(rig, "gc.lock"));
        bloat(rig);
        let size = fs::metadata(database(rig)).unwrap().len();
        let mut command = rig.storekeeper_command(["database", "root", "vacuum", "--yes"]);
        let mut child = command.stdout(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(1500));
        assert!(child.try_wait().unwrap().is_none());
        assert_eq!(fs::metadata(database(rig)).unwrap().len(), size);
        // `sleep` holds it, too.
        let mut kill = Command::new("pkill");
        kill.args(["-P", &holder.id().to_string()])
            .status()
            .unwrap();
        holder.wait().unwrap();
        assert!(child.wait().unwrap().success());
        assert!(fs::metadata(database(rig)).unwrap().len() < size);
    }
}

#[test]
fn what_is_missing_is_said_before_anything_is_done() {
    let rig = Rig::new();
    bloat(&rig);
    let refused = |line: &str, code: i32| {
        let output = rig.run(line);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        text(&output.stderr)
    };
    let said = refused("database root vacuum --yes --sqlite3 /no/sqlite3", 4);
    assert!(
        said.contains("install it there") && said.contains("--sqlite3"),
        "{said}"
    );
    let said = refused("database root vacuum --yes --read-only", 4);
    assert!(said.contains("read-only"), "{said}");
    // As little room as somebody else may leave between plan and job.
    let first = rig.scratch().join("first");
    fs::create_dir(&first).unwrap();
    let df = "#!/bin/sh\necho 'Filesystem 1024-blocks Used Available Capacity Mounted on'\necho '/dev/vda1 100000 90000 1000 99% /nix'\n";
    fs::write(first.join("df"), df).unwrap();
    fs::set_permissions(first.join("df"), fs::Permissions::from_mode(0o755)).unwrap();
    let twist = Twist {
        first: Some(first),
        ..Twist::default()
    };
    let _full = rig.twisted("full", Access::Root, twist);
    let said = refused("database full vacuum --yes", 4);
    assert!(said.contains("of room for a while"), "{said}");
    assert!(!work(&rig).exists());
    let size = fs::metadata(database(&rig)).unwrap().len();
    assert!(size > 6_000_000);
    // Who can't write there is told so, and nothing was changed.
    let output = rig.run("database no-sudo vacuum --yes");
    assert!(!output.status.success());
    assert_eq!(fs::metadata(database(&rig)).unwrap().len(), size);
}

#[test]
fn a_copy_is_kept_here_and_replaces_nothing() {
    Rig::on_every_nix(|rig| {
        let file = rig.scratch().join("kept.sqlite");
        let line = format!("--read-only database root backup {}", file.display());
        let saved = rig.ask(&line, 0);
        let count = |table: &str| {
            rig.sql(&format!("select count(*) from {table}"))
                .trim()
                .parse()
                .ok()
        };
        assert_eq!(saved["paths"].as_u64(), count("ValidPaths"));
        assert_eq!(saved["references"].as_u64(), count("Refs"));
        let found = fs::metadata(&file).unwrap();
        assert_eq!(found.permissions().mode() & 0o777, 0o600);
        assert_eq!(saved["size"].as_u64(), Some(found.len()));
        let before = fs::read(&file).unwrap();
        let reported = rig.ask(&line, 4);
        assert_eq!(reported["error"]["kind"], "conflict");
        assert_eq!(fs::read(&file).unwrap(), before);
        // The rows of the copy are those of the server, by another reader.
        let mut sqlite = Command::new(need::program("sqlite3"));
        let said = sqlite
            .arg(&file)
            .arg("pragma integrity_check; select path from ValidPaths");
        let said = text(&said.output().unwrap().stdout);
        let paths: BTreeSet<&str> = said.lines().filter(|line| *line != "ok").collect();
        assert!(said.starts_with("ok\n"));
        assert_eq!(
            paths,
            rig.entries
                .iter()
                .map(|entry| entry.path.as_str())
                .collect()
        );
        // One that the server can put back: Nix takes it.
        let mut verify = rig.nix_here("nix-store");
        fs::copy(&file, database(rig)).unwrap();
        let output = verify
            .args(["--query", "--hash", rig.path("top-1.0")])
            .output();
        assert!(output.unwrap().status.success());
    });
}
