//! Ctrl-C, SIGTERM and SIGHUP.
//!
//! In: work. Out: its result, or that it was interrupted. A change is not cut off by the first
//! signal: it is asked to stop, and tells what it has done until then. A second one ends it at once.

use super::error::{CliError, Kind};
use crate::domain::notice;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that mean stop, one after the other.
pub(super) struct Stops(Vec<Signal>);

impl Stops {
    /// Listens from now on. A signal that cannot be caught ends the process as it would without this.
    pub(super) fn new() -> Self {
        let kinds = [
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::hangup(),
        ];
        Self(
            kinds
                .into_iter()
                .filter_map(|kind| signal(kind).ok())
                .collect(),
        )
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) {
        if self.0.is_empty() {
            std::future::pending::<()>().await;
        }
        let waits = self.0.iter_mut().map(|caught| Box::pin(caught.recv()));
        futures_util::future::select_all(waits).await;
    }
}

/// Waits for the next signal that means stop.
pub(super) async fn stop() {
    Stops::new().next().await;
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
        notice!("interrupted", "nothing was changed by this"),
    )
}

/// What is said when a change was not waited for.
pub(super) fn cut_off() -> CliError {
    CliError::new(
        Kind::Interrupted,
        notice!(
            "stopped at once by a second signal",
            "what was changed until then is not shown; the next change of this server writes it into its audit log"
        ),
    )
}
