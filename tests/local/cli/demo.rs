//! The command line on the built-in demo server: the output contract, exit codes, and what happens when the link fails.

use super::text;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;
use storekeeper::demo::{Demo, Options, Plan};
use storekeeper::domain::KeyRing;
use storekeeper::judge::trust::assess;

const BINARY: &str = env!("CARGO_BIN_EXE_storekeeper");

/// A demo, and a home folder with nothing but its configuration.
struct Server {
    runtime: tokio::runtime::Runtime,
    demo: Demo,
    home: tempfile::TempDir,
}

impl Server {
    fn new(paths: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let mut options = Options::new(PathBuf::from(BINARY));
        options.paths = paths;
        let demo = runtime.block_on(Demo::start(options)).unwrap();
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("config.toml"), demo.config_text()).unwrap();
        Self {
            runtime,
            demo,
            home,
        }
    }

    fn command(&self, line: &str) -> Command {
        let mut command = bare(self.home.path(), line);
        command
            .arg("--known-hosts")
            .arg(self.demo.known_hosts_file());
        command
    }

    fn run(&self, line: &str) -> Output {
        self.command(line).output().unwrap()
    }

    fn json(&self, line: &str, code: i32) -> Value {
        document(&self.command(line).arg("--json").output().unwrap(), code)
    }

    fn break_it(&self, change: impl FnOnce(&mut Plan)) {
        self.demo.faults().set(change);
    }

    /// The paths that a client refuses now, by the verdict that the console uses too, from the store itself.
    fn refused(&self) -> BTreeSet<String> {
        let store = self.demo.store();
        let ring = KeyRing::new(
            vec![self.demo.public_key()],
            vec![store.retired_key()],
            vec![store.upstream_key()],
        );
        (0..store.len() as u32)
            .filter_map(|at| store.info(at))
            .filter(|info| assess(&ring, info).class.refused())
            .map(|info| info.path.to_string())
            .collect()
    }

    fn stop(self) {
        self.runtime.block_on(self.demo.stop());
    }
}

fn bare(home: &Path, line: &str) -> Command {
    let mut command = Command::new(BINARY);
    command
        .args(line.split(' '))
        .arg("--config")
        .arg(home.join("config.toml"))
        .args(["--ssh-config", "none"])
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("XDG_STATE_HOME")
        .env_remove("SSH_AUTH_SOCK")
        .env("HOME", home)
        .stdin(Stdio::null());
    command
}

fn document(output: &Output, code: i32) -> Value {
    let document = super::json(output);
    assert_eq!(output.status.code(), Some(code), "{document}");
    document
}

fn keys(object: &Value) -> Vec<&str> {
    object
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

fn each<'a>(list: &'a Value, field: &str) -> Vec<&'a str> {
    let list = list.as_array().unwrap().iter();
    list.map(|item| item[field].as_str().unwrap()).collect()
}

fn error(output: &Output, code: i32, kind: &str) -> String {
    let object = document(output, code);
    assert_eq!(keys(&object), ["schema", "error"]);
    assert_eq!(keys(&object["error"]), ["kind", "message", "next"]);
    assert_eq!(object["error"]["kind"], kind, "{object}");
    assert!(
        object["error"]["next"].is_string(),
        "no next step: {object}"
    );
    let sentence = text(&output.stderr);
    assert_eq!(sentence.lines().count(), 1, "{sentence}");
    sentence.to_owned()
}

#[test]
fn status_is_as_the_contract_says() {
    let server = Server::new(2000);
    let status = server.json("status demo", 2);
    assert_eq!(
        keys(&status),
        [
            "schema", "server", "state", "checks", "counts", "disk", "nix"
        ]
    );
    assert_eq!(status["schema"], 1);
    assert_eq!(status["server"], "demo");
    assert_eq!(status["state"], "critical");
    for check in status["checks"].as_array().unwrap() {
        assert_eq!(keys(check), ["id", "state", "summary", "fix", "remedy"]);
    }
    let refused = server.refused().len();
    assert_eq!(keys(&status["counts"]), ["paths", "refused", "byTrust"]);
    assert_eq!(status["counts"]["paths"], 2000);
    assert_eq!(status["counts"]["refused"], refused);
    let by_trust = status["counts"]["byTrust"].as_object().unwrap();
    assert_eq!(by_trust.len(), 7);
    let sum: u64 = by_trust.values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(sum, 2000);
    assert_eq!(keys(&status["disk"]), ["store", "database"]);
    assert_eq!(keys(&status["nix"]), ["version", "protocol", "trusted"]);
    let shown = server.run("status demo");
    assert_eq!(shown.status.code(), Some(2));
    let shown = text(&shown.stdout);
    assert!(
        shown.contains(&format!("{refused} paths would be refused")),
        "{shown}"
    );
    assert!(shown.contains("storekeeper sign demo --all"), "{shown}");
    server.stop();
}

#[test]
fn paths_are_as_the_contract_says() {
    let server = Server::new(3000);
    let all = server.json("paths demo", 0);
    assert_eq!(keys(&all), ["schema", "server", "at", "source", "paths"]);
    let store = server.demo.store();
    let expected: BTreeSet<String> = (0..store.len() as u32)
        .filter_map(|at| Some(store.path(at)?.to_string()))
        .collect();
    let listed: BTreeSet<String> = each(&all["paths"], "path")
        .into_iter()
        .map(str::to_owned)
        .collect();
    assert_eq!(listed, expected);
    for element in all["paths"].as_array().unwrap() {
        assert_eq!(
            keys(element),
            [
                "path",
                "narHash",
                "narSize",
                "registered",
                "lastUsed",
                "deriver",
                "references",
                "signatures",
                "contentAddress",
                "trust",
                "refused"
            ]
        );
        assert!(element["lastUsed"].is_null());
        let at = store
            .find(
                &storekeeper::domain::StorePath::parse(element["path"].as_str().unwrap()).unwrap(),
            )
            .unwrap();
        let info = store.info(at).unwrap();
        assert_eq!(
            element["narHash"],
            format!("sha256:{}", info.nar_hash.to_hex())
        );
        assert_eq!(element["narSize"], info.nar_size);
        assert_eq!(element["registered"], info.registered.to_string());
        assert_eq!(
            element["references"].as_array().unwrap().len(),
            info.references.len()
        );
        assert_eq!(
            element["signatures"].as_array().unwrap().len(),
            info.signatures.len()
        );
    }

    let refused = server.json("paths demo --refused", 0);
    let listed: BTreeSet<String> = each(&refused["paths"], "path")
        .into_iter()
        .map(str::to_owned)
        .collect();
    assert_eq!(listed, server.refused());
    let bad = server.json("paths demo --trust bad", 0);
    assert!(!bad["paths"].as_array().unwrap().is_empty());
    assert!(
        bad["paths"]
            .as_array()
            .unwrap()
            .iter()
            .all(|p| p["trust"] == "bad")
    );
    let none = server.json("paths demo --trust ours --refused", 0);
    assert_eq!(none["paths"], Value::Array(vec![]));

    let sizes = server.json("paths demo --sort size --limit 5", 0);
    let sizes: Vec<u64> = sizes["paths"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["narSize"].as_u64().unwrap())
        .collect();
    assert_eq!(sizes.len(), 5);
    assert!(sizes.is_sorted_by(|a, b| a >= b), "{sizes:?}");
    let smallest = server.json("paths demo --sort size --reverse --limit 1", 0);
    assert!(smallest["paths"][0]["narSize"].as_u64().unwrap() <= sizes[4]);

    let shown = server.run("paths demo --refused");
    assert_eq!(text(&shown.stdout).lines().count(), server.refused().len());
    let query = server.json("paths demo drv:only", 0);
    assert!(
        each(&query["paths"], "path")
            .iter()
            .all(|path| path.rsplit_once('.').is_some_and(|(_, end)| end == "drv"))
    );
    server.stop();
}

#[test]
fn lines_are_the_same_elements_as_the_document() {
    let server = Server::new(3000);
    for filter in ["", " --refused", " --trust upstream", " drv:no size:>1M"] {
        let sorted = |mut list: Vec<Value>| {
            list.sort_by_key(|element| element["path"].as_str().unwrap().to_owned());
            list
        };
        let document = server.json(&format!("paths demo{filter}"), 0);
        let lines = server.run(&format!("paths demo{filter} --jsonl"));
        assert_eq!(lines.status.code(), Some(0));
        let lines: Vec<Value> = text(&lines.stdout)
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert!(!lines.is_empty());
        assert_eq!(
            sorted(lines),
            sorted(document["paths"].as_array().unwrap().clone()),
            "{filter}"
        );
    }
    let limited = server.run("paths demo --jsonl --limit 7");
    assert_eq!(limited.status.code(), Some(0), "{}", text(&limited.stderr));
    assert_eq!(text(&limited.stdout).lines().count(), 7);
    server.stop();
}

#[test]
fn a_reader_that_has_enough_ends_it_quietly() {
    let server = Server::new(20_000);
    for form in ["--jsonl", "--json", "--quiet"] {
        let mut child = server
            .command(&format!("paths demo {form}"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = Vec::new();
        let mut reader = BufReader::new(child.stdout.take().unwrap());
        reader.read_until(b',', &mut first).unwrap();
        drop(reader);
        let output = child.wait_with_output().unwrap();
        assert_eq!(text(&output.stderr), "", "{form}");
        assert_eq!(output.status.code(), Some(0), "{form}");
    }
    server.stop();
}

#[test]
fn why_takes_every_form_of_a_path() {
    let server = Server::new(2000);
    let refused = server.refused();
    let path = refused.iter().next().unwrap();
    let base = &path["/nix/store/".len()..];
    for form in [path.as_str(), base, &base[..32]] {
        let why = server.json(&format!("why demo {form}"), 1);
        assert_eq!(
            keys(&why),
            [
                "schema",
                "path",
                "present",
                "wouldCopy",
                "closure",
                "obstacles"
            ]
        );
        assert_eq!(why["path"], path.as_str());
        assert_eq!(why["present"], true);
        assert_eq!(why["wouldCopy"], false);
        assert_eq!(keys(&why["closure"]), ["paths", "narSize"]);
        for obstacle in why["obstacles"].as_array().unwrap() {
            assert_eq!(keys(obstacle), ["path", "kind", "message", "fix", "remedy"]);
            assert!(refused.contains(obstacle["path"].as_str().unwrap()));
        }
    }
    let absent = server.json("why demo no-such-name-1.0", 1);
    assert_eq!(absent["present"], false);
    assert_eq!(absent["obstacles"][0]["kind"], "missing");
    error(
        &server
            .command("why demo /etc/passwd")
            .arg("--json")
            .output()
            .unwrap(),
        2,
        "usage",
    );
    server.stop();
}

#[test]
fn why_goes_the_way_of_one_client() {
    let server = Server::new(2000);
    let refused = server.refused();
    let path = refused.iter().next().unwrap();
    let why = server.json(&format!("why demo {path} --for ci-3"), 1);
    assert_eq!(keys(&why).last(), Some(&"client"));
    let client = &why["client"];
    assert_eq!(keys(client), ["fingerprint", "comment", "verdict", "steps"]);
    assert_eq!(client["comment"], "ci-3");
    assert_eq!(client["verdict"], "no");
    let steps = client["steps"].as_array().unwrap();
    for step in steps {
        assert_eq!(keys(step), ["id", "state", "message", "remedy"]);
    }
    let states: Vec<(&str, &str)> = steps
        .iter()
        .map(|step| {
            (
                step["id"].as_str().unwrap(),
                step["state"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        states,
        [
            ("address", "fine"),
            ("host-key", "fine"),
            ("authorized", "fine"),
            ("command", "fine"),
            ("daemon", "fine"),
            ("path", "fine"),
            ("closure", "fine"),
            ("signatures", "wrong"),
            ("contents", "unknown"),
            ("nix-conf", "unknown"),
        ],
        "{why:#}"
    );
    let remedy = &steps[9]["remedy"];
    assert_eq!(remedy["file"], "nix.conf");
    assert!(
        remedy["text"]
            .as_str()
            .unwrap()
            .starts_with("extra-substituters = ssh://"),
        "{remedy}"
    );
    error(
        &server
            .command(&format!("why demo {path} --for nobody@nowhere --json"))
            .output()
            .unwrap(),
        2,
        "usage",
    );
    server.stop();
}

#[test]
fn a_change_is_planned_confirmed_run_and_recorded() {
    let server = Server::new(2000);
    let before = server.refused();
    // Without a terminal and without --yes.
    let sentence = error(
        &server
            .command("sign demo --all")
            .arg("--json")
            .output()
            .unwrap(),
        2,
        "usage",
    );
    assert!(
        sentence.contains("--dry-run") && sentence.contains("--yes"),
        "{sentence}"
    );
    // Read-only.
    let sentence = error(
        &server
            .command("sign demo --all --yes --read-only")
            .arg("--json")
            .output()
            .unwrap(),
        4,
        "policy",
    );
    assert!(sentence.contains("read-only"), "{sentence}");
    // Only a plan.
    let dry = server.json("sign demo --all --dry-run", 0);
    assert_eq!(keys(&dry), ["schema", "plan"]);
    assert_eq!(
        keys(&dry["plan"]),
        [
            "change", "server", "summary", "items", "commands", "warnings"
        ]
    );
    assert_eq!(server.refused(), before, "nothing was to be changed");

    let done = server.json("sign demo --all --yes --reason because", 0);
    assert_eq!(keys(&done), ["schema", "plan", "receipt"]);
    assert_eq!(done["plan"], dry["plan"]);
    assert_eq!(
        keys(&done["receipt"]),
        ["id", "by", "at", "result", "done", "failed", "seconds"]
    );
    assert_eq!(done["receipt"]["result"], "done");
    let signed: BTreeSet<String> = each(&done["plan"]["items"], "path")
        .into_iter()
        .map(str::to_owned)
        .collect();
    assert_eq!(done["receipt"]["done"], signed.len());
    let left: BTreeSet<String> = before.difference(&signed).cloned().collect();
    assert_eq!(server.refused(), left);

    let audit = server.json("audit demo", 0);
    assert_eq!(audit["records"][0]["reason"], "because");
    assert_eq!(audit["records"][0]["id"], done["receipt"]["id"]);
    assert_eq!(server.run("audit demo --verify").status.code(), Some(0));
    let log = std::fs::read_to_string(server.demo.audit_file()).unwrap();
    std::fs::write(
        server.demo.audit_file(),
        log.replacen("because", "nothing", 1),
    )
    .unwrap();
    // The chain cannot tell of its last record; the copy on this machine can.
    let verified = server.run("audit demo --verify");
    assert_eq!(
        verified.status.code(),
        Some(1),
        "{}",
        text(&verified.stdout)
    );
    assert!(
        text(&verified.stdout).contains("line 1"),
        "{}",
        text(&verified.stdout)
    );
    server.stop();
}

#[test]
fn signing_twice_is_no_error() {
    let server = Server::new(400);
    let all = server.json("paths demo --trust unsigned --limit 1", 0);
    let path = all["paths"][0]["path"].as_str().unwrap();
    let line = format!("sign demo {path} --yes");
    assert_eq!(server.json(&line, 0)["receipt"]["result"], "done");
    let again = server.json(&line, 0);
    assert_eq!(keys(&again), ["schema", "plan"]);
    assert_eq!(again["plan"]["items"], Value::Array(vec![]));
    server.stop();
}

#[test]
fn what_stands_between_here_and_there() {
    let server = Server::new(50);
    let run = |line: &str| server.command(line).arg("--json").output().unwrap();
    // Nobody vouches for the host.
    let hosts = server.home.path().join("hosts");
    std::fs::write(&hosts, "").unwrap();
    let unknown = bare(server.home.path(), "paths demo --json")
        .arg("--known-hosts")
        .arg(&hosts)
        .output()
        .unwrap();
    assert!(error(&unknown, 3, "host-key").contains("unknown"));
    assert_eq!(
        std::fs::read_to_string(&hosts).unwrap(),
        "",
        "nothing may be trusted by that"
    );
    server.break_it(|plan| plan.wrong_host_key = true);
    assert!(error(&run("paths demo"), 3, "host-key").contains("CHANGED"));
    server.break_it(|plan| plan.wrong_host_key = false);
    // A key that is not authorized.
    let other = Server::new(10);
    let config = server.demo.config_text().replace(
        server.demo.identity_file().to_str().unwrap(),
        other.demo.identity_file().to_str().unwrap(),
    );
    std::fs::write(server.home.path().join("config.toml"), config).unwrap();
    error(&run("paths demo"), 3, "auth");
    std::fs::write(
        server.home.path().join("config.toml"),
        server.demo.config_text(),
    )
    .unwrap();
    other.stop();
    // No Nix answers there. For `status`, that is an answer.
    server.break_it(|plan| plan.banner = true);
    error(&run("paths demo"), 1, "server");
    let status = document(&run("status demo"), 2);
    assert_eq!(status["state"], "critical");
    assert_eq!(status["checks"][0]["id"], "nix");
    assert!(status["counts"].is_null());
    server.break_it(|plan| plan.banner = false);
    assert_eq!(run("paths demo").status.code(), Some(0));
    server.break_it(|plan| plan.refuse_connections = true);
    error(&run("status demo"), 3, "connect");
    server.stop();
}

#[test]
fn a_server_that_cannot_tell_of_some_paths_is_told_of() {
    let server = Server::new(200);
    server.break_it(|plan| plan.error_every = Some(20));
    let output = server.run("paths demo --json");
    let all = document(&output, 1);
    let unknown: Vec<&Value> = all["paths"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|element| element["trust"].is_null())
        .collect();
    assert_eq!(unknown.len(), 10);
    assert!(
        unknown
            .iter()
            .all(|element| element["refused"].is_null() && element["narSize"].is_null())
    );
    assert!(
        text(&output.stderr).contains("10 paths"),
        "{}",
        text(&output.stderr)
    );
    server.stop();
}

#[test]
fn demo_listens_until_it_is_stopped() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("config.toml"), "").unwrap();
    let mut child = bare(home.path(), "demo --paths 100 --listen 127.0.0.1:0")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let command = lines
        .by_ref()
        .map(Result::unwrap)
        .find(|line| line.trim_start().starts_with("storekeeper "))
        .unwrap();
    let words = shell_words::split(&command).unwrap();
    // What it says works, word for word, with a subcommand.
    let (target, options) = words[1..].split_last().unwrap();
    let output = bare(home.path(), "paths")
        .arg(target)
        .arg("--json")
        .args(options)
        .output()
        .unwrap();
    let all = document(&output, 0);
    assert_eq!(all["paths"].as_array().unwrap().len(), 100);
    let pid = rustix::process::Pid::from_raw(child.id().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_signal_in_the_middle_is_told_by_the_receipt() {
    let server = Server::new(4000);
    server.break_it(|plan| plan.latency = Duration::from_millis(40));
    let key = server.demo.signing_key_file();
    let before = server.refused();
    let store = server.demo.store();
    let watched: Vec<u32> = (0..store.len() as u32)
        .filter(|at| before.contains(&store.path(*at).unwrap().to_string()))
        .collect();
    let signatures = || -> usize {
        let infos = watched.iter().filter_map(|at| store.info(*at));
        infos.map(|info| info.signatures.len()).sum()
    };
    let none = signatures();
    let child = server
        .command(&format!(
            "sign demo --all --yes --json --key-file {}",
            key.display()
        ))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Wait until the first signature is there, then stop it.
    let started = std::time::Instant::now();
    while signatures() == none {
        assert!(
            started.elapsed() < Duration::from_secs(30),
            "nothing was signed"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
    let pid = rustix::process::Pid::from_raw(child.id().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    let code = output.status.code().unwrap();
    let result: Value = serde_json::from_str(text(&output.stdout)).unwrap();
    let signed = before.len() - server.refused().len();
    assert_eq!(result["receipt"]["done"], signed, "{}", result["receipt"]);
    let planned = result["plan"]["items"].as_array().unwrap().len();
    let failed = result["receipt"]["failed"].as_array().unwrap().len();
    assert_eq!(signed + failed, planned);
    let ended = result["receipt"]["result"].as_str().unwrap();
    // The signal may come when the last chunk is on its way.
    assert_eq!(
        (ended, code),
        if failed == 0 {
            ("done", 0)
        } else {
            ("cancelled", 130)
        }
    );
    server.stop();
}

/// Every argument that a change takes, in any mixture: under `--read-only` the server stays as it is.
#[test]
fn read_only_holds_whatever_else_is_said() {
    use proptest::prelude::*;
    use proptest::test_runner::{Config, TestRunner};
    let server = Server::new(300);
    let store = server.demo.store();
    let state = || -> Vec<Vec<String>> {
        (0..store.len() as u32)
            .filter_map(|at| store.info(at))
            .map(|info| info.signatures)
            .collect()
    };
    let before = state();
    let key = server.demo.signing_key_file().display().to_string();
    let some: Vec<String> = server.refused().into_iter().take(3).collect();
    let what = prop_oneof![
        Just("--all".to_owned()),
        prop::sample::subsequence(some, 1..=3).prop_map(|paths| paths.join(" ")),
    ];
    let source = prop::sample::select(vec![
        String::new(),
        format!("--key-file {key}"),
        format!("--server-key {key}"),
        "--ssh-agent SHA256:x --key-name k-1".to_owned(),
    ]);
    let flags = [
        "--closure",
        "--upstream",
        "--yes",
        "--json",
        "--quiet",
        "--reason x",
    ];
    let flags = prop::sample::subsequence(flags.to_vec(), 0..=6);
    let by_configuration = any::<bool>();
    let mut runner = TestRunner::new(Config {
        cases: 24,
        failure_persistence: None,
        ..Config::default()
    });
    runner
        .run(
            &(what, source, flags, by_configuration),
            |(what, source, flags, by_configuration)| {
                let mut config = server.demo.config_text();
                if by_configuration {
                    config.push_str("read_only = true\n");
                }
                std::fs::write(server.home.path().join("config.toml"), config).unwrap();
                let mut line = format!("sign demo {what} {source} {}", flags.join(" "));
                if !by_configuration {
                    line.push_str(" --read-only");
                }
                let words: Vec<&str> = line.split_whitespace().collect();
                let output = server.run(&words.join(" "));
                prop_assert_ne!(output.status.code(), Some(0), "{}", line);
                prop_assert_eq!(state(), before.clone(), "{}", line);
                prop_assert!(!server.demo.audit_file().exists(), "{}", line);
                Ok(())
            },
        )
        .unwrap();
    server.stop();
}

#[test]
fn pinning_a_path_reads_what_it_needs_and_unpinning_nothing_that_is_not_there() {
    let server = Server::new(4_000);
    let store = server.demo.store();
    let info = (0..store.len() as u32)
        .filter_map(|at| store.info(at))
        .find(|info| info.references.is_empty())
        .unwrap();
    let pins = server.json("roots demo", 0).to_string();
    // Enough for a path and the pins; a list of all paths alone is twice as long.
    let short = || server.break_it(|plan| plan.cut_after = Some(120_000));
    short();
    let plan = server.json(&format!("pin demo {} --dry-run", info.path), 0);
    assert_eq!(plan["plan"]["items"][0]["path"], info.path.to_string());
    server.break_it(|plan| plan.cut_after = None);
    short();
    let wrong = server.run("unpin demo no-such-pin --yes --json");
    assert_eq!(error(&wrong, 2, "usage").matches("no-such-pin").count(), 1);
    server.break_it(|plan| plan.cut_after = None);
    short();
    let by_name = server.run(&format!("pin demo {} --dry-run --json", info.path.name()));
    assert_eq!(by_name.status.code(), Some(3), "{}", text(&by_name.stdout));
    server.break_it(|plan| plan.cut_after = None);
    // What is not there is reported, however it was named.
    let gone = info.path.to_string().replace(info.path.name(), "gone");
    for named in [gone.as_str(), "no-such-name"] {
        let output = server.run(&format!("pin demo {named} --yes --json"));
        let why = error(&output, 2, "usage");
        assert!(why.contains("is not in the store"), "{why}");
    }
    assert_eq!(server.json("roots demo", 0).to_string(), pins);
    server.stop();
}

#[test]
fn the_demo_has_keys_of_its_own_and_leaves_this_machines_alone() {
    let server = Server::new(50);
    let keys = server.json("keys demo list", 0);
    let owners = each(&keys["keys"], "comment");
    assert_eq!(
        owners,
        [
            "ada@laptop",
            "ci-3",
            "bob@desk",
            "build-box",
            "mei@old-laptop"
        ]
    );
    // Its own sshd and log are asked, so what each key can do and when it was used is known on any machine.
    assert_eq!(keys["posture"]["forcedCommand"], "nix-store --serve");
    for key in keys["keys"].as_array().unwrap() {
        // The demo's times count back from a moment that has passed, so what ends soon has ended.
        let ended = key["expires"].is_string();
        let can = if ended { json!([]) } else { json!(["read"]) };
        assert_eq!(key["can"], can, "{key}");
        assert!(key["lastUsed"]["from"].is_string(), "{key}");
    }
    let requests = server.json("requests demo list", 0);
    assert_eq!(
        each(&requests["requests"], "comment"),
        ["admin@old-nas", "zoe@phone", "mei@laptop"]
    );
    for file in each(&keys["keys"], "file") {
        assert!(file.contains("/storekeeper-demo-"), "{file}");
    }
    assert_eq!(each(&keys["files"], "path").len(), 1);
    server.stop();
}

/// The scripts about space work on the demo's folder, with its pins, and touch nothing of this machine.
#[test]
fn pins_of_the_demo_come_and_go() {
    let server = Server::new(300);
    let status = server.json("status demo", 2);
    let checks = status["checks"].as_array().unwrap();
    let of = |id: &str| checks.iter().find(|check| check["id"] == id).unwrap();
    let command = "storekeeper unpin demo --expired";
    assert_eq!(of("pins")["fix"], command);
    assert_eq!(
        of("pins")["remedy"],
        serde_json::json!({"kind": "command", "text": command, "file": null})
    );
    assert_eq!(of("database")["state"], "fine");
    let plan = server.json("unpin demo --expired --yes", 0);
    assert_eq!(plan["plan"]["items"][0]["pin"], "bisect-4711");
    assert_eq!(plan["receipt"]["result"], "done");
    let path = server.demo.store().info(299).unwrap().path.to_string();
    let pinned = server.json(&format!("pin demo {path} --name mine --note x --yes"), 0);
    assert_eq!(pinned["receipt"]["done"], 1, "{pinned}");
    let link = server.demo.folder().join("state/gcroots/storekeeper/mine");
    assert_eq!(std::fs::read_link(link).unwrap(), Path::new(&path));
    let verified = server.json(&format!("verify demo {path}"), 0);
    assert_eq!(verified["checked"], 1);
    // This machine's systemd is not the demo's.
    let refused = server.json("setup demo --lease --yes", 4);
    assert!(
        refused["error"]["message"]
            .as_str()
            .unwrap()
            .contains("no systemd"),
        "{refused}"
    );
    server.stop();
}

/// From the demo's older key to its own: also there the contents are looked for, and the old one can go at the end.
#[test]
fn the_demos_older_key_is_rotated_out() {
    let server = Server::new(600);
    let listed = server.json("rotate demo", 0);
    let keys = listed["keys"].as_array().unwrap();
    let retired = keys.iter().find(|key| key["role"] == "retired").unwrap();
    let old = retired["key"].as_str().unwrap().to_owned();
    let alone = |name: &str| {
        let found = keys.iter().find(|key| key["key"] == name).unwrap();
        found["alone"].as_u64().unwrap()
    };
    assert!(alone(&old) > 0, "{listed}");
    let before = server.json(&format!("rotate demo --from {old} --dry-run"), 0);
    assert_eq!(before["rotation"]["safeToDrop"], false);
    assert_eq!(before["rotation"]["needing"], alone(&old));
    let done = server.json(&format!("rotate demo --from {old} --yes"), 0);
    assert_eq!(done["receipt"]["done"], alone(&old));
    assert_eq!(done["rotation"]["safeToDrop"], true, "{done}");
    server.stop();
}
