//! A hostile owner of a folder, who swaps what lies there again and again while root works in it.
//!
//! In: the scripts that change something, as they are sent, run as root, and a thread with the account's rights that attacks
//! each of their steps. Out: each change is done, a conflict, or refused with its reason; nothing outside of the account's folder
//! changes. `STOREKEEPER_TEST_EDITS` is the number of changes for each kind of attack.

use crate::rig::edits::{ScriptEdit, sha256};
use rustix::fs::{Mode, mknodat};
use rustix::process::{Gid, Uid};
use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

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
        crate::rig::need::root();
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
    let edit = ScriptEdit {
        account: ACCOUNT,
        file,
        before: Some(&before),
        kind: "replace",
        content: &after,
        come: "",
        go: "",
    };
    let output = edit.run(&mut edit.command(""));
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

impl Ground {
    /// Calls `act` again and again while the account attacks; how many of them were done.
    fn under(&self, attack: Attack, act: impl Fn(u64) -> bool) -> u64 {
        let edits = std::env::var("STOREKEEPER_TEST_EDITS")
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or(8);
        let stop = Arc::new(AtomicBool::new(false));
        let rounds = Arc::new(AtomicU64::new(0));
        let attacker = std::thread::spawn({
            let (stop, rounds) = (Arc::clone(&stop), Arc::clone(&rounds));
            let (home, victim) = (self.home.clone(), self.victim.clone());
            move || {
                become_account();
                while !stop.load(Ordering::Relaxed) {
                    let round = rounds.fetch_add(1, Ordering::Relaxed);
                    attack(&home, &victim, round);
                    // Now at once, now after a while: so some come to their last steps before the next round.
                    std::thread::sleep(Duration::from_micros(round * 7919 % 20_000));
                }
            }
        });
        let done = (0..edits).filter(|number| act(*number)).count() as u64;
        stop.store(true, Ordering::Relaxed);
        attacker.join().unwrap();
        assert!(
            rounds.load(Ordering::Relaxed) > 1,
            "the account did not get its turn"
        );
        done
    }
}

#[test]
fn whoever_owns_the_folder_gains_nothing() {
    let ends = Mutex::new(BTreeMap::<End, u64>::new());
    for (title, attack) in ATTACKS {
        let ground = Ground::new();
        let before = ground.of_root();
        ground.under(attack, |number| {
            let (end, _) = edit(&ground.file(), number);
            *ends.lock().unwrap().entry(end).or_default() += 1;
            end == End::Done
        });
        assert_eq!(ground.of_root(), before, "{title}");
        assert_eq!(ground.odd_things_at_home(), Vec::<String>::new(), "{title}");
    }
    let ends = ends.into_inner().unwrap();
    // Otherwise nothing was tried, or nothing works.
    assert!(ends.contains_key(&End::Done), "{ends:?}");
    assert!(ends.len() > 1, "{ends:?}");
    println!("{ends:?}");
}

/// The script that removes a root of somebody's profile, and what it runs there.
const REMOVE: &str = concat!(
    include_str!("../../src/server/scripts/path.sh"),
    include_str!("../../src/server/scripts/folder.sh"),
    include_str!("../../src/server/scripts/account.sh"),
    include_str!("../../src/server/scripts/root-remove.sh")
);
const REMOVE_GENERATION: &str = include_str!("../../src/server/scripts/generation-remove.sh");

/// Runs a script on this machine; it has to say why where it does not do it.
fn run(script: &str, args: &[&str], input: &[u8]) -> bool {
    let mut child = Command::new("sh")
        .args(["-c", script, "storekeeper"])
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success() || !output.stderr.is_empty(),
        "no reason: {output:?}"
    );
    output.status.success()
}

/// Old generations of a profile are removed below a folder of its owner, who swaps lock and profile meanwhile.
#[test]
fn whoever_owns_a_profile_gains_nothing() {
    const TARGET: &str = "/nix/store/5wd5yzrxv6y0dj2mzzjqlyx5v1kh8vzr-demo-1.0";
    let attacks: [(&str, Attack); 3] = [
        ("the lock is a link to root's", |home, victim, round| {
            let lock = home.join(".ssh/profile.lock");
            let _ = fs::remove_file(&lock);
            let _ = symlink(
                victim.join(["keys", "made-by-root"][round as usize % 2]),
                &lock,
            );
        }),
        ("the folder is a link to root's", |home, victim, _| {
            swap(&home.join(".ssh"), |path| {
                let _ = symlink(victim, path);
            });
        }),
        ("the lock is a pipe", |home, _, _| {
            let lock = home.join(".ssh/profile.lock");
            let _ = fs::remove_file(&lock);
            fifo(&lock);
            std::thread::sleep(Duration::from_millis(2));
            let _ = fs::remove_file(&lock);
        }),
    ];
    let mut removed = 0;
    for (title, attack) in attacks {
        let ground = Ground::new();
        let before = ground.of_root();
        // What the attacker would like to have removed; a round below that meets the swapped folder would make it there too.
        let mine = [("profile-1-link", TARGET), ("profile", "profile-2-link")];
        for (name, target) in mine {
            symlink(target, ground.victim.join(name)).unwrap();
        }
        removed += ground.under(attack, |_| {
            let folder = ground.home.join(".ssh");
            let (profile, link) = (folder.join("profile"), folder.join("profile-1-link"));
            let _ = symlink("profile-2-link", &profile);
            let _ = symlink(TARGET, &link);
            let (profile, link) = (profile.display().to_string(), link.display().to_string());
            let args = [
                REMOVE_GENERATION,
                "generation",
                &link,
                TARGET,
                &profile,
                "/nix/var/nix",
                "",
            ];
            run(REMOVE, &args, b"")
        });
        for (name, target) in mine {
            let kept = ground.victim.join(name);
            assert_eq!(fs::read_link(&kept).unwrap(), Path::new(target), "{title}");
            fs::remove_file(&kept).unwrap();
        }
        assert_eq!(
            without_times(ground.of_root()),
            without_times(before),
            "{title}"
        );
    }
    assert!(removed > 0);
}

/// Requests that wait lie in a folder of the knock's user, who swaps them while root decides.
#[test]
fn whoever_owns_what_waits_gains_nothing() {
    const MARK: &str = concat!(
        include_str!("../../src/server/scripts/path.sh"),
        include_str!("../../src/server/scripts/folder.sh"),
        include_str!("../../src/server/scripts/access-mark.sh")
    );
    const NAME: &str = "key-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA.json";
    let attacks: [(&str, Attack); 4] = [
        ("a request is a link to root's", |home, victim, _| {
            let file = home.join("waiting").join(NAME);
            let _ = fs::remove_file(&file);
            let _ = symlink(victim.join("keys"), &file);
        }),
        ("a request is a folder", |home, _, _| {
            let file = home.join("waiting").join(NAME);
            let _ = fs::remove_file(&file);
            let _ = fs::create_dir(&file);
            let _ = fs::remove_dir(&file);
        }),
        ("a request is a pipe", |home, _, _| {
            let file = home.join("waiting").join(NAME);
            let _ = fs::remove_file(&file);
            fifo(&file);
        }),
        ("a request comes and goes", |home, _, _| {
            let file = home.join("waiting").join(NAME);
            let _ = fs::write(&file, "{\"nonce\":\"n\"}\n");
            std::thread::sleep(Duration::from_millis(5));
            let _ = fs::remove_file(&file);
        }),
    ];
    let mut decided = 0;
    for (title, attack) in attacks {
        let ground = Ground::new();
        chown(&ground.home, Some(0), Some(0)).unwrap();
        let waiting = ground.home.join("waiting");
        fs::create_dir(&waiting).unwrap();
        chown(&waiting, Some(ID), Some(ID)).unwrap();
        let before = ground.of_root();
        let queue = ground.home.display().to_string();
        let json = b"{\"schema\":1}\n";
        decided += ground.under(attack, |number| {
            let folder = ["approved", "denied", "proven", "revoked"][number as usize % 4];
            run(
                MARK,
                &[&queue, folder, NAME, &sha256(json), "n", "any"],
                json,
            )
        });
        assert_eq!(ground.of_root(), before, "{title}");
        for folder in ["approved", "denied", "revoked"] {
            let meta = fs::symlink_metadata(ground.home.join(folder)).unwrap();
            assert!(meta.is_dir() && meta.uid() == 0, "{title}");
        }
    }
    assert!(decided > 0);
}

/// Pins, roots, the audit log, the file of a job: root changes them in a folder of its own only. One of each is changed below
/// this folder; whether that was done.
fn change_each(folder: &Path, number: u64) -> Vec<bool> {
    const PIN: &str = concat!(
        include_str!("../../src/server/scripts/path.sh"),
        include_str!("../../src/server/scripts/folder.sh"),
        include_str!("../../src/server/scripts/pin-look.sh"),
        include_str!("../../src/server/scripts/pin-add.sh")
    );
    const UNPIN: &str = concat!(
        include_str!("../../src/server/scripts/path.sh"),
        include_str!("../../src/server/scripts/folder.sh"),
        include_str!("../../src/server/scripts/pin-look.sh"),
        include_str!("../../src/server/scripts/pin-remove.sh")
    );
    const APPEND: &str = concat!(
        include_str!("../../src/server/scripts/path.sh"),
        include_str!("../../src/server/scripts/folder.sh"),
        include_str!("../../src/server/scripts/audit-log.sh"),
        include_str!("../../src/server/scripts/audit-append.sh")
    );
    const BEGIN: &str = concat!(
        include_str!("../../src/server/scripts/path.sh"),
        include_str!("../../src/server/scripts/folder.sh"),
        include_str!("../../src/server/scripts/audit-log.sh"),
        include_str!("../../src/server/scripts/rule.sh"),
        include_str!("../../src/server/scripts/jobs.sh"),
        include_str!("../../src/server/scripts/job-begin.sh")
    );
    const TARGET: &str = "/nix/store/x";
    const NOTE: &[u8] = b"{}\n";
    let shown = sha256(NOTE);
    let below = |name: &str| folder.join(name).display().to_string();
    let (pins, notes, log) = (below("pins"), below("notes"), below("var/audit.jsonl"));
    let (state, link) = (below("state"), below("result"));
    let id = format!("job-{number}");
    let record = format!("\"id\":\"{id}\"}}\n");
    vec![
        run(
            PIN,
            &[&pins, "name", TARGET, &notes, "absent", &shown],
            NOTE,
        ),
        run(UNPIN, &[&pins, "name", TARGET, &notes, &shown], b""),
        run(
            REMOVE,
            &["", "indirect", &link, TARGET, "", &state, ""],
            b"",
        ),
        run(APPEND, &[&log, &id, "own", "1000000"], record.as_bytes()),
        run(BEGIN, &[&log, &id, "first"], b"{}\nend\n"),
    ]
}

/// Where others may write on the way, root writes nothing, and says whose folder it is.
#[test]
fn a_folder_of_others_gets_no_file_of_roots() {
    let ground = Ground::new();
    let all = |folder: &Path| {
        let auto = folder.join("state/gcroots/auto");
        let made = fs::create_dir_all(&auto).is_ok();
        let done = change_each(folder, 1);
        if made {
            fs::remove_dir_all(folder.join("state")).unwrap();
        }
        done
    };
    assert_eq!(all(&ground.victim), [true; 5]);
    let shared = ground.victim.join("shared");
    fs::create_dir(&shared).unwrap();
    fs::set_permissions(&shared, Permissions::from_mode(0o777)).unwrap();
    let linked = ground.victim.join("linked");
    symlink(&ground.home, &linked).unwrap();
    for (folder, whose) in [
        (&ground.home, "the folder is the account's"),
        (&shared, "anybody may write there"),
        (&linked, "the link leads to the account"),
    ] {
        // To take away what is not there is no change.
        let done = all(folder);
        assert_eq!(
            (done[0], done[3], done[4]),
            (false, false, false),
            "{whose}"
        );
        assert!(!done[2], "{whose}: Nix's folder of roots is root's");
    }
    assert_eq!(fs::read_dir(&ground.home).unwrap().count(), 1);
    assert_eq!(fs::read_dir(&shared).unwrap().count(), 0);
}

/// The account swaps every folder on the way to what root keeps, and has links, pipes and files of its own in its place.
#[test]
fn whoever_owns_a_folder_on_the_way_gains_nothing() {
    /// What root goes through, from the home on.
    const WAYS: [&str; 6] = [
        "pins",
        "notes",
        "var",
        "state",
        "state/gcroots",
        "state/gcroots/auto",
    ];
    /// What root writes there.
    const FILES: [&str; 8] = [
        "pins/name",
        "notes/name.json",
        "notes/name.json.new",
        "var/audit.jsonl",
        "var/audit.jsonl.room",
        "var/unfinished-job-1",
        "state/gcroots/auto/1",
        "var/audit-000001.jsonl",
    ];
    fn make_ways(home: &Path) {
        for way in WAYS {
            let _ = fs::create_dir(home.join(way));
        }
    }
    let attacks: [(&str, Attack); 5] = [
        ("a folder is a link to root's", |home, victim, round| {
            make_ways(home);
            swap(&home.join(WAYS[round as usize % 6]), |path| {
                let _ = symlink(victim, path);
            });
        }),
        ("a folder is missing", |home, _, round| {
            make_ways(home);
            swap(&home.join(WAYS[round as usize % 6]), |_| ());
        }),
        ("a file is a link to root's", |home, victim, round| {
            make_ways(home);
            let file = home.join(FILES[round as usize % 8]);
            let target = ["keys", "secret", "made-by-root"][round as usize % 3];
            let _ = symlink(victim.join(target), &file);
            std::thread::sleep(Duration::from_millis(2));
            let _ = fs::remove_file(&file);
        }),
        ("a file is a pipe", |home, _, round| {
            make_ways(home);
            let file = home.join(FILES[round as usize % 8]);
            fifo(&file);
            std::thread::sleep(Duration::from_millis(2));
            let _ = fs::remove_file(&file);
        }),
        ("a file has a second name", |home, victim, round| {
            make_ways(home);
            let file = home.join(FILES[round as usize % 8]);
            let _ = fs::write(&file, "{}\n");
            let _ = fs::hard_link(victim.join("keys"), &file);
            let _ = fs::hard_link(&file, home.join("other"));
            let _ = fs::remove_file(&file);
            let _ = fs::remove_file(home.join("other"));
        }),
    ];
    for (title, attack) in attacks {
        let ground = Ground::new();
        // Beside it root changes what is its own, which has to work on.
        let own = ground.victim.with_file_name("own");
        fs::create_dir_all(own.join("state/gcroots/auto")).unwrap();
        let before = ground.of_root();
        ground.under(attack, |number| {
            if number % 16 == 0 {
                assert_eq!(change_each(&own, number), [true; 5], "{title}");
            }
            let done = change_each(&ground.home, number);
            // Nothing of its making; that there is no pin to take away may be said.
            assert_eq!(
                (done[0], done[3], done[4]),
                (false, false, false),
                "{title}"
            );
            true
        });
        assert_eq!(ground.of_root(), before, "{title}");
        assert_eq!(ground.odd_things_at_home(), Vec::<String>::new(), "{title}");
    }
}

/// In a folder such as /tmp, where everybody may make files but not replace those of others, the account is quicker than root.
#[test]
fn whoever_makes_a_folder_first_gains_nothing() {
    const WRITE: &str = concat!(
        include_str!("../../src/server/scripts/path.sh"),
        include_str!("../../src/server/scripts/folder.sh"),
        "enter \"$1\" 700\necho content >./file\n"
    );
    let attacks: [(&str, Attack); 2] = [
        ("the folder is the account's", |home, _, _| {
            let folder = home.join("first");
            let _ = fs::create_dir(&folder);
            std::thread::sleep(Duration::from_micros(200));
            let _ = fs::remove_dir(&folder);
        }),
        ("the folder is a link to root's", |home, victim, _| {
            let folder = home.join("first");
            let _ = symlink(victim, &folder);
            std::thread::sleep(Duration::from_micros(200));
            let _ = fs::remove_file(&folder);
        }),
    ];
    let mut done = 0;
    for (title, attack) in attacks {
        let ground = Ground::new();
        fs::remove_dir_all(ground.home.join(".ssh")).unwrap();
        chown(&ground.home, Some(0), Some(0)).unwrap();
        fs::set_permissions(&ground.home, Permissions::from_mode(0o1777)).unwrap();
        let before = ground.of_root();
        let first = ground.home.join("first");
        done += ground.under(attack, |_| {
            let made = (0..10).any(|_| run(WRITE, &[&first.display().to_string()], b""));
            let whose = fs::symlink_metadata(&first).map_or(0, |meta| meta.uid());
            if whose == 0 {
                let _ = fs::remove_dir_all(&first);
            }
            assert!(!first.join("file").exists(), "{title}");
            made
        });
        assert_eq!(ground.of_root(), before, "{title}");
    }
    assert!(done > 0, "nothing was tried, or nothing works");
}

/// Without setpriv it is su that takes root's rights away; without either, nothing is done.
#[test]
fn su_does_where_there_is_no_setpriv() {
    let ground = Ground::new();
    let tools = ground.victim.join("tools");
    fs::create_dir(&tools).unwrap();
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
    for (missing, works) in [(&["setpriv"][..], true), (&["setpriv", "su"], false)] {
        for program in missing {
            let file = tools.join(program);
            fs::write(&file, "#!/bin/sh\nexit 127\n").unwrap();
            fs::set_permissions(&file, Permissions::from_mode(0o755)).unwrap();
        }
        let file = ground.file();
        let before = fs::read(&file).unwrap();
        let after = [before.as_slice(), b"# it's \"quoted\" $HOME \\\\n\n"].concat();
        let edit = ScriptEdit {
            account: ACCOUNT,
            file: &file,
            before: Some(&before),
            kind: "replace",
            content: &after,
            come: "",
            go: "",
        };
        let output = edit.run(edit.command("").env("PATH", &path));
        assert_eq!(output.status.success(), works, "{output:?}");
        let expected = if works { &after } else { &before };
        assert_eq!(&fs::read(&file).unwrap(), expected, "{output:?}");
        assert_eq!(fs::metadata(&file).unwrap().uid(), ID);
        if !works {
            let why = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(why.contains("neither setpriv nor su"), "{why}");
        }
    }
}

/// What changes by links that the test itself makes beside root's files.
fn without_times(
    state: BTreeMap<PathBuf, (u32, u32, i64, i64, Vec<u8>)>,
) -> Vec<(PathBuf, u32, u32, Vec<u8>)> {
    state
        .into_iter()
        .map(|(path, (uid, mode, _, _, content))| (path, uid, mode, content))
        .collect()
}
