//! `why --try`: the client's way for real, from this machine.
//!
//! In: what the onboarding text says of the cache, a private key file, a path. Out: whether the real `nix copy` got it, and what it
//! said. The store that it copies into, its settings and those of `ssh` are a folder of their own, so nothing of this machine's or
//! this user's takes part; the folder goes when it is over, however that was.

use crate::cli::error::{CliError, Kind};
use crate::domain::text::plain;
use crate::domain::{Notice, StorePath, notice};
use crate::onboard::client::Cache;
use rustix::process::{Pid, Signal, kill_process_group};
use serde::Serialize;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;

/// Bytes of what the client says that are kept: the last ones.
const SAID: usize = 64 << 10;

/// Lines of it that are shown: the last ones.
const SHOWN: usize = 40;

/// How often a folder is tried to be removed into which a process that was killed may still have written.
const TRIES: u32 = 50;

/// What became of it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Attempt {
    /// Whether the client got the path with all that it needs.
    pub(super) copied: bool,
    /// The command.
    pub(super) command: String,
    /// What the client said, line by line; fit to be shown.
    pub(super) said: Vec<String>,
}

/// Copies a path as a client of this cache that trusts these keys. It has this private key, and a certificate beside it or none.
pub(super) async fn run(
    cache: &Cache,
    trusted: &[String],
    (key, certificate): (&Path, Option<&Path>),
    path: &StorePath,
) -> Result<Attempt, CliError> {
    let folder = Folder::new().map_err(|error| here(&error))?;
    settings(&folder.0, cache, trusted, (key, certificate)).map_err(|error| here(&error))?;
    let at = |name: &str| folder.0.join(name);
    let store = format!("local?root={}", at("store").display());
    let path_text = path.to_string();
    let mut arguments = vec!["copy", "--from", &cache.address, "--to", &store];
    if Path::new(&path_text).extension() == Some(OsStr::new("drv")) {
        arguments.push("--derivation");
    }
    arguments.push(&path_text);
    let mut command = Command::new("nix");
    command
        .args(&arguments)
        .current_dir(&folder.0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if ["NIX_", "SSH_", "XDG_"]
            .iter()
            .any(|own| text.starts_with(own))
        {
            command.env_remove(&name);
        }
    }
    command
        .env("HOME", at("home"))
        // One that is killed leaves its own temporary folder.
        .env("TMPDIR", at("tmp"))
        .env("NIX_CONF_DIR", at("conf"))
        .env("NIX_USER_CONF_FILES", "")
        .env("NIX_SSHOPTS", format!("-F {}", at("ssh_config").display()));
    let mut child = command.spawn().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => CliError::usage(notice!(
            "there is no nix on this machine's PATH",
            "leave --try out, or run it where Nix is"
        )),
        _ => here(&error),
    })?;
    // Before the folder goes, all that works in it does.
    let group = Group(child.id());
    let said = match child.stderr.take() {
        Some(stderr) => tail(stderr).await,
        None => Vec::new(),
    };
    let ended = child.wait().await.map_err(|error| here(&error))?;
    drop(group);
    Ok(Attempt {
        copied: ended.success(),
        command: shell_words::join(std::iter::once("nix").chain(arguments)),
        said: lines(&said),
    })
}

fn here(error: &io::Error) -> CliError {
    CliError::new(
        Kind::Server,
        Notice::new(
            format!("it can't be tried from this machine: {error}"),
            "set TMPDIR to a folder that can be written, without blanks in its name",
        ),
    )
}

/// Writes what the client reads: the keys that it trusts, the host keys that onboarding gives, and no key but this one.
fn settings(
    folder: &Path,
    cache: &Cache,
    trusted: &[String],
    (key, certificate): (&Path, Option<&Path>),
) -> io::Result<()> {
    for name in ["store", "home", "conf", "tmp"] {
        fs::create_dir(folder.join(name))?;
    }
    let nix = format!(
        "experimental-features = nix-command\nrequire-sigs = true\ntrusted-public-keys = {}\nsubstituters =\nbuild-users-group =\n",
        trusted.join(" ")
    );
    fs::write(folder.join("conf/nix.conf"), nix)?;
    let known_hosts = folder.join("known_hosts");
    let mut hosts = cache.known_hosts().join("\n");
    hosts.push('\n');
    fs::write(&known_hosts, hosts)?;
    let certificate = match certificate {
        Some(file) => format!("  CertificateFile {}\n", ssh_word(file)?),
        None => String::new(),
    };
    let ssh = format!(
        "Host *\n  Port {}\n  IdentityFile {}\n  IdentitiesOnly yes\n  IdentityAgent none\n  UserKnownHostsFile {}\n  \
         GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking yes\n  UpdateHostKeys no\n  BatchMode yes\n  ControlPath none\n  \
         ConnectTimeout 15\n  ServerAliveInterval 15\n  LogLevel ERROR\n{certificate}",
        cache.port,
        ssh_word(key)?,
        ssh_word(&known_hosts)?,
    );
    fs::write(folder.join("ssh_config"), ssh)
}

/// A file in a configuration of ssh, where `%` begins a token and `$` a variable.
fn ssh_word(path: &Path) -> io::Result<String> {
    let text = path.to_str().unwrap_or_default();
    if text.is_empty() || text.contains(['"', '\\', '$', '\n', '\r', '\0']) {
        return Err(io::Error::other(format!(
            "ssh can't be given a file of the name {}",
            path.display()
        )));
    }
    Ok(format!("\"{}\"", text.replace('%', "%%")))
}

/// The end of a stream.
async fn tail(mut stream: impl AsyncRead + Unpin) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut buffer = vec![0; 4096];
    while let Ok(got @ 1..) = stream.read(&mut buffer).await {
        kept.extend_from_slice(buffer.get(..got).unwrap_or_default());
        if kept.len() > 2 * SAID {
            kept.drain(..kept.len() - SAID);
        }
    }
    kept
}

fn lines(said: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(said);
    let all: Vec<String> = text
        .split(['\n', '\r'])
        .map(|line| plain(line).trim_end().to_owned())
        .filter(|line| !line.is_empty())
        .collect();
    all[all.len().saturating_sub(SHOWN)..].to_vec()
}

/// A process group, which ends with this.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0.and_then(|id| Pid::from_raw(id.cast_signed())) {
            // Where all of it has ended, there is nobody to be signalled.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// A folder that goes with this.
struct Folder(PathBuf);

impl Folder {
    /// Nix takes no store below a symbolic link, and versions of it split what ssh is given at blanks.
    fn new() -> io::Result<Self> {
        let made = tempfile::Builder::new()
            .prefix("storekeeper-try-")
            .tempdir()?;
        let path = made.path().canonicalize()?;
        let fits = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
        if !path.to_str().is_some_and(|text| text.chars().all(fits)) {
            return Err(io::Error::other(format!(
                "the name {} can't be handed to Nix",
                path.display()
            )));
        }
        let _ = made.keep();
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        for _ in 0..TRIES {
            if remove(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        tracing::warn!(folder = %self.0.display(), "a temporary store could not be removed");
    }
}

/// Removes a folder whose folders can't be written, as those of a store.
fn remove(folder: &Path) -> io::Result<()> {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove(&entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    fs::remove_dir(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_says_is_inert() {
        let said = b"copying 1 paths...\r\n\x1b[31;1merror:\x1b[0m no\x1b[2J\n\n";
        assert_eq!(lines(said), ["copying 1 paths...", "error: no\\e[2J"]);
        let many = "x\n".repeat(SHOWN + 5);
        assert_eq!(lines(many.as_bytes()).len(), SHOWN);
    }

    #[test]
    fn its_folder_goes_whatever_is_in_it() {
        let folder = Folder::new().unwrap();
        let path = folder.0.clone();
        let inner = path.join("store/nix/store/x");
        fs::create_dir_all(&inner).unwrap();
        fs::write(inner.join("file"), "x").unwrap();
        std::os::unix::fs::symlink("/", inner.join("link")).unwrap();
        for folder in [&inner, &path.join("store/nix/store")] {
            fs::set_permissions(folder, fs::Permissions::from_mode(0o555)).unwrap();
        }
        drop(folder);
        assert!(!path.exists());
    }

    #[test]
    fn names_of_files_for_ssh() {
        let word = |text: &str| ssh_word(Path::new(text)).ok();
        assert_eq!(word("/a b/100%"), Some("\"/a b/100%%\"".to_owned()));
        for odd in ["/a\"b", "/a\nb", "/$HOME", "/a\\b"] {
            assert_eq!(word(odd), None, "{odd}");
        }
    }
}
