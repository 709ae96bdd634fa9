//! What the queue of access requests did not take.
//!
//! In: the line that the knock keeps beside the waiting requests. Out: how many requests it dropped, and since when. Whoever is
//! the knock's user can write anything there.

use super::When;
use serde::Serialize;

/// Waiting requests that the knock keeps; for one more it drops another, by the rules of `scripts/knock.sh`.
pub const KNOCK_CAPACITY: usize = 256;

/// What the queue of waiting requests did not take.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overflow {
    /// Requests that the knock dropped for others; `None` if none was.
    pub dropped: Option<Dropped>,
    /// Files in the folder of what waits that were not read, since there are more than [`MOST_REQUESTS`](super::key_request::MOST_REQUESTS).
    pub unread: u64,
}

/// Requests that the knock dropped, until none was for a week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Dropped {
    /// How many.
    pub count: u64,
    /// The first of them.
    pub since: When,
    /// The last of them.
    pub last: When,
}

impl Dropped {
    /// Reads what the knock keeps: the number, the first and the last time in seconds since 1970. `None` for
    /// what the knock would not write.
    pub fn parse(text: &str) -> Option<Self> {
        let number = |word: &str| -> Option<u64> {
            let digits = (1..=11).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_digit());
            if digits { word.parse().ok() } else { None }
        };
        let words: Vec<u64> = text.split(' ').map(number).collect::<Option<_>>()?;
        let [count @ 1..=999_999_999, since, last] = *words.as_slice() else {
            return None;
        };
        let when = |seconds: u64| i64::try_from(seconds).ok().map(When::from_unix);
        (since <= last).then_some(Self {
            count,
            since: when(since)?,
            last: when(last)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_count_of_dropped_requests_is_three_numbers() {
        assert_eq!(
            Dropped::parse("37 1795000000 1795000007"),
            Some(Dropped {
                count: 37,
                since: When::from_unix(1_795_000_000),
                last: When::from_unix(1_795_000_007),
            })
        );
        for text in [
            "",
            "37",
            "0 1 2",
            "37 5 4",
            "-1 1 2",
            "+1 1 2",
            "1 2 3 4",
            "1  2 3",
            "9999999999 1 2",
            "1 999999999999 999999999999",
            "1 1 \u{663}",
            "x 1 2",
        ] {
            assert_eq!(Dropped::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_script_keeps_as_many() {
        let script = include_str!("../server/scripts/knock.sh");
        assert!(script.contains(&format!("\nmost={KNOCK_CAPACITY}\n")));
    }

    proptest! {
        #[test]
        fn what_is_read_is_in_its_bounds(text in "[0-9]{0,13} [0-9]{0,13} ?[0-9]{0,13}|\\PC{0,20}") {
            if let Some(dropped) = Dropped::parse(&text) {
                prop_assert!((1..=999_999_999).contains(&dropped.count));
                prop_assert!(dropped.since <= dropped.last);
            }
        }
    }
}
