//! The frame: header, tabs, the screen, what lies over it, the last line.
//!
//! In: the model. Out: cells. Reads only; what it costs depends on the size of the terminal, never on the store's.

use crate::console::app::header;
use crate::console::app::layer::Layer;
use crate::console::app::model::Model;
use crate::console::app::reasons;
use crate::console::app::tabs;
use crate::console::plan::state::Field;
use crate::console::screens;
use crate::console::types::action::{ACTIONS, Act};
use crate::console::types::scope::Scope;
use crate::console::types::screen::Screen;
use crate::console::widgets::Pen;
use crate::console::widgets::input;
use crate::console::widgets::layout::SMALLEST;
use crate::console::widgets::layout::{self, Areas};
use crate::console::widgets::pen::fit;
use crate::console::widgets::theme;
use crate::domain::count::number;
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
    theme::degrade(&mut buffer, model.glyphs);
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
        header: top,
        tabs: names,
        rule,
        body,
        hints,
    } = layout::areas(model.cx.size);
    // Before a server was chosen there is the choice only.
    if !model.cx.server.is_empty() {
        header::draw(model, pen, top);
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
        screens::path::view::draw(
            &model.cx,
            page,
            model.space.assessment.as_deref(),
            pen,
            body,
        );
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
                model.space.assessment.as_deref(),
                pen,
            ),
            Screen::Unsigned => screens::unsigned::view::draw(
                &model.cx,
                &model.unsigned,
                model.space.assessment.as_deref(),
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
