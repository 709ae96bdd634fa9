//! What an edit of a key file keeps, and what it refuses: attributes, writers without a lock, links, sizes.

use crate::help::carry_out;
use crate::rig::edits::{connect, new_key, plan_for};
use crate::rig::{Access, Rig};
use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use storekeeper::change::access::{About, AccessError, authorize, expire, revoke};
use storekeeper::change::{Answer, Outcome};
use storekeeper::domain::When;
use storekeeper::server::Server;

/// The ids of the cache user.
const CACHE: u32 = 61_003;

fn cache_keys(rig: &Rig) -> PathBuf {
    rig.scratch().join("home-nix-ssh/.ssh/authorized_keys")
}

fn output_of(program: &str, args: &[&str], file: &Path) -> String {
    let output = Command::new(crate::rig::need::program(program))
        .args(args)
        .arg(file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn append(file: &Path, bytes: &[u8]) {
    let mut file = fs::OpenOptions::new().append(true).open(file).unwrap();
    file.write_all(bytes).unwrap();
}

async fn revoked(server: &Server, key: storekeeper::domain::ssh_key::Fingerprint) -> Outcome {
    let facts = server.access().await.unwrap();
    let plan = revoke(&About::of(server), &facts, "root", key, false, None).unwrap();
    let receipt = carry_out(server, plan, &Answer::Flag, None).await;
    assert!(receipt.failed.is_empty(), "{receipt:?}");
    receipt.result
}

/// sshd reads the file as the cache user: here only its access control list allows that.
#[tokio::test]
async fn owner_mode_list_and_attributes_stay() {
    let rig = Rig::new();
    let file = cache_keys(&rig);
    let folder = file.parent().unwrap();
    for item in [folder.parent().unwrap(), folder, &file] {
        chown(item, Some(0), Some(0)).unwrap();
    }
    let (stays, goes) = (
        new_key(rig.scratch(), "stays"),
        new_key(rig.scratch(), "goes"),
    );
    let lines = [stays.line().unwrap(), goes.line().unwrap(), Vec::new()].join(&b'\n');
    fs::write(&file, lines).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
    output_of("setfacl", &["-m", "u:61003:r"], &file);
    output_of("setfattr", &["-n", "user.ticket", "-v", "OPS-17"], &file);
    let port = rig.port(Access::Root);
    assert!(rig.lets_in("stays", port) && rig.lets_in("goes", port));
    let list = output_of("getfacl", &["-cpn"], &file);
    let attributes = output_of("getfattr", &["-d", "-m", "-"], &file);
    let before = fs::metadata(&file).unwrap();
    let server = connect(&rig, None).await;
    assert_eq!(
        revoked(&server, goes.key.fingerprint()).await,
        Outcome::Done
    );
    assert!(rig.lets_in("stays", port) && !rig.lets_in("goes", port));
    assert_eq!(output_of("getfacl", &["-cpn"], &file), list);
    assert_eq!(output_of("getfattr", &["-d", "-m", "-"], &file), attributes);
    let after = fs::metadata(&file).unwrap();
    assert_eq!(
        (before.uid(), before.gid(), before.mode()),
        (after.uid(), after.gid(), after.mode())
    );
}

/// Makes a key file into one that can't be edited.
type Make<'a> = Box<dyn Fn() + 'a>;

/// What an edit can't keep, or must not follow, it refuses with what to do.
#[tokio::test]
async fn what_can_not_be_kept_is_refused() {
    let rig = Rig::new();
    let file = cache_keys(&rig);
    let text = fs::read(&file).unwrap();
    let server = connect(&rig, None).await;
    let new = new_key(rig.scratch(), "new");
    let other = rig.scratch().join("other-name");
    let usual = || {
        let _ = fs::remove_file(&other);
        fs::remove_file(&file).unwrap();
        fs::write(&file, &text).unwrap();
        chown(&file, Some(CACHE), Some(CACHE)).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    };
    let cases: [(&str, Make<'_>); 5] = [
        (
            "hard links",
            Box::new(|| fs::hard_link(&file, &other).unwrap()),
        ),
        (
            "mode is 755",
            Box::new(|| fs::set_permissions(&file, Permissions::from_mode(0o755)).unwrap()),
        ),
        (
            "mode is 4644",
            Box::new(|| fs::set_permissions(&file, Permissions::from_mode(0o4644)).unwrap()),
        ),
        (
            "belongs to root",
            Box::new(|| chown(&file, Some(0), Some(0)).unwrap()),
        ),
        (
            "neither root nor",
            Box::new(|| chown(&file, Some(61_002), None).unwrap()),
        ),
    ];
    for (word, make) in cases {
        usual();
        let plan = plan_for(&server, &new).await;
        make();
        let before = fs::metadata(&file).unwrap();
        // Said before there is a plan, but for the second name, which nobody sees in the file itself.
        let facts = server.access().await.unwrap();
        assert_eq!(
            facts.files[0].editable.is_ok(),
            word == "hard links",
            "{word}"
        );
        let receipt = carry_out(&server, plan, &Answer::Flag, None).await;
        assert_eq!(receipt.result, Outcome::Failed, "{word}");
        let said = &receipt.failed[0].message;
        assert!(said.contains(word), "{word}: {said}");
        let after = fs::metadata(&file).unwrap();
        assert_eq!(before.ino(), after.ino(), "{word}");
        assert_eq!(
            (before.uid(), before.mode()),
            (after.uid(), after.mode()),
            "{word}"
        );
        assert_eq!(fs::read(&file).unwrap(), text, "{word}");
    }
    usual();
    let plan = plan_for(&server, &new).await;
    assert_eq!(
        carry_out(&server, plan, &Answer::Flag, None).await.result,
        Outcome::Done
    );
}

/// A mount that ends with the test.
struct Mount(PathBuf);

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// The link leads to root's key file, or root reads the same file: the key would log in as root.
#[tokio::test]
async fn a_key_file_that_lets_root_in_gets_no_key() {
    let rig = Rig::new();
    let file = cache_keys(&rig);
    let roots = rig.scratch().join("home-root/.ssh/authorized_keys");
    let before = fs::read(&roots).unwrap();
    fs::remove_file(&file).unwrap();
    symlink(&roots, &file).unwrap();
    let server = connect(&rig, None).await;
    let new = new_key(rig.scratch(), "new");
    let facts = server.access().await.unwrap();
    let about = About::of(&server);
    let refused = authorize(&about, &facts, &new, None, None).unwrap_err();
    assert!(matches!(refused, AccessError::Shared { .. }), "{refused}");
    let said = refused.to_string();
    assert!(
        said.contains("log in as root") && said.contains(&roots.display().to_string()),
        "{said}"
    );
    // The link comes between the plan and the change.
    fs::remove_file(&file).unwrap();
    fs::write(&file, &before).unwrap();
    chown(&file, Some(CACHE), Some(CACHE)).unwrap();
    let plan = plan_for(&server, &new).await;
    fs::remove_file(&file).unwrap();
    symlink(&roots, &file).unwrap();
    let receipt = carry_out(&server, plan, &Answer::Flag, None).await;
    assert_eq!(receipt.result, Outcome::Failed, "{receipt:?}");
    assert!(
        receipt.failed[0]
            .message
            .contains("links lead somewhere else"),
        "{receipt:?}"
    );
    assert_eq!(fs::read(&roots).unwrap(), before);
    // The folder is one of root's, by a mount that only root can make.
    fs::remove_file(&file).unwrap();
    fs::write(&file, &before).unwrap();
    chown(&file, Some(CACHE), Some(CACHE)).unwrap();
    let plan = plan_for(&server, &new).await;
    let folder = file.parent().unwrap().to_owned();
    let mounted = Command::new("mount")
        .arg("--bind")
        .args([roots.parent().unwrap(), &folder])
        .status();
    assert!(mounted.unwrap().success());
    let mount = Mount(folder);
    // sshd's sessions have the mounts of its start, so the script is run as they would run it here.
    let receipt = carry_out(&server, plan, &Answer::Flag, None).await;
    drop(mount);
    assert_eq!(fs::read(&roots).unwrap(), before, "{receipt:?}");
}

/// Somebody appends with an editor or `>>`, which takes no lock: every line of theirs stays, and the edit is done or a conflict.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_a_writer_without_a_lock_is_lost() {
    let rig = Rig::new();
    let file = cache_keys(&rig);
    let server = connect(&rig, None).await;
    let stop = Arc::new(AtomicBool::new(false));
    let written = Arc::new(Mutex::new(Vec::new()));
    let writer = std::thread::spawn({
        let (file, stop, written) = (file.clone(), Arc::clone(&stop), Arc::clone(&written));
        move || {
            for number in 0.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let line = format!("# line {number}\n");
                append(&file, line.as_bytes());
                written.lock().unwrap().push(line);
                std::thread::sleep(std::time::Duration::from_millis(number * 37 % 60));
            }
        }
    });
    let (mut done, mut refused) = (0, 0);
    for number in 0..40 {
        let new = new_key(rig.scratch(), &format!("key-{number}"));
        let plan = plan_for(&server, &new).await;
        let receipt = carry_out(&server, plan, &Answer::Flag, None).await;
        let line = String::from_utf8(new.line().unwrap()).unwrap();
        let there = fs::read_to_string(&file).unwrap().contains(&line);
        let is_done = receipt.result == Outcome::Done;
        assert_eq!(there, is_done, "{receipt:?}");
        if is_done {
            done += 1;
        } else {
            refused += 1;
        }
    }
    stop.store(true, Ordering::Relaxed);
    writer.join().unwrap();
    let text = fs::read_to_string(&file).unwrap();
    let lost: Vec<String> = written
        .lock()
        .unwrap()
        .iter()
        .filter(|line| !text.contains(line.as_str()))
        .cloned()
        .collect();
    assert_eq!(lost, Vec::<String>::new(), "{done} done, {refused} not");
    assert!(done > 0, "{refused} not done");
}

/// A file of any size is read by what can be a key in it, and changed without the rest of it.
#[tokio::test]
async fn padding_hides_no_key() {
    let rig = Rig::new();
    let file = cache_keys(&rig);
    let own = fs::read(&file).unwrap();
    let (stays, goes) = (
        new_key(rig.scratch(), "stays"),
        new_key(rig.scratch(), "goes"),
    );
    // One line of 3 MiB, and many short ones; the last line has no end.
    append(
        &file,
        &[b"# ", vec![b'x'; 3 << 20].as_slice(), b"\n"].concat(),
    );
    append(&file, &b"# short\n".repeat(400_000));
    append(
        &file,
        &[stays.line().unwrap(), goes.line().unwrap()].join(&b"\n# AAAA\n"[..]),
    );
    let whole = fs::read(&file).unwrap();
    let listed = rig
        .storekeeper_command(["keys", "root", "list", "--json"])
        .output()
        .unwrap();
    assert_eq!(listed.status.code(), Some(0), "{listed:?}");
    let text = String::from_utf8(listed.stdout).unwrap();
    for key in [&stays, &goes] {
        assert!(text.contains(&key.key.fingerprint().to_string()), "{text}");
    }
    assert!(text.contains("\"line\":400005"), "{text}");
    let server = connect(&rig, None).await;
    let facts = server.access().await.unwrap();
    let about = About::of(&server);
    let end = When::from_unix(When::now().unix() + 3600);
    let print = stays.key.fingerprint();
    let plan = expire(&about, &facts, "root", print, Some(end), None).unwrap();
    assert_eq!(
        carry_out(&server, plan, &Answer::Flag, None).await.result,
        Outcome::Done
    );
    assert_eq!(
        revoked(&server, goes.key.fingerprint()).await,
        Outcome::Done
    );
    let new = new_key(rig.scratch(), "new");
    let plan = plan_for(&server, &new).await;
    assert_eq!(
        carry_out(&server, plan, &Answer::Flag, None).await.result,
        Outcome::Done
    );
    let after = fs::read(&file).unwrap();
    let padding = &whole
        [own.len()..whole.len() - goes.line().unwrap().len() - stays.line().unwrap().len() - 8];
    let rest = after
        .strip_prefix(own.as_slice())
        .and_then(|rest| rest.strip_prefix(padding))
        .unwrap();
    let rest = String::from_utf8(rest.to_vec()).unwrap();
    let lines: Vec<&str> = rest.lines().collect();
    assert_eq!(lines.len(), 3, "{rest}");
    assert!(
        lines[0].contains("expiry-time=") && lines[0].ends_with("stays"),
        "{rest}"
    );
    assert_eq!(
        lines[1..],
        ["# AAAA", std::str::from_utf8(&new.line().unwrap()).unwrap()]
    );
    // More lines that can be keys than fit: said, and no list of none.
    append(
        &file,
        &b"AAAA not a key but it could be one, as far as anybody can see from afar\n"
            .repeat(250_000),
    );
    let listed = rig
        .storekeeper_command(["keys", "root", "list"])
        .output()
        .unwrap();
    assert_eq!(listed.status.code(), Some(1), "{listed:?}");
    let said = String::from_utf8(listed.stdout).unwrap();
    assert!(
        said.contains("there may be more") && said.contains("16 MiB"),
        "{said}"
    );
}
