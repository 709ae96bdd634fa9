//! The planner: its form, what goes by it in the order of deletion, and what is kept.

use crate::console::screens::paragraph;
use crate::console::screens::path::pane;
use crate::console::screens::space::areas::{Areas, form_rows, value_width};
use crate::console::screens::space::state::Space;
use crate::console::types::context::Context;
use crate::console::types::space::Planned;
use crate::console::widgets::Pen;
use crate::console::widgets::columns::{Align, cell};
use crate::console::widgets::input;
use crate::console::widgets::layout::WIDE;
use crate::console::widgets::pen::row;
use crate::console::widgets::text;
use crate::domain::Bytes;
use crate::domain::count::{count, dependencies, number};
use crate::judge::collect::{Goal, Gone, Reason};
use ratatui::layout::Rect;
use ratatui::style::Style;

const AGE: usize = 8;
const SIZE: usize = 9;
const WHY: usize = 17;

/// Draws it.
pub(super) fn draw(cx: &Context, space: &Space, pen: &mut Pen<'_>, areas: &Areas) {
    draw_form(space, pen, areas.form);
    let Some(planned) = space.plan_of_form() else {
        let (text, style) = match &space.form.problem {
            Some((_, why)) => (why.as_str(), pen.theme.critical),
            None => ("Making the plan.", pen.theme.dim),
        };
        return paragraph(pen, areas.list, text, style);
    };
    draw_takes(cx, space, pen, areas.takes, planned);
    let head = format!(
        "   {} {}  {} {}",
        cell("LAST USE", AGE, Align::Right),
        cell("SIZE", SIZE, Align::Right),
        cell(
            if space.paths {
                "EVERY PATH THAT GOES"
            } else {
                "WHAT GOES"
            },
            name_width(areas.list.width),
            Align::Left
        ),
        cell("WHY DEAD", WHY, Align::Left),
    );
    pen.line(areas.columns, &head, pen.theme.heading);
    let rows = space.rows();
    if rows == 0 {
        paragraph(pen, areas.list, &empty(planned), pen.theme.dim);
    }
    let list = space.plan;
    for (y, at) in list.view(rows, usize::from(areas.list.height)).enumerate() {
        let line = row(areas.list, y as u16);
        draw_row(cx, space, pen, line, planned, at, at == list.cursor);
    }
    if space.stale {
        // The rows are a plan by the rules before; the heading shows that too.
        let style = pen.theme.dim;
        pen.restyle(areas.list, style);
    }
    draw_foot(space, pen, areas.foot, planned);
    if let (Some(area), Some(current)) = (areas.pane, space.current_row())
        && cx.size.0 >= WIDE
    {
        let inventory = &planned.assessment.inventory;
        pane::draw(
            cx,
            space.assessment.as_deref(),
            inventory,
            pen,
            area,
            current,
            true,
        );
    }
}

/// `until free [20%]  take [-]  at most [-]  older [-]  newest [3]  grace [24h]`.
fn draw_form(space: &Space, pen: &mut Pen<'_>, area: Rect) {
    let theme = pen.theme;
    let form = &space.form;
    if let Some(policy) = space.policy() {
        let words = format!(
            "by the server's policy: {} and a default",
            count(policy.projects.len(), "project")
        );
        let line = row(area, 0);
        let x = pen.text(line, line.x + 1, line.y, &words, theme.accent);
        let more = "   P goes back to the rules";
        pen.text(line, x, line.y, more, theme.dim);
        return;
    }
    for (y, fields) in form_rows(form, area.width).iter().enumerate() {
        let line = row(area, y as u16);
        let mut x = line.x + 1;
        for field in fields {
            let focus = form.focus == Some(*field);
            let wrong = form.problem.as_ref().is_some_and(|(own, _)| own == field);
            let style = match (focus, wrong) {
                (_, true) => theme.critical,
                (true, false) => theme.accent,
                (false, false) => theme.dim,
            };
            x = pen.text(line, x, line.y, field.label(), style) + 1;
            x = pen.text(line, x, line.y, "[", style);
            let width = value_width(form, *field) as u16;
            let value = form.input(*field);
            let room = Rect::new(x, line.y, width, line.height).intersection(line);
            if value.value().is_empty() && !focus {
                pen.text(room, x, line.y, "-", theme.dim);
            } else if focus {
                input::draw(pen, room, value, true);
            } else {
                pen.line(room, value.value(), theme.input);
            }
            x = pen.text(line, x + width, line.y, "]", style) + 2;
        }
    }
}

/// ` takes 8,412 paths, 99 to 118 GiB on disk, last used 221d to 41d ago`.
fn draw_takes(cx: &Context, space: &Space, pen: &mut Pen<'_>, area: Rect, planned: &Planned) {
    let theme = pen.theme;
    let plan = &planned.collection;
    let mut right = area.right().saturating_sub(1);
    if space.stale {
        let room = Rect::new(area.x, area.y, area.width.saturating_sub(1), area.height);
        right = pen.right(room, "making the plan anew", theme.accent);
    }
    let room = Rect::new(
        area.x,
        area.y,
        right.saturating_sub(area.x + 1),
        area.height,
    );
    if plan.order.is_empty() {
        return;
    }
    let mut x = pen.text(room, room.x + 1, room.y, "takes", theme.dim) + 2;
    let mut add = |words: &str, style| {
        let rest = Rect::new(x, room.y, room.right().saturating_sub(x), room.height);
        x = pen.line(rest, words, style) + 3;
    };
    let words = format!("{}   {}", count(plan.order.len(), "path"), on_disk(planned));
    add(&words, theme.text);
    // On a narrow screen the end of the line is cut off: this is not.
    if let Goal::Short { by } = &plan.goal {
        add(&format!("target missed by {by}"), theme.warning);
    }
    if let (Some(_), Some(until)) = (planned.assessment.used(plan.order[0]), plan.used_until) {
        let words = format!("all unused for {} or more", until.age(cx.now));
        add(&words, theme.text);
    }
}

/// `99 to 118 GiB on disk`; one number where hard links save nothing, and a word where that is not known.
fn on_disk(planned: &Planned) -> String {
    let bytes = planned.collection.bytes;
    let high = Bytes(bytes.high);
    match bytes.low.map(Bytes) {
        None => format!("at most {high}, hard links not known"),
        Some(low) if low == high => format!("{high} on disk"),
        Some(low) => format!("{low} to {high} on disk"),
    }
}

/// Why nothing goes.
fn empty(planned: &Planned) -> String {
    let plan = &planned.collection;
    let alive = &planned.assessment.liveness;
    if (alive.dead().0, alive.live().0) == (0, 0) {
        return "The store is empty.".to_owned();
    }
    if alive.dead().0 == 0 {
        return "Nothing in the store is dead: roots keep every path. The roots are one view to the right.".to_owned();
    }
    match &plan.goal {
        Goal::Unknown(why) => format!("{why}; e changes the rules."),
        Goal::Reached(_) => "As much is free already as the rules want; e changes them.".to_owned(),
        _ if plan.capped => {
            "The first that would go is larger than the rules allow at most; e changes them."
                .to_owned()
        }
        _ if planned.rules.policy.is_some() => {
            "The policy keeps all that is dead; P plans by the rules.".to_owned()
        }
        _ => "The rules keep all that is dead; e changes them, W takes all of it.".to_owned(),
    }
}

fn name_width(width: u16) -> usize {
    usize::from(width).saturating_sub(3 + AGE + 1 + SIZE + 2 + 1 + WHY + 1)
}

fn draw_row(
    cx: &Context,
    space: &Space,
    pen: &mut Pen<'_>,
    area: Rect,
    planned: &Planned,
    at: usize,
    current: bool,
) {
    let theme = pen.theme;
    let inventory = &planned.assessment.inventory;
    let plan = &planned.collection;
    let (top, bytes, others, why) = if space.paths {
        let Some(path) = plan.order.get(at) else {
            return;
        };
        let size = inventory.nar_size(*path).unwrap_or(0);
        (*path, size, 0, reason(plan.reasons.get(at).copied()))
    } else {
        let Some(group) = plan.groups.get(at) else {
            return;
        };
        let drv = inventory.is_derivation(group.top);
        (
            group.top,
            group.bytes,
            group.paths.saturating_sub(1),
            group_reason(group, drv),
        )
    };
    let marked = cx.marks.has(top);
    let cursor = crate::console::widgets::list::signs(current, marked, false);
    let style = if marked { theme.marked } else { theme.text };
    pen.text(area, area.x, area.y, cursor, theme.accent);
    let numbers = format!(
        "{} {}",
        cell(
            &text::age(planned.assessment.used(top), cx.now),
            AGE,
            Align::Right
        ),
        cell(&Bytes(bytes).to_string(), SIZE, Align::Right),
    );
    let x = pen.text(area, area.x + 3, area.y, &numbers, theme.text) + 2;
    let width = name_width(area.width);
    let more = match others {
        0 => String::new(),
        n => format!(" with {}", dependencies(n)),
    };
    let name_room = width.saturating_sub(more.len());
    let name = cell(inventory.name(top), name_room, Align::Middle);
    let end = pen.text(area, x, area.y, name.trim_end(), style);
    if width > more.len() {
        pen.text(area, end, area.y, &more, theme.dim);
    }
    let place = Rect::new(
        x + width as u16 + 1,
        area.y,
        area.right().saturating_sub(x + width as u16 + 1),
        area.height,
    );
    pen.line(place, why, theme.dim);
    if current {
        pen.select(area);
    }
}

/// Why a path is dead, in a narrow column.
const fn reason(reason: Option<Reason>) -> &'static str {
    match reason {
        Some(Reason::OnlyDead) => "only dead need it",
        Some(Reason::Derivation) => "its outputs go",
        Some(Reason::Unused) | None => "no root",
    }
}

/// Why a package is dead.
const fn group_reason(group: &Gone, derivation: bool) -> &'static str {
    match (group.shared, derivation) {
        (true, _) => "only dead need it",
        (false, true) => "its outputs go",
        (false, false) => "no root",
    }
}

/// ` kept: 41,002 live, 118 pinned, 2,310 newest 3, 212 within 24h`; while the form is edited, what its field means.
fn draw_foot(space: &Space, pen: &mut Pen<'_>, area: Rect, planned: &Planned) {
    let theme = pen.theme;
    let room = Rect::new(
        area.x + 1,
        area.y,
        area.width.saturating_sub(2),
        area.height,
    );
    let form = &space.form;
    if let Some(field) = form.focus {
        pen.line(room, field.help(), theme.dim);
        return;
    }
    let kept = &planned.collection.kept;
    let rules = &planned.rules;
    let mut parts = Vec::new();
    let mut add = |n: usize, what: String| {
        if n > 0 {
            parts.push(format!("{} {what}", number(n)));
        }
    };
    add(kept.live, "live".to_owned());
    add(kept.pinned, "pinned".to_owned());
    add(kept.in_flight, "in flight".to_owned());
    if rules.policy.is_some() {
        add(kept.newest, "newest".to_owned());
        add(kept.grace, "just uploaded".to_owned());
        add(kept.recent, "used of late".to_owned());
        add(kept.quota, "within a quota".to_owned());
    } else {
        add(kept.newest, format!("newest {}", rules.keep_newest));
        add(kept.grace, format!("within {}", rules.grace));
    }
    if let Some(age) = rules.older_than {
        add(kept.recent, format!("used in {age}"));
    }
    add(kept.left, "used later".to_owned());
    if parts.is_empty() {
        parts.push("nothing".to_owned());
    }
    let x = pen.text(room, room.x, room.y, "kept ", theme.dim);
    let rest = Rect::new(x, room.y, room.right().saturating_sub(x), room.height);
    pen.line(rest, &parts.join(", "), Style::new());
}
