//! The script that hands Nix's database out: by every shell, and with what any server may lack.

use crate::database::testing;
use crate::database::{Database, Facts, Folder, Held, Received, Row, Seen, Word, receive};
use crate::domain::PathInfo;
use crate::server::script::DATABASE;
use std::io::{BufReader, Write as _};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

/// The script on a state folder, run by this shell with this search path. `twist` is done before each word is said.
pub(super) fn copy(
    shell: &[&str],
    path: Option<&Path>,
    state: &Path,
    cache: &Path,
    twist: impl FnMut(Word),
) -> Result<Held, String> {
    let held = Held::new(Folder::new(cache).unwrap());
    bring_up(held, None, (shell, path), state, twist).map(|(held, _)| held)
}

/// The same for a copy that is there already, or where the database is known.
pub(super) fn bring_up(
    mut held: Held,
    known: Option<&Facts>,
    (shell, path): (&[&str], Option<&Path>),
    state: &Path,
    mut twist: impl FnMut(Word),
) -> Result<(Held, Received), String> {
    let mode: &[&str] = if held.asks(known) { &["ask"] } else { &[] };
    let mut command = Command::new(shell[0]);
    command
        .args(&shell[1..])
        .args(["-c", DATABASE, "storekeeper", "no-such-nix"])
        .args(mode)
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
    let say = |word: Word| {
        twist(word);
        stdin.write_all(word.line().as_bytes())
    };
    let result = receive(&mut stdout, say, &mut held, known);
    drop((stdin, stdout));
    child.wait().unwrap();
    match result {
        Ok(received) => Ok((held, received)),
        Err(why) => Err(why.to_string()),
    }
}

pub(super) fn rows(held: &Held) -> Vec<Row> {
    let database = Database::open(&held.database(), Arc::default()).unwrap();
    let listing = database.listing().unwrap();
    let mut rows = Vec::new();
    let seen = Seen::begin(testing::facts(), None).unwrap();
    let read = database.rows(&listing, seen, None, |row| {
        rows.push(row);
        ControlFlow::Continue(())
    });
    read.unwrap();
    rows
}

pub(super) fn settle() {
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
fn of_a_large_file_more_comes_first_and_nothing_is_lost() {
    let scratch = tempfile::tempdir().unwrap();
    let (state, cache) = (scratch.path().join("state"), scratch.path().join("cache"));
    drop(testing::state(&state, false));
    let file = testing::database(&state);
    let mut whole = std::fs::read(&file).unwrap();
    let numbers = 0..((100 << 20) - whole.len() as u32) / 4;
    whole.extend(numbers.flat_map(u32::to_le_bytes));
    whole.extend(*b"end");
    std::fs::write(&file, &whole).unwrap();
    settle();
    let held = copy(&["sh"], None, &state, &cache, |_| ()).unwrap();
    assert!(std::fs::read(held.database()).unwrap() == whole);
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
fn why_there_is_nothing_to_hand_out_is_reported() {
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
