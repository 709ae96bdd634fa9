//! A built-in cache server: real SSH on a loopback port, an invented store behind the real protocol.
//!
//! In: how many paths, a seed, and what is to go wrong. Out: an address, an authorized key, and a configuration for
//! it. Server scripts really run here, by `sh`, with Nix's commands replaced and nothing of this machine's store in
//! reach. With the demo's key anybody can run commands as the user who started it, so the key is random, readable by
//! that user alone, and gone with the demo.

mod access;
mod collect;
mod daemon;
mod disk;
mod error;
mod exec;
mod faults;
mod keys;
mod looks;
mod pins;
mod pipe;
mod random;
mod release;
mod roots;
mod scratch;
pub mod shim;
mod socket;
mod ssh;
pub mod store;
mod tools;

pub use error::DemoError;
pub use faults::{Faults, Plan};

use crate::domain::{PublicKey, When};
use keys::Keys;
use release::Release;
use scratch::Scratch;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::{Store, StoreOptions};
use tempfile::TempDir;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The name that the demo has as a server.
pub const NAME: &str = "demo";

/// 2026-01-02T03:04:05Z, the moment that a demo's times count back from unless another is given.
pub const EPOCH: i64 = 1_767_323_045;

/// How a demo is to be.
#[derive(Debug, Clone)]
pub struct Options {
    /// Number of paths.
    pub paths: usize,
    /// Share of derivations among them in percent, at most 90.
    pub derivations: u8,
    /// Number of unsigned paths; at most an eighth of all are.
    pub unsigned: usize,
    /// The same seed gives the same store and the same signing keys.
    pub seed: u64,
    /// The moment after the last upload.
    pub epoch: When,
    /// Where to listen; nothing is a free port on the loopback address.
    pub listen: Option<SocketAddr>,
    /// Minor version of the worker protocol, 34 to 38.
    pub protocol: u8,
    /// What goes wrong, settable later too.
    pub faults: Faults,
    /// This program, which the stand-ins for Nix's commands run as `PROGRAM demo-shim SOCKET NAME ARGUMENTS`.
    pub program: PathBuf,
}

impl Options {
    /// 4,000 paths on a free loopback port, and nothing goes wrong.
    pub fn new(program: PathBuf) -> Self {
        Self {
            paths: 4000,
            derivations: 50,
            unsigned: 200,
            seed: 1,
            epoch: When::from_unix(EPOCH),
            listen: None,
            protocol: 38,
            faults: Faults::none(),
            program,
        }
    }
}

/// What has become of the store: nothing yet, the store, or why there is none.
type Made = Option<Result<Arc<Store>, Arc<DemoError>>>;

/// A demo that listens while its store may still be being made. Connections are taken at once, and their commands wait
/// for the store. Dropping it ends it, with all that was started by its clients, and removes its folder.
#[derive(Debug)]
pub struct Listening {
    address: SocketAddr,
    scratch: Arc<Scratch>,
    folder: TempDir,
    keys: Keys,
    paths: usize,
    made: watch::Receiver<Made>,
    faults: Faults,
    stopped: CancellationToken,
    tasks: TaskTracker,
}

/// A demo with its store.
#[derive(Debug)]
pub struct Demo {
    listening: Listening,
    store: Arc<Store>,
}

impl Demo {
    /// Begins to listen, and waits until the store has been made.
    pub async fn start(options: Options) -> Result<Self, Arc<DemoError>> {
        let listening = Listening::start(options).await?;
        let store = listening.store().await?;
        Ok(Self { listening, store })
    }

    /// The store behind it.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Ends it and waits until everything of it has ended.
    pub async fn stop(self) {
        self.listening.stop().await;
    }
}

impl Deref for Demo {
    type Target = Listening;

    fn deref(&self) -> &Listening {
        &self.listening
    }
}

impl Listening {
    /// Makes the keys, begins to listen, and has the store made behind.
    pub async fn start(options: Options) -> Result<Self, DemoError> {
        let keys = Keys::new(options.seed).map_err(DemoError::Key)?;
        let (folder, scratch) =
            Scratch::new(&options.program, &keys, options.paths, options.epoch)?;
        let requested = options
            .listen
            .unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let failed = |source| DemoError::Listen {
            address: requested,
            source,
        };
        let listener = TcpListener::bind(requested).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let socket = UnixListener::bind(scratch.socket()).map_err(DemoError::Socket)?;
        let (made, receiver) = watch::channel(None);
        let demo = Self {
            address,
            scratch: Arc::new(scratch),
            folder,
            keys,
            paths: options.paths,
            made: receiver,
            faults: options.faults.clone(),
            stopped: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        std::fs::write(demo.known_hosts_file(), demo.host_key_line() + "\n")
            .map_err(DemoError::Scratch)?;
        let service = ssh::Service {
            scratch: demo.scratch.clone(),
            made: demo.made.clone(),
            faults: demo.faults.clone(),
            stopped: demo.stopped.clone(),
            tasks: demo.tasks.clone(),
        };
        demo.tasks.spawn(service.listen(listener));
        demo.tasks.spawn(demo.serve_store(&options, made, socket));
        Ok(demo)
    }

    /// Makes the store, then answers for Nix's commands from it until the demo is stopped.
    fn serve_store(
        &self,
        options: &Options,
        made: watch::Sender<Made>,
        socket: UnixListener,
    ) -> impl Future<Output = ()> + use<> {
        let store_options = StoreOptions {
            paths: options.paths,
            derivations: options.derivations,
            unsigned: options.unsigned,
            seed: options.seed,
            epoch: options.epoch,
        };
        let (epoch, release) = (options.epoch, Release::new(options.protocol));
        let (scratch, stopped) = (self.scratch.clone(), self.stopped.clone());
        let (faults, tasks) = (self.faults.clone(), self.tasks.clone());
        async move {
            let (folder, cancelled) = (scratch.clone(), stopped.clone());
            // A million paths take seconds.
            let making = tokio::task::spawn_blocking(move || {
                let store = Store::grow(&store_options, &cancelled)?;
                folder.root(&store, epoch, &cancelled)?;
                Ok(Arc::new(store))
            });
            let result = making
                .await
                .unwrap_or(Err(DemoError::Ended))
                .map_err(Arc::new);
            let store = result.as_ref().ok().cloned();
            made.send_replace(Some(result));
            if let Some(store) = store {
                let stand_ins = socket::Service {
                    store,
                    faults,
                    release,
                    signing_key_file: scratch.signing_key_file(),
                    state: scratch.path("state"),
                    stopped,
                    tasks,
                };
                stand_ins.listen(socket).await;
            }
        }
    }

    /// Waits until the store has been made.
    async fn store(&self) -> Result<Arc<Store>, Arc<DemoError>> {
        made(self.made.clone()).await
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it can be reached from this machine: one that listens everywhere listens on loopback too.
    fn reachable(&self) -> SocketAddr {
        let ip = match self.address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        SocketAddr::new(ip, self.address.port())
    }

    /// Its line in `known_hosts`.
    pub fn host_key_line(&self) -> String {
        // The comment would be of no use to anyone.
        let mut key = self.scratch.host_key.public_key().clone();
        key.set_comment("");
        let key = key.to_openssh().unwrap_or_default();
        let (host, port) = (self.reachable().ip(), self.address.port());
        if port == 22 {
            format!("{host} {}", key.trim_end())
        } else {
            format!("[{host}]:{port} {}", key.trim_end())
        }
    }

    /// The private key that is authorized.
    pub fn identity_file(&self) -> PathBuf {
        self.scratch.identity_file()
    }

    /// A `known_hosts` with this server alone.
    pub fn known_hosts_file(&self) -> PathBuf {
        self.scratch.known_hosts_file()
    }

    /// The cache's secret signing key, on the server as on this machine.
    pub fn signing_key_file(&self) -> PathBuf {
        self.scratch.signing_key_file()
    }

    /// The server's audit log, on the server as on this machine.
    pub fn audit_file(&self) -> PathBuf {
        self.scratch.audit_file()
    }

    /// What `logger` was given on the server.
    pub fn journal_file(&self) -> PathBuf {
        self.scratch.journal_file()
    }

    /// The scratch folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The folder for what a console keeps of it on this machine: nothing of a demo stays behind.
    pub fn kept_here(&self) -> PathBuf {
        self.scratch.path("here")
    }

    /// The cache's own public key.
    pub fn public_key(&self) -> PublicKey {
        self.keys.ours().public()
    }

    /// What goes wrong.
    pub const fn faults(&self) -> &Faults {
        &self.faults
    }

    /// A configuration file with this server as `demo`. The known hosts file goes to `--known-hosts`.
    pub fn config_text(&self) -> String {
        let text = |value: &dyn std::fmt::Display| toml::Value::String(value.to_string());
        let file = |path: PathBuf| toml::Value::String(path.to_string_lossy().into_owned());
        let list = |value: toml::Value| toml::Value::Array(vec![value]);
        let settings = [
            ("host", text(&self.reachable().ip())),
            ("user", text(&"root")),
            ("port", toml::Value::Integer(self.address.port().into())),
            ("identity_files", list(file(self.identity_file()))),
            ("signing_key", file(self.signing_key_file())),
            // Its store is made up as it is asked for.
            ("reader", text(&"daemon")),
            ("retired_keys", list(text(&self.keys.retired()))),
            ("upstream_keys", list(text(&self.keys.upstream()))),
            // Without these two, the key files of this machine's own cache user would be shown, and changed.
            ("cache_user", text(&access::CACHE_USER)),
            ("key_files", list(file(self.scratch.key_file()))),
            ("sshd_log", file(self.scratch.log_file())),
            ("audit_log", file(self.audit_file())),
            (
                "requests_dir",
                file(self.scratch.path("state").join("requests")),
            ),
            ("pins_dir", file(pins::folder(&self.scratch.path("state")))),
        ];
        let mut config = format!("[servers.{NAME}]\n");
        for (name, value) in settings {
            // Writing to a text does not fail.
            let _ = writeln!(config, "{name} = {value}");
        }
        config
    }

    /// How to reach it, for `demo --listen`: what to run, and what to beware of.
    pub fn instructions(&self) -> String {
        let identity = self.identity_file();
        let known = self.known_hosts_file();
        let quoted = |path: &Path| shell_words::quote(&path.to_string_lossy()).into_owned();
        let mut text = format!(
            "The demo cache listens on {address} with {paths} paths.\n\n  \
             storekeeper --identity {identity} --known-hosts {known} ssh://root@{reachable}\n  \
             ssh -i {identity} -o UserKnownHostsFile={known} -p {port} root@{host} COMMAND\n\n\
             host key   {line}\n\
             cache key  {key}\n",
            address = self.address,
            paths = self.paths,
            identity = quoted(&identity),
            known = quoted(&known),
            reachable = self.reachable(),
            host = self.reachable().ip(),
            port = self.address.port(),
            line = self.host_key_line(),
            key = self.public_key(),
        );
        if !self.address.ip().is_loopback() {
            text.push_str(
                "\nwarning: this address can be reached from other machines (with copies of both files, and this \
                 machine's name in the second). Whoever has the identity file can run commands here as you; stop the \
                 demo when it is not needed.\n",
            );
        }
        text
    }

    /// Ends it and waits until everything of it has ended.
    pub async fn stop(self) {
        self.stopped.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.stopped.cancel();
    }
}

/// Waits for the store, or for why there is none.
async fn made(mut made: watch::Receiver<Made>) -> Result<Arc<Store>, Arc<DemoError>> {
    let ended = || Err(Arc::new(DemoError::Ended));
    match made.wait_for(Option::is_some).await {
        Ok(result) => result.clone().unwrap_or_else(ended),
        Err(_) => ended(),
    }
}
