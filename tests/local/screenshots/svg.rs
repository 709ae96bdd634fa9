//! Draws a terminal buffer as an SVG picture.
//!
//! In: the cells of a frame. Out: SVG text, the same for the same cells: fixed cell size, one `text` element for each run
//! of one style, so that a changed picture is a readable difference.

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use std::fmt::Write as _;
use unicode_width::UnicodeWidthStr as _;

const CELL_WIDTH: f64 = 8.4;
const CELL_HEIGHT: u32 = 18;
const MARGIN: u32 = 10;

/// The colours of a terminal that has not been told otherwise.
pub(crate) struct Terminal {
    /// Text without a colour.
    pub(crate) foreground: &'static str,
    /// Background without a colour.
    pub(crate) background: &'static str,
}

/// Seconds that a recording stays at a frame.
const STAYS: usize = 4;

/// A picture of the whole buffer.
pub(crate) fn draw(buffer: &Buffer, terminal: &Terminal) -> String {
    let mut svg = begin(buffer, terminal);
    cells(&mut svg, buffer, terminal);
    svg.push_str("</svg>\n");
    svg
}

/// A recording: the pictures one after the other, for ever; the first alone for whoever wants nothing to move.
pub(crate) fn play(frames: &[&Buffer], terminal: &Terminal) -> String {
    let mut svg = begin(frames[0], terminal);
    let (whole, part) = (frames.len() * STAYS, 100.0 / frames.len() as f64);
    let _ = writeln!(
        svg,
        "<style>g{{visibility:hidden;animation:f {whole}s step-end infinite}}@keyframes f{{0%{{visibility:visible}}{part:.3}%{{visibility:hidden}}}}@media (prefers-reduced-motion){{g{{animation:none}}g:first-of-type{{visibility:visible}}}}</style>"
    );
    for (index, frame) in frames.iter().enumerate() {
        let _ = writeln!(svg, "<g style=\"animation-delay:{}s\">", index * STAYS);
        cells(&mut svg, frame, terminal);
        svg.push_str("</g>\n");
    }
    svg.push_str("</svg>\n");
    svg
}

fn begin(buffer: &Buffer, terminal: &Terminal) -> String {
    let area = buffer.area;
    let width = f64::from(area.width) * CELL_WIDTH + f64::from(2 * MARGIN);
    let height = u32::from(area.height) * CELL_HEIGHT + 2 * MARGIN;
    let mut svg = String::new();
    let _ = writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height}\" font-family=\"'DejaVu Sans Mono', Menlo, Consolas, monospace\" font-size=\"14\">"
    );
    let _ = writeln!(
        svg,
        "<rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"{}\"/>",
        terminal.background
    );
    svg
}

fn cells(svg: &mut String, buffer: &Buffer, terminal: &Terminal) {
    let area = buffer.area;
    for y in 0..area.height {
        let mut x = 0;
        while x < area.width {
            let style = Style::of(&buffer[(x, y)], terminal);
            let start = x;
            let mut text = String::new();
            while x < area.width && Style::of(&buffer[(x, y)], terminal) == style {
                let symbol = buffer[(x, y)].symbol();
                text.push_str(symbol);
                x += u16::try_from(symbol.width()).unwrap_or(1).max(1);
            }
            run(svg, terminal, &style, (start, x.min(area.width), y), &text);
        }
    }
}

/// One run of cells: its background where it has one, and its text.
fn run(
    svg: &mut String,
    terminal: &Terminal,
    style: &Style,
    (start, end, y): (u16, u16, u16),
    text: &str,
) {
    let left = f64::from(MARGIN) + f64::from(start) * CELL_WIDTH;
    let top = MARGIN + u32::from(y) * CELL_HEIGHT;
    let width = f64::from(end - start) * CELL_WIDTH;
    if style.background != terminal.background {
        let _ = writeln!(
            svg,
            "<rect x=\"{left:.1}\" y=\"{top}\" width=\"{width:.1}\" height=\"{CELL_HEIGHT}\" fill=\"{}\"/>",
            style.background
        );
    }
    if text.trim().is_empty() {
        return;
    }
    let mut attributes = String::new();
    if style.bold {
        attributes.push_str(" font-weight=\"bold\"");
    }
    if style.underlined {
        attributes.push_str(" text-decoration=\"underline\"");
    }
    if style.dim {
        attributes.push_str(" opacity=\"0.65\"");
    }
    let escaped = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let _ = writeln!(
        svg,
        "<text x=\"{left:.1}\" y=\"{}\" fill=\"{}\" textLength=\"{width:.1}\" xml:space=\"preserve\"{attributes}>{escaped}</text>",
        top + 14,
        style.foreground
    );
}

#[derive(PartialEq)]
struct Style {
    foreground: String,
    background: String,
    bold: bool,
    dim: bool,
    underlined: bool,
}

impl Style {
    fn of(cell: &Cell, terminal: &Terminal) -> Self {
        let mut foreground = colour(cell.fg, terminal.foreground);
        let mut background = colour(cell.bg, terminal.background);
        if cell.modifier.contains(Modifier::REVERSED) {
            std::mem::swap(&mut foreground, &mut background);
        }
        Self {
            foreground,
            background,
            bold: cell.modifier.contains(Modifier::BOLD),
            dim: cell.modifier.contains(Modifier::DIM),
            underlined: cell.modifier.contains(Modifier::UNDERLINED),
        }
    }
}

fn colour(colour: Color, default: &str) -> String {
    let name = match colour {
        Color::Reset => default,
        Color::Black => "#1c1c1c",
        Color::Red => "#d75f5f",
        Color::Green => "#87af5f",
        Color::Yellow => "#d7af5f",
        Color::Blue => "#5f87d7",
        Color::Magenta => "#af87d7",
        Color::Cyan => "#5fafaf",
        Color::Gray => "#bcbcbc",
        Color::DarkGray => "#808080",
        Color::LightRed => "#ff8787",
        Color::LightGreen => "#afd787",
        Color::LightYellow => "#ffd787",
        Color::LightBlue => "#87afff",
        Color::LightMagenta => "#d7afff",
        Color::LightCyan => "#87d7d7",
        Color::White => "#eeeeee",
        Color::Rgb(r, g, b) => return format!("#{r:02x}{g:02x}{b:02x}"),
        Color::Indexed(index) => return indexed(index),
    };
    name.to_owned()
}

/// The 256-colour palette of xterm above the first sixteen.
fn indexed(index: u8) -> String {
    match index {
        0..=15 => format!("#{0:02x}{0:02x}{0:02x}", index * 17),
        16..=231 => {
            let level = |step: u8| if step == 0 { 0 } else { 55 + step * 40 };
            let at = index - 16;
            format!(
                "#{:02x}{:02x}{:02x}",
                level(at / 36),
                level(at / 6 % 6),
                level(at % 6)
            )
        }
        232..=255 => format!("#{0:02x}{0:02x}{0:02x}", 8 + (index - 232) * 10),
    }
}
