//! Many lines of a program that say the same of different things, as one line each.
//!
//! In: lines. Out: the first of each kind, in their order, with how many more there were. Two lines are of one kind if
//! they differ in nothing but numbers, paths and what is in quotes.

use super::count::number;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// One line for each kind.
pub fn grouped<'a>(lines: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut kinds: Vec<(&str, usize)> = Vec::new();
    for line in lines {
        match places.entry(kind(line)) {
            Entry::Occupied(place) => kinds[*place.get()].1 += 1,
            Entry::Vacant(place) => {
                place.insert(kinds.len());
                kinds.push((line, 0));
            }
        }
    }
    let mut out = Vec::with_capacity(kinds.len());
    for (line, more) in kinds {
        out.push(match more {
            0 => line.to_owned(),
            more => format!("{line} (and {} more like it)", number(more)),
        });
    }
    out
}

/// The line without what is particular to it.
fn kind(line: &str) -> String {
    let mut kind = String::with_capacity(line.len());
    let mut rest = line;
    let mut before = ' ';
    while let Some(sign) = rest.chars().next() {
        let begins = !before.is_alphanumeric();
        let length = match sign {
            '\'' | '"' if begins => quoted(rest, sign),
            '\u{2018}' | '\u{201c}' => quoted(rest, sign),
            '/' if begins => rest.find(char::is_whitespace),
            sign if sign.is_ascii_digit() => rest.find(|sign: char| !sign.is_ascii_digit()),
            _ => Some(sign.len_utf8()),
        };
        let length = length.unwrap_or(rest.len());
        let (part, behind) = rest.split_at(length);
        // A sign stands for itself, what is longer for its kind.
        kind.push(if sign.is_ascii_digit() { '0' } else { sign });
        before = part.chars().next_back().unwrap_or(' ');
        rest = behind;
    }
    kind
}

/// Bytes up to the closing quote, that included; `None` without one.
fn quoted(text: &str, open: char) -> Option<usize> {
    let close = match open {
        '\u{2018}' => '\u{2019}',
        '\u{201c}' => '\u{201d}',
        same => same,
    };
    let within = &text[open.len_utf8()..];
    let at = within.find(close)?;
    Some(open.len_utf8() + at + close.len_utf8())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_line_of_each_kind() {
        let lines = [
            "removing stale link from '/a/1' to '/b/1'",
            "it can't be read",
            "removing stale link from '/a/2' to '/b/it's'",
            "waiting for process 17 to end",
            "removing stale link from '/a/3' to '/b/3'",
            "waiting for process 4 to end",
            "it can't be found",
            "error: /nix/store/x is not valid",
            "error: /nix/store/y is not valid",
        ];
        assert_eq!(
            grouped(lines),
            [
                "removing stale link from '/a/1' to '/b/1' (and 1 more like it)",
                "it can't be read",
                "removing stale link from '/a/2' to '/b/it's'",
                "waiting for process 17 to end (and 1 more like it)",
                "it can't be found",
                "error: /nix/store/x is not valid (and 1 more like it)",
            ]
        );
        assert!(grouped([]).is_empty());
    }

    proptest! {
        #[test]
        fn nothing_is_lost(lines in prop::collection::vec("[a1'/\" \u{2018}\u{2019}]{0,8}", 0..20)) {
            let groups = grouped(lines.iter().map(String::as_str));
            let more = |line: &String| -> usize {
                let count = line.rsplit_once(" (and ").map(|(_, rest)| rest);
                let count = count.and_then(|rest| rest.strip_suffix(" more like it)"));
                count.map_or(0, |count| count.parse().unwrap())
            };
            prop_assert_eq!(groups.iter().map(|line| 1 + more(line)).sum::<usize>(), lines.len());
        }

        #[test]
        fn any_text_is_of_a_kind(line: String) {
            prop_assert_eq!(grouped([line.as_str(), &line]).len(), 1);
        }
    }
}
