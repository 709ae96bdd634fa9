//! How often a store is read that changes all the time.
//!
//! In: what each reading has taken. Out: how long the next one waits that nobody has asked for.

use std::time::Duration;

/// At least so long.
const LEAST: Duration = Duration::from_secs(2);

/// A reading that is done within this has taken what the log has grown, or a small store: it waits as long as it took.
const QUICK: Duration = Duration::from_secs(5);

/// Others wait for so many times as long.
const TIMES: u32 = 4;

/// The pace of one connection.
#[derive(Debug, Default)]
pub struct Pace {
    before: Duration,
}

impl Pace {
    /// The wait after a reading that took so long. One that was slow by itself, as that which makes the first copy of a database, says nothing of the
    /// next one: of two in a row the quicker one counts.
    pub fn rest(&mut self, took: Duration) -> Duration {
        let counts = took.min(std::mem::replace(&mut self.before, took));
        let rest = if counts < QUICK {
            counts
        } else {
            counts * TIMES
        };
        rest.max(LEAST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_reading_by_itself_makes_nobody_wait_and_several_do() {
        let mut pace = Pace::default();
        let rests = [30, 20, 1, 40, 3, 3, 10, 6]
            .map(|seconds| pace.rest(Duration::from_secs(seconds)).as_secs());
        assert_eq!(rests, [2, 80, 2, 2, 3, 3, 3, 24]);
    }
}
