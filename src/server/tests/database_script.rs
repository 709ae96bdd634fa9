//! The script that hands Nix's database out: by every shell, with what any server may lack, and under a writer that never stops.

use crate::database::testing;
use crate::database::{Database, Folder, Row, Word, receive};
use crate::domain::PathInfo;
use crate::server::script::DATABASE;
use rusqlite::Connection;
use std::io::{BufReader, Write as _};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The script on a state folder, run by this shell with this search path. `twist` is done before each word is said.
fn copy(
    shell: &[&str],
    path: Option<&Path>,
    state: &Path,
    cache: &Path,
    mut twist: impl FnMut(Word),
) -> Result<Folder, String> {
    let mut command = Command::new(shell[0]);
    command
        .args(&shell[1..])
        .args(["-c", DATABASE, "storekeeper", "no-such-nix"])
        .env_remove("NIX_REMOTE")
        .env("NIX_CONF_DIR", "/nowhere")
        .env("NIX_STATE_DIR", state)
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    if let Some(path) = path {
        command.env("PATH", path);
    }
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let folder = Folder::new(cache).unwrap();
    let say = |word: Word| {
        twist(word);
        stdin.write_all(word.line().as_bytes())
    };
    let result = receive(&mut stdout, say, &folder);
    drop((stdin, stdout));
    child.wait().unwrap();
    result.map(|_| folder).map_err(|why| why.to_string())
}

fn rows(folder: &Folder) -> Vec<Row> {
    let database = Database::open(&folder.database(), Arc::default()).unwrap();
    let listing = database.listing().unwrap();
    let mut rows = Vec::new();
    let read = database.rows(&listing, |row| {
        rows.push(row);
        ControlFlow::Continue(())
    });
    read.unwrap();
    rows
}

fn settle() {
    std::thread::sleep(std::time::Duration::from_millis(120));
}

#[test]
fn every_shell_and_every_set_of_tools_hands_out_the_same() {
    let scratch = tempfile::tempdir().unwrap();
    let applets = scratch.path().join("applets");
    std::fs::create_dir(&applets).unwrap();
    let installed = Command::new("busybox")
        .args(["--install", "-s"])
        .arg(&applets)
        .status();
    assert!(installed.unwrap().success());
    let cache = scratch.path().join("cache");
    for wal in [true, false] {
        let state = scratch.path().join(format!("state {wal} '"));
        let mut connection = testing::state(&state, wal);
        let infos: Vec<PathInfo> = (0..20_000)
            .map(|at| testing::info(at, &[at / 2, at / 3]))
            .collect();
        testing::register(&mut connection, &infos);
        settle();
        let expected: Vec<Row> = infos.into_iter().map(Row::Plain).collect();
        let busybox = applets.join("sh").display().to_string();
        for (shell, path) in [
            (&["sh"][..], None),
            (&["bash", "--posix"], None),
            (&["dash"], None),
            (&[busybox.as_str()], Some(applets.as_path())),
        ] {
            let folder = copy(shell, path, &state, &cache, |_| ()).unwrap();
            assert!(rows(&folder) == expected, "{shell:?}");
        }
    }
}

#[test]
fn a_file_that_shrinks_or_grows_is_taken_again() {
    let scratch = tempfile::tempdir().unwrap();
    let (state, cache) = (scratch.path().join("state"), scratch.path().join("cache"));
    let mut connection = testing::state(&state, true);
    let infos: Vec<PathInfo> = (0..20_000).map(|at| testing::info(at, &[at])).collect();
    testing::register(&mut connection, &infos);
    drop(connection);
    settle();
    let file = testing::database(&state);
    let whole = std::fs::read(&file).unwrap();
    for change in ["shrink", "grow", "replace", "remove"] {
        let mut words = Vec::new();
        let folder = copy(&["sh"], None, &state, &cache, |word| {
            words.push(word);
            let first = words.len() == 1;
            match change {
                "shrink" if first => std::fs::write(&file, &whole[..4096]).unwrap(),
                "grow" if first => {
                    std::fs::write(&file, [&whole[..], &[0; 4096]].concat()).unwrap();
                }
                "replace" if first => {
                    std::fs::write(file.with_extension("new"), &whole).unwrap();
                    std::fs::rename(file.with_extension("new"), &file).unwrap();
                }
                "remove" if first => std::fs::remove_file(&file).unwrap(),
                _ if words.len() == 2 => std::fs::write(&file, &whole).unwrap(),
                _ => {}
            }
        });
        let folder = folder.unwrap_or_else(|why| panic!("{change}: {why}"));
        assert!(
            words.len() >= 3 && words.contains(&Word::Again),
            "{change}: {words:?}"
        );
        assert_eq!(rows(&folder).len(), infos.len(), "{change}");
        settle();
    }
}

#[test]
fn why_there_is_nothing_to_hand_out_is_told() {
    let scratch = tempfile::tempdir().unwrap();
    let (state, cache) = (scratch.path().join("state"), scratch.path().join("cache"));
    let why = || copy(&["sh"], None, &state, &cache, |_| ()).unwrap_err();
    assert!(why().contains("no database"), "{}", why());
    drop(testing::state(&state, false));
    settle();
    std::fs::write(state.join("db/schema"), "11\n").unwrap();
    assert!(why().contains("schema 11"), "{}", why());
    std::fs::remove_file(state.join("db/schema")).unwrap();
    assert!(why().contains("schema"), "{}", why());
    let file = testing::database(&state);
    std::fs::rename(&file, state.join("real")).unwrap();
    std::os::unix::fs::symlink(state.join("real"), &file).unwrap();
    assert!(why().contains("not a regular file"), "{}", why());
    // A transaction that never ends.
    std::fs::remove_file(&file).unwrap();
    std::fs::rename(state.join("real"), &file).unwrap();
    std::fs::write(state.join("db/schema"), "10").unwrap();
    std::fs::write(state.join("db/db.sqlite-journal"), "half").unwrap();
    assert!(why().contains("changes all the time"), "{}", why());
}

#[test]
fn who_may_not_read_it_is_told_so() {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt as _;
    let scratch = tempfile::tempdir().unwrap();
    set_permissions(scratch.path(), Permissions::from_mode(0o755)).unwrap();
    let (state, cache) = (scratch.path().join("state"), scratch.path().join("cache"));
    drop(testing::state(&state, false));
    settle();
    // Root may read everything, so somebody else asks.
    let nobody = ["setpriv", "--reuid=65534", "--clear-groups", "sh"];
    let shell = if rustix::process::geteuid().is_root() {
        &nobody[..]
    } else {
        &["sh"]
    };
    copy(shell, None, &state, &cache, |_| ()).unwrap();
    for (closed, mode) in [
        (testing::database(&state), 0o644),
        (state.join("db"), 0o755),
    ] {
        set_permissions(&closed, Permissions::from_mode(0o000)).unwrap();
        let why = copy(shell, None, &state, &cache, |_| ()).unwrap_err();
        assert!(why.contains("may not read"), "{why}");
        set_permissions(&closed, Permissions::from_mode(mode)).unwrap();
    }
}

#[test]
fn a_script_that_is_killed_in_the_middle_is_a_copy_that_broke_off() {
    let scratch = tempfile::tempdir().unwrap();
    let (state, cache) = (scratch.path().join("state"), scratch.path().join("cache"));
    let mut connection = testing::state(&state, true);
    let infos: Vec<PathInfo> = (0..20_000).map(|at| testing::info(at, &[at])).collect();
    testing::register(&mut connection, &infos);
    settle();
    // A shell whose `dd` ends its parent, as a lost connection would.
    let tools = scratch.path().join("tools");
    std::fs::create_dir(&tools).unwrap();
    std::fs::write(tools.join("dd"), "#!/bin/sh\nkill -9 $PPID\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(tools.join("dd"), mode).unwrap();
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", tools.display());
    let why = copy(&["sh"], Some(Path::new(&path)), &state, &cache, |_| ()).unwrap_err();
    assert!(why.contains("broke off"), "{why}");
    assert_eq!(std::fs::read_dir(&cache).unwrap().count(), 0);
}

/// Registers and removes paths in pairs as fast as it can: in every committed state there are as many of the one kind as of
/// the other, each referring to its fellow.
fn write_without_end(state: &Path, checkpoint: u32, ended: &AtomicBool) -> u64 {
    let connection = Connection::open(testing::database(state)).unwrap();
    connection
        .busy_timeout(std::time::Duration::from_secs(30))
        .unwrap();
    connection
        .pragma_update(None, "wal_autocheckpoint", checkpoint)
        .unwrap();
    connection
        .pragma_update(None, "synchronous", "off")
        .unwrap();
    let mut insert = connection
        .prepare(
            "insert into ValidPaths(path, hash, registrationTime, narSize) values (?1, ?2, 1, 1)",
        )
        .unwrap();
    let mut refer = connection
        .prepare("insert into Refs values (?1, ?2), (?2, ?1)")
        .unwrap();
    let hash = format!("sha256:{}", "0".repeat(64));
    let mut transactions = 0;
    while !ended.load(Ordering::Relaxed) {
        connection.execute_batch("begin immediate").unwrap();
        let number = u64::from(checkpoint + 1) * 1_000_000 + 2 * transactions;
        let [one, two] = [number, number + 1].map(|number| {
            insert
                .insert([&testing::path(number).to_string(), &hash])
                .unwrap()
        });
        refer.execute([one, two]).unwrap();
        if transactions % 3 == 0 {
            connection
                .execute_batch(&format!(
                    "delete from Refs where referrer in ({one}, {two}); delete from ValidPaths where id in ({one}, {two})"
                ))
                .unwrap();
        }
        connection.execute_batch("commit").unwrap();
        transactions += 1;
        // As fast as no Nix is, and still slower than a copy.
        std::thread::sleep(std::time::Duration::from_micros(500));
    }
    transactions
}

#[test]
fn a_writer_that_never_stops_leaves_a_consistent_copy_or_a_reason() {
    let scratch = tempfile::tempdir().unwrap();
    let (state, cache) = (scratch.path().join("state"), scratch.path().join("cache"));
    let mut connection = testing::state(&state, true);
    let infos: Vec<PathInfo> = (0..5_000).map(|at| testing::info(at, &[at / 2])).collect();
    testing::register(&mut connection, &infos);
    let (mut good, mut busy) = (0, 0);
    // From one that checkpoints all the time to one that never does.
    for checkpoint in [20, 400, 0] {
        let ended = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| write_without_end(&state, checkpoint, &ended));
            for _ in 0..2 {
                match copy(&["sh"], None, &state, &cache, |_| ()) {
                    Ok(folder) => {
                        good += 1;
                        consistent(&rows(&folder));
                    }
                    Err(why) => {
                        assert!(why.contains("changes all the time"), "{why}");
                        busy += 1;
                    }
                }
            }
            ended.store(true, Ordering::Relaxed);
            assert!(writer.join().unwrap() > 100);
        });
    }
    assert!(good > 0, "{good} good, {busy} busy");
}

fn consistent(rows: &[Row]) {
    let mut pairs = 0;
    for row in rows {
        let Row::Plain(info) = row else {
            panic!("{row:?}");
        };
        if info.registered.unix() != 1 {
            continue;
        }
        pairs += 1;
        let [fellow] = info.references.as_slice() else {
            panic!("{info:?}");
        };
        assert_ne!(*fellow, info.path);
    }
    assert_eq!((rows.len() - pairs, pairs % 2), (5_000, 0));
}
