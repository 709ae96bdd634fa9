//! The copy of the audit log on this machine: what was written from here, line by line as it lies on the server.
//!
//! In: a line. Out: a file `audit/SERVER.jsonl` in the state folder that only its owner can read. The copy is what
//! the last record of a server's log can be compared with.

use crate::domain::text::visible;
use std::fmt::Write as _;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// A copy larger than this is not read: 64 MiB are a hundred thousand records.
const MOST_BYTES: u64 = 64 << 20;

/// Why there is no copy.
#[derive(Debug, Error)]
pub enum CopyError {
    /// No home, no state folder.
    #[error(
        "no local copy of the audit log is kept: there is no state folder; set HOME or XDG_STATE_HOME"
    )]
    NoFolder,
    /// The file system refuses.
    #[error(
        "no local copy of the audit log is kept in {file}: {cause}; make it writable for yourself"
    )]
    File {
        /// The file.
        file: String,
        /// What the system says.
        cause: std::io::Error,
    },
}

/// The state folder of this program: `$XDG_STATE_HOME/storekeeper`, else `~/.local/state/storekeeper`.
pub fn state_folder() -> Option<PathBuf> {
    let folders = directories::ProjectDirs::from("", "", "storekeeper")?;
    Some(
        folders
            .state_dir()
            .unwrap_or_else(|| folders.data_local_dir())
            .to_owned(),
    )
}

/// The file for a server.
pub fn file(state: &Path, server: &str) -> PathBuf {
    state
        .join("audit")
        .join(format!("{}.jsonl", plain_name(server)))
}

/// A server's name as a part of file names. Names that differ never share one: what is not plain is spelled by its byte.
pub fn plain_name(server: &str) -> String {
    let mut name = String::with_capacity(server.len());
    for byte in server.bytes() {
        let leading = name.is_empty() && byte == b'.';
        if (byte.is_ascii_alphanumeric() || b"._-@".contains(&byte)) && !leading {
            name.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(name, "%{byte:02x}");
        }
    }
    name
}

/// Adds one line, in one write, to a file of mode 0600 in folders of mode 0700.
pub fn append(state: &Path, server: &str, line: &str) -> Result<(), CopyError> {
    let file = file(state, server);
    add(&file, line).map_err(|cause| CopyError::File {
        file: visible(&file.to_string_lossy()).into_owned(),
        cause,
    })
}

fn add(file: &Path, line: &str) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(file)?;
    // Two programs at once, such as a console and a script, take turns.
    rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive)?;
    file.write_all(format!("{line}\n").as_bytes())?;
    file.sync_data()
}

/// What was written from here to this server; `None` if nothing was, or it cannot be read.
pub fn read(state: &Path, server: &str) -> Option<Vec<u8>> {
    let file = File::open(file(state, server)).ok()?;
    let mut bytes = Vec::new();
    file.take(MOST_BYTES).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn kept_for_its_owner_alone() {
        let state = tempfile::tempdir().unwrap();
        assert_eq!(read(state.path(), "prod"), None);
        append(state.path(), "prod", "{\"id\":\"1\"}").unwrap();
        append(state.path(), "prod", "{\"id\":\"2\"}").unwrap();
        assert_eq!(
            read(state.path(), "prod").unwrap(),
            b"{\"id\":\"1\"}\n{\"id\":\"2\"}\n"
        );
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let file = file(state.path(), "prod");
        assert_eq!(mode(&file), 0o600);
        assert_eq!(mode(file.parent().unwrap()), 0o700);
    }

    #[test]
    fn names_stay_in_the_folder() {
        let of = |server: &str| file(Path::new("/s"), server).to_string_lossy().into_owned();
        assert_eq!(
            of("root@cache-1.example"),
            "/s/audit/root@cache-1.example.jsonl"
        );
        assert_eq!(of("../../etc/x"), "/s/audit/%2e.%2f..%2fetc%2fx.jsonl");
        assert_eq!(of("ssh://a:22"), "/s/audit/ssh%3a%2f%2fa%3a22.jsonl");
        assert_ne!(of("a/b"), of("a%2fb"));
    }

    #[test]
    fn says_what_is_in_the_way() {
        let state = tempfile::tempdir().unwrap();
        std::fs::write(state.path().join("audit"), "a file").unwrap();
        let error = append(state.path(), "prod", "{}").unwrap_err().to_string();
        assert!(
            error.contains("prod.jsonl") && error.contains("writable"),
            "{error}"
        );
    }
}
