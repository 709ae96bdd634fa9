//! Screen 5: what fills the disk, what keeps it, and what a collection would take.

mod curve;
mod growth;
mod heaviest;
mod plan;
mod roots;

use crate::console::screens::space::areas::areas;
use crate::console::screens::space::state::Space;
use crate::console::screens::space::state::View;
use crate::console::screens::{no_store, say_nothing};
use crate::console::types::action::Act;
use crate::console::types::context::Context;
use crate::console::widgets::Pen;
use crate::console::widgets::gauge::used_percent;
use crate::console::widgets::pen::fit;
use crate::console::widgets::theme::Theme;
use crate::domain::Bytes;
use crate::domain::count::number;
use crate::domain::space::{FileSystem, UseSource};
use crate::server::facts::{Disk, Facts};
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use unicode_width::UnicodeWidthStr;

/// Draws the screen.
pub fn draw(cx: &Context, space: &Space, pen: &mut Pen<'_>) {
    let areas = areas(cx.size, space);
    draw_head(cx, space, pen, areas.head);
    draw_views(cx, space, pen, areas.views);
    if let Some((text, bad)) = nothing(cx, space) {
        let y = areas.views.bottom() + 1;
        let body = crate::console::widgets::layout::areas(cx.size).body;
        let area = Rect::new(body.x, y, body.width, body.bottom().saturating_sub(y));
        return say_nothing(pen, area, &text, bad);
    }
    match space.view {
        View::Plan => plan::draw(cx, space, pen, &areas),
        View::Roots => roots::draw(cx, space, pen, &areas),
        View::Heaviest => heaviest::draw(cx, space, pen, &areas),
        View::Growth => growth::draw(cx, space, pen, &areas),
    }
}

/// Why this view has nothing to show, and whether that is bad. What is known is shown all the same.
fn nothing(cx: &Context, space: &Space) -> Option<(String, bool)> {
    if let Some((text, true)) = no_store(cx) {
        return Some((text, true));
    }
    let Some(known) = &space.known else {
        return Some(match &space.problem {
            Some(problem) => (
                format!(
                    "What fills the disk is not known: {problem}.  R tries again."
                ),
                true,
            ),
            None => (
                "Asking the server for its roots, pins, file systems and the last use of its paths."
                    .to_owned(),
                false,
            ),
        });
    };
    if space.view == View::Growth {
        return None;
    }
    if let Err(why) = &known.roots {
        let text = format!(
            "The roots could not be read, so nothing is called dead and no collection can be planned: {why}.  R tries again."
        );
        return Some((text, true));
    }
    if space.assessment.is_some() {
        return None;
    }
    let text = match (&cx.data.problem, &cx.data.inventory) {
        (Some(problem), _) => {
            return Some((
                format!(
                    "The store was not read to its end, so that what is dead is not known: {problem}.  R tries again."
                ),
                true,
            ));
        }
        (None, Some(inventory)) if cx.data.loading => {
            let counts = inventory.counts();
            format!(
                "Reading the store, {} of {}; what is dead is known when all of it is read.",
                number(counts.read()),
                number(counts.paths)
            )
        }
        (None, None) => {
            "Listing the store; what is dead is known when all of it is read.".to_owned()
        }
        (None, Some(_)) => "Working out what is live and what each root keeps.".to_owned(),
    };
    Some((text, false))
}

/// `by last use`, and whether that is less than one would wish.
fn source(space: &Space) -> (&'static str, bool) {
    let Some(assessment) = &space.assessment else {
        return ("", false);
    };
    match assessment.usage.source {
        UseSource::AccessTime | UseSource::AccessTimeDaily => ("by last use", false),
        UseSource::Registration => ("by upload", true),
    }
}

/// ` /nix 82% of 980 GiB   dead 310 GiB   live 94 GiB   pinned 7 GiB   by last use`.
fn draw_head(cx: &Context, space: &Space, pen: &mut Pen<'_>, area: Rect) {
    let theme = pen.theme;
    let (source, poor) = source(space);
    let inner = Rect::new(area.x, area.y, area.width.saturating_sub(1), area.height);
    let right = pen.right(inner, source, if poor { theme.warning } else { theme.dim });
    let mut parts: Vec<(String, String, Style)> = Vec::new();
    if let Some((mount, used, whole)) = disk(cx, space) {
        let style = if used >= 100 {
            theme.critical
        } else {
            theme.text
        };
        parts.push((fit(&mount, 16), format!("{used}% of {whole}"), style));
    }
    if let Some(assessment) = &space.assessment {
        let sums = [
            ("dead", assessment.liveness.dead()),
            ("live", assessment.liveness.live()),
            ("pinned", assessment.pinned.live()),
        ];
        for (label, (_, bytes)) in sums {
            parts.push((label.to_owned(), Bytes(bytes).to_string(), theme.text));
        }
    }
    let room = Rect::new(
        area.x,
        area.y,
        right.saturating_sub(area.x + 1),
        area.height,
    );
    let mut x = room.x + 1;
    for (label, value, style) in parts {
        // What does not fit is left out whole.
        let needs = (label.width() + value.width() + 1) as u16;
        if x + needs > room.right() {
            break;
        }
        x = pen.text(room, x, room.y, &label, theme.dim);
        x = pen.text(room, x + 1, room.y, &value, style) + 2;
    }
}

/// The store's file system by the look, else by the facts of the connection.
pub fn newest(space: &Space, facts: &Facts) -> Option<Disk> {
    looked(space).map(|system| system.disk).or(facts.disk)
}

/// The store's file system, if a look has found out.
fn looked(space: &Space) -> Option<&FileSystem> {
    space.known.as_ref()?.facts.store.as_ref().ok()
}

/// Where the store is mounted, percent in use, and of what: by the look, else by the facts of the connection.
pub fn disk(cx: &Context, space: &Space) -> Option<(String, u64, Bytes)> {
    let (mount, disk) = if let Some(system) = looked(space) {
        (&system.mount, system.disk)
    } else {
        let facts = cx.facts.as_ref()?;
        (&facts.mount, facts.disk?)
    };
    Some((mount.clone(), used_percent(&disk)?, disk.usable()))
}

/// The names of the views, the one in front marked by more than its colour.
fn draw_views(cx: &Context, space: &Space, pen: &mut Pen<'_>, area: Rect) {
    let theme = pen.theme;
    let mut x = area.x + 1;
    for view in View::ALL {
        let note = match (view, &space.assessment) {
            (View::Roots, Some(assessment)) => format!(" {}", number(assessment.roots.len())),
            _ => String::new(),
        };
        let style = if view == space.view {
            theme
                .accent
                .add_modifier(Modifier::BOLD | Modifier::UNDERLINED)
        } else {
            theme.text
        };
        x = pen.text(area, x, area.y, view.title(), style);
        x = pen.text(area, x, area.y, &note, theme.dim) + 3;
    }
    let room = Rect::new(x, area.y, area.right().saturating_sub(x + 1), area.height);
    let (text, style) = state(space, theme).unwrap_or_else(|| {
        let left = cx.keymap.names(Act::PreviousView);
        let right = cx.keymap.names(Act::NextView);
        (format!("{left} {right} other views"), theme.dim)
    });
    pen.right(room, &text, style);
}

/// What is being done, or what has to be known of what is shown.
fn state(space: &Space, theme: &Theme) -> Option<(String, Style)> {
    if let (Some(problem), Some(_)) = (&space.problem, &space.known) {
        return Some((format!("not read again: {problem}"), theme.warning));
    }
    if let Some(text) = space.collects() {
        return Some((text, theme.warning));
    }
    if space.working && space.assessment.is_some() {
        return Some(("working it out anew".to_owned(), theme.accent));
    }
    let elsewhere = space
        .assessment
        .as_ref()
        .map_or(0, |assessment| assessment.elsewhere);
    if elsewhere > 0 {
        let text = format!(
            "{} came later; R reads again",
            crate::domain::count::count(elsewhere, "root")
        );
        return Some((text, theme.dim));
    }
    None
}
