//! What is kept of a pin that moves, as it is typed.
//!
//! In: a text. Out: [`Revisions`], or a sentence.

use crate::domain::Age;
use crate::domain::pin::Revisions;
use crate::domain::text::visible;

/// Seconds of a day.
const DAY: u64 = 86_400;

/// Reads how many revisions are kept and for how long: `3`, `30d` or `3 30d`; nothing where no pin moves.
pub fn revisions(text: &str) -> Result<Option<Revisions>, String> {
    let (mut count, mut days) = (None, None);
    for word in text.split([' ', ',']).filter(|word| !word.is_empty()) {
        let number = word.parse::<u32>().ok();
        let age = word.parse::<Age>().ok().filter(|_| number.is_none());
        // Revisions are dated by the day.
        let age = age.filter(|Age(seconds)| seconds % DAY == 0);
        let age = age.and_then(|Age(seconds)| u32::try_from(seconds / DAY).ok());
        match (number, age) {
            (Some(number), _) if count.is_none() => count = Some(number),
            (_, Some(age)) if days.is_none() => days = Some(age),
            _ => {
                return Err(format!(
                    "\"{}\" says no revisions; write how many, for how many days, or both: 3 30d",
                    visible(text.trim())
                ));
            }
        }
    }
    if count.is_none() && days.is_none() {
        return Ok(None);
    }
    Ok(Some(Revisions {
        count: count.map_or(usize::MAX, |count| count as usize),
        days,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn how_many_and_for_how_long() {
        let of = |text: &str| {
            let kept = revisions(text).unwrap();
            kept.map(|kept| (kept.count, kept.days))
        };
        assert_eq!(of(""), None);
        assert_eq!(of("  "), None);
        assert_eq!(of("3"), Some((3, None)));
        assert_eq!(of("0"), Some((0, None)));
        assert_eq!(of("30d"), Some((usize::MAX, Some(30))));
        assert_eq!(of("3 30d"), Some((3, Some(30))));
        assert_eq!(of("30d, 3"), Some((3, Some(30))));
        for odd in ["3 4", "30d 40d", "three", "12h", "-1", "3 30d 1"] {
            let why = revisions(odd).unwrap_err();
            assert!(why.contains(odd), "{why}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,20}|[0-9dhwy, ]{0,12}") {
            let _ = revisions(&text);
        }
    }
}
