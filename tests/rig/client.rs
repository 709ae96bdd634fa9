//! The real client: `nix copy` from the cache user's account into an empty store that trusts only the keys given.
//!
//! Its word is what `storekeeper` has to agree with.

use super::nix::Nix;
use super::store::own_settings;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};

/// What a client says when it refuses a path for want of trust; any other failure is the rig's own.
const REFUSALS: [&str; 6] = [
    "lacks a valid signature",
    "lacks a signature by a trusted key",
    "signature is not valid",
    // 2.8 looks at a false content address after the signature; from 2.24 on the client aborts on it.
    "ca hash mismatch importing path",
    "claims to be content-addressed but isn't",
    "storePathForDst == storePathForSrc",
];

/// A machine that uses the cache.
pub(crate) struct Client<'a> {
    pub(crate) nix: &'a Nix,
    pub(crate) scratch: &'a Path,
    pub(crate) user: &'a str,
    pub(crate) port: u16,
}

impl Client<'_> {
    /// Copies one path with its closure into a new store; `Err` has what the client wrote when it refused.
    pub(crate) fn copy(&self, path: &str, keys: &[String]) -> Result<(), String> {
        let store = self.empty_store();
        // Nix 2.8 can't ask for a derivation over `ssh://`; root's `ssh-ng://` session has the same verdict.
        let (remote, kind) = if Path::new(path).extension() == Some(OsStr::new("drv")) {
            ("ssh-ng://root@127.0.0.1".to_owned(), Some("--derivation"))
        } else {
            (format!("ssh://{}@127.0.0.1", self.user), None)
        };
        let local = format!("local?root={}", store.display());
        let mut copy = self.nix.command("nix");
        copy.envs(own_settings(&self.scratch.join("home-client")))
            .env("NIX_SSHOPTS", self.ssh_options())
            .current_dir(&store)
            .args(["copy", "--from", &remote, "--to", &local])
            .args(kind)
            .args(["--option", "trusted-public-keys", &keys.join(" ")])
            .args(["--option", "require-sigs", "true", path])
            .stdin(Stdio::null());
        let output = copy.output().expect("`nix copy` can't be started");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        // The copied paths are read-only: root may remove them all the same.
        let _ = std::fs::remove_dir_all(&store);
        if output.status.success() {
            return Ok(());
        }
        assert!(
            REFUSALS.iter().any(|refusal| said.contains(refusal)),
            "`nix copy` failed for another reason than trust: {said}"
        );
        Err(said)
    }

    fn empty_store(&self) -> PathBuf {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let store = self.scratch.join(format!("client-{number}"));
        std::fs::create_dir_all(&store).expect("the scratch folder can't be written");
        store
    }

    /// What `NIX_SSHOPTS` has to be.
    pub(super) fn ssh_options(&self) -> String {
        format!(
            "-F none -i {0}/id -o IdentitiesOnly=yes -o UserKnownHostsFile={0}/known_hosts -o BatchMode=yes -o LogLevel=ERROR -p {1}",
            self.scratch.display(),
            self.port
        )
    }
}
