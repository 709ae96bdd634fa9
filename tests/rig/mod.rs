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

mod agent;
mod bulk;
mod client;
pub(crate) mod edits;
mod guard;
mod knock;
mod logins;
mod make;
pub(crate) mod need;
pub(crate) mod nix;
mod origin;
mod proxy;
mod sshd;
mod store;
mod systemd;
mod ways;

pub(crate) use agent::Agent;
pub(crate) use guard::{Holder, wait_until};
pub(crate) use nix::Nix;
pub(crate) use proxy::DelayProxy;
pub(crate) use sshd::{Sshd, Twist, free_port, key_pair, login_shell};
pub(crate) use store::{Entry, OURS, RETIRED, UNMENDABLE, UPSTREAM};

use client::Client;
use guard::{Guard, Reaper};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

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
        sshd::prepare(&scratch, nix, &direct_store(&scratch));
        write_server_settings(&scratch);
        let daemon = start_daemon(nix, &scratch);
        let start =
            |access: Access| start_sshd(nix, &scratch, access.server(), access, Twist::default());
        let rig = Self {
            direct: start(Access::Root),
            socket: start(Access::ViaSocket),
            daemon,
            nix: nix.clone(),
            entries,
            _reaper: reaper,
            scratch,
        };
        fs::write(rig.scratch.join("ssh_config"), "").expect("the scratch folder can't be written");
        for access in Access::ALL {
            let section = rig.server_section(access.server(), access.user(), rig.port(access), "");
            rig.add_server(&section);
        }
        rig.direct.wait();
        rig.socket.wait();
        rig.trust_port(rig.direct.port);
        rig.trust_port(rig.socket.port);
        wait_until("the daemon's socket", || {
            UnixStream::connect(rig.scratch.join("daemon.socket")).is_ok()
        });
        rig
    }

    /// A proxy before root's sshd, known to the client like that one.
    pub(crate) fn proxied(&self, one_way: Duration) -> DelayProxy {
        let target = SocketAddr::from((Ipv4Addr::LOCALHOST, self.direct.port));
        let proxy = DelayProxy::start(target, one_way);
        self.trust_port(proxy.port());
        proxy
    }

    /// One more sshd for this store, with something out of the ordinary; `name` is its server name for `storekeeper`.
    pub(crate) fn twisted(&self, name: &str, access: Access, twist: Twist) -> Sshd {
        let sshd = start_sshd(&self.nix, &self.scratch, name, access, twist);
        sshd.wait();
        self.trust_port(sshd.port);
        self.add_server(&self.server_section(name, access.user(), sshd.port, ""));
        sshd
    }

    /// More lines for the server's `nix.conf`, and its daemon started anew.
    pub(crate) fn reconfigure(&mut self, lines: &str) {
        let file = self.scratch.join("conf/nix.conf");
        let text = fs::read_to_string(&file).expect("the rig wrote it");
        fs::write(&file, text + lines).expect("the scratch folder can't be written");
        let socket = self.scratch.join("daemon.socket");
        let _ = fs::remove_file(&socket);
        self.daemon = start_daemon(&self.nix, &self.scratch);
        wait_until("the daemon's socket", || {
            UnixStream::connect(&socket).is_ok()
        });
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
    // The daemon knows user 0 by the first of its names on this machine.
    let root = nix::text_of(Command::new(need::program("id")).arg("-un"));
    let root = match root.trim() {
        "root" => String::new(),
        other => format!(" {other}"),
    };
    let settings = format!(
        "build-users-group =\nsubstitute = false\nsubstituters =\ntrusted-users = root{root}\nsecret-key-files = {}/keys/{OURS}.sec\n",
        scratch.display()
    );
    fs::write(conf.join("nix.conf"), settings).expect("the scratch folder can't be written");
}

fn start_daemon(nix: &Nix, scratch: &Path) -> Guard {
    let mut command = nix.command("nix-daemon");
    command
        .env("NIX_REMOTE", direct_store(scratch))
        .env("NIX_CONF_DIR", scratch.join("conf"))
        .env("NIX_DAEMON_SOCKET_PATH", scratch.join("daemon.socket"))
        .env("HOME", scratch.join("home-daemon"));
    Guard::spawn(&command, &scratch.join("daemon.log"))
}

/// The store for a process that opens the database itself.
fn direct_store(scratch: &Path) -> String {
    format!("local?root={}/server", scratch.display())
}

fn start_sshd(nix: &Nix, scratch: &Path, name: &str, access: Access, twist: Twist) -> Sshd {
    let daemon = format!("unix://{}/daemon.socket", scratch.display());
    let root = if access == Access::ViaSocket {
        daemon.clone()
    } else {
        direct_store(scratch)
    };
    Sshd::start(&sshd::Plan {
        name,
        scratch,
        nix,
        root_store: twist.root_store.clone().unwrap_or(root),
        // `nix-store --serve` reads contents itself, so it has to know where the daemon's store is.
        cache_store: format!("{daemon}?root={}/server", scratch.display()),
        user_store: daemon,
        twist,
    })
}
