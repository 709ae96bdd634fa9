//! Draws the dialog: the plan, what can be chosen and typed, the word that confirms, its keys.

use crate::console::plan::reasons;
use crate::console::plan::rows::{self, Below, WIDTH};
use crate::console::plan::state::{Field, Inputs, PlanDialog};
use crate::console::types::action::{ACTIONS, Act};
use crate::console::types::change::{ChangeKind, What};
use crate::console::types::context::Context;
use crate::console::types::scope::Scope;
use crate::console::widgets::Pen;
use crate::console::widgets::input;
use crate::console::widgets::layout;
use crate::console::widgets::pen::{labelled, row, wrap};
use crate::domain::count::count;
use crate::domain::key_request::Request;
use crate::onboard::proof::command;
use ratatui::layout::Rect;
use ratatui::style::Style;

pub fn draw(dialog: &PlanDialog, cx: &Context, inputs: &Inputs<'_>, pen: &mut Pen<'_>) {
    if dialog.typing == Some(Field::Key) {
        return draw_paste(dialog, cx, pen);
    }
    if let Some(request) = dialog.change.unanswered() {
        return draw_proof(dialog, cx, inputs, pen, request);
    }
    let fitted = rows::of(dialog, cx, inputs);
    let below = rows::below(dialog, cx, inputs);
    let height = (fitted.rows.len() + below.len() + 4) as u16;
    let inside = pen.frame(layout::dialog(cx.size, WIDTH, height), &title(dialog));
    let mut y = 0;
    for line in &fitted.rows {
        labelled(pen, row(inside, y), &line.label, &line.value, line.style);
        y += 1;
    }
    for line in &below {
        draw_below(dialog, pen, row(inside, y), line);
        y += 1;
    }
    let keys = row(inside, inside.height.saturating_sub(1));
    draw_keys(dialog, cx, inputs, pen, keys);
}

fn title(dialog: &PlanDialog) -> String {
    match (&dialog.change, dialog.made()) {
        (change @ ChangeKind::Sign(What::Rotation(_)), _) => change.title().to_owned(),
        (ChangeKind::Sign(_), Some(plan)) => format!("Sign {}", count(plan.items.len(), "path")),
        (change, _) => change.title().to_owned(),
    }
}

fn draw_below(dialog: &PlanDialog, pen: &mut Pen<'_>, line: Rect, below: &Below) {
    let theme = pen.theme;
    let (field, label, empty) = match below {
        Below::Choice(choice) => {
            return labelled(pen, line, &choice.label, &choice.value, choice.style);
        }
        Below::Text(Field::Word, label, word) => (
            Field::Word,
            (format!("{label} {word}: "), theme.critical),
            "",
        ),
        Below::Text(field, label, empty) => {
            (*field, (format!("{label:<9} "), theme.dim), empty.as_str())
        }
    };
    let x = pen.text(line, line.x, line.y, &label.0, label.1);
    let rest = Rect::new(x, line.y, line.right().saturating_sub(x), line.height);
    let typing = dialog.typing == Some(field);
    let Some(text) = dialog.texts.of(field) else {
        return;
    };
    if text.value().is_empty() && !typing {
        pen.line(rest, empty, theme.dim);
    } else {
        input::draw(pen, rest, text, typing);
    }
}

/// The keys of the dialog, inside of it. What belongs to another change is no key of this one.
fn draw_keys(
    dialog: &PlanDialog,
    cx: &Context,
    inputs: &Inputs<'_>,
    pen: &mut Pen<'_>,
    area: Rect,
) {
    let theme = pen.theme;
    let scope = Scope::Plan(dialog.change.family());
    let mut x = area.x;
    for action in ACTIONS {
        let works = reasons::of(dialog, action.act, cx, inputs).is_ok();
        if !action.hint_in.contains(&scope) || !action.hint_when.now(works, true, true) {
            continue;
        }
        let Some(key) = cx.keymap.keys(action.act).first() else {
            continue;
        };
        let style = if works { theme.key } else { theme.dim };
        x = pen.text(area, x, area.y, &key.to_string(), style);
        x = pen.text(area, x + 1, area.y, action.hint, theme.dim) + 3;
    }
}

/// What to send to a requester, and where the answer is pasted.
fn draw_proof(
    dialog: &PlanDialog,
    cx: &Context,
    inputs: &Inputs<'_>,
    pen: &mut Pen<'_>,
    request: &Request,
) {
    let Some(known) = inputs.access else {
        return;
    };
    let room = usize::from(layout::dialog(cx.size, WIDTH, 24).width).saturating_sub(4);
    let copy = cx.keymap.names(Act::Copy);
    let enter = cx.keymap.names(Act::ConfirmPlan);
    let theme = pen.theme;
    let command = command(&request.key, &request.challenge(&known.facts.host));
    let mut lines: Vec<(String, Style)> = Vec::new();
    let mut add = |text: &str, style| {
        lines.extend(wrap(text, room).into_iter().map(|line| (line, style)));
    };
    add(
        "Send this to the requester, who runs it where the private key is and sends back what it prints:",
        theme.text,
    );
    add("", theme.text);
    add(&command, theme.accent);
    add("", theme.text);
    let last = format!(
        "{copy} copies it with an explanation. The answer is all lines from BEGIN to END SSH SIGNATURE. A proof is recorded with the request; it authorizes nobody."
    );
    add(&last, theme.dim);
    let answering = dialog.typing == Some(Field::Answer);
    let height = lines.len() as u16 + 4 + 2 * u16::from(answering);
    let area = layout::dialog(cx.size, WIDTH, height);
    let inside = pen.frame(area, dialog.change.title());
    for (y, (line, style)) in lines.iter().enumerate() {
        pen.line(row(inside, y as u16), line, *style);
    }
    if answering {
        let line = row(inside, lines.len() as u16 + 1);
        let x = pen.text(line, line.x, line.y, "answer ", theme.accent);
        let rest = Rect::new(x, line.y, line.right().saturating_sub(x), line.height);
        let text = dialog.pasted.reveal().replace('\n', " ");
        input::draw_text(pen, rest, &text, dialog.pasted.len(), true);
        return;
    }
    let keys = row(inside, inside.height.saturating_sub(1));
    let close = cx.keymap.names(Act::Close);
    let mut x = keys.x;
    for (key, what) in [
        (copy, "copy"),
        (enter, "paste the answer"),
        (close, "cancel"),
    ] {
        x = pen.text(keys, x, keys.y, &key, theme.key);
        x = pen.text(keys, x + 1, keys.y, what, theme.dim) + 3;
    }
}

/// Where a key is pasted.
fn draw_paste(dialog: &PlanDialog, cx: &Context, pen: &mut Pen<'_>) {
    let inside = pen.frame(layout::dialog(cx.size, WIDTH, 7), dialog.change.title());
    let text =
        "Paste the one line of the .pub file: type, base64, comment. A private key is refused.";
    let lines = wrap(text, usize::from(inside.width));
    for (y, line) in lines.iter().enumerate() {
        pen.line(row(inside, y as u16), line, Style::new());
    }
    let line = row(inside, lines.len() as u16 + 1);
    let x = pen.text(line, line.x, line.y, "key ", pen.theme.accent);
    let rest = Rect::new(x, line.y, line.right().saturating_sub(x), line.height);
    input::draw_text(pen, rest, dialog.pasted.reveal(), dialog.pasted.len(), true);
}
