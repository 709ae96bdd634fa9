//! Screen 6: jobs, and what the audit log of the server holds.

use crate::console::screens::access::state::Access;
use crate::console::screens::activity::changes::Change;
use crate::console::screens::activity::job::{Job, State};
use crate::console::screens::activity::logins;
use crate::console::screens::activity::state::{Activity, Part, PastChange};
use crate::console::screens::paragraph;
use crate::console::types::action::Act;
use crate::console::types::context::Context;
use crate::console::widgets::Pen;
use crate::console::widgets::columns::{Align, cell};
use crate::console::widgets::gauge::bar;
use crate::console::widgets::input;
use crate::console::widgets::layout;
use crate::console::widgets::pen::row;
use crate::domain::count::number;
use ratatui::layout::Rect;
use ratatui::style::Style;

const AGE: usize = 5;
const RESULT: usize = 10;
const ID: usize = 8;

/// The running job, else the last change, in words; and where there is more of it.
pub fn last(cx: &Context, activity: &Activity) -> Option<(String, String)> {
    activity
        .jobs
        .iter()
        .find(|job| job.is_running())
        .map(|job| (format!("{} {}", job.title, job.word()), "6".to_owned()))
        .or_else(|| {
            let job = activity.jobs.first()?;
            let without_record = match &job.state {
                State::Compared(comparison) => Some((comparison.at, comparison.word())),
                State::BackedUp(backup) => Some((backup.at, backup.word())),
                State::Running { .. } | State::Ended(_) => None,
            };
            if let Some((at, word)) = without_record {
                let text = format!("{}, {word}, {} ago", job.title, at.age(cx.now));
                return Some((text, "6".to_owned()));
            }
            let receipt = job.receipt()?;
            let age = receipt.at.age(cx.now);
            let text = format!(
                "{}, {}, {age} ago, {}",
                job.title,
                receipt.result.word(),
                receipt.by
            );
            Some((text, format!("receipt {}", receipt.id)))
        })
        .or_else(|| {
            let past = activity.past().first()?;
            let text = format!(
                "{}, {}, {} ago, {}",
                past.what,
                past.result,
                past.at.age(cx.now),
                past.by
            );
            Some((text, format!("receipt {}", past.id)))
        })
}

/// Draws the screen.
pub fn draw(cx: &Context, activity: &Activity, access: &Access, pen: &mut Pen<'_>) {
    let areas = layout::lists(cx.size, false);
    let theme = pen.theme;
    if activity.part != Part::Changes {
        return logins::draw(cx, activity, access, pen);
    }
    let running = activity.jobs.iter().filter(|job| job.is_running()).count();
    let past = activity.past().len();
    if activity.typing || !activity.words().value().is_empty() {
        let counted = format!(
            "{} of {}",
            number(activity.rows(None)),
            number(activity.changes())
        );
        draw_words(pen, areas.find, activity, &[], &counted);
    } else {
        let text = format!(
            " {} running, {} ended here, {} more in the audit log",
            running,
            activity.jobs.len() - running,
            number(past)
        );
        draw_find(cx, activity, access, pen, areas.find, &text);
    }
    if let Some(Err(problem)) = &activity.past {
        let room = Rect::new(areas.head.x, areas.head.y, areas.head.width, 2);
        paragraph(pen, room, &problem.to_string(), theme.warning);
    }
    let rows = activity.rows(None);
    if rows == 0 {
        let key = cx.keymap.names(Act::Back);
        let none = format!("No change matches; {key} clears the filter.");
        let text = match &activity.past {
            _ if activity.changes() > 0 => &none,
            None => "The audit log has not been read yet.",
            Some(Ok(_)) => {
                "Nothing was changed on this server yet; each change leaves its receipt here."
            }
            Some(Err(_)) => return,
        };
        return paragraph(pen, areas.list, text, theme.dim);
    }
    if !matches!(activity.past, Some(Err(_))) {
        draw_head(pen, areas.head, ["AGO", "RESULT", "RECEIPT", "WHAT"]);
    }
    let list = activity.list;
    for (y, index) in list.view(rows, usize::from(areas.list.height)).enumerate() {
        let line = row(areas.list, y as u16);
        let current = index == list.cursor;
        match activity.change(index) {
            Some(Change::Job(job)) => draw_job(cx, pen, line, job, current),
            Some(Change::Past(past)) => draw_past(cx, pen, line, past, current),
            None => {}
        }
    }
}

pub(super) fn draw_head(pen: &mut Pen<'_>, area: Rect, [age, result, id, what]: [&str; 4]) {
    let head = format!(
        "   {}  {}  {}{what}",
        cell(age, AGE, Align::Right),
        cell(result, RESULT, Align::Left),
        cell(id, ID + 2, Align::Left)
    );
    pen.line(area, &head, pen.theme.heading);
}

/// What this part has, and at the right edge what the other parts have.
pub(super) fn draw_find(
    cx: &Context,
    activity: &Activity,
    access: &Access,
    pen: &mut Pen<'_>,
    area: Rect,
    text: &str,
) {
    let theme = pen.theme;
    let inner = Rect::new(area.x, area.y, area.width.saturating_sub(2), area.height);
    let key = cx.keymap.names(Act::Part);
    let right = match logins::others(activity, access) {
        Some(others) => pen.right(inner, &format!("{key}: {others}"), theme.dim),
        None => inner.right(),
    };
    let rest = Rect::new(
        area.x,
        area.y,
        right.saturating_sub(area.x + 1),
        area.height,
    );
    pen.line(rest, text, theme.dim);
}

/// The filter of the list, what else narrows it, and what they leave.
pub(super) fn draw_words(
    pen: &mut Pen<'_>,
    area: Rect,
    activity: &Activity,
    narrowed: &[&str],
    counted: &str,
) {
    let theme = pen.theme;
    let inner = Rect::new(area.x, area.y, area.width.saturating_sub(2), area.height);
    let right = pen.right(inner, counted, theme.dim);
    let mut x = pen.text(area, area.x + 1, area.y, "find", theme.dim) + 1;
    for word in narrowed {
        x = pen.text(area, x, area.y, &format!("[{word}]"), theme.accent) + 1;
    }
    let room = Rect::new(x, area.y, right.saturating_sub(x + 2), area.height);
    let words = activity.words();
    if activity.typing || !words.value().trim().is_empty() {
        input::draw(pen, room, words, activity.typing);
    }
}

fn result_style(pen: &Pen<'_>, word: &str) -> Style {
    match word {
        "done" | "authorized" | "open" => pen.theme.fine,
        "failed" | "damaged" => pen.theme.critical,
        "partial" | "cancelled" | "cancelling" | "refused" | "revoked" | "not read" => {
            pen.theme.warning
        }
        "key found" | "session" | "left" | "no login" => pen.theme.text,
        _ => pen.theme.accent,
    }
}

pub(super) fn draw_row(
    pen: &mut Pen<'_>,
    area: Rect,
    current: bool,
    (age, result, id, what): (&str, &str, &str, &str),
) {
    let theme = pen.theme;
    pen.text(
        area,
        area.x,
        area.y,
        if current { ">" } else { "" },
        theme.accent,
    );
    let x = pen.text(
        area,
        area.x + 3,
        area.y,
        &cell(age, AGE, Align::Right),
        theme.text,
    );
    let x = pen.text(
        area,
        x + 2,
        area.y,
        &cell(result, RESULT, Align::Left),
        result_style(pen, result),
    );
    let x = pen.text(area, x + 2, area.y, &cell(id, ID, Align::Left), theme.dim);
    let rest = Rect::new(
        x + 2,
        area.y,
        area.right().saturating_sub(x + 3),
        area.height,
    );
    pen.line(rest, what, theme.text);
    if current {
        pen.select(area);
    }
}

fn draw_job(cx: &Context, pen: &mut Pen<'_>, area: Rect, job: &Job, current: bool) {
    match &job.state {
        State::Running { done, total, note } => {
            let (filled, empty) = bar(*done as u64, *total as u64, 12);
            let what = format!(
                "{filled}{empty} {} of {}  {note}",
                number(*done),
                number(*total)
            );
            let age = job.started.age(cx.now).to_string();
            draw_row(pen, area, current, (&age, &job.word(), "", &what));
        }
        State::BackedUp(backup) => {
            let age = backup.at.age(cx.now).to_string();
            let what = format!("backup: {}", backup.brief());
            draw_row(pen, area, current, (&age, backup.word(), "", &what));
        }
        State::Compared(comparison) => {
            let age = comparison.at.age(cx.now).to_string();
            let what = format!("verify: {}", comparison.brief());
            draw_row(pen, area, current, (&age, comparison.word(), "", &what));
        }
        State::Ended(receipt) => {
            let age = receipt.at.age(cx.now).to_string();
            draw_row(
                pen,
                area,
                current,
                (&age, receipt.result.word(), &receipt.id, &job.title),
            );
        }
    }
}

fn draw_past(cx: &Context, pen: &mut Pen<'_>, area: Rect, past: &PastChange, current: bool) {
    let age = past.at.age(cx.now).to_string();
    let what = format!("{}, {}", past.what, past.by);
    draw_row(pen, area, current, (&age, &past.result, &past.id, &what));
}
