//! A stream that gives up when nothing has come for too long.
//!
//! In: a stream and a time. Out: the same stream; a wait beyond the time is an error. The daemon itself waits for ever,
//! for locks and for a busy database, so the patience has to be ours.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// A reader with a limit on silence.
#[derive(Debug)]
pub(super) struct Patience<R> {
    inner: R,
    limit: Duration,
    alarm: Option<Pin<Box<Sleep>>>,
    waiting: bool,
}

impl<R> Patience<R> {
    pub(super) fn new(inner: R, limit: Duration) -> Self {
        Self {
            inner,
            limit,
            alarm: None,
            waiting: false,
        }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Patience<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Poll::Ready(result) = Pin::new(&mut self.inner).poll_read(context, buffer) {
            self.waiting = false;
            return Poll::Ready(result);
        }
        let limit = self.limit;
        let fresh = !self.waiting;
        self.waiting = true;
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep(limit)));
        if fresh {
            alarm.as_mut().reset(Instant::now() + limit);
        }
        if alarm.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        self.waiting = false;
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("nothing came for {} s", limit.as_secs()),
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[tokio::test]
    async fn gives_up_on_silence_only() {
        let (near, mut far) = tokio::io::duplex(64);
        let mut reader = Patience::new(near, Duration::from_millis(400));
        for _ in 0..3 {
            // Three waits that together are longer than the limit.
            let (got, ()) = tokio::join!(reader.read_u8(), async {
                sleep(Duration::from_millis(200)).await;
                far.write_all(b"x").await.unwrap();
            });
            assert_eq!(got.unwrap(), b'x');
        }
        let error = reader.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
