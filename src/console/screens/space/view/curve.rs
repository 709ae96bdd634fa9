//! How the store came to be so large: what came in when, and what follows for the disk.

use crate::console::screens::space::state::Space;
use crate::console::widgets::Pen;
use crate::console::widgets::pen::{row, wrap};
use crate::console::widgets::plot::{columns, squeeze};
use crate::domain::Bytes;
use crate::domain::count::count;
use crate::judge::growth::{Curve, Forecast};
use ratatui::layout::Rect;

/// Fewer rows than this are no plot.
const LEAST: u16 = 2;
/// More rows say no more.
const MOST: u16 = 10;
/// Columns of the scale.
const SCALE: u16 = 11;

/// Draws it into what is left below the facts.
pub(super) fn draw(space: &Space, pen: &mut Pen<'_>, area: Rect) {
    let theme = pen.theme;
    let Some(Curve { sizes, sampled }) = space.curve() else {
        let text = " Growth is worked out when the store is read to its end.";
        pen.line(row(area, 1), text, theme.dim);
        return;
    };
    let width = usize::from(area.width.saturating_sub(2));
    let forecast = space.forecast();
    let words = forecast.map_or_else(Vec::new, |forecast| wrap(&sentence(&forecast), width));
    let rows = area.height.saturating_sub(words.len() as u16 + 3).min(MOST);
    let mut y = 1;
    if rows >= LEAST {
        let of = if sampled {
            "In use on the store's disk, as seen from here"
        } else {
            "Size by registration of what is still here"
        };
        let title = format!(" {of}, {}", count(sizes.len(), "day"));
        pen.line(row(area, y), &title, theme.heading);
        y += 1;
        let room = usize::from(area.width.saturating_sub(SCALE + 2));
        let wide = room.min(sizes.len().max(1) * 2).min(120);
        let sizes = squeeze(&sizes, wide);
        let least = sizes.iter().copied().min().unwrap_or(0);
        let most = sizes.iter().copied().max().unwrap_or(0);
        // From the smallest on: what grows by a tenth in three months shows.
        let over: Vec<u64> = sizes
            .iter()
            .map(|size| size.saturating_sub(least).saturating_add(most / 64))
            .collect();
        for (at, line) in columns(&over, usize::from(rows)).iter().enumerate() {
            let area = row(area, y);
            let scale = match at {
                0 => Bytes(most).to_string(),
                at if at + 1 == usize::from(rows) => Bytes(least).to_string(),
                _ => String::new(),
            };
            let right = Rect::new(area.x, area.y, SCALE, area.height);
            pen.right(right, &scale, theme.dim);
            pen.text(area, area.x + SCALE + 1, area.y, line, theme.gauge);
            y += 1;
        }
    }
    for line in words {
        let area = row(area, y);
        pen.text(area, area.x + 1, area.y, &line, theme.text);
        y += 1;
    }
}

/// The forecast as a sentence of its own.
fn sentence(forecast: &Forecast) -> String {
    let text = forecast.sentence();
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).chain(['.']).collect()
}
