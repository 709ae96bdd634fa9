//! Key files under adverse conditions: many writers, a full disk, a kill at each step, an edit by hand in between.

use crate::help::{self, carry_out};
use crate::rig::edits::{ScriptEdit, connect, new_key, plan_for};
use crate::rig::{Access, Rig};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use storekeeper::change::access::{About, expire, revoke};
use storekeeper::change::{Answer, Outcome};
use storekeeper::domain::When;
use storekeeper::domain::authorized_keys::NewKey;
use storekeeper::link::Place;

/// Lines of every kind, none of which may change: CRLF, tabs, bytes that are no text, no end.
const ODD: &[u8] = b"# team\t\xff\xfe\r\n\r\n\t  \ngarbage \xe2\x80\xae here\nno-such-option ssh-ed25519 AAAA x\n# the end\n";

fn cache_keys(rig: &Rig) -> PathBuf {
    rig.scratch().join("home-nix-ssh/.ssh/authorized_keys")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_at_once_are_all_there() {
    let rig = Rig::new();
    let file = cache_keys(&rig);
    let mut before = ODD.to_vec();
    before.extend(fs::read(&file).unwrap());
    fs::write(&file, &before).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let mut consoles = Vec::new();
    let mut expected = BTreeSet::new();
    for number in 0..50 {
        let new = new_key(rig.scratch(), &format!("key-{number}"));
        expected.insert(new.line().unwrap());
        // All of them plan on the same file before the first one writes.
        let server = connect(&rig, None).await;
        let plan = plan_for(&server, &new).await;
        consoles.push(tokio::spawn(async move {
            carry_out(&server, plan, &Answer::Flag, None).await
        }));
    }
    for console in consoles {
        let receipt = console.await.unwrap();
        assert_eq!(receipt.result, Outcome::Done, "{receipt:?}");
    }
    let after = fs::read(&file).unwrap();
    let added = after.strip_prefix(before.as_slice()).unwrap();
    let lines: Vec<&[u8]> = added
        .strip_suffix(b"\n")
        .unwrap()
        .split(|byte| *byte == b'\n')
        .collect();
    assert_eq!(lines.len(), 50);
    let there: BTreeSet<Vec<u8>> = lines.into_iter().map(<[u8]>::to_vec).collect();
    assert_eq!(there, expected);
    let meta = fs::metadata(&file).unwrap();
    assert_eq!(
        (meta.uid(), meta.gid(), meta.mode() & 0o777),
        (61_003, 61_003, 0o640)
    );
    let mut left: Vec<String> = fs::read_dir(file.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(
        left,
        ["authorized_keys", "authorized_keys.storekeeper-backup"]
    );
    let log = fs::read_to_string(rig.file("var/audit.jsonl")).unwrap();
    assert_eq!(log.lines().count(), 50);
}

#[tokio::test]
async fn an_edit_by_hand_is_not_overwritten() {
    let rig = Rig::new();
    let server = connect(&rig, None).await;
    let file = cache_keys(&rig);
    let old = fs::read_to_string(&file).unwrap();
    let own = new_key(rig.scratch(), "own");
    let plan = plan_for(&server, &own).await;
    assert_eq!(
        carry_out(&server, plan, &Answer::Flag, None).await.result,
        Outcome::Done
    );
    let facts = server.access().await.unwrap();
    let about = About::of(&server);
    let print = own.key.fingerprint();
    let plans = [
        plan_for(&server, &new_key(rig.scratch(), "late")).await,
        revoke(&about, &facts, "root", print, false, None).unwrap(),
        expire(&about, &facts, "root", print, Some(When::now()), None).unwrap(),
    ];
    let by_hand = fs::read_to_string(&file)
        .unwrap()
        .replace("administrator", "renamed");
    assert!(old.contains("administrator"));
    fs::write(&file, &by_hand).unwrap();
    for plan in plans {
        let change = plan.change;
        let receipt = carry_out(&server, plan, &Answer::Flag, None).await;
        assert_eq!(receipt.result, Outcome::Failed, "{change}: {receipt:?}");
        let conflict = receipt.conflict.unwrap();
        let (gone, come) = conflict
            .split_once('\n')
            .unwrap()
            .1
            .split_once('\n')
            .unwrap();
        assert!(
            gone.starts_with("-ssh-ed25519") && gone.ends_with("administrator"),
            "{conflict}"
        );
        assert!(
            come.starts_with("+ssh-ed25519") && come.ends_with("renamed"),
            "{conflict}"
        );
        assert_eq!(fs::read_to_string(&file).unwrap(), by_hand, "{change}");
    }
    // The same key by two at once: the second is informed, and it is there once.
    let twice = new_key(rig.scratch(), "twice");
    let (one, two) = (
        plan_for(&server, &twice).await,
        plan_for(&server, &twice).await,
    );
    assert_eq!(
        carry_out(&server, one, &Answer::Flag, None).await.result,
        Outcome::Done
    );
    let second = carry_out(&server, two, &Answer::Flag, None).await;
    let lines = fs::read_to_string(&file).unwrap();
    assert_eq!(lines.matches(&twice.key.base64()).count(), 1);
    assert_eq!(
        second.result,
        Outcome::Done,
        "the same line is there: {second:?}"
    );
    // Gone altogether.
    let plan = plan_for(&server, &new_key(rig.scratch(), "later")).await;
    fs::remove_file(&file).unwrap();
    let receipt = carry_out(&server, plan, &Answer::Flag, None).await;
    assert!(receipt.conflict.is_some(), "{receipt:?}");
    assert!(!file.exists());
}

/// A mount that ends with the test.
struct Mount(PathBuf);

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test]
async fn a_full_disk_leaves_the_old_file() {
    let rig = Rig::new();
    // A new sshd sees a mount that was there before it.
    let folder = rig.scratch().join("small");
    let _mount = small_disk(&folder, "64k");
    let sshd = rig.twisted("later", Access::Root, crate::rig::Twist::default());
    let file = folder.join("keys");
    fs::write(&file, ODD).unwrap();
    let mut server = connect(&rig, Some(&file)).await;
    let mut spec = server.spec().clone();
    if let Place::Ssh(target) = &mut spec.place {
        target.port = sshd.port;
    }
    server = help::connect(spec).await;
    let new = new_key(rig.scratch(), "new");
    let ballast = folder.join("ballast");
    // From no room at all to nearly enough.
    for free in [0, 1, 2, 3, 4, 5, 6, 7] {
        let plan = plan_for(&server, &new).await;
        let _ = fs::remove_file(&ballast);
        let mut filler = fs::File::create(&ballast).unwrap();
        let mut pages = 0;
        while filler.write_all(&[7; 4096]).is_ok() {
            pages += 1;
        }
        filler.set_len((pages - free.min(pages)) * 4096).unwrap();
        drop(filler);
        let receipt = carry_out(&server, plan, &Answer::Flag, None).await;
        let now = fs::read(&file).unwrap();
        if receipt.result == Outcome::Done {
            assert_eq!(now, [ODD, &new.line().unwrap(), b"\n"].concat());
            assert!(free > 1, "it can't have fitted");
            return;
        }
        assert_eq!(now, ODD, "{free} pages free");
        let said = &receipt.failed[0].message;
        assert!(said.contains("room") || said.contains("can't"), "{said}");
    }
    panic!("seven pages are room enough");
}

/// Programs before all others, each of which counts its calls and kills the shell that calls at one of them.
fn traps(folder: &Path) -> PathBuf {
    let bin = folder.join("bin");
    fs::create_dir(&bin).unwrap();
    let programs = [
        "cat",
        "awk",
        "chmod",
        "chown",
        "cmp",
        "cp",
        "dd",
        "ln",
        "cut",
        "flock",
        "head",
        "mkdir",
        "mv",
        "readlink",
        "rm",
        "sha256sum",
        "ssh-keygen",
        "stat",
        "sync",
        "tail",
        "base64",
        "tr",
        "id",
    ];
    for program in programs {
        let text = format!(
            "#!/bin/sh\nPATH=/usr/bin:/bin\nprintf x >>\"$TRAP/count\"\nIFS= read -r n <\"$TRAP/count\"\nn=${{#n}}\n\
             kill_it() {{ kill -KILL \"$(cat \"$TRAP/shell\")\"; sleep 0.05; exit 1; }}\n\
             [ $n != \"$TRAP_AT\" ] || [ -n \"$TRAP_AFTER\" ] || kill_it\n\
             {program} \"$@\"\nresult=$?\n[ $n != \"$TRAP_AT\" ] || kill_it\nexit $result\n"
        );
        let file = bin.join(program);
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }
    bin
}

/// Runs the script as it would be run there, with its own process number in a file.
fn edit(file: &Path, new: &NewKey, trap: Option<(&Path, u32, bool)>) -> Output {
    let before = fs::read(file).ok();
    let mut line = new.line().unwrap();
    line.push(b'\n');
    let edit = ScriptEdit {
        account: "root",
        file,
        before: before.as_deref(),
        kind: "append",
        content: &line,
        come: &new.key.fingerprint().to_string(),
        go: "",
    };
    let mut command = edit.command("[ -z \"${TRAP:-}\" ] || echo $$ >\"$TRAP/shell\"\n");
    if let Some((folder, at, after)) = trap {
        fs::write(folder.join("count"), "").unwrap();
        let path = std::env::var("PATH").unwrap();
        command
            .env("PATH", format!("{}:{path}", folder.join("bin").display()))
            .env("TRAP", folder)
            .env("TRAP_AT", at.to_string())
            .env("TRAP_AFTER", if after { "yes" } else { "" });
    }
    edit.run(&mut command)
}

/// A file system of so many bytes at a folder that is made, as long as the value lives.
fn small_disk(folder: &Path, size: &str) -> Mount {
    fs::create_dir(folder).unwrap();
    let mounted = Command::new("mount")
        .args([
            "-t",
            "tmpfs",
            "-o",
            &format!("size={size},mode=755"),
            "small",
        ])
        .arg(folder)
        .status()
        .unwrap();
    assert!(mounted.success());
    Mount(folder.to_owned())
}

/// On a disk that is full at any step, the file is the old one or the new one, and keys that were not planned never come in.
#[test]
fn a_full_disk_blinds_no_guard() {
    crate::rig::need::root();
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("small");
    let _mount = small_disk(&folder, "600k");
    let file = folder.join("keys");
    let (planned, other) = (
        new_key(scratch.path(), "planned"),
        new_key(scratch.path(), "other"),
    );
    // Large enough that its copies fill pages of their own, with many keys in it.
    let line = [planned.line().unwrap(), b"\n".to_vec()].concat();
    let mut old = ODD.to_vec();
    for number in 0..400 {
        old.extend(format!("# {number} is a line of a file that is not small\n").bytes());
    }
    let new = [old.as_slice(), &line].concat();
    let (mut done, mut refused) = (0, 0);
    for free in 0..65 {
        for honest in [true, false] {
            let _ = fs::remove_dir_all(folder.join(".storekeeper-edit"));
            for entry in fs::read_dir(&folder).unwrap() {
                fs::remove_file(entry.unwrap().path()).unwrap();
            }
            fs::write(&file, &old).unwrap();
            let ballast = folder.join("ballast");
            let mut filler = fs::File::create(&ballast).unwrap();
            let mut pages: u64 = 0;
            while filler.write_all(&[7; 4096]).is_ok() {
                pages += 1;
            }
            filler.set_len(pages.saturating_sub(free) * 4096).unwrap();
            drop(filler);
            // The keys that come are another one than the plan says.
            let key = if honest { &planned } else { &other };
            let edit = ScriptEdit {
                account: "root",
                file: &file,
                before: Some(&old),
                kind: "replace",
                content: &new,
                come: &key.key.fingerprint().to_string(),
                go: "",
            };
            let output = edit.run(&mut edit.command(""));
            let now = fs::read(&file).unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            if said.contains("result=done") {
                assert!(honest && now == new, "{free} pages: {output:?}");
                done += 1;
            } else {
                assert!(now == old, "{free} pages: {output:?}");
                assert!(
                    !output.status.success() && !output.stderr.is_empty(),
                    "{output:?}"
                );
                refused += 1;
            }
        }
    }
    assert!(done > 20 && refused > 65, "{done} done, {refused} refused");
}

/// Killed with all that it has started at any moment, as root or with the account's rights: the old file or the new one.
#[test]
fn a_kill_at_any_moment_leaves_the_old_file_or_the_new() {
    crate::rig::need::root();
    let kills = std::env::var("STOREKEEPER_TEST_KILLS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(12);
    let scratch = tempfile::Builder::new()
        .permissions(fs::Permissions::from_mode(0o755))
        .tempdir()
        .unwrap();
    let new = new_key(scratch.path(), "new");
    let whole = [ODD, &new.line().unwrap(), b"\n"].concat();
    let mut ends = [0, 0];
    for (account, id) in [("root", 0), ("nobody", 65_534)] {
        let folder = scratch.path().join(account);
        fs::create_dir(&folder).unwrap();
        chown(&folder, Some(id), Some(id)).unwrap();
        let file = folder.join("keys");
        let prepare = || {
            fs::write(&file, ODD).unwrap();
            chown(&file, Some(id), Some(id)).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        };
        let mut line = new.line().unwrap();
        line.push(b'\n');
        let edit = ScriptEdit {
            account,
            file: &file,
            before: Some(ODD),
            kind: "append",
            content: &line,
            come: &new.key.fingerprint().to_string(),
            go: "",
        };
        prepare();
        let start = std::time::Instant::now();
        let output = edit.run(&mut edit.command(""));
        assert!(output.status.success(), "{output:?}");
        let lasts = start.elapsed();
        for number in 0..kills {
            prepare();
            let mut child = edit.command("").process_group(0).spawn().unwrap();
            child.stdin.take().unwrap().write_all(&line).unwrap();
            std::thread::sleep(lasts * number / kills);
            let group = rustix::process::Pid::from_child(&child);
            rustix::process::kill_process_group(group, rustix::process::Signal::KILL).unwrap();
            child.wait().unwrap();
            let now = fs::read(&file).unwrap();
            assert!(now == ODD || now == whole, "{account}, kill {number}");
            ends[usize::from(now == whole)] += 1;
            assert_eq!(fs::metadata(&file).unwrap().mode() & 0o7777, 0o640);
            // What is left of it is in nobody's way.
            prepare();
            let output = edit.run(&mut edit.command(""));
            assert!(
                output.status.success(),
                "{account}, after kill {number}: {output:?}"
            );
            assert_eq!(
                fs::read(&file).unwrap(),
                whole,
                "{account}, after kill {number}"
            );
        }
    }
    assert!(ends[0] > 0, "{ends:?}");
    println!("old {}, new {}", ends[0], ends[1]);
}

#[test]
fn a_kill_at_each_step_leaves_the_old_file_or_the_new() {
    let scratch = tempfile::tempdir().unwrap();
    traps(scratch.path());
    let folder = scratch.path().join("keys.d");
    fs::create_dir(&folder).unwrap();
    let file = folder.join("nix-ssh");
    let new = new_key(scratch.path(), "new");
    let whole = [ODD, &new.line().unwrap(), b"\n"].concat();
    let (mut killed, mut old, mut done, mut past) = (0, 0, 0, 0);
    for at in 1.. {
        for after in [false, true] {
            fs::write(&file, ODD).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
            let output = edit(&file, &new, Some((scratch.path(), at, after)));
            let now = fs::read(&file).unwrap();
            let mode = fs::metadata(&file).unwrap().mode() & 0o777;
            assert!(now == ODD || now == whole, "step {at}, after: {after}");
            assert_eq!(mode, 0o640, "step {at}, after: {after}");
            if output.status.signal() == Some(9) {
                killed += 1;
                past = 0;
                old += usize::from(now == ODD);
                done += usize::from(now == whole);
                // What is left is in nobody's way: here in that of the next round, which begins with it.
                if !after {
                    continue;
                }
                let again = edit(&file, &new, None);
                let said = String::from_utf8_lossy(&again.stdout);
                let word = if now == ODD {
                    "result=done"
                } else {
                    "already=yes"
                };
                assert!(said.contains(word), "step {at}: {again:?}");
                assert_eq!(fs::read(&file).unwrap(), whole);
                assert!(!folder.join(".storekeeper-edit").exists());
                continue;
            }
            assert!(output.status.success(), "{output:?}");
            assert_eq!(now, whole);
            // Members of a pipe are counted at the same time, so a number may be passed over.
            past += 1;
            if past == 6 {
                assert!(killed > 60 && old > 40 && done > 4, "{killed} {old} {done}");
                return;
            }
        }
    }
}

#[test]
fn a_file_that_is_not_there_is_made_and_a_link_is_kept() {
    let scratch = tempfile::tempdir().unwrap();
    let new = new_key(scratch.path(), "new");
    let line = [&new.line().unwrap()[..], b"\n"].concat();
    let file = scratch.path().join("made/keys");
    let output = edit(&file, &new, None);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(fs::read(&file).unwrap(), line);
    let meta = fs::metadata(&file).unwrap();
    assert_eq!((meta.uid(), meta.mode() & 0o777), (0, 0o644));
    let linked = scratch.path().join("link");
    symlink(&file, &linked).unwrap();
    fs::write(&file, ODD).unwrap();
    let output = edit(&linked, &new, None);
    assert!(output.status.success(), "{output:?}");
    assert!(fs::symlink_metadata(&linked).unwrap().is_symlink());
    assert_eq!(fs::read(&file).unwrap(), [ODD, &line].concat());
    // What the server does not read as the planned key is not written.
    fs::write(&file, "").unwrap();
    let other = new_key(scratch.path(), "other");
    let wrong = NewKey {
        key: other.key,
        ..new.clone()
    };
    let planned = ScriptEdit {
        account: "root",
        file: &file,
        before: Some(b""),
        kind: "append",
        content: &line,
        come: &wrong.key.fingerprint().to_string(),
        go: "",
    };
    let output = planned.run(&mut planned.command(""));
    assert_eq!(output.status.code(), Some(65));
    assert_eq!(fs::read(&file).unwrap(), b"");
    // A link into the store is generated.
    let store = scratch.path().join("store");
    symlink("/nix/store/0123456789abcdfghijklmnpqrsvwxyz-keys", &store).unwrap();
    let output = edit(&store, &new, None);
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("generated"),
        "{output:?}"
    );
}
