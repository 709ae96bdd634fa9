//! What a key is said to be able to do, against what the real client can do with it.
//!
//! Every way in which sshd may serve the cache user (both protocols, with and without `--write`, without a forced command), with
//! and without Nix's trust, with and without `restrict`. Each ability is tried, over `ssh://` and `ssh-ng://`.

use super::text;
use crate::rig::{Access, OURS, Rig, Twist, key_pair};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

/// Name, and what sshd forces.
const WAYS: [(&str, &str); 4] = [
    ("serve", "nix-store --serve"),
    ("serve-write", "nix-store --serve --write"),
    ("daemon", "nix-daemon --stdio"),
    ("shell", "none"),
];

/// The key without options, and the one with `restrict`.
const KEYS: [&str; 2] = ["free", "tied"];

fn run(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap()
}

/// Paths that no server has, built in a store of their own; those whose name begins with `signed` carry our signature.
fn build(rig: &Rig, names: &[String]) -> Vec<String> {
    let store = format!("local?root={}", rig.file("uploads"));
    let file = rig.file("uploads.nix");
    let wanted: Vec<String> = names
        .iter()
        .map(|name| format!("(make \"{name}\")"))
        .collect();
    let expression = format!(
        "let make = name: derivation {{ inherit name; system = builtins.currentSystem; builder = \"/bin/sh\"; args = [ \"-c\" \"echo $name > $out\" ]; }}; in [ {} ]",
        wanted.join(" ")
    );
    fs::write(&file, expression).unwrap();
    let built = run(rig
        .nix_here("nix-build")
        .env("NIX_REMOTE", &store)
        .args([&file, "--no-out-link"])
        .args(rig.nix.build_options()));
    assert!(built.status.success(), "{}", text(&built.stderr));
    let paths: Vec<String> = text(&built.stdout).lines().map(ToOwned::to_owned).collect();
    let key = rig.secret_key_file(OURS);
    for path in paths.iter().filter(|path| path.contains("-signed-")) {
        let signed = run(rig
            .nix_here("nix")
            .env("NIX_REMOTE", &store)
            .args(["store", "sign", "-k"])
            .arg(&key)
            .arg(path));
        assert!(signed.status.success(), "{}", text(&signed.stderr));
    }
    paths
}

/// One sshd of the cache, seen by its clients.
struct Client<'a> {
    rig: &'a Rig,
    port: u16,
    key: &'a str,
}

impl Client<'_> {
    fn options(&self) -> String {
        format!(
            "-F none -i {} -o IdentitiesOnly=yes -o UserKnownHostsFile={} -o BatchMode=yes -o LogLevel=ERROR -p {}",
            self.rig.file(self.key),
            self.rig.file("known_hosts"),
            self.port
        )
    }

    /// The real client. One that waits for an answer which never comes is stopped.
    fn nix(&self, arguments: &[&str]) -> bool {
        let nix = self.rig.nix_here("nix");
        let mut command = Command::new("timeout");
        command
            .arg("20")
            .arg(nix.get_program())
            .args(nix.get_args());
        for (name, value) in nix.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
            .env("NIX_SSHOPTS", self.options())
            .env_remove("NIX_REMOTE")
            .env_remove("SSH_AUTH_SOCK")
            .args(arguments);
        run(&mut command).status.success()
    }

    fn ssh(&self, arguments: &[&str]) -> String {
        let mut ssh = Command::new("timeout");
        ssh.args(["20", "ssh"]).args(self.options().split(' '));
        ssh.env_remove("SSH_AUTH_SOCK").args(arguments);
        text(&run(&mut ssh).stdout)
    }

    fn shell(&self) -> bool {
        self.ssh(&["nix-ssh@127.0.0.1", "echo shell-$((40 + 2))"])
            .contains("shell-42")
    }

    /// Reaches a service of the server through it.
    fn forward(&self) -> bool {
        let service = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = service.local_addr().unwrap().to_string();
        service.set_nonblocking(true).unwrap();
        let stop = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    if let Ok((mut connection, _)) = service.accept() {
                        let _ = connection.write_all(b"through\n");
                    }
                    std::thread::sleep(Duration::from_millis(5));
                }
            });
            let said = self.ssh(&["-W", &address, "nix-ssh@127.0.0.1"]);
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
            said.contains("through")
        })
    }

    /// What it can really do with these paths: one signed, one not, one that is there and that nothing keeps.
    fn can(&self, signed: &str, unsigned: &str, dead: &str) -> BTreeSet<String> {
        let store = format!("local?root={}", self.rig.file("uploads"));
        let top = self.rig.path("top-1.0");
        let mut can = BTreeSet::new();
        for scheme in ["ssh", "ssh-ng"] {
            let cache = format!("{scheme}://nix-ssh@127.0.0.1");
            let mut add = |ability: &str, yes: bool| {
                if yes {
                    can.insert(ability.to_owned());
                }
            };
            add("read", self.nix(&["path-info", "--store", &cache, top]));
            // The server's own word, and not the client's, says whether something has come or gone.
            self.nix(&["copy", "--from", &store, "--to", &cache, signed]);
            add("upload", self.has(signed));
            self.nix(&[
                "copy",
                "--no-check-sigs",
                "--from",
                &store,
                "--to",
                &cache,
                unsigned,
            ]);
            add("inject", self.has(unsigned));
            self.nix(&["store", "delete", "--store", &cache, dead]);
            add("gc", !self.has(dead));
        }
        if self.shell() {
            can.insert("shell".to_owned());
        }
        if self.forward() {
            can.insert("forward".to_owned());
        }
        can
    }

    fn has(&self, path: &str) -> bool {
        let found = self.rig.sql(&format!(
            "select path from ValidPaths where path = '{path}'"
        ));
        !found.trim().is_empty()
    }
}

/// What the program says that this key can do.
fn said(rig: &Rig, server: &str, key: &str) -> BTreeSet<String> {
    let output = run(&mut rig.storekeeper_command(["keys", server, "list", "--json"]));
    assert!(output.status.success(), "{}", text(&output.stderr));
    let list: Value = serde_json::from_slice(&output.stdout).unwrap();
    let keys = list["keys"].as_array().unwrap();
    let entry = keys.iter().find(|entry| entry["comment"] == key).unwrap();
    let can = entry["can"].as_array().unwrap_or_else(|| panic!("{entry}"));
    can.iter()
        .map(|word| word.as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn what_is_said_of_a_key_is_what_it_can_do() {
    let mut rig = Rig::new();
    let mut lines = String::new();
    for key in KEYS {
        key_pair(&rig.scratch().join(key), key);
        let public = fs::read_to_string(rig.file(&format!("{key}.pub"))).unwrap();
        lines += if key == "tied" { "restrict " } else { "" };
        lines += &public;
    }
    fs::write(rig.file("home-nix-ssh/.ssh/authorized_keys"), lines).unwrap();
    let sshds: Vec<_> = WAYS
        .iter()
        .map(|(name, forced)| {
            let more = format!("Match User nix-ssh\n  ForceCommand {forced}\nMatch all\n");
            let twist = Twist {
                more,
                ..Twist::default()
            };
            rig.twisted(name, Access::Root, twist)
        })
        .collect();
    let mut seen = BTreeSet::new();
    for trusted in [false, true] {
        if trusted {
            // By name for what sshd's users are, by number for the daemon, which knows this machine's users only.
            rig.reconfigure("trusted-users = root nix-ssh 61003\n");
        }
        let names: Vec<String> = WAYS
            .iter()
            .flat_map(|(way, _)| KEYS.map(|key| format!("{way}-{key}-{trusted}")))
            .collect();
        let signed: Vec<String> = names.iter().map(|name| format!("signed-{name}")).collect();
        let plain: Vec<String> = names.iter().map(|name| format!("plain-{name}")).collect();
        let (signed, plain) = (build(&rig, &signed), build(&rig, &plain));
        for (at, name) in names.iter().enumerate() {
            let file = rig.file(&format!("dead-{name}"));
            fs::write(&file, name).unwrap();
            let added = run(rig.nix_here("nix").args(["store", "add-file", &file]));
            assert!(added.status.success(), "{}", text(&added.stderr));
            let dead = text(&added.stdout).trim().to_owned();
            let (way, key) = (at / KEYS.len(), KEYS[at % KEYS.len()]);
            let client = Client {
                rig: &rig,
                port: sshds[way].port,
                key,
            };
            let can = client.can(&signed[at], &plain[at], &dead);
            assert_eq!(
                said(&rig, WAYS[way].0, key),
                can,
                "{} with {}, trusted: {trusted}, key {key}",
                WAYS[way].0,
                WAYS[way].1
            );
            seen.extend(can);
        }
    }
    // Each ability was there once, or the tries prove nothing.
    let all = ["forward", "gc", "inject", "read", "shell", "upload"];
    assert_eq!(seen.iter().map(String::as_str).collect::<Vec<_>>(), all);
}
