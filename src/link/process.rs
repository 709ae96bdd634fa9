//! A running command, here or there: its three streams and its end.
//!
//! In: what `remote` or `local` started. Out: bytes, the last words of stderr, an [`Exit`]. Who drops a [`Process`] ends it: both
//! directions are closed at once, and it is told to terminate (which sshd passes on for every user but root: a command of root's that
//! neither reads nor writes lives to its own end, so long ones are cut into pieces by the caller). Nothing is ever half-closed by accident: the input ends
//! only by `shutdown` on it, or by [`Process::wait`].

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::child::Tail;
use super::pool::Slot;

/// What commands write to.
pub type BoxedReader = Box<dyn AsyncRead + Send + Unpin>;
/// What commands read from.
pub type BoxedWriter = Box<dyn AsyncWrite + Send + Unpin>;

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exit {
    /// With a status.
    Code(u32),
    /// By a signal, by name without `SIG`.
    Signal(String),
    /// Nobody knows: the connection was lost, or the command was ended from here.
    Lost,
}

impl Exit {
    /// Whether it is status 0.
    pub fn success(&self) -> bool {
        *self == Self::Code(0)
    }
}

/// What a finished command left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// All of its output.
    pub stdout: Vec<u8>,
    /// The end of what it complained, line by line, for people.
    pub stderr: String,
    /// How it ended.
    pub exit: Exit,
}

/// A command that runs. The streams may be moved out; the rest must be kept as long as it is to live.
pub struct Process {
    /// Its input. `shutdown` ends it; what dropping it alone does is not promised.
    pub stdin: Option<BoxedWriter>,
    /// Its output. An end that is not the command's own (a lost connection) is an error, never an early end of file.
    pub stdout: BoxedReader,
    /// The rest.
    pub hold: Hold,
}

/// What keeps a command alive.
pub struct Hold {
    pub(super) stderr: Tail,
    pub(super) exit: watch::Receiver<Option<Exit>>,
    pub(super) _end: DropGuard,
    pub(super) _slot: Option<Slot>,
}

impl Process {
    /// Ends its input, lets it finish (throwing away what it still writes), and says how it ended.
    pub async fn wait(mut self) -> Exit {
        if let Some(mut stdin) = self.stdin.take() {
            // A command that is gone already does not mind.
            let _ = stdin.shutdown().await;
        }
        let _ = tokio::io::copy(&mut self.stdout, &mut tokio::io::sink()).await;
        self.hold.exit().await
    }

    /// The end of what it wrote to stderr so far, made safe for a terminal, at most 16 KiB.
    pub fn stderr_tail(&self) -> String {
        self.hold.stderr_tail()
    }
}

impl Hold {
    /// Resolves when the command has ended by itself.
    pub async fn exit(&self) -> Exit {
        let mut exit = self.exit.clone();
        let ended = exit.wait_for(Option::is_some).await;
        ended
            .ok()
            .and_then(|exit| exit.clone())
            .unwrap_or(Exit::Lost)
    }

    /// As for [`Process::stderr_tail`].
    pub fn stderr_tail(&self) -> String {
        self.stderr.text()
    }
}

/// The two ends of a command's life: what the starter keeps, and what goes into [`Hold`].
pub(super) struct Life {
    pub(super) stderr: Tail,
    pub(super) exit: watch::Sender<Option<Exit>>,
    /// Cancelled when the [`Hold`] is dropped.
    pub(super) end: CancellationToken,
}

pub(super) fn life(slot: Option<Slot>) -> (Life, Hold) {
    let (sender, receiver) = watch::channel(None);
    let end = CancellationToken::new();
    let stderr = Tail::default();
    let hold = Hold {
        stderr: stderr.clone(),
        exit: receiver,
        _end: end.clone().drop_guard(),
        _slot: slot,
    };
    let life = Life {
        stderr,
        exit: sender,
        end,
    };
    (life, hold)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_short_and_safe() {
        let tail = Tail::default();
        for index in 0..10_000 {
            tail.push(format!("line {index} \u{1b}[31mred\u{1b}[0m \u{1b}]0;x\u{7}\n").as_bytes());
        }
        let text = tail.text();
        assert!(
            text.len() <= 2 * Tail::KEPT && text.ends_with("line 9999 red \\e]0;x\\u{7}"),
            "{text}"
        );
        assert!(!text.contains('\u{1b}'));
    }
}
