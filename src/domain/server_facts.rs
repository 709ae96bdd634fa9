//! What was found out about a cache server when it was connected to. Plain data, no behaviour.
//!
//! In: the answers of the probe script and of the daemon's handshake. Out: values that screens and judges read.

use super::auto_sign::AutoSign;
use super::fact::Fact;
use super::policy_run::PolicyRun;
use super::{Bytes, KeyRing, PublicKey, When};
use crate::domain::Notice;

/// What the login user may do on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// Logged in as root.
    Root,
    /// Not root, but `sudo -n` works.
    Sudo,
    /// Neither.
    User,
}

impl Rights {
    /// The word in the header.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Sudo => "sudo",
            Self::User => "user",
        }
    }
}

/// A file system, in bytes and inodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Disk {
    pub size: Bytes,
    /// In use.
    pub used: Bytes,
    /// Left for the user who asked.
    pub available: Bytes,
    /// Inodes in all; 0 on file systems that have no fixed number.
    pub inodes: u64,
    /// Inodes in use.
    pub inodes_used: u64,
}

impl Disk {
    /// What of it can be used, as `df` counts: less than its size where some is kept for root, or for others.
    pub const fn usable(&self) -> Bytes {
        Bytes(self.used.0.saturating_add(self.available.0))
    }
}

/// Nix's SQLite database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Database {
    /// The main file.
    pub size: Bytes,
    /// The write-ahead log.
    pub wal: Bytes,
}

/// The key file on the server that signs for this cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerKey {
    /// Path on the server.
    pub file: String,
    /// Name of the key, from its public half; `None` if the file could not be used.
    pub name: Option<String>,
    /// Its public half; `None` if the file could not be used.
    pub public: Option<PublicKey>,
    /// Why it cannot be used (missing, not readable, readable by all, not a key), with the next step.
    pub problem: Option<Notice>,
}

/// Everything that one probe finds out.
#[derive(Debug, Clone)]
pub struct Facts {
    /// When the probe ran, by this machine's clock.
    pub at: When,
    /// Server clock minus this machine's clock, in seconds.
    pub clock_skew: i64,
    /// The login user's name.
    pub user: String,
    /// The server's own host name.
    pub host: String,
    /// What the login user may do.
    pub rights: Rights,
    /// The program file of Nix's command, after all symbolic links; `None` where there is none.
    pub nix_program: Option<String>,
    /// Version that the daemon names in the handshake, such as `2.28.3`.
    pub nix_version: String,
    /// Negotiated protocol, such as `(1, 38)`.
    pub protocol: (u8, u8),
    /// Whether the daemon trusts this connection; `None` before protocol 1.35.
    pub trusted: Option<bool>,
    /// The file system of the store, `None` with nothing known.
    pub disk: Option<Disk>,
    /// The store's database, `None` where it cannot be read.
    pub database: Option<Database>,
    /// Mount point that `disk` belongs to, such as `/nix`.
    pub mount: String,
    /// The real folder of the store there, which for a chroot store is below its root; `None` where the address of the
    /// store does not tell.
    pub store_dir: Option<String>,
    /// Nix's real state folder there, without a slash at the end; `None` where the address of the store does not tell.
    pub state_dir: Option<String>,
    /// The keys that clients of this cache trust.
    pub keys: KeyRing,
    /// The server's signing keys, the first one is the default.
    pub signing_keys: Vec<ServerKey>,
    /// Nix's `trusted-users`: names, `@group`, `*`.
    pub trusted_users: Fact<Vec<String>>,
    /// Whether Nix's database can be written with the rights that we have; `None` where a daemon writes for us.
    pub store_writable: Option<bool>,
    /// What could not be found out, one sentence each.
    pub unknown: Vec<String>,
    /// How signing that runs by itself went last, where it is installed.
    pub auto_sign: Option<AutoSign>,
    /// How collecting by the policy timer went last, where it is installed.
    pub policy_timer: Option<PolicyRun>,
}

impl Facts {
    /// The time there.
    pub fn there(&self, now: When) -> When {
        When::from_unix(now.unix().saturating_add(self.clock_skew))
    }
}
