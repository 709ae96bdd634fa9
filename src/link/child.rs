//! Programs of this machine that a connection runs: their last words, and their end.

use crate::domain::text::plain;
use rustix::process::{Pid, Signal, kill_process_group};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::process::Child;

/// How long a command has to end by itself after it was told to.
const GRACE: Duration = Duration::from_secs(2);

/// The last bytes of a stream.
#[derive(Debug, Clone, Default)]
pub(super) struct Tail(Arc<Mutex<Vec<u8>>>);

impl Tail {
    pub(super) const KEPT: usize = 16 << 10;

    pub(super) fn push(&self, bytes: &[u8]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(bytes);
        if kept.len() > 2 * Self::KEPT {
            let cut = kept.len() - Self::KEPT;
            kept.drain(..cut);
        }
    }

    pub(super) fn text(&self) -> String {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let from = kept.len().saturating_sub(Self::KEPT);
        let text = String::from_utf8_lossy(kept.get(from..).unwrap_or_default()).into_owned();
        drop(kept);
        let lines: Vec<String> = text
            .lines()
            .map(plain)
            .filter(|line| !line.is_empty())
            .collect();
        lines.join("\n")
    }
}

/// Ends a whole process group: first politely, so that scripts can clean up, then for certain.
pub(crate) async fn end(child: &mut Child, group: Option<u32>) {
    let group = group.and_then(|id| Pid::from_raw(id.cast_signed()));
    // What is gone already cannot be signalled, and need not be.
    if let Some(group) = group {
        let _ = kill_process_group(group, Signal::TERM);
    }
    if tokio::time::timeout(GRACE, child.wait()).await.is_err() {
        if let Some(group) = group {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = child.kill().await;
    }
}

pub(super) async fn drain(mut stderr: impl tokio::io::AsyncRead + Unpin, tail: Tail) {
    let mut buffer = vec![0; 4096];
    while let Ok(got @ 1..) = stderr.read(&mut buffer).await {
        tail.push(buffer.get(..got).unwrap_or_default());
    }
}
