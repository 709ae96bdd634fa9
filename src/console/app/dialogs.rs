//! What lies over a screen: the plan before signing, questions, texts, help, the palette.

use crate::console::app::help::{self, Line};
use crate::console::app::layer::{Clients, Help, Layer};
use crate::console::app::model::Model;
use crate::console::app::palette;
use crate::console::screens::activity::comparison::Verification;
use crate::console::types::action::Act;
use crate::console::types::ask::{Ask, AskKind};
use crate::console::types::column::COLUMNS;
use crate::console::types::secret::Secret;
use crate::console::types::text::Text;
use crate::console::widgets::Pen;
use crate::console::widgets::choice::{self, Choice};
use crate::console::widgets::columns::{Align, cell};
use crate::console::widgets::input;
use crate::console::widgets::layout;
use crate::console::widgets::list::List;
use crate::console::widgets::pen::{row, wrap};
use crate::domain::Bytes;
use crate::domain::count::{count, number};
use ratatui::layout::Rect;
use ratatui::style::Style;

/// Draws a layer.
pub fn draw(model: &Model, layer: &Layer, pen: &mut Pen<'_>) {
    match layer {
        Layer::Help(shown) => draw_help(model, pen, shown),
        Layer::Palette(palette) => palette::view::draw(model, pen, palette),
        Layer::Plan(dialog) => {
            crate::console::plan::view::draw(dialog, &model.cx, &model.plan_inputs(), pen);
        }
        Layer::Text(text) => draw_text(model, pen, text),
        Layer::Ask { ask, answer } => draw_ask(model, pen, ask, answer),
        Layer::Verify(asked) => draw_verify(model, pen, asked),
        Layer::Clients(clients) => draw_clients(model, pen, clients),
        Layer::SigningKeys(keys) => super::signing_keys::draw(model, pen, keys),
        Layer::Waiting(waiting) => super::waiting::draw(model, pen, waiting),
        Layer::Installed(installed) => super::installed::draw(model, pen, installed),
        Layer::Columns(list) => draw_columns(model, pen, *list),
        Layer::Servers(list) => super::servers::draw(model, pen, *list),
        Layer::Themes(list) => super::themes::draw(model, pen, *list),
        Layer::Quit => draw_quit(model, pen),
    }
}

fn draw_help(model: &Model, pen: &mut Pen<'_>, shown: &Help) {
    let theme = pen.theme;
    let lines = help::lines(model, shown);
    let (area, height) = layout::text_box(model.cx.size);
    let height = help::page(height);
    let position = position(shown.top, height, lines.len());
    let inside = pen.frame(area, &format!("Keys: {}{position}", shown.scope.title()));
    draw_help_search(model, pen, row(inside, 0), shown);
    if lines.is_empty() {
        pen.line(row(inside, 1), "No key here does that.", theme.warning);
    }
    for (y, line) in lines.iter().skip(shown.top).take(height).enumerate() {
        let area = row(inside, y as u16 + 1);
        let (keys, title, reason) = match line {
            Line::Group(title) => {
                pen.line(area, title, theme.accent);
                continue;
            }
            Line::Action {
                keys,
                title,
                reason,
            } => (keys, title, reason),
        };
        let x = pen.text(
            area,
            area.x + 1,
            area.y,
            &cell(keys, 12, Align::Left),
            theme.key,
        );
        let style = if reason.is_some() {
            theme.dim
        } else {
            theme.text
        };
        let x = pen.text(area, x + 1, area.y, title, style);
        if let Some(reason) = reason {
            let rest = Rect::new(x, area.y, area.right().saturating_sub(x), area.height);
            pen.line(rest, &format!("  ({reason})"), theme.dim);
        }
    }
}

/// What is searched in the help, or how to.
fn draw_help_search(model: &Model, pen: &mut Pen<'_>, line: Rect, shown: &Help) {
    let key = model.cx.keymap.names(Act::HelpSearch);
    if !shown.typing && shown.words.value().is_empty() {
        pen.line(line, &format!("{key} searches"), pen.theme.dim);
        return;
    }
    let x = pen.text(line, line.x, line.y, "find ", pen.theme.dim);
    let rest = Rect::new(x, line.y, line.right().saturating_sub(x), line.height);
    input::draw(pen, rest, &shown.words, shown.typing);
}

/// ` 12-30 of 45` if not all is in view.
fn position(top: usize, height: usize, lines: usize) -> String {
    if lines <= height {
        return String::new();
    }
    format!(
        "  {}-{} of {}",
        number(top + 1),
        number((top + height).min(lines)),
        number(lines)
    )
}

fn draw_text(model: &Model, pen: &mut Pen<'_>, text: &Text) {
    let (most, height) = layout::text_box(model.cx.size);
    let rows = text.lines.len().min(height);
    let area = layout::dialog(model.cx.size, most.width, rows as u16 + 2);
    let title = format!(
        "{}{}",
        text.title,
        position(text.top, height, text.lines.len())
    );
    let inside = pen.frame(area, &title);
    for (y, line) in text.lines.iter().skip(text.top).take(height).enumerate() {
        pen.line(row(inside, y as u16), line, Style::new());
    }
}

fn draw_ask(model: &Model, pen: &mut Pen<'_>, ask: &Ask, answer: &Secret) {
    let width = layout::dialog(model.cx.size, 76, 20).width;
    let room = usize::from(width.saturating_sub(4));
    let lines: Vec<String> = ask.lines.iter().flat_map(|line| wrap(line, room)).collect();
    let area = layout::dialog(model.cx.size, width, lines.len() as u16 + 4);
    let inside = pen.frame(area, &ask.title);
    for (y, line) in lines.iter().enumerate() {
        pen.line(row(inside, y as u16), line, Style::new());
    }
    let line = row(inside, lines.len() as u16 + 1);
    let prompt = format!("{} ", ask.prompt);
    let x = pen.text(line, line.x, line.y, &prompt, pen.theme.accent);
    let rest = Rect::new(x, line.y, line.right().saturating_sub(x), line.height);
    match ask.kind {
        AskKind::Secret => {
            let dots = "*".repeat(answer.len());
            input::draw_text(pen, rest, &dots, answer.len(), true);
        }
        AskKind::Yes | AskKind::Text => {
            input::draw_text(pen, rest, answer.reveal(), answer.len(), true);
        }
    }
}

fn draw_verify(model: &Model, pen: &mut Pen<'_>, asked: &Verification) {
    let text = format!(
        "{} in {}: the server reads each from its disk and compares it with its hash. Nothing is changed; c on screen 6 cancels it.",
        Bytes(asked.bytes),
        count(asked.total, "path")
    );
    let width = layout::dialog(model.cx.size, 70, 20).width;
    let lines = wrap(&text, usize::from(width.saturating_sub(4)));
    let area = layout::dialog(model.cx.size, width, lines.len() as u16 + 4);
    let inside = pen.frame(area, &format!("Verify {}?", asked.what));
    for (y, line) in lines.iter().enumerate() {
        pen.line(row(inside, y as u16), line, pen.theme.text);
    }
    let keys = row(inside, inside.height.saturating_sub(1));
    let (choose, close) = (Act::Choose, Act::Close);
    let mut x = keys.x;
    for (act, what) in [(choose, "verify"), (close, "cancel")] {
        x = pen.text(keys, x, keys.y, &model.cx.keymap.names(act), pen.theme.key);
        x = pen.text(keys, x + 1, keys.y, what, pen.theme.dim) + 3;
    }
}

fn draw_clients(model: &Model, pen: &mut Pen<'_>, clients: &Clients) {
    let title = format!("Which client, to {}?", clients.path.name());
    let all = clients.all.iter().map(|client| Choice {
        mark: None,
        name: &client.name,
        colour: None,
        note: client.note.clone(),
    });
    let all: Vec<Choice<'_>> = all.collect();
    choice::draw(pen, model.cx.size, &title, clients.list, &all);
}

fn draw_columns(model: &Model, pen: &mut Pen<'_>, list: List) {
    let all: Vec<(String, &str)> = COLUMNS
        .iter()
        .map(|spec| {
            let sign = if model.store.columns.has(spec.column) {
                'x'
            } else {
                ' '
            };
            (format!("[{sign}] {}", spec.word), spec.doc)
        })
        .collect();
    let all = all.iter().map(|(name, doc)| Choice {
        mark: None,
        name,
        colour: None,
        note: (*doc).to_owned(),
    });
    let all: Vec<Choice<'_>> = all.collect();
    let (choose, close) = (Act::Choose, Act::Close);
    let names = |act| model.cx.keymap.names(act);
    let title = format!(
        "Columns: {} switches one on or off, {} closes",
        names(choose),
        names(close)
    );
    choice::draw(pen, model.cx.size, &title, list, &all);
}

fn draw_quit(model: &Model, pen: &mut Pen<'_>) {
    let running = model
        .activity
        .jobs
        .iter()
        .filter(|job| job.is_running())
        .count();
    let area = layout::dialog(model.cx.size, 62, 5);
    let inside = pen.frame(area, "Quit?");
    let text = if model.leaving {
        "Cancelling; it ends with the receipt, within seconds. The same key again leaves at once."
            .to_owned()
    } else {
        format!(
            "{} still running. Quitting cancels it; what it has done stays done.",
            if running == 1 {
                "A job is".to_owned()
            } else {
                format!("{running} jobs are")
            }
        )
    };
    for (y, line) in wrap(&text, usize::from(inside.width)).iter().enumerate() {
        pen.line(row(inside, y as u16), line, pen.theme.warning);
    }
}
