//! The scratch folder: keys, and the little that the demo's server has for a file system.
//!
//! In: the program that answers for Nix's commands, the cache's signing key. Out: a folder that only this user can
//! enter, gone when the demo ends: `nix` (stand-ins for Nix's commands), `bin` (stand-ins for what would tell of this
//! machine), `tools` (links to the machine's own POSIX tools, and nothing else), `home`, `state`, and the keys, made on
//! the spot.

use super::DemoError;
use super::store::Store;
use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::{Ed25519Keypair, KeypairData};
use russh::keys::{PrivateKey, PublicKey};
use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use zeroize::Zeroizing;

/// What a server script may use. Nix's own commands are not among them, so the machine's store is out of reach.
const TOOLS: &[&str] = &[
    "awk",
    "base64",
    "basename",
    "cat",
    "chmod",
    "chown",
    "cksum",
    "cmp",
    "cp",
    "cut",
    "date",
    "dd",
    "dirname",
    "du",
    "echo",
    "env",
    "expr",
    "false",
    "find",
    "flock",
    "fold",
    "getconf",
    "getent",
    "grep",
    "head",
    "install",
    "kill",
    "ln",
    "ls",
    "mkdir",
    "mktemp",
    "mv",
    "nl",
    "nproc",
    "od",
    "paste",
    "printenv",
    "printf",
    "ps",
    "pwd",
    "readlink",
    "realpath",
    "rm",
    "rmdir",
    "sed",
    "seq",
    "sh",
    "sha256sum",
    "sleep",
    "sort",
    "split",
    "stat",
    "stty",
    "sync",
    "tail",
    "tee",
    "test",
    "timeout",
    "touch",
    "tr",
    "true",
    "tty",
    "uname",
    "uniq",
    "wc",
    "which",
    "xargs",
];

/// The folder and what is in it.
#[derive(Debug)]
pub(super) struct Scratch {
    folder: PathBuf,
    pub(super) host_key: PrivateKey,
    /// The key of a server that only pretends to be this one.
    pub(super) other_host_key: PrivateKey,
    pub(super) client_key: PublicKey,
}

impl Scratch {
    /// Makes and fills the folder. Dropping the `TempDir` removes it, whoever still has the rest.
    pub(super) fn new(program: &Path, store: &Store) -> Result<(TempDir, Self), DemoError> {
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
            .fill(program, &client, store)
            .map_err(DemoError::Scratch)?;
        Ok((folder, scratch))
    }

    fn fill(&self, program: &Path, client: &PrivateKey, store: &Store) -> std::io::Result<()> {
        for name in ["nix", "bin", "tools", "home", "state"] {
            fs::create_dir(self.path(name))?;
        }
        let pem = client
            .to_openssh(LineEnding::LF)
            .map_err(std::io::Error::other)?;
        write_private(&self.identity_file(), pem.as_bytes())?;
        write_private(
            &self.signing_key_file(),
            store.signing_key().to_secret_text().as_bytes(),
        )?;
        for tool in TOOLS {
            if let Some(found) = find(tool) {
                symlink(found, self.path("tools").join(tool))?;
            }
        }
        self.write_stand_ins(program)
    }

    fn write_stand_ins(&self, program: &Path) -> std::io::Result<()> {
        let quote = |path: &Path| shell_words::quote(&path.to_string_lossy()).into_owned();
        let journal = quote(&self.journal_file());
        for tool in ["nix", "nix-daemon", "nix-store"] {
            let script = format!(
                "exec {} demo-shim {} {tool} \"$@\"\n",
                quote(program),
                quote(&self.socket()),
            );
            self.stand_in("nix", tool, &script)?;
        }
        // Nobody is asked for a password, and nobody becomes anyone else.
        self.stand_in(
            "bin",
            "sudo",
            "while [ $# -gt 0 ]; do\n  case $1 in\n    --) shift; break ;;\n    -u|-g) shift 2 ;;\n    \
             -*) shift ;;\n    *) break ;;\n  esac\ndone\n[ $# -gt 0 ] || exit 0\nexec \"$@\"\n",
        )?;
        self.stand_in(
            "bin",
            "logger",
            &format!(
                "while [ $# -gt 0 ]; do\n  case $1 in\n    --) shift; break ;;\n    -t|-p) shift 2 ;;\n    \
                 -*) shift ;;\n    *) break ;;\n  esac\ndone\n\
                 if [ $# -gt 0 ]; then printf '%s\\n' \"$*\"; else cat; fi >> {journal}\n"
            ),
        )?;
        self.stand_in(
            "bin",
            "id",
            "case \"$*\" in\n  -u|-g|-ru|-rg) echo 0 ;;\n  -un|-gn|-nu|-ng|-run) echo root ;;\n  \
             *) echo 'uid=0(root) gid=0(root) groups=0(root)' ;;\nesac\n",
        )?;
        self.stand_in("bin", "whoami", "echo root\n")?;
        self.stand_in("bin", "hostname", "echo cache\n")
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
        let home = self.path("home");
        let mut path = self.path("bin").into_os_string();
        path.push(":");
        path.push(self.path("tools"));
        if !no_nix {
            path.push(":");
            path.push(self.path("nix"));
        }
        vec![
            ("PATH", path),
            ("TMPDIR", home.clone().into_os_string()),
            ("HOME", home.into_os_string()),
            ("USER", "root".into()),
            ("LOGNAME", "root".into()),
            ("SHELL", "/bin/sh".into()),
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

/// Where a tool of this machine is.
fn find(tool: &str) -> Option<PathBuf> {
    let usual = [
        "/usr/bin",
        "/bin",
        "/run/current-system/sw/bin",
        "/usr/local/bin",
    ]
    .map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    usual
        .into_iter()
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join(tool))
        .find(|file| file.is_file())
}
