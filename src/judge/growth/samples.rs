//! Samples of what was in use: which are kept, and what they say of growth.
//!
//! In: samples, oldest first. Out: few of them, and a rate.

use super::DAY;
use super::forecast::{FEWEST_DAYS, RECENT, Rate};
use crate::domain::When;
use serde::{Deserialize, Serialize};

/// The fewest samples that make a curve.
const FEWEST: usize = 4;

/// What was in use on the store's file system at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// When, by the server's clock.
    pub at: When,
    /// Used bytes.
    pub used: u64,
}

/// The most samples that are kept.
pub const MOST_SAMPLES: usize = 500;

/// Adds a sample to those of a server, oldest first, and keeps them few: one an hour for two days, one a day before that,
/// and at most [`MOST_SAMPLES`]. One that is not newer than the last is not added, since a clock was set back.
pub fn remember(samples: &mut Vec<Sample>, new: Sample) {
    if samples.last().is_some_and(|last| last.at >= new.at) {
        return;
    }
    samples.push(new);
    let mut kept: Vec<Sample> = Vec::with_capacity(samples.len());
    for sample in samples.iter() {
        let age = new.at.unix() - sample.at.unix();
        let step = if age > 2 * DAY { DAY } else { 3600 };
        // The later one of a step replaces the earlier one.
        let same = |last: &Sample| last.at.unix() / step == sample.at.unix() / step;
        if kept.last().is_some_and(same) {
            kept.pop();
        }
        kept.push(*sample);
    }
    let surplus = kept.len().saturating_sub(MOST_SAMPLES);
    kept.drain(..surplus);
    *samples = kept;
}

/// Those of so many days up to now; `None` where they are too few, or lie too close together, to say anything.
pub(super) fn recent(samples: &[Sample], now: When, days: usize) -> Option<Vec<Sample>> {
    let begin = now.unix().saturating_sub(days as i64 * DAY);
    let within = |sample: &&Sample| sample.at <= now && sample.at.unix() > begin;
    let recent: Vec<Sample> = samples.iter().filter(within).copied().collect();
    (recent.len() >= FEWEST && span(&recent) >= FEWEST_DAYS).then_some(recent)
}

/// Whole days between the first and the last.
fn span(samples: &[Sample]) -> u32 {
    match samples {
        [first, .., last] => (last.at.unix().saturating_sub(first.at.unix()) / DAY) as u32,
        _ => 0,
    }
}

/// What more was in use a day; `None` where there is too little to go by.
pub(super) fn rate(samples: &[Sample], now: When) -> Option<Rate> {
    let recent = recent(samples, now, RECENT as usize)?;
    Some(Rate {
        a_day: (slope(&recent) * DAY as f64) as u64,
        days: span(&recent),
        sampled: true,
    })
}

/// Bytes a second, by the times in which it rose or stayed. A fall is a collection, and is left out with its time: the
/// question is when the disk is full if nothing is collected.
fn slope(samples: &[Sample]) -> f64 {
    let (mut rise, mut seconds) = (0.0, 0);
    for pair in samples.windows(2) {
        if pair[1].used >= pair[0].used {
            rise += (pair[1].used - pair[0].used) as f64;
            seconds += pair[1].at.unix() - pair[0].at.unix();
        }
    }
    rise / seconds.max(1) as f64
}
