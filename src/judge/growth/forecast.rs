//! When the store's disk is full, and what that stands on.
//!
//! In: growth by registration, samples, what is available. Out: a [`Forecast`] and its words.

use super::Growth;
use super::samples::{Sample, rate};
use crate::domain::{Bytes, When};
use std::borrow::Cow;
use std::fmt;

/// What a forecast stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Bytes that it grows a day.
    pub a_day: u64,
    /// Over so many days up to now.
    pub days: u32,
    /// By samples of what was in use; else by what came in and is still there.
    pub sampled: bool,
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.a_day {
            0 => f.write_str("no growth")?,
            bytes => write!(f, "{} a day", Bytes(bytes))?,
        }
        let days = self.days;
        if self.sampled {
            write!(f, ", by what was in use over the last {days} days")
        } else {
            let by = "by what was uploaded over the last";
            write!(f, ", {by} {days} days and is still there")
        }
    }
}

/// When the disk is full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forecast {
    /// Nothing is left of it.
    Now,
    /// In about so many days.
    Full {
        /// Days from now; 0 for within a day.
        days: u64,
        /// What it stands on.
        by: Rate,
    },
    /// Not within ten years, by what this stands on.
    NotSoon(Rate),
    /// Cannot be said, and why.
    Unknown(String),
}

impl Forecast {
    /// When, in a few words; what it stands on is left out.
    fn when(&self) -> Cow<'_, str> {
        match self {
            Self::Now => "full now".into(),
            Self::Full { days: 0, .. } => "full within a day".into(),
            Self::Full { days: 1, .. } => "full in about 1 day".into(),
            Self::Full { days, .. } => format!("full in about {days} days").into(),
            Self::NotSoon(_) => "not full within ten years".into(),
            Self::Unknown(why) => why.into(),
        }
    }

    /// In one sentence, without a full stop.
    pub fn sentence(&self) -> String {
        match self {
            Self::Unknown(why) => why.clone(),
            known => format!("the store's disk is {known}"),
        }
    }

    /// For a line that is short: `+1.2 GiB a day in use; full in about 41 days`.
    pub fn brief(&self) -> String {
        let (Self::Full { by, .. } | Self::NotSoon(by)) = self else {
            return self.when().into_owned();
        };
        let of = if by.sampled { "in use" } else { "uploaded" };
        match by.a_day {
            0 => format!("nothing more {of} in {} days", by.days),
            bytes => format!("+{} a day {of}; {}", Bytes(bytes), self.when()),
        }
    }
}

impl fmt::Display for Forecast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.when())?;
        match self {
            Self::Full { by, .. } | Self::NotSoon(by) => write!(f, " ({by})"),
            Self::Now | Self::Unknown(_) => Ok(()),
        }
    }
}

/// The fewest days that a forecast stands on.
pub(super) const FEWEST_DAYS: u32 = 3;

/// The most days that it stands on.
pub(super) const RECENT: u32 = 30;

/// Foretells when nothing is available any more: by the samples of the last 30 days if they span at least 3, since they
/// are what the disk really took, else by what came in and still exists. `None` stands for what is not known.
pub fn forecast(
    samples: &[Sample],
    growth: Option<&Growth>,
    available: Option<Bytes>,
    now: When,
) -> Forecast {
    let Some(available) = available else {
        return Forecast::Unknown(
            "no forecast: what is available on the store's file system is not known".into(),
        );
    };
    if available.0 == 0 {
        return Forecast::Now;
    }
    let by_growth = || growth.and_then(Growth::rate);
    let Some(by) = rate(samples, now).or_else(by_growth) else {
        return Forecast::Unknown(format!(
            "no forecast: fewer than {FEWEST_DAYS} days of uploads or samples to go by"
        ));
    };
    match available.0.checked_div(by.a_day) {
        Some(days) if days <= 3650 => Forecast::Full { days, by },
        _ => Forecast::NotSoon(by),
    }
}
