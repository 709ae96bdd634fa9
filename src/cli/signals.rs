//! Ctrl-C, SIGTERM and SIGHUP.
//!
//! In: work. Out: its result, or that it was interrupted. A change is not cut off: it is asked to stop, and tells what it
//! has done until then.

use super::error::{CliError, Kind};
use tokio::signal::unix::{SignalKind, signal};

/// Waits for the next signal that means stop.
pub(super) async fn stop() {
    let kinds = [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ];
    let mut waits = Vec::new();
    for kind in kinds {
        // A signal that cannot be caught ends the process as it would without this.
        if let Ok(mut caught) = signal(kind) {
            waits.push(Box::pin(async move { caught.recv().await }));
        }
    }
    if waits.is_empty() {
        std::future::pending::<()>().await;
    }
    futures_util::future::select_all(waits).await;
}

/// Does the work, unless a signal comes first.
pub(super) async fn unless_stopped<T>(
    work: impl Future<Output = Result<T, CliError>>,
) -> Result<T, CliError> {
    tokio::select! {
        result = work => result,
        () = stop() => Err(interrupted()),
    }
}

/// What is said then.
pub(super) fn interrupted() -> CliError {
    CliError::new(
        Kind::Interrupted,
        "interrupted; nothing was changed by this",
    )
}
