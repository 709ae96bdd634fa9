//! Screen 4: pending requests, authorized keys, and findings about the server.

use crate::console::screens::access::detail;
use crate::console::screens::access::refused;
use crate::console::screens::access::state::Access;
use crate::console::screens::{no_store, paragraph, say_nothing};
use crate::console::types::access::{AccessSnapshot, KeyEntry, Line, RequestEntry};
use crate::console::types::action::Act;
use crate::console::types::context::Context;
use crate::console::widgets::Pen;
use crate::console::widgets::columns::{Align, cell};
use crate::console::widgets::layout::{self, WIDE};
use crate::console::widgets::pen::row;
use crate::console::widgets::text::age;
use crate::domain::When;
use crate::domain::count::{count, tries};
use crate::judge::access::KeyRow;
use crate::judge::finding::{Finding, Level};
use crate::judge::posture::Ability;
use ratatui::layout::Rect;
use ratatui::style::Style;

const TYPE: usize = 11;
const FINGERPRINT: usize = 10;
const CAN: usize = 18;
const EXPIRES: usize = 7;
const USED: usize = 5;
/// Below this width fingerprints are left to the details.
const ROOMY: u16 = 76;

/// Draws the screen.
pub fn draw(cx: &Context, access: &Access, pen: &mut Pen<'_>) {
    let areas = layout::lists(cx.size, true);
    let Some(known) = &access.known else {
        let (text, bad) = nothing(cx, access);
        let area = Rect::new(areas.find.x, areas.find.y, cx.size.0, areas.list.height);
        return say_nothing(pen, area, &text, bad);
    };
    if let (Some(top), Some(line)) = (access.card, access.current()) {
        let body = layout::areas(cx.size).body;
        return detail::card(cx, access, known, pen, body, line, top);
    }
    draw_sums(access, known, pen, areas.find);
    let heading = if access.refused {
        refused::head(areas.head.width)
    } else {
        head(areas.head.width)
    };
    pen.line(areas.head, &heading, pen.theme.heading);
    let height = usize::from(areas.list.height);
    if access.refused {
        if known.refused.is_empty() {
            let text = format!(
                "{} Press {} or esc for all keys.",
                refused::none(known),
                cx.keymap.names(Act::RefusedOnly)
            );
            paragraph(pen, areas.list, &text, pen.theme.dim);
        }
    } else if known.is_empty() {
        let text = "No authorized keys or pending requests. Press a to authorize one. Keys that clients offer appear here once the knock is set up.";
        paragraph(pen, areas.list, text, pen.theme.dim);
    }
    for (y, index) in access.list.view(access.rows(), height).enumerate() {
        let Some(line) = access.line(index) else {
            break;
        };
        let current = index == access.list.cursor;
        let area = row(areas.list, y as u16);
        if let Some(one) = known.refused.get(index).filter(|_| access.refused) {
            refused::draw(pen, area, one, current, cx.now);
            continue;
        }
        match line {
            Line::Request(entry) => draw_request(cx, pen, area, entry, current),
            Line::Key(entry) => draw_key(cx, pen, area, entry, current),
            Line::Notice(finding) => draw_notice(pen, area, finding, current),
            // Without the filter there is none.
            Line::Refused(_) => {}
        }
    }
    if let Some(rule) = areas.rule {
        pen.rule(rule);
    }
    if let (Some(pane), Some(line)) = (areas.pane, access.current()) {
        detail::pane(cx, access, known, pen, pane, line, cx.size.0 >= WIDE);
    }
}

/// Why there is nothing to show, and whether that is bad.
fn nothing(cx: &Context, access: &Access) -> (String, bool) {
    match (&access.problem, no_store(cx)) {
        (Some(problem), _) => (
            format!("Who may log in is not known: {problem}.  R tries again."),
            true,
        ),
        (None, Some((text, true))) => (text, true),
        _ => (
            "Looking who may log in: sshd's settings, key files, log and requests.".to_owned(),
            false,
        ),
    }
}

fn draw_sums(access: &Access, known: &AccessSnapshot, pen: &mut Pen<'_>, area: Rect) {
    let theme = pen.theme;
    let inner = Rect::new(area.x, area.y, area.width.saturating_sub(1), area.height);
    let (note, style) = match &access.problem {
        Some(problem) => (format!("not read again: {problem}"), theme.warning),
        None if known.notices.is_empty() => (String::new(), theme.dim),
        None => (
            format!("{} below", count(known.notices.len(), "note")),
            theme.dim,
        ),
    };
    let note = crate::console::widgets::pen::fit(&note, usize::from(area.width / 2));
    let right = pen.right(inner, &note, style);
    let room = Rect::new(
        area.x,
        area.y,
        right.saturating_sub(area.x + 2),
        area.height,
    );
    if access.refused {
        let clients = count(known.refused.len(), "client");
        let x = pen.text(room, room.x + 1, room.y, "[refused]", theme.accent) + 1;
        let rest = Rect::new(x, room.y, room.right().saturating_sub(x), room.height);
        pen.line(rest, &format!("{clients} within a day"), theme.dim);
        return;
    }
    let waiting = match known.requests.len() {
        0 => String::new(),
        1 => "1 request waits, ".to_owned(),
        n => format!("{} wait, ", count(n, "request")),
    };
    let x = pen.text(room, room.x + 1, room.y, &waiting, theme.warning);
    let rest = Rect::new(x, room.y, room.right().saturating_sub(x), room.height);
    let text = format!("{} in {}", count(known.keys.len(), "key"), known.files);
    pen.line(rest, &text, theme.dim);
}

/// How wide owners are, and whether fingerprints have a column.
fn widths(width: u16) -> (usize, bool) {
    let roomy = width >= ROOMY;
    let print = if roomy { FINGERPRINT + 1 } else { 0 };
    let fixed = 3 + 1 + TYPE + 1 + print + CAN + 1 + EXPIRES + 1 + USED;
    (usize::from(width).saturating_sub(fixed + 1), roomy)
}

fn head(width: u16) -> String {
    let (owner, roomy) = widths(width);
    let print = if roomy {
        format!("{} ", cell("SHA256", FINGERPRINT, Align::Left))
    } else {
        String::new()
    };
    format!(
        "   {} {} {print}{} {} {}",
        cell("OWNER", owner, Align::Left),
        cell("TYPE", TYPE, Align::Left),
        cell("CAN", CAN, Align::Left),
        cell("EXPIRES", EXPIRES, Align::Right),
        cell("USED", USED, Align::Right),
    )
}

/// The sign of a level and its style.
pub(super) fn sign(pen: &Pen<'_>, level: Level) -> (&'static str, Style) {
    match level {
        Level::Refuse => ("x", pen.theme.critical),
        Level::Warning => ("!", pen.theme.warning),
        Level::Note => (".", pen.theme.dim),
    }
}

/// The gravest of findings that somebody should look at.
fn worst(findings: &[Finding]) -> Option<Level> {
    findings
        .iter()
        .map(|finding| finding.level)
        .filter(|level| *level > Level::Note)
        .max()
}

/// `ED25519 256`.
pub(super) fn kind(key: &crate::domain::ssh_key::PublicSshKey) -> String {
    match key.bits() {
        Some(bits) => format!("{} {bits}", key.short_type()),
        None => key.short_type().to_owned(),
    }
}

struct Cells<'a> {
    mark: (&'a str, Style),
    owner: String,
    kind: String,
    fingerprint: String,
    can: (String, Style),
    expires: (String, Style),
    used: String,
}

fn draw_cells(pen: &mut Pen<'_>, area: Rect, current: bool, cells: &Cells<'_>) {
    let theme = pen.theme;
    let (owner, roomy) = widths(area.width);
    let cursor = if current { ">" } else { " " };
    pen.text(area, area.x, area.y, cursor, theme.accent);
    pen.text(area, area.x + 1, area.y, cells.mark.0, cells.mark.1);
    let name = cell(&cells.owner, owner, Align::Left);
    pen.text(area, area.x + 3, area.y, name.trim_end(), theme.text);
    let x = area.x + 3 + owner as u16 + 1;
    let mut x = pen.text(
        area,
        x,
        area.y,
        &cell(&cells.kind, TYPE, Align::Left),
        theme.text,
    ) + 1;
    if roomy {
        let print = cell(&cells.fingerprint, FINGERPRINT, Align::Left);
        x = pen.text(area, x, area.y, &print, theme.dim) + 1;
    }
    x = pen.text(
        area,
        x,
        area.y,
        &cell(&cells.can.0, CAN, Align::Left),
        cells.can.1,
    ) + 1;
    let expires = cell(&cells.expires.0, EXPIRES, Align::Right);
    x = pen.text(area, x, area.y, &expires, cells.expires.1) + 1;
    pen.text(
        area,
        x,
        area.y,
        &cell(&cells.used, USED, Align::Right),
        theme.text,
    );
    if current {
        pen.select(area);
    }
}

fn draw_request(cx: &Context, pen: &mut Pen<'_>, area: Rect, entry: &RequestEntry, current: bool) {
    let theme = pen.theme;
    let mark = match worst(&entry.row.findings) {
        Some(level) => sign(pen, level),
        None => ("?", theme.unknown),
    };
    let cells = Cells {
        mark,
        owner: owner(&entry.row.comment, false),
        kind: kind(&entry.request.key),
        fingerprint: entry.row.fingerprint.base64(),
        can: (format!("waits, {}", tries(entry.row.tries)), theme.warning),
        expires: (String::new(), theme.text),
        used: age(entry.row.last_seen, cx.now),
    };
    draw_cells(pen, area, current, &cells);
}

fn draw_key(cx: &Context, pen: &mut Pen<'_>, area: Rect, entry: &KeyEntry, current: bool) {
    let theme = pen.theme;
    let row = &entry.row;
    let mark = worst(&row.findings).map_or(("", theme.text), |level| sign(pen, level));
    let danger = row.can.as_ref().is_some_and(|can| {
        can.iter()
            .any(|ability| !matches!(ability, Ability::Read | Ability::Upload))
    });
    let can = match (row.active, danger) {
        (false, _) => theme.dim,
        (true, true) => theme.warning,
        (true, false) => theme.text,
    };
    let expires = match row.expires {
        None => ("-".to_owned(), theme.dim),
        Some(end) if end <= cx.now => ("ended".to_owned(), theme.critical),
        Some(end) => {
            let soon = cx.now.age(end) <= crate::console::types::access::SOON;
            let style = if soon { theme.warning } else { theme.text };
            (cx.now.age(end).to_string(), style)
        }
    };
    let cells = Cells {
        mark,
        owner: owner(&row.comment, row.own),
        kind: kind(&entry.key),
        fingerprint: row.fingerprint.base64(),
        can: (short(row), can),
        expires,
        used: used(row, cx.now),
    };
    draw_cells(pen, area, current, &cells);
}

fn owner(comment: &str, own: bool) -> String {
    let name = if comment.is_empty() {
        "(no comment)"
    } else {
        comment
    };
    if own {
        // In front, where a long comment can't push it off the column.
        format!("you: {name}")
    } else {
        name.to_owned()
    }
}

/// What a key can do, in a narrow column.
fn short(row: &KeyRow) -> String {
    if row.suspended.is_some() {
        return "suspended".to_owned();
    }
    if !row.active {
        return "refused".to_owned();
    }
    let Some(can) = &row.can else {
        return "not known".to_owned();
    };
    let has = |ability| can.contains(&ability);
    if has(Ability::Shell) && has(Ability::Inject) {
        return "as good as root".to_owned();
    }
    if has(Ability::Shell) {
        return "any command".to_owned();
    }
    let words: Vec<&str> = can
        .iter()
        .map(|ability| match ability {
            Ability::Read => "read",
            Ability::Upload => "upload",
            Ability::Inject => "unsigned",
            Ability::Gc => "gc",
            Ability::Shell => "shell",
            Ability::Forward => "forward",
        })
        .collect();
    if words.is_empty() {
        "nothing".to_owned()
    } else {
        words.join(" ")
    }
}

/// `3d`; `never` where the log has no login as far as it goes back, which the details say; `?` without a log.
fn used(row: &KeyRow, now: When) -> String {
    match (&row.last_used, row.logs_since) {
        (Some(seen), _) => seen.at.age(now).to_string(),
        (None, Some(_)) => "never".to_owned(),
        (None, None) => "?".to_owned(),
    }
}

fn draw_notice(pen: &mut Pen<'_>, area: Rect, finding: &Finding, current: bool) {
    let theme = pen.theme;
    let (mark, style) = sign(pen, finding.level);
    let cursor = if current { ">" } else { " " };
    pen.text(area, area.x, area.y, cursor, theme.accent);
    pen.text(area, area.x + 1, area.y, mark, style);
    let rest = Rect::new(
        area.x + 3,
        area.y,
        area.width.saturating_sub(4),
        area.height,
    );
    pen.line(rest, &finding.message, theme.text);
    if current {
        pen.select(area);
    }
}
