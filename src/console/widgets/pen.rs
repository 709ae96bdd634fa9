//! Writing into a frame.
//!
//! In: text from anywhere, a place, a style. Out: cells. Every text passes the sanitizer here, at the last door, so
//! that no screen can forget it; what was made visible before stays as it is.

use crate::console::widgets::theme::Theme;
use crate::domain::text::visible;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// A frame and the styles to write with.
pub struct Pen<'a> {
    buffer: &'a mut Buffer,
    /// The styles.
    pub theme: &'a Theme,
}

impl<'a> Pen<'a> {
    /// Writes into this frame.
    pub fn new(buffer: &'a mut Buffer, theme: &'a Theme) -> Self {
        Self { buffer, theme }
    }

    /// The whole frame.
    pub fn area(&self) -> Rect {
        self.buffer.area
    }

    /// Writes a text from `x` on, up to the right edge of `area`; returns where it ended.
    pub fn text(&mut self, area: Rect, x: u16, y: u16, text: &str, style: Style) -> u16 {
        let area = area.intersection(self.buffer.area);
        if y < area.top() || y >= area.bottom() || x < area.left() || x >= area.right() {
            return x.min(area.right().max(area.left()));
        }
        let room = usize::from(area.right() - x);
        let shown = visible(text);
        let style = self.theme.text.patch(style);
        let (end, _) = self.buffer.set_stringn(x, y, &shown, room, style);
        end
    }

    /// Writes a text at the left of a one-row area, cut with `…` if it does not fit.
    pub fn line(&mut self, area: Rect, text: &str, style: Style) -> u16 {
        let text = fit(&visible(text), usize::from(area.width));
        self.text(area, area.x, area.y, &text, style)
    }

    /// Writes a text so that it ends at the right edge of a one-row area; returns where it begins.
    pub fn right(&mut self, area: Rect, text: &str, style: Style) -> u16 {
        let text = fit(&visible(text), usize::from(area.width));
        let x = area.right().saturating_sub(text.width() as u16);
        self.text(area, x, area.y, &text, style);
        x
    }

    /// Writes pieces one after the other; returns where they ended.
    pub fn pieces(&mut self, area: Rect, pieces: &[(&str, Style)]) -> u16 {
        let mut x = area.x;
        for (text, style) in pieces {
            x = self.text(area, x, area.y, text, *style);
        }
        x
    }

    /// Fills a row with a rule.
    pub fn rule(&mut self, area: Rect) {
        let style = self.theme.rule;
        let line = "─".repeat(usize::from(area.width));
        self.text(area, area.x, area.y, &line, style);
    }

    /// Blanks an area, in the text style.
    pub fn clear(&mut self, area: Rect) {
        let area = area.intersection(self.buffer.area);
        let style = self.theme.text;
        for y in area.top()..area.bottom() {
            for x in area.left()..area.right() {
                if let Some(cell) = self.buffer.cell_mut((x, y)) {
                    cell.reset();
                    cell.set_style(style);
                }
            }
        }
    }

    /// Changes the style of what is there.
    pub fn restyle(&mut self, area: Rect, style: Style) {
        self.buffer.set_style(area, style);
    }

    /// Shows that the cursor is in this row: one style over its whole width, whatever was written there. One style also costs a slow
    /// link less than each column's own.
    pub fn select(&mut self, area: Rect) {
        let style = self.theme.text.patch(self.theme.selected);
        let area = area.intersection(self.buffer.area);
        for place in area.positions() {
            if let Some(cell) = self.buffer.cell_mut(place) {
                (cell.fg, cell.bg, cell.modifier) = (Color::Reset, Color::Reset, Modifier::empty());
                cell.set_style(style);
            }
        }
    }

    /// A frame with a title; returns its inside.
    pub fn frame(&mut self, area: Rect, title: &str) -> Rect {
        let area = area.intersection(self.buffer.area);
        self.clear(area);
        if area.width < 4 || area.height < 3 {
            return Rect::new(area.x, area.y, 0, 0);
        }
        let style = self.theme.border;
        let row = |y: u16| Rect::new(area.x, y, area.width, 1);
        let inner = usize::from(area.width) - 2;
        let title = fit(&visible(title), inner.saturating_sub(3));
        let used = title.width();
        let top = format!("┌ {title} {}┐", "─".repeat(inner.saturating_sub(used + 2)));
        self.text(row(area.y), area.x, area.y, &top, style);
        for y in area.y + 1..area.bottom() - 1 {
            self.text(row(y), area.x, y, "│", style);
            self.text(row(y), area.right() - 1, y, "│", style);
        }
        let bottom = format!("└{}┘", "─".repeat(inner));
        self.text(
            row(area.bottom() - 1),
            area.x,
            area.bottom() - 1,
            &bottom,
            style,
        );
        Rect::new(area.x + 2, area.y + 1, area.width - 4, area.height - 2)
    }
}

/// The rows of an area, from the top.
pub fn row(area: Rect, index: u16) -> Rect {
    if index >= area.height {
        return Rect::new(area.x, area.bottom(), area.width, 0);
    }
    Rect::new(area.x, area.y + index, area.width, 1)
}

/// Cuts a text to a number of columns, with `…` as the last one if something was cut.
pub fn fit(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    if width == 0 {
        return String::new();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let w = c.width().unwrap_or(0);
        if used + w > width - 1 {
            break;
        }
        used += w;
        out.push(c);
    }
    out.push('…');
    out
}

/// Cuts the middle out of a text that is too long, so that both ends can be read.
pub fn fit_middle(text: &str, width: usize) -> String {
    if text.width() <= width || width < 5 {
        return fit(text, width);
    }
    let tail_width = (width - 1) / 2;
    let head = fit(text, width - tail_width);
    let mut tail = String::new();
    let mut used = 0;
    for c in text.chars().rev() {
        let w = c.width().unwrap_or(0);
        if used + w > tail_width {
            break;
        }
        used += w;
        tail.insert(0, c);
    }
    format!("{head}{tail}")
}

/// Breaks a text into lines of at most `width` columns, at blanks where it can.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let text = visible(text);
    let width = width.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let gap = usize::from(!line.is_empty());
        if line.width() + gap + word.width() > width && !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        } else if gap == 1 {
            line.push(' ');
        }
        for c in word.chars() {
            if line.width() + c.width().unwrap_or(0) > width {
                lines.push(std::mem::take(&mut line));
            }
            line.push(c);
        }
    }
    lines.push(line);
    lines
}

/// A labelled value of a dialog.
pub fn labelled(pen: &mut Pen<'_>, area: Rect, label: &str, value: &str, style: Style) {
    let x = pen.text(area, area.x, area.y, &format!("{label:<9} "), pen.theme.dim);
    let rest = Rect::new(x, area.y, area.right().saturating_sub(x), area.height);
    pen.line(rest, value, style);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fitting() {
        assert_eq!(fit("hello", 5), "hello");
        assert_eq!(fit("hello", 4), "hel…");
        assert_eq!(fit("日本語", 5), "日本…");
        assert_eq!(fit("日本語", 4), "日…");
        assert_eq!(fit("x", 0), "");
        assert_eq!(fit_middle("0123456789", 7), "012…789");
    }

    #[test]
    fn wrapping() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrap("", 3), [""]);
    }

    #[test]
    fn hostile_text_is_inert() {
        let theme = &Theme::embedded()[0];
        let mut buffer = Buffer::empty(Rect::new(0, 0, 30, 1));
        Pen::new(&mut buffer, theme).text(
            Rect::new(0, 0, 30, 1),
            0,
            0,
            "a\u{1b}[2J\u{202e}b",
            Style::new(),
        );
        let text: String = buffer
            .content
            .iter()
            .map(ratatui::buffer::Cell::symbol)
            .collect();
        assert_eq!(text.trim_end(), "a\\e[2J\\u{202e}b");
    }

    proptest! {
        #[test]
        fn never_too_wide(text in "\\PC{0,40}", width in 0usize..30) {
            prop_assert!(fit(&text, width).width() <= width);
            prop_assert!(fit_middle(&text, width).width() <= width);
            for line in wrap(&text, width.max(2)) {
                prop_assert!(line.width() <= width.max(2));
            }
        }

        #[test]
        fn any_place_is_safe(x in 0u16..50, y in 0u16..20, w in 0u16..60, h in 0u16..20, text in ".{0,20}") {
            let theme = &Theme::embedded()[0];
            let mut buffer = Buffer::empty(Rect::new(0, 0, 20, 6));
            let mut pen = Pen::new(&mut buffer, theme);
            let area = Rect::new(x, y, w, h);
            pen.text(area, x, y, &text, Style::new());
            pen.line(row(area, 0), &text, Style::new());
            pen.right(row(area, 1), &text, Style::new());
            pen.rule(area);
            pen.frame(area, &text);
            pen.restyle(area, Style::new());
        }
    }
}
