//! How the store grows, and when its disk is full.
//!
//! In: when what still exists was registered, and samples of the used bytes. Out: a curve for a plot, and a [`Forecast`]
//! with what it stands on, the same for the console and for `status`. Where there is too little to go by, that is said.

mod curve;
mod forecast;
mod samples;
#[cfg(test)]
mod tests;

pub use curve::{Curve, curve};
pub use forecast::{Forecast, Rate, forecast};
pub use samples::{MOST_SAMPLES, Sample, remember};

use crate::domain::When;
use crate::inventory::{Inventory, Row};

const DAY: i64 = 86_400;

/// Days that a curve goes back.
pub const DAYS: usize = 90;

/// How much came in on each day, of what still exists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Growth {
    /// NAR bytes of each day, the oldest first; the last day ends now.
    pub days: Vec<u64>,
    /// NAR bytes of what came in before those days.
    pub before: u64,
    /// Days since the oldest registration, begun ones as whole ones, at most as many as are looked at; 0 if there is none.
    pub spans: u32,
}

impl Growth {
    /// Sums up what was registered on each of the last `days` days. What was deleted since is not there to be counted. A
    /// job: it looks at every row.
    pub fn by_registration(inventory: &Inventory, now: When, days: usize) -> Self {
        let mut growth = Self {
            days: vec![0; days],
            before: 0,
            spans: 0,
        };
        for row in 0..inventory.len() as Row {
            let (Some(at), Some(size)) = (inventory.registered(row), inventory.nar_size(row))
            else {
                continue;
            };
            // What is dated ahead came in just now, by a clock that is off.
            let age = now.unix().saturating_sub(at.unix()).max(0) / DAY;
            let age = usize::try_from(age).unwrap_or(usize::MAX);
            let day = days.checked_sub(age.saturating_add(1));
            let spans = day.map_or(days, |_| age + 1);
            growth.spans = growth.spans.max(spans as u32);
            let sum = match day {
                Some(day) => &mut growth.days[day],
                None => &mut growth.before,
            };
            *sum = sum.saturating_add(size);
        }
        growth
    }

    /// NAR bytes that were there at the end of each day, the oldest first; the last one is now.
    pub fn sizes(&self) -> Vec<u64> {
        let mut sum = self.before;
        let sizes = self.days.iter().map(|bytes| {
            sum = sum.saturating_add(*bytes);
            sum
        });
        sizes.collect()
    }

    /// What came in a day over the last month, or since the oldest registration; `None` where that is too short a time.
    fn rate(&self) -> Option<Rate> {
        let days = self.spans.min(forecast::RECENT);
        if days < forecast::FEWEST_DAYS {
            return None;
        }
        let recent = self.days.iter().rev().take(days as usize);
        let bytes = recent.fold(0_u64, |sum, bytes| sum.saturating_add(*bytes));
        Some(Rate {
            a_day: bytes / u64::from(days),
            days,
            sampled: false,
        })
    }
}
