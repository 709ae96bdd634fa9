//! The knock on a real sshd: a client that only tries becomes a request; a flood leaves the queue bounded; nobody else notices.

mod flood;
mod policy;
mod undo;

use crate::help::{Cut, carry_out, connect, cut_off, stuck, wait};
use crate::rig::{Access, Rig, Sshd, Twist, key_pair, wait_until};
use std::collections::HashMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use storekeeper::change::access::{
    About, approve, authorize, deny, install_knock, knock_to_install, prove, revoke, submit,
};
use storekeeper::change::{Answer, Outcome, Plan, Receipt};
use storekeeper::domain::When;
use storekeeper::domain::access::AccessFacts;
use storekeeper::domain::authorized_keys::NewKey;
use storekeeper::domain::key_request::{Request, Source};
use storekeeper::domain::proof::NAMESPACE;
use storekeeper::domain::ssh_key::PublicSshKey;
use storekeeper::domain::sshd_log::by_key;
use storekeeper::server::Server;
use storekeeper::server::access::KnockInstall;

/// The user that the knock runs as; the rig has it.
const USER: (&str, u32) = ("storekeeper", 61_004);

/// The script, as it is installed.
const KNOCK: &str = include_str!("../../../../src/server/scripts/knock.sh");

/// A server that includes a folder of files, and a place that no user but root may write, as sshd demands for the script.
struct House {
    server: Server,
    sshd: Sshd,
    rig: Rig,
    etc: tempfile::TempDir,
}

impl House {
    fn new() -> Self {
        Self::with(Rig::new(), None)
    }

    /// With programs of its own.
    fn with(rig: Rig, first: Option<PathBuf>) -> Self {
        let etc = tempfile::Builder::new()
            .prefix("storekeeper-knock-")
            .permissions(fs::Permissions::from_mode(0o755))
            .tempdir_in("/var/lib")
            .unwrap();
        let lines = etc.path().join("sshd_config.d");
        fs::create_dir(&lines).unwrap();
        let twist = Twist {
            first,
            syslog: true,
            more: format!("Include {}/*.conf\n", lines.display()),
            ..Twist::default()
        };
        let sshd = rig.twisted("knocked", Access::Root, twist);
        let mut spec = wait(rig.spec("root", sshd.port));
        spec.sshd_log = Some(sshd.auth_log());
        let server = wait(connect(spec));
        Self {
            server,
            sshd,
            rig,
            etc,
        }
    }

    fn installed() -> Self {
        let house = Self::new();
        let receipt = house.carry_out(house.plan(&house.install()));
        assert_eq!(receipt.result, Outcome::Done, "{receipt:?}");
        house
    }

    fn install(&self) -> KnockInstall {
        let facts = wait(self.server.knock_facts()).unwrap();
        let spec = self.server.spec();
        let mut install = knock_to_install(&facts, &spec.cache_user, &spec.requests_dir);
        assert!(
            install
                .lines_file
                .starts_with(self.etc.path().to_str().unwrap())
        );
        install.script = self.etc.path().join("knock").display().to_string();
        install
    }

    fn plan(&self, install: &KnockInstall) -> Plan {
        let facts = wait(self.server.knock_facts()).unwrap();
        install_knock(&About::of(&self.server), &facts, install.clone(), None).unwrap()
    }

    fn carry_out(&self, plan: Plan) -> Receipt {
        let answer = Answer::Accepting(plan.concerns.clone());
        wait(carry_out(&self.server, plan, &answer, None))
    }

    fn facts(&self) -> AccessFacts {
        wait(self.server.access()).unwrap()
    }

    fn waiting(&self) -> Vec<Request> {
        let requests = self.facts().requests.unwrap();
        requests.into_iter().filter(Request::waits).collect()
    }

    fn key_file(&self) -> PathBuf {
        self.rig.scratch().join("home-nix-ssh/.ssh/authorized_keys")
    }

    fn queue(&self) -> PathBuf {
        self.rig.scratch().join("var/requests")
    }

    fn new_key(&self, name: &str) -> PublicSshKey {
        let file = self.rig.scratch().join(name);
        key_pair(&file, name);
        PublicSshKey::parse(&fs::read_to_string(file.with_extension("pub")).unwrap()).unwrap()
    }

    /// Whether the real sshd lets this key in.
    fn lets_in(&self, key: &str) -> bool {
        self.rig.lets_in(key, self.sshd.port)
    }
}

fn line(key: &PublicSshKey) -> NewKey {
    NewKey {
        key: key.clone(),
        restrict: true,
        from: None,
        expires: None,
    }
}

/// It is installed when its call is cut off: a new connection does the rest, and without one it is said what is there.
#[test]
fn an_installation_that_was_cut_off_is_looked_at() {
    for cut in [Cut::Sessions, Cut::Cancel] {
        let rig = Rig::new();
        let first = stuck(rig.scratch(), &["sleep"]);
        let house = House::with(rig, Some(first.clone()));
        let plan = house.plan(&house.install());
        fs::write(first.join("ready"), "sleep 1|").unwrap();
        let reached = first.join("reached");
        let receipt = cut_off(&house.server, plan, &reached, cut, || {
            house.sshd.kill_sessions();
        });
        match cut {
            Cut::Sessions => {
                assert_eq!(
                    (receipt.result, receipt.done),
                    (Outcome::Done, 2),
                    "{receipt:?}"
                );
            }
            // Whether sshd has read its configuration nobody can see.
            Cut::Cancel => {
                assert_eq!((receipt.done, receipt.not_done), (1, 1), "{receipt:?}");
                let why = &receipt.failed[0].message;
                assert!(
                    why.contains("are in place") && why.contains("reload sshd"),
                    "{why}"
                );
            }
        }
        assert!(house.etc.path().join("knock").exists());
    }
}

#[test]
fn who_only_tries_becomes_a_request() {
    let house = House::installed();
    let key = house.new_key("ada");
    assert!(house.waiting().is_empty());
    for _ in 0..3 {
        assert!(!house.lets_in("ada"));
    }
    let [request] = house.waiting().try_into().unwrap();
    assert_eq!(request.key.fingerprint(), key.fingerprint());
    assert_eq!((request.source, request.tries), (Source::Knock, 3));
    assert_eq!(request.user, "nix-ssh");
    let now = When::now().unix();
    let (first, last) = (
        request.first_seen.unwrap().unix(),
        request.last_seen.unwrap().unix(),
    );
    assert!((now - 60..=now).contains(&first) && (first..=now + 1).contains(&last));
    // The log knows from where.
    let uses = by_key(&house.facts().events.unwrap(), "nix-ssh");
    let tried = &uses[&key.fingerprint()];
    assert_eq!(
        (tried.refused, tried.addresses.as_slice()),
        (3, &["127.0.0.1".to_owned()][..])
    );
    // One who is in a file leaves no trace, and is authorized.
    assert!(house.lets_in("id"));
    assert_eq!(house.waiting().len(), 1);

    let about = About::of(&house.server);
    let plan = approve(
        &about,
        &house.facts(),
        &request,
        &line(&request.key),
        None,
        "asked by mail",
    )
    .unwrap();
    assert!(
        plan.warnings
            .iter()
            .any(|warning| warning.contains("not proven"))
    );
    let receipt = house.carry_out(plan);
    assert_eq!(
        (receipt.result, receipt.done),
        (Outcome::Done, 2),
        "{receipt:?}"
    );
    assert!(house.lets_in("ada"));
    assert!(house.waiting().is_empty());
    let requests = house.facts().requests.unwrap();
    let decision = requests[0].decision.clone().unwrap();
    assert!(
        decision.approved && decision.reason == "asked by mail" && decision.by.contains("root via")
    );

    // Revoked, it is asked about again, and flagged.
    let plan = revoke(
        &about,
        &house.facts(),
        "root",
        key.fingerprint(),
        true,
        Some("lost".into()),
    );
    assert_eq!(house.carry_out(plan.unwrap()).result, Outcome::Done);
    assert!(!house.lets_in("ada"));
    let [request] = house.waiting().try_into().unwrap();
    let plan = deny(&about, &house.facts(), &request, "no").unwrap();
    assert!(
        plan.warnings.iter().any(|warning| warning.contains("lost")),
        "{:?}",
        plan.warnings
    );
    assert_eq!(house.carry_out(plan).result, Outcome::Done);
    // Denied, it is not asked about any more.
    assert!(!house.lets_in("ada"));
    assert!(house.waiting().is_empty());
    let decided = house.facts().requests.unwrap();
    assert!(
        decided
            .iter()
            .any(|request| request.decision.as_ref().is_some_and(|it| !it.approved))
    );
}

/// What the requester sends back.
fn signed_challenge(house: &House, key: &str, challenge: &str) -> String {
    let mut signing = Command::new("ssh-keygen")
        .args(["-Y", "sign", "-n", NAMESPACE, "-f", &house.rig.file(key)])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = signing.stdin.take().unwrap();
    writeln!(input, "{challenge}").unwrap();
    drop(input);
    String::from_utf8(signing.wait_with_output().unwrap().stdout).unwrap()
}

/// A proof that is taken down while somebody else decides: the decision stands, and who took it down is reported.
#[test]
fn a_decided_request_stays_decided() {
    let house = House::installed();
    let about = About::of(&house.server);
    for (name, approves) in [("ada", false), ("bob", true)] {
        house.new_key(name);
        assert!(!house.lets_in(name));
        let facts = house.facts();
        let [request] = house.waiting().try_into().unwrap();
        let answer = signed_challenge(&house, name, &request.challenge(&facts.host));
        let proof = || prove(&about, &facts, &request, &answer).unwrap();
        let (first, late) = (proof(), proof());
        assert_eq!(house.carry_out(first).result, Outcome::Done);
        let [waits] = house.waiting().try_into().unwrap();
        assert!(waits.proof.is_some());
        // Both plans are on somebody's screen; the decision comes first.
        let decision = if approves {
            approve(&about, &facts, &request, &line(&request.key), None, "").unwrap()
        } else {
            deny(&about, &facts, &request, "no").unwrap()
        };
        assert_eq!(house.carry_out(decision).result, Outcome::Done);
        let receipt = house.carry_out(late);
        assert_eq!(
            (receipt.result, receipt.done),
            (Outcome::Failed, 0),
            "{receipt:?}"
        );
        let word = if approves { "approved" } else { "denied" };
        let reported = receipt.conflict.unwrap();
        assert!(
            reported.contains(&format!("{} {word} it at 2", about.by)),
            "{reported}"
        );
        assert!(house.waiting().is_empty(), "it is back in the queue");
        let all = house.facts().requests.unwrap();
        let print = request.key.fingerprint();
        let one = all.iter().find(|one| one.key.fingerprint() == print);
        let decision = one.unwrap().decision.as_ref().unwrap();
        assert_eq!(decision.approved, approves);
    }
    // The same key asks anew: a proof of the request before is none of this one.
    let about = About::of(&house.server);
    let key = house.new_key("cyd");
    assert!(!house.lets_in("cyd"));
    let facts = house.facts();
    let [request] = house.waiting().try_into().unwrap();
    let answer = signed_challenge(&house, "cyd", &request.challenge(&facts.host));
    let late = prove(&about, &facts, &request, &answer).unwrap();
    fs::remove_file(house.queue().join("waiting").join(request.file_name())).unwrap();
    assert!(!house.lets_in("cyd"));
    let receipt = house.carry_out(late);
    assert!(receipt.conflict.unwrap().contains("another one"));
    let [again] = house.waiting().try_into().unwrap();
    assert!(again.proof.is_none() && again.key.fingerprint() == key.fingerprint());
}

/// Two administrators decide on the same request: the first decision stands, for sshd too, and the second one reports whose it was.
#[test]
fn the_first_of_two_decisions_stands() {
    let house = House::installed();
    for (name, first, second) in [
        ("ada", true, false),
        ("bob", false, true),
        ("cyd", true, true),
        ("dan", false, false),
    ] {
        house.new_key(name);
        assert!(!house.lets_in(name));
        let facts = house.facts();
        let [request] = house.waiting().try_into().unwrap();
        let plan = |by: &str, approves: bool| {
            let about = About {
                by: by.to_owned(),
                ..About::of(&house.server)
            };
            if approves {
                approve(&about, &facts, &request, &line(&request.key), None, "").unwrap()
            } else {
                deny(&about, &facts, &request, "no").unwrap()
            }
        };
        let (early, late) = (plan("root via eva", first), plan("root via max", second));
        assert_eq!(house.carry_out(early).result, Outcome::Done);
        let keys = fs::read(house.key_file()).unwrap_or_default();
        let receipt = house.carry_out(late);
        assert_eq!(
            (receipt.result, receipt.done),
            (Outcome::Failed, 0),
            "{receipt:?}"
        );
        let word = if first { "approved" } else { "denied" };
        let reported = receipt.conflict.unwrap();
        assert!(
            reported.contains(&format!("root via eva {word} it at 2")),
            "{reported}"
        );
        assert_eq!(fs::read(house.key_file()).unwrap_or_default(), keys);
        assert_eq!(house.lets_in(name), first, "{name}");
        let decided = house.facts().requests.unwrap();
        let print = request.key.fingerprint();
        let one = decided.iter().find(|one| one.key.fingerprint() == print);
        assert_eq!(one.unwrap().decision.as_ref().unwrap().approved, first);
    }
    // A denied request may be approved by somebody who saw that it was denied.
    let denied = house.facts().requests.unwrap();
    let request = denied
        .iter()
        .find(|one| one.decision.as_ref().is_some_and(|it| !it.approved))
        .unwrap();
    let about = About::of(&house.server);
    let plan = approve(
        &about,
        &house.facts(),
        request,
        &line(&request.key),
        None,
        "",
    )
    .unwrap();
    assert_eq!(house.carry_out(plan).result, Outcome::Done);
}

/// Somebody authorizes the key of a request without looking at the request: it can't be denied as if the key stayed out.
#[test]
fn a_request_whose_key_is_authorized_is_not_denied() {
    let house = House::installed();
    house.new_key("ada");
    assert!(!house.lets_in("ada"));
    let facts = house.facts();
    let about = About::of(&house.server);
    let [request] = house.waiting().try_into().unwrap();
    let late = deny(&about, &facts, &request, "no").unwrap();
    let plan = authorize(&about, &facts, &line(&request.key), None, None).unwrap();
    assert_eq!(house.carry_out(plan).result, Outcome::Done);
    let receipt = house.carry_out(late);
    assert_eq!(receipt.result, Outcome::Failed, "{receipt:?}");
    let reported = receipt.conflict.unwrap();
    assert!(
        reported.contains("its key is authorized by now, in /"),
        "{reported}"
    );
    assert!(house.lets_in("ada"));
    assert!(deny(&about, &house.facts(), &request, "no").is_err());
}

#[test]
fn a_pasted_request_waits_too() {
    let house = House::new();
    let key = house.new_key("bob");
    let request = Request::new(key, Source::Paste, "nix-ssh", When::now());
    let about = About::of(&house.server);
    let plan = submit(&about, &house.facts(), &request).unwrap();
    assert_eq!(house.carry_out(plan).result, Outcome::Done);
    let [found] = house.waiting().try_into().unwrap();
    assert_eq!(found.key, request.key);
    assert_eq!((found.source, found.tries), (Source::Paste, 0));
    let file = house.queue().join("waiting").join(request.file_name());
    assert_eq!(fs::metadata(file).unwrap().mode() & 0o777, 0o600);
}

#[test]
fn an_installation_that_sshd_does_not_take_is_undone() {
    let house = House::new();
    let lines = PathBuf::from(house.install().lines_file);
    // A file that comes first and says something else; a configuration that is wrong.
    let folder = lines.parent().unwrap().to_owned();
    let other = folder.join("00-other.conf");
    for (text, word) in [
        (
            "Match User nix-ssh\nAuthorizedKeysCommand none\nMatch all\n",
            "something else",
        ),
        ("NoSuchKeyword yes\n", "does not accept"),
    ] {
        fs::write(&other, text).unwrap();
        fs::write(&lines, "# as it was\n").unwrap();
        let receipt = house.carry_out(house.plan(&house.install()));
        assert_eq!(receipt.result, Outcome::Failed, "{receipt:?}");
        assert!(receipt.failed[0].message.contains(word), "{receipt:?}");
        assert_eq!(fs::read_to_string(&lines).unwrap(), "# as it was\n");
    }
    fs::remove_file(&other).unwrap();
    fs::remove_file(&lines).unwrap();
    // A place that others may write.
    let mut install = house.install();
    install.script = house.rig.file("knock");
    let receipt = house.carry_out(house.plan(&install));
    assert!(
        receipt.failed[0].message.contains("others may write"),
        "{receipt:?}"
    );
    assert!(!lines.exists());
    let left: Vec<_> = fs::read_dir(&folder).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(house.lets_in("id"));
    // And then it is taken, twice.
    for _ in 0..2 {
        let receipt = house.carry_out(house.plan(&house.install()));
        assert_eq!(receipt.result, Outcome::Done, "{receipt:?}");
    }
    let waiting = fs::metadata(house.queue().join("waiting")).unwrap();
    assert_eq!((waiting.uid(), waiting.mode() & 0o777), (USER.1, 0o700));
    let settings = house.facts().sshd.settings.unwrap();
    assert_eq!(
        settings.authorized_keys_command_user.as_deref(),
        Some(USER.0)
    );
}

#[test]
fn a_login_does_not_depend_on_the_knock() {
    let house = House::installed();
    let script = house.etc.path().join("knock");
    let waiting = house.queue().join("waiting");
    house.new_key("eve");
    let both = |what: &str| {
        assert!(house.lets_in("id"), "{what}");
        assert!(!house.lets_in("eve"), "{what}");
    };
    both("as installed");
    assert_eq!(house.waiting().len(), 1);
    fs::set_permissions(&waiting, fs::Permissions::from_mode(0o000)).unwrap();
    both("a folder that can't be entered");
    fs::set_permissions(&waiting, fs::Permissions::from_mode(0o700)).unwrap();
    chown(&waiting, Some(0), Some(0)).unwrap();
    fs::set_permissions(&waiting, fs::Permissions::from_mode(0o555)).unwrap();
    both("a folder that can't be written");
    fs::remove_dir_all(house.queue()).unwrap();
    both("no folder");
    fs::remove_file(&script).unwrap();
    both("no script");
    fs::write(&script, "#!/bin/sh\nexit 7\n").unwrap();
    both("a script that fails");
}

/// How long the real client takes to log in with these keys, offered in this order.
fn login(house: &House, port: u16, keys: &[&str]) -> Duration {
    let mut ssh = Command::new("ssh");
    ssh.args(["-F", "none", "-o", "IdentitiesOnly=yes", "-o"])
        .args(["BatchMode=yes", "-o", "LogLevel=ERROR", "-o"])
        .arg(format!(
            "UserKnownHostsFile={}",
            house.rig.file("known_hosts")
        ));
    for key in keys {
        ssh.args(["-i", &house.rig.file(key)]);
    }
    ssh.args(["-p", &port.to_string(), "nix-ssh@127.0.0.1", "x"])
        .env_remove("SSH_AUTH_SOCK")
        .stdin(Stdio::null());
    let began = Instant::now();
    let output = ssh.output().unwrap();
    let time = began.elapsed();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_ne!(output.status.code(), Some(255), "{keys:?}: {said}");
    time
}

/// The median of the logins with the knock by that of those without, one after the other in turn.
fn slower(house: &House, without: u16, keys: &[&str]) -> f64 {
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..15 {
        for turn in 0..2 {
            // Neither is always the first.
            let which = (round + turn) % 2;
            let port = [house.sshd.port, without][which];
            times[which].push(login(house, port, keys));
        }
    }
    let [with, without] = times.map(|mut times| {
        times.sort();
        times[times.len() / 2].as_secs_f64()
    });
    with / without
}

#[test]
fn logins_are_as_quick_with_the_knock() {
    let house = House::installed();
    let other = house.rig.twisted("plain", Access::Root, Twist::default());
    let plain = other.port;
    house.new_key("old");
    let waiting = house.queue().join("waiting");
    // Whoever is in a file never comes to the script.
    let own = slower(&house, plain, &["id"]);
    assert!(own < 1.25, "{own}");
    // Who offers another key first does, once it is known and while it is not.
    let known = slower(&house, plain, &["old", "id"]);
    assert_eq!(house.waiting().len(), 1);
    assert!(known < 1.5, "{known}");
    // However broken the folder is: it costs no more, and a login works as before.
    let files = [waiting.clone(), house.queue().join("aside")];
    fs::rename(&files[0], &files[1]).unwrap();
    let missing = slower(&house, plain, &["old", "id"]);
    fs::create_dir(&waiting).unwrap();
    fs::set_permissions(&waiting, fs::Permissions::from_mode(0o555)).unwrap();
    let unwritable = slower(&house, plain, &["old", "id"]);
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=4k,mode=777", "small"])
        .arg(&waiting)
        .status()
        .unwrap();
    assert!(mounted.success());
    fs::write(waiting.join("fill"), [7; 4096]).unwrap();
    let full = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        slower(&house, plain, &["old", "id"])
    }));
    let left = fs::read_dir(&waiting).unwrap().count();
    let unmounted = Command::new("umount").arg(&waiting).status().unwrap();
    assert!(unmounted.success());
    let full = full.unwrap();
    assert_eq!(left, 1);
    assert!(
        missing < 1.5 && unwritable < 1.5 && full < 1.5,
        "missing {missing}, unwritable {unwritable}, full {full}"
    );
    println!(
        "with the knock by without it, medians of 15 in turn: in a file {own:.3}, another key first {known:.3}, folder missing {missing:.3}, unwritable {unwritable:.3}, full {full:.3}"
    );
}

/// Calls the script as sshd does, as its user.
fn knock(script: &Path, queue: &Path, words: [&str; 4]) -> std::process::Output {
    Command::new("setpriv")
        .args([
            "--reuid",
            &USER.1.to_string(),
            "--regid",
            "65534",
            "--clear-groups",
            "--",
        ])
        .arg(script)
        .args(words)
        .arg(queue)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .output()
        .unwrap()
}

/// A folder for the script alone, as an installation makes it.
fn small_house() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let folder = tempfile::Builder::new()
        .permissions(fs::Permissions::from_mode(0o755))
        .tempdir()
        .unwrap();
    let script = folder.path().join("knock");
    fs::write(&script, KNOCK).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let queue = folder.path().join("queue");
    for name in ["", "waiting", "denied"] {
        fs::create_dir(queue.join(name)).unwrap();
    }
    chown(queue.join("waiting"), Some(USER.1), None).unwrap();
    (folder, script, queue)
}

/// Keys that differ in their last bytes, with their fingerprints.
fn many(count: u32) -> Vec<(String, String)> {
    let base = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGHg0yAYWxZPxtHKrVw/QA4iV1jAdLvLT4eFVhV";
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    (0..count)
        .map(|number| {
            let end: String = [18, 12, 6, 0]
                .map(|shift| char::from(digits[(number >> shift & 63) as usize]))
                .iter()
                .collect();
            let key = PublicSshKey::parse(&format!("{base}A{end}")).unwrap();
            (key.base64(), key.fingerprint().to_string())
        })
        .collect()
}

#[test]
fn many_keys_leave_the_queue_bounded() {
    let (_folder, script, queue) = small_house();
    let keys = many(600);
    let numbers: HashMap<String, usize> = keys
        .iter()
        .enumerate()
        .map(|(number, (key, _))| (key.clone(), number))
        .collect();
    // One shell calls it for many keys, as its user.
    let call = |keys: &[(String, String)]| {
        let mut shell = Command::new("setpriv");
        shell
            .args(["--reuid", &USER.1.to_string(), "--regid", "65534", "--clear-groups"])
            .args(["sh", "-c", "while read -r key print number; do \"$1\" nix-ssh ssh-ed25519 $key $print \"$2\" \"10.0.0.9 22 10.1.$((number / 250)).$((number % 250)) 9\" || echo failed; done", "sh"])
            .args([&script, &queue])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut shell = shell.spawn().unwrap();
        let mut input = shell.stdin.take().unwrap();
        // Each from another address.
        for (key, print) in keys {
            let number = numbers[key];
            writeln!(input, "{key} {print} {number}").unwrap();
        }
        drop(input);
        let output = shell.wait_with_output().unwrap();
        assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty());
    };
    let names = || -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(queue.join("waiting"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    // What was decided before stays decided.
    let reviewed = Request::new(
        PublicSshKey::parse(&format!("ssh-ed25519 {}", keys[500].0)).unwrap(),
        Source::Knock,
        "nix-ssh",
        When::now(),
    );
    let denied = queue.join("denied").join(reviewed.file_name());
    fs::write(&denied, reviewed.to_json().unwrap()).unwrap();
    // What came first stays, whatever comes.
    call(&keys[..64]);
    let first = names();
    assert_eq!(first.len(), 64);
    std::thread::sleep(Duration::from_millis(1100));
    std::thread::scope(|scope| {
        for part in keys[64..].chunks(keys.len() / 4) {
            scope.spawn(|| call(part));
        }
    });
    let all = names();
    assert!(first.iter().all(|name| all.contains(name)));
    // Calls at the same time may keep a few more, and there is the count of what was dropped.
    assert!((257..=257 + 64).contains(&all.len()), "{}", all.len());
    for name in all.iter().filter(|name| name.starts_with("key-")) {
        let text = fs::read(queue.join("waiting").join(name)).unwrap();
        let request = Request::from_json(&text).unwrap();
        assert_eq!(request.file_name(), *name);
    }
    assert_eq!(fs::read(&denied).unwrap(), reviewed.to_json().unwrap());
    assert!(!all.contains(&reviewed.file_name()));
    // A known key is counted still, up to a thousand: each try is an empty line behind the JSON.
    let name = &Request::new(
        PublicSshKey::parse(&format!("ssh-ed25519 {}", keys[0].0)).unwrap(),
        Source::Knock,
        "nix-ssh",
        When::now(),
    )
    .file_name();
    let known = queue.join("waiting").join(name);
    call(&vec![keys[0].clone(); 5]);
    let text = fs::read_to_string(&known).unwrap();
    assert_eq!(text.lines().count(), 6);
    fs::write(&known, text + &"\n".repeat(990)).unwrap();
    call(&vec![keys[0].clone(); 10]);
    let text = fs::read_to_string(&known).unwrap();
    assert_eq!(text.lines().count(), 1000);
    assert!(text.len() < 8192);
}

#[test]
fn what_is_no_key_is_not_kept() {
    let (_folder, script, queue) = small_house();
    let [(key, print)] = many(1).try_into().unwrap();
    let long = "A".repeat(6001);
    let words: [[&str; 4]; 13] = [
        ["", "ssh-ed25519", &key, &print],
        ["a b", "ssh-ed25519", &key, &print],
        ["$(id)", "ssh-ed25519", &key, &print],
        ["nix-ssh", "", &key, &print],
        ["nix-ssh", "ssh-ed25519\"", &key, &print],
        ["nix-ssh", "ssh-ed25519-cert-v01@openssh.com", &key, &print],
        ["nix-ssh", "ssh-ed25519", "", &print],
        ["nix-ssh", "ssh-ed25519", "AAAA\",\"x\":\"", &print],
        ["nix-ssh", "ssh-ed25519", "AAAA\nAAAA", &print],
        ["nix-ssh", "ssh-ed25519", &long, &print],
        ["nix-ssh", "ssh-ed25519", &key, "SHA256:../../etc/passwd"],
        ["nix-ssh", "ssh-ed25519", &key, "MD5:aa:bb"],
        ["nix-ssh", "ssh-ed25519", &key, ""],
    ];
    for words in words {
        let output = knock(&script, &queue, words);
        assert!(
            output.status.success() && output.stdout.is_empty(),
            "{words:?}"
        );
        assert_eq!(
            fs::read_dir(queue.join("waiting")).unwrap().count(),
            0,
            "{words:?}"
        );
    }
    // A full disk: nothing, and no half of a file.
    let small = queue.join("waiting");
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=4k,mode=777", "small"])
        .arg(&small)
        .status()
        .unwrap();
    assert!(mounted.success());
    fs::write(small.join("fill"), [7; 4096]).unwrap();
    let output = knock(&script, &queue, ["nix-ssh", "ssh-ed25519", &key, &print]);
    let left = fs::read_dir(&small).unwrap().count();
    assert!(
        Command::new("umount")
            .arg(&small)
            .status()
            .unwrap()
            .success()
    );
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty());
    assert_eq!(left, 1);
    wait_until("the end of the mount", || {
        fs::read_dir(&small).unwrap().count() == 0
    });
}
