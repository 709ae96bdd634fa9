//! What the administrator says of a server: how to reach it, whose keys count, what is called how there.
//!
//! In: the configuration and the command line, put together by their rooms. Out: [`Spec`].

use super::reader::Reader;
use crate::domain::PublicKey;
use crate::link::Place;
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;

/// Whether commands on the server go through `sudo -n`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sudo {
    /// Where the login user is not root and sudo asks for nothing.
    #[default]
    Auto,
    /// Wherever the login user is not root; a sudo that asks is an error.
    Always,
    /// Never.
    Never,
}

/// What belongs to a server whatever its name and place are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How to get the rights to change it.
    pub sudo: Sudo,
    /// What a whole store is read from.
    pub reader: Reader,
    /// Program and arguments of the daemon on stdin and stdout.
    pub daemon_command: Vec<String>,
    /// The `nix` command there.
    pub nix_command: String,
    /// File of the signing key there; by default what the server's nix.conf says.
    pub signing_key: Option<String>,
    /// The cache's current public keys; by default derived from the signing keys there.
    pub public_keys: Vec<PublicKey>,
    /// Older keys of the cache that clients still trust.
    pub retired_keys: Vec<PublicKey>,
    /// Other keys that clients trust.
    pub upstream_keys: Vec<PublicKey>,
    /// Names of keys that are known to be compromised.
    pub compromised_keys: Vec<String>,
    /// Names of configured public keys whose algorithm is unknown; they are left out of all the lists of keys.
    pub other_algorithms: Vec<String>,
    /// The audit log there.
    pub audit_log: String,
    /// File of a key on this machine that signs each record; by default none.
    pub audit_key: Option<PathBuf>,
    /// Keys whose signatures over the audit log count, beside that one.
    pub audit_public_keys: Vec<PublicKey>,
    /// The user that clients of the cache log in as.
    pub cache_user: String,
    /// Key files of the cache user there; empty: what sshd says.
    pub key_files: Vec<String>,
    /// The folder of requests there.
    pub requests_dir: String,
    /// The folder of pins there, which has to be below the folder of Nix's GC roots.
    pub pins_dir: String,
    /// sshd's log file there; by default the journal, else the usual files.
    pub sshd_log: Option<String>,
}

/// One cache server. Its settings read as its own fields.
#[derive(Debug, Clone)]
pub struct Spec {
    /// As the administrator calls it.
    pub name: String,
    /// Where it is.
    pub place: Place,
    /// The folder of caches on this machine, for the copy of its database; without one there is none.
    pub cache: Option<PathBuf>,
    /// The folder below which what is known of its store is kept on this machine; without one nothing is.
    pub kept: Option<PathBuf>,
    /// All else.
    pub settings: Settings,
}

impl Deref for Spec {
    type Target = Settings;

    fn deref(&self) -> &Settings {
        &self.settings
    }
}

impl DerefMut for Spec {
    fn deref_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }
}

/// The key of the public cache that nearly every client trusts.
pub const UPSTREAM_KEY: &str = "cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=";

/// The user of NixOS's `nix.sshServe`.
pub const CACHE_USER: &str = "nix-ssh";

/// Where requests are unless the configuration says otherwise.
pub const REQUESTS_DIR: &str = "/var/lib/storekeeper/requests";

/// Where pins are unless the configuration says otherwise.
pub const PINS_DIR: &str = "/nix/var/nix/gcroots/storekeeper";

/// Where the audit log is unless the configuration says otherwise.
pub const AUDIT_LOG: &str = "/var/lib/storekeeper/audit.jsonl";

impl Default for Settings {
    fn default() -> Self {
        Self {
            sudo: Sudo::Auto,
            reader: Reader::Auto,
            daemon_command: vec!["nix-daemon".to_owned(), "--stdio".to_owned()],
            nix_command: "nix".to_owned(),
            signing_key: None,
            public_keys: Vec::new(),
            retired_keys: Vec::new(),
            upstream_keys: PublicKey::parse(UPSTREAM_KEY).into_iter().collect(),
            compromised_keys: Vec::new(),
            other_algorithms: Vec::new(),
            audit_log: AUDIT_LOG.to_owned(),
            audit_key: None,
            audit_public_keys: Vec::new(),
            cache_user: CACHE_USER.to_owned(),
            key_files: Vec::new(),
            requests_dir: REQUESTS_DIR.to_owned(),
            pins_dir: PINS_DIR.to_owned(),
            sshd_log: None,
        }
    }
}

impl Spec {
    /// A server of which only the place is known.
    pub fn new(name: impl Into<String>, place: Place) -> Self {
        Self {
            name: name.into(),
            place,
            cache: None,
            kept: None,
            settings: Settings::default(),
        }
    }
}

/// The folder of an audit log, in which all else lies that storekeeper keeps on a server.
pub fn folder_of(audit_log: &str) -> &str {
    audit_log.rsplit_once('/').map_or("", |(folder, _)| folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_upstream_key_is_one() {
        assert_eq!(Spec::new("x", Place::Local).upstream_keys.len(), 1);
    }
}
