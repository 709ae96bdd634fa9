//! The log of the program itself: to a file, never to the screen.
//!
//! In: `STOREKEEPER_LOG` (a file), `STOREKEEPER_LOG_LEVEL` (such as `debug`, by default `info`). Out: lines in that file, by
//! default in `$XDG_STATE_HOME/storekeeper/log/`, one file a day and the last seven kept.

use crate::change::audit::copy::state_folder;
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use tracing_appender::non_blocking::{NonBlocking, WorkerGuard};

/// How many daily files are kept.
const KEPT: usize = 7;

/// Mode of the files: the log names servers, users and paths, so only its owner may read it.
const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

/// How the daily files are called: `storekeeper.2026-11-28.log`.
const PREFIX: &str = "storekeeper";
const SUFFIX: &str = "log";

/// Starts it. Lines are written while the guard lives. The program works without a log, so failures are not reported.
pub(super) fn start() -> Option<WorkerGuard> {
    let (writer, guard) = match std::env::var_os("STOREKEEPER_LOG").filter(|file| !file.is_empty())
    {
        Some(file) => one_file(&PathBuf::from(file))?,
        None => daily(&state_folder()?.join("log"))?,
    };
    let level = std::env::var("STOREKEEPER_LOG_LEVEL").unwrap_or_default();
    let filter =
        tracing_subscriber::EnvFilter::try_new(if level.is_empty() { "info" } else { &level })
            .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(false)
        .try_init()
        .ok()?;
    Some(guard)
}

fn one_file(file: &Path) -> Option<(NonBlocking, WorkerGuard)> {
    Some(tracing_appender::non_blocking(private(file).ok()?))
}

fn daily(folder: &Path) -> Option<(NonBlocking, WorkerGuard)> {
    DirBuilder::new()
        .recursive(true)
        .mode(FOLDER_MODE)
        .create(folder)
        .ok()?;
    std::fs::set_permissions(folder, Permissions::from_mode(FOLDER_MODE)).ok()?;
    let daily = Daily::start(folder.to_owned(), today()).ok()?;
    Some(tracing_appender::non_blocking(daily))
}

/// As in a file's name; in UTC, as the lines have it.
fn today() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%d").to_string()
}

/// Today's file. The appender of `tracing_appender` would make files that everybody can read.
struct Daily {
    folder: PathBuf,
    day: String,
    file: File,
}

impl Daily {
    /// Opens the file of a day, and removes the oldest ones.
    fn start(folder: PathBuf, day: String) -> io::Result<Self> {
        let file = private(&folder.join(format!("{PREFIX}.{day}.{SUFFIX}")))?;
        let mut names: Vec<_> = std::fs::read_dir(&folder)?
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|name| {
                let middle = name.strip_prefix(PREFIX);
                middle.is_some_and(|rest| rest.starts_with('.') && rest.ends_with(SUFFIX))
            })
            .collect();
        names.sort();
        for name in names.iter().take(names.len().saturating_sub(KEPT)) {
            // What can't be removed now is old tomorrow, too.
            let _ = std::fs::remove_file(folder.join(name));
        }
        Ok(Self { folder, day, file })
    }
}

impl io::Write for Daily {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let today = today();
        if today != self.day {
            *self = Self::start(self.folder.clone(), today)?;
        }
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Opens a file that is readable by its owner alone, also where it was there and was not.
fn private(file: &Path) -> io::Result<File> {
    let opened = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(FILE_MODE)
        .open(file)?;
    // The mode of a terminal or pipe is left as it is.
    if opened.metadata()?.is_file() {
        opened.set_permissions(Permissions::from_mode(FILE_MODE))?;
    }
    Ok(opened)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn nobody_else_reads_the_log() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("state/log");
        std::fs::create_dir_all(&folder).unwrap();
        let today = folder.join(format!("storekeeper.{}.log", today()));
        // As an older version left them.
        std::fs::write(&today, "before\n").unwrap();
        std::fs::set_permissions(&today, Permissions::from_mode(0o644)).unwrap();
        std::fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        for day in 10..20 {
            std::fs::write(folder.join(format!("storekeeper.2020-01-{day}.log")), "").unwrap();
        }
        std::fs::write(folder.join("other.log"), "").unwrap();
        drop(daily(&folder).unwrap());
        assert_eq!((mode(&folder), mode(&today)), (0o700, 0o600));
        assert_eq!(std::fs::read_to_string(&today).unwrap(), "before\n");
        // The last seven, and what is not ours.
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), KEPT + 1);
        assert!(!folder.join("storekeeper.2020-01-13.log").exists());

        let mut log = Daily::start(folder.clone(), "2019-12-31".into()).unwrap();
        io::Write::write_all(&mut log, b"after\n").unwrap();
        assert_eq!(std::fs::read_to_string(&today).unwrap(), "before\nafter\n");

        let named = scratch.path().join("named.log");
        std::fs::write(&named, "").unwrap();
        std::fs::set_permissions(&named, Permissions::from_mode(0o666)).unwrap();
        drop(one_file(&named).unwrap());
        assert_eq!(mode(&named), 0o600);
        assert!(one_file(Path::new("/dev/null")).is_some());
    }
}
