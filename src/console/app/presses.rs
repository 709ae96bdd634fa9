//! Which key presses are meant for what is on the screen.
//!
//! In: key events with the moment at which they came, and the moment at which the plan of a dialog was drawn. Out: whether the
//! key was held down, repeated, or came before anybody could have read the plan. Such a key does what it always does, but
//! confirms nothing. Few terminals tell a repeat from a press, so time tells it.

use crate::console::types::key::Key;
use std::time::{Duration, Instant};

/// A key that comes again within this time is held down: keyboards wait no longer than that before they repeat.
const QUIET: Duration = Duration::from_secs(1);
/// Nobody reads a plan in less than this.
const READ: Duration = Duration::from_millis(250);

/// What was pressed last, and what is on the screen.
#[derive(Debug, Default)]
pub(in crate::console) struct Presses {
    last: Option<(Key, Instant)>,
    shown: Option<(u64, Instant)>,
}

impl Presses {
    /// A frame was drawn; `plan` is the number of the plan on it.
    pub(in crate::console) fn drawn(&mut self, plan: Option<u64>, now: Instant) {
        if self.shown.map(|(plan, _)| plan) != plan {
            self.shown = plan.map(|plan| (plan, now));
        }
    }

    /// Whether a key was not pressed for what is on the screen, where `plan` is now. `repeated`: the terminal says so.
    pub(in crate::console) fn held(
        &mut self,
        key: Key,
        repeated: bool,
        plan: Option<u64>,
        now: Instant,
    ) -> bool {
        let last = self.last.replace((key, now));
        let again =
            last.is_some_and(|(last, at)| last == key && now.saturating_duration_since(at) < QUIET);
        let unread = match (plan, self.shown) {
            (None, _) => false,
            (Some(plan), Some((shown, at))) => {
                plan != shown || now.saturating_duration_since(at) < READ
            }
            (Some(_), None) => true,
        };
        repeated || again || unread
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTER: Key = Key::named("enter");

    fn after(start: Instant, milliseconds: u64) -> Instant {
        start + Duration::from_millis(milliseconds)
    }

    #[test]
    fn a_key_that_is_held_down_never_ends_to_be_held() {
        let start = Instant::now();
        let mut presses = Presses::default();
        assert!(!presses.held(ENTER, false, None, start));
        presses.drawn(Some(1), after(start, 10));
        // The first repeat comes late, the others at short intervals, for as long as it is held.
        let mut at = 660;
        while at < 20_000 {
            assert!(
                presses.held(ENTER, false, Some(1), after(start, at)),
                "{at}"
            );
            at += 33;
        }
        assert!(!presses.held(ENTER, false, Some(1), after(start, at + 1_000)));
        assert!(presses.held(ENTER, true, Some(1), after(start, at + 9_000)));
    }

    #[test]
    fn a_plan_is_read_before_a_key_is_meant_for_it() {
        let start = Instant::now();
        let mut presses = Presses::default();
        // Typed ahead: the plan was not drawn yet.
        assert!(presses.held(ENTER, false, Some(1), start));
        presses.drawn(Some(1), after(start, 5_000));
        assert!(presses.held(ENTER, false, Some(1), after(start, 5_020)));
        assert!(!presses.held(ENTER, false, Some(1), after(start, 6_100)));
        // Another plan came in its place.
        assert!(presses.held(ENTER, false, Some(2), after(start, 9_000)));
        presses.drawn(Some(2), after(start, 9_010));
        presses.drawn(Some(2), after(start, 9_900));
        assert!(!presses.held(ENTER, false, Some(2), after(start, 10_010)));
        // Where there is no plan, another key right after one is what it is.
        assert!(!presses.held(Key::char('j'), false, None, after(start, 10_011)));
    }
}
