//! Who may log in, on a real server: what is found out about its sshd, keys authorized, revoked and ended, as the real `ssh` sees it.

use crate::help::{self, wait};
use crate::rig::{Access, Rig, Sshd, Twist, key_pair, wait_until};
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use storekeeper::change::access::{About, AccessError, authorize, expire, resume, revoke, suspend};
use storekeeper::change::{Answer, Danger, Outcome, Policy, Receipt, Refusal, Undo, run_in};
use storekeeper::domain::access::{AccessFacts, LogKind, LogSource};
use storekeeper::domain::authorized_keys::NewKey;
use storekeeper::domain::ssh_key::{Fingerprint, PublicSshKey};
use storekeeper::domain::sshd_log::by_key;
use storekeeper::domain::{Age, When};
use storekeeper::server::Server;
use tokio::sync::mpsc::unbounded_channel;
use tokio_util::sync::CancellationToken;

/// The cache user and its id.
const CACHE: (&str, u32) = ("nix-ssh", 61_003);

/// Connects as the product does.
async fn connect(rig: &Rig, user: &str, port: u16, log: Option<String>) -> Server {
    let mut spec = rig.spec(user, port).await;
    spec.sshd_log = log;
    help::connect(spec).await
}

/// A server whose sshd writes a log with times, and a connection to it as root.
fn start(rig: &Rig, more: &str) -> (Sshd, Server) {
    let twist = Twist {
        syslog: true,
        more: more.into(),
        ..Twist::default()
    };
    let sshd = rig.twisted("logged", Access::Root, twist);
    let server = wait(connect(rig, "root", sshd.port, Some(sshd.auth_log())));
    (sshd, server)
}

/// The cache user's key file.
fn key_file(rig: &Rig) -> PathBuf {
    rig.scratch().join("home-nix-ssh/.ssh/authorized_keys")
}

/// A new key of a user, by the name of its file.
fn new_key(rig: &Rig, name: &str) -> PublicSshKey {
    let file = rig.scratch().join(name);
    key_pair(&file, name);
    let text = fs::read_to_string(file.with_extension("pub")).unwrap();
    PublicSshKey::parse(&text).unwrap()
}

fn line(key: &PublicSshKey) -> NewKey {
    NewKey {
        key: key.clone(),
        restrict: true,
        from: None,
        expires: None,
    }
}

fn facts(server: &Server) -> AccessFacts {
    wait(server.access()).unwrap()
}

fn authorize_now(rig: &Rig, server: &Server, new: &NewKey) -> Receipt {
    let plan = authorize(&About::of(server), &facts(server), new, None, None).unwrap();
    wait(help::carry_out(
        server,
        plan,
        &Answer::Key,
        Some(rig.state()),
    ))
}

fn revoke_now(rig: &Rig, server: &Server, key: Fingerprint) -> Receipt {
    let plan = revoke(
        &About::of(server),
        &facts(server),
        "root",
        key,
        true,
        Some("left the team".into()),
    )
    .unwrap();
    wait(help::carry_out(
        server,
        plan,
        &Answer::Word("revoke".into()),
        Some(rig.state()),
    ))
}

#[test]
fn the_sshd_of_this_connection_is_asked() {
    let rig = Rig::new();
    let (sshd, server) = start(&rig, "AllowTcpForwarding no\n");
    let found = facts(&server);
    let own = sshd.config().display().to_string();
    assert_eq!(
        (&found.sshd.config_file, &found.sshd.assumed),
        (&own, &None)
    );
    assert!(found.sshd.version.unwrap().starts_with("OpenSSH_"));
    let settings = found.sshd.settings.unwrap();
    assert_eq!(settings.force_command.as_deref(), Some("nix-store --serve"));
    let user = found.cache_user.unwrap();
    assert_eq!((user.name.as_str(), user.uid), CACHE);
    let path = key_file(&rig).display().to_string();
    let [file] = found.files.as_slice() else {
        panic!("{:?}", found.files)
    };
    assert_eq!((&file.path, file.exists), (&path, true));
    assert_eq!(file.content.as_deref(), Ok(&*fs::read(&path).unwrap()));
    assert_eq!(
        (file.editable.clone(), file.strict_modes_problem.clone()),
        (Ok(()), None)
    );
    assert!(found.other_files.iter().any(|file| file.user == "root"));
    assert!(found.own_key.is_some());
    assert_eq!(found.trusted_users.unwrap()[0], "root");
    // Through sudo the same is found; without it, what is missing says why.
    let same = wait(async {
        let server = connect(&rig, "keeper", sshd.port, None).await;
        server.access().await.unwrap()
    });
    assert_eq!(same.sshd.config_file, own);
    assert_eq!(same.files.len(), 1);
    assert!(same.other_files.iter().any(|file| file.user == "keeper"));
    let less = wait(async {
        let server = connect(&rig, "visitor", sshd.port, None).await;
        server.access().await.unwrap()
    });
    let why = less.sshd.settings.as_ref().unwrap_err().to_string();
    assert!(why.contains("sudo"), "{why}");
    assert!(less.sessions.is_err() && same.sessions.is_ok());
    // With sudo a key can be authorized, without it the reason is reported.
    let new = line(&new_key(&rig, "bob"));
    let receipt = wait(async {
        let server = connect(&rig, "keeper", sshd.port, None).await;
        let plan = authorize(&About::of(&server), &same, &new, None, None).unwrap();
        help::carry_out(&server, plan, &Answer::Key, Some(rig.state())).await
    });
    assert_eq!(receipt.result, Outcome::Done, "{receipt:?}");
    assert!(rig.lets_in("bob", sshd.port));
    let refused = authorize(&About::of(&server), &less, &new, None, None);
    assert!(
        matches!(refused, Err(AccessError::NoFile(_))),
        "{refused:?}"
    );
}

/// A file's state by name, what sshd has to say, and how it is made.
type Case<'a> = (&'a str, Option<bool>, &'a dyn Fn());

/// Each of them must be said to be refused if and only if the real sshd refuses it.
#[test]
fn files_that_sshd_would_not_read() {
    let rig = Rig::new();
    let (sshd, server) = start(&rig, "");
    let file = key_file(&rig);
    let folder = file.parent().unwrap().to_owned();
    let home = folder.parent().unwrap().to_owned();
    let text = fs::read(&file).unwrap();
    let give = |path: &Path, owner: u32, group: u32, mode: u32| {
        chown(path, Some(owner), Some(group)).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let set = |path: &Path, owner: u32, mode: u32| give(path, owner, owner, mode);
    let fresh = || {
        let _ = fs::remove_file(&file);
        fs::write(&file, &text).unwrap();
        set(&file, CACHE.1, 0o600);
        set(&folder, CACHE.1, 0o700);
        set(&home, CACHE.1, 0o755);
    };
    let open = rig.scratch().join("open");
    fs::create_dir(&open).unwrap();
    let cases: [Case<'_>; 13] = [
        ("as it should be", Some(true), &|| {}),
        ("root's, readable", Some(true), &|| set(&file, 0, 0o644)),
        ("root's, not readable", Some(false), &|| {
            set(&file, 0, 0o600);
        }),
        ("a group may write", Some(false), &|| {
            give(&file, CACHE.1, 0, 0o620);
        }),
        // That of Debian lets it, others do not.
        ("its own group may write", None, &|| {
            set(&file, CACHE.1, 0o620);
        }),
        ("home open to its own group", None, &|| {
            set(&home, CACHE.1, 0o775);
        }),
        ("others may write", Some(false), &|| {
            set(&file, CACHE.1, 0o602);
        }),
        ("somebody else's", Some(false), &|| {
            set(&file, 61_002, 0o644);
        }),
        ("folder open to all", Some(false), &|| {
            set(&folder, CACHE.1, 0o777);
        }),
        ("home open to a group", Some(false), &|| {
            give(&home, CACHE.1, 0, 0o775);
        }),
        ("folder closed to the user", Some(false), &|| {
            set(&folder, 0, 0o700);
        }),
        ("a link into an open place", Some(false), &|| {
            fs::copy(&file, open.join("keys")).unwrap();
            set(&open.join("keys"), CACHE.1, 0o600);
            set(&open, 0, 0o777);
            fs::remove_file(&file).unwrap();
            symlink(open.join("keys"), &file).unwrap();
        }),
        ("a folder", Some(false), &|| {
            fs::remove_file(&file).unwrap();
            fs::create_dir(&file).unwrap();
        }),
    ];
    for (name, fine, make) in cases {
        fresh();
        make();
        let found = facts(&server).files.remove(0);
        let sshd_says = rig.lets_in("id", sshd.port);
        assert!(fine.is_none_or(|fine| fine == sshd_says), "{name}: sshd");
        assert_eq!(
            found.strict_modes_problem.is_none(),
            sshd_says,
            "{name}: {found:?}"
        );
        if fs::metadata(&file).unwrap().is_dir() {
            fs::remove_dir(&file).unwrap();
        }
    }
}

#[test]
fn keywords_are_read_in_either_form() {
    // OpenSSH 10.6 prints `ForceCommand`, older ones `forcecommand`; what follows keeps its case.
    let folder = tempfile::tempdir().unwrap();
    let sshd = folder.path().join("sshd");
    let reported =
        "LogLevel VERBOSE\nAuthorizedKeysFile .ssh/Keys /etc/%u\nstrictmodes yes\nAlone\n";
    fs::write(
        &sshd,
        format!("#!/bin/sh\nprintf '%s' '{reported}'\nexit ${{STATUS:-0}}\n"),
    )
    .unwrap();
    fs::set_permissions(&sshd, fs::Permissions::from_mode(0o755)).unwrap();
    let script = include_str!("../../../src/server/scripts/sshd.sh");
    let ask = |status: &str| {
        Command::new("sh")
            .arg("-c")
            .arg(format!(
                "{script}\nsshd=$1\nsettings_for nix-ssh\nsaid=$?\nprintf '%s\\n' \"$effective\"\nexit $said"
            ))
            .args(["sh", sshd.to_str().unwrap()])
            .env("STATUS", status)
            .output()
            .unwrap()
    };
    let output = ask("0");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "loglevel VERBOSE\nauthorizedkeysfile .ssh/Keys /etc/%u\nstrictmodes yes\nalone\n"
    );
    assert!(output.status.success());
    assert_eq!(ask("7").status.code(), Some(7));
}

#[test]
fn the_journal_is_read_where_there_is_one() {
    // Recorded from an sshd of OpenSSH 10.6, with one line of somebody who only calls himself sshd.
    let rig = Rig::new();
    let first = rig.scratch().join("first");
    fs::create_dir(&first).unwrap();
    fs::copy("tests/journal/journalctl.sh", first.join("journalctl")).unwrap();
    fs::copy("tests/journal/openssh-10.6.export", first.join("entries")).unwrap();
    let twist = Twist {
        first: Some(first.clone()),
        ..Twist::default()
    };
    let sshd = rig.twisted("journal", Access::Root, twist);
    let server = wait(connect(&rig, "root", sshd.port, None));
    let found = facts(&server);
    let reach = found.reach.unwrap();
    assert_eq!(reach.source, LogSource::Journal);
    assert_eq!(reach.since.unix(), 1_795_648_676);
    let events = found.events.unwrap();
    assert!(
        events.iter().all(|event| event.address != "9.9.9.9"),
        "{events:?}"
    );
    let uses = by_key(&events, "nobody");
    let of = |print: &str| &uses[&Fingerprint::parse(print).unwrap()];
    let ada = of("SHA256:qADiIglUi4O/qgiYyQU3mpby9E9do+IE70A96zix+94");
    let bob = of("SHA256:2TUfa87fiddLx9WLzLjm49QvoqsSVQ4wVD+tKnxXsOY");
    let ended = of("SHA256:1XPe9r9qKTzec/smDiGQmxn3epvDJA9S5K8PtSrj8xg");
    assert_eq!((ada.accepted, ada.refused), (2, 0));
    assert_eq!((bob.accepted, bob.refused, bob.passed_over), (0, 1, 1));
    assert_eq!((ended.refused, ended.refused_by_options), (1, 1));
    assert_eq!(ada.last_accepted.as_ref().unwrap().from, "127.0.0.1");
    // An empty journal is none: the usual files are looked at instead.
    fs::write(first.join("entries"), "").unwrap();
    let found = facts(&server);
    assert!(
        found
            .reach
            .is_none_or(|reach| reach.source != LogSource::Journal)
    );
}

#[test]
fn a_key_that_was_refused_is_authorized() {
    let rig = Rig::new();
    let (sshd, server) = start(&rig, "");
    let key = new_key(&rig, "ada");
    let before = fs::read(key_file(&rig)).unwrap();
    assert!(!rig.lets_in("ada", sshd.port));
    let receipt = authorize_now(&rig, &server, &line(&key));
    assert_eq!(
        (receipt.result, receipt.done),
        (Outcome::Done, 1),
        "{receipt:?}"
    );
    let after = fs::read(key_file(&rig)).unwrap();
    let expected = [
        before.clone(),
        b"restrict ".to_vec(),
        fs::read(rig.file("ada.pub")).unwrap(),
    ];
    assert_eq!(
        String::from_utf8(after).unwrap(),
        String::from_utf8(expected.concat()).unwrap()
    );
    assert!(rig.lets_in("ada", sshd.port));
    // Twice is once too much.
    let again = authorize(
        &About::of(&server),
        &facts(&server),
        &line(&key),
        None,
        None,
    );
    assert!(
        matches!(again, Err(AccessError::There { line: 2, .. })),
        "{again:?}"
    );
}

#[test]
fn a_revoked_key_is_refused_and_its_session_ends() {
    let rig = Rig::new();
    let (sshd, server) = start(&rig, "");
    let key = new_key(&rig, "ada");
    let before = fs::read(key_file(&rig)).unwrap();
    assert_eq!(
        authorize_now(&rig, &server, &line(&key)).result,
        Outcome::Done
    );

    let mut session = rig.open_session("ada", sshd.port);
    let mut other = rig.open_session("id", sshd.port);
    let print = key.fingerprint();
    wait_until("the sessions", || {
        let open = facts(&server).sessions.unwrap();
        open.iter()
            .any(|session| session.fingerprint == Some(print))
            && open.len() == 2
    });
    let found = facts(&server);
    let accepted = found.events.unwrap().into_iter().filter(|event| {
        event.fingerprint == Some(print) && matches!(event.kind, LogKind::Accepted(_))
    });
    assert_eq!(accepted.count(), 1);
    let now = When::now().unix();
    let since = found.reach.unwrap().since.unix();
    assert!((now - 120..=now + 1).contains(&since), "{since} {now}");
    let open = found.sessions.unwrap();
    assert!(
        open.iter()
            .all(|session| session.from.as_deref() == Some("127.0.0.1"))
    );

    let plan = revoke(
        &About::of(&server),
        &facts(&server),
        "root",
        print,
        true,
        None,
    )
    .unwrap();
    let refused = plan.confirm(&Answer::Key, Policy { read_only: false });
    assert_eq!(refused.unwrap_err(), Refusal::Word("revoke"));
    let receipt = revoke_now(&rig, &server, print);
    assert_eq!(
        (receipt.result, receipt.done),
        (Outcome::Done, 2),
        "{receipt:?}"
    );
    assert_eq!(fs::read(key_file(&rig)).unwrap(), before);
    wait_until("the end of the session", || {
        session.try_wait().unwrap().is_some()
    });
    assert!(!rig.lets_in("ada", sshd.port));
    assert_eq!(
        other.try_wait().unwrap(),
        None,
        "another key's session goes on"
    );
    other.kill().unwrap();
    other.wait().unwrap();
    // It is remembered.
    let revoked = facts(&server).revoked.unwrap();
    assert_eq!(
        (revoked[0].fingerprint, revoked[0].reason.as_str()),
        (print, "left the team")
    );
    let plan = authorize(
        &About::of(&server),
        &facts(&server),
        &line(&key),
        None,
        None,
    )
    .unwrap();
    assert!(
        plan.warnings
            .iter()
            .any(|warning| warning.contains("left the team"))
    );
    let missing = revoke(
        &About::of(&server),
        &facts(&server),
        "root",
        print,
        true,
        None,
    );
    assert_eq!(missing.unwrap_err(), AccessError::NotThere(print));
    let log = fs::read_to_string(rig.file("var/audit.jsonl")).unwrap();
    assert!(log.contains("\"change\":\"authorize\"") && log.contains("left the team"));
}

#[test]
fn expiry_and_addresses_hold() {
    let rig = Rig::new();
    let (sshd, server) = start(&rig, "");
    let now = When::now().unix();
    let cases = [
        ("past", None, Some(now - 60), false),
        ("future", None, Some(now + 3600), true),
        ("near", Some("127.0.0.0/8"), None, true),
        ("far", Some("10.0.0.0/8"), None, false),
    ];
    for (name, from, expires, fine) in cases {
        let new = NewKey {
            from: from.map(Into::into),
            expires: expires.map(When::from_unix),
            ..line(&new_key(&rig, name))
        };
        assert_eq!(authorize_now(&rig, &server, &new).result, Outcome::Done);
        assert_eq!(rig.lets_in(name, sshd.port), fine, "{name}");
    }
    let print = |name: &str| {
        let text = fs::read_to_string(rig.file(&format!("{name}.pub"))).unwrap();
        PublicSshKey::parse(&text).unwrap().fingerprint()
    };
    for (name, end, fine) in [
        ("past", Some(now + 3600), true),
        ("future", Some(now - 60), false),
        ("future", None, true),
    ] {
        let end = end.map(When::from_unix);
        let found = facts(&server);
        let plan = expire(&About::of(&server), &found, "root", print(name), end, None).unwrap();
        let receipt = wait(help::carry_out(
            &server,
            plan,
            &Answer::Key,
            Some(rig.state()),
        ));
        assert_eq!(receipt.result, Outcome::Done, "{receipt:?}");
        assert_eq!(rig.lets_in(name, sshd.port), fine, "{name}");
        let found = facts(&server);
        let again = expire(&About::of(&server), &found, "root", print(name), end, None);
        assert!(matches!(again, Err(AccessError::Nothing(_))));
    }
}

/// The key of this very connection, in a file that also lets the login in.
#[test]
fn the_own_way_in_is_not_shut() {
    let rig = Rig::new();
    let shared = rig.file("etc-keys");
    fs::copy(rig.file("id.pub"), &shared).unwrap();
    let (sshd, server) = start(&rig, "");
    // From the next connection on, all users have one file.
    let config = fs::read_to_string(sshd.config()).unwrap();
    let config = config.replace(
        "AuthorizedKeysFile .ssh/authorized_keys",
        &format!("StrictModes no\nAuthorizedKeysFile {shared}"),
    );
    fs::write(sshd.config(), config.replacen("StrictModes yes\n", "", 1)).unwrap();
    let own = facts(&server).own_key.unwrap();
    Command::new("kill")
        .args(["-HUP", &sshd.pid().unwrap().to_string()])
        .status()
        .unwrap();
    wait_until("sshd with its new configuration", || {
        std::thread::sleep(std::time::Duration::from_millis(300));
        facts(&server)
            .files
            .first()
            .is_some_and(|file| file.path == shared)
    });
    let before = fs::read(&shared).unwrap();
    let plan = revoke(
        &About::of(&server),
        &facts(&server),
        "root",
        own,
        false,
        None,
    )
    .unwrap();
    assert!(matches!(plan.danger, Danger::Destroys { word } if word != "revoke"));
    assert!(
        plan.warnings[0].contains("logged in with"),
        "{:?}",
        plan.warnings
    );
    let word = Answer::Word("my own key".into());
    let receipt = wait(help::carry_out(&server, plan, &word, Some(rig.state())));
    assert_eq!(receipt.result, Outcome::Failed, "{receipt:?}");
    assert!(
        receipt.failed[0].message.contains("taken back"),
        "{receipt:?}"
    );
    assert_eq!(fs::read(&shared).unwrap(), before);
    assert!(rig.lets_in("id", sshd.port));
}

/// Each line alone in the file: it is said to authorize its key if and only if the real sshd takes a login by it.
#[allow(clippy::too_many_lines)] // A table of lines.
#[test]
fn lines_are_judged_as_sshd_decides() {
    let rig = Rig::new();
    let (sshd, server) = start(&rig, "");
    let keygen = |arguments: &[&str]| {
        let mut keygen = Command::new("ssh-keygen");
        keygen.arg("-q").args(arguments).current_dir(rig.scratch());
        assert!(keygen.status().unwrap().success(), "{arguments:?}");
    };
    for (name, kind) in [("l-ed", "ed25519"), ("l-rsa", "rsa"), ("l-ec", "ecdsa")] {
        keygen(&["-t", kind, "-N", "", "-C", "c", "-f", name]);
    }
    keygen(&["-t", "ed25519", "-N", "", "-C", "c", "-f", "l-ca"]);
    // ssh offers the certificate beside a key, so the plain key is a copy without one.
    for name in ["l-ed", "l-rsa"] {
        let signed = format!("{name}-signed");
        fs::copy(rig.scratch().join(name), rig.scratch().join(&signed)).unwrap();
        let public = format!("{signed}.pub");
        fs::copy(
            rig.scratch().join(format!("{name}.pub")),
            rig.scratch().join(&public),
        )
        .unwrap();
        keygen(&["-s", "l-ca", "-I", "x", "-n", CACHE.0, &public]);
    }
    let public = |name: &str| {
        let text = fs::read_to_string(rig.scratch().join(format!("{name}.pub"))).unwrap();
        text.trim_end().to_owned()
    };
    let (ed, rsa, ec, ca) = (
        public("l-ed"),
        public("l-rsa"),
        public("l-ec"),
        public("l-ca"),
    );
    let cert = public("l-ed-signed-cert");
    let named = |line: &str, name: &str| format!("{name} {}", line.split_once(' ').unwrap().1);
    let mut cases: Vec<(String, &str, bool)> = vec![
        (named(&rsa, "rsa-sha2-256"), "l-rsa", true),
        (named(&rsa, "rsa-sha2-512"), "l-rsa", true),
        (
            format!("restrict {}", named(&rsa, "rsa-sha2-512")),
            "l-rsa",
            true,
        ),
        (named(&rsa, "rsa-sha2-1024"), "l-rsa", false),
        (
            named(&rsa, "rsa-sha2-512-cert-v01@openssh.com"),
            "l-rsa",
            false,
        ),
        (named(&ed, "rsa-sha2-512"), "l-ed", false),
        (
            named(&ec, "webauthn-sk-ecdsa-sha2-nistp256@openssh.com"),
            "l-ec",
            false,
        ),
        (ec.clone(), "l-ec", true),
        // A certificate authorizes nothing, neither its key nor itself.
        (cert.clone(), "l-ed", false),
        (cert.clone(), "l-ed-signed", false),
        (format!("cert-authority {cert}"), "l-ed-signed", false),
        (format!("cert-authority {ca}"), "l-ed-signed", true),
        (format!("cert-authority {ca}"), "l-rsa-signed", true),
        (
            format!("cert-authority,principals=\"nix-ssh\" {ca}"),
            "l-ed-signed",
            true,
        ),
        // A file with the byte order mark, a carriage return, tabs, and a line of 20 kB.
        (format!("\u{feff}{ed}"), "l-ed", false),
        (format!("{ed}\r"), "l-ed", true),
        (
            format!("\t restrict\t{}", ed.replace(' ', "\t")),
            "l-ed",
            true,
        ),
        (format!("{ed} {}", "x".repeat(20_000)), "l-ed", true),
        (
            format!("environment=\"A={}\" {ed}", "x".repeat(20_000)),
            "l-ed",
            true,
        ),
    ];
    for (options, fine) in [
        ("principals=\"a\"", false),
        ("principals=\"nix-ssh\"", false),
        ("principals=\"\"", false),
        ("restrict,principals=\"a\"", false),
        ("expiry-time=\"20000101Z\"", false),
        ("expiry-time=\"29990101Z\"", true),
        ("expiry-time=\"29990101Z\",expiry-time=\"20000101Z\"", false),
        ("from=\"10.0.0.1/8,127.0.0.1\"", false),
        ("from=\"!192.0.2.1\"", false),
        ("from=\"127.0.0.0/8\"", true),
        ("no-touch-required,verify-required", true),
        ("command=\"a \\\"b\\\" c\"", true),
        ("command=\"a", false),
        ("restrict,", true),
        ("nothing-known", false),
        // Each option that sshd knows (auth-options.c), with a value that it takes and with one that it does not.
        ("RESTRICT,pty,no-pty", true),
        ("no-restrict", false),
        ("no-cert-authority", false),
        ("port-forwarding,no-port-forwarding", true),
        ("agent-forwarding,no-agent-forwarding", true),
        ("X11-forwarding,no-x11-forwarding", true),
        ("user-rc,no-user-rc", true),
        ("Command=\"a\"", true),
        ("command", false),
        ("command=\"a\",command=\"b\"", false),
        ("from=\"127.0.0.1\",from=\"127.0.0.1\"", false),
        ("principals=\"a\",principals=\"b\"", false),
        ("expiry-time=\"2999\"", false),
        ("permitopen=\"a:22\",permitopen=\"[::1]:*\"", true),
        ("permitopen=\"a\"", false),
        ("permitopen=\"a:70000\"", false),
        ("permitlisten=\"22\",permitlisten=\"a:22\"", true),
        ("permitlisten=\"0\"", false),
        ("environment=\"A_1=b\"", true),
        ("environment=\"A\"", false),
        ("environment=\"A-1=b\"", false),
        ("tunnel=\"0\"", true),
        ("tunnel=\"x\"", false),
    ] {
        cases.push((format!("{options} {ed}"), "l-ed", fine));
    }
    let mut wrong = Vec::new();
    for (text, key, fine) in cases {
        fs::write(key_file(&rig), format!("{text}\n")).unwrap();
        let judged = storekeeper::judge::access::keys(&facts(&server), Age(86_400));
        let ours = judged.keys.iter().any(|row| row.active);
        let theirs = rig.lets_in(key, sshd.port);
        if (ours, theirs) != (fine, fine) {
            let shown: String = text.chars().take(120).collect();
            wrong.push(format!(
                "{key}: ours {ours}, sshd {theirs}, expected {fine}: {shown}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What `sshd -E` writes: it is said that there are no dates, and not that there is no log or no login.
#[test]
fn a_log_without_dates_is_said_to_be_one() {
    let rig = Rig::new();
    let (sshd, _) = start(&rig, "");
    let log = rig.file("undated.log");
    // Of the real sshd, its times taken off: a key comes twice and is refused.
    let bob = new_key(&rig, "bob").fingerprint();
    let own = PublicSshKey::parse(&fs::read_to_string(rig.file("id.pub")).unwrap()).unwrap();
    assert!(!rig.lets_in("bob", sshd.port) && !rig.lets_in("bob", sshd.port));
    let dated = fs::read_to_string(sshd.auth_log()).unwrap();
    let messages = dated.lines().filter_map(|line| line.split_once("]: "));
    let undated: Vec<&str> = messages.map(|(_, message)| message).collect();
    let undated = undated.join("\r\n");
    assert!(undated.contains(&bob.to_string()), "{dated}");
    fs::write(&log, undated).unwrap();
    let server = wait(connect(&rig, "root", sshd.port, Some(log)));
    let found = facts(&server);
    assert!(found.reach.is_none());
    let why = found.events.unwrap_err().0;
    assert_eq!(
        why,
        storekeeper::domain::Notice::new(
            "the log has no dates, so logins can't be dated",
            "log to syslog or the journal"
        )
    );
    // What happened is counted; no time is made up.
    let seen = &found.undated[&bob];
    assert_eq!((seen.refused, seen.accepted), (2, 0));
    assert_eq!(seen.addresses, ["127.0.0.1"]);
    assert!(seen.first_seen.is_none() && seen.last_refused.is_none());
    assert!(!found.undated.contains_key(&own.fingerprint()));
}

/// The call that writes a key is cut off after it has written it: the file is looked at, and the receipt says what is there.
#[test]
fn a_key_that_was_written_when_its_call_was_cut_off_is_seen() {
    let rig = Rig::new();
    // The server's `sync`, which an edit ends with.
    let first = rig.scratch().join("first");
    fs::create_dir(&first).unwrap();
    let (ready, reached) = (first.join("ready"), first.join("reached"));
    let shim = format!(
        "#!/bin/sh\nif [ \"$1\" = .. ] && [ -e {ready} ]; then\n  echo here >{reached}\n  sleep 60\nfi\nexec $(PATH=/usr/bin:/bin command -v sync) \"$@\"\n",
        ready = ready.display(),
        reached = reached.display(),
    );
    fs::write(first.join("sync"), shim).unwrap();
    fs::set_permissions(first.join("sync"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(&reached, "").unwrap();
    fs::set_permissions(&reached, fs::Permissions::from_mode(0o666)).unwrap();
    let twist = Twist {
        first: Some(first.clone()),
        ..Twist::default()
    };
    let sshd = rig.twisted("slow", Access::Root, twist);
    let server = wait(connect(&rig, "root", sshd.port, None));
    let key = new_key(&rig, "ada");
    let about = About::of(&server);
    let plan = authorize(&about, &facts(&server), &line(&key), None, None).unwrap();
    let confirmed = plan
        .confirm(&Answer::Key, Policy { read_only: false })
        .unwrap();
    fs::write(&ready, "").unwrap();
    let cancel = CancellationToken::new();
    let receipt = wait(async {
        let (events, _reported) = unbounded_channel();
        let job = run_in(None, confirmed, &server, events, cancel.clone());
        let cut = async {
            while fs::read(&reached).unwrap().is_empty() {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
            cancel.cancel();
        };
        tokio::join!(job, cut).0
    });
    assert_eq!(
        (receipt.result, receipt.done),
        (Outcome::Done, 1),
        "{receipt:?}"
    );
    let keys = fs::read_to_string(key_file(&rig)).unwrap();
    assert!(keys.contains("ada"), "{keys}");
}

fn suspend_now(rig: &Rig, server: &Server, key: Fingerprint) -> Receipt {
    let reason = Some("on \"leave\" \u{1b}[31m".into());
    let facts = facts(server);
    let plan = suspend(&About::of(server), &facts, "root", key, true, reason).unwrap();
    assert_eq!(Undo::of(&plan), Some(Undo::Resume(key)));
    wait(help::carry_out(
        server,
        plan,
        &Answer::Key,
        Some(rig.state()),
    ))
}

fn resume_now(rig: &Rig, server: &Server, key: Fingerprint) -> Receipt {
    let plan = resume(&About::of(server), &facts(server), key, None).unwrap();
    wait(help::carry_out(
        server,
        plan,
        &Answer::Key,
        Some(rig.state()),
    ))
}

#[test]
fn somebody_else_has_taken_the_last_line_meanwhile() {
    let rig = Rig::new();
    let (_sshd, server) = start(&rig, "");
    let bob = new_key(&rig, "bob");
    let file = key_file(&rig);
    fs::write(&file, [bob.line(), b"\n".to_vec()].concat()).unwrap();
    let about = About::of(&server);
    let shown = facts(&server);
    let gone = || revoke(&about, &shown, "root", bob.fingerprint(), true, None).unwrap();
    let end = Some(When::from_unix(When::now().unix() + 86_400));
    let late = expire(&about, &shown, "root", bob.fingerprint(), end, None).unwrap();
    let word = Answer::Word("revoke".to_owned());
    let carry_out =
        |plan, answer: &Answer| wait(help::carry_out(&server, plan, answer, Some(rig.state())));
    // Who revokes what is revoked already has what was wanted.
    for plan in [gone(), gone()] {
        assert_eq!(carry_out(plan, &word).result, Outcome::Done);
        assert_eq!(fs::read(&file).unwrap(), b"");
    }
    // Who wanted something else reads what is there now.
    let receipt = carry_out(late, &Answer::Key);
    assert_eq!((receipt.result, receipt.done), (Outcome::Failed, 0));
    let said = &receipt.failed[0].message;
    assert!(said.contains("look at the difference"), "{said}");
    let difference = receipt.conflict.unwrap();
    assert!(
        difference.contains("from line 1:\n-ssh-ed25519 "),
        "{difference}"
    );
    assert_eq!(fs::read(&file).unwrap(), b"");
}

#[test]
fn a_suspended_key_is_refused_and_its_line_comes_back_byte_for_byte() {
    let rig = Rig::new();
    let (sshd, server) = start(&rig, "");
    let (bob, mia) = (new_key(&rig, "bob"), new_key(&rig, "mia"));
    let file = key_file(&rig);
    // A file as people write them: odd blanks, line ends of another system, the key twice, no end of the last line.
    let (bob_line, mia_line) = (bob.line(), mia.line());
    let (bob_text, mia_text) = (
        String::from_utf8_lossy(&bob_line),
        String::from_utf8_lossy(&mia_line),
    );
    let team = format!(
        "{}# the team\n\t restrict,command=\"a # \\\"b\\\"\" {bob_text}\r\n\n{mia_text}\nrestrict {bob_text}",
        fs::read_to_string(&file).unwrap()
    );
    fs::write(&file, &team).unwrap();
    assert!(rig.lets_in("bob", sshd.port) && rig.lets_in("mia", sshd.port));
    let mut open = rig.open_session("bob", sshd.port);
    wait_until("the session is seen", || {
        facts(&server)
            .sessions
            .unwrap()
            .iter()
            .any(|one| one.fingerprint == Some(bob.fingerprint()))
    });

    let receipt = suspend_now(&rig, &server, bob.fingerprint());
    assert_eq!(
        (receipt.result, receipt.done),
        (Outcome::Done, 3),
        "{receipt:?}"
    );
    wait_until("the session has ended", || {
        open.try_wait().unwrap().is_some()
    });
    assert!(!rig.lets_in("bob", sshd.port) && rig.lets_in("mia", sshd.port));
    let listed = storekeeper::judge::access::keys(&facts(&server), Age(0));
    let row = listed
        .keys
        .iter()
        .find(|row| row.fingerprint == bob.fingerprint())
        .unwrap();
    assert!(
        !row.active && row.words.contains("(on \"leave\" \\e[31m)"),
        "{row:?}"
    );
    let client = listed
        .refused
        .iter()
        .find(|one| one.fingerprint == bob.fingerprint())
        .unwrap();
    assert!(
        client.message.starts_with("key suspended ") && client.comment == "bob",
        "{client:?}"
    );

    // Others change the file meanwhile, by this program and by hand; what they wrote stays.
    authorize_now(&rig, &server, &line(&new_key(&rig, "eve")));
    let by_hand = fs::read_to_string(&file)
        .unwrap()
        .replace("# the team\n", "# the whole team\n");
    fs::write(&file, &by_hand).unwrap();
    let receipt = resume_now(&rig, &server, bob.fingerprint());
    assert_eq!(
        (receipt.result, receipt.done),
        (Outcome::Done, 2),
        "{receipt:?}"
    );
    assert!(
        ["bob", "mia", "eve"]
            .iter()
            .all(|key| rig.lets_in(key, sshd.port))
    );
    let now = fs::read_to_string(&file).unwrap();
    let expected = team.replace("# the team\n", "# the whole team\n");
    let eve = now.strip_prefix(&expected).unwrap();
    assert!(eve.starts_with("\nrestrict ssh-ed25519 "), "{eve}");

    // Without anything in between the file is what it was, its end too.
    fs::write(&file, &team).unwrap();
    suspend_now(&rig, &server, bob.fingerprint());
    suspend_now(&rig, &server, mia.fingerprint());
    assert!(!rig.lets_in("mia", sshd.port));
    resume_now(&rig, &server, bob.fingerprint());
    assert!(rig.lets_in("bob", sshd.port) && !rig.lets_in("mia", sshd.port));
    resume_now(&rig, &server, mia.fingerprint());
    assert_eq!(fs::read_to_string(&file).unwrap(), team);

    // What has changed since the plan was shown is a conflict, and nothing is lost.
    let plan = suspend(
        &About::of(&server),
        &facts(&server),
        "root",
        bob.fingerprint(),
        true,
        None,
    )
    .unwrap();
    let since = format!("# new\n{team}");
    fs::write(&file, &since).unwrap();
    let receipt = wait(help::carry_out(
        &server,
        plan,
        &Answer::Key,
        Some(rig.state()),
    ));
    assert_eq!(receipt.result, Outcome::Failed, "{receipt:?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), since);
    assert!(rig.lets_in("bob", sshd.port));
}
