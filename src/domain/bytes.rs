//! Sizes in bytes, and their short forms for people.
//!
//! In: byte counts, or text such as `1G`, `500 MiB`. Out: the exact count, or a text of at most nine columns.

use std::fmt;
use std::str::FromStr;

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    /// `200 B`, `1.5 KiB`, `14.2 GiB`: powers of 1024, one digit after the point below a hundred.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        if self.0 < 1024 {
            return f.pad(&format!("{} B", self.0));
        }
        let mut value = self.0 as f64 / 1024.0;
        let mut unit = 0;
        // Rounds up to the next unit before four digits would show.
        while value >= 1023.5 && unit + 1 < UNITS.len() {
            value /= 1024.0;
            unit += 1;
        }
        let text = if value < 99.95 {
            format!("{value:.1} {}", UNITS[unit])
        } else {
            format!("{value:.0} {}", UNITS[unit])
        };
        f.pad(&text)
    }
}

impl FromStr for Bytes {
    type Err = String;

    /// Reads `1G`, `1GiB`, `1.5 GB`, `10B` and `0`; a bare letter is a power of 1024, as Nix and `ls` mean it. Any other
    /// number without a unit is refused: who writes 20 means gigabytes or percent.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let invalid = || {
            format!("{text:?} is not a size; write a number with a unit, such as 500M or 1.5GiB")
        };
        if text.starts_with('-') || text.starts_with('+') {
            return Err(invalid());
        }
        if text != "0" && unitless(text) {
            return Err(format!(
                "{text:?} has no unit; write {text}G, or {text}B for bytes"
            ));
        }
        let spelled = match text.as_bytes().last() {
            Some(b'K' | b'k' | b'M' | b'm' | b'G' | b'g' | b'T' | b't' | b'P' | b'p') => {
                format!("{text}iB")
            }
            _ => text.to_owned(),
        };
        bytesize::ByteSize::from_str(&spelled)
            .map(|size| Self(size.as_u64()))
            .map_err(|_| invalid())
    }
}

/// Whether this is a number and nothing more.
pub(super) fn unitless(text: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    text.starts_with(|c: char| c.is_ascii_digit()) && digits(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn short_forms() {
        let cases = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (204_800, "200 KiB"),
            (1_048_575, "1.0 MiB"),
            (15_247_000_000, "14.2 GiB"),
            (u64::MAX, "16.0 EiB"),
        ];
        for (bytes, text) in cases {
            assert_eq!(Bytes(bytes).to_string(), text);
        }
        assert_eq!(format!("{:>9}", Bytes(1024)), "  1.0 KiB");
    }

    #[test]
    fn reads_units() {
        assert_eq!("1G".parse(), Ok(Bytes(1 << 30)));
        assert_eq!("1.5 GiB".parse(), Ok(Bytes(3 << 29)));
        assert_eq!("10B".parse(), Ok(Bytes(10)));
        assert_eq!("0".parse(), Ok(Bytes(0)));
        for text in ["20", " 20 ", "1.5"] {
            let said = text.parse::<Bytes>().unwrap_err();
            assert!(said.contains(&format!("write {}G", text.trim())), "{said}");
        }
        assert_eq!("2kb".parse(), Ok(Bytes(2000)));
        assert!("".parse::<Bytes>().is_err());
        assert!("-1G".parse::<Bytes>().is_err());
        assert!("many".parse::<Bytes>().is_err());
    }

    proptest! {
        #[test]
        fn never_wider_than_nine(bytes: u64) {
            prop_assert!(Bytes(bytes).to_string().len() <= 9);
        }

        #[test]
        fn never_panics(text in ".{0,20}") {
            let _ = text.parse::<Bytes>();
        }
    }
}
