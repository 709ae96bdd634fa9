//! One line of text being typed.
//!
//! In: keys and pasted text. Out: an edited `tui_input::Input`, and its drawing with a block for the cursor (the
//! terminal's own cursor stays hidden).

use crate::console::types::key::{Code, Key};
use crate::console::widgets::pen::Pen;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use tui_input::{Input, InputRequest};
use unicode_width::UnicodeWidthChar;

/// More than anyone types; pasted text stops here.
const LIMIT: usize = 1000;

/// Edits; says whether the key was one that edits.
pub fn edit(input: &mut Input, key: Key) -> bool {
    use InputRequest as R;
    let request = match (key.code, key.ctrl, key.alt) {
        (Code::Char(c), false, false) => {
            if input.value().len() >= LIMIT {
                return true;
            }
            R::InsertChar(c)
        }
        (Code::Named("backspace"), false, false) => R::DeletePrevChar,
        (Code::Named("delete"), false, false) => R::DeleteNextChar,
        (Code::Named("left"), false, false) => R::GoToPrevChar,
        (Code::Named("right"), false, false) => R::GoToNextChar,
        (Code::Named("left"), true, _) | (Code::Char('b'), _, true) => R::GoToPrevWord,
        (Code::Named("right"), true, _) | (Code::Char('f'), _, true) => R::GoToNextWord,
        (Code::Named("home"), ..) | (Code::Char('a'), true, _) => R::GoToStart,
        (Code::Named("end"), ..) | (Code::Char('e'), true, _) => R::GoToEnd,
        (Code::Char('w'), true, _) | (Code::Named("backspace"), _, true) => R::DeletePrevWord,
        (Code::Char('u'), true, _) => R::DeleteFromStart,
        (Code::Char('k'), true, _) => R::DeleteTillEnd,
        _ => return false,
    };
    input.handle(request);
    true
}

/// Types a pasted text; line ends become blanks, so that a paste never confirms anything.
pub fn paste(input: &mut Input, text: &str) {
    for c in text.chars() {
        if input.value().len() >= LIMIT {
            return;
        }
        let c = if c.is_whitespace() { ' ' } else { c };
        input.handle(InputRequest::InsertChar(c));
    }
}

/// Draws the text with its cursor, scrolled so that the cursor is in view.
pub fn draw(pen: &mut Pen<'_>, area: Rect, input: &Input, focused: bool) {
    draw_text(pen, area, input.value(), input.cursor(), focused);
}

/// Draws a text with the cursor before its character number `cursor`.
pub fn draw_text(pen: &mut Pen<'_>, area: Rect, text: &str, cursor: usize, focused: bool) {
    if area.width == 0 || area.height == 0 {
        return;
    }
    // Each character as it will be seen, so that the cursor stands where the eye expects it.
    let cells: Vec<String> = text
        .chars()
        .map(|c| crate::domain::text::visible(c.encode_utf8(&mut [0; 4])).into_owned())
        .collect();
    let width = |shown: &String| -> usize { shown.chars().map(|c| c.width().unwrap_or(0)).sum() };
    let before: usize = cells.iter().take(cursor).map(width).sum();
    let room = usize::from(area.width);
    let mut skip = (before + 1).saturating_sub(room);
    let style = pen.theme.input;
    let mut x = area.x;
    let mut at_cursor = None;
    for (index, shown) in cells.iter().enumerate() {
        let w = width(shown);
        if skip > 0 {
            skip = skip.saturating_sub(w.max(1));
            continue;
        }
        if index == cursor {
            at_cursor = Some(x);
        }
        x = pen.text(area, x, area.y, shown, style);
    }
    if focused {
        let x = at_cursor.unwrap_or(x).min(area.right().saturating_sub(1));
        let cell = Rect::new(x, area.y, 1, 1).intersection(area);
        pen.restyle(cell, Style::new().add_modifier(Modifier::REVERSED));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::widgets::theme::Theme;
    use proptest::prelude::*;
    use ratatui::buffer::Buffer;

    #[test]
    fn editing() {
        let mut input = Input::default();
        for c in "abc".chars() {
            assert!(edit(&mut input, Key::char(c)));
        }
        edit(&mut input, Key::named("left"));
        edit(&mut input, Key::named("backspace"));
        assert_eq!(input.value(), "ac");
        assert!(!edit(&mut input, Key::named("enter")));
        assert!(!edit(&mut input, Key::named("esc")));
        paste(&mut input, "x\ny");
        assert_eq!(input.value(), "ax yc");
    }

    #[test]
    fn the_cursor_stays_in_view() {
        let theme = &Theme::embedded()[0];
        let mut buffer = Buffer::empty(Rect::new(0, 0, 6, 1));
        let input = Input::new("0123456789".to_owned());
        draw(
            &mut Pen::new(&mut buffer, theme),
            Rect::new(0, 0, 6, 1),
            &input,
            true,
        );
        let text: String = buffer
            .content
            .iter()
            .map(ratatui::buffer::Cell::symbol)
            .collect();
        assert_eq!(text, "56789 ");
        assert!(buffer.content[5].modifier.contains(Modifier::REVERSED));
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,30}", back in 0usize..30, width in 0u16..12) {
            let theme = &Theme::embedded()[0];
            let mut input = Input::new(text);
            for _ in 0..back {
                edit(&mut input, Key::named("left"));
            }
            let mut buffer = Buffer::empty(Rect::new(0, 0, 12, 1));
            draw(&mut Pen::new(&mut buffer, theme), Rect::new(0, 0, width, 1), &input, true);
        }
    }
}
