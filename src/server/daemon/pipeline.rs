//! Asks about many paths without waiting for each answer.
//!
//! In: an [`Asker`]. Out: an [`InfoReply`] for each path, in a [`Batch`]. At most 256 requests and 32 KiB of them are
//! unanswered at a time: more can stop both a daemon and a forwarding one for ever (each waits for the other to read).

use super::{Asker, Daemon, Incoming};
use crate::domain::StorePath;
use crate::link::BoxedWriter;
use crate::server::store::{InfoReply, StoreEvent};
use crate::wire::{Encoder, InfoBody, Request, WireError, read_path_info};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

/// Requests without an answer.
const WINDOW_REQUESTS: usize = 256;

/// Bytes of requests without an answer.
const WINDOW_BYTES: usize = 32 << 10;

/// Requests are sent in pieces of about this size, so that the daemon starts while more are written.
const PIECE: usize = 8 << 10;

/// Answers in one event.
const BATCH: usize = 2000;

/// The longest that an answer waits for others, so that the first rows show at once.
const DELAY: Duration = Duration::from_millis(50);

/// Why a conversation about many paths ended early. What was not answered is back with the asker.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The conversation is over.
    Wire(WireError),
    /// Nobody takes the answers any more.
    Stopped,
}

/// Collects answers, and sends them on in handfuls where somebody waits for them.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) replies: Vec<InfoReply>,
    /// All that were ever put in.
    pub(crate) answered: usize,
    since: Instant,
    to: Option<mpsc::Sender<StoreEvent>>,
}

impl Batch {
    pub(crate) fn new(to: Option<mpsc::Sender<StoreEvent>>) -> Self {
        Self {
            replies: Vec::new(),
            answered: 0,
            since: Instant::now(),
            to,
        }
    }

    /// Puts an answer in.
    pub(crate) async fn push(&mut self, reply: InfoReply) -> Result<(), Broken> {
        self.replies.push(reply);
        self.answered += 1;
        if self.to.is_some() && (self.replies.len() >= BATCH || self.since.elapsed() >= DELAY) {
            self.send().await?;
        }
        Ok(())
    }

    /// Sends on what is there.
    pub(crate) async fn send(&mut self) -> Result<(), Broken> {
        if let (Some(to), false) = (&self.to, self.replies.is_empty()) {
            let replies = std::mem::take(&mut self.replies);
            to.send(StoreEvent::Infos(replies))
                .await
                .map_err(|_| Broken::Stopped)?;
        }
        self.since = Instant::now();
        Ok(())
    }
}

impl Daemon {
    /// Asks about every path that the asker has.
    pub(crate) async fn infos(&mut self, asker: &mut Asker, out: &mut Batch) -> Result<(), Broken> {
        let queue = Arc::clone(&asker.queue);
        let window = Window {
            requests: Semaphore::new(WINDOW_REQUESTS),
            bytes: Semaphore::new(WINDOW_BYTES),
        };
        let (sent, mut pending) = mpsc::unbounded_channel();
        let mut unanswered = Vec::new();
        let result = {
            let write = write_requests(&mut self.writer, asker, &window, sent);
            let read = read_replies(
                &mut self.incoming,
                &queue.paths,
                &window,
                &mut pending,
                out,
                &mut unanswered,
            );
            tokio::pin!(write, read);
            let mut writing = true;
            let mut trouble = None;
            let read = loop {
                tokio::select! {
                    biased;
                    done = &mut read => break done,
                    // A daemon that takes no more may still have said why: reading goes on.
                    done = &mut write, if writing => {
                        writing = false;
                        trouble = done.err();
                    }
                }
            };
            match (read, trouble) {
                (Ok(()), Some(error)) => Err(Broken::Wire(error.into())),
                (read, _) => read,
            }
        };
        while let Ok((at, _)) = pending.try_recv() {
            unanswered.push(at);
        }
        asker.give_back(unanswered.into_iter());
        result
    }
}

/// How much may be unanswered.
struct Window {
    requests: Semaphore,
    bytes: Semaphore,
}

/// Sends requests as the window allows; each place is announced before its request can be answered.
async fn write_requests(
    writer: &mut BoxedWriter,
    asker: &mut Asker,
    window: &Window,
    sent: UnboundedSender<(usize, usize)>,
) -> io::Result<()> {
    let mut piece = Encoder::new();
    let mut one = Encoder::new();
    let queue = Arc::clone(&asker.queue);
    while let Some(at) = asker.peek() {
        one.clear();
        // A place from the queue is always inside of it.
        let Some(path) = queue.paths.get(at) else {
            break;
        };
        Request::QueryPathInfo(path.clone()).encode(&mut one);
        let size = one.len();
        let full =
            window.requests.available_permits() == 0 || window.bytes.available_permits() < size;
        if full || piece.len() >= PIECE {
            writer.write_all(piece.bytes()).await?;
            writer.flush().await?;
            piece.clear();
        }
        let (Ok(request), Ok(bytes)) = (
            window.requests.acquire().await,
            window.bytes.acquire_many(size as u32).await,
        ) else {
            break;
        };
        request.forget();
        bytes.forget();
        asker.take();
        if sent.send((at, size)).is_err() {
            break;
        }
        piece.append(&one);
    }
    writer.write_all(piece.bytes()).await?;
    writer.flush().await
}

async fn read_replies(
    incoming: &mut Incoming,
    paths: &[StorePath],
    window: &Window,
    asked: &mut UnboundedReceiver<(usize, usize)>,
    out: &mut Batch,
    unanswered: &mut Vec<usize>,
) -> Result<(), Broken> {
    // A fatal error comes twice, and the second one is no answer to anything. So an error in the same words as the one
    // before it waits until something else shows that the conversation goes on.
    let mut last = None;
    let mut held: Option<(usize, InfoReply)> = None;
    while let Some((at, size)) = asked.recv().await {
        let Some(path) = paths.get(at) else {
            continue;
        };
        let (reply, error) = match read_reply(incoming, path).await {
            Ok(read) => read,
            Err(error) => {
                unanswered.extend(held.map(|(at, _)| at));
                unanswered.push(at);
                return Err(Broken::Wire(error));
            }
        };
        window.requests.add_permits(1);
        window.bytes.add_permits(size);
        if let Some((_, reply)) = held.take() {
            out.push(reply).await?;
        }
        if error.is_some() && error == last {
            held = Some((at, reply));
        } else {
            out.push(reply).await?;
        }
        last = error;
    }
    if let Some((at, _)) = held {
        // Nothing more will come to tell: it is asked again, in a new conversation.
        unanswered.push(at);
        return Err(Broken::Wire(WireError::Closed));
    }
    Ok(())
}

/// One answer, and the text of the error if it was one.
async fn read_reply(
    incoming: &mut Incoming,
    path: &StorePath,
) -> Result<(InfoReply, Option<String>), WireError> {
    Ok(match incoming.answer().await? {
        Ok(()) => match read_path_info(&mut incoming.reader, path).await? {
            InfoBody::Valid(info) => (InfoReply::Valid(info), None),
            InfoBody::Invalid => (InfoReply::Invalid(path.clone()), None),
            InfoBody::Unreadable(why) => (InfoReply::Failed(path.clone(), why), None),
        },
        Err(error) => {
            let text = error.to_string();
            // Some releases of 2.32 and 2.33 have an error where all others have a flag.
            let reply = if text.contains("is not valid") && text.contains(path.base_name()) {
                InfoReply::Invalid(path.clone())
            } else {
                InfoReply::Failed(path.clone(), text.clone())
            };
            (reply, Some(text))
        }
    })
}
