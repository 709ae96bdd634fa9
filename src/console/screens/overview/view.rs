//! Screen 1: what needs attention, worst first; then disk, trust and the last changes.

use crate::console::screens::access::state::Access;
use crate::console::screens::activity::state::Activity;
use crate::console::screens::check::Check;
use crate::console::screens::check::Target;
use crate::console::screens::overview::first::{self, First};
use crate::console::screens::overview::state::Overview;
use crate::console::screens::overview::{live, sums};
use crate::console::screens::space::state::Space;
use crate::console::screens::space::state::View;
use crate::console::screens::unsigned::state::Unsigned;
use crate::console::screens::{no_store, paragraph};
use crate::console::types::context::Context;
use crate::console::types::problem::Problem;
use crate::console::types::screen::Screen;
use crate::console::types::server::Link;
use crate::console::widgets::Pen;
use crate::console::widgets::columns::{Align, cell};
use crate::console::widgets::gauge;
use crate::console::widgets::gauge::used_percent;
use crate::console::widgets::pen::row;
use crate::domain::Notice;
use crate::domain::installable::Installable;
use crate::judge::health::{self, State, Vitals};
use crate::server::facts::Facts;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// Rows of what stands below the checks.
const BELOW: u16 = 11;
/// Columns of the labels before bars.
const LABEL: usize = 8;

/// What the screen sums up.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// What every screen may look at.
    pub cx: &'a Context,
    /// Screen 3.
    pub unsigned: &'a Unsigned,
    /// Screen 4.
    pub access: &'a Access,
    /// Screen 5.
    pub space: &'a Space,
    /// Screen 6.
    pub activity: &'a Activity,
}

/// What needs attention, worst first, and one line for what is fine.
pub fn lines(inputs: &Inputs<'_>) -> Vec<Check> {
    let mut checks = Vec::new();
    match &inputs.cx.link {
        Link::Failed(problem) | Link::Down { problem, .. } => checks.push(Check::problem(problem)),
        Link::Connecting | Link::Up { .. } => {}
    }
    if let Some(problem) = &inputs.cx.data.problem {
        checks.push(Check::problem(problem));
    }
    checks.extend(live::checks(inputs.cx));
    let mut fine = 0;
    for check in assessment(inputs) {
        // What is going on is worth a line, however fine it is.
        let goes_on = matches!(
            check.id,
            "collecting" | "collection-running" | "auto-sign" | "policy-timer"
        );
        if check.state == State::Fine && !goes_on {
            fine += 1;
        } else {
            checks.push(shown(inputs, check));
        }
    }
    checks.extend(live::fallback(inputs.cx));
    checks.extend(live::not_read(inputs));
    let (access, good) = crate::console::screens::access::checks::checks(inputs.cx, inputs.access);
    checks.extend(access);
    fine += good;
    checks.sort_by_key(|check| health::order::key(check.level, &check.id));
    if fine > 0 {
        let text = match (checks.is_empty(), fine) {
            (true, _) => format!("All {fine} checks are fine"),
            (false, 1) => "1 more check is fine".to_owned(),
            (false, _) => format!("{fine} more checks are fine"),
        };
        checks.push(Check {
            id: "fine".to_owned(),
            level: State::Fine,
            whole: text.clone(),
            text,
            fix: None,
            note: String::new(),
            screen: None,
            target: None,
            problem: None,
        });
    }
    checks
}

/// The same checks as `storekeeper status`, as far as what they look at has come in.
fn assessment(inputs: &Inputs<'_>) -> Vec<health::Check> {
    let mut checks = of_store(inputs);
    checks.extend(crate::console::screens::space::overview::checks(
        inputs.cx,
        inputs.space,
    ));
    checks
}

fn of_store(inputs: &Inputs<'_>) -> Vec<health::Check> {
    let Some(facts) = &inputs.cx.facts else {
        return vec![];
    };
    let counts = inputs
        .cx
        .data
        .inventory
        .as_ref()
        .map(|inventory| inventory.counts());
    let mut vitals = Vitals::of(
        &inputs.cx.server,
        &inputs.cx.place,
        None,
        facts,
        counts.as_ref(),
        inputs.cx.limits,
    );
    vitals.refusals = Some((&inputs.unsigned.refusals, facts.there(inputs.cx.now)));
    vitals.compromised = &inputs.unsigned.compromised;
    let mut checks = health::checks(&vitals);
    // What has not been read to the end is not called fine.
    let whole = counts.is_some_and(|counts| counts.unread == 0) && !inputs.cx.data.loading;
    let about_store =
        |check: &health::Check| matches!(check.id, "unsigned-paths" | "bad-signatures");
    checks.retain(|check| whole || check.state != State::Fine || !about_store(check));
    checks
}

fn shown(inputs: &Inputs<'_>, check: health::Check) -> Check {
    let screen = match check.id {
        "unsigned-paths" | "bad-signatures" => Some(Screen::Unsigned),
        "unreadable-paths" => Some(Screen::Store),
        "store-disk"
        | "store-inodes"
        | "forecast"
        | "collecting"
        | "collection-running"
        | "collection-interrupted"
        | "pins"
        | "roots"
        | "space" => Some(Screen::Space),
        _ => None,
    };
    // What cannot be found out is not fixed on a screen, where it is known how it is.
    let screen = screen.filter(|_| check.state != State::Unknown || check.fix.is_none());
    let problem = screen.is_none().then(|| {
        Problem::say(Notice {
            message: check.summary.clone(),
            hint: check.fix.as_ref().map(ToString::to_string),
        })
    });
    let target = match check.id {
        "unsigned-paths" => Some(Target::Refused { bad: false }),
        "bad-signatures" => Some(Target::Refused { bad: true }),
        "unreadable-paths" => Some(Target::Unreadable),
        "pins" => expired_pin(inputs).map(Target::Pin),
        "roots" => Some(Target::View(View::Roots)),
        "plans-waiting" | "plans-left" if check.state != State::Unknown => Some(Target::Plans),
        // What is wrong with one is read first.
        "auto-sign" if check.state == State::Fine => Some(Target::Installed(Installable::AutoSign)),
        "policy-timer" if check.state == State::Fine => {
            Some(Target::Installed(Installable::PolicyTimer))
        }
        "forecast" => Some(Target::View(View::Growth)),
        _ => None,
    };
    Check {
        id: check.id.to_owned(),
        level: check.state,
        note: if check.id == "unsigned-paths" {
            refused_note(inputs)
        } else {
            String::new()
        },
        whole: check.summary.clone(),
        fix: check.fix.as_ref().map(ToString::to_string),
        text: match check.line.text {
            text if text.is_empty() => check.summary,
            text => text,
        },
        screen,
        target,
        problem,
    }
}

/// The first pin whose time is over.
fn expired_pin(inputs: &Inputs<'_>) -> Option<String> {
    let known = inputs.space.known.as_ref()?;
    let now = known.there(inputs.cx.now);
    let pins = known.pins.as_ref().ok()?;
    let pin = pins.iter().find(|pin| pin.expired(now))?;
    Some(pin.name.to_string())
}

/// `newest 4m, oldest 2d`.
fn refused_note(inputs: &Inputs<'_>) -> String {
    inputs
        .unsigned
        .ages
        .map_or_else(String::new, |(newest, oldest)| {
            format!(
                "newest {}, oldest {}",
                newest.age(inputs.cx.now),
                oldest.age(inputs.cx.now)
            )
        })
}

/// The sign of a level and its style.
fn sign(pen: &Pen<'_>, level: State) -> (String, Style) {
    let style = match level {
        State::Critical => pen.theme.critical,
        State::Warning => pen.theme.warning,
        State::Unknown => pen.theme.unknown,
        State::Fine => pen.theme.fine,
    };
    (level.mark().to_string(), style)
}

/// Draws the screen. `focused`: nothing lies over it.
pub fn draw(
    inputs: &Inputs<'_>,
    overview: &Overview,
    focused: bool,
    pen: &mut Pen<'_>,
    area: Rect,
) {
    if let (None, Some((text, true))) = (&inputs.cx.facts, no_store(inputs.cx)) {
        // With nothing else to show there is room for the whole sentence.
        let style = pen.theme.critical;
        return paragraph(pen, area, &text, style);
    }
    let checks = lines(inputs);
    let mut y = draw_checks(inputs, overview, focused, pen, area, &checks) + 1;
    if let Some(facts) = &inputs.cx.facts {
        y = draw_disk(inputs, facts, pen, area, y);
    }
    sums::draw(inputs, pen, area, y);
}

/// The first of these lines, in full where it is a problem.
pub fn first_line(checks: &[Check], area: Rect) -> First {
    let room = |check: &Check| text_width(check, area, to_width(checks));
    First::of(checks, checks.first().map_or(0, room), area.width)
}

/// How many checks there is room for.
pub fn most(area: Rect, first: &First) -> usize {
    usize::from(area.height.saturating_sub(BELOW))
        .saturating_sub(first.rows.len())
        .max(4)
}

/// Columns of where lines lead to.
fn to_width(checks: &[Check]) -> u16 {
    let widths = checks.iter().map(|check| leads_to(check).len());
    widths.max().unwrap_or(0) as u16
}

/// Columns of a line's text.
fn text_width(check: &Check, area: Rect, to_width: u16) -> u16 {
    let to_at = area.right().saturating_sub(2 + to_width);
    let note_at = to_at.saturating_sub(check.note.chars().count() as u16 + 2);
    note_at.saturating_sub(area.x + 4 + 1)
}

/// The list of checks; returns the row below it.
fn draw_checks(
    inputs: &Inputs<'_>,
    overview: &Overview,
    focused: bool,
    pen: &mut Pen<'_>,
    area: Rect,
    checks: &[Check],
) -> u16 {
    if checks.is_empty() {
        let text = match inputs.cx.link {
            Link::Connecting => "Connecting to the server.",
            _ => "Reading the store.",
        };
        pen.line(row(area, 0), &format!(" {text}"), pen.theme.dim);
        return 1;
    }
    let whole = first_line(checks, area);
    let most = most(area, &whole);
    // The cursor stays in view where there are more checks than rows.
    let first = (overview.list.cursor + 1).saturating_sub(most);
    let to_width = to_width(checks);
    let mut y = 0;
    for (index, check) in checks.iter().enumerate().skip(first).take(most) {
        let line = row(area, y);
        let current = index == overview.list.cursor && focused;
        let (mark, style) = sign(pen, check.level);
        let theme = pen.theme;
        pen.text(
            line,
            line.x,
            line.y,
            if current { ">" } else { " " },
            theme.accent,
        );
        pen.text(line, line.x + 1, line.y, &mark, style);
        let to_at = line.right().saturating_sub(2 + to_width);
        pen.text(line, to_at, line.y, &leads_to(check), theme.key);
        let note_width = check.note.chars().count() as u16;
        let note_at = to_at.saturating_sub(note_width + 2);
        let width = usize::from(text_width(check, line, to_width));
        let text = if index == 0 {
            whole.head()
        } else {
            &check.text
        };
        let text = cell(text, width, Align::Left);
        pen.text(line, line.x + 4, line.y, text.trim_end(), theme.text);
        pen.text(line, note_at, line.y, &check.note, theme.dim);
        if current {
            pen.select(line);
        }
        y += 1;
        if index == 0 {
            y = first::draw(&whole.rows, pen, area, y);
        }
    }
    y
}

/// Where `enter` leads to: `-> 3 Unsigned`.
fn leads_to(check: &Check) -> String {
    let place = |screen: &Screen| Screen::ALL.iter().position(|own| own == screen);
    match (check.screen, check.problem.is_some()) {
        (Some(screen), _) => {
            let number = place(&screen).map_or(0, |at| at + 1);
            format!("-> {number} {}", screen.title())
        }
        (None, true) => "-> enter".to_owned(),
        (None, false) => String::new(),
    }
}

fn draw_disk(inputs: &Inputs<'_>, facts: &Facts, pen: &mut Pen<'_>, area: Rect, mut y: u16) -> u16 {
    let theme = pen.theme;
    let width = usize::from(area.width.saturating_sub(40)).clamp(10, 60);
    if let Some(disk) = crate::console::screens::space::view::newest(inputs.space, facts) {
        let percent = used_percent(&disk).unwrap_or(0);
        let note = format!("{} of {}", disk.used, disk.usable());
        gauge::draw(
            pen,
            row(area, y),
            (&facts.mount, LABEL),
            (disk.used.0, disk.usable().0),
            &format!("{percent:>3}%  {note}"),
            width,
        );
        y += 1;
        if disk.inodes > 0 {
            let note = format!(
                "{:>3}%",
                gauge::percent(disk.inodes_used, disk.inodes).unwrap_or(0)
            );
            gauge::draw(
                pen,
                row(area, y),
                ("inodes", LABEL),
                (disk.inodes_used, disk.inodes),
                &note,
                width,
            );
            y += 1;
        }
    }
    if let Some(database) = facts.database {
        let line = row(area, y);
        pen.pieces(
            line,
            &[
                (" database ", theme.dim),
                (
                    &format!("{}, log {}", database.size, database.wal),
                    theme.text,
                ),
            ],
        );
        y += 1;
    }
    y + 1
}
