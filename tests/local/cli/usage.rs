//! The real binary, without any server: usage, configuration, key pairs, what packagers install.

use super::{json, refusal, text};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The binary, in an environment of its own: no configuration, no agent, no terminal.
fn storekeeper(home: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_storekeeper"))
        .args(arguments)
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("XDG_STATE_HOME")
        .env_remove("SSH_AUTH_SOCK")
        .env_remove("STOREKEEPER_LOG")
        .env("HOME", home)
        .current_dir(home)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn home() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn wrong_guesses_get_an_answer() {
    let home = home();
    let config = home.path().join("c.toml");
    std::fs::write(&config, "[servers.prod]\nhost = \"cache.invalid\"\n").unwrap();
    let config = config.to_str().unwrap();
    for (typed, meant) in [
        (&["stats", "prod"][..], "storekeeper status prod"),
        (&["keys", "list", "prod"], "storekeeper keys prod list"),
    ] {
        let (code, sentence) = refusal(&storekeeper(home.path(), typed));
        assert_eq!(code, 2, "{sentence}");
        let end = format!("; did you mean {meant}?");
        assert!(sentence.ends_with(&end), "{sentence}");
    }
    for command in ["status", "paths"] {
        let output = storekeeper(home.path(), &[command, "prud", "--config", config]);
        assert_eq!(output.status.code(), Some(3));
        let all = [output.stdout, output.stderr].concat();
        let all = text(&all);
        assert!(all.contains("did you mean prod, a server"), "{all}");
    }
}

#[test]
fn each_wrong_configuration_is_told_with_its_line() {
    let home = home();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/config");
    let mut fixtures: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .collect();
    fixtures.sort();
    assert!(fixtures.len() > 20);
    for file in fixtures {
        let expected = std::fs::read_to_string(file.with_extension("expected")).unwrap();
        let name = file.to_str().unwrap();
        let output = storekeeper(home.path(), &["status", "prod", "--config", name]);
        let (code, sentence) = refusal(&output);
        assert_eq!(code, 2, "{sentence}");
        let wanted = format!("{name}:{}", expected.trim_end());
        assert!(
            sentence.starts_with(&wanted),
            "\n  got {sentence}\n want {wanted}"
        );
    }
}

#[test]
fn the_users_own_configuration_is_read() {
    let home = home();
    let folder = home.path().join(".config/storekeeper");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("config.toml"), "\n\nthem = \"dark\"\n").unwrap();
    let (code, sentence) = refusal(&storekeeper(home.path(), &["status", "prod"]));
    assert_eq!(code, 2);
    let file = folder.join("config.toml");
    assert_eq!(
        sentence,
        format!(
            "{}:3: unknown key \"them\"; the nearest known name is \"theme\"",
            file.display()
        )
    );
}

#[test]
fn a_configuration_that_is_asked_for_must_be_there() {
    let home = home();
    let output = storekeeper(
        home.path(),
        &["status", "prod", "--config", "/nowhere.toml", "--json"],
    );
    assert_eq!(output.status.code(), Some(2));
    let error = &json(&output)["error"];
    assert_eq!(error["kind"], "usage");
    assert!(error["message"].as_str().unwrap().contains("/nowhere.toml"));
    assert!(error["next"].as_str().unwrap().contains("--config"));
}

#[test]
fn wrong_usage_is_one_sentence_and_exit_2() {
    let home = home();
    for line in [
        "status",
        "paths prod --trust mine",
        "sign prod",
        "sign prod --all x",
        "sign prod --all --ssh-agent SHA256:x",
        "paths prod --refusd",
        "status https://cache.example.org",
        "status ssh://root:secret@cache",
        "status -- -oProxyCommand=x",
        "paths prod --json --jsonl",
        "paths prod size:huge",
        "man nothing",
        "completions nosuchshell",
        "keygen a:b",
        "--json",
        "demo --json",
    ] {
        let arguments: Vec<&str> = line.split(' ').collect();
        let output = storekeeper(home.path(), &arguments);
        let sentence = if arguments.contains(&"--json") {
            assert_eq!(json(&output)["error"]["kind"], "usage", "{line}");
            text(&output.stderr).trim_end().to_owned()
        } else {
            refusal(&output).1
        };
        assert_eq!(output.status.code(), Some(2), "{line}: {sentence}");
        assert!(
            sentence.contains("; "),
            "no next step for `{line}`: {sentence}"
        );
    }
}

#[test]
fn the_console_needs_a_server_and_a_terminal() {
    let home = home();
    let (code, sentence) = refusal(&storekeeper(home.path(), &[]));
    assert_eq!(code, 2);
    assert!(
        sentence.starts_with("no server is configured; "),
        "{sentence}"
    );
    let (code, sentence) = refusal(&storekeeper(home.path(), &["local"]));
    assert_eq!(code, 2);
    assert!(sentence.contains("terminal"), "{sentence}");
    let (code, sentence) = refusal(&storekeeper(home.path(), &["demo"]));
    assert_eq!(code, 2);
    assert!(sentence.contains("--listen"), "{sentence}");
}

#[test]
fn keygen_makes_a_pair_that_nix_takes() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = home();
    let output = storekeeper(home.path(), &["keygen", "cache.example.org-1", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "");
    let document = json(&output);
    let secret = home.path().join("cache.example.org-1.sec");
    let public = std::fs::read_to_string(home.path().join("cache.example.org-1.pub")).unwrap();
    assert_eq!(document["publicKey"], public.trim_end());
    assert!(public.starts_with("cache.example.org-1:"));
    assert_eq!(
        secret.metadata().unwrap().permissions().mode() & 0o7777,
        0o600
    );
    let secret_text = std::fs::read_to_string(&secret).unwrap();
    assert!(!text(&output.stdout).contains(&secret_text["cache.example.org-1:".len()..]));

    // A second one is refused and touches nothing.
    let (code, sentence) = refusal(&storekeeper(
        home.path(),
        &["keygen", "cache.example.org-1"],
    ));
    assert_eq!(code, 2);
    assert!(sentence.contains("is not overwritten"), "{sentence}");
    assert_eq!(std::fs::read_to_string(&secret).unwrap(), secret_text);

    // Nix derives the same public key from the secret.
    let converted = Command::new("nix")
        .args(["--extra-experimental-features", "nix-command"])
        .args(["key", "convert-secret-to-public"])
        .env("HOME", home.path())
        .stdin(std::fs::File::open(&secret).unwrap())
        .output();
    match converted {
        Ok(converted) => assert_eq!(text(&converted.stdout).trim_end(), public.trim_end()),
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::NotFound),
    }
}

#[test]
fn keygen_leaves_no_half_of_a_pair() {
    let home = home();
    std::fs::write(home.path().join("k.pub"), "kept").unwrap();
    let (code, _) = refusal(&storekeeper(home.path(), &["keygen", "k"]));
    assert_eq!(code, 2);
    assert!(!home.path().join("k.sec").exists());
    assert_eq!(
        std::fs::read_to_string(home.path().join("k.pub")).unwrap(),
        "kept"
    );
    // A link counts as there, even one that leads nowhere.
    std::os::unix::fs::symlink("/nowhere/x", home.path().join("l.sec")).unwrap();
    assert_eq!(refusal(&storekeeper(home.path(), &["keygen", "l"])).0, 2);
    assert!(!home.path().join("l.pub").exists());
    assert_eq!(
        refusal(&storekeeper(
            home.path(),
            &["keygen", "m", "--out", "/nowhere"]
        ))
        .0,
        2
    );
}

#[test]
fn pages_and_completions() {
    let home = home();
    let page = storekeeper(home.path(), &["man"]);
    assert_eq!(page.status.code(), Some(0));
    for word in ["storekeeper", "sign", "audit", "Exit codes", "read\\-only"] {
        assert!(text(&page.stdout).contains(word), "{word}");
    }
    assert!(!text(&page.stdout).contains("demo\\-shim"));
    let page = storekeeper(home.path(), &["man", "sign"]);
    assert!(text(&page.stdout).contains("ssh\\-agent"));
    for shell in ["bash", "zsh", "fish"] {
        let script = storekeeper(home.path(), &["completions", shell]);
        assert_eq!(script.status.code(), Some(0));
        assert!(text(&script.stdout).contains("key-file"), "{shell}");
    }
    let version = storekeeper(home.path(), &["--version"]);
    assert_eq!(
        text(&version.stdout),
        format!("storekeeper {}\n", env!("CARGO_PKG_VERSION"))
    );
    let help = storekeeper(home.path(), &["--help"]);
    assert_eq!(help.status.code(), Some(0));
    assert!(!text(&help.stdout).contains("demo-shim"));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let home = home();
    let mut child = Command::new(env!("CARGO_BIN_EXE_storekeeper"))
        .args(["completions", "zsh"])
        .env("HOME", home.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(text(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn the_log_goes_to_a_file_and_nowhere_else() {
    let home = home();
    let file = home.path().join("here.log");
    // Nothing listens on this port.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("ssh://root@{}", listener.local_addr().unwrap());
    drop(listener);
    let output = Command::new(env!("CARGO_BIN_EXE_storekeeper"))
        .args(["status", &server])
        .env("HOME", home.path())
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("XDG_STATE_HOME")
        .env_remove("SSH_AUTH_SOCK")
        .env("STOREKEEPER_LOG", &file)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let (code, sentence) = refusal(&output);
    assert_eq!(code, 3, "{sentence}");
    let log = std::fs::read_to_string(&file).unwrap();
    assert!(log.contains("started") && log.contains(&server), "{log}");
    assert!(log.contains(&sentence), "{log}");
    let before = log.len();
    let output = Command::new(env!("CARGO_BIN_EXE_storekeeper"))
        .args(["status", "ssh://root:hunter2@cache"])
        .env("HOME", home.path())
        .env_remove("XDG_CONFIG_HOME")
        .env("STOREKEEPER_LOG", &file)
        .output()
        .unwrap();
    assert!(!refusal(&output).1.contains("hunter2"));
    let log = std::fs::read_to_string(&file).unwrap();
    assert!(log.len() > before && !log.contains("hunter2"), "{log}");
    // By default in the state folder, which is for its owner alone.
    let (code, _) = refusal(&storekeeper(home.path(), &["status", &server]));
    assert_eq!(code, 3);
    let folder = home.path().join(".local/state/storekeeper/log");
    let name = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap();
    assert!(
        std::fs::read_to_string(name.path())
            .unwrap()
            .contains(&server)
    );
    assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o077, 0);
}

/// The limit on core dumps is inherited, so a program that is started for a connection shows it, and works all the same.
#[test]
fn no_core_dump_holds_a_secret() {
    let home = home();
    let seen = home.path().join("limits");
    let config = home.path().join("ssh_config");
    let proxy = home.path().join("proxy.sh");
    std::fs::write(
        &proxy,
        format!(
            "ulimit -Sc >{0}.own\ncat /proc/$PPID/limits >{0}\n",
            seen.display()
        ),
    )
    .unwrap();
    std::fs::write(&config, format!("ProxyCommand sh {}\n", proxy.display())).unwrap();
    let output = storekeeper(
        home.path(),
        &[
            "status",
            "nobody@host.invalid",
            "--ssh-config",
            config.to_str().unwrap(),
        ],
    );
    assert!(!output.status.success());
    let limits = std::fs::read_to_string(&seen).unwrap();
    let core = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max core file size"))
        .unwrap();
    assert_eq!(
        core.split_whitespace().take(2).collect::<Vec<_>>(),
        ["0", "0"]
    );
    let own = std::fs::read_to_string(home.path().join("limits.own")).unwrap();
    assert_eq!(own.trim(), "0");
}
