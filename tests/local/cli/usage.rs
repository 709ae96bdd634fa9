//! The real binary, without any server: usage, configuration, key pairs, what packagers install.

use super::{json, refusal, text};
use std::fs;
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
    fs::write(&config, "[servers.prod]\nhost = \"cache.invalid\"\n").unwrap();
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
    let mut fixtures: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .collect();
    fixtures.sort();
    assert!(fixtures.len() > 20);
    for file in fixtures {
        let expected = fs::read_to_string(file.with_extension("expected")).unwrap();
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
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("config.toml"), "\n\nthem = \"dark\"\n").unwrap();
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
fn a_size_needs_a_unit_and_an_age_of_nothing_needs_none() {
    let home = home();
    let config = home.path().join("c.toml");
    fs::write(&config, "[servers.prod]\nhost = \"cache.invalid\"\n").unwrap();
    let run = |option: &str, value: &str| {
        let config = config.to_str().unwrap();
        let line = ["gc", "prod", option, value, "--dry-run", "--config", config];
        storekeeper(home.path(), &line)
    };
    for (option, write) in [
        ("--until-free", "write 20% or 20G"),
        ("--reclaim", "write 20G, or 20B for bytes"),
        ("--max", "write 20G, or 20B for bytes"),
        ("--older-than", "such as 30d"),
        ("--grace", "such as 30d"),
    ] {
        let (code, sentence) = refusal(&run(option, "20"));
        assert_eq!(code, 2, "{option}: {sentence}");
        assert!(sentence.contains(write), "{option}: {sentence}");
    }
    // Taken, so that the server is looked for.
    for (option, value) in [
        ("--until-free", "20%"),
        ("--until-free", "20G"),
        ("--reclaim", "20B"),
        ("--older-than", "0"),
        ("--grace", "0"),
    ] {
        let (code, sentence) = refusal(&run(option, value));
        assert_eq!(code, 3, "{option} {value}: {sentence}");
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
    let public = fs::read_to_string(home.path().join("cache.example.org-1.pub")).unwrap();
    assert_eq!(document["publicKey"], public.trim_end());
    assert!(public.starts_with("cache.example.org-1:"));
    assert_eq!(
        secret.metadata().unwrap().permissions().mode() & 0o7777,
        0o600
    );
    let secret_text = fs::read_to_string(&secret).unwrap();
    assert!(!text(&output.stdout).contains(&secret_text["cache.example.org-1:".len()..]));

    // A second one is refused and touches nothing.
    let (code, sentence) = refusal(&storekeeper(
        home.path(),
        &["keygen", "cache.example.org-1"],
    ));
    assert_eq!(code, 2);
    assert!(sentence.contains("is not overwritten"), "{sentence}");
    assert_eq!(fs::read_to_string(&secret).unwrap(), secret_text);

    // Nix derives the same public key from the secret.
    let converted = Command::new("nix")
        .args(["--extra-experimental-features", "nix-command"])
        .args(["key", "convert-secret-to-public"])
        .env("HOME", home.path())
        .stdin(fs::File::open(&secret).unwrap())
        .output();
    match converted {
        Ok(converted) => assert_eq!(text(&converted.stdout).trim_end(), public.trim_end()),
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::NotFound),
    }
}

#[test]
fn keygen_leaves_no_half_of_a_pair() {
    let home = home();
    fs::write(home.path().join("k.pub"), "kept").unwrap();
    let (code, _) = refusal(&storekeeper(home.path(), &["keygen", "k"]));
    assert_eq!(code, 2);
    assert!(!home.path().join("k.sec").exists());
    assert_eq!(
        fs::read_to_string(home.path().join("k.pub")).unwrap(),
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
fn pages() {
    let home = home();
    let page = storekeeper(home.path(), &["man"]);
    assert_eq!(page.status.code(), Some(0));
    for word in ["storekeeper", "sign", "audit", "Exit codes", "read\\-only"] {
        assert!(text(&page.stdout).contains(word), "{word}");
    }
    assert!(!text(&page.stdout).contains("demo\\-shim"));
    let page = storekeeper(home.path(), &["man", "sign"]);
    assert!(text(&page.stdout).contains("ssh\\-agent"));
    let version = storekeeper(home.path(), &["--version"]);
    assert_eq!(
        text(&version.stdout),
        format!("storekeeper {}\n", env!("CARGO_PKG_VERSION"))
    );
    let help = storekeeper(home.path(), &["--help"]);
    assert_eq!(help.status.code(), Some(0));
    assert!(!text(&help.stdout).contains("demo-shim"));
}

/// What bash offers for the last of these words.
fn offered(home: &Path, words: &[&str]) -> Vec<String> {
    let program = Path::new(env!("CARGO_BIN_EXE_storekeeper"));
    let path = format!("{}:/usr/bin:/bin", program.parent().unwrap().display());
    let script = format!(
        "source <(storekeeper completions bash)\nCOMP_WORDS=({})\nCOMP_CWORD={}\nCOMP_TYPE=9\n\
         _clap_complete_storekeeper storekeeper \"${{COMP_WORDS[COMP_CWORD]}}\"\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"",
        words
            .iter()
            .map(|word| format!("'{word}'"))
            .collect::<Vec<_>>()
            .join(" "),
        words.len() - 1
    );
    let output = Command::new("bash")
        .args(["--norc", "-c", &script])
        .env("HOME", home)
        .env("PATH", path)
        .env_remove("XDG_CONFIG_HOME")
        .output()
        .unwrap();
    assert_eq!(text(&output.stderr), "");
    let mut offered: Vec<String> = text(&output.stdout)
        .lines()
        .map(|line| line.trim().to_owned())
        .collect();
    offered.sort();
    offered
}

#[test]
fn bash_offers_subcommands_options_and_the_servers_of_the_configuration() {
    let home = home();
    let folder = home.path().join(".config/storekeeper");
    fs::create_dir_all(&folder).unwrap();
    fs::write(
        folder.join("config.toml"),
        "[servers.prod]\nhost = \"h\"\n[servers.preview]\n",
    )
    .unwrap();
    let offered = |words: &[&str]| offered(home.path(), words);
    assert_eq!(
        offered(&["storekeeper", "status", "pr"]),
        ["preview", "prod"]
    );
    assert_eq!(offered(&["storekeeper", "keys", "lo"]), ["local"]);
    assert_eq!(offered(&["storekeeper", "pr"]), ["preview", "prod"]);
    assert_eq!(offered(&["storekeeper", "onb"]), ["onboard"]);
    assert_eq!(
        offered(&["storekeeper", "watch", "prod", "--events", "refused-l"]),
        ["refused-login"]
    );
    assert_eq!(
        offered(&["storekeeper", "sign", "prod", "--key-f"]),
        ["--key-file"]
    );
    // One that can't be read has no names, and is no error there.
    fs::write(folder.join("config.toml"), "[servers.prod").unwrap();
    assert_eq!(offered(&["storekeeper", "status", "pr"]), [""]);
}

#[test]
fn each_shell_takes_its_script() {
    let home = home();
    for shell in ["bash", "zsh", "fish"] {
        let script = storekeeper(home.path(), &["completions", shell]);
        assert_eq!(script.status.code(), Some(0));
        let file = home.path().join(shell);
        fs::write(&file, script.stdout).unwrap();
        let read = Command::new(shell).arg("-n").arg(&file).output().unwrap();
        assert!(read.status.success(), "{shell}: {}", text(&read.stderr));
    }
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
    let log = fs::read_to_string(&file).unwrap();
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
    let log = fs::read_to_string(&file).unwrap();
    assert!(log.len() > before && !log.contains("hunter2"), "{log}");
    // By default in the state folder, which is for its owner alone.
    let (code, _) = refusal(&storekeeper(home.path(), &["status", &server]));
    assert_eq!(code, 3);
    let folder = home.path().join(".local/state/storekeeper/log");
    let name = fs::read_dir(&folder).unwrap().next().unwrap().unwrap();
    assert!(fs::read_to_string(name.path()).unwrap().contains(&server));
    assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o077, 0);
}

/// The limit on core dumps is inherited, so a program that is started for a connection shows it, and works all the same.
#[test]
fn no_core_dump_holds_a_secret() {
    let home = home();
    let seen = home.path().join("limits");
    let config = home.path().join("ssh_config");
    let proxy = home.path().join("proxy.sh");
    fs::write(
        &proxy,
        format!(
            "ulimit -Sc >{0}.own\ncat /proc/$PPID/limits >{0}\n",
            seen.display()
        ),
    )
    .unwrap();
    fs::write(&config, format!("ProxyCommand sh {}\n", proxy.display())).unwrap();
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
    let limits = fs::read_to_string(&seen).unwrap();
    let core = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max core file size"))
        .unwrap();
    assert_eq!(
        core.split_whitespace().take(2).collect::<Vec<_>>(),
        ["0", "0"]
    );
    let own = fs::read_to_string(home.path().join("limits.own")).unwrap();
    assert_eq!(own.trim(), "0");
}
