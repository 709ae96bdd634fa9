//! The second line: the six screens, and what each has to say.
//!
//! In: the model. Out: cells, and which screen a column belongs to.

use crate::console::app::model::Model;
use crate::console::screens;
use crate::console::types::screen::Screen;
use crate::console::widgets::Pen;
use crate::console::widgets::pen::fit;
use crate::domain::count::number;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr as _;

/// What a tab says behind its name.
fn note(model: &Model, screen: Screen) -> String {
    let counts = model
        .cx
        .data
        .inventory
        .as_ref()
        .map(|inventory| inventory.counts());
    match screen {
        Screen::Unsigned => counts
            .filter(|counts| counts.refused > 0)
            .map_or_else(String::new, |counts| format!(" {}", number(counts.refused))),
        Screen::Access => match model
            .access
            .known
            .as_ref()
            .map(|known| known.requests.len())
        {
            Some(waiting) if waiting > 0 => format!(" {}", number(waiting)),
            _ => String::new(),
        },
        Screen::Space => screens::space::view::disk(&model.cx, &model.space)
            .map_or_else(String::new, |(_, percent, _)| format!(" {percent}%")),
        Screen::Activity => model
            .activity
            .jobs
            .iter()
            .find(|job| job.is_running())
            .map_or_else(String::new, |job| format!(" {}", job.word())),
        _ => String::new(),
    }
}

/// A tab's name; narrow terminals keep the numbers and the first letters.
fn title(model: &Model, screen: Screen) -> String {
    if model.cx.size.0 < 76 {
        fit(screen.title(), 6)
    } else {
        screen.title().to_owned()
    }
}

/// The screen whose tab is in this column.
pub(super) fn at(model: &Model, column: u16) -> Option<Screen> {
    let mut x = 1;
    for screen in Screen::ALL {
        // Its number, a blank, its name, its note.
        let width = 2 + title(model, screen).width() + note(model, screen).width();
        if (x..x + width).contains(&usize::from(column)) {
            return Some(screen);
        }
        x += width + 2;
    }
    None
}

/// Draws them.
pub(super) fn draw(model: &Model, pen: &mut Pen<'_>, area: Rect) {
    let theme = pen.theme;
    let mut x = area.x + 1;
    for (index, screen) in Screen::ALL.into_iter().enumerate() {
        let note = note(model, screen);
        let current = screen == model.screen;
        let style = if current { theme.accent } else { theme.text };
        // The current tab is shown by more than its colour.
        let style = if current {
            style
                .add_modifier(ratatui::style::Modifier::BOLD | ratatui::style::Modifier::UNDERLINED)
        } else {
            style
        };
        let number_style = if current { style } else { theme.dim };
        let title = title(model, screen);
        x = pen.text(area, x, area.y, &(index + 1).to_string(), number_style);
        x = pen.text(
            area,
            x,
            area.y,
            " ",
            if current { style } else { theme.text },
        );
        x = pen.text(area, x, area.y, &title, style);
        let note_style = match screen {
            Screen::Unsigned => theme.critical,
            Screen::Access => theme.warning,
            _ => theme.dim,
        };
        x = pen.text(area, x, area.y, &note, note_style);
        x += 2;
    }
}
