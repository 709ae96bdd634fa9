//! Watching the server while it is connected.
//!
//! In: a connected server. Out: its events as messages. Of a kind that comes again and again, as logins do where somebody tries
//! passwords, one is passed on in a while: each makes the console read something.

use crate::console::app::msg::Msg;
use crate::console::backend::Sender;
use crate::console::types::problem::Problem;
use crate::domain::notice;
use crate::server::{PACE, Server, ServerError, WatchEvent, Watched};
use std::time::Duration;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{Instant, sleep_until};

/// How often it is looked at where nobody has pressed a key for so long.
const IDLE_PACE: Duration = Duration::from_secs(30);
const IDLE: Duration = Duration::from_secs(600);

/// What is passed on at most once in a while, each by itself, and after how long the next one is.
const SLOWED: [(Watched, Duration); 7] = [
    (Watched::KeyFiles, Duration::from_secs(4)),
    (Watched::Requests, Duration::from_secs(4)),
    (Watched::LoginLog, Duration::from_secs(4)),
    (Watched::SshdConfig, Duration::from_secs(4)),
    (Watched::Settings, Duration::from_secs(4)),
    (Watched::AuditLog, Duration::from_secs(4)),
    (Watched::Jobs, Duration::from_secs(4)),
];

/// How long after its end a watch is begun again by itself; the last one repeats.
const AGAIN: [Duration; 4] = [
    Duration::from_secs(30),
    Duration::from_secs(60),
    Duration::from_secs(180),
    Duration::from_secs(600),
];

/// One that has gone on for so long ends for another reason than those before.
const LASTING: Duration = Duration::from_secs(600);

/// Watches, says why where that ends, and begins again in a while, or at once when `again` says so. Never ends.
pub(super) async fn watch(
    server: &Server,
    send: &Sender,
    keys: watch::Receiver<Instant>,
    again: &Notify,
) -> Problem {
    go_on(|| once(server, send, keys.clone()), send, again).await
}

async fn go_on<F: Future<Output = Problem>>(
    once: impl Fn() -> F,
    send: &Sender,
    again: &Notify,
) -> Problem {
    let mut ends = 0;
    loop {
        let begun = Instant::now();
        let problem = once().await;
        if begun.elapsed() >= LASTING {
            ends = 0;
        }
        let _ = send.send(Msg::WatchEnded(problem));
        let pause = AGAIN[ends.min(AGAIN.len() - 1)];
        ends += 1;
        tokio::select! {
            () = again.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Watches until the watch ends, and returns why.
async fn once(server: &Server, send: &Sender, keys: watch::Receiver<Instant>) -> Problem {
    let (sink, events) = mpsc::channel(16);
    let (pace, every) = watch::channel(PACE);
    let ended = tokio::select! {
        ended = server.watch(sink, every) => ended,
        () = slow_down(pace, keys) => Ok(()),
        () = pass_on(events, send) => Ok(()),
    };
    match ended {
        Ok(()) => Problem::say(notice!("the watch has ended", "R begins it again")),
        // The screen says what it is about; a line of it has no room for the server's address.
        Err(error) => {
            let problem = Problem::new(&error);
            match &error {
                ServerError::Script { why, .. } => Problem {
                    message: why.to_string(),
                    ..problem
                },
                _ => problem,
            }
        }
    }
}

/// Sets the pace by when a key was pressed last. Ends with the console.
async fn slow_down(pace: watch::Sender<Duration>, mut keys: watch::Receiver<Instant>) {
    loop {
        let idle = *keys.borrow_and_update() + IDLE;
        let now = if idle > Instant::now() {
            PACE
        } else {
            IDLE_PACE
        };
        pace.send_if_modified(|pace| std::mem::replace(pace, now) != now);
        tokio::select! {
            pressed = keys.changed() => if pressed.is_err() {
                return;
            },
            () = sleep_until(idle), if now == PACE => {}
        }
    }
}

/// Passes events on; what waits for its time comes with the next look after it.
async fn pass_on(mut events: mpsc::Receiver<WatchEvent>, send: &Sender) {
    let mut gates = SLOWED.map(|(what, pause)| Gate {
        what,
        pause,
        open: Instant::now(),
        waits: false,
    });
    loop {
        let due = gates
            .iter()
            .filter(|gate| gate.waits)
            .map(|gate| gate.open)
            .min();
        let event = tokio::select! {
            event = events.recv() => match event {
                Some(event) => Some(event),
                None => return,
            },
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => None,
        };
        let now = Instant::now();
        match event {
            Some(WatchEvent::Changed(what)) if gates.iter().any(|gate| gate.what == what) => {
                for gate in gates.iter_mut().filter(|gate| gate.what == what) {
                    gate.waits = true;
                }
            }
            // It is there, and nothing else is new.
            Some(WatchEvent::Alive) | None => {}
            Some(event) => {
                let _ = send.send(Msg::Watch(event));
            }
        }
        for gate in gates
            .iter_mut()
            .filter(|gate| gate.waits && gate.open <= now)
        {
            gate.waits = false;
            gate.open = now + gate.pause;
            let _ = send.send(Msg::Watch(WatchEvent::Changed(gate.what)));
        }
    }
}

/// When the next event of a kind may pass.
struct Gate {
    what: Watched,
    pause: Duration,
    open: Instant,
    waits: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_slows_down_without_keys_and_a_key_brings_it_back() {
        let (pace, mut every) = watch::channel(PACE);
        let (press, keys) = watch::channel(Instant::now());
        let begun = Instant::now();
        let pacing = tokio::spawn(slow_down(pace, keys));
        every.changed().await.unwrap();
        assert_eq!(*every.borrow_and_update(), IDLE_PACE);
        assert_eq!(begun.elapsed().as_secs(), IDLE.as_secs());
        press.send(Instant::now()).unwrap();
        every.changed().await.unwrap();
        assert_eq!(*every.borrow_and_update(), PACE);
        drop(press);
        pacing.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_has_ended_begins_again_by_itself_and_at_once_when_asked() {
        let (send, mut receive) = mpsc::unbounded_channel();
        let again = Notify::new();
        let lasts = std::cell::Cell::new(Duration::ZERO);
        let once = || async {
            tokio::time::sleep(lasts.get()).await;
            Problem::say("killed")
        };
        let begun = Instant::now();
        let checks = async {
            let mut at = Vec::new();
            for _ in 0..4 {
                assert!(matches!(receive.recv().await, Some(Msg::WatchEnded(_))));
                at.push(begun.elapsed().as_secs());
            }
            assert_eq!(at, [0, 30, 90, 270]);
            lasts.set(LASTING);
            again.notify_waiters();
            receive.recv().await.unwrap();
            assert_eq!(begun.elapsed().as_secs(), 270 + 600);
            // One that went on for long starts anew with the pauses.
            lasts.set(Duration::ZERO);
            receive.recv().await.unwrap();
            assert_eq!(begun.elapsed().as_secs(), 270 + 600 + 30);
        };
        tokio::select! {
            _ = go_on(once, &send, &again) => unreachable!(),
            () = checks => {}
        }
    }

    #[tokio::test(start_paused = true)]
    async fn of_many_logins_the_first_and_the_last_are_passed_on() {
        let (sink, events) = mpsc::channel(16);
        let (send, mut receive) = mpsc::unbounded_channel();
        let login = || WatchEvent::Changed(Watched::LoginLog);
        let passing = tokio::spawn(async move { pass_on(events, &send).await });
        for _ in 0..5 {
            sink.send(login()).await.unwrap();
        }
        sink.send(WatchEvent::Daemon(false)).await.unwrap();
        let begun = Instant::now();
        let mut reported = Vec::new();
        for _ in 0..3 {
            match receive.recv().await.unwrap() {
                Msg::Watch(event) => reported.push((event, begun.elapsed().as_secs())),
                other => panic!("{other:?}"),
            }
        }
        let expected = [(login(), 0), (WatchEvent::Daemon(false), 0), (login(), 4)];
        assert_eq!(reported, expected);
        drop(sink);
        passing.await.unwrap();
        assert!(receive.recv().await.is_none());
    }
}
