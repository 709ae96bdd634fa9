//! What lies over a screen: the plan before signing, questions, texts, help, the palette.

use crate::console::app::help;
use crate::console::app::layer::{Layer, Palette};
use crate::console::app::model::Model;
use crate::console::app::palette;
use crate::console::app::reasons;
use crate::console::plan::rows::{self, Fitted, Row};
use crate::console::plan::sign_dialog::SignDialog;
use crate::console::screens::activity::comparison::Verification;
use crate::console::types::action::{ACTIONS, Act, Scope};
use crate::console::types::ask::{Ask, AskKind};
use crate::console::types::secret::Secret;
use crate::console::types::text::Text;
use crate::console::widgets::Pen;
use crate::console::widgets::columns::{Align, cell};
use crate::console::widgets::input;
use crate::console::widgets::layout;
use crate::console::widgets::list::List;
use crate::console::widgets::pen::{row, wrap};
use crate::domain::Bytes;
use crate::domain::count::{count, number};
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

/// Draws a layer.
pub fn draw(model: &Model, layer: &Layer, pen: &mut Pen<'_>) {
    match layer {
        Layer::Help { scope, top } => draw_help(model, pen, *scope, *top),
        Layer::Palette(palette) => draw_palette(model, pen, palette),
        Layer::Sign(dialog) => draw_sign(model, pen, dialog),
        Layer::Access(dialog) => crate::console::plan::access_view::draw(model, pen, dialog),
        Layer::Space(dialog) => crate::console::plan::space_view::draw(model, pen, dialog),
        Layer::Text(text) => draw_text(model, pen, text),
        Layer::Ask { ask, answer } => draw_ask(model, pen, ask, answer),
        Layer::Verify(asked) => draw_verify(model, pen, asked),
        Layer::Servers(list) => draw_servers(model, pen, *list),
        Layer::Quit => draw_quit(model, pen),
    }
}

fn draw_help(model: &Model, pen: &mut Pen<'_>, scope: Scope, top: usize) {
    let theme = pen.theme;
    let lines = help::lines(model, scope);
    let (area, height) = layout::text_box(model.cx.size);
    let inside = pen.frame(
        area,
        &format!(
            "Keys: {}{}",
            scope.title(),
            position(top, height, lines.len())
        ),
    );
    for (y, line) in lines.iter().skip(top).take(height).enumerate() {
        let area = row(inside, y as u16);
        let x = pen.text(
            area,
            area.x,
            area.y,
            &cell(&line.keys, 11, Align::Left),
            theme.key,
        );
        let style = if line.reason.is_some() {
            theme.dim
        } else {
            theme.text
        };
        let x = pen.text(area, x + 1, area.y, line.title, style);
        if let Some(reason) = &line.reason {
            let rest = Rect::new(x, area.y, area.right().saturating_sub(x), area.height);
            pen.line(rest, &format!("  ({reason})"), theme.dim);
        }
    }
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

fn draw_palette(model: &Model, pen: &mut Pen<'_>, typed: &Palette) {
    let theme = pen.theme;
    let matches = palette::matches(model, typed.input.value());
    let area = layout::dialog(model.cx.size, 72, 14);
    let inside = pen.frame(area, "Command");
    let line = row(inside, 0);
    let x = pen.text(line, line.x, line.y, ":", theme.accent);
    let rest = Rect::new(x, line.y, line.right().saturating_sub(x), line.height);
    input::draw(pen, rest, &typed.input, true);
    if let Some(hint) = palette::command_hint(typed.input.value()) {
        pen.line(row(inside, 1), &format!(":{hint}"), theme.accent);
    } else if matches.is_empty() {
        pen.line(row(inside, 1), "No action is called that.", theme.warning);
    }
    let height = usize::from(inside.height.saturating_sub(2));
    let first = (typed.cursor + 1).saturating_sub(height);
    for (y, (index, action)) in matches
        .iter()
        .enumerate()
        .skip(first)
        .take(height)
        .enumerate()
    {
        let line = row(inside, y as u16 + 2);
        let current = index == typed.cursor;
        let reason = reasons::of(model, action.act).err();
        let x = pen.text(
            line,
            line.x,
            line.y,
            if current { "> " } else { "  " },
            theme.accent,
        );
        let style = match (current, reason.is_some()) {
            (true, _) => theme.selected,
            (false, true) => theme.dim,
            (false, false) => theme.text,
        };
        let x = pen.text(line, x, line.y, action.title, style);
        let keys = model.cx.keymap.names(action.act);
        let right = pen.right(line, &keys, theme.dim);
        if let Some(reason) = reason {
            let rest = Rect::new(x, line.y, right.saturating_sub(x + 1), line.height);
            pen.line(rest, &format!("  ({reason})"), theme.dim);
        }
    }
}

/// A labelled value of a dialog.
pub fn labelled(pen: &mut Pen<'_>, area: Rect, label: &str, value: &str, style: Style) {
    let x = pen.text(area, area.x, area.y, &format!("{label:<9} "), pen.theme.dim);
    let rest = Rect::new(x, area.y, area.right().saturating_sub(x), area.height);
    pen.line(rest, value, style);
}

/// The rows of the plan that are on the screen, and the choices below them.
pub fn sign_rows(model: &Model, dialog: &SignDialog) -> (Fitted, Vec<Row>, Rect) {
    let theme = model.theme();
    let mut rows = Vec::new();
    let wide = usize::from(layout::dialog(model.cx.size, 79, 24).width).saturating_sub(15);
    match &dialog.plan {
        None => rows.push(Row::new("", "Making the plan.", theme.dim)),
        Some(Err(trouble)) => {
            for line in wrap(&trouble.summary, wide + 10) {
                rows.push(Row::new("", line, theme.critical));
            }
        }
        Some(Ok(plan)) => {
            // Where something has to be known first, it stands right behind what happens.
            let warned = !plan.warnings.is_empty();
            let mut about = "";
            let (first, rest): (Vec<_>, Vec<_>) = plan.lines.iter().partition(|(label, _)| {
                about = if label.is_empty() { about } else { label };
                warned && about == "what"
            });
            let say = |rows: &mut Vec<Row>, label: &str, value: &str| {
                // A label that is the same as the one before continues it.
                let again = rows.last().is_some_and(|row| row.label == label);
                rows.push(Row::new(if again { "" } else { label }, value, theme.text));
            };
            for (label, value) in first {
                say(&mut rows, label, value);
            }
            for warning in &plan.warnings {
                rows::say(&mut rows, "warning", warning, wide, theme.warning);
            }
            for (label, value) in rest {
                say(&mut rows, label, value);
            }
            if plan.items.is_empty() {
                let nothing = crate::change::Refusal::Nothing.to_string();
                rows.push(Row::new("", nothing, theme.warning));
            }
        }
    }
    let choices = sign_choices(model, dialog);
    let height = (rows.len() + choices.len() + 5) as u16;
    let area = layout::dialog(model.cx.size, 79, height);
    // What can be chosen and the keys stay in view, whatever the plan has to say; it is read in full with `l`.
    let inside = usize::from(area.height.saturating_sub(2));
    let room = inside.saturating_sub(choices.len() + 2);
    (rows::fit(rows, room, theme.dim), choices, area)
}

fn sign_choices(model: &Model, dialog: &SignDialog) -> Vec<Row> {
    let theme = model.theme();
    let mut choices = Vec::new();
    let source = match model.sources.get(dialog.source) {
        Some(source) if model.sources.len() > 1 => {
            // In front, where a long name of a file cannot push it off the screen.
            format!(
                "({} of {}) {}",
                dialog.source + 1,
                model.sources.len(),
                source.label
            )
        }
        Some(source) => source.label.clone(),
        None => "none".to_owned(),
    };
    if !matches!(&dialog.plan, Some(Ok(plan)) if plan.lines.iter().any(|(label, _)| *label == "with") && model.sources.len() < 2)
    {
        choices.push(Row::new("key", source, theme.text));
    }
    if let Some(other) = &dialog.instead_of {
        let text = format!("what is marked, not {other}; esc and u take the marks away");
        choices.push(Row::new("signs", text, theme.warning));
    }
    let yes = |on: bool| if on { "yes" } else { "no" };
    let with = format!(
        "{}     upstream's paths  {}",
        yes(dialog.closure),
        yes(dialog.upstream)
    );
    choices.push(Row::new("closures", with, theme.text));
    choices
}

fn draw_sign(model: &Model, pen: &mut Pen<'_>, dialog: &SignDialog) {
    let theme = pen.theme;
    let title = match &dialog.plan {
        Some(Ok(plan)) => format!("Sign {}", count(plan.items.len(), "path")),
        _ => "Sign".to_owned(),
    };
    let (fitted, choices, area) = sign_rows(model, dialog);
    let inside = pen.frame(area, &title);
    let mut y = 0;
    for line in fitted.rows.iter().chain(&choices) {
        labelled(pen, row(inside, y), &line.label, &line.value, line.style);
        y += 1;
    }
    let line = row(inside, y);
    let x = pen.text(line, line.x, line.y, "reason    ", theme.dim);
    let rest = Rect::new(x, line.y, line.right().saturating_sub(x), line.height);
    if dialog.reason.value().is_empty() && !dialog.writing {
        pen.line(rest, "r writes one for the audit log", theme.dim);
    } else {
        input::draw(pen, rest, &dialog.reason, dialog.writing);
    }
    let keys = row(inside, inside.height.saturating_sub(1));
    draw_keys(model, pen, keys, Scope::Sign);
}

/// The keys of the dialog, inside of it.
pub fn draw_keys(model: &Model, pen: &mut Pen<'_>, area: Rect, scope: Scope) {
    let theme = pen.theme;
    let mut x = area.x;
    let own = ACTIONS
        .iter()
        .filter(|action| action.scopes.contains(&scope) && !action.hint.is_empty())
        .filter(|action| !matches!(action.act, Act::Help | Act::Quit | Act::Copy))
        // One dialog serves several changes; what belongs to another one is no key of this one.
        .filter(|action| {
            let some = matches!(
                action.act,
                Act::ChangeLifetime | Act::ChangeSessions | Act::KeepName | Act::KeepExpiry
            );
            !some || reasons::of(model, action.act).is_ok()
        });
    for action in own {
        let Some(key) = model.cx.keymap.keys(action.act).first() else {
            continue;
        };
        let works = reasons::of(model, action.act).is_ok();
        let style = if works { theme.key } else { theme.dim };
        x = pen.text(area, x, area.y, &key.to_string(), style);
        x = pen.text(area, x + 1, area.y, action.hint, theme.dim) + 3;
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

fn draw_servers(model: &Model, pen: &mut Pen<'_>, list: List) {
    let theme = pen.theme;
    let longest = model
        .servers
        .iter()
        .map(|server| server.name.width())
        .max()
        .unwrap_or(0);
    let rows = model.servers.len();
    let area = layout::dialog(
        model.cx.size,
        (longest as u16).saturating_add(18).max(30),
        rows as u16 + 2,
    );
    let inside = pen.frame(area, "Switch server");
    for (y, index) in list.view(rows, usize::from(inside.height)).enumerate() {
        let line = row(inside, y as u16);
        let current = index == list.cursor;
        let name = &model.servers[index].name;
        pen.text(
            line,
            line.x,
            line.y,
            if current { ">" } else { " " },
            theme.accent,
        );
        let style = if current { theme.selected } else { theme.text };
        let x = pen.text(line, line.x + 2, line.y, name, style);
        if *name == model.cx.server {
            pen.text(line, x + 2, line.y, "(this one)", theme.dim);
        }
    }
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
