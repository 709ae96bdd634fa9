//! A `ProxyCommand`: a child process whose standard streams are the connection.
//!
//! In: the command with its tokens filled in. Out: a stream. The child runs in a process group of its own and ends with the stream.

use std::io;
use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::process::{ChildStdin, ChildStdout, Command as Program};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::child::{Tail, drain, end};
use super::error::LinkError;

/// How long a child that ends may take to say why.
const PATIENCE: Duration = Duration::from_millis(500);

pub(super) struct ProxyStream {
    stdin: ChildStdin,
    stdout: ChildStdout,
    _end: DropGuard,
}

/// What the child complains, which explains a connection that does not come about.
pub(super) struct Complaints {
    tail: Tail,
    /// Cancelled when the child has ended and said everything.
    done: CancellationToken,
}

impl Complaints {
    /// All of it, from a child that has ended or is about to.
    pub(super) async fn text(&self) -> String {
        let _ = timeout(PATIENCE, self.done.cancelled()).await;
        self.tail.text()
    }
}

/// Starts it.
pub(super) fn start(command: &str, place: &str) -> Result<(ProxyStream, Complaints), LinkError> {
    let failed = |why: String| LinkError::Proxy {
        place: place.to_owned(),
        why,
    };
    // The person's own shell, as ssh does.
    let shell = std::env::var_os("SHELL")
        .filter(|shell| !shell.is_empty())
        .unwrap_or_else(|| "/bin/sh".into());
    let mut child = Program::new(&shell)
        .arg("-c")
        .arg(format!("exec {command}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    let (Some(stdin), Some(stdout), Some(stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(failed("it has no pipes".into()));
    };
    let tail = Tail::default();
    let token = CancellationToken::new();
    let stop = token.clone();
    let done = CancellationToken::new();
    let said = done.clone().drop_guard();
    let mut complaints = tokio::spawn(drain(stderr, tail.clone()));
    tokio::spawn(async move {
        let group = child.id();
        tokio::select! {
            _ = child.wait() => {}
            () = stop.cancelled() => end(&mut child, group).await,
        }
        // A grandchild may keep stderr open for ever.
        let _ = timeout(PATIENCE, &mut complaints).await;
        complaints.abort();
        drop(said);
    });
    let stream = ProxyStream {
        stdin,
        stdout,
        _end: token.drop_guard(),
    };
    Ok((stream, Complaints { tail, done }))
}

impl AsyncRead for ProxyStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stdout).poll_read(cx, buf)
    }
}

impl AsyncWrite for ProxyStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stdin).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stdin).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stdin).poll_shutdown(cx)
    }
}
