//! The first line: which server, how the connection is, where one is and when it is.
//!
//! In: the model. Out: one row. What may be cut is the address; the version of Nix goes for the way here.

use super::model::Model;
use super::trail;
use crate::console::types::server::Link;
use crate::console::widgets::Pen;
use crate::console::widgets::pen::fit;
use crate::server::facts::Rights;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr as _;

/// An address cut to less tells nothing.
const PLACE: usize = 8;

/// `connected, 12 ms`, `down, again in 8s (data 3m old)`.
fn link_text(model: &Model) -> String {
    let old = model.cx.data.at.map_or_else(String::new, |at| {
        format!(" (data {} old)", at.age(model.cx.now))
    });
    match &model.cx.link {
        Link::Connecting => "connecting".to_owned(),
        Link::Up {
            round_trip: Some(time),
        } => match time.as_millis() {
            0 => "connected, <1 ms".to_owned(),
            ms => format!("connected, {ms} ms"),
        },
        Link::Up { round_trip: None } => "connected".to_owned(),
        Link::Down { again: None, .. } => format!("down, connecting{old}"),
        Link::Down {
            again: Some(at), ..
        } => {
            let seconds = at.unix().saturating_sub(model.cx.now.unix()).max(0);
            format!("down, again in {seconds}s{old}")
        }
        Link::Failed(_) => format!("not connected{old}"),
    }
}

fn rights(model: &Model) -> &'static str {
    match model.cx.facts.as_ref().map(|facts| facts.rights) {
        _ if model.cx.policy.read_only => "ro",
        None => "",
        Some(Rights::Root) => "rw",
        Some(Rights::Sudo) => "rw sudo",
        Some(Rights::User) => "user",
    }
}

/// Draws it.
pub(super) fn draw(model: &Model, pen: &mut Pen<'_>, area: Rect) {
    let theme = pen.theme;
    // To the minute, which is the only tick.
    let clock: String = model.cx.now.clock().chars().take(5).chain([' ']).collect();
    let clock_at = pen.right(area, &clock, theme.dim);
    let link_style = match model.cx.link {
        Link::Up { .. } => theme.fine,
        Link::Connecting => theme.unknown,
        Link::Down { .. } | Link::Failed(_) => theme.critical,
    };
    let mut parts = vec![(link_text(model), link_style)];
    if model.cx.is_up() && model.cx.watch.store_is_snapshot() {
        let age = model.cx.data.at.map(|at| at.age(model.cx.now));
        let text = age.map_or_else(
            || "not live".to_owned(),
            |age| format!("not live, read {age} ago"),
        );
        parts.push((text, theme.warning));
    }
    if let Some(facts) = &model.cx.facts {
        parts.push((format!("nix {}", fit(&facts.nix_version, 12)), theme.dim));
    }
    parts.push((
        rights(model).to_owned(),
        if model.cx.policy.read_only {
            theme.warning
        } else {
            theme.text
        },
    ));
    parts.retain(|(text, _)| !text.is_empty());
    let crumb_at = draw_crumbs(model, pen, area, clock_at, &mut parts);
    let room = usize::from(crumb_at.saturating_sub(1));
    let fixed: usize = parts.iter().map(|(text, _)| text.width() + 2).sum();
    let name = fit(&model.cx.server, room.saturating_sub(fixed + 1).min(20));
    // The place is what may be cut; who and how it is going may not.
    let left = room.saturating_sub(fixed + name.width() + 3);
    let place = if left < PLACE {
        String::new()
    } else {
        fit(&model.cx.place, left)
    };
    let row = Rect::new(area.x, area.y, crumb_at.saturating_sub(area.x), area.height);
    let title = theme.on_colour(theme.title, model.colour());
    let mut x = pen.text(row, row.x + 1, row.y, &name, title);
    if !place.is_empty() {
        x = pen.text(row, x + 2, row.y, &place, theme.text);
    }
    for (text, style) in parts {
        x = pen.text(row, x + 2, row.y, &text, style);
    }
}

/// Where one is and how one came there, before the clock, where that is more than a tab says. For its sake the version of Nix goes, and
/// the address is cut. Says where it begins.
fn draw_crumbs(
    model: &Model,
    pen: &mut Pen<'_>,
    area: Rect,
    clock_at: u16,
    parts: &mut Vec<(String, Style)>,
) -> u16 {
    let crumbs = trail::crumbs(model);
    if crumbs.len() < 2 {
        return clock_at;
    }
    let wanted = trail::line(&crumbs, usize::MAX).width();
    let room = |parts: &[(String, Style)]| {
        let fixed: usize = parts.iter().map(|(text, _)| text.width() + 2).sum();
        usize::from(clock_at).saturating_sub(fixed + model.cx.server.width().min(20) + 4)
    };
    if wanted > room(parts) {
        parts.retain(|(text, _)| !text.starts_with("nix "));
    }
    let text = trail::line(&crumbs, room(parts));
    let at = clock_at.saturating_sub(text.width() as u16 + 2);
    let row = Rect::new(area.x, area.y, clock_at.saturating_sub(area.x), area.height);
    pen.text(row, at, area.y, &text, pen.theme.accent);
    // A blank more than between words.
    at.saturating_sub(1)
}
