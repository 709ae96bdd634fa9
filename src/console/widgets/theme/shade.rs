//! How colours look.
//!
//! In: a colour as a terminal is given it. Out: red, green and blue, how light that is, and how well one can be read on another.

use ratatui::style::Color;

/// The sixteen named colours as xterm shows them.
const NAMED: [[u8; 3]; 16] = [
    [0, 0, 0],
    [205, 0, 0],
    [0, 205, 0],
    [205, 205, 0],
    [0, 0, 238],
    [205, 0, 205],
    [0, 205, 205],
    [229, 229, 229],
    [127, 127, 127],
    [255, 0, 0],
    [0, 255, 0],
    [255, 255, 0],
    [92, 92, 255],
    [255, 0, 255],
    [0, 255, 255],
    [255, 255, 255],
];

/// The number of a named colour, and of an indexed one; `None` for the others.
pub const fn index(colour: Color) -> Option<u8> {
    Some(match colour {
        Color::Indexed(index) => index,
        Color::Black => 0,
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        Color::DarkGray => 8,
        Color::LightRed => 9,
        Color::LightGreen => 10,
        Color::LightYellow => 11,
        Color::LightBlue => 12,
        Color::LightMagenta => 13,
        Color::LightCyan => 14,
        Color::White => 15,
        Color::Reset | Color::Rgb(..) => return None,
    })
}

/// Red, green and blue of a colour; `None` for the terminal's own. The 16 are xterm's defaults and the other 240 its cube and its
/// greys, as xterm's `XTerm-col.ad` and `256colres.h` have them; other terminals differ a little.
pub fn rgb(colour: Color) -> Option<[u8; 3]> {
    if let Color::Rgb(r, g, b) = colour {
        return Some([r, g, b]);
    }
    let index = index(colour)?;
    Some(match index {
        0..16 => NAMED[usize::from(index)],
        16..232 => {
            let step = |value: u8| if value == 0 { 0 } else { 55 + 40 * value };
            let cube = index - 16;
            [step(cube / 36), step(cube / 6 % 6), step(cube % 6)]
        }
        232.. => [8 + 10 * (index - 232); 3],
    })
}

/// Relative luminance, as WCAG 2.1 defines it: from 0 to 1.
pub fn luminance(colour: [u8; 3]) -> f64 {
    let linear = colour.map(|part| {
        let part = f64::from(part) / 255.0;
        if part <= 0.04045 {
            part / 12.92
        } else {
            ((part + 0.055) / 1.055).powf(2.4)
        }
    });
    0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
}

/// The contrast of two colours, as WCAG 2.1 defines it: from 1 to 21.
pub fn contrast(one: [u8; 3], other: [u8; 3]) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}
