//! Rows of columns.
//!
//! In: texts and how wide each column may be. Out: cells of exact width, counted in terminal columns and cut with `…`.

use crate::console::widgets::pen::{fit, fit_middle};
use crate::domain::text::visible;
use unicode_width::UnicodeWidthStr;

/// How a column is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
    /// Names whose end matters as much as their start.
    Middle,
}

/// A text in exactly `width` columns.
pub fn cell(text: &str, width: usize, align: Align) -> String {
    let text = visible(text);
    let text = match align {
        Align::Left | Align::Right => fit(&text, width),
        Align::Middle => fit_middle(&text, width),
    };
    let pad = " ".repeat(width.saturating_sub(text.width()));
    match align {
        Align::Right => pad + &text,
        Align::Left | Align::Middle => text + &pad,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sides() {
        assert_eq!(cell("ab", 4, Align::Left), "ab  ");
        assert_eq!(cell("ab", 4, Align::Right), "  ab");
        assert_eq!(cell("abcdefgh", 5, Align::Middle), "ab…gh");
    }

    proptest! {
        #[test]
        fn exact(text in ".{0,30}", width in 0usize..40) {
            for align in [Align::Left, Align::Right, Align::Middle] {
                prop_assert_eq!(cell(&text, width, align).width(), width);
            }
        }
    }
}
