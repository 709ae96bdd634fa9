//! Access from the command line on a real server: the real sshd, the real clients, the real binary.

mod certificates;
mod console;
mod events;
mod onboard;
mod posture;
mod proof;
mod refused;
mod review;
mod suspended;
mod two_persons;
mod two_persons_kinds;
mod way;
mod way_certificates;

use crate::help::text;
use crate::rig::{Access, Nix, OURS, Rig, Sshd, Twist, key_pair, wait_until};
use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use serde_json::Value;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use storekeeper::domain::When;

/// A cache server whose sshd logs with times, takes down unknown keys, and is called `prod`.
struct House {
    sshd: Sshd,
    rig: Rig,
    // The script's folder: sshd takes none below a folder that others may write.
    _etc: tempfile::TempDir,
}

impl House {
    fn new() -> Self {
        Self::with(&Nix::of_this_machine())
    }

    fn with(nix: &Nix) -> Self {
        let rig = Rig::with(nix);
        let (etc, knock) = rig.knock();
        let twist = Twist {
            syslog: true,
            more: knock,
            ..Twist::default()
        };
        let sshd = rig.twisted("logged", Access::Root, twist);
        let more = format!("sshd_log = \"{}\"", sshd.auth_log());
        rig.add_server(&rig.server_section("prod", "root", sshd.port, &more));
        Self {
            sshd,
            rig,
            _etc: etc,
        }
    }

    fn command(&self, line: &str) -> Command {
        self.rig.storekeeper_command(line.split(' '))
    }

    fn run(&self, line: &str) -> Output {
        self.command(line).output().unwrap()
    }

    /// Runs it; it must end with this code. What it printed.
    fn says(&self, line: &str, code: i32) -> String {
        let output = self.run(line);
        let (shown, errors) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{line}: {shown}{errors}");
        shown + &errors
    }

    /// The same with `--json`; the one document.
    fn json(&self, line: &str, code: i32) -> Value {
        let output = self.command(line).arg("--json").output().unwrap();
        let (document, errors) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(
            output.status.code(),
            Some(code),
            "{line}: {document}{errors}"
        );
        assert!(
            document.ends_with('\n') && document.lines().count() == 1,
            "{document}"
        );
        serde_json::from_str(&document).unwrap()
    }

    /// A new key of a user, by the name of its file; the public file.
    fn new_key(&self, name: &str, comment: &str) -> String {
        let file = self.rig.scratch().join(name);
        key_pair(&file, comment);
        file.with_extension("pub").display().to_string()
    }

    fn key_file(&self) -> PathBuf {
        self.rig.scratch().join("home-nix-ssh/.ssh/authorized_keys")
    }

    /// Whether the real sshd lets this key in.
    fn lets_in(&self, key: &str) -> bool {
        self.rig.lets_in(key, self.sshd.port)
    }

    /// A session that stays open.
    fn open(&self, key: &str) -> Child {
        self.rig.open_session(key, self.sshd.port)
    }

    /// The real `nix` with this key: a path of the cache is asked for.
    fn nix_reads(&self, key: &str) -> bool {
        let options = format!(
            "-F none -i {} -o IdentitiesOnly=yes -o UserKnownHostsFile={} -o BatchMode=yes -p {}",
            self.rig.file(key),
            self.rig.file("known_hosts"),
            self.sshd.port
        );
        self.rig
            .nix
            .command("nix")
            .env("NIX_SSHOPTS", options)
            .env("HOME", self.rig.scratch().join("home-here"))
            .args(["--extra-experimental-features", "nix-command", "path-info"])
            .args(["--store", "ssh://nix-ssh@127.0.0.1"])
            .arg(self.rig.path("top-1.0"))
            .output()
            .unwrap()
            .status
            .success()
    }
}

fn fields(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

fn fingerprint(public: &str) -> String {
    let shown = Command::new("ssh-keygen")
        .args(["-lf", public])
        .output()
        .unwrap();
    text(&shown.stdout).split(' ').nth(1).unwrap().to_owned()
}

/// The entry of a key.
fn entry<'a>(list: &'a Value, fingerprint: &str) -> &'a Value {
    let keys = list["keys"].as_array().unwrap();
    keys.iter()
        .find(|key| key["fingerprint"] == fingerprint)
        .unwrap_or_else(|| panic!("{fingerprint} is not in {list}"))
}

/// What a key gets where nothing is said, give or take an hour for a busy machine.
fn lasts_90_days(expires: &Value) {
    let ends: jiff::Timestamp = expires.as_str().unwrap().parse().unwrap();
    let off = ends.as_second() - When::now().unix() - 90 * 86_400;
    assert!(off.abs() < 3600, "{expires}");
}

#[test]
fn a_key_is_authorized_listed_and_revoked() {
    let house = House::new();
    let hostile = "ada \u{1b}[2J\u{202e}x";
    let public = house.new_key("ada", hostile);
    let print = fingerprint(&public);
    let before = fs::read(house.key_file()).unwrap();
    assert!(!house.lets_in("ada"));

    // A dry run shows the exact difference, and makes none.
    let shown = house.says(
        &format!("keys prod authorize {public} --expires never --dry-run"),
        0,
    );
    let line = shown
        .lines()
        .find_map(|line| line.trim_start().strip_prefix("+ "))
        .unwrap_or_else(|| panic!("{shown}"))
        .trim_start();
    assert!(line.starts_with("restrict ssh-ed25519 AAAA"), "{shown}");
    assert!(
        !shown.contains('\u{1b}') && !shown.contains('\u{202e}'),
        "{shown}"
    );
    assert_eq!(fs::read(house.key_file()).unwrap(), before);
    // Nobody to ask, no --yes: nothing is done.
    house.says(&format!("keys prod authorize {public}"), 2);
    assert_eq!(fs::read(house.key_file()).unwrap(), before);
    house.says(
        &format!("keys prod authorize {public} --yes --read-only"),
        4,
    );
    assert_eq!(fs::read(house.key_file()).unwrap(), before);

    // What is odd about the key takes a flag that names it.
    let refused = house.json(&format!("keys prod authorize {public} --yes"), 4);
    assert_eq!(refused["error"]["kind"], "policy");
    assert!(
        refused["error"]["next"]
            .as_str()
            .unwrap()
            .ends_with("--accept comment"),
        "{refused}"
    );
    assert_eq!(fs::read(house.key_file()).unwrap(), before);

    let done = house.json(
        &format!("keys prod authorize {public} --yes --accept comment --reason new"),
        0,
    );
    assert_eq!(fields(&done), ["schema", "plan", "receipt"]);
    assert_eq!(done["plan"]["change"], "authorize");
    assert_eq!(done["plan"]["items"][0]["fingerprint"], print);
    assert_eq!(done["receipt"]["result"], "done");
    let after = fs::read(house.key_file()).unwrap();
    let added = after.strip_prefix(before.as_slice()).unwrap();
    // The comment stays byte for byte.
    assert!(
        text(added).ends_with(&format!(" {hostile}\n")),
        "{}",
        text(added)
    );
    assert!(house.lets_in("ada") && house.nix_reads("ada"));
    // A second time is a conflict with what is there.
    let again = house.json(&format!("keys prod authorize {public} --yes"), 4);
    assert_eq!(again["error"]["kind"], "conflict");

    is_listed(&house, &print);

    // Its open session ends with it.
    let mut session = house.open("ada");
    wait_until("the session", || {
        entry(&house.json("keys prod list", 0), &print)["sessions"] == 1
    });
    let short = &print[..20];
    let gone = house.json(&format!("keys prod revoke {short} --yes --reason left"), 0);
    assert_eq!(gone["receipt"]["result"], "done", "{gone}");
    let end = Instant::now() + Duration::from_secs(120);
    while session.try_wait().unwrap().is_none() {
        assert!(Instant::now() < end, "the session goes on");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(!house.lets_in("ada") && !house.nix_reads("ada"));
    assert_eq!(fs::read(house.key_file()).unwrap(), before);
    // Its next request is flagged, and the log of changes is whole.
    let checked = house.json(&format!("keys prod check {public}"), 0);
    assert_eq!(checked["compared"], true);
    let codes: Vec<&str> = checked["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|finding| finding["code"].as_str())
        .collect();
    assert!(codes.contains(&"revoked-before"), "{checked}");
    let audit = house.json("audit prod", 0);
    let shown = audit.to_string();
    assert!(
        shown.contains("\"left\"") && !shown.contains('\u{202e}'),
        "{shown}"
    );
    house.says("audit prod --verify", 0);
}

#[test]
fn a_comment_of_ten_thousand_characters_is_inert_everywhere() {
    let house = House::new();
    // Clears the screen, names a window, turns the direction, and goes on for longer than any screen.
    let hostile = format!(
        "eve\u{1b}[2J\u{1b}]0;owned\u{7}\u{202e}\u{2066}\u{9b}31m{}end",
        "x".repeat(10_000)
    );
    let public = house.new_key("eve", &hostile);
    let print = fingerprint(&public);
    let before = fs::read(house.key_file()).unwrap();
    let inert = |shown: &str| {
        let raw = ['\u{1b}', '\u{7}', '\u{202e}', '\u{2066}', '\u{9b}'];
        assert!(!shown.contains(raw), "{}", &shown[..200]);
    };
    let mut shown = house.says(&format!("requests prod add {public} --yes"), 0);
    for line in ["requests prod list", "requests prod list --json"] {
        shown += &house.says(line, 0);
    }
    shown += &house.says(&format!("requests prod show {print}"), 0);
    shown += &house.says(&format!("requests prod prove {print}"), 0);
    shown += &house.says(&format!("keys prod authorize {public} --dry-run"), 0);
    shown += &house.says(&format!("keys prod authorize {public} --yes"), 4);
    shown += &house.says(
        &format!("keys prod authorize {public} --yes --accept comment --expires never"),
        0,
    );
    // Byte for byte.
    let after = fs::read(house.key_file()).unwrap();
    let added = after.strip_prefix(before.as_slice()).unwrap();
    let line = fs::read(&public).unwrap();
    assert_eq!(added, [b"restrict ".as_slice(), &line].concat());
    assert!(house.lets_in("eve"));
    for line in [
        "keys prod list",
        "keys prod list --json",
        "status prod --json",
    ] {
        let output = house.run(line);
        shown += &(text(&output.stdout) + &text(&output.stderr));
    }
    shown += &house.says(
        &format!("keys prod revoke {print} --yes --reason {}", "a\u{202e}b"),
        0,
    );
    for line in ["audit prod", "audit prod --json", "audit prod --verify"] {
        shown += &house.says(line, 0);
    }
    inert(&shown);
    inert(&fs::read_to_string(house.rig.file("var/audit.jsonl")).unwrap());
    assert_eq!(fs::read(house.key_file()).unwrap(), before);
}

/// The list is as the contract says, and the key stands in it: used a moment ago, and able to read.
fn is_listed(house: &House, print: &str) {
    let list = house.json("keys prod list", 0);
    assert_eq!(
        fields(&list),
        [
            "schema",
            "cacheUser",
            "files",
            "posture",
            "keys",
            "refused",
            "authorities"
        ]
    );
    assert_eq!(list["cacheUser"], "nix-ssh");
    assert_eq!(list["files"][0]["path"], house.key_file().to_str().unwrap());
    assert_eq!(list["files"][0]["editable"], true);
    assert_eq!(list["posture"]["protocol"], "ssh");
    assert_eq!(list["posture"]["forcedCommand"], "nix-store --serve");
    assert_eq!(list["posture"]["write"], false);
    assert_eq!(list["posture"]["trusted"], false);
    let key = entry(&list, print);
    for field in [
        "fingerprint",
        "type",
        "bits",
        "comment",
        "options",
        "expires",
        "file",
        "line",
        "active",
        "can",
        "lastUsed",
        "logsSince",
        "findings",
    ] {
        assert!(key.get(field).is_some(), "{field} in {key}");
    }
    assert_eq!(key["options"][0], "restrict");
    lasts_90_days(&key["expires"]);
    assert_eq!(key["can"], serde_json::json!(["read"]));
    assert_eq!(key["active"], true);
    assert_eq!(key["comment"], "ada \\e[2J\\u{202e}x");
    assert_eq!(key["lastUsed"]["from"], "127.0.0.1");
    let shown = house.says("keys prod list", 0);
    assert!(
        shown.contains(print) && !shown.contains('\u{1b}'),
        "{shown}"
    );
}

#[test]
fn expiry_and_addresses_are_those_of_sshd() {
    let house = House::new();
    let public = house.new_key("bob", "bob@builder");
    let print = fingerprint(&public);
    house.says(
        &format!("keys prod authorize {public} --expires 30d --yes"),
        0,
    );
    assert!(house.lets_in("bob"));
    house.says("keys prod expire bob@builder 2020-01-01 --yes", 0);
    assert!(!house.lets_in("bob"));
    let list = house.json("keys prod list", 0);
    let key = entry(&list, &print);
    assert_eq!(key["expires"], "2020-01-01T00:00:00Z");
    assert_eq!(key["active"], false);
    let file = house.key_file();
    let place = format!("{}:{}", file.display(), key["line"]);
    house.says(&format!("keys prod expire {place} 1d --yes"), 0);
    assert!(house.lets_in("bob"));
    house.says(&format!("keys prod expire {print} never --yes"), 0);
    assert!(house.lets_in("bob"));
    let nothing = house.says(&format!("keys prod expire {print} never --yes"), 0);
    assert!(nothing.contains("has no end already"), "{nothing}");
    house.says(&format!("keys prod revoke {print} --yes"), 0);
    house.says(
        &format!("keys prod authorize {public} --from 10.0.0.0/8 --yes --accept revoked"),
        0,
    );
    assert!(!house.lets_in("bob"));
    house.says(&format!("keys prod revoke {print} --yes"), 0);
    house.says(
        &format!("keys prod authorize {public} --from 10.0.0.0/8,127.0.0.0/8 --comment bob2 --yes --accept revoked"),
        0,
    );
    assert!(house.lets_in("bob"));
    assert!(text(&fs::read(file).unwrap()).ends_with(" bob2\n"));
    // The receipt and the log of changes say why, for how long and from where.
    let mia = house.new_key("mia", "mia");
    let receipt = house.says(
        &format!(
            "keys prod authorize {mia} --from 10.0.0.0/8 --expires 2099-02-20 --reason audit --yes"
        ),
        0,
    );
    let (_, receipt) = receipt.split_once("\ndone: ").unwrap();
    let audit = house.says("audit prod", 0);
    let (_, record) = audit.rsplit_once("authorize mia").unwrap();
    for said in [receipt, record] {
        assert!(
            said.contains(" reason ")
                && said.contains(" audit\n")
                && said.contains("until 2099-02-20T00:00:00Z\n")
                && said.contains(" 10.0.0.0/8\n"),
            "{said}"
        );
    }
    assert!(
        audit.contains(" no end\n") && audit.contains(" anywhere\n"),
        "{audit}"
    );
    let records = house.json("audit prod", 0);
    let of_mia = records["records"]
        .as_array()
        .unwrap()
        .iter()
        .find(|record| record["reason"] == "audit")
        .unwrap();
    assert_eq!(of_mia["lifetime"], "until 2099-02-20T00:00:00Z");
    assert_eq!(of_mia["from"], "10.0.0.0/8");
    // What sshd would not take is never written.
    let other = house.new_key("eve", "eve");
    let said = house.says(&format!("keys prod authorize {other} --from a\"b --yes"), 2);
    assert!(said.contains("from"), "{said}");
}

#[test]
fn which_key_must_be_clear_and_the_own_one_takes_more() {
    let house = House::new();
    for name in ["one", "two"] {
        let public = house.new_key(name, "the same");
        house.says(&format!("keys prod authorize {public} --yes"), 0);
    }
    let before = fs::read(house.key_file()).unwrap();
    let output = house
        .rig
        .storekeeper_command(["keys", "prod", "revoke", "the same", "--yes"])
        .output()
        .unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    for name in ["one.pub", "two.pub"] {
        assert!(said.contains(&fingerprint(&house.rig.file(name))), "{said}");
    }
    assert!(
        said.contains(&format!("{}:2", house.key_file().display())),
        "{said}"
    );
    house.says("keys prod revoke nobody --yes", 2);
    assert_eq!(fs::read(house.key_file()).unwrap(), before);
    // A server that logs us in by the file of the cache user itself.
    let section = house
        .rig
        .server_section("own", "root", house.sshd.port, "")
        .replace("cache_user = \"nix-ssh\"", "cache_user = \"root\"");
    house.rig.add_server(&section);
    let own = fingerprint(&house.rig.file("id.pub"));
    let root = house.rig.scratch().join("home-root/.ssh/authorized_keys");
    let held = fs::read(&root).unwrap();
    let said = house.says(&format!("keys own revoke {own} --yes"), 4);
    assert!(said.contains("--my-own-key"), "{said}");
    // With it, the key goes only if another login works; none does, so the line comes back.
    house.says(&format!("keys own revoke {own} --yes --my-own-key"), 1);
    assert_eq!(fs::read(&root).unwrap(), held);
}

#[test]
fn an_edit_in_between_is_a_conflict_with_its_difference() {
    let house = House::new();
    let public = house.new_key("ada", "ada");
    house.says(&format!("keys prod authorize {public} --yes"), 0);
    let pty = native_pty_system()
        .openpty(PtySize {
            rows: 40,
            cols: 200,
            ..PtySize::default()
        })
        .unwrap();
    let command = house.command("keys prod revoke ada");
    let mut builder = CommandBuilder::new(command.get_program());
    builder.args(command.get_args());
    builder.env("HOME", house.rig.scratch().join("home-here"));
    builder.env("TERM", "xterm-256color");
    let mut child = pty.slave.spawn_command(builder).unwrap();
    drop(pty.slave);
    let seen = Arc::new(Mutex::new(String::new()));
    let mut reader = pty.master.try_clone_reader().unwrap();
    let into = Arc::clone(&seen);
    let reading = std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = reader.read(&mut bytes) {
            into.lock().unwrap().push_str(&text(&bytes[..count]));
        }
    });
    wait_until("the question", || {
        seen.lock().unwrap().contains("Type revoke: ")
    });
    // Somebody else edits by hand.
    let by_hand = format!("{}# by hand\n", text(&fs::read(house.key_file()).unwrap()));
    fs::write(house.key_file(), &by_hand).unwrap();
    pty.master
        .take_writer()
        .unwrap()
        .write_all(b"revoke\r")
        .unwrap();
    let code = child.wait().unwrap().exit_code();
    drop(pty.master);
    let _ = reading.join();
    let seen = seen.lock().unwrap().clone();
    assert_eq!(code, 4, "{seen}");
    assert!(seen.contains("+# by hand"), "{seen}");
    assert_eq!(fs::read_to_string(house.key_file()).unwrap(), by_hand);
    assert!(house.lets_in("ada"));
}

/// `status`, `requests list` and the JSON say what the knock dropped.
#[test]
fn dropped_requests_are_reported() {
    let house = House::new();
    house.new_key("mei", "root@mei-laptop");
    assert!(!house.lets_in("mei"));
    let list = house.json("requests prod list", 0);
    let requests = house.rig.scratch().join("var/requests");
    let now = When::now().unix();
    fs::write(
        requests.join("waiting/dropped"),
        format!("37 {} {}\n", now - 7200, now - 60),
    )
    .unwrap();
    let reported = house.says("requests prod list", 0);
    assert!(reported.contains("37 requests dropped since"), "{reported}");
    assert!(reported.contains("connect again"), "{reported}");
    let after = house.json("requests prod list", 0);
    assert_eq!(after["requests"].as_array().unwrap().len(), 1);
    assert_eq!(after["requests"][0]["id"], list["requests"][0]["id"]);
    assert_eq!(after["dropped"]["count"], 37);
    assert_eq!(
        after["dropped"]["since"],
        When::from_unix(now - 7200).to_string()
    );
    let status = house.command("status prod").arg("--json").output().unwrap();
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    let checks = status["checks"].as_array().unwrap();
    let check = checks
        .iter()
        .find(|check| check["id"] == "requests-dropped");
    assert_eq!(check.unwrap()["state"], "warning", "{status}");
}

#[test]
fn a_knock_becomes_a_request_and_an_approval_lets_it_in() {
    let house = House::new();
    let public = house.new_key("mei", "root@mei-laptop");
    let print = fingerprint(&public);
    assert_eq!(house.says("requests prod list", 0), "no request waits\n");
    for _ in 0..3 {
        assert!(!house.lets_in("mei"));
    }
    let list = house.json("requests prod list", 0);
    assert_eq!(fields(&list), ["schema", "requests", "dropped", "unread"]);
    assert_eq!(
        (&list["dropped"], &list["unread"]),
        (&Value::Null, &serde_json::json!(0))
    );
    let [request] = list["requests"].as_array().unwrap().as_slice() else {
        panic!("{list}");
    };
    for field in [
        "id",
        "fingerprint",
        "type",
        "bits",
        "comment",
        "source",
        "firstSeen",
        "lastSeen",
        "tries",
        "from",
        "proven",
        "line",
        "findings",
    ] {
        assert!(request.get(field).is_some(), "{field} in {request}");
    }
    assert_eq!(request["fingerprint"], print);
    assert_eq!(request["source"], "knock");
    assert_eq!(request["tries"], 3);
    assert_eq!(request["from"], serde_json::json!(["127.0.0.1"]));
    assert_eq!(request["proven"], false);
    let status = house.json("status prod", 2);
    let waits = status["checks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|check| check["id"] == "key-requests")
        .unwrap();
    assert_eq!(waits["state"], "warning");
    assert_eq!(waits["fix"], "storekeeper requests prod list");

    let id = request["id"].as_str().unwrap();
    let card = house.says(&format!("requests prod show {}", &id[..6]), 0);
    let art = Command::new("ssh-keygen")
        .args(["-lvf", &public])
        .output()
        .unwrap();
    for line in text(&art.stdout).lines().skip(1) {
        assert!(card.contains(line), "{line} in {card}");
    }
    assert!(card.contains("restrict ssh-ed25519 AAAA"), "{card}");
    house.says("requests prod show ffff00", 2);

    let approved = house.says(
        &format!("requests prod approve {id} --comment mei --reason hello --yes --accept unproven"),
        0,
    );
    assert!(house.lets_in("mei") && house.nix_reads("mei"));
    // What its owner does next is printed.
    assert!(approved.contains("ssh-keygen -q -t ed25519"), "{approved}");
    assert!(approved.contains(&house.rig.public_key(OURS)), "{approved}");
    let list = house.json("keys prod list", 0);
    let key = entry(&list, &print);
    assert_eq!(key["comment"], "mei");
    lasts_90_days(&key["expires"]);
    assert_eq!(house.says("requests prod list", 0), "no request waits\n");
    house.says(&format!("requests prod approve {id} --yes"), 4);

    // Another one is denied, and not asked about again.
    let other = fingerprint(&house.new_key("eve", "eve"));
    assert!(!house.lets_in("eve"));
    let denied = house.json(&format!("requests prod deny {other} --note who? --yes"), 0);
    assert_eq!(denied["plan"]["change"], "deny");
    assert_eq!(denied["receipt"]["result"], "done");
    assert!(!house.lets_in("eve"));
    assert_eq!(house.says("requests prod list", 0), "no request waits\n");
    // One that came by mail.
    let mailed = house.new_key("zoe", "zoe");
    house.says(&format!("requests prod add {mailed} --yes"), 0);
    let list = house.json("requests prod list", 0);
    assert_eq!(list["requests"][0]["source"], "file");
    assert_eq!(list["requests"][0]["comment"], "zoe");
    let said = house.says("requests prod approve zoe --yes", 4);
    assert!(said.contains("--accept unproven"), "{said}");
    house.says("requests prod approve zoe --yes --accept unproven", 0);
    assert!(house.lets_in("zoe"));
}

#[test]
fn a_doubtful_key_is_authorized_only_where_each_doubt_is_accepted_by_name() {
    let house = House::new();
    let public = house.new_key("eve", "eve");
    let print = fingerprint(&public);
    let key_file = || fs::read(house.key_file()).unwrap();
    house.says(&format!("keys prod authorize {public} --yes"), 0);
    house.says(
        &format!("keys prod revoke {print} --yes --reason stolen"),
        0,
    );
    house.says(&format!("requests prod add {public} --yes"), 0);
    house.says(&format!("requests prod deny {print} --yes"), 0);
    let before = key_file();

    // Revoked, denied and unproven, in this order.
    let refused = house.json(&format!("requests prod approve {print} --yes"), 4);
    let error = &refused["error"];
    assert_eq!(error["kind"], "policy");
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("revoked before, was denied before and was not proven"),
        "{error}"
    );
    let next = error["next"].as_str().unwrap();
    assert!(next.ends_with("--accept revoked,denied,unproven"), "{next}");
    // Some of them are not all of them.
    let said = house.says(
        &format!("requests prod approve {print} --yes --accept denied,unproven"),
        4,
    );
    assert!(said.contains("revoked before, so nothing"), "{said}");
    let said = house.says(&format!("keys prod authorize {public} --yes"), 4);
    assert!(said.contains("--accept revoked,denied"), "{said}");
    // What there is to accept is said beforehand.
    let plan = house.json(&format!("keys prod authorize {public} --dry-run"), 0);
    assert_eq!(
        plan["plan"]["accept"],
        serde_json::json!(["revoked", "denied"])
    );
    // A word that is none names those that are.
    let said = house.says(
        &format!("keys prod authorize {public} --yes --accept stolen"),
        2,
    );
    assert!(
        said.contains("revoked, denied") && said.contains("any-command"),
        "{said}"
    );
    assert_eq!(key_file(), before);
    assert!(!house.lets_in("eve"));

    // One that there is not is no error, and said.
    let output = house.run(&format!(
        "requests prod approve {print} --yes --accept revoked,denied,unproven,weak"
    ));
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("--accept weak was not needed"), "{said}");
    assert!(house.lets_in("eve"));
    // Where no command is forced, each key could run any.
    let twist = Twist {
        more: "Match User nix-ssh\n  ForceCommand none\nMatch all\n".into(),
        ..Twist::default()
    };
    let _open = house.rig.twisted("unforced", Access::Root, twist);
    let own = house.new_key("gus", "gus");
    let before = key_file();
    let said = house.says(&format!("keys unforced authorize {own} --yes"), 4);
    assert!(
        said.contains("could run any command") && said.contains("--accept any-command"),
        "{said}"
    );
    assert_eq!(key_file(), before);
    // Nobody has to accept anything about a key that nothing is wrong with.
    let fine = house.new_key("fay", "fay");
    house.says(&format!("keys prod authorize {fine} --yes"), 0);
}

#[test]
fn what_onboard_writes_is_what_a_client_needs() {
    let house = House::new();
    let public = house.new_key("ada", "ada");
    house.says(&format!("keys prod authorize {public} --yes"), 0);
    let document = house.json("onboard prod", 0);
    assert_eq!(document["cacheAddress"], "ssh://nix-ssh@127.0.0.1");
    assert_eq!(document["missing"], serde_json::json!([]));
    // The lines for known_hosts are enough for the real ssh, which checks strictly in batch mode.
    let lines: Vec<&str> = document["knownHosts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line.as_str().unwrap())
        .collect();
    let hosts = house.rig.file("onboarded");
    fs::write(&hosts, lines.join("\n") + "\n").unwrap();
    let output = house
        .rig
        .login_knowing("ada", &hosts, house.sshd.port)
        .output()
        .unwrap();
    assert_ne!(output.status.code(), Some(255), "{}", text(&output.stderr));
    fs::write(&hosts, "").unwrap();
    let output = house
        .rig
        .login_knowing("ada", &hosts, house.sshd.port)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(255));
    // With the public keys the real client takes what is signed.
    let keys: Vec<String> = document["publicKeys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key.as_str().unwrap().to_owned())
        .collect();
    assert!(keys.contains(&house.rig.public_key(OURS)));
    let path = house.rig.path("top-1.0");
    assert_eq!(house.rig.client_accepts_with(path, &keys), Ok(()));
    // The shell and the module are sound.
    let script = house.says("onboard prod", 0);
    let file = house.rig.file("onboard.sh");
    fs::write(&file, &script).unwrap();
    assert!(
        Command::new("sh")
            .args(["-n", &file])
            .status()
            .unwrap()
            .success()
    );
    let nixos = house.json("onboard prod --platform nixos", 0);
    let module = nixos["steps"][1]["lines"].as_array().unwrap();
    let module: Vec<&str> = module.iter().map(|line| line.as_str().unwrap()).collect();
    let value = house.rig.evaluate(&module.join("\n"));
    assert_eq!(
        value["nix"]["settings"]["substituters"][0],
        "ssh://nix-ssh@127.0.0.1"
    );
    let known = value["programs"]["ssh"]["knownHosts"].as_object().unwrap();
    let (_, host) = known.iter().next().unwrap();
    assert_eq!(
        format!(
            "{} {}",
            host["hostNames"][0].as_str().unwrap(),
            host["publicKey"].as_str().unwrap()
        ),
        lines[0]
    );
}

/// What the real sshd makes of lines for its configuration, for the cache user.
fn effective(house: &House, lines: &str) -> String {
    let file = house.rig.file("lines.conf");
    let host = house.rig.file("host");
    fs::write(&file, format!("HostKey {host}\n{lines}")).unwrap();
    let sshd = ["/usr/sbin/sshd", "/usr/bin/sshd"]
        .into_iter()
        .find(|path| Path::new(path).exists())
        .unwrap();
    let output = Command::new(sshd)
        .args([
            "-T",
            "-f",
            &file,
            "-C",
            "user=nix-ssh,host=h,addr=127.0.0.1",
        ])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    // Newer ones print keywords with capitals.
    let lines = text(&output.stdout);
    let small = lines.lines().map(|line| {
        let (keyword, value) = line.split_once(' ').unwrap_or((line, ""));
        format!("{} {value}\n", keyword.to_lowercase())
    });
    small.collect()
}

#[test]
fn what_setup_writes_is_what_sshd_takes() {
    let house = House::new();
    let knock = fs::read_to_string("src/server/scripts/knock.sh").unwrap();
    // The module, in one file and from the repository, in a system that is made of its own words only.
    let with = |file: &str, openssh: &str| {
        format!(
            "let lib = {{ mkEnableOption = _: {{ }}; mkOption = option: option; mkIf = on: value: if on then value else {{ }};
               mkMerge = parts: parts; optionalString = on: text: if on then text else \"\";
               types = {{ str = 1; bool = 1; path = 1; nullOr = _: 1; }}; }};
             config.services.storekeeper = {{ enable = true; user = \"nix-ssh\"; serve = true; signingKey = null;
               stateDir = \"/var/lib/storekeeper\"; knock = true; }};
             config.services.openssh = {openssh};
             parts = (import {file} {{ inherit lib config; }}).config;
             script = (builtins.elemAt parts 1).environment.etc.\"storekeeper/knock\";
             in {{ lines = (builtins.elemAt parts 0).services.openssh.extraConfig;
               knock = script.text or (builtins.readFile script.source); inherit (script) mode; }}"
        )
    };
    let alone = house.rig.file("storekeeper.nix");
    fs::write(&alone, house.says("setup --nixos --knock", 0)).unwrap();
    let kept = fs::canonicalize("docs/nixos/module.nix").unwrap();
    for file in [alone.as_str(), kept.to_str().unwrap()] {
        for (openssh, reported) in [
            ("{ package.version = \"9.3p2\"; }", false),
            ("{ package.version = \"9.9p2\"; }", true),
            ("{ package.version = \"10.0p2\"; }", true),
        ] {
            let value = house.rig.evaluate(&with(file, openssh));
            let lines = value["lines"].as_str().unwrap();
            assert_eq!(
                lines.contains("/requests %C\n"),
                reported,
                "{openssh}: {lines}"
            );
        }
        let value = house.rig.evaluate(&with(file, "{ }"));
        assert_eq!(value["knock"], knock, "{file}");
        assert_eq!(value["mode"], "0555");
        let settings = effective(&house, value["lines"].as_str().unwrap());
        for line in [
            "loglevel VERBOSE",
            "authorizedkeysfile /etc/ssh/authorized_keys.d/%u /var/lib/storekeeper/keys/%u",
            "authorizedkeyscommand /etc/storekeeper/knock %u %t %k %f /var/lib/storekeeper/requests",
            "authorizedkeyscommanduser storekeeper",
        ] {
            assert!(settings.contains(line), "{line} in {settings}");
        }
    }
    // Debian: the shell itself writes the lines.
    let script = house.says("setup --knock", 0);
    let written: Vec<&str> = script
        .split("cat > /etc/ssh/sshd_config.d/")
        .skip(1)
        .map(|part| {
            let (_, rest) = part.split_once('\n').unwrap();
            rest.split("\nEND\n").next().unwrap()
        })
        .collect();
    assert_eq!(written.len(), 2, "{script}");
    let lines = written
        .join("\n")
        .replace("$serve", "/usr/bin/nix-store")
        .replace("$connection", " %C");
    let settings = effective(&house, &format!("{lines}\n"));
    for line in [
        "forcecommand /usr/bin/nix-store --serve",
        "disableforwarding yes",
        "permittty no",
        "loglevel VERBOSE",
        "authorizedkeyscommand /etc/storekeeper/knock %u %t %k %f /var/lib/storekeeper/requests %C\n",
    ] {
        assert!(settings.contains(line), "{line} in {settings}");
    }
    // The script comes out of the shell as it went in.
    let (_, rest) = script.split_once("<<'END-OF-KNOCK'\n").unwrap();
    assert_eq!(rest.split("END-OF-KNOCK\n").next().unwrap(), knock);
    // On a server that includes no folder, installing says what to add, and changes nothing.
    let said = house.says("setup prod --knock --yes", 4);
    assert!(said.contains("Include"), "{said}");
    // On one that does, the plan shows each line; a dry run makes none of it.
    let folder = house.rig.scratch().join("included");
    fs::create_dir(&folder).unwrap();
    let twist = Twist {
        more: format!("Include {}/*.conf\n", folder.display()),
        ..Twist::default()
    };
    let _sshd = house.rig.twisted("included", Access::Root, twist);
    let plan = house.json("setup included --knock --dry-run", 0);
    assert_eq!(plan["plan"]["change"], "install-knock");
    let shown = house.says("setup included --knock --dry-run", 0);
    let queue = house.rig.file("var/requests");
    let line = format!("AuthorizedKeysCommand /etc/storekeeper/knock %u %t %k %f {queue}");
    assert!(shown.contains(&line), "{shown}");
    assert!(fs::read_dir(&folder).unwrap().next().is_none());
}
