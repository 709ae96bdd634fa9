//! Times and ages.
//!
//! In: seconds since the epoch, as the store keeps them. Out: RFC 3339 in UTC for records, ages such as `4m` for rows.

use jiff::Timestamp;
use std::fmt;
use std::str::FromStr;

/// The last second that the calendar library shows in every time zone, in the year 9999.
const LAST: i64 = 253_402_207_200;

/// A moment, to the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct When(i64);

impl When {
    /// From seconds since 1970 (UTC). Moments outside of what a calendar shows are held at its ends.
    pub fn from_unix(seconds: i64) -> Self {
        Self(seconds.clamp(0, LAST))
    }

    /// The present, by this machine's clock.
    pub fn now() -> Self {
        Self(Timestamp::now().as_second())
    }

    /// Seconds since 1970 (UTC).
    pub const fn unix(self) -> i64 {
        self.0
    }

    /// So many days later.
    pub fn plus_days(self, days: u32) -> Self {
        Self::from_unix(self.0.saturating_add(i64::from(days) * 86_400))
    }

    /// How long ago this was at `now`; nothing if it lies ahead.
    pub fn age(self, now: Self) -> Age {
        Age(u64::try_from(now.0.saturating_sub(self.0)).unwrap_or(0))
    }

    /// `14:02:11` in UTC, for the clock of the header.
    pub fn clock(self) -> String {
        let of_day = self.0.rem_euclid(86_400);
        format!(
            "{:02}:{:02}:{:02}",
            of_day / 3600,
            of_day / 60 % 60,
            of_day % 60
        )
    }
}

impl fmt::Display for When {
    /// RFC 3339 in UTC, `2026-01-02T03:04:05Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::from_second(self.0) {
            Ok(timestamp) => f.pad(&timestamp.to_string()),
            Err(_) => f.pad("unknown"),
        }
    }
}

impl serde::Serialize for When {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for When {
    /// RFC 3339 with any offset.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let timestamp = Timestamp::deserialize(deserializer)?;
        Ok(Self::from_unix(timestamp.as_second()))
    }
}

/// A length of time in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Age(pub u64);

impl fmt::Display for Age {
    /// At most four columns: `12s`, `4m`, `3h`, `41d`, `2y`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DAY: u64 = 86_400;
        let text = match self.0 {
            s if s < 60 => format!("{s}s"),
            s if s < 3600 => format!("{}m", s / 60),
            s if s < DAY => format!("{}h", s / 3600),
            s if s < 1000 * DAY => format!("{}d", s / DAY),
            s => format!("{}y", (s / (365 * DAY)).min(999)),
        };
        f.pad(&text)
    }
}

impl FromStr for Age {
    type Err = String;

    /// Reads `30s`, `10m`, `24h`, `30d`, `2w`, `1y`, and `0`, which needs no unit.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let invalid = || {
            format!("{text:?} is not an age; write a number and one of s m h d w y, such as 30d")
        };
        if text == "0" {
            return Ok(Self(0));
        }
        let unit = match text.as_bytes().last() {
            Some(b's') => 1,
            Some(b'm') => 60,
            Some(b'h') => 3600,
            Some(b'd') => 86_400,
            Some(b'w') => 7 * 86_400,
            Some(b'y') => 365 * 86_400,
            _ => return Err(invalid()),
        };
        let digits = &text[..text.len() - 1];
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(invalid());
        }
        let number: u64 = digits.parse().map_err(|_| invalid())?;
        number.checked_mul(unit).map(Self).ok_or_else(invalid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn forms() {
        let when = When::from_unix(1_767_323_045);
        assert_eq!(when.to_string(), "2026-01-02T03:04:05Z");
        assert_eq!(when.clock(), "03:04:05");
        assert_eq!(
            When::from_unix(i64::MIN).to_string(),
            "1970-01-01T00:00:00Z"
        );
        assert_eq!(
            When::from_unix(i64::MAX).to_string(),
            "9999-12-30T22:00:00Z"
        );
        assert_eq!(when.age(When::from_unix(0)), Age(0));
    }

    #[test]
    fn ages() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (240, "4m"),
            (7200, "2h"),
            (300_000, "3d"),
            (99_000_000, "3y"),
        ] {
            assert_eq!(Age(seconds).to_string(), text);
        }
        assert_eq!("30d".parse(), Ok(Age(2_592_000)));
        assert_eq!("0".parse(), Ok(Age(0)));
        for text in ["", "d", "3", "-3d", "3 d", "99999999999999999999d", "é"] {
            assert!(text.parse::<Age>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn ages_are_short(seconds: u64) {
            prop_assert!(Age(seconds).to_string().len() <= 4);
        }

        #[test]
        fn never_panics(text in ".{0,12}", seconds: i64) {
            let _ = text.parse::<Age>();
            let _ = When::from_unix(seconds).to_string();
            let _ = When::from_unix(seconds).clock();
        }
    }
}
