//! The audit log on a real server, whoever has been at it: crashes, full disks, other programs, somebody with an editor.
//! `audit --verify` tells each as what it is, and calls nothing whole that it can't know to be.

use crate::help::{json, text};
use crate::rig::{Access, Rig, Twist, UPSTREAM, wait_until};
use serde_json::Value;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;
use storekeeper::change::audit::verify::{FIRST, digest};
use storekeeper::change::audit::{self, Broken, Flaw, Verification};

/// The scripts, as they are sent.
const APPEND: &str = concat!(
    include_str!("../../src/server/scripts/path.sh"),
    include_str!("../../src/server/scripts/folder.sh"),
    include_str!("../../src/server/scripts/audit-log.sh"),
    include_str!("../../src/server/scripts/audit-append.sh")
);

/// A part that is never full.
const LARGE: &str = "1000000000";

/// The shells that servers have, as far as they are here.
fn shells() -> Vec<Vec<&'static str>> {
    let all = [vec!["dash"], vec!["bash"], vec!["busybox", "ash"]];
    let here = |shell: &Vec<&str>| crate::rig::need::find(shell[0]).is_some();
    all.into_iter().filter(here).collect()
}

/// Runs the script that appends, in a shell, with programs that come before all others.
fn append(shell: &[&str], first: Option<&Path>, log: &Path, id: &str, part: &str) -> Output {
    let path = std::env::var("PATH").unwrap();
    let path = first.map_or(path.clone(), |first| format!("{}:{path}", first.display()));
    let mut child = Command::new(shell[0])
        .args(&shell[1..])
        .args(["-c", APPEND, "storekeeper"])
        .arg(log)
        .args([id, "own", part])
        .env("PATH", path)
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let record = format!("\"id\":\"{id}\",\"summary\":\"é $(id) '\\\\n'\"}}");
    // One that ends before it has read it says by its code why.
    let _ = child.stdin.take().unwrap().write_all(record.as_bytes());
    child.wait_with_output().unwrap()
}

/// All parts of a log in order, and the log. One that is being made has two names for a moment.
fn files(log: &Path) -> Vec<PathBuf> {
    let inode = |path: &Path| fs::metadata(path).map(|facts| facts.ino()).ok();
    let folder = fs::read_dir(log.parent().unwrap()).unwrap();
    let mut parts: Vec<PathBuf> = folder
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            inode(path) != inode(log) && path.extension().is_some_and(|end| end == "jsonl")
        })
        .collect();
    parts.sort();
    parts.push(log.to_owned());
    parts
}

fn verify(log: &Path) -> Verification {
    let all: Vec<u8> = files(log)
        .iter()
        .flat_map(|file| fs::read(file).unwrap())
        .collect();
    audit::verify(&all)
}

/// A folder with a program that always fails.
fn failing(folder: &Path, program: &str) -> PathBuf {
    let bin = folder.join(format!("no-{program}"));
    fs::create_dir_all(&bin).unwrap();
    let file = bin.join(program);
    fs::write(&file, "#!/bin/sh\nexit 1\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    bin
}

#[test]
fn writers_at_once_make_one_chain_over_all_parts() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log/audit.jsonl");
    let shells = [shells(), shells()].concat();
    std::thread::scope(|scope| {
        for (writer, shell) in shells.iter().enumerate() {
            let log = &log;
            scope.spawn(move || {
                for at in 0..10 {
                    let output = append(shell, None, log, &format!("{writer}{at}"), "700");
                    assert!(output.status.success(), "{}", text(&output.stderr));
                    assert!(text(&output.stdout).starts_with("{\"prev\":\""));
                }
            });
        }
    });
    let found = verify(&log);
    assert_eq!(found.records, shells.len() * 10);
    assert_eq!((found.flaws_total, found.flaws), (0, vec![]));
    assert!(files(&log).len() > 5);
    // The newest file is removed: who writes next carries on with what was there, and not with the part before.
    fs::remove_file(&log).unwrap();
    assert!(append(&shells[0], None, &log, "99", LARGE).status.success());
    let found = verify(&log);
    assert_eq!(found.flaws_total, 1, "{found:?}");
    assert!(
        found.flaws[0]
            .to_string()
            .contains("records behind it were removed"),
        "{found:?}"
    );
}

#[test]
fn a_kill_at_any_time_leaves_a_chain() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log/audit.jsonl");
    let shells = shells();
    let mut done = 0;
    // The last one is left alone.
    for at in 0..91_u64 {
        let shell = &shells[at as usize % shells.len()];
        let mut child = Command::new(shell[0])
            .args(&shell[1..])
            .args(["-c", APPEND, "storekeeper"])
            .arg(&log)
            .args([&format!("{at:x}"), "own", "700"])
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        let record = format!("\"id\":\"{at:x}\",\"summary\":\"{}\"}}", "x".repeat(100));
        let _ = child.stdin.take().unwrap().write_all(record.as_bytes());
        if at % 3 != 0 {
            std::thread::sleep(Duration::from_millis(at * 7 % 60));
            let group = format!("-{}", child.id());
            let _ = Command::new("kill")
                .args(["-KILL", "--", &group])
                .stderr(Stdio::null())
                .status();
        }
        done += usize::from(child.wait().unwrap().success());
    }
    let found = verify(&log);
    assert!(found.records >= done && done >= 30, "{done}: {found:?}");
    assert!(files(&log).len() > 3);
    let vouched =
        |flaw: &Broken| matches!(&flaw.why, Flaw::Torn(vouched) if vouched.here && vouched.before);
    assert!(found.flaws.iter().all(vouched), "{found:?}");
}

#[test]
fn a_program_that_fails_never_makes_a_false_hash() {
    let folder = tempfile::tempdir().unwrap();
    for shell in shells() {
        let log = folder.path().join(format!("{}/audit.jsonl", shell[0]));
        for id in ["01", "02"] {
            assert!(append(&shell, None, &log, id, LARGE).status.success());
        }
        let before = fs::read(&log).unwrap();
        for program in [
            "sha256sum",
            "tail",
            "tr",
            "wc",
            "stat",
            "sed",
            "cat",
            "flock",
            "sync",
        ] {
            let bin = failing(folder.path(), program);
            let output = append(&shell, Some(&bin), &log, "03", LARGE);
            assert!(!output.status.success(), "{program}");
            assert_eq!(fs::read(&log).unwrap(), before, "{program}");
        }
        // The same behind a line that was cut off. It is closed at most.
        let mut torn = fs::File::options().append(true).open(&log).unwrap();
        torn.write_all(b"{\"pr").unwrap();
        for program in ["sha256sum", "tail", "tr", "wc", "sed"] {
            let bin = failing(folder.path(), program);
            let output = append(&shell, Some(&bin), &log, "03", LARGE);
            assert!(!output.status.success(), "{program}");
            let now = fs::read(&log).unwrap();
            assert_eq!(
                now.strip_suffix(b"\n").unwrap_or(&now),
                [&before[..], b"{\"pr"].concat()
            );
        }
        // What only makes a new file leaves the old one to be written to, and is done the next time.
        fs::write(&log, &before).unwrap();
        for (at, program) in ["chown", "chmod", "ln", "mv"].into_iter().enumerate() {
            let bin = failing(folder.path(), program);
            let output = append(&shell, Some(&bin), &log, &format!("1{at}"), "1");
            assert!(
                output.status.success(),
                "{program}: {}",
                text(&output.stderr)
            );
            assert_eq!(audit::verify(&fs::read(&log).unwrap()).records, 3 + at);
        }
        assert!(append(&shell, None, &log, "20", "1").status.success());
        assert_eq!(files(&log).len(), 2);
        let found = verify(&log);
        assert_eq!((found.records, found.flaws_total), (7, 0), "{found:?}");
    }
}

#[test]
fn a_full_disk_leaves_no_half_record() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("audit.jsonl");
    let shell = shells().remove(0);
    assert!(append(&shell, None, &log, "01", LARGE).status.success());
    let before = fs::read(&log).unwrap();
    // No file may grow beyond one block of 512 bytes; a record has more.
    let record = format!("\"id\":\"02\",\"summary\":\"{}\"}}", "x".repeat(3000));
    let limited = "trap '' XFSZ; ulimit -f 1; exec \"$@\"";
    let mut child = Command::new("sh")
        .args(["-c", limited, "sh", shell[0], "-c", APPEND, "storekeeper"])
        .arg(&log)
        .args(["02", "own", LARGE])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(record.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(74), "{}", text(&output.stderr));
    assert_eq!(fs::read(&log).unwrap(), before);
}

/// What a real server has after some changes, and this machine's copy of it.
struct Case {
    rig: Rig,
    log: PathBuf,
    copy: PathBuf,
    lines: Vec<String>,
}

impl Case {
    fn new() -> Self {
        let rig = Rig::new();
        for name in ["fresh-3.1", "library-2.0"] {
            for change in ["pin root NAME --name kept --yes", "unpin root kept --yes"] {
                let output = rig.run(&change.replace("NAME", rig.path(name)));
                assert!(output.status.success(), "{}", text(&output.stderr));
            }
        }
        let log = PathBuf::from(rig.file("var/audit.jsonl"));
        let copy = PathBuf::from(rig.file("home-here/.local/state/storekeeper/audit/root.jsonl"));
        let lines = fs::read_to_string(&log).unwrap();
        let lines: Vec<String> = lines.split_inclusive('\n').map(str::to_owned).collect();
        assert_eq!(lines.len(), 4);
        Self {
            rig,
            log,
            copy,
            lines,
        }
    }

    /// With this log, checks exit code and words.
    fn reported(&self, log: Option<&str>, code: i32, words: &[&str]) -> Value {
        match log {
            Some(log) => fs::write(&self.log, log).unwrap(),
            None => fs::remove_file(&self.log).unwrap(),
        }
        let output = self.rig.run("audit root --verify");
        let said = text(&output.stdout);
        for word in words {
            assert!(said.contains(word), "{word}: {said}");
        }
        assert_eq!(output.status.code(), Some(code), "{said}");
        let output = self.rig.run("audit root --verify --json");
        assert_eq!(output.status.code(), Some(code), "{said}");
        let object = json(&output);
        assert_eq!(object["whole"], code == 0, "{object}");
        object
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table, read from top to bottom")]
fn each_way_to_break_a_log_is_told_as_what_it_is() {
    let case = Case::new();
    let all = case.lines.concat();
    let [one, two, three, four] = [0, 1, 2, 3].map(|at| case.lines[at].as_str());
    let half = |line: &str| line[..line.len() / 2].to_owned();
    let whole = case.reported(
        Some(&all),
        0,
        &[
            "4 records, the chain is whole",
            "copy on this machine has the last record",
        ],
    );
    assert_eq!(whole["vouchedBy"], serde_json::json!(["copy"]));
    assert_eq!(whole["unknown"], serde_json::json!([]));

    let torn_tail = [one, two, three, &half(four)].concat();
    case.reported(
        Some(&torn_tail),
        1,
        &[
            "line 4",
            "the file ends in the middle of it",
            "was changed on the server (line 4 there)",
        ],
    );
    let changed = one.replacen("\"done\"", "\"none\"", 1);
    assert_ne!(changed, one);
    let object = case.reported(
        Some(&[&changed, two, three, four].concat()),
        1,
        &["line 1", "was changed"],
    );
    assert_eq!(object["broken"]["line"], 1);
    let altered = three.replacen("\"done\"", "\"none\"", 1);
    let both = [&changed, two, &altered, four].concat();
    let object = case.reported(Some(&both), 1, &["line 1: it is not", "line 3: it is not"]);
    assert_eq!(
        object["flawsTotal"], 4,
        "two of the chain, two that the copy has otherwise: {object}"
    );
    case.reported(
        Some(&[one, three, two, four].concat()),
        1,
        &["out of order", "belongs behind line"],
    );
    case.reported(
        Some(&[one, two, four].concat()),
        1,
        &["line 2", "records behind it were removed"],
    );
    case.reported(
        Some(&[two, three, four].concat()),
        1,
        &["line 1", "records before it were removed"],
    );
    case.reported(
        Some(&[one, two].concat()),
        1,
        &["is not in the server's log any more"],
    );
    case.reported(
        Some(""),
        1,
        &[
            "0 records",
            "the log is empty",
            "is not in the server's log any more",
        ],
    );
    case.reported(
        None,
        1,
        &[
            "0 records",
            "the log is not there",
            "is not in the server's log any more",
        ],
    );

    // Without a copy the same logs are still not called whole.
    let copy = fs::read(&case.copy).unwrap();
    fs::remove_file(&case.copy).unwrap();
    for shorter in [all.as_str(), &[one, two].concat()] {
        let object = case.reported(
            Some(shorter),
            1,
            &["not all could be checked", "whether the log ends here"],
        );
        assert_eq!(
            (object["broken"].is_null(), object["missing"].is_null()),
            (true, true)
        );
        assert_eq!(object["unknown"].as_array().unwrap().len(), 1);
        // Listing them is no failure.
        let listed = case.rig.run("audit root");
        assert!(listed.status.success());
        assert!(
            text(&listed.stderr).contains("not all of the audit log could be checked"),
            "{}",
            text(&listed.stderr)
        );
    }
    for none in [Some(""), None] {
        case.reported(none, 1, &["nothing could be checked"]);
        fs::write(&case.log, "").unwrap();
    }
    fs::write(&case.copy, copy).unwrap();

    // A log that somebody else rotates.
    fs::write(&case.log, &all).unwrap();
    fs::rename(&case.log, case.log.with_extension("jsonl.1")).unwrap();
    fs::write(&case.log, "").unwrap();
    case.reported(Some(""), 1, &["audit.jsonl.1", "logrotate"]);
    assert!(
        case.rig
            .run(&format!(
                "pin root {} --name more --yes",
                case.rig.path("fresh-3.1")
            ))
            .status
            .success()
    );
    let now = fs::read_to_string(&case.log).unwrap();
    case.reported(
        Some(&now),
        1,
        &["records before it were removed", "audit.jsonl.1"],
    );
}

#[test]
fn a_torn_record_hides_nothing() {
    let case = Case::new();
    let [one, two, three, four] = [0, 1, 2, 3].map(|at| case.lines[at].as_str());
    let pin = format!("pin root {} --name more --yes", case.rig.path("fresh-3.1"));
    for keep in [4, 200] {
        let torn = [one, two, three, &four[..keep]].concat();
        fs::write(&case.log, &torn).unwrap();
        for change in [pin.as_str(), "unpin root more --yes"] {
            let output = case.rig.run(change);
            assert!(output.status.success(), "{}", text(&output.stderr));
        }
        let log = fs::read_to_string(&case.log).unwrap();
        let words = [
            "line 4: it was cut off by a crash or a full disk",
            "the next record has the hash of what is there",
        ];
        let object = case.reported(Some(&log), 1, &words);
        assert_eq!(object["broken"]["line"], 4);
        // Line 5 is the one behind it, and vouches for it.
        for (line, name) in [
            (1, "one before"),
            (3, "the one before"),
            (5, "the one behind"),
        ] {
            let mut lines: Vec<String> = log.split_inclusive('\n').map(str::to_owned).collect();
            lines[line - 1] = lines[line - 1].replacen("\"done\"", "\"none\"", 1);
            let object = case.reported(Some(&lines.concat()), 1, &["line 4: it was cut off"]);
            let flaws = object["flaws"].as_array().unwrap();
            let found = flaws.iter().any(|flaw| {
                flaw["line"] == line && flaw["message"].to_string().contains("changed")
            });
            assert!(found, "{name}: {object}");
        }
        fs::write(&case.log, case.lines.concat()).unwrap();
    }
}

/// A journal that is a file: what `logger` is given, newest last.
fn with_journal(rig: &Rig) -> PathBuf {
    let bin = PathBuf::from(rig.file("journal-bin"));
    fs::create_dir_all(&bin).unwrap();
    let journal = bin.join("journal");
    let programs = [
        ("logger", format!("exec cat >>{}", journal.display())),
        (
            "journalctl",
            format!(
                "[ -e {0} ] || exit 1; case \"$*\" in *_UID=0*) exec tac {0} ;; *) exec tail -n 1 {0} ;; esac",
                journal.display()
            ),
        ),
    ];
    for (name, script) in programs {
        fs::write(bin.join(name), format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    bin
}

#[test]
fn the_journal_vouches_where_there_is_no_copy() {
    let rig = Rig::new();
    let bin = with_journal(&rig);
    let twist = Twist {
        first: Some(bin.clone()),
        ..Twist::default()
    };
    let _sshd = rig.twisted("journal", Access::Root, twist);
    let log = PathBuf::from(rig.file("var/audit.jsonl"));
    for name in ["a", "b", "c"] {
        let pin = format!("pin journal {} --name {name} --yes", rig.path("fresh-3.1"));
        let output = rig.run(&pin);
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
    // Another machine, where nothing was written.
    fs::remove_dir_all(rig.file("home-here/.local/state/storekeeper/audit")).unwrap();
    let verified = |code: i32, words: &[&str]| {
        let output = rig.run("audit journal --verify");
        let said = text(&output.stdout);
        assert_eq!(output.status.code(), Some(code), "{said}");
        for word in words {
            assert!(said.contains(word), "{word}: {said}");
        }
    };
    verified(
        0,
        &[
            "3 records, the chain is whole",
            "journal has the last record",
        ],
    );
    let all = fs::read_to_string(&log).unwrap();
    let lines: Vec<&str> = all.split_inclusive('\n').collect();
    fs::write(&log, lines[..2].concat()).unwrap();
    verified(
        1,
        &["which the server's journal has, is not in the server's log any more"],
    );
    fs::write(
        &log,
        [
            lines[0],
            lines[1],
            &lines[2].replacen("\"done\"", "\"none\"", 1),
        ]
        .concat(),
    )
    .unwrap();
    verified(1, &["line 3: the journal has another text of it"]);
    fs::write(&log, "").unwrap();
    verified(
        1,
        &[
            "the log is empty",
            "journal has 3 records that belong to another log",
        ],
    );
    // The whole log written anew.
    let mut anew = String::new();
    let mut prev = FIRST.to_owned();
    for id in ["a1", "b2"] {
        let line = format!("{{\"prev\":\"{prev}\",\"id\":\"{id}\"}}");
        prev = digest(line.as_bytes());
        anew.push_str(&line);
        anew.push('\n');
    }
    fs::write(&log, anew).unwrap();
    verified(
        1,
        &[
            "whether the log ends here",
            "journal has 3 records that belong to another log",
        ],
    );
    // Nobody can read it.
    fs::write(&log, &all).unwrap();
    fs::remove_file(bin.join("journal")).unwrap();
    verified(1, &["journal is empty or can't be read"]);
}

#[test]
fn a_signed_log_that_was_written_anew_is_found() {
    let rig = Rig::new();
    let key = rig.file("audit-key.sec");
    fs::copy(rig.secret_key_file(UPSTREAM), &key).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let port = rig.port(Access::Root);
    let signs = format!("audit_key = \"{key}\"\n");
    let knows = format!("audit_public_keys = [\"{}\"]\n", rig.public_key(UPSTREAM));
    rig.add_server(&rig.server_section("signs", "root", port, &signs));
    rig.add_server(&rig.server_section("knows", "root", port, &knows));
    let log = PathBuf::from(rig.file("var/audit.jsonl"));
    for name in ["a", "b", "c"] {
        let pin = format!("pin signs {} --name {name} --yes", rig.path("fresh-3.1"));
        let output = rig.run(&pin);
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert!(
            !text(&output.stderr).contains("not signed"),
            "{}",
            text(&output.stderr)
        );
    }
    // Here there is a copy as well; where only the public key is, there is none, and the end is not known.
    let verified = |server: &str, code: i32| {
        let output = rig.run(&format!("audit {server} --verify --json"));
        let object = json(&output);
        assert_eq!(output.status.code(), Some(code), "{object}");
        object
    };
    assert_eq!(
        verified("signs", 0)["vouchedBy"],
        serde_json::json!(["copy", "signature"])
    );
    let elsewhere = verified("knows", 1);
    assert_eq!(elsewhere["vouchedBy"], serde_json::json!(["signature"]));
    assert_eq!(
        (
            elsewhere["flawsTotal"].as_u64(),
            elsewhere["unknown"].as_array().unwrap().len()
        ),
        (Some(0), 1)
    );
    let all = fs::read_to_string(&log).unwrap();
    // A chain that fits, by somebody who has not the key.
    let (mut anew, mut prev) = (String::new(), FIRST.to_owned());
    for line in all.lines() {
        let line = format!(
            "{{\"prev\":\"{prev}\"{}",
            line[74..].replacen("\"done\"", "\"none\"", 1)
        );
        prev = digest(line.as_bytes());
        anew.push_str(&line);
        anew.push('\n');
    }
    assert_eq!(audit::verify(anew.as_bytes()).flaws_total, 0);
    fs::write(&log, &anew).unwrap();
    let found = verified("knows", 1);
    assert_eq!(found["flawsTotal"], 3, "{found}");
    assert!(
        found["missing"].to_string().contains("signed by"),
        "{found}"
    );
    // Without the signatures nothing is called known.
    let signatures = format!("{}.signed", log.display());
    fs::write(&log, &all).unwrap();
    fs::remove_file(&signatures).unwrap();
    let found = verified("knows", 1);
    assert!(
        found["unknown"].to_string().contains("rewritten"),
        "{found}"
    );
    // A key that can't be used hinders no change, and is reported with it.
    fs::write(&key, "no key").unwrap();
    let output = rig.run("unpin signs a --yes --json");
    let receipt = &json(&output)["receipt"];
    assert_eq!(
        (receipt["result"].as_str(), receipt["done"].as_u64()),
        (Some("partial"), Some(1))
    );
    assert!(
        receipt["failed"]
            .to_string()
            .contains("not signed with audit_key"),
        "{receipt}"
    );
}

#[test]
fn a_large_log_in_parts_is_checked_in_little_memory() {
    const PARTS: usize = 4;
    const BYTES: usize = 29 << 20;
    let rig = Rig::new();
    fs::create_dir_all(rig.file("var")).unwrap();
    let log = PathBuf::from(rig.file("var/audit.jsonl"));
    let padding = "x".repeat(4000);
    let (mut prev, mut count, mut last) = (FIRST.to_owned(), 0, String::new());
    for part in 1..=PARTS {
        let mut bytes = String::with_capacity(BYTES + 8192);
        let mut first = format!("\"part\":{part},");
        while bytes.len() < BYTES {
            let mark = std::mem::take(&mut first);
            let mark = if part == 1 { "" } else { &mark };
            last = format!(
                "{{\"prev\":\"{prev}\",{mark}\"id\":\"{count:08x}\",\"summary\":\"{padding}\"}}"
            );
            prev = digest(last.as_bytes());
            bytes.push_str(&last);
            bytes.push('\n');
            count += 1;
        }
        let name = if part == PARTS {
            log.clone()
        } else {
            log.with_file_name(format!("audit-{part:06}.jsonl"))
        };
        fs::write(name, bytes).unwrap();
    }
    let copy = PathBuf::from(rig.file("home-here/.local/state/storekeeper/audit/root.jsonl"));
    fs::create_dir_all(copy.parent().unwrap()).unwrap();
    fs::write(&copy, format!("{last}\n")).unwrap();
    for (line, most) in [("audit root --verify", 90), ("audit root --last 100", 90)] {
        let mut child = rig
            .storekeeper_command(line.split(' '))
            .stdout(fs::File::create(rig.file("said")).unwrap())
            .spawn()
            .unwrap();
        let mut peak = 0;
        let status = format!("/proc/{}/status", child.id());
        wait_until("the end of the check", || {
            let status = fs::read_to_string(&status).unwrap_or_default();
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let now = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
            peak = peak.max(now.unwrap_or_default());
            child.try_wait().unwrap().is_some()
        });
        let said = fs::read_to_string(rig.file("said")).unwrap();
        assert!(child.wait().unwrap().success(), "{said}");
        assert!(
            peak > 0 && peak / 1024 < most,
            "{line}: {} MiB",
            peak / 1024
        );
        if line.contains("verify") {
            assert!(said.contains("in 4 files, the chain is whole"), "{said}");
        } else {
            assert_eq!(said.lines().count(), 101);
        }
    }
    // One byte in the middle of it.
    let third = log.with_file_name("audit-000003.jsonl");
    let mut bytes = fs::read(&third).unwrap();
    let middle = bytes.len() / 2;
    let at = middle
        + bytes[middle..]
            .windows(20)
            .position(|part| part == [b'x'; 20])
            .unwrap();
    bytes[at] = b'y';
    fs::write(&third, bytes).unwrap();
    let output = rig.run("audit root --verify");
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    assert!(
        said.contains("not whole, 1 flaw") && said.contains("of audit-000003.jsonl"),
        "{said}"
    );
    fs::remove_file(&third).unwrap();
    let said = text(&rig.run("audit root --verify").stdout);
    assert!(
        said.contains("part 3 of the log, before it, is not there"),
        "{said}"
    );
}
