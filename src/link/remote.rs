//! A command in a channel of an SSH connection.
//!
//! In: a link's connections and a line for the login shell. Out: a [`Process`] whose channel is drained by a task of its own, so that
//! nobody who stops reading can stall the other channels of the connection (see `queue`).

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use russh::client::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Sig};
use tokio::io::AsyncWrite;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::Lane;
use super::error::{LinkError, sentence};
use super::pool::{Pool, Refusal, Slot};
use super::process::{Exit, Life, Process, life};
use super::queue::{Filler, queue};
use super::ssh::Connection;
use crate::domain::budget::most;

/// How long the server has to open a channel and start the command in it.
const PATIENCE: Duration = Duration::from_secs(30);

/// On a bulk connection it waits for its reader from here on, and TCP makes the server wait.
const BULK_AHEAD: usize = 8 << 20;

/// The right to close a channel: dropping it closes the channel in both directions, if the server has not done so, after asking
/// for a signal to the command. (sshd sends no signals for root: there a command ends when it next reads or writes.)
struct Closer {
    write: Arc<ChannelWriteHalf<Msg>>,
    closed: bool,
}

impl Drop for Closer {
    fn drop(&mut self) {
        if self.closed {
            return;
        }
        // Without a runtime everything ends anyway.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let write = self.write.clone();
            runtime.spawn(async move {
                let _ = write.signal(Sig::TERM).await;
                let _ = write.close().await;
            });
        }
    }
}

pub(super) async fn start(pool: &Pool, text: String, lane: Lane) -> Result<Process, LinkError> {
    loop {
        let mut slot = pool.slot().await?;
        if let Some(channel) = open(&mut slot).await? {
            return run(slot, channel, text, lane).await;
        }
    }
}

/// The same where a channel is to spare; `None` where none is.
pub(super) async fn start_spare(
    pool: &Pool,
    text: String,
    lane: Lane,
) -> Result<Option<Process>, LinkError> {
    let Some(mut slot) = pool.spare()? else {
        return Ok(None);
    };
    match open(&mut slot).await? {
        Some(channel) => run(slot, channel, text, lane).await.map(Some),
        None => Ok(None),
    }
}

/// Opens a channel; `None` if the server allows no more than what is open.
async fn open(slot: &mut Slot) -> Result<Option<Channel<Msg>>, LinkError> {
    let connection = Arc::clone(&slot.connection);
    let mut pauses = [20, 100, 500].map(Duration::from_millis).into_iter();
    loop {
        let opened = tokio::select! {
            opened = timeout(PATIENCE, connection.handle.channel_open_session()) => opened.map_err(|_| slow(&connection))?,
            () = connection.state.gone() => return Err(connection.state.reason()),
        };
        let reason = match opened {
            Ok(channel) => {
                slot.opened();
                return Ok(Some(channel));
            }
            Err(russh::Error::ChannelOpenFailure(reason)) => reason,
            Err(_) => return Err(connection.state.reason()),
        };
        let pause = pauses.next();
        match slot.refused(pause.is_some()) {
            Refusal::Again => tokio::time::sleep(pause.unwrap_or_default()).await,
            Refusal::Wait => return Ok(None),
            Refusal::Never => {
                return Err(LinkError::NoSession {
                    place: connection.place.clone(),
                    why: format!("it refuses even one channel, {reason:?}"),
                });
            }
        }
    }
}

fn slow(connection: &Connection) -> LinkError {
    LinkError::Timeout {
        place: connection.place.clone(),
        what: "open a channel",
        seconds: PATIENCE.as_secs(),
    }
}

/// Runs the command in its channel.
async fn run(
    slot: Slot,
    channel: Channel<Msg>,
    text: String,
    lane: Lane,
) -> Result<Process, LinkError> {
    let connection = Arc::clone(&slot.connection);
    let (mut read, write) = channel.split();
    let mut closer = Closer {
        write: Arc::new(write),
        closed: false,
    };
    let exec = async {
        closer
            .write
            .exec(true, text)
            .await
            .map_err(|_| connection.state.reason())?;
        loop {
            match read.wait().await {
                Some(ChannelMsg::Success) => return Ok(()),
                Some(ChannelMsg::Failure) => {
                    return Err(LinkError::Refused {
                        place: connection.place.clone(),
                        why: "it refused the request to run one".into(),
                    });
                }
                None => return Err(connection.state.reason()),
                Some(_) => {}
            }
        }
    };
    let started = timeout(PATIENCE, exec).await;
    started.map_err(|_| slow(&connection))??;

    let (lived, hold) = life(Some(slot));
    let (filler, reader) = queue(&connection.waiting);
    let ended = CancellationToken::new();
    let stdin = Writer {
        inner: Box::pin(closer.write.make_writer()),
        ended: Box::pin(ended.clone().cancelled_owned()),
    };
    tokio::spawn(async move {
        let _ended = ended.drop_guard();
        let end = lived.end.clone();
        let exit = tokio::select! {
            exit = drain(&mut read, &filler, &lived, lane) => exit,
            () = end.cancelled() => None,
        };
        closer.closed = exit.is_some();
        drop(closer);
        // After this nobody waits for what the server still sends into the channel.
        drop(read);
        let _ = lived.exit.send(Some(exit.unwrap_or(Exit::Lost)));
    });
    Ok(Process {
        stdin: Some(Box::new(stdin)),
        stdout: Box::new(reader),
        hold,
    })
}

/// Reads the channel until it is closed. `None` when the command is to be ended from here, or the connection is gone.
async fn drain(
    read: &mut ChannelReadHalf,
    filler: &Filler,
    life: &Life,
    lane: Lane,
) -> Option<Exit> {
    let mut exit = None;
    let mut closed = false;
    while let Some(message) = read.wait().await {
        match message {
            ChannelMsg::Data { data } => {
                let waiting = filler.push(data);
                match lane {
                    Lane::Bulk => filler.room(BULK_AHEAD).await,
                    // On a shared connection the commands may be this far ahead of their readers together; then this one
                    // is ended, since waiting would freeze the others.
                    Lane::Interactive if waiting > most::UNREAD => {
                        filler.end(Err(
                            "nobody read what the command wrote, so it was ended".into()
                        ));
                        return None;
                    }
                    Lane::Interactive => {}
                }
            }
            ChannelMsg::ExtendedData { data, ext: 1 } => life.stderr.push(&data),
            ChannelMsg::Eof => filler.end(Ok(())),
            ChannelMsg::ExitStatus { exit_status } => exit = Some(Exit::Code(exit_status)),
            ChannelMsg::ExitSignal { signal_name, .. } => {
                exit = Some(Exit::Signal(signal(&signal_name)));
            }
            ChannelMsg::Close => {
                closed = true;
                break;
            }
            _ => {}
        }
    }
    // An end without end of file and without a status is no end of the command.
    if closed || exit.is_some() {
        filler.end(Ok(()));
        return Some(exit.unwrap_or(Exit::Lost));
    }
    filler.end(Err("the connection was lost".into()));
    Some(Exit::Lost)
}

fn signal(signal: &Sig) -> String {
    match signal {
        Sig::Custom(name) => sentence(name),
        known => format!("{known:?}"),
    }
}

/// The channel's writer, which ends with the channel: russh's own would wait for ever for a window that nobody opens any more.
struct Writer<W> {
    inner: Pin<Box<W>>,
    ended: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl<W: AsyncWrite> Writer<W> {
    fn over(&mut self, cx: &mut Context<'_>) -> bool {
        self.ended.as_mut().poll(cx).is_ready()
    }
}

impl<W: AsyncWrite> AsyncWrite for Writer<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        // russh takes an empty write for an error.
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        if self.over(cx) {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        self.inner.as_mut().poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner.as_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.over(cx) {
            return Poll::Ready(Ok(()));
        }
        self.inner.as_mut().poll_shutdown(cx)
    }
}
