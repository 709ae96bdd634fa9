//! A bar that says how full something is; the number stands beside it, so the bar is never the only word.

use crate::console::widgets::Pen;
use crate::console::widgets::columns::{Align, cell};
use crate::server::facts::Disk;
use ratatui::layout::Rect;

/// A label of a number of columns, the bar, and the number.
pub fn draw(
    pen: &mut Pen<'_>,
    line: Rect,
    (label, columns): (&str, usize),
    (part, whole): (u64, u64),
    note: &str,
    width: usize,
) {
    let theme = pen.theme;
    let label = cell(label, columns, Align::Left);
    let (filled, empty) = bar(part, whole, width);
    pen.pieces(
        line,
        &[
            (" ", theme.text),
            (&label, theme.dim),
            (" ", theme.text),
            (&filled, theme.gauge),
            (&empty, theme.dim),
            (" ", theme.text),
            (note, theme.text),
        ],
    );
}

/// `██████░░░░`: `part` of `whole` in `width` columns, filled and empty.
pub fn bar(part: u64, whole: u64, width: usize) -> (String, String) {
    let filled = if whole == 0 {
        0
    } else {
        let exact = u128::from(part.min(whole)) * width as u128 / u128::from(whole);
        usize::try_from(exact).unwrap_or(width).min(width)
    };
    // What is not empty shows at least one mark, what is not full leaves at least one.
    let filled = match (part, width) {
        (1.., 1..) if whole > 0 && filled == 0 => 1,
        _ if filled == width && part < whole => width.saturating_sub(1),
        _ => filled,
    };
    ("█".repeat(filled), "░".repeat(width - filled))
}

/// `82`, rounded up so that full is never said too late.
pub fn percent(part: u64, whole: u64) -> Option<u64> {
    if whole == 0 {
        return None;
    }
    let value = (u128::from(part) * 100).div_ceil(u128::from(whole));
    Some(u64::try_from(value).unwrap_or(u64::MAX))
}

/// Used space as clients of `df` know it: of what can be used, rounded up.
pub fn used_percent(disk: &Disk) -> Option<u64> {
    percent(disk.used.0, disk.usable().0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn edges() {
        assert_eq!(bar(0, 10, 4).0, "");
        assert_eq!(bar(1, 1000, 4).0, "█");
        assert_eq!(bar(999, 1000, 4).0, "███");
        assert_eq!(bar(1000, 1000, 4).0, "████");
        assert_eq!(bar(1, 0, 4).0, "");
        assert_eq!(percent(819, 1000), Some(82));
        assert_eq!(percent(1, 0), None);
    }

    proptest! {
        #[test]
        fn exact(part: u64, whole: u64, width in 0usize..100) {
            let (filled, empty) = bar(part, whole, width);
            prop_assert_eq!(filled.chars().count() + empty.chars().count(), width);
        }
    }
}
