//! Pushes from a second real store to a real server, judged by the real client that trusts the cache's key only.

use crate::help::{json, text};
use crate::rig::{Access, OURS, Rig, wait_until};
use serde_json::Value;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Runs it on the build machine; it must end with this code and print one document.
pub(crate) fn push(rig: &Rig, line: &str, code: i32) -> Value {
    let output = rig
        .storekeeper_there(line.split(' ').chain(["--json"]))
        .output()
        .unwrap();
    assert_eq!(
        output.status.code(),
        Some(code),
        "{line}: {}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    json(&output)
}

/// Whether a client that trusts only the cache's key gets each of them.
pub(crate) fn served(rig: &Rig, paths: &[String]) {
    for path in paths {
        let verdict = rig.client_accepts_with(path, &[rig.public_key(OURS)]);
        assert_eq!(verdict, Ok(()), "{path}");
    }
}

/// Each path that has a signature by the cache's key, and how many.
pub(crate) fn signatures(rig: &Rig) -> Vec<(String, usize)> {
    let rows = rig.sql("select path, ifnull(sigs, '') from ValidPaths order by path");
    let start = format!("{OURS}:");
    rows.lines()
        .filter_map(|row| {
            let (path, sigs) = row.split_once('|')?;
            let ours = sigs
                .split(' ')
                .filter(|one| one.starts_with(&start))
                .count();
            (ours > 0).then(|| (path.to_owned(), ours))
        })
        .collect()
}

/// How many of the paths the server has.
pub(crate) fn there(rig: &Rig, paths: &[String]) -> usize {
    let all = rig.sql("select path from ValidPaths");
    let all: Vec<&str> = all.lines().collect();
    paths
        .iter()
        .filter(|path| all.contains(&path.as_str()))
        .count()
}

/// Nothing but these paths was signed.
pub(crate) fn only_these_were_signed(rig: &Rig, before: &[(String, usize)], paths: &[String]) {
    let mut expected = before.to_vec();
    expected.extend(paths.iter().map(|path| (path.clone(), 1)));
    expected.sort();
    assert_eq!(signatures(rig), expected);
}

fn journal(rig: &Rig, server: &str) -> std::path::PathBuf {
    rig.scratch().join(format!(
        "home-here/.local/state/storekeeper/push/{server}.json"
    ))
}

pub(crate) fn records(rig: &Rig) -> Vec<Value> {
    let log = std::fs::read_to_string(rig.file("var/audit.jsonl")).unwrap_or_default();
    // A line that was cut off by a kill stays where it is.
    log.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

#[test]
fn what_is_missing_is_copied_signed_and_served_on_every_nix() {
    Rig::on_every_nix(|rig| {
        let before = signatures(rig);
        let mut pushed = Vec::new();
        for server in ["root", "via-socket", "sudo"] {
            let chain = rig.build_chain(server, 3, 1000);
            let top = &chain[2];
            let planned = push(rig, &format!("push {server} {top} --dry-run"), 0);
            assert_eq!(planned["plan"]["missing"]["paths"], 3, "{planned}");
            assert_eq!(planned["plan"]["there"]["paths"], 0);
            assert_eq!(planned["plan"]["key"], OURS);
            assert_eq!(there(rig, &chain), 0);
            // One of them is there already, as somebody else has uploaded it: it stays unsigned.
            let mut copy = rig.on_origin("nix");
            let to = format!("local?root={}", rig.file("server"));
            copy.args(["copy", "--no-check-sigs", "--to", &to, &chain[0]]);
            assert!(copy.status().unwrap().success());
            // The rig's socket does not tell where roots are.
            let (pin, items) = match server {
                "via-socket" => (String::new(), 2),
                server => (format!(" --pin {server}"), 3),
            };
            let line = format!("push {server} {top} --yes --reason nightly{pin}");
            let done = push(rig, &line, 0);
            assert_eq!(done["plan"]["missing"]["paths"], 2, "{done}");
            assert_eq!(done["plan"]["there"]["paths"], 1);
            assert!(
                done["plan"]["warnings"][0]
                    .as_str()
                    .unwrap()
                    .contains("refused by clients")
            );
            assert_eq!(done["receipt"]["result"], "done", "{done}");
            assert_eq!(done["receipt"]["done"], items);
            assert!(!journal(rig, server).exists());
            pushed.extend_from_slice(&chain[1..]);
            only_these_were_signed(rig, &before, &pushed);
            assert!(
                rig.client_accepts_with(top, &[rig.public_key(OURS)])
                    .is_err()
            );
            // What the warning says fixes it.
            let signed = push(rig, &format!("sign {server} {top} --closure --yes"), 0);
            assert_eq!(signed["receipt"]["done"], 1, "{signed}");
            pushed.push(chain[0].clone());
            served(rig, &chain);
            if items == 3 {
                let pin = rig.file(&format!("server/nix/var/nix/gcroots/storekeeper/{server}"));
                assert_eq!(std::fs::read_link(pin).unwrap().to_string_lossy(), *top);
            }
            let again = push(rig, &format!("push {server} {top} --yes"), 0);
            assert_eq!(again["plan"]["items"], Value::Array(vec![]), "{again}");
        }
        let changes = records(rig);
        assert_eq!(changes.len(), 6);
        assert_eq!(
            (&changes[0]["change"], &changes[0]["reason"]),
            (&"push".into(), &"nightly".into())
        );
    });
}

/// Nix's programs are not to be found in what this runs.
const HIDE: &str = r#"
for name in nix-daemon nix-store nix; do mount --bind /dev/null "$(command -v $name)"; done
exec "$@"
"#;

#[test]
fn read_only_and_what_is_not_here_are_refused() {
    let rig = Rig::new();
    let chain = rig.build_chain("chain", 1, 10);
    let refused = push(
        &rig,
        &format!("push root {} --yes --read-only", chain[0]),
        4,
    );
    assert_eq!(refused["error"]["kind"], "policy");
    assert_eq!(there(&rig, &chain), 0);
    let gone = "/nix/store/5wd5yzrxv6y0dj2mzzjqlyx5v1kh8vzr-demo-1.0";
    let missing = push(&rig, &format!("push root {gone} --yes"), 2);
    assert!(
        missing["error"]["message"]
            .as_str()
            .unwrap()
            .contains("is not in the store of this machine")
    );
    // Without Nix here, that is said.
    let bare = rig.storekeeper_there(["push", "root", &chain[0], "--yes", "--json"]);
    let mut hidden = Command::new("unshare");
    hidden.args(["-m", "sh", "-c", HIDE, "hide"]);
    hidden.arg(bare.get_program()).args(bare.get_args());
    for (name, value) in bare.get_envs() {
        match value {
            Some(value) => hidden.env(name, value),
            None => hidden.env_remove(name),
        };
    }
    let output = hidden.output().unwrap();
    let without = json(&output);
    let said = without["error"]["message"].as_str().unwrap_or_default();
    assert!(said.contains("this machine"), "{without}");
    assert_eq!(output.status.code(), Some(1));
}

/// A login that the daemon does not trust: Nix's own first line says so, and nothing is left half done.
#[test]
fn what_nix_refuses_is_named_in_its_words_on_every_nix() {
    Rig::on_every_nix(|rig| {
        let chain = rig.build_chain("chain", 2, 10);
        let (user, port) = (Access::NoSudo.user(), rig.port(Access::NoSudo));
        let section = rig.server_section("visitor", user, port, "");
        let section = section
            .lines()
            .filter(|line| !line.starts_with("audit_log"));
        let log = format!("audit_log = \"{}\"", rig.file("home-visitor/audit.jsonl"));
        let section: Vec<&str> = section.chain([log.as_str()]).collect();
        rig.add_server(&format!("{}\n", section.join("\n")));
        let file = rig.secret_key_file(OURS).display().to_string();
        let line = format!("push visitor {} --key-file {file} --yes", chain[1]);
        let refused = push(rig, &line, 1);
        let failed = refused["receipt"]["failed"][0]["message"]
            .as_str()
            .unwrap_or_default();
        assert!(
            failed.contains("not copied") && failed.contains("lacks a"),
            "{refused}"
        );
        // Nix says so since 2.11.
        if rig.nix.version != "2.8.0" {
            let warnings = refused["plan"]["warnings"].to_string();
            assert!(warnings.contains("does not trust this login"), "{warnings}");
        }
        assert_eq!(there(rig, &chain), 0);
    });
}

/// A push that runs.
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        Self(
            command
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap(),
        )
    }

    pub(crate) fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Asks it to end; its code and what it said.
    pub(crate) fn terminate(self) -> (Option<i32>, String) {
        let id = self.0.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &id])
                .status()
                .unwrap()
                .success()
        );
        let output = self.0.wait_with_output().unwrap();
        (
            output.status.code(),
            text(&output.stdout) + &text(&output.stderr),
        )
    }

    fn document(self, code: i32) -> Value {
        let output = self.0.wait_with_output().unwrap();
        assert_eq!(
            output.status.code(),
            Some(code),
            "{}{}",
            text(&output.stdout),
            text(&output.stderr)
        );
        json(&output)
    }
}

#[test]
fn a_link_that_is_cut_twice_is_followed_by_another_on_every_nix() {
    Rig::on_every_nix(|rig| {
        let before = signatures(rig);
        let chain = rig.build_chain("chain", 6, 200_000);
        let proxy = rig.proxied(Duration::ZERO);
        rig.add_server(&rig.server_section("far", "root", proxy.port(), ""));
        proxy.limit(300_000);
        let line = format!("push far {} --yes --json", chain[5]);
        let running = Running::start(rig.storekeeper_there(line.split(' ')));
        for arrived in [1, 3] {
            wait_until("some paths", || there(rig, &chain) >= arrived);
            proxy.cut();
        }
        wait_until("all paths", || {
            proxy.limit(0);
            there(rig, &chain) == chain.len()
        });
        let done = running.document(0);
        assert_eq!(done["receipt"]["result"], "done", "{done}");
        assert_eq!(done["receipt"]["done"], 6);
        only_these_were_signed(rig, &before, &chain);
        served(rig, &chain);
        assert!(!journal(rig, "far").exists());
        assert_eq!(records(rig).len(), 1);
    });
}

/// The program itself is killed in the middle of the copy: what it had copied is signed by the next push, and nothing else.
#[test]
fn a_push_that_was_killed_is_gone_on_with_on_every_nix() {
    Rig::on_every_nix(|rig| {
        let before = signatures(rig);
        let chain = rig.build_chain("chain", 6, 200_000);
        let proxy = rig.proxied(Duration::ZERO);
        rig.add_server(&rig.server_section("far", "root", proxy.port(), ""));
        proxy.limit(300_000);
        let line = format!("push far {} --yes --json", chain[5]);
        for arrived in [1, 3] {
            let running = Running::start(rig.storekeeper_there(line.split(' ')));
            wait_until("some paths", || there(rig, &chain) >= arrived);
            running.kill();
        }
        proxy.limit(0);
        // What it had begun lies here for its owner alone.
        let file = journal(rig, "far");
        let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata().unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(signatures(rig), before);
        let done = push(rig, &format!("push far {} --yes", chain[5]), 0);
        assert_eq!(done["receipt"]["done"], 6, "{done}");
        assert!(
            done["plan"]["resumed"]["paths"].as_u64().unwrap() >= 3,
            "{done}"
        );
        only_these_were_signed(rig, &before, &chain);
        served(rig, &chain);
        assert!(!file.exists());
        // Two that were killed and one that came to its end.
        let results: Vec<String> = records(rig)
            .iter()
            .map(|one| one["result"].to_string())
            .collect();
        assert_eq!(
            results.iter().filter(|one| *one == "\"done\"").count(),
            1,
            "{results:?}"
        );
    });
}

/// Between the copy and the signatures.
#[test]
fn sessions_that_are_killed_between_copy_and_signatures() {
    let mut rig = Rig::new();
    let before = signatures(&rig);
    let chain = rig.build_chain("chain", 3, 100_000);
    let line = format!("push root {} --yes --json", chain[2]);
    let running = Running::start(rig.storekeeper_there(line.split(' ')));
    wait_until("the copy", || there(&rig, &chain) == 3);
    rig.sshd(Access::Root).kill_sessions();
    let done = running.document(0);
    assert_eq!(done["receipt"]["result"], "done", "{done}");
    only_these_were_signed(&rig, &before, &chain);
    served(&rig, &chain);
}

#[test]
fn from_another_store() {
    let rig = Rig::new();
    let chain = rig.build_chain("chain", 2, 1000);
    let file = rig.file("binary-cache");
    let mut copy = rig.on_origin("nix");
    copy.args(["copy", "--to", &format!("file://{file}"), &chain[1]]);
    assert!(copy.status().unwrap().success());
    let done = push(
        &rig,
        &format!("push root {} --from file://{file} --yes", chain[1]),
        0,
    );
    assert_eq!(done["receipt"]["done"], 2, "{done}");
    served(&rig, &chain);
}

/// The server is this machine: there is no link, and the other store is another one here.
#[test]
fn on_the_server_itself_on_every_nix() {
    Rig::on_every_nix(|rig| {
        let before = signatures(rig);
        let chain = rig.build_chain("chain", 2, 1000);
        let log = rig.file("var/audit.jsonl");
        rig.add_server(&format!(
            "[servers.here]\nhost = \"local\"\naudit_log = \"{log}\"\n"
        ));
        let line = format!(
            "push here {} --from {} --yes --json",
            chain[1],
            rig.origin()
        );
        let mut here = rig.storekeeper_there(line.split(' '));
        here.env("NIX_REMOTE", format!("local?root={}", rig.file("server")))
            .env("NIX_CONF_DIR", rig.file("conf"));
        let done = json(&here.output().unwrap());
        assert_eq!(done["receipt"]["done"], 2, "{done}");
        only_these_were_signed(rig, &before, &chain);
        served(rig, &chain);
    });
}
