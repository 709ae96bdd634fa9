//! Text for a terminal that shows ASCII only.
//!
//! In: the environment, text and glyphs. Out: whether nothing but ASCII can be shown, and what stands for the rest.

use std::borrow::Cow;
use std::ffi::OsString;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Terminals that have no glyphs beyond ASCII, by how their names begin.
const PLAIN: [&str; 5] = ["dumb", "vt1", "vt2", "vt3", "ansi"];

/// Whether the environment promises no more than ASCII: the locale's character set is not UTF-8, as without any locale, or the
/// terminal has no other glyphs.
pub fn only(environment: impl Fn(&str) -> Option<OsString>) -> bool {
    let text = |name: &str| {
        let value = environment(name)?.to_string_lossy().into_owned();
        (!value.is_empty()).then_some(value)
    };
    // In the order in which the C library asks them.
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(text);
    let utf8 = locale.is_some_and(|locale| {
        let locale = locale.to_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    });
    let terminal = text("TERM").unwrap_or_default();
    !utf8 || PLAIN.iter().any(|name| terminal.starts_with(name))
}

/// The same for this process.
pub fn only_here() -> bool {
    only(|name| std::env::var_os(name))
}

/// What stands for a glyph; as many columns as the glyph has, so that nothing moves.
pub fn glyph(symbol: &str) -> &'static str {
    match symbol {
        "─" => "-",
        "│" | "▅" | "▆" => "|",
        "┌" | "┐" | "└" | "┘" | "▸" => "+",
        "█" | "▇" => "#",
        "▃" | "▄" => ":",
        "░" | "·" | "▁" | "▂" => ".",
        "…" => "~",
        "•" => "*",
        "▾" => "v",
        "▴" => "^",
        other if other.width() == 2 => "??",
        _ => "?",
    }
}

/// A text with nothing but ASCII in it. Bytes above that could be control characters of an 8-bit terminal.
pub fn text(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut one = [0; 4];
    for c in text.chars() {
        match c {
            '…' => out.push_str("..."),
            c if c.is_ascii() => out.push(c),
            c if c.width() == Some(0) => {}
            c => out.push_str(glyph(c.encode_utf8(&mut one))),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_the_environment_promises() {
        let plain = |set: &[(&str, &str)]| {
            only(|name| {
                let found = set.iter().find(|(own, _)| *own == name);
                found.map(|(_, value)| OsString::from(value))
            })
        };
        for utf8 in ["C.UTF-8", "en_US.utf8", "de_DE.UTF-8@euro"] {
            assert!(
                !plain(&[("LANG", utf8), ("TERM", "xterm-256color")]),
                "{utf8}"
            );
            assert!(plain(&[("LANG", utf8), ("LC_ALL", "C")]));
            assert!(!plain(&[("LC_ALL", utf8), ("LANG", "C")]));
            assert!(!plain(&[("LC_ALL", ""), ("LC_CTYPE", utf8)]));
            for terminal in ["dumb", "vt100", "vt220", "ansi"] {
                assert!(plain(&[("LC_ALL", utf8), ("TERM", terminal)]), "{terminal}");
            }
        }
        assert!(
            plain(&[]) && plain(&[("LANG", "POSIX")]) && plain(&[("LANG", "de_DE.ISO-8859-1")])
        );
    }

    proptest! {
        #[test]
        fn nothing_else_is_left(typed in ".{0,60}") {
            prop_assert!(text(&typed).is_ascii());
            prop_assert!(glyph(&typed).is_ascii());
        }
    }
}
