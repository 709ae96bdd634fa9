//! The bytes between a task that drains a channel and their reader.
//!
//! In: chunks as they arrive. Out: an [`AsyncRead`]. The draining side decides what a full queue means: waiting for room (a
//! connection that is for this channel alone), or giving up (a connection that others share, which waiting would freeze).
//! What waits is summed up over all channels of a connection, and each chunk counts more than its bytes: a server may send
//! them one by one.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::Notify;

/// Bytes of memory that a chunk takes beside its own: its place in the queue, and the rest of the packet that it came in.
const CHUNK: usize = 128;

/// Bytes of memory that wait to be read, over all channels of a connection.
pub(super) type Waiting = Arc<AtomicUsize>;

#[derive(Default)]
struct State {
    chunks: VecDeque<Bytes>,
    /// What the chunks take.
    bytes: usize,
    /// Set once: no more bytes come. With an error where the end is not the sender's own.
    end: Option<Result<(), String>>,
    reader: Option<Waker>,
    reader_gone: bool,
}

struct Shared {
    state: Mutex<State>,
    room: Notify,
    waiting: Waiting,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The filling side. Dropping it without [`Filler::end`] is an end by accident.
pub(super) struct Filler(Arc<Shared>);

/// The reading side. Dropping it lets everything that still comes be thrown away.
pub(super) struct Reader(Arc<Shared>);

pub(super) fn queue(waiting: &Waiting) -> (Filler, Reader) {
    let shared = Arc::new(Shared {
        state: Mutex::default(),
        room: Notify::new(),
        waiting: Arc::clone(waiting),
    });
    (Filler(shared.clone()), Reader(shared))
}

impl Filler {
    /// Adds bytes; says how much waits now in the whole connection.
    pub(super) fn push(&self, chunk: Bytes) -> usize {
        let mut state = self.0.lock();
        if state.reader_gone || chunk.is_empty() {
            return 0;
        }
        let took = chunk.len() + CHUNK;
        state.bytes += took;
        state.chunks.push_back(chunk);
        let waiting = self.0.waiting.fetch_add(took, Ordering::Relaxed) + took;
        let waker = state.reader.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        waiting
    }

    /// Waits until fewer than `limit` bytes wait in this queue.
    pub(super) async fn room(&self, limit: usize) {
        loop {
            let notified = self.0.room.notified();
            {
                let state = self.0.lock();
                if state.reader_gone || state.bytes < limit {
                    return;
                }
            }
            notified.await;
        }
    }

    /// The end of the stream, good or bad. Only the first one counts.
    pub(super) fn end(&self, end: Result<(), String>) {
        let mut state = self.0.lock();
        if state.end.is_none() {
            state.end = Some(end);
        }
        let waker = state.reader.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        self.end(Err("the command was ended".into()));
    }
}

impl AsyncRead for Reader {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut state = self.0.lock();
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let (mut taken, mut freed) = (0, 0);
        while buf.remaining() > 0
            && let Some(chunk) = state.chunks.front_mut()
        {
            let now = chunk.len().min(buf.remaining());
            buf.put_slice(&chunk[..now]);
            chunk.advance(now);
            taken += now;
            freed += now;
            if chunk.is_empty() {
                state.chunks.pop_front();
                freed += CHUNK;
            }
        }
        if taken > 0 {
            state.bytes -= freed;
            drop(state);
            self.0.waiting.fetch_sub(freed, Ordering::Relaxed);
            self.0.room.notify_one();
            return Poll::Ready(Ok(()));
        }
        match &state.end {
            Some(Ok(())) => Poll::Ready(Ok(())),
            Some(Err(why)) => Poll::Ready(Err(io::Error::new(
                io::ErrorKind::ConnectionReset,
                why.clone(),
            ))),
            None => {
                state.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.reader_gone = true;
        state.chunks.clear();
        let freed = std::mem::take(&mut state.bytes);
        drop(state);
        self.0.waiting.fetch_sub(freed, Ordering::Relaxed);
        self.0.room.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::io::AsyncReadExt as _;

    #[tokio::test]
    async fn carries_bytes_and_waits_for_room() {
        let (filler, mut reader) = queue(&Waiting::default());
        let writing = tokio::spawn(async move {
            for index in 0..1000_u32 {
                filler.push(index.to_be_bytes().repeat(7).into());
                filler.room(1024).await;
            }
            filler.end(Ok(()));
        });
        let mut all: Vec<u8> = Vec::new();
        let mut small = [0; 5];
        loop {
            let got = reader.read(&mut small).await.unwrap();
            if got == 0 {
                break;
            }
            all.extend(&small[..got]);
        }
        writing.await.unwrap();
        let expected: Vec<u8> = (0..1000_u32)
            .flat_map(|index| index.to_be_bytes().repeat(7))
            .collect();
        assert_eq!(all, expected);
    }

    #[tokio::test]
    async fn an_end_by_accident_is_an_error_after_the_bytes() {
        let (filler, mut reader) = queue(&Waiting::default());
        filler.push(Bytes::from_static(b"abc"));
        drop(filler);
        let mut all = Vec::new();
        assert!(reader.read_to_end(&mut all).await.is_err());
        assert_eq!(all, b"abc");
    }

    #[tokio::test]
    async fn a_reader_that_is_gone_makes_room() {
        let (filler, reader) = queue(&Waiting::default());
        filler.push(vec![0; 100].into());
        let room = filler.room(10);
        let gone = async {
            tokio::time::sleep(Duration::from_millis(5)).await;
            drop(reader);
        };
        tokio::time::timeout(Duration::from_secs(5), async { tokio::join!(room, gone) })
            .await
            .unwrap();
        assert_eq!(filler.push(vec![0; 100].into()), 0);
    }

    #[tokio::test]
    async fn a_connection_counts_all_of_its_queues_and_small_chunks_in_full() {
        let waiting = Waiting::default();
        let (one, mut reader) = queue(&waiting);
        let (two, other) = queue(&waiting);
        for _ in 0..1000 {
            one.push(Bytes::from_static(b"x"));
        }
        let all = two.push(Bytes::from_static(b"x"));
        assert_eq!(all, 1001 * (1 + CHUNK));
        drop(other);
        let mut bytes = [0; 1000];
        reader.read_exact(&mut bytes).await.unwrap();
        assert_eq!(waiting.load(Ordering::Relaxed), 0);
        drop((one, two, reader));
        assert_eq!(waiting.load(Ordering::Relaxed), 0);
    }
}
