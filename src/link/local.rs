//! The same commands without SSH, on the server itself.
//!
//! In: a command. Out: a [`Process`] in a process group of its own, which is told to terminate, and then killed, when it is dropped.

use std::io;
use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::AsyncWrite;
use tokio::process::{ChildStdin, Command as Program};

use super::child::{drain, end};
use super::command::Command;
use super::error::LinkError;
use super::process::{Exit, Process, life};

pub(super) fn start(command: &Command) -> Result<Process, LinkError> {
    let words = command.words()?;
    let (program, args) = words.split_first().ok_or_else(|| LinkError::Command {
        why: "it is empty".into(),
    })?;
    let mut child = Program::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| LinkError::Start {
            program: (*program).to_owned(),
            why: error.to_string(),
        })?;
    let missing = || LinkError::Start {
        program: (*program).to_owned(),
        why: "it has no pipes".into(),
    };
    let stdin = child.stdin.take().ok_or_else(missing)?;
    let stdout = child.stdout.take().ok_or_else(missing)?;
    let stderr = child.stderr.take().ok_or_else(missing)?;
    let (life, hold) = life(None);
    let tail = life.stderr.clone();
    let mut drain = tokio::spawn(drain(stderr, tail));
    tokio::spawn(async move {
        let group = child.id();
        let ended = tokio::select! {
            ended = child.wait() => Some(ended),
            () = life.end.cancelled() => None,
        };
        let exit = if let Some(ended) = ended {
            // A grandchild may keep stderr open for ever.
            let _ = tokio::time::timeout(Duration::from_millis(500), &mut drain).await;
            ended.map_or(Exit::Lost, exit_of)
        } else {
            end(&mut child, group).await;
            Exit::Lost
        };
        drain.abort();
        let _ = life.exit.send(Some(exit));
    });
    Ok(Process {
        stdin: Some(Box::new(Input(Some(stdin)))),
        stdout: Box::new(stdout),
        hold,
    })
}

/// A pipe that is closed by `shutdown`, as a channel is: tokio's own closes only when it is dropped.
struct Input(Option<ChildStdin>);

impl Input {
    fn pipe(&mut self) -> io::Result<Pin<&mut ChildStdin>> {
        self.0
            .as_mut()
            .map(Pin::new)
            .ok_or_else(|| io::ErrorKind::BrokenPipe.into())
    }
}

impl AsyncWrite for Input {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.pipe()?.poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.pipe()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0 = None;
        Poll::Ready(Ok(()))
    }
}

fn exit_of(status: ExitStatus) -> Exit {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code(code.cast_unsigned()),
        (None, Some(signal)) => Exit::Signal(signal_name(signal)),
        (None, None) => Exit::Lost,
    }
}

/// The names that SSH uses (RFC 4254, section 6.10); others by number.
fn signal_name(signal: i32) -> String {
    match signal {
        1 => "HUP",
        2 => "INT",
        3 => "QUIT",
        4 => "ILL",
        6 => "ABRT",
        8 => "FPE",
        9 => "KILL",
        11 => "SEGV",
        13 => "PIPE",
        14 => "ALRM",
        15 => "TERM",
        other => return other.to_string(),
    }
    .to_owned()
}
