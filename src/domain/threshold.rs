//! How much of a file system must be left.
//!
//! In: text such as `15%` or `20G`. Out: a limit, and whether what is left lies below it.

use super::Bytes;
use super::bytes::unitless;
use std::fmt;

/// How much of a file system must be left.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Threshold {
    /// Percent of its size, 0 to 100.
    Percent(f64),
    /// Bytes.
    Size(Bytes),
}

impl fmt::Display for Threshold {
    /// As it is typed: `15%`, `20G`, `1500B`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Percent(percent) => write!(f, "{percent}%"),
            Self::Size(Bytes(bytes)) if bytes > 0 && bytes % (1 << 30) == 0 => {
                write!(f, "{}G", bytes >> 30)
            }
            Self::Size(Bytes(bytes)) => write!(f, "{bytes}B"),
        }
    }
}

impl Threshold {
    /// Reads `15%` or `20G`; else says what to write. A number without a unit may be either, so it is neither.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text != "0" && unitless(text) {
            return Err(format!("{text:?} has no unit; write {text}% or {text}G"));
        }
        Self::read(text).ok_or_else(|| format!("{text:?} is no part of a disk; write 20% or 50G"))
    }

    fn read(text: &str) -> Option<Self> {
        if let Some(number) = text.strip_suffix('%') {
            let number = number.trim_end();
            if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
                return None;
            }
            let percent: f64 = number.parse().ok()?;
            return (percent <= 100.0).then_some(Self::Percent(percent));
        }
        text.parse().ok().map(Self::Size)
    }

    /// Whether less than this is left of a file system of this size. No threshold is above what is left of an unknown size (0).
    pub fn is_above(self, available: Bytes, size: Bytes) -> bool {
        match self {
            _ if size.0 == 0 => false,
            Self::Percent(percent) => available.0 as f64 * 100.0 < percent * size.0 as f64,
            Self::Size(threshold) => available < threshold,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for text in ["15%", "2.5%", "20G", "1500B"] {
            assert_eq!(Threshold::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn thresholds() {
        assert_eq!(Threshold::parse("15%"), Ok(Threshold::Percent(15.0)));
        assert_eq!(Threshold::parse("2.5 %"), Ok(Threshold::Percent(2.5)));
        assert_eq!(
            Threshold::parse("20G"),
            Ok(Threshold::Size(Bytes(20 << 30)))
        );
        let said = Threshold::parse("20").unwrap_err();
        assert!(said.contains("write 20% or 20G"), "{said}");
        for text in ["", "%", "101%", "nan%", "inf%", "-1%", "1e1%", "much"] {
            assert!(Threshold::parse(text).is_err(), "{text}");
        }
        let threshold = Threshold::Percent(15.0);
        assert!(threshold.is_above(Bytes(14), Bytes(100)));
        assert!(!threshold.is_above(Bytes(15), Bytes(100)));
        assert!(!threshold.is_above(Bytes(0), Bytes(0)));
        assert!(Threshold::Size(Bytes(5)).is_above(Bytes(4), Bytes(100)));
    }
}
