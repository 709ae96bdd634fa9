//! Where the stand-ins for Nix's commands come in.
//!
//! In: connections on the socket in the scratch folder, each with one call. Out: an outcome, or a daemon's conversation.

use super::daemon::Daemon;
use super::faults::Faults;
use super::release::Release;
use super::store::Store;
use super::tools::{self, Call, Outcome, Tools};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Bytes of a call: a command line that any system takes, and its input.
const LONGEST_CALL: u64 = 64 << 20;

/// What every call needs.
#[derive(Debug, Clone)]
pub(super) struct Service {
    pub(super) store: Arc<Store>,
    pub(super) faults: Faults,
    pub(super) release: Release,
    pub(super) signing_key_file: PathBuf,
    /// The demo's state folder of Nix.
    pub(super) state: PathBuf,
    pub(super) stopped: CancellationToken,
    pub(super) tasks: TaskTracker,
}

impl Service {
    /// Takes calls until the demo is stopped.
    pub(super) async fn listen(self, listener: UnixListener) {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.stopped.cancelled() => return,
            };
            let Ok((stream, _)) = accepted else {
                // Out of descriptors, say: wait rather than spin.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let service = self.clone();
            self.tasks.spawn(async move {
                tokio::select! {
                    // A caller that went away has no use for an answer.
                    _ = service.answer(stream) => {}
                    () = service.stopped.cancelled() => {}
                }
            });
        }
    }

    async fn answer(&self, stream: UnixStream) -> std::io::Result<()> {
        let (read, mut write) = stream.into_split();
        let mut line = Vec::new();
        let mut reader = BufReader::new(read).take(LONGEST_CALL);
        reader.read_until(b'\n', &mut line).await?;
        let call: Call = serde_json::from_slice(&line)?;
        if tools::is_daemon(&call.arguments) {
            let daemon = Daemon {
                store: &self.store,
                faults: &self.faults,
                release: self.release,
                state: &self.state,
            };
            daemon.serve(reader.into_inner(), write).await;
            return Ok(());
        }
        let service = self.clone();
        let outcome = tokio::task::spawn_blocking(move || {
            Tools {
                store: &service.store,
                faults: &service.faults,
                release: service.release,
                signing_key_file: service.signing_key_file,
            }
            .run(&call)
        })
        .await
        .unwrap_or_else(|_| Outcome::error("the demo could not run this command"));
        let mut line = serde_json::to_vec(&outcome)?;
        line.push(b'\n');
        write.write_all(&line).await?;
        write.shutdown().await
    }
}
