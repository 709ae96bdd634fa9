//! A hostile owner of a key file's folder, who swaps what lies there again and again while root edits the file.
//!
//! In: the script of the edit as it is sent, run as root, and a thread with the account's rights that attacks each of its
//! steps. Out: each edit is done, a conflict, or refused with its reason; nothing outside of the account's folder changes.
//! `STOREKEEPER_TEST_EDITS` is the number of edits for each kind of attack.

// Helpers of tests, outside of functions that clippy knows to be tests.
#![allow(clippy::unwrap_used, clippy::panic)]

#[allow(dead_code, unused_imports)]
mod rig;

use rustix::fs::{Mode, mknodat};
use rustix::process::{Gid, Uid};
use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

const EDIT: &str = concat!(
    include_str!("../src/server/scripts/path.sh"),
    include_str!("../src/server/scripts/folder.sh"),
    include_str!("../src/server/scripts/account.sh"),
    include_str!("../src/server/scripts/access-edit.sh")
);
const EDIT_FILE: &str = concat!(
    include_str!("../src/server/scripts/folder.sh"),
    include_str!("../src/server/scripts/access-edit-file.sh")
);

/// An account that every machine has.
const ACCOUNT: &str = "nobody";
const ID: u32 = 65_534;

/// The keys that are there before, and a line that comes and goes.
const OLD: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGHg0yAYWxZPxtHKrVw/QA4iV1jAdLvLT4eFVhVmVJUK old\n";

/// What the attacker works with.
struct Ground {
    _scratch: tempfile::TempDir,
    home: PathBuf,
    /// Root's: a folder, a key file, a program with the set-user-ID bit.
    victim: PathBuf,
}

impl Ground {
    fn new() -> Self {
        rig::need::root();
        let scratch = tempfile::Builder::new()
            .permissions(Permissions::from_mode(0o755))
            .tempdir()
            .unwrap();
        let home = scratch.path().join("home");
        let victim = scratch.path().join("victim");
        for folder in [&home, &victim] {
            fs::create_dir(folder).unwrap();
        }
        let keys = home.join(".ssh");
        fs::create_dir(&keys).unwrap();
        fs::write(keys.join("authorized_keys"), OLD).unwrap();
        for item in [&home, &keys, &keys.join("authorized_keys")] {
            chown(item, Some(ID), Some(ID)).unwrap();
        }
        for (name, mode) in [("keys", 0o644), ("secret", 0o600), ("program", 0o4755)] {
            let file = victim.join(name);
            fs::write(&file, format!("{OLD}# {name} of root's\n")).unwrap();
            fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        }
        Self {
            _scratch: scratch,
            home,
            victim,
        }
    }

    fn file(&self) -> PathBuf {
        self.home.join(".ssh/authorized_keys")
    }

    /// Everything of root's: owner, mode, time of the last change, content.
    fn of_root(&self) -> BTreeMap<PathBuf, (u32, u32, i64, i64, Vec<u8>)> {
        let mut found = BTreeMap::new();
        let parent = self.victim.parent().unwrap();
        let within = fs::read_dir(&self.victim).unwrap();
        let paths = within
            .map(|entry| entry.unwrap().path())
            .chain([self.victim.clone(), parent.to_owned()]);
        for path in paths {
            let meta = fs::symlink_metadata(&path).unwrap();
            let content = fs::read(&path).unwrap_or_default();
            let state = (meta.uid(), meta.mode(), meta.mtime(), meta.ctime(), content);
            found.insert(path, state);
        }
        found
    }

    /// Whether anything in the account's home belongs to root, or has a mode that nobody of us gives.
    fn odd_things_at_home(&self) -> Vec<String> {
        let mut odd = Vec::new();
        let mut folders = vec![self.home.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                let Ok(meta) = fs::symlink_metadata(entry.path()) else {
                    continue;
                };
                if meta.uid() != ID {
                    odd.push(format!("{} is of {}", entry.path().display(), meta.uid()));
                }
                if meta.is_dir() {
                    folders.push(entry.path());
                }
            }
        }
        odd
    }
}

/// How an edit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Done,
    Conflict,
    Refused,
}

/// Puts one more line behind the file, or takes the last one away again, as it was found just before.
fn edit(file: &Path, number: u64) -> (End, String) {
    let before = fs::symlink_metadata(file)
        .ok()
        .filter(fs::Metadata::is_file)
        .and_then(|_| fs::read(file).ok())
        .unwrap_or_else(|| OLD.into());
    let comment = format!("# edit {number}\n");
    let mut after = before.clone();
    if after.len() > 4096 {
        after = OLD.into();
    }
    after.extend(comment.bytes());
    let mut child = Command::new("sh")
        .args(["-c", EDIT, "storekeeper", EDIT_FILE, ACCOUNT])
        .arg(file)
        .args([&sum(&before), &before.len().to_string(), "replace"])
        .args([&sum(&after), "", "600", "", "", "", ""])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(&after);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let why = String::from_utf8_lossy(&output.stderr).into_owned();
    let end = if said.contains("result=done") {
        End::Done
    } else if said.contains("result=conflict") {
        End::Conflict
    } else {
        assert!(!output.status.success(), "{said}{why}");
        assert!(
            !why.trim().is_empty(),
            "refused without a reason: {output:?}"
        );
        End::Refused
    };
    (end, why)
}

fn sum(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Becomes the account, in this thread only.
fn become_account() {
    rustix::thread::set_thread_groups(&[]).unwrap();
    let (gid, uid) = (Gid::from_raw(ID), Uid::from_raw(ID));
    rustix::thread::set_thread_res_gid(gid, gid, gid).unwrap();
    rustix::thread::set_thread_res_uid(uid, uid, uid).unwrap();
}

/// One round of an attack; what fails is tried again in the next one.
type Attack = fn(home: &Path, victim: &Path, round: u64);

fn swap(path: &Path, by: impl Fn(&Path)) {
    let aside = path.with_extension("aside");
    if fs::rename(path, &aside).is_ok() {
        by(path);
        for _ in 0..50 {
            std::hint::spin_loop();
        }
    }
    let _ = fs::remove_file(path);
    let _ = fs::rename(&aside, path);
}

fn fifo(path: &Path) {
    let _ = mknodat(
        rustix::fs::CWD,
        path,
        rustix::fs::FileType::Fifo,
        Mode::from_raw_mode(0o644),
        0,
    );
}

const ATTACKS: [(&str, Attack); 12] = [
    (
        "the file is a link to a program with the set-user-ID bit",
        |home, victim, _| {
            swap(&home.join(".ssh/authorized_keys"), |path| {
                let _ = symlink(victim.join("program"), path);
            });
        },
    ),
    (
        "the file is a link to root's key file",
        |home, victim, _| {
            swap(&home.join(".ssh/authorized_keys"), |path| {
                let _ = symlink(victim.join("keys"), path);
            });
        },
    ),
    ("the folder is a link to root's", |home, victim, _| {
        swap(&home.join(".ssh"), |path| {
            let _ = symlink(victim, path);
        });
    }),
    (
        "the folder of the work is a link to root's",
        |home, victim, _| {
            let work = home.join(".ssh/.storekeeper-edit");
            let aside = home.join(".ssh/taken");
            if fs::rename(&work, &aside).is_ok() {
                let _ = symlink(victim, &work);
            }
            let _ = fs::remove_dir_all(&aside);
            let _ = fs::remove_file(&work);
        },
    ),
    (
        "what is made there is a link to root's",
        |home, victim, _| {
            for name in ["new", "old", "given", "backup", "displaced"] {
                let made = home.join(".ssh/.storekeeper-edit").join(name);
                if fs::remove_file(&made).is_ok() {
                    let _ = symlink(victim.join("keys"), &made);
                }
            }
        },
    ),
    ("the folder is missing", |home, _, _| {
        swap(&home.join(".ssh"), |_| ());
    }),
    ("the file is missing", |home, _, _| {
        swap(&home.join(".ssh/authorized_keys"), |_| ());
    }),
    ("the file is a pipe", |home, _, _| {
        swap(&home.join(".ssh/authorized_keys"), fifo);
    }),
    ("the file has a second name", |home, victim, _| {
        let (file, other) = (home.join(".ssh/authorized_keys"), home.join("other"));
        let _ = fs::hard_link(&file, &other);
        let _ = fs::remove_file(&other);
        let _ = fs::hard_link(victim.join("keys"), &other);
        let _ = fs::remove_file(&other);
    }),
    ("the mode changes", |home, _, round| {
        let mode = [0o4755, 0o600, 0o2777, 0o644, 0o6777][round as usize % 5];
        for name in ["authorized_keys", ".storekeeper-edit/new"] {
            let file = home.join(".ssh").join(name);
            let _ = fs::set_permissions(&file, Permissions::from_mode(mode));
        }
    }),
    ("the backup is a link to root's", |home, victim, _| {
        let backup = home.join(".ssh/authorized_keys.storekeeper-backup");
        let _ = fs::remove_file(&backup);
        let _ = symlink(victim.join("keys"), &backup);
    }),
    ("the content changes", |home, _, round| {
        let file = home.join(".ssh/authorized_keys");
        if let Ok(mut file) = fs::OpenOptions::new().append(true).open(&file) {
            let _ = writeln!(file, "# round {round}");
        }
        if round % 64 == 0 {
            let _ = fs::write(&file, OLD);
        }
    }),
];

#[test]
fn whoever_owns_the_folder_gains_nothing() {
    let edits = std::env::var("STOREKEEPER_TEST_EDITS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(8);
    let mut ends: BTreeMap<End, u64> = BTreeMap::new();
    for (title, attack) in ATTACKS {
        let ground = Ground::new();
        let before = ground.of_root();
        let stop = Arc::new(AtomicBool::new(false));
        let rounds = Arc::new(AtomicU64::new(0));
        let attacker = std::thread::spawn({
            let (stop, rounds) = (Arc::clone(&stop), Arc::clone(&rounds));
            let (home, victim) = (ground.home.clone(), ground.victim.clone());
            move || {
                become_account();
                while !stop.load(Ordering::Relaxed) {
                    let round = rounds.fetch_add(1, Ordering::Relaxed);
                    attack(&home, &victim, round);
                    // Now at once, now after a while: so some edits come to their last steps before the next round.
                    std::thread::sleep(Duration::from_micros(round * 7919 % 20_000));
                }
            }
        });
        for number in 0..edits {
            let (end, _) = edit(&ground.file(), number);
            *ends.entry(end).or_default() += 1;
        }
        stop.store(true, Ordering::Relaxed);
        attacker.join().unwrap();
        assert!(rounds.load(Ordering::Relaxed) > 10, "{title}");
        assert_eq!(ground.of_root(), before, "{title}");
        assert_eq!(ground.odd_things_at_home(), Vec::<String>::new(), "{title}");
    }
    // Otherwise nothing was tried, or nothing works.
    assert!(ends.contains_key(&End::Done), "{ends:?}");
    assert!(ends.len() > 1, "{ends:?}");
    println!("{ends:?}");
}
