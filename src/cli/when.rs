//! Moments as they are typed: an age from now, a day, a moment, or never.
//!
//! In: an argument. Out: [`End`], or a sentence.

use crate::domain::When;
use crate::domain::text::visible;
use crate::domain::when::Age;

/// When something ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End(pub(super) Option<When>);

/// Reads `30d`, `2027-02-20` (its first second in UTC), RFC 3339, `never` and `none`.
pub(super) fn end(text: &str) -> Result<End, String> {
    from(text, When::now())
}

fn from(text: &str, now: When) -> Result<End, String> {
    if matches!(text, "never" | "none") {
        return Ok(End(None));
    }
    if let Ok(Age(seconds)) = text.parse() {
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        return Ok(End(Some(When::from_unix(
            now.unix().saturating_add(seconds),
        ))));
    }
    let moment = text.parse::<jiff::Timestamp>().ok().or_else(|| {
        // Only a day: a time without its zone would be dropped without a word.
        let day = (text.len() == 10).then(|| text.parse::<jiff::civil::Date>());
        let zoned = day?.ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(zoned.timestamp())
    });
    match moment {
        Some(moment) if moment.as_second() >= 0 => {
            Ok(End(Some(When::from_unix(moment.as_second()))))
        }
        _ => Err(format!(
            "\"{}\" is no time; write an age such as 90d, a day such as 2027-02-20, a moment such as 2027-02-20T12:00:00Z, or never",
            visible(text)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn forms() {
        let now = When::from_unix(1_767_323_045);
        let at = |text: &str| from(text, now).map(|end| end.0.map(|when| when.to_string()));
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

    proptest! {
        #[test]
        fn never_panics(text in ".{0,30}") {
            let _ = end(&text);
        }
    }
}
