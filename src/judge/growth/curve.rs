//! The curve that is drawn.
//!
//! In: samples, or growth by registration. Out: a [`Curve`], one value a day.

use super::samples::{Sample, recent};
use super::{DAY, DAYS, Growth};
use crate::domain::When;

/// How large it was at the end of each day, the oldest first; the last one is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Curve {
    /// Bytes.
    pub sizes: Vec<u64>,
    /// Bytes in use on the store's file system, by samples; else NAR bytes of what is still there.
    pub sampled: bool,
}

/// By samples if they span at least 3 of the last days, since they are what the disk really took; else by what came in and
/// still exists. `None` where neither is known.
pub fn curve(samples: &[Sample], growth: Option<&Growth>, now: When) -> Option<Curve> {
    let by_samples = by_samples(samples, now).map(|sizes| Curve {
        sizes,
        sampled: true,
    });
    by_samples.or_else(|| {
        Some(Curve {
            sizes: growth?.sizes(),
            sampled: false,
        })
    })
}

fn by_samples(samples: &[Sample], now: When) -> Option<Vec<u64>> {
    let recent = recent(samples, now, DAYS)?;
    let first = recent.first()?.at;
    let days = now.unix().saturating_sub(first.unix()) / DAY;
    let sizes = (0..=days).rev().map(|back| {
        let end = now.unix().saturating_sub(back * DAY);
        let known = recent.partition_point(|sample| sample.at.unix() <= end);
        // The first one is older than all of these ends.
        let last = known.checked_sub(1).and_then(|at| recent.get(at));
        last.map_or(0, |sample| sample.used)
    });
    Some(sizes.collect())
}
