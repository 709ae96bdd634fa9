//! File systems, the database, hard links, and how the store came to be so large.

use crate::console::screens::space::areas::Areas;
use crate::console::screens::space::state::Space;
use crate::console::types::context::Context;
use crate::console::types::space::SpaceSnapshot;
use crate::console::widgets::Pen;
use crate::console::widgets::gauge;
use crate::console::widgets::gauge::used_percent;
use crate::console::widgets::pen::{row, wrap};
use crate::domain::Bytes;
use crate::domain::count::number;
use crate::judge::health::{self, State};
use crate::server::facts::Disk;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// Columns of labels.
const LABEL: usize = 9;

/// Lines that are written one below the other.
struct Down<'a, 'b> {
    pen: &'a mut Pen<'b>,
    area: Rect,
    y: u16,
}

impl Down<'_, '_> {
    fn next(&mut self) -> Rect {
        self.y += 1;
        row(self.area, self.y - 1)
    }

    fn said(&mut self, label: &str, text: &str, style: Style) {
        let width = usize::from(self.area.width).saturating_sub(LABEL + 3);
        for (at, part) in wrap(text, width).iter().enumerate() {
            let line = self.next();
            let label = if at == 0 { label } else { "" };
            let dim = self.pen.theme.dim;
            let label = format!(" {label:<LABEL$} ");
            let x = self.pen.text(line, line.x, line.y, &label, dim);
            self.pen.text(line, x, line.y, part, style);
        }
    }

    fn unknown(&mut self, label: &str, why: &str) {
        let style = self.pen.theme.unknown;
        self.said(label, &format!("not known: {why}"), style);
    }
}

/// Draws it.
pub(super) fn draw(cx: &Context, space: &Space, pen: &mut Pen<'_>, areas: &Areas) {
    let Some(known) = &space.known else {
        return;
    };
    let body = crate::console::widgets::layout::areas(cx.size).body;
    let top = areas.views.bottom();
    let area = Rect::new(body.x, top, body.width, body.bottom().saturating_sub(top));
    let text = pen.theme.text;
    let mut down = Down { pen, area, y: 0 };
    match &known.facts.store {
        Ok(disk) => file_system(&mut down, &disk.mount, &disk.disk),
        Err(why) => down.unknown("store", &why.to_string()),
    }
    match &known.facts.root {
        Ok(Some(disk)) => file_system(&mut down, &disk.mount, &disk.disk),
        Ok(None) => {}
        Err(why) => down.unknown("/", &why.to_string()),
    }
    match &known.facts.database {
        Ok(database) => {
            let free = match database.free {
                Some(Bytes(0)) | None => String::new(),
                Some(free) => format!(", {free} of it free pages"),
            };
            let words = format!("{}{free}, log {}", database.size, database.wal);
            down.said("database", &words, text);
        }
        Err(why) => down.unknown("database", &why.to_string()),
    }
    match &known.links {
        None => down.said("links", "hard links are being counted", text),
        Some(Ok(links)) if links.files == 0 => {
            let words = "none: the store was never optimised (nix-store --optimise)";
            down.said("links", words, text);
        }
        Some(Ok(links)) => {
            let files = usize::try_from(links.files).unwrap_or(usize::MAX);
            let words = format!("{} saved by {} shared files", links.saved, number(files));
            down.said("links", &words, text);
        }
        Some(Err(why)) => down.unknown("links", &why.to_string()),
    }
    collections(&mut down, cx, known);
    used(&mut down, space);
    let rest = Rect::new(
        area.x,
        area.y + down.y,
        area.width,
        area.height.saturating_sub(down.y),
    );
    crate::console::screens::space::view::curve::draw(space, pen, rest);
}

fn file_system(down: &mut Down<'_, '_>, mount: &str, disk: &Disk) {
    let width = usize::from(down.area.width.saturating_sub(42)).clamp(10, 60);
    let note = format!(
        "{:>3}%  {} of {}",
        used_percent(disk).unwrap_or(0),
        disk.used,
        disk.usable()
    );
    let line = down.next();
    gauge::draw(
        down.pen,
        line,
        (mount, LABEL),
        (disk.used.0, disk.usable().0),
        &note,
        width,
    );
    if disk.inodes > 0 {
        let percent = gauge::percent(disk.inodes_used, disk.inodes).unwrap_or(0);
        let used = usize::try_from(disk.inodes_used).unwrap_or(usize::MAX);
        let note = format!("{percent:>3}%  {} used", number(used));
        let line = down.next();
        let part = (disk.inodes_used, disk.inodes);
        gauge::draw(down.pen, line, ("inodes", LABEL), part, &note, width);
    }
}

/// Who collects now, since when, who waits, and what was never brought to its end.
fn collections(down: &mut Down<'_, '_>, cx: &Context, known: &SpaceSnapshot) {
    let now = known.there(cx.now);
    let (warning, unknown) = (down.pen.theme.warning, down.pen.theme.unknown);
    let mut label = "collects";
    let checks = match &known.facts.collecting {
        Err(why) => {
            down.unknown(label, &why.to_string());
            label = "";
            Vec::new()
        }
        Ok(running) => health::space::collectors(running, cx.limits, now),
    };
    let mut left = health::unfinished::checks(&cx.server, &known.unfinished, now);
    left.retain(|check| check.id.starts_with("collection-") || known.unfinished.is_err());
    for check in checks.iter().chain(&left) {
        let style = match check.state {
            State::Unknown => unknown,
            _ => warning,
        };
        down.said(label, &check.summary, style);
        label = "";
    }
}

/// Where last use comes from.
fn used(down: &mut Down<'_, '_>, space: &Space) {
    use crate::domain::space::UseSource;
    let (text, warning, unknown) = (
        down.pen.theme.text,
        down.pen.theme.warning,
        down.pen.theme.unknown,
    );
    let Some(last_use) = space
        .known
        .as_ref()
        .and_then(|known| known.last_use.clone())
    else {
        return down.said("last use", "access times are being read", text);
    };
    match last_use.as_ref() {
        Err(why) => {
            let words = format!("{why}; collections go by the time of upload instead");
            down.said("last use", &words, unknown);
        }
        Ok(last_use) => match (last_use.source, &last_use.why) {
            (UseSource::AccessTime, _) => {
                down.said("last use", "by access times of the store's folders", text);
            }
            (UseSource::AccessTimeDaily, _) => {
                let words = "by access times of the store's folders, good to a day (relatime)";
                down.said("last use", words, text);
            }
            (UseSource::Registration, why) => {
                let why = why.as_deref().unwrap_or("no access times are kept");
                let words = format!("{why}; collections go by the time of upload instead");
                down.said("last use", &words, warning);
            }
        },
    }
}
