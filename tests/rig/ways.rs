//! What a test does with a running rig: ask the real client, run the real `ssh` and `nix`, run the binary.

use super::client::Client;
use super::{Access, Agent, OURS, RETIRED, Rig, UPSTREAM, need, nix, sshd, store};
use crate::help::{self, json};
use serde_json::Value;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use storekeeper::domain::PublicKey;
use storekeeper::link::{Options, resolve};
use storekeeper::server::{Server, Spec};

impl Rig {
    /// Damages a file of a path; gives back its top folder or file.
    pub(crate) fn damage(&self, name: &str) -> PathBuf {
        fn first_file(at: &Path) -> PathBuf {
            if at.is_dir() {
                let mut entries: Vec<PathBuf> = fs::read_dir(at)
                    .unwrap()
                    .map(|entry| entry.unwrap().path())
                    .collect();
                entries.sort();
                return first_file(&entries[0]);
            }
            at.to_owned()
        }
        let top = PathBuf::from(format!("{}{}", self.file("server"), self.path(name)));
        let file = first_file(&top);
        // Not in place: the file may be linked to others.
        let folder = file.parent().unwrap();
        let writable =
            |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        writable(folder);
        fs::remove_file(&file).unwrap();
        fs::write(&file, "damaged").unwrap();
        fs::set_permissions(folder, fs::Permissions::from_mode(0o555)).unwrap();
        top
    }

    /// A real client's verdict on a path and its closure, trusting ours, retired and upstream.
    pub(crate) fn client_accepts(&self, path: &str) -> Result<(), String> {
        self.client_accepts_with(path, &self.trusted_keys())
    }

    /// The same with only these public keys trusted.
    pub(crate) fn client_accepts_with(&self, path: &str, keys: &[String]) -> Result<(), String> {
        self.client(self.port(Access::Root)).copy(path, keys)
    }

    /// The client's verdict on each path, in the same order; a few at a time.
    pub(crate) fn client_verdicts(&self, paths: &[&str]) -> Vec<Result<(), String>> {
        let next = AtomicUsize::new(0);
        let mut verdicts: Vec<(usize, Result<(), String>)> = std::thread::scope(|scope| {
            let work = || {
                let mut mine = Vec::new();
                while let Some((at, path)) = {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    paths.get(at).map(|path| (at, path))
                } {
                    mine.push((at, self.client_accepts(path)));
                }
                mine
            };
            let workers: Vec<_> = (0..3).map(|_| scope.spawn(work)).collect();
            workers
                .into_iter()
                .flat_map(|worker| worker.join().expect("a client failed"))
                .collect()
        });
        verdicts.sort_by_key(|verdict| verdict.0);
        verdicts.into_iter().map(|verdict| verdict.1).collect()
    }

    /// The real `ssh` to the server, with a command that its shell runs.
    pub(crate) fn ssh(&self, access: Access, script: &str) -> Command {
        self.ssh_as(access.user(), self.port(access), script)
    }

    /// What a command on the server prints; its failure ends the test.
    pub(crate) fn on_server(&self, access: Access, script: &str) -> String {
        nix::text_of(&mut self.ssh(access, script))
    }

    /// Adds a file with these contents to the server's store, by its own Nix; its process has ended, so nothing roots the path.
    pub(crate) fn add(&self, name: &str, contents: &str) -> String {
        let file = self.scratch().join(name);
        fs::write(&file, contents).unwrap();
        let mut add = self.nix_here("nix-store");
        let output = add.arg("--add").arg(&file).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Makes a signing key of this name beside the others, and a server `both` that trusts it as well as ours, with more lines of its
    /// configuration; gives back the public half.
    pub(crate) fn with_new_key(&self, name: &str, more: &str) -> String {
        let folder = self.file("keys");
        let mut keygen = self.storekeeper_bare(["keygen", name, "--out", &folder]);
        let made = keygen.output().unwrap();
        let said = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "{said}");
        let public = String::from_utf8(made.stdout).unwrap();
        let public = public
            .split_whitespace()
            .find(|word| word.starts_with(name));
        let public = public.unwrap().to_owned();
        let ours = self.public_key(OURS);
        let keys = format!("public_keys = [\"{public}\", \"{ours}\"]\n{more}");
        self.add_server(&self.server_section("both", "root", self.port(Access::Root), &keys));
        public
    }

    /// A value of the Nix language, as this machine's Nix evaluates it.
    pub(crate) fn evaluate(&self, expression: &str) -> Value {
        let output = self
            .nix_here("nix-instantiate")
            .args(["--eval", "--strict", "--json", "--read-write-mode", "-E"])
            .arg(expression)
            .output()
            .expect("nix-instantiate can't be run");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        serde_json::from_slice(&output.stdout).expect("it prints JSON")
    }

    /// One of the Nix programs on the server's store, run here and not through the server.
    pub(crate) fn nix_here(&self, program: &str) -> Command {
        let mut command = self.nix.command(program);
        command
            .envs(store::own_settings(&self.scratch().join("home-here")))
            .env("NIX_REMOTE", format!("local?root={}", self.file("server")))
            .stdin(Stdio::null());
        command
    }

    /// The server as the configuration of [`Rig::server_section`] has it.
    pub(crate) async fn spec(&self, user: &str, port: u16) -> Spec {
        let place = resolve(&Options {
            name: "127.0.0.1".into(),
            user: Some(user.into()),
            port: Some(port),
            identity_files: vec![self.scratch().join("id")],
            known_hosts: Some(self.scratch().join("known_hosts")),
            ssh_config: Some(self.scratch().join("ssh_config")),
            ..Options::default()
        })
        .await
        .unwrap();
        let key = |name| PublicKey::parse(&self.public_key(name)).unwrap();
        let mut spec = Spec::new("prod", place);
        spec.retired_keys = vec![key(RETIRED)];
        spec.upstream_keys = vec![key(UPSTREAM)];
        spec.audit_log = self.file("var/audit.jsonl");
        spec.pins_dir = self.file("server/nix/var/nix/gcroots/storekeeper");
        spec.requests_dir = self.file("var/requests");
        spec
    }

    /// Where the copy of the audit log is kept on this side.
    pub(crate) fn state(&self) -> PathBuf {
        self.scratch().join("state")
    }

    /// The library's connection to it.
    pub(crate) async fn connect(&self, access: Access) -> Server {
        help::connect(self.spec(access.user(), self.port(access)).await).await
    }

    /// The real binary, with nothing of the user's own configuration: a scratch home, the rig's config, key and hosts.
    pub(crate) fn storekeeper_command<'a>(
        &self,
        args: impl IntoIterator<Item = &'a str>,
    ) -> Command {
        let mut command = self.storekeeper_bare(args);
        command
            .args(["--config", &self.file("config.toml")])
            .args(["--identity", &self.file("id")])
            .args(["--known-hosts", &self.file("known_hosts")]);
        command
    }

    /// Runs the real binary to its end; the words of the line are separated by blanks.
    pub(crate) fn run(&self, line: &str) -> Output {
        self.storekeeper_command(line.split(' '))
            .output()
            .expect("the binary starts")
    }

    /// The same with `--json`: it must end with this code and print one document.
    pub(crate) fn ask(&self, line: &str, code: i32) -> Value {
        let output = self.run(&format!("{line} --json"));
        let document = json(&output);
        assert_eq!(output.status.code(), Some(code), "{line}: {document}");
        document
    }

    /// The same with neither configuration, key nor known hosts given.
    pub(crate) fn storekeeper_bare<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Command {
        let home = self.scratch().join("home-here");
        fs::create_dir_all(&home).expect("the scratch folder can't be written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_storekeeper"));
        for (key, _) in std::env::vars_os() {
            let key = key.to_string_lossy().into_owned();
            if ["XDG_", "NIX_", "SSH_", "STOREKEEPER_"]
                .iter()
                .any(|start| key.starts_with(start))
            {
                command.env_remove(key);
            }
        }
        command
            .env("HOME", &home)
            .env("TERM", "xterm-256color")
            .env("LC_ALL", "C.UTF-8")
            .args(args)
            .args(["--ssh-config", &self.file("ssh_config")])
            .stdin(Stdio::null());
        command
    }

    /// Puts the rig's host key into the known hosts for a port, such as that of a proxy.
    pub(crate) fn trust_port(&self, port: u16) {
        let host = fs::read_to_string(self.file("host.pub")).expect("the host key was made");
        self.append("known_hosts", &format!("[127.0.0.1]:{port} {host}"));
    }

    /// Adds a section to the configuration.
    pub(crate) fn add_server(&self, section: &str) {
        self.append("config.toml", section);
    }

    fn append(&self, file: &str, text: &str) {
        let mut file = fs::File::options()
            .create(true)
            .append(true)
            .open(self.file(file))
            .expect("the scratch folder can't be written");
        file.write_all(text.as_bytes())
            .expect("the scratch folder can't be written");
    }

    /// A `nix` that stands before the real one: `$real` is that one, `$*` what it is asked.
    pub(crate) fn in_place_of_nix(&self, name: &str, script: &str) -> PathBuf {
        let real = self.nix.command("nix").get_program().to_owned();
        let file = self.scratch().join(name);
        let text = format!("#!/bin/sh\nreal={}\n{script}\n", real.display());
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        file
    }

    /// A `[servers.NAME]` section, with more lines at its end.
    pub(crate) fn server_section(&self, name: &str, user: &str, port: u16, more: &str) -> String {
        format!(
            "[servers.{name}]\nhost = \"127.0.0.1\"\nuser = \"{user}\"\nport = {port}\ncache_user = \"{}\"\n\
             retired_keys = [\"{}\"]\nupstream_keys = [\"{}\"]\naudit_log = \"{}\"\npins_dir = \"{}\"\n\
             requests_dir = \"{}\"\n{more}\n",
            sshd::CACHE.0,
            self.public_key(RETIRED),
            self.public_key(UPSTREAM),
            self.file("var/audit.jsonl"),
            self.file("server/nix/var/nix/gcroots/storekeeper"),
            self.file("var/requests"),
        )
    }

    /// The same server twice more, `database` and `daemon`: each is read from that source only.
    pub(crate) fn add_readers(&self, port: u16) {
        for reader in ["database", "daemon"] {
            let more = format!("reader = \"{reader}\"");
            self.add_server(&self.server_section(reader, "root", port, &more));
        }
    }

    /// The real `nix` as root's client over `ssh-ng://` through a port: `args` come before the store.
    pub(crate) fn nix_there<'a>(
        &self,
        port: u16,
        args: impl IntoIterator<Item = &'a str>,
    ) -> Command {
        let mut command = self.nix.command("nix");
        command
            .envs(store::own_settings(&self.scratch().join("home-client")))
            .env("NIX_SSHOPTS", self.client(port).ssh_options())
            .args(args)
            .args(["--store", "ssh-ng://root@127.0.0.1"])
            .stdin(Stdio::null());
        command
    }

    /// A new ssh-agent with no keys in it.
    pub(crate) fn agent(&self) -> Agent {
        Agent::start(self.scratch())
    }

    fn client(&self, port: u16) -> Client<'_> {
        Client {
            nix: &self.nix,
            scratch: self.scratch(),
            user: sshd::CACHE.0,
            port,
        }
    }
}
