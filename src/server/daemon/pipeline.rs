//! Asks about many paths without waiting for each answer.
//!
//! In: an [`Asker`]. Out: an [`InfoReply`] for each path, in a [`Batch`]. At most 256 requests and 32 KiB of them are
//! unanswered at a time: more can stop both a daemon and a forwarding one for ever (each waits for the other to read).
//! More is sent when half of that is answered: the daemon never runs dry, and a packet carries many requests.

use super::{Asker, Daemon, Incoming, SILENCE, not_taken};
use crate::domain::budget::{Budget, entry, heap, most};
use crate::domain::{PathList, StorePath};
use crate::link::BoxedWriter;
use crate::server::store::{InfoReply, StoreEvent};
use crate::wire::{self, Encoder, Request, WireError, read_path_info};
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;

/// Requests without an answer.
const WINDOW_REQUESTS: usize = 256;

/// Bytes of requests without an answer.
const WINDOW_BYTES: usize = 32 << 10;

/// Answers in one event, if they do not pass [`most::HANDFUL`] before.
const BATCH: usize = 2000;

/// Characters of an error about one path that are kept.
const WHY: usize = 1000;

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
    /// What the answers that are here take. Where nobody takes them, that is all there ever were.
    kept: Budget,
    to: Option<mpsc::Sender<StoreEvent>>,
}

impl Batch {
    /// For answers about so many paths.
    pub(crate) fn new(paths: usize, to: Option<mpsc::Sender<StoreEvent>>) -> Self {
        let (base, each) = (most::ANSWER, 4 * most::ANSWER_PER_PATH);
        Self {
            replies: Vec::new(),
            answered: 0,
            since: Instant::now(),
            kept: Budget::for_paths("the information on the paths", base, each, paths),
            to,
        }
    }

    /// Puts an answer in, which takes so many bytes.
    pub(crate) async fn push(&mut self, reply: InfoReply, bytes: u64) -> Result<(), Broken> {
        self.replies.push(reply);
        self.answered += 1;
        self.kept
            .charge(entry::<InfoReply>() + bytes)
            .map_err(|what| Broken::Wire(what.into()))?;
        let full = self.replies.len() >= BATCH || self.kept.spent() >= most::HANDFUL;
        if self.to.is_some() && (full || self.since.elapsed() >= DELAY) {
            self.send().await?;
        }
        Ok(())
    }

    /// Sends on what is there.
    pub(crate) async fn send(&mut self) -> Result<(), Broken> {
        if let (Some(to), false) = (&self.to, self.replies.is_empty()) {
            let replies = std::mem::take(&mut self.replies);
            to.send(StoreEvent::Replies(replies))
                .await
                .map_err(|_| Broken::Stopped)?;
            self.kept.release(u64::MAX);
        }
        self.since = Instant::now();
        Ok(())
    }
}

impl Daemon {
    /// Asks about every path that the asker has.
    pub(crate) async fn infos(&mut self, asker: &mut Asker, out: &mut Batch) -> Result<(), Broken> {
        self.incoming.begin(0);
        let queue = Arc::clone(&asker.queue);
        let window = Window::default();
        let mut unanswered = Vec::new();
        let result = {
            let write = write_requests(&mut self.writer, asker, &window);
            let read = read_replies(
                &mut self.incoming,
                &queue.paths,
                &window,
                out,
                &mut unanswered,
            );
            tokio::pin!(write, read);
            let mut writing = true;
            let mut failed = None;
            let read = loop {
                tokio::select! {
                    biased;
                    done = &mut read => break done,
                    // A daemon that takes no more may still have said why: reading goes on.
                    done = &mut write, if writing => {
                        writing = false;
                        window.close();
                        failed = done.err();
                    }
                }
            };
            match (read, failed) {
                (Ok(()), Some(error)) => Err(Broken::Wire(error.into())),
                (read, _) => read,
            }
        };
        unanswered.extend(window.lock().places.iter().map(|(at, _)| *at));
        asker.give_back(unanswered.into_iter());
        result
    }
}

/// What was sent and is not answered yet, between the side that writes and the side that reads.
#[derive(Default)]
struct Window {
    flight: Mutex<Flight>,
    /// Something was sent, or nothing more will be.
    sent: Notify,
    /// Half of the window is free.
    room: Notify,
}

#[derive(Default)]
struct Flight {
    /// Places in the queue, oldest first, with the bytes of their requests.
    places: VecDeque<(usize, usize)>,
    bytes: usize,
    closed: bool,
}

impl Flight {
    fn half_free(&self) -> bool {
        self.places.len() <= WINDOW_REQUESTS / 2 && self.bytes <= WINDOW_BYTES / 2
    }
}

impl Window {
    fn lock(&self) -> MutexGuard<'_, Flight> {
        self.flight.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for half of the window to be free.
    async fn half_free(&self) {
        while !self.lock().half_free() {
            self.room.notified().await;
        }
    }

    /// Takes a request in, if there is room for it.
    fn enter(&self, at: usize, size: usize) -> bool {
        let mut flight = self.lock();
        let fits = flight.places.len() < WINDOW_REQUESTS && flight.bytes + size <= WINDOW_BYTES;
        if fits {
            flight.places.push_back((at, size));
            flight.bytes += size;
            self.sent.notify_one();
        }
        fits
    }

    /// Nothing more will be sent.
    fn close(&self) {
        self.lock().closed = true;
        self.sent.notify_one();
    }

    /// The place whose answer comes next, which stays the next one until it is answered; none where all is answered
    /// and nothing more will be sent.
    async fn next(&self) -> Option<usize> {
        loop {
            {
                let flight = self.lock();
                match flight.places.front() {
                    Some((at, _)) => return Some(*at),
                    None if flight.closed => return None,
                    None => {}
                }
            }
            self.sent.notified().await;
        }
    }

    /// The next place has its answer.
    fn answered(&self) {
        let mut flight = self.lock();
        if let Some((_, size)) = flight.places.pop_front() {
            flight.bytes -= size;
        }
        if flight.half_free() {
            self.room.notify_one();
        }
    }
}

/// Sends requests as the window allows; each place is announced before its request can be answered.
async fn write_requests(
    writer: &mut BoxedWriter,
    asker: &mut Asker,
    window: &Window,
) -> io::Result<()> {
    let mut piece = Encoder::new();
    let mut one = Encoder::new();
    let queue = Arc::clone(&asker.queue);
    loop {
        window.half_free().await;
        piece.clear();
        // A place from the queue is always inside of it.
        while let Some((at, path)) = asker.peek().and_then(|at| Some((at, queue.paths.get(at)?))) {
            one.clear();
            Request::QueryPathInfo(path).encode(&mut one);
            if !window.enter(at, one.len()) {
                break;
            }
            asker.take();
            piece.append(&one);
        }
        if piece.bytes().is_empty() {
            return Ok(());
        }
        let send = async {
            writer.write_all(piece.bytes()).await?;
            writer.flush().await
        };
        timeout(SILENCE, send).await.map_err(|_| not_taken())??;
    }
}

async fn read_replies(
    incoming: &mut Incoming,
    paths: &PathList,
    window: &Window,
    out: &mut Batch,
    unanswered: &mut Vec<usize>,
) -> Result<(), Broken> {
    // A fatal error comes twice, and the second one is no answer to anything. So an error in the same words as the one
    // before it waits until something else shows that the conversation goes on.
    let mut last = None;
    let mut held: Option<(usize, Reply)> = None;
    while let Some(at) = window.next().await {
        let Some(path) = paths.get(at) else {
            continue;
        };
        let (reply, error) = match read_reply(incoming, &path).await {
            Ok(read) => read,
            Err(error) => {
                unanswered.extend(held.map(|(at, _)| at));
                return Err(Broken::Wire(error));
            }
        };
        window.answered();
        if let Some((_, (reply, bytes))) = held.take() {
            out.push(reply, bytes).await?;
        }
        if error.is_some() && error == last {
            held = Some((at, reply));
        } else {
            out.push(reply.0, reply.1).await?;
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

/// One answer, with the bytes of memory that it takes.
type Reply = (InfoReply, u64);

/// One answer, and the text of the error if it was one.
async fn read_reply(
    incoming: &mut Incoming,
    path: &StorePath,
) -> Result<(Reply, Option<String>), WireError> {
    let (reply, error) = match incoming.answer().await? {
        Ok(()) => match read_path_info(&mut incoming.reader, path).await? {
            wire::InfoReply::Valid(info) => {
                let bytes = incoming.reader.budget().spent();
                return Ok(((InfoReply::Valid(info), bytes), None));
            }
            wire::InfoReply::Invalid => (InfoReply::Invalid(path.clone()), None),
            wire::InfoReply::Unreadable(why) => (InfoReply::Failed(path.clone(), why), None),
        },
        Err(error) => {
            let text: String = error.to_string().chars().take(WHY).collect();
            // Some releases of 2.32 and 2.33 have an error where all others have a flag.
            let reply = if text.contains("is not valid") && text.contains(path.base_name()) {
                InfoReply::Invalid(path.clone())
            } else {
                InfoReply::Failed(path.clone(), text.clone())
            };
            (reply, Some(text))
        }
    };
    let bytes = match &reply {
        InfoReply::Failed(_, why) => heap(why.len()),
        InfoReply::Valid(_) | InfoReply::Invalid(_) => 0,
    };
    Ok(((reply, bytes), error))
}
