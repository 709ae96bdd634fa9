//! The command line on a real server: sshd, nix-daemon and a store as `tests/rig` makes them, judged by the real client.

use crate::help::text;
use crate::rig::{Access, OURS, Rig, Twist, UNMENDABLE};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

/// Runs it; it must end with this code and print one document.
fn json(mut command: Command, code: i32) -> Value {
    let output = command.arg("--json").output().unwrap();
    let (document, errors) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{document}{errors}");
    assert!(
        document.ends_with('\n') && document.lines().count() == 1,
        "{document}"
    );
    serde_json::from_str(&document).unwrap()
}

/// The texts of a field of each element, sorted.
fn each(list: &Value, field: &str) -> Vec<String> {
    let list = list.as_array().unwrap().iter();
    let mut texts: Vec<String> = list
        .map(|item| item[field].as_str().unwrap().to_owned())
        .collect();
    texts.sort_unstable();
    texts
}

#[test]
fn paths_are_those_of_the_store_and_refused_are_those_that_the_client_refuses() {
    Rig::on_every_nix(|rig| {
        // Whoever may not read the server's key has to be told its public half.
        let key = format!("public_keys = [\"{}\"]", rig.public_key(OURS));
        let (user, port) = (Access::NoSudo.user(), rig.port(Access::NoSudo));
        rig.add_server(&rig.server_section("visitor", user, port, &key));
        // Where the daemon's socket is not in its usual place, neither is its database.
        for (server, source) in [
            ("root", "database"),
            ("via-socket", "daemon"),
            ("sudo", "database"),
            ("visitor", "daemon"),
        ] {
            let all = rig.ask(&format!("paths {server}"), 0);
            assert_eq!(all["schema"], 1);
            assert_eq!(all["server"], server);
            assert_eq!(all["source"], source, "{server}");
            for element in all["paths"].as_array().unwrap() {
                let path = element["path"].as_str().unwrap();
                let entry = rig.entries.iter().find(|entry| entry.path == path).unwrap();
                assert_eq!(element["trust"], entry.class.word(), "{path} {server}");
                assert_eq!(element["refused"], entry.class.refused(), "{path}");
            }
            assert_eq!(all["paths"].as_array().unwrap().len(), rig.entries.len());
            let refused = rig.ask(&format!("paths {server} --refused"), 0);
            assert_eq!(each(&refused["paths"], "path"), rig.refused());
        }
        // Path by path: what is refused for itself, the client refuses; what it takes is not in the list.
        let paths: Vec<&str> = rig
            .entries
            .iter()
            .map(|entry| entry.path.as_str())
            .collect();
        let refused = rig.refused();
        for (path, verdict) in paths.iter().zip(rig.client_verdicts(&paths)) {
            if refused.contains(path) {
                assert!(verdict.is_err(), "{path} is listed and the client takes it");
            }
            let code = i32::from(verdict.is_err());
            let why = rig.ask(&format!("why root {path}"), code);
            assert_eq!(
                why["wouldCopy"],
                verdict.is_ok(),
                "{path}: {verdict:?} {why}"
            );
        }
    });
}

#[test]
fn why_names_each_obstacle_and_what_mends_it() {
    let rig = Rig::new();
    let application = rig.path("application-2.0");
    let library = rig.path("library-2.0");
    let hash = &application["/nix/store/".len()..][..32];
    for way in [
        application,
        &application["/nix/store/".len()..],
        hash,
        "application-2.0",
    ] {
        let why = rig.ask(&format!("why root {way}"), 1);
        assert_eq!(why["path"], application);
        assert_eq!(why["present"], true);
        assert_eq!(why["wouldCopy"], false);
        let obstacles = why["obstacles"].as_array().unwrap();
        assert_eq!(obstacles.len(), 1, "{why}");
        assert_eq!(obstacles[0]["path"], library);
        assert_eq!(obstacles[0]["kind"], "unsigned");
        // What it says works, word for word.
        let fix = obstacles[0]["fix"].as_str().unwrap();
        assert_eq!(
            fix,
            format!("storekeeper sign root {application} --closure")
        );
    }
    let shown = rig.run("why root application-2.0");
    assert!(
        text(&shown.stdout).contains(library),
        "{}",
        text(&shown.stdout)
    );
    let fix = format!("sign root {application} --closure --yes");
    assert_eq!(rig.run(&fix).status.code(), Some(0));
    assert_eq!(rig.client_accepts(application), Ok(()));
    assert_eq!(rig.ask(&format!("why root {hash}"), 0)["wouldCopy"], true);

    for (name, kind) in [
        ("stranger-1.0", "unknown-key"),
        ("flipped-1.0", "bad"),
        ("truncated-beside-1.0", "bad"),
        ("false-address-1.0", "unsigned"),
        ("false-address-signed-1.0", "bad"),
        ("misplaced-1.0", "bad"),
    ] {
        let why = rig.ask(&format!("why root {name}"), 1);
        assert_eq!(why["obstacles"][0]["kind"], kind, "{name}");
    }
    // The signature is good, and clients refuse the path all the same.
    let why = rig.ask("why root false-address-signed-1.0", 1);
    let message = why["obstacles"][0]["message"].as_str().unwrap();
    assert!(message.contains("content address"), "{message}");
    let listed = rig.ask("paths root false-address-signed", 0);
    assert_eq!(listed["paths"][0]["signatures"][0]["verdict"], "valid");
    assert_eq!(listed["paths"][0]["refused"], true);
    // A malformed signature is not fixed by another one.
    let why = rig.ask("why root truncated-beside-1.0", 1);
    let fix = why["obstacles"][0]["fix"].as_str().unwrap();
    assert!(fix.starts_with("nix store delete"), "{fix}");

    let absent = "/nix/store/00000000000000000000000000000000-absent";
    let why = rig.ask(&format!("why root {absent}"), 1);
    assert_eq!(why["present"], false);
    assert_eq!(why.get("nearest"), None);
    // One that is nearly there: the same name under another hash, a misspelled name, a name without its version.
    let other = "/nix/store/00000000000000000000000000000000-leaf-1.0";
    for near in [other, "laef-1.0", "leaf"] {
        let why = rig.ask(&format!("why root {near}"), 1);
        assert_eq!(why["present"], false);
        assert_eq!(why["nearest"][0], rig.path("leaf-1.0"), "{why}");
    }
    let shown = rig.run("why root laef-1.0");
    assert_eq!(shown.status.code(), Some(1));
    let shown = text(&shown.stdout);
    assert!(
        shown.contains("not in the store") && shown.contains(rig.path("leaf-1.0")),
        "{shown}"
    );
    assert_eq!(why["closure"], Value::Null);
    assert_eq!(why["obstacles"][0]["kind"], "missing");
}

/// Everything that signing can fix is accepted by the client afterwards, and nothing is called signed that is not.
fn signs(rig: &Rig, mut command: Command) {
    let before = rig.refused().len();
    command.args(["--yes", "--reason", "nightly uploads"]);
    let document = json(command, 0);
    let items = each(&document["plan"]["items"], "path");
    assert_eq!(document["receipt"]["result"], "done", "{document}");
    assert_eq!(document["receipt"]["done"], items.len());
    assert_eq!(items.len(), before - UNMENDABLE.len(), "{items:?}");
    let still = each(&rig.ask("paths root --refused", 0)["paths"], "path");
    let mut expected = UNMENDABLE.map(|name| rig.path(name).to_owned());
    expected.sort_unstable();
    assert_eq!(still, expected);
    let items: Vec<&str> = items.iter().map(String::as_str).collect();
    for (path, verdict) in items.iter().zip(rig.client_verdicts(&items)) {
        assert_eq!(verdict, Ok(()), "{path}");
    }
    // Again: there is nothing left to do.
    let again = rig.run("sign root --all --yes");
    assert_ne!(again.status.code(), Some(2), "{}", text(&again.stderr));
    // The log has it, and its chain is whole.
    let audit = rig.ask("audit root", 0);
    assert_eq!(audit["whole"], true);
    let record = &audit["records"][0];
    assert_eq!(record["change"], "sign");
    assert_eq!(record["reason"], "nightly uploads");
    assert_eq!(record["result"], "done");
    assert!(
        record["by"].as_str().unwrap().starts_with("root via "),
        "{record}"
    );
}

#[test]
fn signing_with_the_servers_key() {
    Rig::on_every_nix(|rig| {
        let before = rig.ask("sign root --all --dry-run", 0);
        assert!(before.get("receipt").is_none());
        assert_eq!(
            each(&rig.ask("paths root --refused", 0)["paths"], "path"),
            rig.refused()
        );
        signs(rig, rig.storekeeper_command(["sign", "root", "--all"]));
    });
}

#[test]
fn signing_with_a_key_file_of_this_machine() {
    Rig::on_every_nix(|rig| {
        let file = rig.secret_key_file(OURS).display().to_string();
        signs(
            rig,
            rig.storekeeper_command(["sign", "root", "--all", "--key-file", &file]),
        );
    });
}

#[test]
fn signing_with_a_key_that_an_agent_holds() {
    Rig::on_every_nix(|rig| {
        let agent = rig.agent();
        let fingerprint = agent.add_nix_key(&rig.secret_key_file(OURS));
        let mut command = rig.storekeeper_command(["sign", "root", "--all"]);
        command
            .args(["--ssh-agent", &fingerprint, "--key-name", OURS])
            .env("SSH_AUTH_SOCK", &agent.socket);
        signs(rig, command);
    });
}

#[test]
fn signing_works_by_sudo_and_through_the_socket() {
    for access in [Access::Sudo, Access::ViaSocket] {
        let rig = Rig::new();
        let line = format!("sign {} fresh-3.1 --yes", access.server());
        let document = rig.ask(&line, 0);
        assert_eq!(document["receipt"]["done"], 1);
        assert_eq!(rig.client_accepts(rig.path("fresh-3.1")), Ok(()));
    }
}

/// What this login may not read is unknown, not none.
#[test]
fn keys_that_cannot_be_read_are_not_called_none() {
    let rig = Rig::new();
    let keys = rig.ask("keys no-sudo list", 1);
    assert_eq!(keys["keys"], serde_json::json!([]), "{keys}");
    let said = rig.run("keys no-sudo list");
    let text = String::from_utf8(said.stdout).unwrap();
    assert_eq!(said.status.code(), Some(1), "{text}");
    assert!(text.contains("there may be more"), "{text}");
    // Who may read them gets them all.
    let keys = rig.ask("keys root list", 0);
    assert!(!keys["keys"].as_array().unwrap().is_empty(), "{keys}");
}

#[test]
fn a_login_without_rights_changes_nothing() {
    let rig = Rig::new();
    let output = rig.run("sign no-sudo --all --yes --json");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    assert_eq!(
        each(&rig.ask("paths root --refused", 0)["paths"], "path"),
        rig.refused()
    );
}

#[test]
fn nothing_is_changed_without_a_yes_or_under_read_only() {
    let rig = Rig::new();
    let output = rig.run("sign root --all");
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("--yes"),
        "{}",
        text(&output.stderr)
    );
    let error = rig.ask("sign root --all --yes --read-only", 4);
    assert_eq!(error["error"]["kind"], "policy");
    assert_eq!(
        each(&rig.ask("paths root --refused", 0)["paths"], "path"),
        rig.refused()
    );
    assert_eq!(rig.ask("audit root", 0)["records"], Value::Array(vec![]));
}

#[test]
fn status_says_how_it_is() {
    let rig = Rig::new();
    let status = rig.ask("status root", 2);
    assert_eq!(status["state"], "critical");
    let check = |id: &str| {
        let checks = status["checks"].as_array().unwrap();
        checks
            .iter()
            .find(|check| check["id"] == id)
            .unwrap()
            .clone()
    };
    assert_eq!(
        check("unsigned-paths")["fix"],
        "storekeeper sign root --all"
    );
    assert_eq!(check("bad-signatures")["state"], "critical");
    assert_eq!(status["counts"]["paths"], rig.entries.len());
    assert_eq!(status["counts"]["refused"], rig.refused().len());
    assert_eq!(status["nix"]["version"], rig.nix.version.as_str());
    assert!(status["disk"]["store"]["size"].as_u64().unwrap() > 0);
    assert!(status["disk"]["database"]["size"].as_u64().unwrap() > 0);
}

#[test]
fn a_changed_audit_log_is_found() {
    let rig = Rig::new();
    for name in ["fresh-3.1", "library-2.0"] {
        assert_eq!(
            rig.run(&format!("sign root {name} --yes")).status.code(),
            Some(0)
        );
    }
    assert_eq!(rig.run("audit root --verify").status.code(), Some(0));
    let file = rig.file("var/audit.jsonl");
    let log = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, log.replacen("\"done\"", "\"none\"", 1)).unwrap();
    let output = rig.run("audit root --verify");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stdout).contains("line 1"),
        "{}",
        text(&output.stdout)
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table, read from top to bottom")]
fn each_way_to_fail_has_its_code_and_its_sentence() {
    let rig = Rig::new();
    let _no_nix = rig.twisted(
        "no-nix",
        Access::Root,
        Twist {
            without_nix: true,
            ..Twist::default()
        },
    );
    rig.add_server(&rig.server_section("closed", "root", crate::rig::free_port(), ""));
    let reported = |mut command: Command, code: i32, kind: &str, words: &[&str]| {
        let output = command.arg("--json").output().unwrap();
        let sentence = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{sentence}");
        assert_eq!(sentence.lines().count(), 1, "{sentence}");
        let object: Value = serde_json::from_str(&text(&output.stdout)).unwrap();
        assert_eq!(object["error"]["kind"], kind, "{object}");
        assert!(object["error"]["next"].is_string(), "{object}");
        for word in words {
            assert!(sentence.contains(word), "{sentence}");
        }
    };
    let line = |line: &str| rig.storekeeper_command(line.split(' '));
    reported(line("paths closed"), 3, "connect", &["127.0.0.1"]);
    reported(line("paths no-nix"), 1, "server", &["nix-daemon"]);
    let config = rig.file("config.toml");
    let identity = rig.file("id");
    // Nobody has vouched for the host, and nobody can be asked.
    let empty = rig.file("no_known_hosts");
    std::fs::write(&empty, "").unwrap();
    reported(
        rig.storekeeper_bare([
            "paths",
            "root",
            "--config",
            &config,
            "--identity",
            &identity,
            "--known-hosts",
            &empty,
        ]),
        3,
        "host-key",
        &["unknown", "ssh-keygen"],
    );
    // Another key than the known one.
    let wrong = rig.file("wrong_known_hosts");
    let known = std::fs::read_to_string(rig.file("known_hosts")).unwrap();
    crate::rig::key_pair(&rig.scratch().join("another-host"), "another");
    let other = std::fs::read_to_string(rig.file("another-host.pub")).unwrap();
    let host = known.split(' ').next().unwrap();
    std::fs::write(&wrong, format!("{host} {}", other.trim())).unwrap();
    reported(
        rig.storekeeper_bare([
            "paths",
            "root",
            "--config",
            &config,
            "--identity",
            &identity,
            "--known-hosts",
            &wrong,
        ]),
        3,
        "host-key",
        &["CHANGED"],
    );
    // Key files of this machine.
    let open = rig.scratch().join("open.sec");
    std::fs::copy(rig.secret_key_file(OURS), &open).unwrap();
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o644)).unwrap();
    reported(
        line(&format!(
            "sign root --all --yes --key-file {}",
            open.display()
        )),
        4,
        "policy",
        &["chmod 600"],
    );
    reported(
        line("sign root --all --yes --key-file /nowhere"),
        2,
        "usage",
        &["/nowhere"],
    );
    // Key files of the server.
    reported(
        line("sign root --all --yes --server-key /nowhere.sec"),
        1,
        "server",
        &["/nowhere.sec"],
    );
    reported(
        line(&format!(
            "sign root --all --yes --server-key {}",
            open.display()
        )),
        1,
        "server",
        &["open.sec"],
    );
    assert_eq!(
        each(&rig.ask("paths root --refused", 0)["paths"], "path"),
        rig.refused()
    );
}

#[test]
fn a_lost_link_leaves_a_true_receipt_and_signing_again_completes() {
    let mut rig = Rig::bulk(&crate::rig::Nix::of_this_machine(), 20_000);
    let signed = |rig: &Rig| -> usize {
        let count = "select count(*) from ValidPaths where sigs like '%cache.example.org-1:%'";
        rig.sql(count).trim().parse().unwrap()
    };
    let before = signed(&rig);
    let key = rig.secret_key_file(OURS).display().to_string();
    let sign = |rig: &Rig| {
        let mut command = rig.storekeeper_command(["sign", "root", "--all", "--yes"]);
        command.args(["--key-file", &key]);
        command
    };
    let child = sign(&rig)
        .arg("--json")
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    crate::rig::wait_until("the first signature", || signed(&rig) > before);
    rig.sshd(Access::Root).kill();
    rig.sshd(Access::Root).restart();
    rig.sshd(Access::Root).wait();
    let output = child.wait_with_output().unwrap();
    let document: Value = serde_json::from_str(&text(&output.stdout)).unwrap();
    let receipt = &document["receipt"];
    let planned = document["plan"]["items"].as_array().unwrap().len();
    let there = signed(&rig) - before;
    let done = receipt["done"].as_u64().unwrap() as usize;
    assert_eq!(receipt["result"], "partial", "{receipt}");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        0 < done && done <= there && there < planned,
        "{done} {there} {planned}"
    );
    let failed = each(&receipt["failed"], "item");
    assert_eq!(done + failed.len(), planned);
    // What is called failed is not signed, unless it says that this was not seen.
    for failure in receipt["failed"].as_array().unwrap() {
        let path = failure["item"].as_str().unwrap();
        let count = format!(
            "select count(*) from ValidPaths where path = '{path}' and sigs like '%cache.example.org-1:%'"
        );
        if rig.sql(&count).trim() == "1" {
            assert!(
                failure["message"].as_str().unwrap().contains("not known"),
                "{failure}"
            );
        }
    }
    let again = json(sign(&rig), 0);
    assert_eq!(again["receipt"]["result"], "done");
    assert_eq!(
        each(&rig.ask("paths root --refused", 0)["paths"], "path"),
        Vec::<String>::new()
    );
}
