//! A frame as text: the symbols and below them a run-length dump of the styles of each row.

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier};
use std::fmt::Write as _;
use storekeeper::console::app::model::Model;
use storekeeper::console::app::view::draw;

/// The frame as text, then the styles of each row that has any.
pub fn dump(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width);
    let mut out = String::new();
    for row in buffer.content.chunks(width) {
        let mut line = String::new();
        let mut skip = 0;
        for cell in row {
            if skip > 0 {
                skip -= 1;
                continue;
            }
            skip = unicode_width::UnicodeWidthStr::width(cell.symbol()).saturating_sub(1);
            line.push_str(cell.symbol());
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out.push_str("--- styles\n");
    for (y, row) in buffer.content.chunks(width).enumerate() {
        let mut runs = String::new();
        let mut x = 0;
        while x < width {
            let look = |x: usize| (row[x].fg, row[x].bg, row[x].modifier);
            let mut end = x + 1;
            while end < width && look(end) == look(x) {
                end += 1;
            }
            let (fg, bg, modifier) = look(x);
            if (fg, bg, modifier) != (Color::Reset, Color::Reset, Modifier::empty()) {
                let mut name = String::new();
                if fg != Color::Reset {
                    let _ = write!(name, "{fg:?}");
                }
                if bg != Color::Reset {
                    let _ = write!(name, " on {bg:?}");
                }
                for (flag, word) in [
                    (Modifier::BOLD, " bold"),
                    (Modifier::DIM, " dim"),
                    (Modifier::UNDERLINED, " under"),
                    (Modifier::REVERSED, " rev"),
                ] {
                    if modifier.contains(flag) {
                        name.push_str(word);
                    }
                }
                let _ = write!(runs, " {x}-{}:{}", end - 1, name.trim().replace(' ', "+"));
            }
            x = end;
        }
        if !runs.is_empty() {
            let _ = writeln!(out, "{y:>2}{runs}");
        }
    }
    out
}

/// One state at both sizes, in colour and in mono.
pub fn snap(name: &str, make: impl Fn((u16, u16), &str) -> Model) {
    for (size, theme) in [((80, 24), "dark"), ((120, 40), "dark"), ((80, 24), "mono")] {
        let frame = draw(&make(size, theme));
        assert!(frame.area.width == size.0 && frame.area.height == size.1);
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false, snapshot_path => "../snapshots" }, {
            insta::assert_snapshot!(format!("{name}-{}x{}-{theme}", size.0, size.1), dump(&frame));
        });
    }
}
