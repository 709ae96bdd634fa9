//! The one sanitizer: text from outside becomes text that a terminal can only show.
//!
//! In: names, comments, log lines and messages of servers. Out: the same text with escapes, control,
//! bidirectional and zero-width characters made visible, so that it can neither move the cursor nor mislead a reader.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Makes hostile characters visible: `\e` for escape, `\n`, `\t`, `\u{202e}` for the rest.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hostile) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\u{1b}' => out.push_str("\\e"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_hostile(c) => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Bytes that need not be UTF-8, made visible.
pub fn visible_bytes(bytes: &[u8]) -> String {
    visible(&String::from_utf8_lossy(bytes)).into_owned()
}

/// A message of Nix for people: its colours and line ends are taken out (they are known decoration), all else is made visible.
pub fn plain(message: &str) -> String {
    let mut out = String::with_capacity(message.len());
    let mut chars = message.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' if chars.peek() == Some(&'[') => {
                let mut sequence = String::new();
                chars.next();
                let mut closed = false;
                for next in chars.by_ref() {
                    if next == 'm' {
                        closed = true;
                        break;
                    }
                    sequence.push(next);
                    if !(next.is_ascii_digit() || next == ';') {
                        break;
                    }
                }
                // Only a complete colour sequence is decoration.
                if !closed {
                    out.push_str("\\e[");
                    out.push_str(&visible(&sequence));
                }
            }
            '\n' | '\r' | '\t' => out.push(' '),
            c => out.push_str(&visible(c.encode_utf8(&mut [0; 4]))),
        }
    }
    let mut text = String::with_capacity(out.len());
    for word in out.split_ascii_whitespace() {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(word);
    }
    text
}

/// A string of the Nix language.
pub fn nix_string(text: &str) -> String {
    let text = text
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace("${", "\\${");
    format!("\"{text}\"")
}

/// Whether a character can do more than be seen.
fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(
            u32::from(c),
            0x00ad              // soft hyphen
            | 0x034f            // combining grapheme joiner
            | 0x061c            // Arabic letter mark
            | 0x115f | 0x1160   // Hangul fillers
            | 0x17b4 | 0x17b5
            | 0x180b..=0x180f   // Mongolian variation selectors and vowel separator
            | 0x200b..=0x200f   // zero width, direction marks
            | 0x2028..=0x202e   // line separators, embeddings and overrides
            | 0x2060..=0x206f   // invisible operators, isolates
            | 0x3164 | 0xffa0   // fillers
            | 0xfe00..=0xfe0f   // variation selectors
            | 0xfeff            // byte order mark
            | 0xfff0..=0xfffb
            | 0xe0000..=0xe0fff // tags, more variation selectors
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn makes_visible() {
        assert_eq!(visible("plain é 日本"), "plain é 日本");
        assert_eq!(visible("a\u{1b}[31mb\n"), "a\\e[31mb\\n");
        assert_eq!(visible("x\u{202e}y\u{200b}"), "x\\u{202e}y\\u{200b}");
        assert_eq!(visible_bytes(b"\xff\x07"), "\u{fffd}\\u{7}");
    }

    #[test]
    fn takes_decoration_out() {
        assert_eq!(
            plain("path '\u{1b}[35;1m/nix/store/x\u{1b}[0m' is\n  not valid\n"),
            "path '/nix/store/x' is not valid"
        );
        assert_eq!(plain("a\u{1b}[2Jb\u{1b}]0;t\u{7}"), "a\\e[2Jb\\e]0;t\\u{7}");
        assert_eq!(plain("cut \u{1b}[3"), "cut \\e[3");
    }

    proptest! {
        #[test]
        fn nothing_hostile_is_left(text in any::<String>()) {
            prop_assert!(!visible(&text).chars().any(is_hostile));
            prop_assert!(!plain(&text).chars().any(is_hostile));
        }
    }
}
