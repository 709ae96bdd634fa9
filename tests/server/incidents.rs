//! What goes wrong with a cache, one thing at a time, on a real server: the first check of `status` names the cause and the remedy,
//! and so does the first line of a console that nobody touches.

use crate::help::terminal::{Terminal, is_read};
use crate::help::text;
use crate::rig::{Access, Rig, Sshd, Twist, key_pair, login_shell, wait_until};
use serde_json::Value;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;
use storekeeper::domain::ssh_key::PublicSshKey;

/// Whatever this machine's own disk is like, it is no incident. A collection is long that takes a second.
const LIMITS: &str = "[servers.prod.thresholds]\ndisk_warning = \"0%\"\ndisk_critical = \"0%\"\ninodes_warning = \"0%\"\n\
                      inodes_critical = \"0%\"\ncollection_age = \"1s\"\n";

/// A cache with which all is well: every path is signed, and one client has a key that fetches and no more.
struct Cache {
    sshd: Sshd,
    rig: Rig,
    _etc: tempfile::TempDir,
}

impl Cache {
    fn new() -> Self {
        Self::with(Access::Root, "", |_| ())
    }

    /// With more lines for sshd, after something was done to the rig.
    fn with(access: Access, more: &str, before: impl FnOnce(&Rig)) -> Self {
        let rig = Rig::new();
        heal(&rig);
        before(&rig);
        let (etc, knock) = rig.knock();
        let twist = Twist {
            syslog: true,
            more: format!("{knock}{more}"),
            ..Twist::default()
        };
        let sshd = rig.twisted("logged", access, twist);
        let more = format!("sshd_log = \"{}\"\n{LIMITS}", sshd.auth_log());
        rig.add_server(&rig.server_section("prod", "root", sshd.port, &more));
        Self {
            sshd,
            rig,
            _etc: etc,
        }
    }

    fn says(&self, line: &str) {
        let output = self.rig.run(line);
        assert!(output.status.success(), "{line}: {}", text(&output.stderr));
    }

    /// But for the load, which is that of the machine that the tests run on.
    fn status(&self, server: &str) -> Value {
        let output = self.rig.run(&format!("status {server} --json"));
        let mut status: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        let checks = status["checks"].as_array_mut().unwrap();
        checks.retain(|check| check["id"] != "load");
        let of = |word: &str| checks.iter().any(|check| check["state"] == word);
        let worst = ["critical", "warning"].into_iter().find(|word| of(word));
        status["state"] = worst.unwrap_or("fine").into();
        status
    }

    /// A console on which nobody presses a key, once all is read.
    fn watched(&self, server: &str) -> Watched {
        let watched = Watched::start(&self.rig, server);
        watched.0.wait("the store and its access", |text| {
            is_read(text) && text.contains("checks are fine")
        });
        watched
    }

    /// What is worst: id, state, summary and remedy.
    fn first(&self, server: &str) -> [String; 4] {
        let status = self.status(server);
        let first = &status["checks"][0];
        ["id", "state", "summary", "fix"]
            .map(|field| first[field].as_str().unwrap_or_default().to_owned())
    }

    /// The first check is this one, is at least a warning, and has these words in its summary and its remedy.
    fn is_first(&self, id: &str, summary: &str, fix: &str) {
        is_first(&self.first("prod"), id, summary, fix);
    }

    /// The same, as soon as the log has it.
    fn gets_first(&self, id: &str, summary: &str, fix: &str) {
        let mut first = self.first("prod");
        wait_until("the incident in the log", || {
            let now = self.first("prod");
            if now != first {
                eprintln!("now first: {now:?}");
            }
            first = now;
            first[0] == id && first[2].contains(summary)
        });
        is_first(&first, id, summary, fix);
    }

    /// The public line of a new key.
    fn key(&self, name: &str) -> String {
        let file = self.rig.scratch().join(name);
        key_pair(&file, name);
        let public = fs::read_to_string(file.with_extension("pub")).unwrap();
        public.trim().to_owned()
    }

    fn key_file(&self) -> PathBuf {
        self.rig.scratch().join("home-nix-ssh/.ssh/authorized_keys")
    }

    fn write(&self, line: &str) {
        let before = fs::read_to_string(self.key_file()).unwrap();
        fs::write(self.key_file(), format!("{before}{line}\n")).unwrap();
    }

    /// Whether the real sshd lets this key in.
    fn lets_in(&self, key: &str) -> bool {
        self.rig.lets_in(key, self.sshd.port)
    }

    /// The path of something that is built beside this program, and signed by nobody.
    fn build(&self, name: &str) -> String {
        let file = self.rig.file("made.nix");
        let derivation = format!(
            "derivation {{ name = \"{name}\"; system = builtins.currentSystem; builder = \"/bin/sh\"; args = [ \"-c\" \"echo > $out\" ]; }}"
        );
        fs::write(&file, derivation).unwrap();
        let mut command = self.rig.nix_here("nix-build");
        command.args(self.rig.nix.build_options());
        let built = command.args(["--no-out-link", &file]).output().unwrap();
        assert!(built.status.success(), "{}", text(&built.stderr));
        text(&built.stdout).trim().to_owned()
    }

    /// Sets the signatures of a path by hand, as SQL has it.
    fn signatures(&self, name: &str, value: &str) {
        let path = self.rig.path(name);
        self.rig.sql(&format!(
            "update ValidPaths set sigs = {value} where path = '{path}'"
        ));
    }

    /// Puts another word in place of one in sshd's configuration.
    fn configure(&self, from: &str, to: &str) {
        let file = self.sshd.config();
        let before = fs::read_to_string(file).unwrap();
        assert!(before.contains(from), "{before}");
        fs::write(file, before.replace(from, to)).unwrap();
    }
}

/// A console that is looked at and never touched.
struct Watched(Terminal);

impl Watched {
    fn start(rig: &Rig, server: &str) -> Self {
        let command = rig.storekeeper_command([server]);
        Self(Terminal::start(&command, 80, 24))
    }

    /// The first line of the Overview, which goes on below the list, comes to say this. How long that took is printed: a busy
    /// machine fails no test.
    fn shows(&self, cause: &str, remedy: &str) {
        let began = Instant::now();
        let says = |text: &str| {
            let rows: Vec<&str> = text.lines().skip(3).collect();
            let is_first = rows.first().is_some_and(|row| row.get(1..2) != Some("?"));
            let below = rows.iter().take_while(|row| !row.trim().is_empty());
            let other = |row: &str| {
                ["?", "!", "x", "."]
                    .iter()
                    .any(|mark| row.get(1..3) == Some(&format!("{mark} ")))
            };
            let own = |row: &&&str| **row == rows[0] || !other(row);
            let words: Vec<&str> = below
                .filter(own)
                .flat_map(|row| row.split_whitespace())
                .collect();
            let words = words.join(" ");
            is_first && words.contains(cause) && words.contains(remedy)
        };
        self.0.wait(&format!("{cause}, and {remedy}"), says);
        eprintln!("{cause}: after {:.1} s", began.elapsed().as_secs_f64());
    }

    /// Nothing is wrong any more.
    fn is_well(&self) {
        self.0.wait("that all is well", |text| {
            let first = text.lines().nth(3).unwrap_or_default();
            ["!", "x"].iter().all(|mark| first.get(1..2) != Some(mark))
        });
    }
}

fn is_first(first: &[String; 4], id: &str, summary: &str, fix: &str) {
    let [found, state, said, remedy] = first;
    assert_eq!(found, id, "{first:?}");
    assert!(state == "critical" || state == "warning", "{first:?}");
    assert!(said.contains(summary), "{summary}: {first:?}");
    assert!(!fix.is_empty() && remedy.contains(fix), "{fix}: {first:?}");
}

/// Takes out of a rig what is wrong on purpose.
fn heal(rig: &Rig) {
    let wrong: Vec<String> = rig
        .entries
        .iter()
        .filter(|entry| entry.closure_refused || entry.class.refused())
        .map(|entry| format!("'{}'", entry.path))
        .collect();
    let wrong = format!(
        "(select id from ValidPaths where path in ({}))",
        wrong.join(",")
    );
    rig.sql(&format!(
        "delete from Refs where referrer in {wrong} or reference in {wrong};\n\
         delete from DerivationOutputs where drv in {wrong};\ndelete from ValidPaths where id in {wrong}"
    ));
    let builder = rig.scratch().join("builder-key");
    key_pair(&builder, "builder");
    let public = fs::read_to_string(builder.with_extension("pub")).unwrap();
    let keys = rig.scratch().join("home-nix-ssh/.ssh/authorized_keys");
    fs::write(keys, format!("restrict {public}")).unwrap();
}

#[test]
fn nothing_is_first_where_all_is_well() {
    let cache = Cache::new();
    assert!(cache.lets_in("builder-key"));
    let status = cache.status("prod");
    assert_eq!(status["state"], "fine", "{status}");
    let first = &status["checks"][0]["state"];
    assert!(first == "unknown" || first == "fine", "{status}");
}

#[test]
fn paths_that_clients_refuse() {
    let cache = Cache::new();
    let good = cache.rig.sql(&format!(
        "select sigs from ValidPaths where path = '{}'",
        cache.rig.path("leaf-1.0")
    ));
    let good = format!("'{}'", good.trim());
    let top = cache.rig.sql(&format!(
        "select sigs from ValidPaths where path = '{}'",
        cache.rig.path("top-1.0")
    ));

    let watched = cache.watched("prod");
    // What a builder has just uploaded: made beside the console and its connection, and not signed.
    let made = cache.build("made");
    watched.shows("1 path would be refused", "storekeeper sign prod --all");
    cache.is_first(
        "unsigned-paths",
        "1 path would be refused: made",
        "storekeeper sign prod --all",
    );
    cache.signatures("leaf-1.0", "null");
    watched.shows("2 paths would be refused", "storekeeper sign prod --all");
    cache.signatures("leaf-1.0", &good);
    cache.rig.sql(&format!(
        "update ValidPaths set sigs = {good} where path = '{made}'"
    ));
    watched.shows(
        "1 path carries a wrong signature",
        "storekeeper paths prod --trust bad",
    );
    cache
        .rig
        .sql(&format!("delete from ValidPaths where path = '{made}'"));
    watched.is_well();

    // A library below paths that are signed.
    cache.signatures("leaf-1.0", "null");
    watched.shows("3 signed paths need", "storekeeper sign prod --all");
    cache.is_first(
        "unsigned-paths",
        "leaf-1.0, uploaded",
        "storekeeper sign prod --all",
    );
    assert!(cache.first("prod")[2].contains("3 signed paths need what is refused"));

    // The signature of another path, and one that is not signed beside it.
    cache.signatures("leaf-1.0", &format!("'{}'", top.trim()));
    cache.signatures("right-1.0", "null");
    watched.shows(
        "1 path carries a wrong signature",
        "storekeeper paths prod --trust bad",
    );
    cache.is_first(
        "bad-signatures",
        "1 path carries a wrong signature: leaf-1.0",
        "storekeeper paths prod --trust bad",
    );
    cache.signatures("leaf-1.0", &good);
    cache.is_first("unsigned-paths", "right-1.0", "storekeeper sign prod --all");
}

#[test]
fn clients_that_are_refused() {
    let cache = Cache::new();
    let watched = cache.watched("prod");
    let id = "refused-clients";

    cache.write(&format!(
        "restrict,expiry-time=\"20200101Z\" {}",
        cache.key("ended")
    ));
    assert!(!cache.lets_in("ended"));
    watched.shows(
        "ended refused 1 time: key expired",
        "storekeeper keys prod expire",
    );
    cache.gets_first(
        id,
        "ended was refused 1 time",
        "storekeeper keys prod expire SHA256:",
    );
    assert!(cache.first("prod")[2].contains(": key expired "));

    cache.key("left");
    cache.says(&format!(
        "keys prod authorize {}.pub --yes",
        cache.rig.file("left")
    ));
    assert!(cache.lets_in("left"));
    cache.says("keys prod revoke left --yes --reason gone");
    assert!(!cache.lets_in("left"));
    watched.shows("left refused 1 time: key revoked", "authorize it again");
    cache.gets_first(id, "left was refused 1 time", "authorize it again");
    let said = cache.first("prod")[2].clone();
    assert!(
        said.contains("key revoked ") && said.contains("(gone)"),
        "{said}"
    );

    let asks = PublicSshKey::parse(&cache.key("asks"))
        .unwrap()
        .fingerprint();
    assert!(!cache.lets_in("asks"));
    let mut request = String::new();
    wait_until("a request", || {
        let list = cache.rig.ask("requests prod list", 0);
        let mut list = list["requests"].as_array().unwrap().iter();
        let found = list.find(|one| one["fingerprint"] == asks.to_string());
        request = found.map_or_else(String::new, |one| one["id"].as_str().unwrap().to_owned());
        !request.is_empty()
    });
    cache.says(&format!(
        "requests prod deny {request} --yes --reason unknown"
    ));
    assert!(!cache.lets_in("asks"));
    watched.shows("request denied", "authorize");
    // A knock brings no comment.
    cache.gets_first(id, &format!("{asks} was refused"), "authorize");
    let said = cache.first("prod")[2].clone();
    assert!(
        said.contains("request denied ") && said.contains("(unknown)"),
        "{said}"
    );

    // By hand, after this program had put it there.
    cache.key("away");
    cache.says(&format!(
        "keys prod authorize {}.pub --yes",
        cache.rig.file("away")
    ));
    let line = fs::read_to_string(cache.key_file()).unwrap();
    let without: String = line
        .split_inclusive('\n')
        .filter(|line| !line.contains(" away"))
        .collect();
    fs::write(cache.key_file(), without).unwrap();
    assert!(!cache.lets_in("away"));
    watched.shows(
        "away refused 1 time: key is in no key file",
        "authorize it again",
    );
    cache.gets_first(id, "away was refused", "authorize it again");
    let said = cache.first("prod")[2].clone();
    assert!(
        said.contains("key is in no key file any more") && said.contains("authorized "),
        "{said}"
    );
}

#[test]
fn a_key_file_that_sshd_does_not_read() {
    let cache = Cache::new();
    let watched = cache.watched("prod");
    fs::set_permissions(cache.key_file(), fs::Permissions::from_mode(0o666)).unwrap();
    watched.shows("sshd does not read it", "chmod");
    assert!(!cache.lets_in("builder-key"));
    cache.gets_first("key-file", "sshd does not read it", "chmod");
    // The client that was refused for it is below.
    let mut found = false;
    wait_until("the refusal in the log", || {
        let status = cache.status("prod");
        let checks = status["checks"].as_array().unwrap();
        assert_eq!(checks[0]["id"], "key-file", "{status}");
        found = checks
            .iter()
            .any(|check| check["id"] == "refused-clients" && check["state"] == "warning");
        found
    });
    assert!(found);
}

#[test]
fn an_account_that_serves_nobody() {
    let cache = Cache::new();
    let watched = cache.watched("prod");
    cache.configure("ForceCommand nix-store --serve", "ForceCommand /bin/false");
    watched.shows(
        "clients may get nothing: sshd runs /bin/false",
        "nix-store --serve",
    );
    cache.is_first(
        "access-serving",
        "clients may get nothing: sshd runs /bin/false, not nix-store --serve",
        "nix-store --serve",
    );
    assert_eq!(cache.first("prod")[1], "critical");
    cache.configure("ForceCommand /bin/false", "ForceCommand nix-store --serve");
    watched.is_well();

    login_shell(
        cache.rig.scratch(),
        "nix-ssh",
        Path::new("/usr/sbin/nologin"),
    );
    watched.shows(
        "the login shell /usr/sbin/nologin",
        "usermod -s /bin/sh nix-ssh",
    );
    cache.is_first(
        "access-serving",
        "the login shell /usr/sbin/nologin runs no command",
        "usermod -s /bin/sh nix-ssh",
    );

    // A shell that greets whoever comes.
    let shell = cache.rig.scratch().join("greets");
    fs::write(
        &shell,
        "#!/bin/sh\necho Welcome to the cache!\nexec /bin/sh \"$@\"\n",
    )
    .unwrap();
    fs::set_permissions(&shell, fs::Permissions::from_mode(0o755)).unwrap();
    login_shell(cache.rig.scratch(), "nix-ssh", &shell);
    watched.shows("Welcome to the cache!", "/bin/sh");
    cache.is_first(
        "access-serving",
        "writes \"Welcome to the cache!\" before Nix answers",
        "/bin/sh",
    );
    login_shell(cache.rig.scratch(), "nix-ssh", Path::new("/bin/sh"));

    // Nix is there, and not where the sessions of clients look for it.
    let path = "Match User nix-ssh\n  ForceCommand nix-store --serve\n  SetEnv PATH=/nowhere";
    cache.configure(
        "Match User nix-ssh\n  ForceCommand nix-store --serve\n  SetEnv PATH=",
        &format!("{path} OLD_PATH="),
    );
    watched.shows("nix-store --serve fails", "SetEnv PATH");
    cache.is_first(
        "access-serving",
        "nix-store --serve fails as nix-ssh: ",
        "SetEnv PATH",
    );
}

#[test]
fn a_server_without_nix_or_its_daemon() {
    let mut cache = Cache::with(Access::ViaSocket, "", |_| ());
    assert_eq!(cache.status("prod")["state"], "fine");
    let watched = cache.watched("prod");
    let pid = cache.rig.daemon_pid().to_string();
    assert!(
        Command::new("kill")
            .args(["-KILL", &pid])
            .status()
            .unwrap()
            .success()
    );
    watched.shows("daemon", "nix-daemon");
    wait_until("the end of the daemon", || cache.first("prod")[0] == "nix");
    let first = cache.first("prod");
    is_first(&first, "nix", "daemon", "nix-daemon");
    assert_eq!(first[1], "critical");
    cache.rig.reconfigure("");
    watched.is_well();
    assert_eq!(cache.status("prod")["state"], "fine");

    let twist = Twist {
        without_nix: true,
        ..Twist::default()
    };
    let _gone = cache.rig.twisted("gone", Access::Root, twist);
    Watched::start(&cache.rig, "gone").shows("Nix", "daemon_command");
    let first = cache.first("gone");
    is_first(&first, "nix", "on PATH or in", "daemon_command");
    assert_eq!(first[1], "critical");
}

/// A small file system of its own, which ends with the test.
struct Small(PathBuf);

impl Small {
    fn at(folder: &Path) -> Self {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=16m,nr_inodes=200", "tmpfs"])
            .arg(folder)
            .status();
        assert!(mounted.unwrap().success());
        Self(folder.to_owned())
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_store_that_is_full() {
    let mut small = None;
    let mut folder = PathBuf::new();
    let cache = Cache::with(Access::Root, "", |rig| {
        folder = rig.scratch().join("server/nix/store");
        small = Some(Small::at(&folder));
    });
    // With the limits that hold where nothing is said.
    let section = cache
        .rig
        .server_section("full", "root", cache.sshd.port, "");
    cache.rig.add_server(&section);
    let watched = cache.watched("full");
    let filler = folder.join("filler");
    fs::write(&filler, vec![1; 16 << 20]).unwrap_or_default();
    watched.shows(" left on ", "storekeeper gc full --until-free");
    let first = cache.first("full");
    is_first(
        &first,
        "store-disk",
        " left on ",
        "storekeeper gc full --until-free 15%",
    );
    assert_eq!(first[1], "critical");
    fs::remove_file(&filler).unwrap();
    let mut files = 0;
    while File::create(folder.join(format!("file-{files}"))).is_ok() {
        files += 1;
    }
    assert!(files > 50);
    watched.shows("0 of 200 inodes left", "storekeeper gc full --until-free");
    let first = cache.first("full");
    is_first(
        &first,
        "store-inodes",
        "0 of 200 inodes left on ",
        "storekeeper gc full --until-free 15%",
    );
    assert_eq!(first[1], "critical");
    drop(small);
}

#[test]
fn a_host_key_that_has_changed() {
    let cache = Cache::new();
    let watched = cache.watched("prod");
    let known = cache.rig.file("known_hosts");
    let other = fs::read_to_string(cache.rig.file("other.pub")).unwrap();
    fs::write(&known, format!("[127.0.0.1]:{} {other}", cache.sshd.port)).unwrap();
    let status = cache.rig.ask("status prod", 3);
    assert_eq!(status["error"]["kind"], "host-key", "{status}");
    let message = status["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("HOST KEY") && message.contains("HAS CHANGED"),
        "{status}"
    );
    assert!(
        !status["error"]["next"].as_str().unwrap().is_empty(),
        "{status}"
    );
    Watched::start(&cache.rig, "prod").shows("HAS CHANGED", "remove that line");
    // One that was connected learns of it with its next connection.
    cache.sshd.kill_sessions();
    watched.shows("HAS CHANGED", "remove that line");
}

#[test]
fn a_signing_key_that_is_missing() {
    let cache = Cache::new();
    let watched = cache.watched("prod");
    let key = cache.rig.secret_key_file(crate::rig::OURS);
    fs::rename(&key, key.with_extension("away")).unwrap();
    watched.shows("it is missing", "signing_key");
    cache.is_first("signing-key", "can't be used: it is missing", "signing_key");
}

#[test]
fn a_collection_that_hangs() {
    let cache = Cache::new();
    let watched = cache.watched("prod");
    let lock = cache.rig.file("server/nix/var/nix/gc.lock");
    let held = File::create(lock).unwrap();
    held.lock().unwrap();
    watched.shows("a collection holds Nix's lock", "kill ");
    wait_until("a second to pass", || {
        cache.first("prod")[0] == "collecting"
    });
    cache.is_first(
        "collecting",
        "a collection holds Nix's lock and may hang, process ",
        "kill ",
    );
}
