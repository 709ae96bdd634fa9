//! A daemon of our own that misbehaves on demand.

use super::path;
use crate::domain::path_info::tests::vector;
use crate::domain::{PathInfo, StorePath};
use crate::link::{BoxedReader, BoxedWriter};
use crate::server::ServerError;
use crate::server::daemon::{Daemon, Queue, Waits};
use crate::server::store::{InfoReply, StoreEvent, ask_with};
use crate::wire::{
    Encoder, Identity, Message, Reader, RemoteError, Request, Version, encode_path_info,
    server_handshake,
};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncWriteExt as _, DuplexStream, ReadHalf, WriteHalf};
use tokio::sync::mpsc;

const WAITS: Waits = Waits {
    silence: Duration::from_millis(300),
    pace: None,
};

/// What the fake does when it is asked about a path.
#[derive(Debug, Clone)]
enum Operation {
    Answer,
    /// An error, and the conversation goes on.
    Soft(&'static str),
    /// An error that comes twice, and the end.
    Fatal(&'static str),
    /// The end, without a word.
    Crash,
    /// Silence.
    Stall,
    /// These bytes, and then silence.
    Say(Vec<u8>),
    /// Log lines and activities before the answer.
    Chatter,
}

type Script = Arc<dyn Fn(&StorePath) -> Operation + Send + Sync>;

fn info(path: &StorePath) -> PathInfo {
    PathInfo {
        path: path.clone(),
        ..vector()
    }
}

async fn serve(
    mut reader: Reader<ReadHalf<DuplexStream>>,
    mut writer: WriteHalf<DuplexStream>,
    script: Script,
) -> Option<()> {
    let identity = Identity {
        version: Version::NEWEST,
        nix_version: "fake".into(),
        trusted: None,
    };
    server_handshake(&mut reader, &mut writer, &identity)
        .await
        .ok()?;
    let mut out = Encoder::new();
    while let Ok(Some(request)) = Request::read(&mut reader).await {
        out.clear();
        let error = |text: &str| Message::Error(RemoteError::new(text));
        match request {
            Request::QueryPathInfo(path) => match script(&path) {
                Operation::Answer => {
                    Message::Last.encode(&mut out);
                    encode_path_info(&info(&path), &mut out);
                }
                Operation::Soft(text) => error(text).encode(&mut out),
                Operation::Fatal(text) => {
                    error(text).encode(&mut out);
                    error(text).encode(&mut out);
                    writer.write_all(out.bytes()).await.ok()?;
                    return None;
                }
                Operation::Crash => return None,
                Operation::Stall => std::future::pending().await,
                Operation::Say(bytes) => {
                    writer.write_all(&bytes).await.ok()?;
                    std::future::pending::<()>().await;
                }
                Operation::Chatter => {
                    Message::Log("\u{1b}[31mbusy\u{1b}[0m\u{7}".into()).encode(&mut out);
                    Message::Stop(9).encode(&mut out);
                    Message::Last.encode(&mut out);
                    encode_path_info(&info(&path), &mut out);
                }
            },
            Request::SetOptions(options) => {
                assert!(!options.use_substitutes);
                Message::Last.encode(&mut out);
            }
            other => panic!("{other:?}"),
        }
        writer.write_all(out.bytes()).await.ok()?;
    }
    None
}

/// Starts fakes, and counts them.
struct Fakes {
    script: Script,
    started: AtomicUsize,
}

impl Fakes {
    fn new(script: impl Fn(&StorePath) -> Operation + Send + Sync + 'static) -> Self {
        Self {
            script: Arc::new(script),
            started: AtomicUsize::new(0),
        }
    }

    async fn open(&self) -> Result<Daemon, ServerError> {
        self.started.fetch_add(1, Ordering::Relaxed);
        // A pipe holds about 64 KiB.
        let (near, far) = tokio::io::duplex(64 << 10);
        let (read, write) = tokio::io::split(far);
        tokio::spawn(serve(Reader::new(read), write, Arc::clone(&self.script)));
        let (read, write) = tokio::io::split(near);
        let (read, write): (BoxedReader, BoxedWriter) = (Box::new(read), Box::new(write));
        Ok(Daemon::over(read, write, "fake", WAITS).await.unwrap())
    }

    async fn ask(&self, count: usize) -> Result<Vec<InfoReply>, ServerError> {
        let queue = Queue::new((0..count).map(path).collect());
        let daemon = self.open().await?;
        let asked = ask_with(|| self.open(), daemon, &queue, None).await?;
        Ok(asked.replies)
    }
}

fn at(
    number: usize,
    operation: Operation,
) -> impl Fn(&StorePath) -> Operation + Send + Sync + 'static {
    move |asked| {
        if *asked == path(number) {
            operation.clone()
        } else {
            Operation::Answer
        }
    }
}

/// All are answered as valid but one, whose answer is this.
fn only(replies: &[InfoReply], count: usize, number: usize, expected: &InfoReply) {
    assert_eq!(replies.len(), count);
    for (i, reply) in replies.iter().enumerate() {
        if i == number {
            assert_eq!(reply, expected);
        } else {
            assert_eq!(*reply, InfoReply::Valid(info(&path(i))));
        }
    }
}

#[tokio::test]
async fn all_are_answered_in_order() {
    let fakes = Fakes::new(at(3, Operation::Chatter));
    let replies = fakes.ask(5000).await.unwrap();
    only(&replies, 5000, 3, &InfoReply::Valid(info(&path(3))));
    assert_eq!(fakes.started.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn an_error_costs_one_path() {
    let why = "error: path '\u{1b}[35;1mx\u{1b}[0m' is damaged";
    let fakes = Fakes::new(at(700, Operation::Soft(why)));
    let failed = InfoReply::Failed(path(700), "path 'x' is damaged".into());
    only(&fakes.ask(2000).await.unwrap(), 2000, 700, &failed);
    assert_eq!(fakes.started.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn not_valid_is_no_error() {
    let fakes = Fakes::new(|_| Operation::Soft("signature is not valid"));
    let replies = fakes.ask(1).await.unwrap();
    assert!(matches!(&replies[0], InfoReply::Failed(..)), "{replies:?}");
    // As 2.32 says it.
    let own = format!("path '{}' is not valid", path(5));
    let own: &'static str = Box::leak(own.into_boxed_str());
    let fakes = Fakes::new(at(5, Operation::Soft(own)));
    only(
        &fakes.ask(6).await.unwrap(),
        6,
        5,
        &InfoReply::Invalid(path(5)),
    );
}

#[tokio::test]
async fn a_fatal_error_costs_one_path_and_a_daemon() {
    let fakes = Fakes::new(at(300, Operation::Fatal("signature is corrupt")));
    let failed = InfoReply::Failed(path(300), "signature is corrupt".into());
    only(&fakes.ask(2000).await.unwrap(), 2000, 300, &failed);
    assert_eq!(fakes.started.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_fatal_error_at_the_end_blames_nobody_else() {
    // The duplicate is the last thing to come, and there is one more path that waits for an answer.
    let fakes = Fakes::new(at(8, Operation::Fatal("no")));
    let failed = InfoReply::Failed(path(8), "no".into());
    only(&fakes.ask(10).await.unwrap(), 10, 8, &failed);
    assert_eq!(fakes.started.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn the_same_error_for_all_is_one_for_each() {
    let fakes = Fakes::new(|_| Operation::Soft("no"));
    let replies = fakes.ask(300).await.unwrap();
    for (i, reply) in replies.iter().enumerate() {
        assert_eq!(*reply, InfoReply::Failed(path(i), "no".into()));
    }
    assert_eq!(replies.len(), 300);
}

#[tokio::test]
async fn a_path_that_ends_the_daemon_is_given_up_after_two() {
    let fakes = Fakes::new(at(400, Operation::Crash));
    let replies = fakes.ask(1000).await.unwrap();
    let InfoReply::Failed(_, why) = &replies[400] else {
        panic!("{:?}", replies[400])
    };
    assert!(why.contains("twice"), "{why}");
    only(&replies.clone(), 1000, 400, &replies[400]);
    assert_eq!(fakes.started.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn a_daemon_that_only_crashes_is_given_up() {
    let fakes = Fakes::new(|_| Operation::Crash);
    let error = fakes.ask(1000).await.err().unwrap().to_string();
    assert!(error.contains("broke off"), "{error}");
    assert!(fakes.started.load(Ordering::Relaxed) < 40);
}

#[tokio::test]
async fn silence_and_nonsense_end_it() {
    let mut endless = Encoder::new();
    // A log text that announces more than anybody has.
    endless.integer(0x6f6c_6d67).integer(u64::MAX);
    for (operation, word) in [
        (Operation::Stall, "nothing came"),
        (
            Operation::Say(b"motd: welcome to cache\n\n".to_vec()),
            "not part of the protocol",
        ),
        (Operation::Say(endless.bytes().to_vec()), "more than"),
    ] {
        let fakes = Fakes::new(at(50, operation));
        let error = fakes.ask(1000).await.err().unwrap().to_string();
        assert!(error.contains(word), "{error}");
        assert_eq!(fakes.started.load(Ordering::Relaxed), 1);
    }
}

#[tokio::test]
async fn answers_come_in_handfuls_and_stop_when_nobody_takes_them() {
    let fakes = Fakes::new(|_| Operation::Answer);
    let queue = Queue::new((0..9000).map(path).collect());
    let (sink, mut events) = mpsc::channel(1);
    let daemon = fakes.open().await.unwrap();
    let asking = ask_with(|| fakes.open(), daemon, &queue, Some(sink));
    let taking = async move {
        let mut count = 0;
        while let Some(StoreEvent::Replies(replies)) = events.recv().await {
            count += replies.len();
            if count > 4000 {
                break;
            }
        }
        drop(events);
        count
    };
    let (asked, count) = tokio::join!(asking, taking);
    assert!(matches!(asked.err(), Some(ServerError::Stopped)));
    assert!(count < 9000);
}

/// The most that may be unanswered, seen by a daemon that answers only when nothing more comes.
#[tokio::test]
async fn the_window_is_kept_and_the_sending_side_stays_open() {
    let most = Arc::new(Mutex::new((0, 0)));
    let (near, far) = tokio::io::duplex(1 << 20);
    let (read, mut writer) = tokio::io::split(far);
    let mut reader = Reader::new(read);
    let seen = Arc::clone(&most);
    let server = async move {
        let identity = Identity {
            version: Version::new(35),
            nix_version: "fake".into(),
            trusted: Some(true),
        };
        server_handshake(&mut reader, &mut writer, &identity)
            .await
            .unwrap();
        let mut waiting = VecDeque::new();
        let mut bytes = 0;
        let mut out = Encoder::new();
        loop {
            let next = Request::read(&mut reader);
            match tokio::time::timeout(Duration::from_millis(20), next).await {
                Ok(Ok(Some(Request::QueryPathInfo(path)))) => {
                    let mut request = Encoder::new();
                    Request::QueryPathInfo(path.clone()).encode(&mut request);
                    bytes += request.len();
                    waiting.push_back(path);
                    let mut seen = seen.lock().unwrap();
                    *seen = (seen.0.max(waiting.len()), seen.1.max(bytes));
                }
                Ok(Ok(Some(_))) => {
                    out.clear();
                    Message::Last.encode(&mut out);
                    writer.write_all(out.bytes()).await.unwrap();
                }
                Ok(gone) => {
                    assert!(waiting.is_empty(), "half-closed: {gone:?}");
                    return;
                }
                Err(_) => {
                    bytes = 0;
                    for path in waiting.drain(..) {
                        out.clear();
                        Message::Last.encode(&mut out);
                        encode_path_info(&info(&path), &mut out);
                        writer.write_all(out.bytes()).await.unwrap();
                    }
                }
            }
        }
    };
    let client = async {
        let (read, write) = tokio::io::split(near);
        let daemon = Daemon::over(Box::new(read), Box::new(write), "fake", WAITS)
            .await
            .unwrap();
        let queue = Queue::new((0..1500).map(path).collect());
        let never = async || -> Result<Daemon, ServerError> { panic!("it ended") };
        let asked = ask_with(never, daemon, &queue, None).await.unwrap();
        assert_eq!(asked.replies.len(), 1500);
    };
    tokio::join!(server, client);
    let (requests, bytes) = *most.lock().unwrap();
    assert!(
        requests == 256 || bytes > (32 << 10) - 400,
        "{requests} {bytes}"
    );
    assert!(requests <= 256 && bytes <= 32 << 10, "{requests} {bytes}");
}
