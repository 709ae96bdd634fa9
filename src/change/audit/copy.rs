//! The copy of the audit log on this machine: what was written from here, line by line as it lies on the server.
//!
//! In: a line. Out: a file `audit/SERVER.jsonl` in the state folder that only its owner can read. The copy is what
//! the last record of a server's log can be compared with.

use super::witness::Copied;
use crate::domain::file_name;
use crate::domain::text::visible;
use crate::domain::{Explain, Notice, notice};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Bytes of a line that are read; a longer one is no record.
const MOST_LINE: u64 = 16 << 20;

/// Why there is no copy.
#[derive(Debug, Error)]
#[error("{}", self.notice())]
pub enum CopyError {
    /// No home, no state folder.
    NoFolder,
    /// The file system refuses.
    File {
        /// The file.
        file: String,
        /// What the system says.
        cause: std::io::Error,
    },
}

impl Explain for CopyError {
    fn notice(&self) -> Notice {
        match self {
            Self::NoFolder => notice!(
                "no local copy of the audit log is kept: there is no state folder",
                "set HOME or XDG_STATE_HOME"
            ),
            Self::File { file, cause } => notice!(
                "no local copy of the audit log is kept in {file}: {cause}",
                "make it writable for yourself"
            ),
        }
    }
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
        .join(format!("{}.jsonl", file_name::of(server)))
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

/// What was written from here to this server, line by line; or why that is not known.
pub fn read(state: Option<&Path>, server: &str) -> Result<Copied, String> {
    let none = "no record was written from this machine, or its copy was removed";
    let Some(state) = state else {
        return Err("no copy on this machine: there is no state folder".to_owned());
    };
    let file = file(state, server);
    let wrong = |cause: std::io::Error| {
        let file = visible(&file.to_string_lossy()).into_owned();
        format!("the copy {file} can't be read: {cause}")
    };
    let mut lines = match File::open(&file) {
        Ok(file) => BufReader::new(file),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(none.to_owned()),
        Err(error) => return Err(wrong(error)),
    };
    let mut copied = Copied::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut most = lines.by_ref().take(MOST_LINE);
        if most.read_until(b'\n', &mut line).map_err(wrong)? == 0 {
            return Ok(copied);
        }
        copied.line(line.strip_suffix(b"\n").unwrap_or(&line));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn kept_for_its_owner_alone() {
        let state = tempfile::tempdir().unwrap();
        assert!(read(Some(state.path()), "prod").is_err());
        append(state.path(), "prod", "{\"id\":\"1\"}").unwrap();
        append(state.path(), "prod", "{\"id\":\"2\"}").unwrap();
        assert_eq!(
            std::fs::read(file(state.path(), "prod")).unwrap(),
            b"{\"id\":\"1\"}\n{\"id\":\"2\"}\n"
        );
        // Neither reached the server.
        assert!(read(Some(state.path()), "prod").unwrap().is_empty());
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
