//! Rows of Nix's database that have a signature by a key, as the server's SQLite prints them; and what of them stays without it.
//!
//! In: lines of hexadecimal digits that nobody vouches for. Out: paths with their signatures, byte for byte. The column `sigs` of
//! `ValidPaths` holds signatures with blanks between them, each a name, a colon and more (`src/libstore/local-store.cc` of Nix).

use super::StorePath;
use super::path_info::hex;

/// A path and its signatures as they are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedRow {
    pub path: StorePath,
    /// The column.
    pub stored: Vec<u8>,
}

/// Bytes from their hexadecimal digits.
fn bytes(digits: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| match pair {
            [high, low] => u8::try_from(digit(*high)? * 16 + digit(*low)?).ok(),
            _ => None,
        })
        .collect()
}

impl SignedRow {
    /// Reads `NUMBER PATH SIGNATURES`; `None` for anything else, also where the path is none.
    pub fn parse(line: &str) -> Option<(u64, Self)> {
        let mut words = line.split(' ');
        let number = words.next()?.parse().ok()?;
        let path = String::from_utf8(bytes(words.next()?)?).ok()?;
        let path = StorePath::parse(&path).ok()?;
        let stored = bytes(words.next()?)?;
        words
            .next()
            .is_none()
            .then_some((number, Self { path, stored }))
    }

    /// What is left without the signatures by this name, byte for byte and in order.
    pub fn without(&self, key: &str) -> Vec<u8> {
        let of_key = |one: &[u8]| {
            let rest = one.strip_prefix(key.as_bytes());
            rest.is_some_and(|rest| rest.first() == Some(&b':'))
        };
        let left = self.stored.split(|byte| *byte == b' ');
        let left: Vec<&[u8]> = left.filter(|one| !of_key(one)).collect();
        left.join(&b' ')
    }

    /// The line that asks for the row to be as it is without that key.
    pub fn line(&self, key: &str) -> String {
        format!(
            "{} {} {}\n",
            hex(self.path.to_string().as_bytes()),
            hex(&self.stored),
            hex(&self.without(key))
        )
    }
}

/// The digits of a text.
pub fn digits(text: &str) -> String {
    hex(text.as_bytes())
}

/// The text that digits stand for; `None` where they are none.
pub fn text(digits: &str) -> Option<String> {
    String::from_utf8(bytes(digits)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn row(stored: &str) -> SignedRow {
        SignedRow {
            path: StorePath::parse("/nix/store/5wd5yzrxv6y0dj2mzzjqlyx5v1kh8vzr-demo-1.0").unwrap(),
            stored: stored.as_bytes().to_vec(),
        }
    }

    #[test]
    fn only_that_name_goes() {
        let without = |stored: &str| String::from_utf8(row(stored).without("k-1")).unwrap();
        assert_eq!(without("a:1 k-1:2 b:3"), "a:1 b:3");
        assert_eq!(without("k-1:2"), "");
        assert_eq!(without("k-1:2 k-1:3 a:1"), "a:1");
        assert_eq!(without("k-10:2 xk-1:2 k-1"), "k-10:2 xk-1:2 k-1");
        assert_eq!(without("a:k-1:2"), "a:k-1:2");
    }

    #[test]
    fn lines() {
        let own = row("k-1:2 a:1");
        let line = own.line("k-1");
        let mut words = line.trim_end().split(' ');
        let said = format!("17 {} {}", words.next().unwrap(), words.next().unwrap());
        assert_eq!(SignedRow::parse(&said), Some((17, own)));
        assert_eq!(text(words.next().unwrap()).as_deref(), Some("a:1"));
        for wrong in [
            "",
            "1",
            "1 2f",
            "x 2f 2f",
            "1 2f6e69 61",
            "1 2F2g 61",
            "1 2f6 61",
        ] {
            assert_eq!(SignedRow::parse(wrong), None, "{wrong}");
        }
        assert_eq!(SignedRow::parse(&format!("{said} 00")), None);
    }

    proptest! {
        #[test]
        fn never_panics(line in "[0-9a-f ]{0,60}|.{0,40}") {
            let _ = SignedRow::parse(&line);
        }

        /// What is left is what was there, in order, and none of it is by that key.
        #[test]
        fn all_else_stays(stored in "(k-1:|a:|k:|[a-z :]){0,12}") {
            let left = String::from_utf8(row(&stored).without("k-1")).unwrap();
            let mine = |one: &&str| one.starts_with("k-1:");
            prop_assert!(!left.split(' ').any(|one| mine(&one)));
            let others: Vec<&str> = stored.split(' ').filter(|one| !mine(one)).collect();
            prop_assert_eq!(others.join(" "), left);
        }
    }
}
