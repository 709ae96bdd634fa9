//! A POSIX command as one line that every login shell reads the same way.
//!
//! In: the text of a command for `sh`, of any length and with any bytes but NUL. Out: a line in which the text stands in base64, and the
//! text again. Shells differ in their quotes, escapes, variables and history (csh, fish, rc, nushell, xonsh), so the line has none that they
//! differ in: one pair of single quotes around a fixed text without quotes, newline, `\`, `!` or a named variable, and words of letters,
//! digits, `+` and `/`. The input of the command is not touched.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Decodes its arguments and is then what they say. Words of one alphabet need no quotes in the substitution. What follows `eval` is
/// reached only if nothing was decoded, where `base64` is not on the search path.
const BEFORE: &str = "exec sh -c 'eval \"`printf %s $* | base64 -d`\"; exit 127' sh";

/// Characters of one word: the shells of old take no longer ones.
const WORD: usize = 1000;

/// Bytes of text in one word.
const PIECE: usize = WORD / 4 * 3;

/// The line for this text.
pub fn encode(text: &str) -> String {
    let mut padded = text.as_bytes().to_vec();
    // All words are equally long: none looks like a number or another literal, and none has base64's `=`.
    padded.resize(padded.len().next_multiple_of(PIECE), b' ');
    let mut line = String::with_capacity(BEFORE.len() + padded.len() / PIECE * (WORD + 1));
    line.push_str(BEFORE);
    for piece in padded.chunks(PIECE) {
        line.push(' ');
        STANDARD.encode_string(piece, &mut line);
    }
    line
}

/// The text in such a line, blanks at its end left off; `None` for any other line.
pub fn decode(line: &[u8]) -> Option<Vec<u8>> {
    let words = line.strip_prefix(BEFORE.as_bytes())?;
    let mut text = Vec::with_capacity(words.len());
    for word in words.strip_prefix(b" ")?.split(|byte| *byte == b' ') {
        STANDARD.decode_vec(word, &mut text).ok()?;
    }
    text.truncate(text.trim_ascii_end().len());
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_text_comes_back(text in "([^\0]{0,300}[^\0 \t\r\n\u{c}])?") {
            let line = encode(&text);
            let expected = (!text.is_empty()).then(|| text.clone().into_bytes());
            prop_assert_eq!(decode(line.as_bytes()), expected);
            let plain = |c: char| c.is_ascii_alphanumeric() || "+/".contains(c);
            for word in line[BEFORE.len()..].split(' ').skip(1) {
                prop_assert!(word.len() == WORD && word.chars().all(plain));
            }
        }

        #[test]
        fn no_line_makes_it_panic(rest in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = decode(&rest);
            let _ = decode(&[BEFORE.as_bytes(), b" ", &rest].concat());
        }
    }

    #[test]
    fn other_lines_are_not_read() {
        for line in ["", "exec sh", BEFORE, "nix-store --serve"] {
            assert_eq!(decode(line.as_bytes()), None, "{line}");
        }
    }
}
