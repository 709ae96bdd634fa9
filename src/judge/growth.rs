//! How the store grows, and when its disk is full.
//!
//! In: when what still exists was registered, and samples of the used bytes. Out: a curve for a plot, and a [`Forecast`]
//! with what it stands on. Where there is too little to go by, that is said.

use crate::domain::{Bytes, When};
use crate::inventory::{Inventory, Row};
use serde::{Deserialize, Serialize};
use std::fmt;

const DAY: i64 = 86_400;

/// How much came in over a time, of what still exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Growth {
    /// How many days it looks back.
    pub days: u32,
    /// NAR bytes that came in, in equal parts of that time, the oldest first.
    pub parts: Vec<u64>,
    /// All of them.
    pub bytes: u64,
    /// How many paths they are.
    pub paths: usize,
    /// Days since the oldest registration within the time, at most `days`; 0 if there is none.
    pub spans: u32,
}

impl Growth {
    /// Sums up what was registered within so many days (at least one), in so many parts. What was deleted since is not
    /// there to be counted. A job: it looks at every row.
    pub fn by_registration(inventory: &Inventory, now: When, days: u32, parts: usize) -> Self {
        let length = i64::from(days.max(1)) * DAY;
        let begin = now.unix().saturating_sub(length);
        let mut growth = Self {
            days: days.max(1),
            parts: vec![0; parts],
            bytes: 0,
            paths: 0,
            spans: 0,
        };
        let mut oldest = now.unix();
        for row in 0..inventory.len() as Row {
            let (Some(at), Some(size)) = (inventory.registered(row), inventory.nar_size(row))
            else {
                continue;
            };
            // What is dated ahead came in just now, by a clock that is off.
            let at = at.unix().min(now.unix());
            if at <= begin {
                continue;
            }
            oldest = oldest.min(at);
            growth.paths += 1;
            growth.bytes = growth.bytes.saturating_add(size);
            // The present moment belongs to the last part.
            let part = (at - begin - 1) as u128 * parts as u128 / length as u128;
            if let Some(part) = growth.parts.get_mut(part as usize) {
                *part = part.saturating_add(size);
            }
        }
        growth.spans = ((now.unix() - oldest).max(0) as u64).div_ceil(DAY as u64) as u32;
        growth
    }
}

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

/// When the disk is full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forecast {
    /// In about so many days, by what it stands on.
    Full {
        /// Days from now; 0 for within a day.
        days: u64,
        /// What it stands on, such as `1.2 GiB a day over the last 12 days`.
        basis: String,
    },
    /// Not within ten years.
    NotSoon {
        /// What it stands on.
        basis: String,
    },
    /// Cannot be said, and why.
    Unknown(String),
}

impl fmt::Display for Forecast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { days: 0, basis } => write!(f, "full within a day ({basis})"),
            Self::Full { days: 1, basis } => write!(f, "full in about 1 day ({basis})"),
            Self::Full { days, basis } => write!(f, "full in about {days} days ({basis})"),
            Self::NotSoon { basis } => write!(f, "not full within ten years ({basis})"),
            Self::Unknown(why) => f.write_str(why),
        }
    }
}

/// The fewest days that a forecast stands on.
const FEWEST_DAYS: u32 = 3;

/// The fewest samples that make a curve.
const FEWEST_SAMPLES: usize = 4;

/// The days that the samples of a forecast lie in.
const SAMPLED_DAYS: i64 = 30;

/// Foretells when nothing is available any more: by the samples of the last 30 days if they span at least 3, since they
/// are what the disk really took, else by what came in and still exists. `available` is `None` where that is not known.
pub fn forecast(
    samples: &[Sample],
    growth: &Growth,
    available: Option<Bytes>,
    now: When,
) -> Forecast {
    let Some(available) = available else {
        return Forecast::Unknown(
            "no forecast: what is available on the store's file system is not known".into(),
        );
    };
    let recent: Vec<Sample> = samples
        .iter()
        .filter(|s| s.at <= now && s.at.unix() > now.unix() - SAMPLED_DAYS * DAY)
        .copied()
        .collect();
    let spans = match (recent.first(), recent.last()) {
        (Some(first), Some(last)) => ((last.at.unix() - first.at.unix()) / DAY) as u32,
        _ => 0,
    };
    let (a_day, basis) = if recent.len() >= FEWEST_SAMPLES && spans >= FEWEST_DAYS {
        let a_day = slope(&recent) * DAY as f64;
        (
            a_day,
            format!("by what was in use over the last {spans} days"),
        )
    } else if growth.spans >= FEWEST_DAYS {
        let a_day = growth.bytes as f64 / f64::from(growth.spans.min(growth.days));
        let days = growth.spans.min(growth.days);
        (
            a_day,
            format!("by what came in over the last {days} days and is still there"),
        )
    } else {
        return Forecast::Unknown(format!(
            "no forecast: fewer than {FEWEST_DAYS} days of uploads or samples to go by"
        ));
    };
    if a_day < 1.0 {
        return Forecast::NotSoon {
            basis: format!("no growth, {basis}"),
        };
    }
    let basis = format!("{} a day, {basis}", Bytes(a_day as u64));
    let days = available.0 as f64 / a_day;
    if days > 3650.0 {
        return Forecast::NotSoon { basis };
    }
    Forecast::Full {
        days: days as u64,
        basis,
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::testing::model;
    use proptest::prelude::*;

    const NOW: i64 = 20_000 * DAY;
    const GIB: u64 = 1 << 30;

    fn growth(bytes: u64, spans: u32) -> Growth {
        Growth {
            days: 30,
            parts: Vec::new(),
            bytes,
            paths: 1,
            spans,
        }
    }

    fn samples(used: impl Fn(i64) -> u64, days: i64) -> Vec<Sample> {
        (0..=days)
            .map(|day| Sample {
                at: When::from_unix(NOW - (days - day) * DAY),
                used: used(day),
            })
            .collect()
    }

    fn of(samples: &[Sample], growth: &Growth, available: u64) -> String {
        forecast(
            samples,
            growth,
            Some(Bytes(available)),
            When::from_unix(NOW),
        )
        .to_string()
    }

    #[test]
    fn says_what_it_stands_on() {
        let steady = samples(|day| day as u64 * GIB, 12);
        assert_eq!(
            of(&steady, &growth(1, 1), 41 * GIB + 5),
            "full in about 41 days (1.0 GiB a day, by what was in use over the last 12 days)"
        );
        // A collection in between.
        let fell = samples(
            |day| day as u64 * GIB + if day < 6 { 40 * GIB } else { 0 },
            12,
        );
        assert!(of(&fell, &growth(1, 1), 10 * GIB).starts_with("full in about 10 days"));
        assert_eq!(
            of(&steady[..2], &growth(60 * GIB, 30), GIB),
            "full within a day (2.0 GiB a day, by what came in over the last 30 days and is still there)"
        );
        assert_eq!(
            of(&[], &growth(20 * GIB, 10), 3 * GIB),
            "full in about 1 day (2.0 GiB a day, by what came in over the last 10 days and is still there)"
        );
        assert_eq!(
            of(&samples(|_| GIB, 5), &growth(GIB, 30), GIB),
            "not full within ten years (no growth, by what was in use over the last 5 days)"
        );
        assert!(of(&[], &growth(100, 30), GIB).starts_with("not full within ten years (3 B a day"));
        assert_eq!(
            of(&[], &growth(GIB, 2), GIB),
            "no forecast: fewer than 3 days of uploads or samples to go by"
        );
        let blind = forecast(&steady, &growth(GIB, 30), None, When::from_unix(NOW));
        assert!(matches!(blind, Forecast::Unknown(why) if why.contains("not known")));
    }

    #[test]
    fn samples_stay_few_and_in_order() {
        let mut kept = Vec::new();
        for minute in 0..60 * 24 * 40 {
            if minute % 20 == 0 {
                let at = When::from_unix(NOW + minute * 60);
                remember(
                    &mut kept,
                    Sample {
                        at,
                        used: minute as u64,
                    },
                );
            }
        }
        let last = kept[kept.len() - 1];
        assert_eq!(last.used, 60 * 24 * 40 - 20);
        assert!(kept.windows(2).all(|pair| pair[0].at < pair[1].at));
        assert!((84..=92).contains(&kept.len()), "{}", kept.len());
        let before = kept.clone();
        remember(&mut kept, Sample { used: 1, ..last });
        assert_eq!(kept, before);
        for day in 0..2 * MOST_SAMPLES as i64 {
            let at = When::from_unix(NOW + (100 + day) * DAY);
            remember(&mut kept, Sample { at, used: 0 });
        }
        assert_eq!(kept.len(), MOST_SAMPLES);
    }

    proptest! {
        #[test]
        fn all_that_came_in_is_in_one_part(model in model(true), days in 0..2_u32, parts in 1..9_usize, ahead in 0..200_000_i64) {
            let now = When::from_unix(10_300 + ahead);
            let growth = Growth::by_registration(&model.inventory(), now, days, parts);
            let begin = now.unix() - DAY;
            let within: Vec<usize> = (0..model.len())
                .filter(|i| model.valid(*i) && model.items[*i].registered > begin)
                .collect();
            prop_assert_eq!(growth.paths, within.len());
            prop_assert_eq!(growth.bytes, model.bytes(&within));
            prop_assert_eq!(growth.parts.iter().sum::<u64>(), growth.bytes);
            prop_assert_eq!(growth.parts.len(), parts);
            let last = within.iter().filter(|i| model.items[**i].registered > now.unix() - DAY / parts as i64);
            prop_assert!(growth.parts[parts - 1] >= model.bytes(last.collect::<Vec<_>>()));
        }
    }
}
