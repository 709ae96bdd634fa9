//! The time in `expiry-time=`.
//!
//! In: `YYYYMMDD`, `YYYYMMDDHHMM` or `YYYYMMDDHHMMSS`, with `Z` or `UTC` behind it or without. Out: the moment from which sshd refuses the
//! key. Without a zone it is the server's local time. Source: OpenSSH's misc.c, `parse_absolute_time`.

use crate::domain::When;
use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::TimeZone;

/// The end of a key's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiry {
    /// Seconds since 1970, as if it were UTC.
    seconds: i64,
    /// Whether it is in UTC, and not in the server's local time.
    pub utc: bool,
}

impl Expiry {
    /// Reads what stands between the quotes. `None` is what sshd calls an invalid time, which disables the line.
    pub fn parse(text: &str) -> Option<Self> {
        let (digits, utc) = zone(text);
        if !digits.is_ascii() {
            return None;
        }
        let field = |from: usize, to: usize| -> Option<i64> {
            // The C library passes over blanks before a number, so a field may begin with one.
            let digits = digits.get(from..to)?.trim_start_matches(' ');
            let valid = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            valid.then(|| digits.parse().ok()).flatten()
        };
        let (hour, minute, second) = match digits.len() {
            8 => (0, 0, 0),
            12 => (field(8, 10)?, field(10, 12)?, 0),
            14 => (field(8, 10)?, field(10, 12)?, field(12, 14)?),
            _ => return None,
        };
        let (year, month, day) = (field(0, 4)?, field(4, 6)?, field(6, 8)?);
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return None;
        }
        if hour > 23 || minute > 59 || second > 61 {
            return None;
        }
        // The 31st of a short month runs on into the next, as in the C library.
        let first = date(year as i16, month as i8, 1)
            .to_zoned(TimeZone::UTC)
            .ok()?
            .timestamp()
            .as_second();
        let seconds = first + (day - 1) * 86_400 + hour * 3600 + minute * 60 + second;
        // sshd takes no moment before 1970, and 1970 itself for none.
        (seconds > 0).then_some(Self { seconds, utc })
    }

    /// The moment, on a server whose clock is `offset` seconds east of UTC.
    pub fn at(self, offset: i32) -> When {
        let offset = if self.utc { 0 } else { i64::from(offset) };
        When::from_unix(self.seconds - offset)
    }

    /// The text for a moment, always with its zone: `20270220Z` at midnight, else `20270220140000Z`.
    pub fn text(when: When) -> String {
        let seconds = when.unix();
        let format = if seconds % 86_400 == 0 {
            "%Y%m%dZ"
        } else {
            "%Y%m%d%H%M%SZ"
        };
        Timestamp::from_second(seconds)
            .unwrap_or(Timestamp::UNIX_EPOCH)
            .strftime(format)
            .to_string()
    }
}

/// Takes the zone off.
fn zone(text: &str) -> (&str, bool) {
    let cut = |length: usize, zone: &str| {
        let at = text.len().checked_sub(length)?;
        let (digits, tail) = (text.get(..at)?, text.get(at..)?);
        (at > 0 && tail.eq_ignore_ascii_case(zone)).then_some(digits)
    };
    match cut(1, "Z").or_else(|| cut(3, "UTC")) {
        Some(digits) => (digits, true),
        None => (text, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn moments() {
        let at = |text: &str, offset| {
            Expiry::parse(text).map(|expiry| (expiry.at(offset).to_string(), expiry.utc))
        };
        for (text, offset, expected) in [
            ("20270220Z", 3600, "2027-02-20T00:00:00Z"),
            ("20270220z", 0, "2027-02-20T00:00:00Z"),
            ("202702201405UTC", 0, "2027-02-20T14:05:00Z"),
            ("20270220140506Z", 0, "2027-02-20T14:05:06Z"),
            ("20270220", 3600, "2027-02-19T23:00:00Z"),
            ("20270231Z", 0, "2027-03-03T00:00:00Z"),
            ("2027 1 1Z", 0, "2027-01-01T00:00:00Z"),
        ] {
            let utc = text.len() > 8 && !text.ends_with('0');
            assert_eq!(at(text, offset), Some((expected.to_owned(), utc)), "{text}");
        }
        for text in [
            "",
            "Z",
            "UTC",
            "2027",
            "20271301Z",
            "20270132Z",
            "20270100",
            "202701012400Z",
            "2027-01-01",
            "20270101T000000Z",
            "19700101Z",
            "19690101Z",
            "é0270101",
            "20270101+01",
        ] {
            assert_eq!(at(text, 0), None, "{text}");
        }
    }

    /// `ssh-keygen -V` reads times with the same function.
    #[test]
    fn agrees_with_ssh_keygen() {
        let folder = tempfile::tempdir().unwrap();
        let run = |arguments: &[&str]| {
            std::process::Command::new("ssh-keygen")
                .args(arguments)
                .env("TZ", "UTC")
                .current_dir(folder.path())
                .output()
                .unwrap()
        };
        assert!(
            run(&["-q", "-t", "ed25519", "-N", "", "-f", "k"])
                .status
                .success()
        );
        for text in [
            "20270220Z",
            "20270231",
            "2027 1 1Z",
            "202702201405UTC",
            "20270220140561Z",
            "20270220140562Z",
            "20271301Z",
            "20270132Z",
            "202701012400Z",
            "2027022",
            "20270229z",
        ] {
            let validity = format!("20260101Z:{text}");
            let signed = run(&["-q", "-s", "k", "-I", "x", "-V", &validity, "k.pub"]);
            let ours = Expiry::parse(text);
            assert_eq!(signed.status.success(), ours.is_some(), "{text}");
            if let Some(expiry) = ours {
                let shown = run(&["-L", "-f", "k-cert.pub"]);
                let shown = String::from_utf8(shown.stdout).unwrap();
                let moment = expiry.at(0).to_string();
                let wanted = format!("to {}", moment.trim_end_matches('Z'));
                assert!(shown.contains(&wanted), "{text}: {wanted} {shown}");
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(seconds in 1i64..250_000_000_000, offset in -50_000i32..50_000) {
            let when = When::from_unix(seconds);
            let expiry = Expiry::parse(&Expiry::text(when)).unwrap();
            prop_assert!(expiry.utc);
            prop_assert_eq!(expiry.at(offset), when);
        }

        #[test]
        fn never_panics(text in any::<String>(), digits in "[0-9 ]{0,15}[zZ]?", offset: i32) {
            for text in [text, digits] {
                if let Some(expiry) = Expiry::parse(&text) {
                    expiry.at(offset);
                }
            }
        }
    }
}
