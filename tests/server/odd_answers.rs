//! Answers about stores that are not as they should be, on a real server: rows that Nix can't read, keys and signatures of
//! other kinds, refused closures.

use crate::help::text;
use crate::rig::{Access, OURS, Rig};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

/// The check of this id.
fn check(document: &Value, id: &str) -> Option<Value> {
    let checks = document["checks"].as_array().unwrap();
    checks.iter().find(|check| check["id"] == id).cloned()
}

#[test]
fn a_sentence_has_the_cause_and_the_log_all_that_was_said() {
    Rig::on_every_nix(|rig| {
        let settings = rig.scratch().join("conf/nix.conf");
        let before = std::fs::read_to_string(&settings).unwrap();
        std::fs::write(&settings, before + "\ncores = many\n").unwrap();
        let log = rig.scratch().join("program.log");
        let mut command = rig.storekeeper_command(["paths", "root"]);
        let output = command.env("STOREKEEPER_LOG", &log).output().unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("cores") && said.contains("many"), "{said}");
        assert!(!said.contains("--help"), "{said}");
        let log = std::fs::read_to_string(log).unwrap();
        assert!(log.contains("Try 'nix-daemon --help'"), "{log}");
    });
}

#[test]
fn what_nix_says_of_many_roots_is_one_line() {
    Rig::on_every_nix(|rig| {
        let stale = || {
            let auto = rig.scratch().join("server/nix/var/nix/gcroots/auto");
            std::fs::create_dir_all(&auto).unwrap();
            for number in 0..60 {
                let link = auto.join(format!("stale{number}"));
                std::os::unix::fs::symlink(format!("/nowhere/{number}"), link).unwrap();
            }
        };
        stale();
        let output = rig.run("roots root list");
        let said = text(&output.stderr);
        assert!(said.matches("stale link").count() <= 1, "{said}");
        stale();
        let planned = rig.run("gc root --whole --dry-run");
        let shown = text(&planned.stdout) + &text(&planned.stderr);
        let lines: Vec<&str> = shown
            .lines()
            .filter(|line| line.contains("stale link"))
            .collect();
        assert_eq!(lines.len(), 1, "{shown}");
        assert!(lines[0].contains("(and 59 more like it)"), "{shown}");
        stale();
        let whole = rig.ask("gc root --whole --dry-run", 0);
        assert_eq!(
            whole.to_string().matches("stale link").count(),
            60,
            "{whole}"
        );
    });
}

#[test]
fn status_names_the_row_that_keeps_the_store_from_being_listed_and_reports_the_rest() {
    const HASH: &str = "08zjlj9al8nzfc6115i3421bz88ay34z";
    Rig::on_every_nix(|rig| {
        let rows = [
            ("/tmp/x".to_owned(), "/tmp/x"),
            ("/nix/store/short".to_owned(), "short"),
            (format!("/nix/store/{HASH}-bad name"), "bad name"),
            (format!("/nix/store/{HASH}-a/b"), "-a/b"),
            ("relative".to_owned(), "relative"),
        ];
        for (row, named) in rows {
            rig.sql(&format!(
                "insert into ValidPaths(path,hash,registrationTime,narSize) values('{row}','sha256:00',1,1)"
            ));
            let ill = rig.ask("status root", 2);
            assert_eq!(ill["state"], "critical");
            let listing = check(&ill, "store-listing").unwrap();
            assert_eq!(listing["state"], "critical");
            let summary = listing["summary"].as_str().unwrap();
            assert!(summary.contains(named), "{summary}");
            for id in ["connection", "nix", "signing-key", "store-disk", "database"] {
                assert!(check(&ill, id).is_some(), "{row}: {id} is not in {ill}");
            }
            // Nothing is counted, so nothing is called fine.
            assert_eq!(ill["counts"], Value::Null);
            assert_eq!(check(&ill, "unsigned-paths"), None);
            // The command that is suggested fixes it.
            let fix = listing["fix"].as_str().unwrap();
            let (_, command) = fix
                .split_once("then run: ")
                .unwrap_or_else(|| panic!("{row}: {summary}: {fix}"));
            let done = Command::new("sh").args(["-c", command]).output().unwrap();
            assert!(done.status.success(), "{command}: {done:?}");
            let well = rig.ask("status root", 2);
            assert_eq!(check(&well, "store-listing"), None, "{command}");
            assert_eq!(well["counts"]["paths"], rig.entries.len());
        }
    });
}

#[test]
fn one_row_that_nix_cannot_read_keeps_no_other_path_from_being_compared() {
    Rig::on_every_nix(|rig| {
        let unreadable = [
            (rig.path("leaf-1.0").to_owned(), "deriver='x'"),
            (rig.path("left-1.0").to_owned(), "ca='x'"),
            (rig.path("right-1.0").to_owned(), "hash='x'"),
        ];
        for (path, set) in &unreadable {
            rig.sql(&format!("update ValidPaths set {set} where path='{path}'"));
        }
        // Contents that are not what they were.
        let damaged = rig.path("upstream-3.0").to_owned();
        let file = rig.file(&format!("server{damaged}"));
        let change = format!(
            "chmod -R u+w {file}; if [ -d {file} ]; then echo x >{file}/x; else echo x >{file}; fi"
        );
        assert!(
            Command::new("sh")
                .args(["-c", &change])
                .status()
                .unwrap()
                .success()
        );
        for server in ["root", "sudo"] {
            let found = rig.ask(&format!("verify {server}"), 1);
            assert_eq!(found["checked"], rig.entries.len());
            assert_eq!(found["corrupt"][0]["path"], damaged.as_str(), "{found}");
            assert_eq!(found["corrupt"].as_array().unwrap().len(), 1, "{found}");
            let failed = found["failed"].as_array().unwrap();
            assert_eq!(failed.len(), unreadable.len(), "{found}");
            for (path, _) in &unreadable {
                let one = failed.iter().find(|one| one["path"] == path.as_str());
                let message = one.unwrap()["message"].as_str().unwrap();
                assert!(message.contains("can't read its row"), "{message}");
            }
        }
    });
}

/// A key pair of the real Nix: the secret key's file and the public key.
fn nix_key(rig: &Rig, name: &str, file: &str) -> (String, String) {
    let file = rig.file(file);
    let made = rig
        .nix
        .command("nix")
        .args(["--extra-experimental-features", "nix-command"])
        .args(["key", "generate-secret", "--key-name", name])
        .env("HOME", rig.scratch())
        .output()
        .unwrap();
    assert!(made.status.success(), "{name}: {}", text(&made.stderr));
    std::fs::write(&file, &made.stdout).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let secret = std::fs::File::open(&file).unwrap();
    let public = rig
        .nix
        .command("nix")
        .args(["--extra-experimental-features", "nix-command"])
        .args(["key", "convert-secret-to-public"])
        .env("HOME", rig.scratch())
        .stdin(secret)
        .output()
        .unwrap();
    assert!(public.status.success(), "{name}: {}", text(&public.stderr));
    (file, text(&public.stdout).trim().to_owned())
}

#[test]
fn names_of_keys_that_nix_takes_sign_and_verify() {
    const NAMES: [&str; 4] = [
        "build.example.net/team@example.org-1",
        "cache+é;&-1",
        "a\"b'c\\d",
        "-x",
    ];
    Rig::on_every_nix(|rig| {
        for (at, name) in NAMES.into_iter().enumerate() {
            let (file, public) = nix_key(rig, name, &format!("key-{at}"));
            let server = format!("named-{at}");
            // A literal string of TOML would end at a quote.
            let quoted = serde_json::to_string(&public).unwrap();
            let keys = format!("public_keys = [{quoted}]\nsigning_key = \"{file}\"");
            let (user, port) = (Access::Root.user(), rig.port(Access::Root));
            rig.add_server(&rig.server_section(&server, user, port, &keys));
            let path = rig.path("leaf-1.0").to_owned();
            rig.sql(&format!(
                "update ValidPaths set sigs=null where path='{path}'"
            ));
            // Half of them with a key of this machine, half by Nix on the server.
            let by = if at % 2 == 0 {
                format!("--key-file {file}")
            } else {
                format!("--server-key {file}")
            };
            let signed = rig.ask(&format!("sign {server} {path} --yes {by}"), 0);
            assert_eq!(signed["receipt"]["done"], 1, "{name}: {signed}");
            let why = rig.ask(&format!("why {server} {path}"), 0);
            assert_eq!(why["wouldCopy"], true, "{name}: {why}");
            assert_eq!(rig.client_accepts_with(&path, &[public]), Ok(()), "{name}");
        }
    });
}

#[test]
fn signatures_and_keys_of_other_algorithms_are_not_called_bad() {
    /// As long as one of ECDSA over P-384, and as long as one of ML-DSA-65.
    fn long(name: &str, bytes: usize) -> String {
        format!("{name}:{}", "AAAA".repeat(bytes / 3))
    }
    Rig::on_every_nix(|rig| {
        let path = rig.path("leaf-1.0").to_owned();
        let good = rig.sql(&format!("select sigs from ValidPaths where path='{path}'"));
        let sigs = |sigs: &str| {
            rig.sql(&format!(
                "update ValidPaths set sigs='{sigs}' where path='{path}'"
            ));
        };
        let bad = |document: &Value| {
            let summary = check(document, "bad-signatures").unwrap()["summary"].clone();
            summary.as_str().unwrap().to_owned()
        };
        let before = bad(&rig.ask("status root", 2));
        for bytes in [96, 3309] {
            // Beside a good one the real client takes the path, and so does the verdict.
            sigs(&format!("{} {}", long("cnsa-1", bytes), good.trim()));
            assert_eq!(rig.client_accepts(&path), Ok(()));
            assert_eq!(rig.ask(&format!("why root {path}"), 0)["wouldCopy"], true);
            // Alone it is refused for want of a signature that is known, and signing fixes it.
            sigs(&long("cnsa-1", bytes));
            assert!(rig.client_accepts(&path).is_err());
            let why = text(&rig.run(&format!("why root {path} --json")).stdout);
            assert!(why.contains("an unknown algorithm"), "{why}");
            assert!(why.contains("storekeeper sign root"), "{why}");
            let one = &rig.ask("paths root leaf-1.0", 0)["paths"][0];
            assert_eq!(one["trust"], "unknown-key");
            assert_eq!(
                one["signatures"][0]["verdict"], "unknown-algorithm",
                "{one}"
            );
            assert_eq!(bad(&rig.ask("status root", 2)), before);
            // With the name of a trusted key the client stops at it; that is not fixed by deleting either.
            sigs(&format!("{} {}", long(OURS, bytes), good.trim()));
            assert!(rig.client_accepts(&path).is_err());
            let why = text(&rig.run(&format!("why root {path} --json")).stdout);
            assert!(why.contains("\"wouldCopy\":false"), "{why}");
            assert!(!why.contains("delete"), "{why}");
        }
        sigs(good.trim());
        // A key of another algorithm in the configuration is reported, and the rest works.
        let keys = format!(
            "public_keys = [\"{}\", \"{}\"]",
            long("cnsa-1", 120),
            rig.public_key(OURS)
        );
        let (user, port) = (Access::Root.user(), rig.port(Access::Root));
        rig.add_server(&rig.server_section("mixed", user, port, &keys));
        let status = text(&rig.run("status mixed").stdout);
        let note = "the configured key cnsa-1 is of an unknown algorithm";
        assert!(status.contains(note), "{status}");
        assert_eq!(rig.ask(&format!("why mixed {path}"), 0)["wouldCopy"], true);
    });
}
