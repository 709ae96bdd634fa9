//! A program that is run for events.
//!
//! In: lines, one an event. Out: runs of one fixed command, which gets them on its standard input; one run at a time, and each so long after the
//! one before that a flood of events is no flood of processes.

use crate::cli::out::say;
use crate::domain::count::count;
use crate::domain::text::visible;
use crate::link::end_group;
use std::io;
use std::os::fd::AsFd as _;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::task::AbortOnDropHandle;

/// Events that wait for a run; more are dropped, and counted.
const WAITING: usize = 10_000;

/// How long a run may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long the last run may take when this program ends.
const AT_THE_END: Duration = Duration::from_secs(5);

/// The runs of one command.
pub(super) struct Program {
    lines: mpsc::Sender<String>,
    dropped: usize,
    runs: AbortOnDropHandle<()>,
}

impl Program {
    /// Of a command for `sh`, started at most once in `pause`.
    pub(super) fn new(command: &str, pause: Duration) -> Self {
        let (lines, waiting) = mpsc::channel(WAITING);
        let command = command.to_owned();
        Self {
            lines,
            dropped: 0,
            runs: AbortOnDropHandle::new(tokio::spawn(run_all(command, pause, waiting))),
        }
    }

    /// Passes a line on to the next run.
    pub(super) fn pass(&mut self, line: String) {
        if self.lines.try_send(line).is_err() {
            self.dropped += 1;
            return;
        }
        let dropped = std::mem::take(&mut self.dropped);
        if dropped > 0 {
            let events = count(dropped, "event");
            say(&format!("the program was too slow: {events} not passed on"));
        }
    }

    /// Runs it for what waits, and waits for the end of that, but not for long.
    pub(super) async fn finish(self) {
        drop(self.lines);
        let _ = timeout(AT_THE_END, self.runs).await;
    }
}

async fn run_all(command: String, pause: Duration, mut waiting: mpsc::Receiver<String>) {
    let mut next = Instant::now();
    loop {
        let mut lines = Vec::new();
        if waiting.recv_many(&mut lines, WAITING).await == 0 {
            return;
        }
        // What comes until the next run may start goes along.
        loop {
            let room = WAITING - lines.len();
            tokio::select! {
                () = sleep_until(next) => break,
                more = waiting.recv_many(&mut lines, room), if room > 0 => if more == 0 {
                    // This program ends.
                    break;
                },
            }
        }
        next = Instant::now() + pause;
        match run(&command, &lines).await {
            Ok(Some(status)) if status.success() => {}
            Ok(Some(status)) => say(&format!("{} ended with {status}", visible(&command))),
            Ok(None) => say(&format!(
                "{} was ended: it took longer than {} s",
                visible(&command),
                PATIENCE.as_secs()
            )),
            Err(error) => say(&format!("sh can't be started: {error}")),
        }
    }
}

/// Runs it once. `None` where it took too long.
async fn run(command: &str, lines: &[String]) -> io::Result<Option<ExitStatus>> {
    // Standard output is for events alone.
    let output = io::stderr().as_fd().try_clone_to_owned()?;
    let mut child = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::piped())
        .stdout(Stdio::from(output))
        .process_group(0)
        .spawn()?;
    let group = child.id();
    let input = child.stdin.take();
    let write = async {
        if let Some(mut input) = input {
            for line in lines {
                // One that wants to read no more is not at fault.
                if input
                    .write_all(format!("{line}\n").as_bytes())
                    .await
                    .is_err()
                {
                    break;
                }
            }
        }
    };
    let whole = async {
        let ((), ended) = tokio::join!(write, child.wait());
        ended
    };
    if let Ok(ended) = timeout(PATIENCE, whole).await {
        return ended.map(Some);
    }
    end_group(&mut child, group).await;
    Ok(None)
}
