//! A daemon that sends for ever, but little: each question ends in a sentence after a bounded time.

use crate::domain::path_info::tests::vector;
use crate::server::daemon::{Daemon, Queue, READING, SILENCE};
use crate::server::store::ask_with;
use crate::wire::{
    Encoder, Identity, Message, Reader, Version, encode_path_info, server_handshake,
};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, sleep};

/// A daemon that shakes hands, and then sends so much again and again, whatever it is asked, and whether it takes what it is
/// asked or not.
async fn daemon(bytes: Vec<u8>, every: Duration, takes: bool) -> Daemon {
    let (near, far) = tokio::io::duplex(64 << 10);
    let (read, mut write) = tokio::io::split(far);
    tokio::spawn(async move {
        let identity = Identity {
            version: Version::NEWEST,
            nix_version: "slow".into(),
            trusted: None,
        };
        let mut reader = Reader::new(read);
        server_handshake(&mut reader, &mut write, &identity)
            .await
            .unwrap();
        // The answer to the options.
        let mut out = Encoder::new();
        Message::Last.encode(&mut out);
        write.write_all(out.bytes()).await.unwrap();
        let send = async {
            while write.write_all(&bytes).await.is_ok() {
                sleep(every).await;
            }
        };
        let take = async {
            let mut asked = vec![0; 64 << 10];
            while takes
                && reader
                    .get_mut()
                    .read(&mut asked)
                    .await
                    .is_ok_and(|got| got > 0)
            {}
        };
        tokio::join!(send, take);
    });
    let (read, write) = tokio::io::split(near);
    Daemon::over(Box::new(read), Box::new(write), "slow", READING)
        .await
        .unwrap()
}

fn encoded(write: impl FnOnce(&mut Encoder)) -> Vec<u8> {
    let mut out = Encoder::new();
    write(&mut out);
    out.bytes().to_vec()
}

#[tokio::test(start_paused = true)]
async fn a_list_that_trickles_and_a_log_without_end_are_given_up() {
    let list = encoded(|out| {
        Message::Last.encode(out);
    });
    let log =
        encoded(|out| Message::Log("still busy, please wait a little longer".into()).encode(out));
    for (bytes, every) in [
        // A byte a second; the count of a list is 8 of them.
        (vec![0, 0, 0, 0, 1], Duration::from_secs(1)),
        (list, Duration::from_secs(10)),
        (log.clone(), Duration::from_secs(10)),
        (log.repeat(100), Duration::from_secs(1)),
    ] {
        let mut daemon = daemon(bytes, every, true).await;
        let began = Instant::now();
        let error = daemon.all_valid_paths().await.unwrap_err().to_string();
        assert!(
            began.elapsed() <= 2 * SILENCE,
            "{:?}: {error}",
            began.elapsed()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn answers_that_come_one_by_one_are_given_up_and_those_of_a_slow_disk_are_not() {
    let answer = encoded(|out| {
        Message::Last.encode(out);
        encode_path_info(&vector(), out);
    });
    let ask = async |every: Duration, takes: bool| {
        let daemon = daemon(answer.clone(), every, takes).await;
        let queue = Queue::new(std::iter::repeat_n(vector().path, 1000).collect());
        let began = Instant::now();
        let asked = ask_with(async || unreachable!(), daemon, &queue, None).await;
        (asked.map(|asked| asked.replies.len()), began.elapsed())
    };
    let (asked, took) = ask(Duration::from_secs(10), true).await;
    let error = asked.unwrap_err().to_string();
    assert!(
        error.contains("bytes of the answer came in 60 s"),
        "{error}"
    );
    assert!(took <= 2 * SILENCE, "{took:?}");
    let (asked, took) = ask(Duration::from_millis(500), true).await;
    assert_eq!(asked.unwrap(), 1000);
    assert!(took > 4 * SILENCE, "{took:?}");
    // One that answers what it has not read: when no more fits on the way, there is nothing left to wait for.
    let (asked, took) = ask(Duration::from_millis(1), false).await;
    let error = asked.unwrap_err().to_string();
    assert!(error.contains("it took no request for 60 s"), "{error}");
    assert!(took <= 2 * SILENCE, "{took:?}");
}
