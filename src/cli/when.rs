//! Moments as they are typed: an age from now, a day, a moment, or never.
//!
//! In: an argument. Out: [`End`], or a sentence.

use crate::change::access::{LIFETIMES, USUAL};
use crate::domain::When;
use crate::domain::text::visible;
use crate::domain::when::Age;
use std::fmt;

/// When something ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It does not.
    Never,
    /// So long from now.
    In(Age),
    /// At this moment.
    At(When),
}

impl End {
    /// Of a key where nothing is said.
    pub(super) fn usual() -> Self {
        match LIFETIMES[USUAL] {
            (_, None) => Self::Never,
            (_, Some(seconds)) => Self::In(Age(seconds.unsigned_abs())),
        }
    }

    /// The moment, counted from `now`.
    pub(super) fn from(self, now: When) -> Option<When> {
        match self {
            Self::Never => None,
            Self::At(when) => Some(when),
            Self::In(Age(seconds)) => {
                let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
                Some(When::from_unix(now.unix().saturating_add(seconds)))
            }
        }
    }
}

impl fmt::Display for End {
    /// As it can be typed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str("never"),
            Self::In(age) => age.fmt(f),
            Self::At(when) => when.fmt(f),
        }
    }
}

/// Reads `30d`, `2027-02-20` (its first second in UTC), RFC 3339, `never` and `none`.
pub(super) fn end(text: &str) -> Result<End, String> {
    if matches!(text, "never" | "none") {
        return Ok(End::Never);
    }
    if let Ok(age) = text.parse() {
        return Ok(End::In(age));
    }
    let moment = text.parse::<jiff::Timestamp>().ok().or_else(|| {
        // Only a day: a time without its zone would be dropped without a word.
        let day = (text.len() == 10).then(|| text.parse::<jiff::civil::Date>());
        let zoned = day?.ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(zoned.timestamp())
    });
    match moment {
        Some(moment) if moment.as_second() >= 0 => Ok(End::At(When::from_unix(moment.as_second()))),
        _ => Err(format!(
            "\"{}\" is no time; write an age such as 90d, a day such as 2027-02-20, a moment such as 2027-02-20T12:00:00Z, or never",
            visible(text)
        )),
    }
}

/// Reads a moment that has passed: `30d` is so long ago.
pub(super) fn past(text: &str) -> Result<When, String> {
    match end(text)? {
        End::In(Age(seconds)) => {
            let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
            let at = When::now().unix().saturating_sub(seconds);
            Ok(When::from_unix(at.max(0)))
        }
        End::At(when) => Ok(when),
        End::Never => Err(format!("\"{text}\" is no moment that has passed")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn forms() {
        let now = When::from_unix(1_767_323_045);
        let at = |text: &str| end(text).map(|end| end.from(now).map(|when| when.to_string()));
        assert_eq!(at("never"), Ok(None));
        assert_eq!(at("none"), Ok(None));
        assert_eq!(at("1d"), Ok(Some("2026-01-03T03:04:05Z".into())));
        assert_eq!(at("2027-02-20"), Ok(Some("2027-02-20T00:00:00Z".into())));
        assert_eq!(
            at("2027-02-20T01:00:00+01:00"),
            Ok(Some("2027-02-20T00:00:00Z".into()))
        );
        for text in [
            "",
            "soon",
            "2027-02-20T12:00",
            "2027-02-30",
            "1900-01-01",
            "20270220",
        ] {
            assert!(at(text).is_err(), "{text}");
        }
    }

    #[test]
    fn moments_that_have_passed() {
        assert_eq!(
            past("2027-02-20").map(|at| at.to_string()),
            Ok("2027-02-20T00:00:00Z".into())
        );
        let ago = When::now().unix() - past("1d").unwrap().unix();
        assert!((86_400..90_000).contains(&ago), "{ago}");
        assert!(past("never").is_err() && past("").is_err());
    }

    #[test]
    fn a_key_has_an_end_where_nothing_is_said() {
        assert_eq!(End::usual(), End::In(Age(90 * 86_400)));
        for typed in ["90d", "never", "2027-02-20T00:00:00Z"] {
            assert_eq!(end(typed).unwrap().to_string(), typed);
        }
        assert_eq!(end(&End::usual().to_string()), Ok(End::usual()));
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,30}") {
            let _ = end(&text);
        }
    }
}
