//! The scratch folder: keys, and the little that the demo's server has for a file system.
//!
//! In: the program that answers for Nix's commands, the store's keys and size, later the store. Out: a folder that only this user can enter, gone when the
//! demo ends: `nix` (stand-ins for Nix's commands), `gone` (the same names, not found), `bin` (stand-ins for what would
//! tell of this machine), `home`, `state`, and the keys, made on the spot.

use super::DemoError;
use super::access::{self, CACHE_USER};
use super::keys::Keys;
use super::store::Store;
use crate::domain::When;
use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::{Ed25519Keypair, KeypairData};
use russh::keys::{PrivateKey, PublicKey};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

/// Every command of Nix. None may reach the store of this machine, so each has its stand-in.
const NIX_COMMANDS: [&str; 12] = [
    "nix",
    "nix-build",
    "nix-channel",
    "nix-collect-garbage",
    "nix-copy-closure",
    "nix-daemon",
    "nix-env",
    "nix-hash",
    "nix-instantiate",
    "nix-prefetch-url",
    "nix-shell",
    "nix-store",
];

/// `sudo`: nobody is asked for a password, and nobody becomes anyone else.
const SUDO: &str = r#"while [ $# -gt 0 ]; do
  case $1 in
    --) shift; break ;;
    -u|-g) shift 2 ;;
    -*) shift ;;
    *) break ;;
  esac
done
[ $# -gt 0 ] || exit 0
exec "$@"
"#;

/// `logger`, up to where it writes.
const LOGGER: &str = r#"while [ $# -gt 0 ]; do
  case $1 in
    --) shift; break ;;
    -t|-p|-S) shift 2 ;;
    -*) shift ;;
    *) break ;;
  esac
done
if [ $# -gt 0 ]; then printf '%s\n' "$*"; else cat; fi >> "#;

/// The cache user is whoever runs the demo.
const SETPRIV: &str = r#"while [ $# -gt 0 ]; do
  case $1 in
    --reuid|--regid) shift 2 ;;
    -*) shift ;;
    *) break ;;
  esac
done
exec "$@"
"#;

/// Who is logged in and where: what a server would say, and the same on every machine.
const IDENTITY: [(&str, &str); 4] = [
    (
        "id",
        r#"case "$*" in
  -u|-g|-ru|-rg) echo 0 ;;
  -un|-gn|-nu|-ng) echo root ;;
  *) echo 'uid=0(root) gid=0(root) groups=0(root)' ;;
esac
"#,
    ),
    ("whoami", "echo root\n"),
    ("hostname", "echo cache\n"),
    (
        "uname",
        r#"case "$*" in
  -n) echo cache ;;
  -r) echo 6.1.0 ;;
  -m) echo x86_64 ;;
  -a) echo 'Linux cache 6.1.0 x86_64 GNU/Linux' ;;
  *) echo Linux ;;
esac
"#,
    ),
];

/// The one file system of the demo's server (format: proc(5), `/proc/pid/mounts`).
const MOUNTS: &str = "/dev/vdb1 / ext4 rw,relatime 0 0\n";

/// The folder and what is in it.
#[derive(Debug)]
pub(super) struct Scratch {
    folder: PathBuf,
    pub(super) host_key: PrivateKey,
    /// The key of a server that only pretends to be this one.
    pub(super) other_host_key: PrivateKey,
    pub(super) client_key: PublicKey,
}

/// Where this machine's own programs are.
const THIS_MACHINE: &str = "PATH=/run/current-system/sw/bin:/usr/bin:/bin";

/// `stat` of this machine, but for file systems: the demo's disk is invented.
fn file_systems(shim: &str) -> String {
    format!("case ${{1-}} in -f) {shim} stat \"$@\" ;; esac\n{THIS_MACHINE} exec stat \"$@\"\n")
}

impl Scratch {
    /// Makes and fills the folder, up to what needs the store. Dropping the `TempDir` removes it, whoever still has
    /// the rest.
    pub(super) fn new(
        program: &Path,
        keys: &Keys,
        paths: usize,
        epoch: When,
    ) -> Result<(TempDir, Self), DemoError> {
        let folder = tempfile::Builder::new()
            .prefix("storekeeper-demo-")
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir()
            .map_err(DemoError::Scratch)?;
        let client = new_key("storekeeper-demo")?;
        let scratch = Self {
            host_key: new_key("storekeeper-demo-host")?,
            other_host_key: new_key("storekeeper-demo-other-host")?,
            client_key: client.public_key().clone(),
            folder: folder.path().to_owned(),
        };
        scratch
            .fill(program, &client, keys, paths, epoch)
            .map_err(DemoError::Scratch)?;
        Ok((folder, scratch))
    }

    fn fill(
        &self,
        program: &Path,
        client: &PrivateKey,
        keys: &Keys,
        paths: usize,
        epoch: When,
    ) -> std::io::Result<()> {
        for name in ["nix", "gone", "bin", "home", "store", "state", "state/db"] {
            fs::create_dir(self.path(name))?;
        }
        let pem = client
            .to_openssh(LineEnding::LF)
            .map_err(std::io::Error::other)?;
        write_private(&self.identity_file(), pem.as_bytes())?;
        write_private(
            &self.signing_key_file(),
            keys.ours().to_secret_text().as_bytes(),
        )?;
        // Of the size that a database of so many paths has; there is nothing in it, and it takes no room.
        let size =
            |name: &str, bytes| File::create(self.path("state/db").join(name))?.set_len(bytes);
        size("db.sqlite", 65_536 + paths as u64 * 5120)?;
        size("db.sqlite-wal", 4 << 20)?;
        self.write_header(paths)?;
        access::fill(&self.path("state"), epoch)?;
        super::looks::write(&self.path("here"), super::looks::used(paths), epoch)?;
        fs::write(self.path("state/mounts"), MOUNTS)?;
        self.write_stand_ins(program)
    }

    /// Puts the pins and the other roots of the store there. Nothing is written any more once it is cancelled: the
    /// folder may be gone.
    pub(super) fn root(
        &self,
        store: &Store,
        epoch: When,
        cancelled: &CancellationToken,
    ) -> Result<(), DemoError> {
        let state = self.path("state");
        let pins = super::pins::pick(store, epoch);
        let roots = super::roots::pick(store);
        if cancelled.is_cancelled() {
            return Err(DemoError::Ended);
        }
        super::pins::make(&state, &pins)
            .and_then(|()| super::roots::make(&state, &self.path("home"), &roots))
            .map_err(DemoError::Scratch)
    }

    /// The header of the database, as far as it tells of its pages (the file format of SQLite, 1.3): a twentieth is free.
    fn write_header(&self, paths: usize) -> std::io::Result<()> {
        let file = fs::OpenOptions::new()
            .write(true)
            .open(self.path("state/db/db.sqlite"))?;
        file.write_all_at(b"SQLite format 3\0\x10\0", 0)?;
        let free = u32::try_from(paths / 16).unwrap_or(u32::MAX);
        file.write_all_at(&free.to_be_bytes(), 36)
    }

    fn write_stand_ins(&self, program: &Path) -> std::io::Result<()> {
        let quote = |path: &Path| shell_words::quote(&path.to_string_lossy()).into_owned();
        let (program, socket) = (quote(program), quote(&self.socket()));
        for name in NIX_COMMANDS {
            let script = format!("exec {program} demo-shim {socket} {name} \"$@\"\n");
            self.stand_in("nix", name, &script)?;
            let script = format!("echo 'sh: {name}: not found' >&2\nexit 127\n");
            self.stand_in("gone", name, &script)?;
        }
        let user = rustix::process::getuid().as_raw();
        for (name, script) in IDENTITY {
            let cache_user = format!(
                "case \"$*\" in '-u {CACHE_USER}' | '-g {CACHE_USER}') echo {user}; exit ;; esac\n"
            );
            self.stand_in("bin", name, &format!("{cache_user}{script}"))?;
        }
        self.stand_in("bin", "getent", &self.getent())?;
        let shim = format!("exec {program} demo-shim {socket}");
        self.stand_in("bin", "df", &format!("{shim} df \"$@\"\n"))?;
        self.stand_in("bin", "find", &self.find(&shim))?;
        self.stand_in("bin", "stat", &file_systems(&shim))?;
        let key_file = self.key_file();
        // The stand-ins talk to the same socket: it is where a client would find the daemon.
        let daemon = self.socket();
        let host_key = self.path("state/host_key");
        let public = self.host_key.public_key().to_openssh();
        let public = public.map_err(std::io::Error::other)?;
        fs::write(host_key.with_extension("pub"), public + "\n")?;
        let [key_file, daemon, host_key] =
            [key_file, daemon, host_key].map(|path| path.to_string_lossy().into_owned());
        let sshd = access::sshd(&key_file, &daemon, &host_key);
        self.stand_in("bin", "sshd", &sshd)?;
        self.stand_in("bin", "sudo", SUDO)?;
        self.stand_in("bin", "setpriv", SETPRIV)?;
        // This machine's own is not the demo's.
        let no_systemd = "echo 'the demo has no systemd' >&2\nexit 1\n";
        self.stand_in("bin", "systemctl", no_systemd)?;
        let logger = format!("{LOGGER}{}\n", quote(&self.journal_file()));
        self.stand_in("bin", "logger", &logger)
    }

    /// The accounts of this machine, and the demo's cache user, who is at home in the scratch folder and owns it.
    fn getent(&self) -> String {
        // The folder is for its owner alone, so the cache user is that one by its number.
        let user = rustix::process::getuid().as_raw();
        let home = self.folder.display();
        format!(
            "case \"$*\" in\n  'passwd {CACHE_USER}')\n    echo '{CACHE_USER}:x:{user}:{user}::{home}:/bin/sh' ;;\n  \
             *) PATH=/run/current-system/sw/bin:/usr/bin:/bin exec getent \"$@\" ;;\nesac\n",
        )
    }

    /// `find` of this machine, but for the store: that is invented, and its folder empty.
    fn find(&self, shim: &str) -> String {
        let store = shell_words::quote(&self.path("store").to_string_lossy()).into_owned();
        format!(
            "case ${{1-}} in {store}/*) {shim} find \"$@\" ;; esac\n\
             {THIS_MACHINE} exec find \"$@\"\n",
        )
    }

    fn stand_in(&self, folder: &str, name: &str, script: &str) -> std::io::Result<()> {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o700)
            .open(self.path(folder).join(name))?;
        write!(file, "#!/bin/sh\n{script}")
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Where the stand-ins reach the demo.
    pub(super) fn socket(&self) -> PathBuf {
        self.path("s")
    }

    /// The key file of the cache user.
    pub(super) fn key_file(&self) -> PathBuf {
        self.path("state").join("authorized_keys")
    }

    /// sshd's log.
    pub(super) fn log_file(&self) -> PathBuf {
        self.path("state").join("auth.log")
    }

    pub(super) fn identity_file(&self) -> PathBuf {
        self.path("id_ed25519")
    }

    pub(super) fn signing_key_file(&self) -> PathBuf {
        self.path("state").join("nix-cache-key.sec")
    }

    pub(super) fn known_hosts_file(&self) -> PathBuf {
        self.path("known_hosts")
    }

    pub(super) fn audit_file(&self) -> PathBuf {
        self.path("state").join("audit.jsonl")
    }

    pub(super) fn journal_file(&self) -> PathBuf {
        self.path("state").join("journal")
    }

    /// The whole environment of a command.
    pub(super) fn environment(&self, no_nix: bool) -> Vec<(&'static str, OsString)> {
        let home = self.path("home").into_os_string();
        let mut path = self.path("bin").into_os_string();
        path.push(":");
        // The stand-ins hide a real Nix further on; where there shall be none, these say so.
        path.push(self.path(if no_nix { "gone" } else { "nix" }));
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into()));
        let state = self.path("state").into_os_string();
        vec![
            ("PATH", path),
            ("TMPDIR", home.clone()),
            ("HOME", home),
            ("USER", "root".into()),
            ("LOGNAME", "root".into()),
            ("SHELL", "/bin/sh".into()),
            ("NIX_STORE_DIR", self.path("store").into_os_string()),
            ("NIX_STATE_DIR", state.clone()),
            ("NIX_CONF_DIR", state),
        ]
    }
}

/// A new key from the system's random source.
fn new_key(comment: &str) -> Result<PrivateKey, DemoError> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut()).map_err(|error| DemoError::SshKey(error.to_string()))?;
    let pair = KeypairData::Ed25519(Ed25519Keypair::from_seed(&seed));
    PrivateKey::new(pair, comment).map_err(|error| DemoError::SshKey(error.to_string()))
}

fn write_private(file: &Path, content: &[u8]) -> std::io::Result<()> {
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)?
        .write_all(content)
}
