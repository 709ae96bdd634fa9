//! The frame: header, tabs, the screen, what lies over it, the last line.
//!
//! In: the model. Out: cells. Reads only; what it costs depends on the size of the terminal, never on the store's.

use crate::console::app::layer::Layer;
use crate::console::app::model::Model;
use crate::console::app::reasons;
use crate::console::app::tabs;
use crate::console::plan::state::Field;
use crate::console::screens;
use crate::console::types::action::{ACTIONS, Act};
use crate::console::types::scope::Scope;
use crate::console::types::screen::Screen;
use crate::console::types::server::Link;
use crate::console::widgets::Pen;
use crate::console::widgets::input;
use crate::console::widgets::layout::SMALLEST;
use crate::console::widgets::layout::{self, Areas};
use crate::console::widgets::pen::fit;
use crate::console::widgets::theme;
use crate::domain::count::number;
use crate::server::facts::Rights;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use tui_input::Input;
use unicode_width::UnicodeWidthStr;

/// Draws the whole frame.
pub fn draw(model: &Model) -> Buffer {
    let (width, height) = model.cx.size;
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    let theme = model.theme();
    let mut pen = Pen::new(&mut buffer, theme);
    pen.clear(Rect::new(0, 0, width, height));
    if model.too_small() {
        small(model, &mut pen);
    } else {
        whole(model, &mut pen);
    }
    theme::degrade(&mut buffer, model.abilities);
    buffer
}

fn small(model: &Model, pen: &mut Pen<'_>) {
    let (width, height) = model.cx.size;
    let running = model
        .activity
        .jobs
        .iter()
        .any(crate::console::screens::activity::job::Job::is_running);
    let text = format!(
        "The terminal has {width}x{height}; {}x{} are needed.{}",
        SMALLEST.0,
        SMALLEST.1,
        if running {
            " A job runs; make the window larger."
        } else {
            " q quits."
        }
    );
    for (index, line) in crate::console::widgets::pen::wrap(&text, usize::from(width))
        .iter()
        .enumerate()
    {
        if let Ok(y) = u16::try_from(index) {
            let row = crate::console::widgets::pen::row(pen.area(), y);
            pen.line(row, line, Style::new());
        }
    }
}

fn whole(model: &Model, pen: &mut Pen<'_>) {
    let Areas {
        header,
        tabs: names,
        rule,
        body,
        hints,
    } = layout::areas(model.cx.size);
    // Before a server was chosen there is the choice only.
    if !model.cx.server.is_empty() {
        draw_header(model, pen, header);
        tabs::draw(model, pen, names);
        pen.rule(rule);
        draw_screen(model, pen, body);
    }
    for layer in &model.layers {
        crate::console::app::dialogs::draw(model, layer, pen);
    }
    draw_hints(model, pen, hints);
}

fn draw_screen(model: &Model, pen: &mut Pen<'_>, body: Rect) {
    if let Some(page) = model.page() {
        screens::path::view::draw(&model.cx, page, model.space.judged.as_deref(), pen, body);
    } else {
        match model.screen {
            Screen::Overview => screens::overview::view::draw(
                &model.inputs(),
                &model.overview,
                model.layers.is_empty(),
                pen,
                body,
            ),
            Screen::Store => screens::store::view::draw(
                &model.cx,
                &model.store,
                model.space.judged.as_deref(),
                pen,
            ),
            Screen::Unsigned => screens::unsigned::view::draw(
                &model.cx,
                &model.unsigned,
                model.space.judged.as_deref(),
                pen,
            ),
            Screen::Activity => {
                screens::activity::view::draw(&model.cx, &model.activity, &model.access, pen);
            }
            Screen::Access => screens::access::view::draw(&model.cx, &model.access, pen),
            Screen::Space => screens::space::view::draw(&model.cx, &model.space, pen),
        }
    }
}

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

fn draw_header(model: &Model, pen: &mut Pen<'_>, area: Rect) {
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
    if model.cx.is_up() && model.cx.watch.store_is_a_photograph() {
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
    let room = usize::from(clock_at.saturating_sub(1));
    let fixed: usize = parts.iter().map(|(text, _)| text.width() + 2).sum();
    let name = fit(&model.cx.server, room.saturating_sub(fixed + 1).min(20));
    // The place is what may be cut; who and how it is going may not.
    let place = fit(
        &model.cx.place,
        room.saturating_sub(fixed + name.width() + 3),
    );
    let row = Rect::new(area.x, area.y, clock_at.saturating_sub(area.x), area.height);
    let title = theme.on_colour(theme.title, model.colour());
    let mut x = pen.text(row, row.x + 1, row.y, &name, title);
    if !place.is_empty() {
        x = pen.text(row, x + 2, row.y, &place, theme.text);
    }
    for (text, style) in parts {
        x = pen.text(row, x + 2, row.y, &text, style);
    }
}

/// What stands on the last line before the hints.
fn status(model: &Model) -> Option<String> {
    if let Some(toast) = &model.toast {
        return Some(toast.clone());
    }
    let marked = model.cx.marks.count();
    let lists = matches!(
        model.screen,
        Screen::Store | Screen::Unsigned | Screen::Space
    );
    (marked > 0 && lists && model.layers.is_empty()).then(|| {
        format!(
            "{} marked, {}",
            number(marked),
            crate::console::widgets::text::size(model.cx.marks.bytes())
        )
    })
}

fn draw_hints(model: &Model, pen: &mut Pen<'_>, area: Rect) {
    let theme = pen.theme;
    let key = |act: Act| model.cx.keymap.keys(act).first().map(ToString::to_string);
    // `? help` is never cut off; where keys type a text, it says how to leave that.
    let typing = model.scope().is_none();
    let fixed: Vec<(String, &str)> = if typing {
        vec![
            ("enter".to_owned(), typing_hint(model)),
            ("esc".to_owned(), "leave"),
        ]
    } else {
        [
            (Act::Help, "help"),
            (
                Act::Quit,
                if model.layers.is_empty() {
                    "quit"
                } else {
                    "close"
                },
            ),
        ]
        .into_iter()
        .filter_map(|(act, word)| Some((key(act)?, word)))
        .collect()
    };
    let width = |(key, word): &(String, &str)| key.width() + word.width() + 3;
    let fixed_width: usize = fixed.iter().map(width).sum();
    let mut right = area.right().saturating_sub(fixed_width as u16);
    let left = Rect::new(area.x, area.y, right.saturating_sub(area.x), area.height);
    for (key, word) in &fixed {
        right = pen.text(area, right, area.y, key, theme.key);
        right = pen.text(area, right + 1, area.y, word, theme.dim) + 2;
    }
    let mut x = left.x + 1;
    if let Some(toast) = &model.toast
        && !fits(toast, left.width)
    {
        return draw_long_toast(model, pen, toast);
    }
    if let Some(status) = status(model) {
        let style = if model.toast.is_some() {
            theme.toast
        } else {
            theme.marked
        };
        let room = Rect::new(x, left.y, left.width.saturating_sub(2), left.height);
        let text = fit(
            &crate::domain::text::visible(&status),
            usize::from(room.width),
        );
        x = pen.text(room, x, room.y, &text, style) + 2;
        if model.toast.is_some() {
            return;
        }
    }
    if model.layers.is_empty()
        && let Some((input, missed)) = model.finds.typed()
    {
        return draw_find(pen, left, input, missed);
    }
    let Some(scope) = model.scope() else { return };
    // The dialog of a plan has its own keys inside of it.
    if matches!(scope, Scope::Plan(_)) {
        return;
    }
    // Of the views of screen 5, one has no lines.
    let on_line = scope != Scope::Space || model.current_row().is_some();
    let on_key = scope != Scope::Overview || model.access_line().is_some();
    let hints = ACTIONS
        .iter()
        .filter(|action| action.hint_in.contains(&scope))
        .filter_map(|action| {
            let works = reasons::of(model, action.act).is_ok();
            let style = if works { theme.key } else { theme.dim };
            let shown = action.hint_when.now(works, on_line, on_key);
            shown.then_some((key(action.act)?, action.hint, style))
        });
    // What does not fit is left out whole, the general ones first: the table has what is special in front.
    let end = left.right();
    for (key, word, style) in hints {
        if usize::from(x) + key.width() + word.width() + 2 > usize::from(end) {
            break;
        }
        x = pen.text(left, x, left.y, &key, style);
        x = pen.text(left, x + 1, left.y, word, theme.dim) + 3;
    }
}

/// What is looked for on a list while it is typed.
fn draw_find(pen: &mut Pen<'_>, area: Rect, input: &Input, missed: bool) {
    let theme = pen.theme;
    let inner = Rect::new(area.x, area.y, area.width.saturating_sub(2), area.height);
    let note = if missed { "no such line" } else { "" };
    let right = pen.right(inner, note, theme.warning);
    let x = pen.text(area, area.x + 1, area.y, "/", theme.key);
    let room = Rect::new(x, area.y, right.saturating_sub(x + 1), area.height);
    input::draw(pen, room, input, true);
}

fn fits(text: &str, width: u16) -> bool {
    crate::domain::text::visible(text).width() + 2 < usize::from(width)
}

/// A message that does not fit beside the keys stands above them, all of it.
fn draw_long_toast(model: &Model, pen: &mut Pen<'_>, toast: &str) {
    let Areas { body, .. } = layout::areas(model.cx.size);
    let lines =
        crate::console::widgets::pen::wrap(toast, usize::from(body.width.saturating_sub(2)));
    let height = (lines.len() as u16).min(body.height);
    let area = Rect::new(body.x, body.bottom() - height, body.width, height);
    pen.clear(area);
    let style = pen.theme.toast;
    for (y, line) in lines.iter().enumerate() {
        let row = crate::console::widgets::pen::row(area, y as u16);
        pen.text(row, row.x + 1, row.y, line, style);
    }
}

/// What enter does while a text is typed.
fn typing_hint(model: &Model) -> &'static str {
    match model.layers.last() {
        Some(Layer::Palette(_)) => "run",
        Some(Layer::Ask { .. }) => "answer",
        Some(Layer::Plan(dialog)) => match dialog.typing {
            Some(Field::Key | Field::Answer) => "plan",
            Some(Field::Word) => "confirm",
            _ => "keep",
        },
        _ => "keep",
    }
}
