//! The command line about access, without any server: keys that are no keys, weak ones, and what is written out for others.

use super::{json, refusal, text};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The binary, in an environment of its own: no configuration, no agent, no terminal.
fn storekeeper(home: &Path, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_storekeeper"))
        .args(arguments)
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("XDG_STATE_HOME")
        .env_remove("SSH_AUTH_SOCK")
        .env("STOREKEEPER_LOG", home.join("all.log"))
        .env("STOREKEEPER_LOG_LEVEL", "trace")
        .env("HOME", home)
        .current_dir(home)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // What is refused before it is read needs no reader.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// A key pair of the real `ssh-keygen`; the file of the secret one.
fn pair(home: &Path, name: &str, kind: &[&str], comment: &str) -> PathBuf {
    let file = home.join(name);
    let made = Command::new("ssh-keygen")
        .args(["-q", "-N", "", "-C", comment, "-f"])
        .arg(&file)
        .arg("-t")
        .args(kind)
        .status()
        .unwrap();
    assert!(made.success());
    file
}

#[test]
fn a_good_key_is_checked_without_a_server() {
    let home = tempfile::tempdir().unwrap();
    let key = pair(home.path(), "good", &["ed25519"], "ada \u{1b}[31m\u{202e}x");
    let file = format!("{}.pub", key.display());
    let shown = Command::new("ssh-keygen")
        .args(["-lf", &file])
        .output()
        .unwrap();
    let fingerprint = text(&shown.stdout).split(' ').nth(1).unwrap();
    let checked = json(&storekeeper(
        home.path(),
        &["keys", "prod", "check", &file, "--offline", "--json"],
        "",
    ));
    assert_eq!(checked["schema"], 1);
    assert_eq!(checked["fingerprint"], fingerprint);
    assert_eq!(checked["bits"], 256);
    assert_eq!(checked["comment"], "ada \\e[31m\\u{202e}x");
    assert_eq!(checked["refused"], false);
    assert_eq!(checked["findings"][0]["code"], "comment-hostile");
    // From standard input, and with a server that nobody answers for.
    let line = std::fs::read_to_string(&file).unwrap();
    let output = storekeeper(
        home.path(),
        &["keys", "ssh://root@127.0.0.1:1", "check", "-"],
        &line,
    );
    assert_eq!(output.status.code(), Some(0));
    let shown = text(&output.stdout);
    assert!(
        shown.contains(fingerprint) && shown.contains("may be authorized"),
        "{shown}"
    );
    assert!(
        shown.contains("? not compared with the server's keys: "),
        "{shown}"
    );
    assert!(
        !shown.contains('\u{1b}') && !shown.contains('\u{202e}'),
        "{shown}"
    );
}

#[test]
fn a_weak_key_is_refused_before_anybody_is_asked() {
    let home = tempfile::tempdir().unwrap();
    let key = pair(home.path(), "weak", &["rsa", "-b", "1024"], "old");
    let file = format!("{}.pub", key.display());
    let output = storekeeper(
        home.path(),
        &["keys", "x", "check", &file, "--offline", "--json"],
        "",
    );
    assert_eq!(output.status.code(), Some(4));
    let checked = json(&output);
    assert_eq!(checked["refused"], true);
    assert_eq!(checked["findings"][0]["code"], "rsa-short");
    assert_eq!(checked["findings"][0]["level"], "refuse");
    for line in [
        [
            "keys",
            "ssh://root@127.0.0.1:1",
            "authorize",
            &file,
            "--yes",
        ],
        ["requests", "ssh://root@127.0.0.1:1", "add", &file, "--yes"],
    ] {
        let (code, sentence) = refusal(&storekeeper(home.path(), &line, ""));
        assert_eq!(code, 4, "{sentence}");
        assert!(sentence.contains("1024 bits"), "{sentence}");
    }
}

#[test]
fn a_private_key_is_refused_and_leaves_nothing_behind() {
    let home = tempfile::tempdir().unwrap();
    let key = pair(home.path(), "secret", &["ed25519"], "oops");
    let secret = std::fs::read_to_string(&key).unwrap();
    let middle = secret.lines().nth(2).unwrap();
    let file = key.to_str().unwrap();
    for line in [
        vec!["keys", "x", "check", file, "--offline"],
        vec!["keys", "x", "authorize", file, "--yes"],
        vec!["keys", "x", "authorize", "-", "--yes"],
        vec!["requests", "x", "add", "-", "--yes"],
    ] {
        let output = storekeeper(home.path(), &line, &secret);
        let (code, sentence) = refusal(&output);
        assert_eq!(code, 4, "{sentence}");
        assert!(sentence.contains("private key"), "{sentence}");
        assert!(!sentence.contains(middle), "{sentence}");
    }
    // Its own log has everything that can be logged.
    let log = std::fs::read_to_string(home.path().join("all.log")).unwrap();
    assert!(
        log.contains("private key") && !log.contains(middle),
        "{log}"
    );
}

#[test]
fn what_is_no_key_is_wrong_usage() {
    let home = tempfile::tempdir().unwrap();
    for (input, part) in [
        ("", "there is no key"),
        ("dear administrator, please", "'type base64 comment'"),
        ("ssh-ed25519 AAAA\nssh-ed25519 AAAA\n", "line"),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGHg0yAY", "damaged"),
    ] {
        let line = ["keys", "x", "check", "-", "--offline"];
        let (code, sentence) = refusal(&storekeeper(home.path(), &line, input));
        assert_eq!(code, 2, "{sentence}");
        assert!(sentence.contains(part), "{sentence}");
    }
    let line = ["keys", "x", "check", "/nowhere.pub", "--offline"];
    let (code, sentence) = refusal(&storekeeper(home.path(), &line, ""));
    assert_eq!(code, 2);
    assert!(sentence.contains("/nowhere.pub"), "{sentence}");
}

#[test]
fn times_and_platforms_are_checked_before_anything_else() {
    let home = tempfile::tempdir().unwrap();
    for line in [
        "keys prod expire a soon",
        "keys prod expire a 2027-02-20T12:00",
        "requests prod approve 00aa --expires 3",
        "onboard prod --platform windows",
        "keys prod",
        "requests",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let (code, sentence) = refusal(&storekeeper(home.path(), &words, ""));
        assert_eq!(code, 2, "{line}: {sentence}");
    }
    let words = ["keys", "prod", "expire", "a", "soon"];
    let (_, sentence) = refusal(&storekeeper(home.path(), &words, ""));
    assert!(sentence.contains("2027-02-20"), "{sentence}");
}

#[test]
fn setup_is_one_shell_script_or_one_module() {
    let home = tempfile::tempdir().unwrap();
    let run = |line: &[&str]| {
        let output = storekeeper(home.path(), line, "");
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stdout).to_owned()
    };
    let script = run(&["setup", "--knock", "--key-name", "cache.test-1"]);
    let file = home.path().join("setup.sh");
    std::fs::write(&file, &script).unwrap();
    let sound = Command::new("sh").arg("-n").arg(&file).status().unwrap();
    assert!(sound.success(), "{script}");
    assert!(script.contains("/etc/nix/cache.test-1.sec"), "{script}");
    assert!(!run(&["setup"]).contains("AuthorizedKeysCommand"));
    // The configuration's own names are used.
    std::fs::write(
        home.path().join("c.toml"),
        "[servers.prod]\nhost = \"h\"\ncache_user = \"cachier\"\nrequests_dir = \"/srv/asks\"\n",
    )
    .unwrap();
    let named = run(&["setup", "prod", "--config", "c.toml"]);
    assert!(named.contains("Match User cachier\n"), "{named}");
    assert!(named.contains("install -d -m 755 /srv/asks\n"), "{named}");
    let module = run(&["setup", "--nixos", "--knock"]);
    assert!(
        module.contains("AuthorizedKeysCommandUser storekeeper"),
        "{module}"
    );
    let document = storekeeper(home.path(), &["setup", "--json"], "");
    let document = json(&document);
    assert_eq!(document["platform"], "debian");
    assert!(document["steps"].as_array().unwrap().len() >= 6);
    let (code, sentence) = refusal(&storekeeper(
        home.path(),
        &["setup", "--key-name", "a:b"],
        "",
    ));
    assert_eq!(code, 2, "{sentence}");
}
