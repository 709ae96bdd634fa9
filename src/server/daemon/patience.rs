//! A stream that gives up when nothing has come for too long, or too little.
//!
//! In: a stream and how long to wait. Out: the same stream; a wait beyond that is an error. The daemon itself waits for ever,
//! for locks and for a busy database, and a hostile one may send a byte a minute, so the patience has to be ours. Only time
//! in which somebody waits for bytes counts: a reader that is slow itself is nobody's fault.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// How little may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) struct Pace {
    /// So much waiting, in one piece or in many,
    pub(in crate::server) window: Duration,
    /// has to bring so many bytes.
    pub(in crate::server) least: u64,
}

/// How long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) struct Waits {
    /// For the next byte.
    pub(in crate::server) silence: Duration,
    /// For what is wanted; `None` where a daemon may take its time.
    pub(in crate::server) pace: Option<Pace>,
}

/// A reader with limits on waiting.
#[derive(Debug)]
pub(in crate::server) struct Patience<R> {
    inner: R,
    waits: Waits,
    alarm: Option<Pin<Box<Sleep>>>,
    wait: Option<Wait>,
    /// Waiting in this window, before the present wait.
    waited: Duration,
    /// Bytes that came in this window.
    came: u64,
    /// How many of them are not what is waited for.
    idle: u64,
}

/// A wait that lasts.
#[derive(Debug, Clone, Copy)]
struct Wait {
    since: Instant,
    /// Since when it belongs to the present window.
    of_window: Instant,
}

impl<R> Patience<R> {
    pub(in crate::server) fn new(inner: R, waits: Waits) -> Self {
        Self {
            inner,
            waits,
            alarm: None,
            wait: None,
            waited: Duration::ZERO,
            came: 0,
            idle: 0,
        }
    }

    /// Something new is asked for: what was waited before does not count.
    pub(in crate::server) fn begin(&mut self, pace: Option<Pace>) {
        self.waits.pace = pace;
        self.wait = None;
        self.window();
    }

    /// So many of the bytes that came are not what is waited for.
    pub(super) fn discount(&mut self, bytes: u64) {
        self.idle = self.idle.saturating_add(bytes);
    }

    fn window(&mut self) {
        (self.waited, self.came, self.idle) = (Duration::ZERO, 0, 0);
    }

    /// When to look: at the end of the silence, or of the window.
    fn deadline(&self, wait: Wait) -> Instant {
        let silent = wait.since + self.waits.silence;
        match self.waits.pace {
            Some(pace) => silent.min(wait.of_window + pace.window.saturating_sub(self.waited)),
            None => silent,
        }
    }

    /// Looks whether a wait has lasted too long. Gives it back, in a new window where one has ended; or why to give up.
    fn look(&mut self, mut wait: Wait) -> Result<Wait, String> {
        let now = Instant::now();
        let silence = self.waits.silence;
        if now >= wait.since + silence {
            return Err(format!("nothing came for {} s", silence.as_secs()));
        }
        if let Some(Pace { window, least }) = self.waits.pace
            && self.waited + (now - wait.of_window) >= window
        {
            let useful = self.came.saturating_sub(self.idle);
            if useful < least {
                return Err(format!(
                    "only {useful} bytes of the answer came in {} s",
                    window.as_secs()
                ));
            }
            self.window();
            wait.of_window = now;
        }
        Ok(wait)
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Patience<R> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        if let Poll::Ready(result) = Pin::new(&mut this.inner).poll_read(context, buffer) {
            this.came += (buffer.filled().len() - before) as u64;
            if let Some(wait) = this.wait.take() {
                this.waited += wait.of_window.elapsed();
            }
            return Poll::Ready(result);
        }
        let fresh = this.wait.is_none();
        let mut wait = this.wait.unwrap_or_else(|| {
            let since = Instant::now();
            Wait {
                since,
                of_window: since,
            }
        });
        let deadline = this.deadline(wait);
        let mut alarm = match this.alarm.take() {
            Some(mut alarm) => {
                if fresh {
                    alarm.as_mut().reset(deadline);
                }
                alarm
            }
            None => Box::pin(sleep_until(deadline)),
        };
        while alarm.as_mut().poll(context).is_ready() {
            match this.look(wait) {
                Ok(still) => wait = still,
                Err(why) => {
                    this.wait = None;
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, why)));
                }
            }
            alarm.as_mut().reset(this.deadline(wait));
        }
        (this.wait, this.alarm) = (Some(wait), Some(alarm));
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::time::sleep;

    const SILENCE: Duration = Duration::from_secs(60);

    fn patience(
        pace: Option<Pace>,
    ) -> (Patience<tokio::io::DuplexStream>, tokio::io::DuplexStream) {
        let (near, far) = tokio::io::duplex(64 << 10);
        let waits = Waits {
            silence: SILENCE,
            pace,
        };
        (Patience::new(near, waits), far)
    }

    /// Reads pieces of so many bytes, of which one comes each so many seconds, until it gives up; says how many came.
    async fn drip(
        reader: &mut Patience<tokio::io::DuplexStream>,
        mut far: tokio::io::DuplexStream,
        bytes: usize,
        seconds: u64,
        most: usize,
    ) -> Result<(), (usize, String)> {
        let write = async {
            loop {
                sleep(Duration::from_secs(seconds)).await;
                if far.write_all(&vec![b'x'; bytes]).await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        let read = async {
            let mut piece = vec![0; bytes];
            for number in 0..most {
                if let Err(error) = reader.read_exact(&mut piece).await {
                    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
                    return Err((number, error.to_string()));
                }
            }
            Ok(())
        };
        tokio::select! {
            read = read => read,
            () = write => Ok(()),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn gives_up_on_silence_only() {
        let (mut reader, far) = patience(None);
        // Waits that together are much longer than the limit.
        assert_eq!(drip(&mut reader, far, 1, 59, 100).await, Ok(()));
        let (mut reader, far) = patience(None);
        let (came, why) = drip(&mut reader, far, 1, 61, 100).await.unwrap_err();
        assert_eq!((came, why.as_str()), (0, "nothing came for 60 s"));
    }

    #[tokio::test(start_paused = true)]
    async fn gives_up_on_a_trickle() {
        let pace = Some(Pace {
            window: Duration::from_secs(60),
            least: 100,
        });
        let (mut reader, far) = patience(pace);
        let (came, why) = drip(&mut reader, far, 1, 1, 10_000).await.unwrap_err();
        assert!(came <= 60, "{came}");
        assert!(why.contains("bytes of the answer came in 60 s"), "{why}");
        // Enough, also where each wait is longer than half of the window.
        let (mut reader, far) = patience(pace);
        assert_eq!(drip(&mut reader, far, 100, 40, 100).await, Ok(()));
        // What is not the answer does not count.
        let (mut reader, mut far) = patience(pace);
        let chat = async {
            loop {
                far.write_all(&[b'x'; 1000]).await.unwrap();
                sleep(Duration::from_secs(10)).await;
            }
        };
        let read = async {
            let mut piece = [0; 1000];
            loop {
                if let Err(error) = reader.read_exact(&mut piece).await {
                    return error.to_string();
                }
                reader.discount(1000);
            }
        };
        let why = tokio::select! {
            why = read => why,
            () = chat => String::new(),
        };
        assert_eq!(why, "only 0 bytes of the answer came in 60 s");
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_question_has_new_time() {
        let pace = Some(Pace {
            window: Duration::from_secs(60),
            least: 100,
        });
        let (mut reader, mut far) = patience(pace);
        for _ in 0..10 {
            reader.begin(pace);
            let (got, ()) = tokio::join!(reader.read_u8(), async {
                sleep(Duration::from_secs(50)).await;
                far.write_all(b"x").await.unwrap();
            });
            assert_eq!(got.unwrap(), b'x');
        }
    }
}
