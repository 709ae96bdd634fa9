//! Where everything is, for a size of the terminal. Drawing and scrolling ask the same functions.

use ratatui::layout::Rect;

/// The fewest columns and rows with which everything can be drawn.
pub const SMALLEST: (u16, u16) = (60, 16);
/// From this width on, the detail pane stands beside the list.
pub const WIDE: u16 = 120;
/// Rows of the detail pane below the list.
const PANE: u16 = 5;
/// Below this height there is no room for the pane.
const PANE_FROM: u16 = 20;

/// The parts that every screen has.
#[derive(Debug, Clone, Copy)]
pub struct Areas {
    /// Server, link, rights, clock.
    pub header: Rect,
    /// The six screens.
    pub tabs: Rect,
    /// A line.
    pub rule: Rect,
    /// What the screen is about.
    pub body: Rect,
    /// Keys.
    pub hints: Rect,
}

/// Cuts a terminal of this size.
pub fn areas((width, height): (u16, u16)) -> Areas {
    let row = |y: u16| Rect::new(0, y, width, u16::from(y < height));
    let body = height.saturating_sub(4);
    Areas {
        header: row(0),
        tabs: row(1),
        rule: row(2),
        body: Rect::new(0, 3.min(height), width, body),
        hints: row(height.saturating_sub(1)),
    }
}

/// The parts of a screen with a list.
#[derive(Debug, Clone, Copy)]
pub struct Lists {
    /// Above the list: what is searched, or sums.
    pub find: Rect,
    /// Column heads.
    pub head: Rect,
    pub list: Rect,
    /// A line between the list and the pane below it.
    pub rule: Option<Rect>,
    /// The detail pane.
    pub pane: Option<Rect>,
}

/// Cuts the body of a screen with a list; `pane` says whether it shows details of the current row.
pub fn lists(size: (u16, u16), pane: bool) -> Lists {
    let body = areas(size).body;
    let row = |y: u16, width: u16| {
        Rect::new(
            body.x,
            body.y + y.min(body.height),
            width,
            u16::from(y < body.height),
        )
    };
    let rest = body.height.saturating_sub(2);
    if pane && size.0 >= WIDE {
        let beside = (body.width / 3).min(72);
        let width = body.width - beside - 1;
        return Lists {
            find: row(0, body.width),
            head: row(1, width),
            list: Rect::new(body.x, body.y + 2, width, rest),
            rule: None,
            pane: Some(Rect::new(
                body.x + width + 1,
                body.y + 1,
                beside,
                body.height.saturating_sub(1),
            )),
        };
    }
    let below = if pane && size.1 >= PANE_FROM { PANE } else { 0 };
    let rule = below.min(1);
    let height = rest.saturating_sub(below + rule);
    let y = body.y + 2;
    Lists {
        find: row(0, body.width),
        head: row(1, body.width),
        list: Rect::new(body.x, y, body.width, height),
        rule: (rule > 0).then(|| Rect::new(body.x, y + height, body.width, 1)),
        pane: (below > 0).then(|| Rect::new(body.x, y + height + 1, body.width, below)),
    }
}

/// A box for a dialog of so many columns and rows, in the middle of the body.
pub fn dialog(size: (u16, u16), width: u16, height: u16) -> Rect {
    let width = width.min(size.0.saturating_sub(2));
    let height = height.min(size.1.saturating_sub(4));
    let x = (size.0 - width) / 2;
    let y = 3 + (size.1.saturating_sub(4) - height) / 2;
    Rect::new(x, y, width, height)
}

/// The box of a text to scroll, and the rows inside of it.
pub fn text_box(size: (u16, u16)) -> (Rect, usize) {
    let area = dialog(size, 100, size.1);
    (area, usize::from(area.height.saturating_sub(2)))
}
