//! How long servers that have not answered are waited for when others have.
//!
//! In: how far asking each of them is, and when answers came. Out: until when the rest is waited for, if not for ever. A machine that
//! has not sent a byte is as good as dead once all the others are done; one that has is slow, and gets the time that a jump host takes.

use crate::link::{Prompter, Question};
use futures_util::future::BoxFuture;
use std::future::ready;
use std::sync::OnceLock;
use std::time::Duration;
use tokio::time::Instant;
use zeroize::Zeroizing;

/// How long connecting may take whatever the others do: through a jump host and over a slow line.
const CONNECTING: Duration = Duration::from_secs(5);

/// How many times as long as the slowest of the others: where this machine is busy, all are slow.
const AS_LONG: u32 = 4;

/// What those that are not connected get after the last of the others has answered.
const GRACE: Duration = Duration::from_millis(500);

/// What one that has not sent a byte gets after that; with the time that the others took, more than a lost packet costs.
const SILENCE: Duration = Duration::from_millis(600);

/// How far asking one server is. Every question of its connection is declined.
pub(super) struct Asking {
    began: Instant,
    heard: OnceLock<()>,
    connected: OnceLock<Duration>,
}

impl Asking {
    pub(super) fn new() -> Self {
        Self {
            began: Instant::now(),
            heard: OnceLock::new(),
            connected: OnceLock::new(),
        }
    }

    /// It is connected.
    pub(super) fn connected(&self) {
        let _ = self.connected.set(self.began.elapsed());
    }

    fn stage(&self) -> Stage {
        match (self.connected.get(), self.heard.get()) {
            (Some(took), _) => Stage::Connected(*took),
            (None, Some(())) => Stage::Heard,
            (None, None) => Stage::Silent,
        }
    }
}

impl Prompter for Asking {
    fn ask(&self, _question: Question) -> BoxFuture<'_, Option<Zeroizing<String>>> {
        Box::pin(ready(None))
    }

    fn heard(&self) {
        let _ = self.heard.set(());
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Silent,
    Heard,
    /// Took so long to connect.
    Connected(Duration),
}

/// When the last answer came, from the start.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Answers {
    last: Duration,
    /// Whether one of them says how a server is: one that is refused at once says nothing of how long an answer takes here.
    healthy: bool,
}

impl Answers {
    /// An answer came; `healthy` says how a server is.
    pub(super) fn came(&mut self, after: Duration, healthy: bool) {
        self.last = after;
        self.healthy |= healthy;
    }
}

/// Until when, from the start, those are waited for that have not answered, and whether not one of them has sent a byte; none
/// while one of them is connected.
pub(super) fn until<'a>(
    all: impl Iterator<Item = (&'a Asking, bool)>,
    answers: Answers,
) -> Option<(Duration, bool)> {
    decide(
        all.map(|(asking, answered)| (asking.stage(), answered)),
        answers,
    )
}

fn decide(all: impl Iterator<Item = (Stage, bool)>, answers: Answers) -> Option<(Duration, bool)> {
    let (mut silent, mut slowest) = (true, Duration::ZERO);
    for (stage, answered) in all {
        match stage {
            Stage::Connected(_) if !answered => return None,
            Stage::Connected(took) => slowest = slowest.max(took),
            Stage::Heard if !answered => silent = false,
            Stage::Heard | Stage::Silent => {}
        }
    }
    let connecting = (slowest * AS_LONG).max(CONNECTING);
    Some(if silent && answers.healthy {
        (answers.last + SILENCE, true)
    } else {
        ((answers.last + GRACE).max(connecting), silent)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DONE: (Stage, bool) = (Stage::Connected(Duration::from_millis(200)), true);

    fn after(healthy: bool) -> Answers {
        let mut answers = Answers::default();
        answers.came(Duration::from_millis(600), healthy);
        answers
    }

    fn decided(all: &[(Stage, bool)], answers: Answers) -> Option<(u128, bool)> {
        let until = decide(all.iter().copied(), answers);
        until.map(|(until, silent)| (until.as_millis(), silent))
    }

    #[test]
    fn what_is_silent_when_all_others_are_done_is_given_up_within_a_second() {
        let all = [DONE, (Stage::Silent, false), DONE];
        assert_eq!(decided(&all, after(true)), Some((1_200, true)));
    }

    #[test]
    fn what_has_said_something_gets_the_time_of_a_jump_host() {
        let all = [DONE, (Stage::Silent, false), (Stage::Heard, false)];
        assert_eq!(decided(&all, after(true)), Some((5_000, false)));
        let slow = (Stage::Connected(Duration::from_secs(3)), true);
        let all = [slow, (Stage::Heard, false)];
        assert_eq!(decided(&all, after(true)), Some((12_000, false)));
    }

    #[test]
    fn what_is_connected_is_waited_for() {
        let all = [DONE, (Stage::Connected(Duration::ZERO), false)];
        assert_eq!(decided(&all, after(true)), None);
    }

    #[test]
    fn one_that_is_refused_at_once_is_no_measure() {
        let all = [(Stage::Silent, true), (Stage::Silent, false)];
        assert_eq!(decided(&all, after(false)), Some((5_000, true)));
        assert_eq!(decided(&all, Answers::default()), Some((5_000, true)));
    }
}
