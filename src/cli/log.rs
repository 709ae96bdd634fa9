//! The log of the program itself: to a file, never to the screen.
//!
//! In: `STOREKEEPER_LOG` (a file), `STOREKEEPER_LOG_LEVEL` (such as `debug`, by default `info`). Out: lines in that file, by
//! default in `$XDG_STATE_HOME/storekeeper/log/`, one file a day and the last seven kept.

use crate::change::audit::copy::state_folder;
use std::fs::{DirBuilder, OpenOptions};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use tracing_appender::non_blocking::{NonBlocking, WorkerGuard};
use tracing_appender::rolling;

/// How many daily files are kept.
const KEPT: usize = 7;

/// Starts it. While the guard lives, lines are written; no log is no reason not to work, so nothing is told of failures.
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
    let opened = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(file)
        .ok()?;
    Some(tracing_appender::non_blocking(opened))
}

fn daily(folder: &Path) -> Option<(NonBlocking, WorkerGuard)> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .ok()?;
    let appender = rolling::Builder::new()
        .rotation(rolling::Rotation::DAILY)
        .filename_prefix("storekeeper")
        .filename_suffix("log")
        .max_log_files(KEPT)
        .build(folder)
        .ok()?;
    Some(tracing_appender::non_blocking(appender))
}
