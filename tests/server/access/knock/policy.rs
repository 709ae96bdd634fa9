//! Which request the script drops for which, called as sshd calls it, without an sshd.

use super::{KNOCK, USER, knock, many, small_house};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use storekeeper::domain::key_request::file_name;
use storekeeper::domain::overflow::{Dropped, KNOCK_CAPACITY};
use storekeeper::domain::ssh_key::Fingerprint;

/// Shells that are `/bin/sh` somewhere, each with the programs that come with it.
const SHELLS: [(&str, &[&str]); 3] = [
    ("dash", &["dash"]),
    ("bash", &["bash", "--posix"]),
    ("busybox", &["busybox", "ash"]),
];

struct Queue {
    _folder: tempfile::TempDir,
    script: PathBuf,
    requests: PathBuf,
    shell: &'static [&'static str],
    path: String,
}

impl Queue {
    fn new() -> Self {
        Self::with(SHELLS[0])
    }

    fn with((name, shell): (&str, &'static [&'static str])) -> Self {
        let (folder, script, queue) = small_house();
        let mut path = "/usr/bin:/bin".to_owned();
        if name == "busybox" {
            // Its own programs and no others.
            let bin = folder.path().join("bin");
            fs::create_dir(&bin).unwrap();
            let list = Command::new("busybox").arg("--list").output().unwrap();
            for applet in String::from_utf8(list.stdout).unwrap().lines() {
                symlink("/bin/busybox", bin.join(applet)).unwrap();
            }
            path = bin.display().to_string();
        }
        Self {
            _folder: folder,
            script,
            requests: queue,
            shell,
            path,
        }
    }

    fn waiting(&self) -> PathBuf {
        self.requests.join("waiting")
    }

    /// One process above offers each of these keys, as an sshd does for one connection.
    fn offer(&self, connection: &str, keys: &[(String, String)]) {
        const EACH: &str = "IFS= read -r connection; while read -r key print; do \"$@\" nix-ssh ssh-ed25519 $key $print \"$queue\" \"$connection\" || echo failed; done";
        // By its path: busybox has one of its own.
        let mut above = Command::new("/usr/bin/setpriv");
        above
            .args([
                "--reuid",
                &USER.1.to_string(),
                "--regid",
                "65534",
                "--clear-groups",
            ])
            .args(["/bin/sh", "-c", EACH, "sh"])
            .args(self.shell.iter().enumerate().map(|(at, word)| {
                if at == 0 {
                    format!("/bin/{word}")
                } else {
                    (*word).to_owned()
                }
            }))
            .arg(&self.script)
            .env_clear()
            .env("PATH", &self.path)
            .env("queue", &self.requests)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut above = above.spawn().unwrap();
        let mut input = above.stdin.take().unwrap();
        writeln!(input, "{connection}").unwrap();
        for (key, print) in keys {
            writeln!(input, "{key} {print}").unwrap();
        }
        drop(input);
        let output = above.wait_with_output().unwrap();
        assert!(output.status.success());
        assert_eq!(String::from_utf8_lossy(&output.stdout), "");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    }

    fn file(&self, key: &(String, String)) -> PathBuf {
        let print = Fingerprint::parse(&key.1).unwrap();
        self.waiting().join(file_name(&print))
    }

    fn has(&self, key: &(String, String)) -> bool {
        self.file(key).exists()
    }

    /// How many of these wait.
    fn left(&self, keys: &[(String, String)]) -> usize {
        keys.iter().filter(|key| self.has(key)).count()
    }

    fn dropped(&self) -> u64 {
        match fs::read_to_string(self.waiting().join("dropped")) {
            Ok(text) => Dropped::parse(text.trim_end()).unwrap().count,
            Err(_) => 0,
        }
    }

    /// Has this request first been seen at that time.
    fn date(&self, key: &(String, String), time: &str) {
        let file = self.file(key);
        let text = fs::read_to_string(&file).unwrap();
        let (before, rest) = text.split_once("\"firstSeen\":\"").unwrap();
        let (_, after) = rest.split_once('"').unwrap();
        fs::write(&file, format!("{before}\"firstSeen\":\"{time}\"{after}")).unwrap();
    }
}

fn from(address: &str) -> String {
    format!("10.0.0.9 22 {address} 40000")
}

#[test]
fn an_address_has_its_share_and_loses_its_own_oldest() {
    for shell in SHELLS {
        let queue = Queue::with(shell);
        let keys = many(120);
        let (others, rest) = keys.split_at(10);
        for (number, key) in others.iter().enumerate() {
            queue.offer(
                &from(&format!("192.0.2.{number}")),
                std::slice::from_ref(key),
            );
        }
        queue.offer(&from("198.51.100.1"), &rest[..50]);
        assert_eq!(queue.left(others), 10, "{}", shell.0);
        assert_eq!(queue.left(&rest[..50]), 32, "{}", shell.0);
        assert!(queue.has(&rest[49]), "the newest is in");
        assert_eq!(queue.dropped(), 18);
        // The addresses of one IPv6 site are one, in whichever order sshd has the ends.
        for (number, key) in rest[50..100].iter().enumerate() {
            let connection = match number % 4 {
                0 => format!("2001:db8:0:7::{number:x} 40000 2001:db8::9 22"),
                1 => format!("2001:db8:0:7:1:2:3:{number:x} 40000 2001:db8::9 22"),
                2 => format!("2001:db8::7:1:2:3:{number:x}%eth0 40000 2001:db8::9 22"),
                _ => format!("2001:db8:0:7:{number:x}:: 40000 2001:db8::9 22"),
            };
            queue.offer(&connection, std::slice::from_ref(key));
        }
        assert_eq!(queue.left(&rest[50..100]), 32, "{}", shell.0);
        assert_eq!(queue.left(others), 10);
        assert_eq!(queue.dropped(), 36);
    }
}

#[test]
fn in_a_full_queue_the_loudest_address_loses() {
    let queue = Queue::new();
    let keys = many(400);
    let (old, rest) = keys.split_at(40);
    for (number, key) in old.iter().enumerate() {
        queue.offer(
            &from(&format!("192.0.2.{number}")),
            std::slice::from_ref(key),
        );
    }
    for (number, part) in rest[..320].chunks(32).enumerate() {
        queue.offer(&from(&format!("198.51.100.{number}")), part);
        assert_eq!(queue.left(old), 40);
        assert!(queue.has(&part[31]));
    }
    let all = queue.left(&keys);
    assert!((KNOCK_CAPACITY..KNOCK_CAPACITY + 8).contains(&all), "{all}");
    queue.offer(&from("203.0.113.5"), &rest[320..321]);
    assert!(queue.has(&rest[320]));
    assert_eq!(queue.left(old), 40);
    // Still counted one by one.
    let count = usize::try_from(queue.dropped()).unwrap();
    assert_eq!(count, 361 - queue.left(&keys));
}

/// As on an sshd before 9.4: who it is is not known, only what came over one connection.
#[test]
fn without_addresses_a_flood_is_told_by_time_and_connection() {
    for shell in SHELLS {
        let queue = Queue::with(shell);
        let keys = many(480);
        // Some came before, one of them with several keys, all within the hour before the flood.
        let (old, flood) = keys.split_at(90);
        for (number, part) in old.chunks(3).enumerate() {
            queue.offer("", part);
            for key in part {
                queue.date(key, &format!("2026-01-02T03:{number:02}:01Z"));
            }
        }
        // The first 64 have been left alone; of the rest, the time says that they were not part of it.
        // Without flock two that are at work at the same time may each make room, and count the same one.
        let at_once = if shell.0 == "busybox" { 300 } else { 150 };
        std::thread::scope(|scope| {
            for part in flood[..300].chunks(at_once) {
                scope.spawn(|| part.chunks(5).for_each(|keys| queue.offer("", keys)));
            }
        });
        queue.offer("UNKNOWN 65535 UNKNOWN 65535", &flood[300..301]);
        assert!(queue.has(&flood[300]), "{}: the newcomer", shell.0);
        assert_eq!(queue.left(old), 90, "{}", shell.0);
        // One key after the other over one connection: it is the loudest.
        queue.offer("", &flood[350..390]);
        assert!(
            (1..=8).contains(&queue.left(&flood[350..390])),
            "{}",
            shell.0
        );
        assert!(queue.has(&flood[389]), "{}", shell.0);
        assert_eq!(queue.left(old), 90, "{}", shell.0);
        let all = queue.left(&keys);
        assert!(all <= KNOCK_CAPACITY + 64, "{}: {all}", shell.0);
        let count = usize::try_from(queue.dropped()).unwrap();
        assert_eq!(count, 431 - all, "{}", shell.0);
    }
}

#[test]
fn what_is_roots_is_never_dropped() {
    let queue = Queue::new();
    let keys = many(400);
    queue.offer(&from("198.51.100.1"), &keys[..3]);
    // An administrator has written one: the oldest, of the loudest address.
    queue.date(&keys[0], "2001-01-01T00:00:00Z");
    chown(queue.file(&keys[0]), Some(0), Some(0)).unwrap();
    queue.offer(&from("198.51.100.1"), &keys[3..60]);
    assert!(queue.has(&keys[0]));
    assert_eq!(queue.left(&keys), 33);
    queue.date(&keys[59], "2001-01-01T00:00:00Z");
    for key in &keys[60..] {
        queue.offer("", std::slice::from_ref(key));
    }
    assert!(queue.has(&keys[0]));
    assert!(!queue.has(&keys[59]), "it was the oldest of the loudest");
    // While an administrator decides, nothing is dropped, and little more is kept.
    let before: Vec<bool> = keys.iter().map(|key| queue.has(key)).collect();
    let lock = fs::File::open(queue.waiting()).unwrap();
    lock.lock().unwrap();
    let more = many(403);
    queue.offer("", &more[400..]);
    let after: Vec<bool> = keys.iter().map(|key| queue.has(key)).collect();
    assert_eq!(before, after);
    assert_eq!(queue.left(&more[400..]), 3);
}

#[test]
fn a_hostile_count_does_no_harm() {
    let queue = Queue::new();
    let keys = many(200);
    let (first, rest) = keys.split_at(32);
    let address = from("198.51.100.1");
    queue.offer(&address, first);
    let count = queue.waiting().join("dropped");
    let long = "9".repeat(1 << 20);
    let old = "7 1600000000 1600000000\n";
    let contents = [
        "",
        "\n",
        "08 09 07\n",
        "-3 1 2\n",
        "$(id) `id` 1\n",
        "1 2\n",
        "a[$(id)] 1 2\n",
        "1 2 3 4\n",
        "\0\0\n",
        &long,
        old,
    ];
    for (content, key) in contents.iter().zip(rest) {
        fs::write(&count, content).unwrap();
        fs::set_permissions(&count, fs::Permissions::from_mode(0o666)).unwrap();
        chown(&count, Some(USER.1), None).unwrap();
        queue.offer(&address, std::slice::from_ref(key));
        assert!(queue.has(key), "{content:.20?}");
        assert_eq!(queue.dropped(), 1, "{content:.20?}");
    }
    // It goes on with its own, and stops at its end.
    queue.offer(&address, &rest[20..23]);
    assert_eq!(queue.dropped(), 4);
    let now = storekeeper::domain::When::now().unix();
    fs::write(&count, format!("999999999 {now} {now}\n")).unwrap();
    queue.offer(&address, &rest[23..24]);
    assert_eq!(queue.dropped(), 999_999_999);
    // What is no file at all.
    fs::remove_file(&count).unwrap();
    fs::create_dir(&count).unwrap();
    queue.offer(&address, &rest[30..31]);
    assert!(queue.has(&rest[30]));
    fs::remove_dir_all(&count).unwrap();
    nix_fifo(&count);
    queue.offer(&address, &rest[31..32]);
    assert!(queue.has(&rest[31]));
}

fn nix_fifo(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

/// Hundreds at once, as sshd runs them: bounded, whole files, and each that is not there is counted.
#[test]
fn many_at_once_keep_to_the_bounds() {
    let queue = &Queue::new();
    let keys = many(640);
    std::thread::scope(|scope| {
        for part in keys.chunks(20) {
            scope.spawn(move || {
                for key in part {
                    queue.offer("", std::slice::from_ref(key));
                }
            });
        }
    });
    let left = queue.left(&keys);
    assert!(
        (KNOCK_CAPACITY..=KNOCK_CAPACITY + 64).contains(&left),
        "{left}"
    );
    // Alone again, one call makes up for what came at once.
    let more = many(641);
    queue.offer("", &more[640..]);
    assert!(queue.has(&more[640]));
    assert_eq!(queue.left(&more), KNOCK_CAPACITY);
    assert_eq!(
        usize::try_from(queue.dropped()).unwrap(),
        641 - KNOCK_CAPACITY
    );
    let rest: Vec<String> = fs::read_dir(queue.waiting())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with("key-"))
        .collect();
    assert_eq!(rest, ["dropped"]);
}

/// A key that is known costs no process: it is counted where no program can be run.
#[test]
fn a_known_key_needs_no_program() {
    let (_folder, script, queue) = small_house();
    let [(key, print)] = many(1).try_into().unwrap();
    let words = ["nix-ssh", "ssh-ed25519", &key, &print];
    assert!(knock(&script, &queue, words).status.success());
    fs::write(
        &script,
        KNOCK.replace(
            "PATH=${PATH:-/usr/bin:/bin}:/run/current-system/sw/bin",
            "PATH=/nonexistent",
        ),
    )
    .unwrap();
    assert!(knock(&script, &queue, words).status.success());
    let print = Fingerprint::parse(&print).unwrap();
    let text = fs::read_to_string(queue.join("waiting").join(file_name(&print))).unwrap();
    assert_eq!(text.lines().count(), 2);
}
