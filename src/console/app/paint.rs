//! Frames to bytes: what changed since the last frame, and nothing else.
//!
//! In: finished frames. Out: one run of bytes a frame, in synchronized output; none at all for a frame that looks like the
//! one before. Our own, because a frame here is one write, short moves are used (a slow link pays for each byte), and
//! styles are always set whole: crossterm under `NO_COLOR` erases reverse video.

use crate::console::widgets::theme::shade;
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use std::fmt::Write as _;
use unicode_width::UnicodeWidthStr;

/// Tells the terminal to hold back until the frame is whole; terminals that do not know it ignore it.
pub const BEGIN: &str = "\x1b[?2026h";
/// Ends what [`BEGIN`] began.
pub const END: &str = "\x1b[?2026l";

/// A gap of at most this many unchanged cells is written again rather than jumped over.
const BRIDGE: u16 = 3;

type Look = (Color, Color, Modifier);
const PLAIN: Look = (Color::Reset, Color::Reset, Modifier::empty());

/// Knows what the terminal shows.
#[derive(Debug, Default)]
pub struct Painter {
    shown: Option<Buffer>,
}

impl Painter {
    /// Forgets what is shown, so that the next frame is written whole.
    pub fn forget(&mut self) {
        self.shown = None;
    }

    /// The bytes that turn what is shown into this frame.
    pub fn frame(&mut self, next: Buffer) -> String {
        let mut out = String::new();
        let blank;
        let shown = self.shown.as_ref().filter(|last| last.area == next.area);
        let whole = shown.is_none();
        let last = if let Some(last) = shown {
            last
        } else {
            blank = Buffer::empty(next.area);
            &blank
        };
        let changes = changes(last, &next);
        if whole || !changes.is_empty() {
            out.push_str(BEGIN);
            if whole {
                out.push_str("\x1b[m\x1b[2J");
            }
            let mut pen = Pen {
                out: &mut out,
                at: None,
                look: PLAIN,
            };
            let mut erased = None;
            for (x, y, cell) in changes {
                if erased == Some(y) {
                    continue;
                }
                pen.go(&next, x, y);
                if blank_from(&next, x, y) {
                    pen.erase();
                    erased = Some(y);
                } else {
                    pen.print(x, y, cell);
                }
            }
            pen.dress(PLAIN);
            out.push_str(END);
        }
        self.shown = Some(next);
        out
    }
}

/// The cells to write. Where a wide character goes, its second column is written too: terminals do not agree about
/// what is left there.
fn changes<'next>(last: &Buffer, next: &'next Buffer) -> Vec<(u16, u16, &'next Cell)> {
    let mut changes = Vec::new();
    let columns = usize::from(next.area.width).max(1);
    let rows = last
        .content
        .chunks(columns)
        .zip(next.content.chunks(columns));
    for (y, (last, next)) in rows.enumerate() {
        // Columns before this one are to be written whatever they show.
        let mut stale = 0;
        let mut x = 0;
        while let (Some(old), Some(new)) = (last.get(x), next.get(x)) {
            let width = new.symbol().width().max(1);
            if x < stale || look(old) != look(new) || old.symbol() != new.symbol() {
                changes.push((x as u16, y as u16, new));
                let shadow = (x..x + width)
                    .filter_map(|x| last.get(x).map(|old| x + old.symbol().width()))
                    .max();
                stale = stale.max(shadow.unwrap_or(0));
            }
            x += width;
        }
    }
    changes
}

/// The state of the terminal while a frame is written.
struct Pen<'a> {
    out: &'a mut String,
    /// Where the terminal's cursor is, if that is sure.
    at: Option<(u16, u16)>,
    look: Look,
}

impl Pen<'_> {
    fn go(&mut self, frame: &Buffer, x: u16, y: u16) {
        match self.at {
            Some((at, row)) if row == y && at == x => {}
            Some((at, row)) if row == y && at < x => {
                let gap = x - at;
                let same = gap <= BRIDGE
                    && (at..x).all(|x| {
                        frame
                            .cell((x, y))
                            .is_some_and(|cell| look(cell) == self.look && sure(cell.symbol()))
                    });
                if same {
                    for x in at..x {
                        if let Some(cell) = frame.cell((x, y)) {
                            self.out.push_str(cell.symbol());
                        }
                    }
                } else if gap == 1 {
                    self.out.push_str("\x1b[C");
                } else {
                    // Writing to a String cannot fail, here and below.
                    let _ = write!(self.out, "\x1b[{gap}C");
                }
            }
            Some((_, row)) if x == 0 && y == row + 1 => self.out.push_str("\r\n"),
            _ if x == 0 => {
                let _ = write!(self.out, "\x1b[{}H", y + 1);
            }
            _ => {
                let _ = write!(self.out, "\x1b[{};{}H", y + 1, x + 1);
            }
        }
    }

    fn print(&mut self, x: u16, y: u16, cell: &Cell) {
        self.dress(look(cell));
        self.out.push_str(cell.symbol());
        // Terminals disagree about the width of much that is not plain: after it the place is set anew.
        self.at = sure(cell.symbol()).then_some((x + 1, y));
    }

    /// Blanks the rest of the row; the cursor stays where it is.
    fn erase(&mut self) {
        self.dress(PLAIN);
        self.out.push_str("\x1b[K");
    }

    fn dress(&mut self, next: Look) {
        if next == self.look {
            return;
        }
        let before = std::mem::replace(&mut self.look, next);
        let (fg, bg, modifier) = next;
        if next == PLAIN {
            self.out.push_str("\x1b[m");
            return;
        }
        let mut codes = String::new();
        if before != PLAIN {
            codes.push('0');
        }
        for (flag, code) in [
            (Modifier::BOLD, 1),
            (Modifier::DIM, 2),
            (Modifier::ITALIC, 3),
            (Modifier::UNDERLINED, 4),
            (Modifier::REVERSED, 7),
        ] {
            if modifier.contains(flag) {
                let _ = write!(codes, ";{code}");
            }
        }
        colour(&mut codes, fg, 30);
        colour(&mut codes, bg, 40);
        let _ = write!(self.out, "\x1b[{}m", codes.trim_start_matches(';'));
    }
}

/// Whether from here on the row is plain and blank, for so long that erasing is shorter than writing.
fn blank_from(frame: &Buffer, x: u16, y: u16) -> bool {
    let right = frame.area.right();
    right.saturating_sub(x) > 6
        && (x..right).all(|x| {
            frame
                .cell((x, y))
                .is_some_and(|cell| cell.symbol() == " " && look(cell) == PLAIN)
        })
}

fn look(cell: &Cell) -> Look {
    (cell.fg, cell.bg, cell.modifier)
}

/// Whether every terminal gives this one column.
fn sure(symbol: &str) -> bool {
    symbol.is_ascii()
        || (symbol.width() == 1
            && symbol
                .chars()
                .all(|c| matches!(c, '\u{2500}'..='\u{259f}' | '…' | '•' | '▸' | '▾' | '▴')))
}

/// Adds a colour to a running escape; `base` is 30 for the foreground, 40 for the background.
fn colour(out: &mut String, colour: Color, base: u8) {
    let _ = match (colour, shade::index(colour)) {
        (Color::Rgb(r, g, b), _) => write!(out, ";{};2;{r};{g};{b}", base + 8),
        (Color::Indexed(n), _) => write!(out, ";{};5;{n}", base + 8),
        (_, Some(index @ 0..8)) => write!(out, ";{}", base + index),
        // The bright ones.
        (_, Some(index)) => write!(out, ";{}", base + 52 + index),
        (_, None) => Ok(()),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    fn terminal() -> vt100::Parser {
        let size = |n| std::num::NonZero::new(n).unwrap();
        vt100::Parser::new(size(4), size(20), 0)
    }

    /// What each cell shows; a blank that was written and one that never was look the same.
    fn screen(bytes: &str, parser: &mut vt100::Parser) -> Vec<String> {
        parser.process(bytes.as_bytes());
        let screen = parser.screen();
        let cells = (0..4).flat_map(|y| (0..20).map(move |x| (y, x)));
        cells
            .filter_map(|(y, x)| screen.cell(y, x))
            .filter(|cell| !cell.is_wide_continuation())
            .map(|cell| match cell.contents() {
                "" | " " => format!("{:?} {}", cell.bgcolor(), cell.inverse()),
                text => format!(
                    "{text} {:?} {:?} {} {}",
                    cell.fgcolor(),
                    cell.bgcolor(),
                    cell.bold(),
                    cell.inverse()
                ),
            })
            .collect()
    }

    #[test]
    fn the_same_frame_writes_nothing() {
        let mut painter = Painter::default();
        let mut frame = Buffer::empty(Rect::new(0, 0, 10, 2));
        frame.set_string(0, 0, "hello", Style::new());
        assert!(painter.frame(frame.clone()).contains("hello"));
        assert_eq!(painter.frame(frame.clone()), "");
        painter.forget();
        assert!(painter.frame(frame).contains("hello"));
    }

    #[test]
    fn reverse_video_survives_without_colours() {
        let mut painter = Painter::default();
        let mut frame = Buffer::empty(Rect::new(0, 0, 4, 1));
        frame.set_string(0, 0, "ab", Style::new().add_modifier(Modifier::REVERSED));
        let out = painter.frame(frame);
        assert!(out.contains("\x1b[7mab\x1b[m"), "{out:?}");
    }

    #[test]
    fn colours_as_codes() {
        let mut text = String::new();
        colour(&mut text, Color::Red, 30);
        colour(&mut text, Color::White, 40);
        colour(&mut text, Color::Indexed(200), 30);
        colour(&mut text, Color::Rgb(1, 2, 3), 40);
        assert_eq!(text, ";31;107;38;5;200;48;2;1;2;3");
    }

    proptest! {
        /// A terminal that follows the changes shows what one that gets the whole frame shows.
        #[test]
        fn changes_add_up(rows in proptest::collection::vec(("[a-c日é ]{0,14}", 0u8..4, 0u16..12, 0u16..4), 1..12)) {
            let area = Rect::new(0, 0, 20, 4);
            let mut painter = Painter::default();
            let mut followed = terminal();
            let mut frame = Buffer::empty(area);
            for (text, style, x, y) in rows {
                let style = match style {
                    0 => Style::new(),
                    1 => Style::new().fg(Color::Red),
                    2 => Style::new().add_modifier(Modifier::BOLD),
                    _ => Style::new().bg(Color::Indexed(9)),
                };
                // As a view draws: each frame from nothing.
                let mut next = Buffer::empty(area);
                for row in 0..4 {
                    let old: String = (0..20).filter_map(|x| frame.cell((x, row))).map(|c| c.symbol().to_owned()).collect();
                    if row != y && old.is_ascii() { next.set_string(0, row, &old, Style::new()); }
                }
                next.set_string(x, y, &text, style);
                let shown = screen(&painter.frame(next.clone()), &mut followed);
                let mut fresh = terminal();
                let whole = screen(&Painter::default().frame(next.clone()), &mut fresh);
                prop_assert_eq!(shown, whole);
                frame = next;
            }
        }
    }
}
