//! `known_hosts` on disk: read what is there, add a line without harm to the others.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::KnownHosts;
use crate::link::error::{LinkError, homely, shown};

/// A `known_hosts` file is some kilobytes; what is larger than this is something else.
const MOST_BYTES: u64 = 32 << 20;

/// Reads the files that exist. One that exists and cannot be read is an error: it may hold a revocation.
pub(crate) fn read(files: &[PathBuf]) -> Result<KnownHosts, LinkError> {
    let mut hosts = KnownHosts::default();
    for path in files {
        match read_one(path) {
            Ok(bytes) => hosts.add(&homely(path), &bytes),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) => {}
            Err(error) => {
                return Err(LinkError::KnownHosts {
                    file: shown(path),
                    done: "read",
                    why: error.to_string(),
                });
            }
        }
    }
    for problem in hosts.problems() {
        tracing::warn!(at = %problem.at, why = problem.why, "a line of known_hosts is ignored");
    }
    Ok(hosts)
}

fn read_one(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(io::Error::other("it is larger than 32 MiB"));
    }
    Ok(bytes)
}

/// Adds a line. The directory (0700) and the file (0600) are made if they are missing; the line is written in one piece, under a
/// lock, after a line end where the last line lacks one.
pub(crate) fn append(path: &Path, line: &str) -> Result<(), LinkError> {
    write(path, line).map_err(|error| LinkError::KnownHosts {
        file: shown(path),
        done: "written",
        why: error.to_string(),
    })
}

fn write(path: &Path, line: &str) -> io::Result<()> {
    if let Some(parent) = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(parent)?;
    }
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?;
    rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive)?;
    let mut text = Vec::with_capacity(line.len() + 1);
    if file.seek(SeekFrom::End(0))? > 0 {
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0; 1];
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            text.push(b'\n');
        }
    }
    text.extend_from_slice(line.as_bytes());
    file.write_all(&text)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn appends_with_care() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/known_hosts");
        append(&path, "a\n").unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        std::fs::write(&path, "no end").unwrap();
        append(&path, "b\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "no end\nb\n");
    }

    #[test]
    fn a_missing_file_is_empty_and_a_directory_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        assert!(read(&[dir.path().join("missing")]).is_ok());
        assert!(read(&[dir.path().to_owned()]).is_err());
        assert!(append(dir.path(), "x\n").is_err());
    }
}
