//! A real cache server in a scratch folder: sshd, nix-daemon and a chroot store with real paths, and a real client.
//!
//! In: the Nix of this machine, and those that `STOREKEEPER_TEST_NIX_ROOTS` names. Out: [`Rig`], which starts it all on
//! the loopback address, says what must be true of each path, and stops it by process id when it is dropped or the test
//! process ends. A missing prerequisite fails with one sentence that names the package.
//!
//! Four ways in, each a server name in the rig's configuration (see [`Access`]). [`Rig::new`] is for a test that changes
//! the store; [`Rig::on_every_nix`] repeats a test on each version.

// Each test file includes the rig and uses its own part of it.
#![allow(dead_code, unused_imports)]
// A rig that can't be built has no other way to say so than to end the test.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::print_stderr
)]

mod bulk;
mod client;
mod guard;
mod need;
pub(crate) mod nix;
mod proxy;
mod sshd;
mod store;

pub(crate) use guard::wait_until;
pub(crate) use nix::Nix;
pub(crate) use proxy::DelayProxy;
pub(crate) use sshd::{Sshd, free_port, key_pair};
pub(crate) use store::{Entry, OURS, RETIRED, UPSTREAM};

use client::Client;
use guard::{Guard, Reaper};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

/// How the administrator comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// As root, whose commands open the database.
    Root,
    /// As root, whose commands go through the daemon's socket.
    ViaSocket,
    /// As a user with `sudo -n`; without sudo the daemon does not trust that user.
    Sudo,
    /// As a user without sudo, whom the daemon does not trust.
    NoSudo,
}

impl Access {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::Root, Self::ViaSocket, Self::Sudo, Self::NoSudo];

    /// The server's name in the rig's configuration.
    pub(crate) fn server(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::ViaSocket => "via-socket",
            Self::Sudo => "sudo",
            Self::NoSudo => "no-sudo",
        }
    }

    /// Whom it logs in as.
    pub(crate) fn user(self) -> &'static str {
        match self {
            Self::Root | Self::ViaSocket => "root",
            Self::Sudo => sshd::ADMIN.0,
            Self::NoSudo => sshd::PLAIN.0,
        }
    }
}

/// A running cache server. The fields are dropped in this order: servers first, the folder last.
pub(crate) struct Rig {
    direct: Sshd,
    socket: Sshd,
    daemon: Guard,
    scratch: PathBuf,
    /// The Nix that it runs.
    pub(crate) nix: Nix,
    /// Every path of the store and what must be said of it; empty for [`Rig::bulk`].
    pub(crate) entries: Vec<Entry>,
    _reaper: Reaper,
}

impl Rig {
    /// A server with this machine's Nix.
    pub(crate) fn new() -> Self {
        Self::with(&Nix::of_this_machine())
    }

    /// Runs a test on a fresh server for every Nix there is; says on stderr which one it is.
    pub(crate) fn on_every_nix(test: impl Fn(&mut Self)) {
        for nix in Nix::all() {
            eprintln!("on Nix {}", nix.version);
            test(&mut Self::with(&nix));
        }
    }

    /// A server with the given Nix and the store of `packages.nix`.
    pub(crate) fn with(nix: &Nix) -> Self {
        need::root();
        let template = store::Template::of(nix);
        let scratch = new_scratch();
        template.copy_to(&scratch);
        Self::start(nix, scratch, template.entries)
    }

    /// A server whose store has `count` registered paths and no contents, for measuring.
    pub(crate) fn bulk(nix: &Nix, count: u32) -> Self {
        need::root();
        let template = store::Template::of(nix);
        let scratch = new_scratch();
        template.copy_to(&scratch);
        let key = scratch.join(format!("keys/{OURS}.sec"));
        let made = bulk::store(nix, &key, count);
        fs::remove_dir_all(scratch.join("server")).expect("the scratch folder can't be written");
        nix::text_of(
            Command::new(need::program("cp"))
                .args(["-a", "--reflink=auto"])
                .arg(made)
                .arg(scratch.join("server")),
        );
        Self::start(nix, scratch, Vec::new())
    }

    fn start(nix: &Nix, scratch: PathBuf, entries: Vec<Entry>) -> Self {
        let reaper = Reaper::new(&scratch);
        let direct_store = format!("local?root={}/server", scratch.display());
        let daemon_store = format!("unix://{}/daemon.socket", scratch.display());
        // `nix-store --serve` reads contents itself, so it has to know where the daemon's store is.
        let cache_store = format!("{daemon_store}?root={}/server", scratch.display());
        sshd::prepare(&scratch, nix, &direct_store);
        write_server_settings(&scratch);
        let daemon = start_daemon(nix, &scratch, &direct_store);
        let start = |name, root_store: &str| {
            Sshd::start(&sshd::Plan {
                name,
                scratch: &scratch,
                nix,
                root_store: root_store.to_owned(),
                user_store: daemon_store.clone(),
                cache_store: cache_store.clone(),
                more: "",
            })
        };
        let (direct, socket) = (
            start("direct", &direct_store),
            start("socket", &daemon_store),
        );
        let rig = Self {
            direct,
            socket,
            daemon,
            scratch,
            nix: nix.clone(),
            entries,
            _reaper: reaper,
        };
        rig.direct.wait();
        rig.socket.wait();
        wait_until("the daemon's socket", || {
            rig.scratch.join("daemon.socket").exists()
        });
        rig.write_known_hosts();
        rig.write_config();
        rig
    }

    /// The scratch folder; everything of the rig is below it.
    pub(crate) fn scratch(&self) -> &Path {
        &self.scratch
    }

    /// A file of the scratch folder, as text for an argument.
    pub(crate) fn file(&self, name: &str) -> String {
        self.scratch.join(name).display().to_string()
    }

    /// The server's database.
    pub(crate) fn sql(&self, statements: &str) -> String {
        store::sql(
            &self.scratch.join("server/nix/var/nix/db/db.sqlite"),
            statements,
        )
    }

    /// The path with this name.
    pub(crate) fn path(&self, name: &str) -> &str {
        self.entries
            .iter()
            .find(|entry| entry.name == name)
            .map_or_else(
                || panic!("no path is called {name}"),
                |entry| entry.path.as_str(),
            )
    }

    /// The paths that a client refuses, sorted, as `storekeeper paths --refused` must list them.
    pub(crate) fn refused(&self) -> Vec<&str> {
        let mut refused: Vec<&str> = self
            .entries
            .iter()
            .filter(|entry| entry.class.refused())
            .map(|entry| entry.path.as_str())
            .collect();
        refused.sort_unstable();
        refused
    }

    /// A public key, `name:base64`.
    pub(crate) fn public_key(&self, name: &str) -> String {
        fs::read_to_string(self.scratch.join(format!("keys/{name}.pub")))
            .expect("the rig has this key")
            .trim()
            .to_owned()
    }

    /// The file of a secret key, mode 0600.
    pub(crate) fn secret_key_file(&self, name: &str) -> PathBuf {
        self.scratch.join(format!("keys/{name}.sec"))
    }

    /// Everything that the clients of this cache trust: ours, retired and upstream.
    pub(crate) fn trusted_keys(&self) -> Vec<String> {
        [OURS, RETIRED, UPSTREAM]
            .map(|name| self.public_key(name))
            .to_vec()
    }

    /// The sshd that serves a way in.
    pub(crate) fn sshd(&mut self, access: Access) -> &mut Sshd {
        if access == Access::ViaSocket {
            &mut self.socket
        } else {
            &mut self.direct
        }
    }

    /// Its port.
    pub(crate) fn port(&self, access: Access) -> u16 {
        if access == Access::ViaSocket {
            self.socket.port
        } else {
            self.direct.port
        }
    }

    /// A real client's verdict on a path and its closure, trusting ours, retired and upstream.
    pub(crate) fn client_accepts(&self, path: &str) -> Result<(), String> {
        self.client_accepts_with(path, &self.trusted_keys())
    }

    /// The same with only these public keys trusted.
    pub(crate) fn client_accepts_with(&self, path: &str, keys: &[String]) -> Result<(), String> {
        let client = Client {
            nix: &self.nix,
            scratch: &self.scratch,
            user: sshd::CACHE.0,
            port: self.direct.port,
        };
        client.copy(path, keys)
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

    /// The real `ssh` as any user.
    pub(crate) fn ssh_as(&self, user: &str, port: u16, script: &str) -> Command {
        let mut ssh = Command::new(need::program("ssh"));
        ssh.args([
            "-F",
            "none",
            "-o",
            "IdentitiesOnly=yes",
            "-o",
            "BatchMode=yes",
            "-o",
            "LogLevel=ERROR",
        ])
        .args(["-i", &self.file("id")])
        .args([
            "-o",
            &format!("UserKnownHostsFile={}", self.file("known_hosts")),
        ])
        .args([
            "-p",
            &port.to_string(),
            &format!("{user}@127.0.0.1"),
            script,
        ])
        .env_remove("SSH_AUTH_SOCK")
        .stdin(Stdio::null());
        ssh
    }

    /// What a command on the server prints; its failure ends the test.
    pub(crate) fn on_server(&self, access: Access, script: &str) -> String {
        nix::text_of(&mut self.ssh(access, script))
    }

    /// One of the Nix programs on the server's store, run here and not through the server.
    pub(crate) fn nix_here(&self, program: &str) -> Command {
        let mut command = self.nix.command(program);
        command
            .envs(store::own_settings(&self.scratch.join("home-here")))
            .env("NIX_REMOTE", format!("local?root={}", self.file("server")))
            .stdin(Stdio::null());
        command
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

    /// The same with neither configuration, key nor known hosts given.
    pub(crate) fn storekeeper_bare<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Command {
        let home = self.scratch.join("home-here");
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
            .args(args)
            .args(["--ssh-config", &self.file("ssh_config")])
            .stdin(Stdio::null());
        command
    }

    fn write_known_hosts(&self) {
        let host =
            fs::read_to_string(self.scratch.join("host.pub")).expect("the host key was made");
        let [direct, socket] = [self.direct.port, self.socket.port];
        let lines = format!("[127.0.0.1]:{direct} {host}[127.0.0.1]:{socket} {host}");
        fs::write(self.scratch.join("known_hosts"), lines)
            .expect("the scratch folder can't be written");
        fs::write(self.scratch.join("ssh_config"), "")
            .expect("the scratch folder can't be written");
    }

    fn write_config(&self) {
        let servers = Access::ALL.map(|access| self.server_section(access.server(), access, ""));
        fs::write(self.scratch.join("config.toml"), servers.concat())
            .expect("the scratch folder can't be written");
    }

    /// A `[servers.NAME]` section for a way in, with more lines at its end.
    pub(crate) fn server_section(&self, name: &str, access: Access, more: &str) -> String {
        format!(
            "[servers.{name}]\nhost = \"127.0.0.1\"\nuser = \"{}\"\nport = {}\ncache_user = \"{}\"\n\
             retired_keys = [\"{}\"]\nupstream_keys = [\"{}\"]\naudit_log = \"{}\"\npins_dir = \"{}\"\n\
             requests_dir = \"{}\"\n{more}\n",
            access.user(),
            self.port(access),
            sshd::CACHE.0,
            self.public_key(RETIRED),
            self.public_key(UPSTREAM),
            self.file("var/audit.jsonl"),
            self.file("server/nix/var/nix/gcroots/storekeeper"),
            self.file("var/requests"),
        )
    }

    /// The daemon that serves the socket.
    pub(crate) fn daemon_pid(&self) -> u32 {
        self.daemon.pid()
    }
}

/// A folder that other users can enter, below the temporary folder; no blank in its name, as `NIX_SSHOPTS` splits there.
fn new_scratch() -> PathBuf {
    tempfile::Builder::new()
        .prefix("storekeeper-rig-")
        .permissions(fs::Permissions::from_mode(0o755))
        .tempdir()
        .expect("the temporary folder can't be written")
        .keep()
}

/// What the server's own `nix.conf` says. The experimental command line is off, as on a server that nobody prepared.
fn write_server_settings(scratch: &Path) {
    let conf = scratch.join("conf");
    fs::create_dir_all(&conf).expect("the scratch folder can't be written");
    fs::create_dir_all(scratch.join("home-daemon")).expect("the scratch folder can't be written");
    let settings = format!(
        "build-users-group =\nsubstitute = false\nsubstituters =\ntrusted-users = root\nsecret-key-files = {}/keys/{OURS}.sec\n",
        scratch.display()
    );
    fs::write(conf.join("nix.conf"), settings).expect("the scratch folder can't be written");
}

fn start_daemon(nix: &Nix, scratch: &Path, store: &str) -> Guard {
    let mut command = nix.command("nix-daemon");
    command
        .env("NIX_REMOTE", store)
        .env("NIX_CONF_DIR", scratch.join("conf"))
        .env("NIX_DAEMON_SOCKET_PATH", scratch.join("daemon.socket"))
        .env("HOME", scratch.join("home-daemon"));
    Guard::spawn(&command, &scratch.join("daemon.log"))
}
