//! Until when a pin keeps, as it is typed.

use crate::domain::{Age, When};

/// Reads when a pin ends: nothing for never, an age from now, a day such as `2026-12-31`, to its end, or a
/// time such as `2026-12-31T12:00:00Z`.
pub fn expiry(text: &str, now: When) -> Result<Option<When>, String> {
    let text = text.trim();
    if matches!(text, "" | "-" | "never" | "none") {
        return Ok(None);
    }
    if let Ok(Age(seconds)) = text.parse::<Age>() {
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        return Ok(Some(When::from_unix(now.unix().saturating_add(seconds))));
    }
    if let Ok(end) = text.parse::<jiff::Timestamp>() {
        let end = When::from_unix(end.as_second());
        return if end > now {
            Ok(Some(end))
        } else {
            Err(format!("{text} is in the past"))
        };
    }
    let day = text.parse::<jiff::civil::Date>().ok();
    let end = day.and_then(|day| day.at(23, 59, 59, 0).in_tz("UTC").ok());
    match end {
        Some(end) if end.timestamp().as_second() > now.unix() => {
            Ok(Some(When::from_unix(end.timestamp().as_second())))
        }
        Some(_) => Err(format!("{text} is in the past")),
        None => Err(format!(
            "{text:?} is no time; write 30d, 2026-12-31, or nothing for no end"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ends() {
        let now = When::from_unix(1_790_000_000);
        assert_eq!(expiry("", now), Ok(None));
        assert_eq!(expiry(" never ", now), Ok(None));
        let later = When::from_unix(1_790_000_001);
        assert_eq!(expiry(&later.to_string(), now), Ok(Some(later)));
        assert!(expiry(&now.to_string(), now).is_err());
        assert_eq!(
            expiry("1d", now),
            Ok(Some(When::from_unix(1_790_000_000 + 86_400)))
        );
        let end = expiry("2026-12-31", now).unwrap().unwrap();
        assert_eq!(end.to_string(), "2026-12-31T23:59:59Z");
        assert!(expiry("2020-01-01", now).unwrap_err().contains("past"));
        assert!(expiry("soon", now).unwrap_err().contains("soon"));
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,20}", now: i64) {
            let _ = expiry(&text, When::from_unix(now));
        }
    }
}
