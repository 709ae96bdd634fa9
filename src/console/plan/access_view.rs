//! The dialog before a change of who may log in: the difference of the file, what follows from it, and how it is confirmed.

use crate::change::Plan;
use crate::console::app::dialogs::{draw_keys, labelled};
use crate::console::app::model::Model;
use crate::console::plan::access::{AccessDialog, Typing, Wanted};
use crate::console::plan::rows::{self, Fitted, Row};
use crate::console::screens::access::state::LIFETIMES;
use crate::console::types::action::{Act, Scope};
use crate::console::widgets::Pen;
use crate::console::widgets::input;
use crate::console::widgets::layout;
use crate::console::widgets::pen::{row, wrap};
use crate::console::widgets::theme::Theme;
use crate::domain::key_request::Request;
use crate::domain::ssh_key::PublicSshKey;
use crate::domain::text::visible;
use crate::onboard::proof::command;
use ratatui::layout::Rect;
use ratatui::style::Style;
use tui_input::Input;

/// Draws it.
pub fn draw(model: &Model, pen: &mut Pen<'_>, dialog: &AccessDialog) {
    match (&dialog.wanted, dialog.typing) {
        (_, Typing::Key) => return draw_paste(model, pen, dialog),
        (Wanted::Prove(request, None), _) => return draw_proof(model, pen, dialog, request),
        _ => {}
    }
    let choices = choices(model.theme(), dialog);
    let fields = fields(model, dialog);
    let word = dialog.typing == Typing::Word;
    let fitted = rows(model, dialog);
    let below = choices.len() + fields.len() + usize::from(word);
    let height = (fitted.rows.len() + below + 4) as u16;
    let area = layout::dialog(model.cx.size, 79, height);
    let inside = pen.frame(area, dialog.wanted.title());
    let mut y = 0;
    for line in fitted.rows.iter().chain(&choices) {
        labelled(pen, row(inside, y), &line.label, &line.value, line.style);
        y += 1;
    }
    for field in &fields {
        draw_field(pen, row(inside, y), field, dialog.typing);
        y += 1;
    }
    if let (true, Some(Ok(plan))) = (word, &dialog.plan) {
        draw_word(pen, row(inside, y), dialog, plan);
    }
    let keys = row(inside, inside.height.saturating_sub(1));
    draw_keys(model, pen, keys, Scope::Change);
}

/// The rows of the plan that are on the screen. What can be chosen and the keys stay in view, whatever the plan has to say.
pub fn rows(model: &Model, dialog: &AccessDialog) -> Fitted {
    let theme = model.theme();
    let wide = usize::from(layout::dialog(model.cx.size, 79, 24).width).saturating_sub(15);
    let lines = plan_rows(theme, dialog, wide);
    let word = usize::from(dialog.typing == Typing::Word);
    let below = choices(theme, dialog).len() + fields(model, dialog).len() + word;
    let area = layout::dialog(model.cx.size, 79, (lines.len() + below + 4) as u16);
    let room = usize::from(area.height.saturating_sub(2)).saturating_sub(below + 1);
    rows::fit(lines, room, theme.dim)
}

/// A line that can be written.
struct Field<'a> {
    label: &'static str,
    input: &'a Input,
    typing: Typing,
    /// What stands there while it is empty.
    empty: String,
}

fn fields<'a>(model: &Model, dialog: &'a AccessDialog) -> Vec<Field<'a>> {
    let key = |act| model.cx.keymap.names(act);
    let mut fields = Vec::new();
    if dialog.wanted.adds() {
        let own = dialog.wanted.key().map(PublicSshKey::comment);
        let own = own.filter(|own| !own.is_empty());
        fields.push(Field {
            label: "from",
            input: &dialog.from,
            typing: Typing::From,
            empty: format!("anywhere; {} limits it", key(Act::ChangeFrom)),
        });
        fields.push(Field {
            label: "comment",
            input: &dialog.comment,
            typing: Typing::Comment,
            empty: match own {
                Some(own) => format!(
                    "{}; {} writes another",
                    visible(&own),
                    key(Act::ChangeComment)
                ),
                None => format!("none; {} writes one", key(Act::ChangeComment)),
            },
        });
    }
    fields.push(Field {
        label: match dialog.wanted {
            Wanted::Approve(_) | Wanted::Deny(_) => "note",
            _ => "reason",
        },
        input: &dialog.reason,
        typing: Typing::Reason,
        empty: format!("{} writes one for the audit log", key(Act::ChangeReason)),
    });
    fields
}

fn draw_field(pen: &mut Pen<'_>, line: Rect, field: &Field<'_>, typing: Typing) {
    let label = format!("{:<9} ", field.label);
    let x = pen.text(line, line.x, line.y, &label, pen.theme.dim);
    let rest = Rect::new(x, line.y, line.right().saturating_sub(x), line.height);
    if field.input.value().is_empty() && typing != field.typing {
        pen.line(rest, &field.empty, pen.theme.dim);
    } else {
        input::draw(pen, rest, field.input, typing == field.typing);
    }
}

/// What to send to a requester, and where the answer is pasted.
fn draw_proof(model: &Model, pen: &mut Pen<'_>, dialog: &AccessDialog, request: &Request) {
    let Some(known) = &model.access.known else {
        return;
    };
    let room = usize::from(layout::dialog(model.cx.size, 79, 24).width).saturating_sub(4);
    let copy = model.cx.keymap.names(Act::Copy);
    let enter = model.cx.keymap.names(Act::ConfirmChange);
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
        "{copy} copies it with a word of explanation. The answer is all lines from BEGIN to END SSH SIGNATURE. A proof is noted with the request; it lets nobody in."
    );
    add(&last, theme.dim);
    let answering = dialog.typing == Typing::Answer;
    let height = lines.len() as u16 + 4 + 2 * u16::from(answering);
    let area = layout::dialog(model.cx.size, 79, height);
    let inside = pen.frame(area, dialog.wanted.title());
    for (y, (line, style)) in lines.iter().enumerate() {
        pen.line(row(inside, y as u16), line, *style);
    }
    if answering {
        let line = row(inside, lines.len() as u16 + 1);
        let x = pen.text(line, line.x, line.y, "answer ", theme.accent);
        let rest = Rect::new(x, line.y, line.right().saturating_sub(x), line.height);
        let text = dialog.pasted.reveal().replace('\n', " ");
        input::draw_text(pen, rest, &text, dialog.pasted.len(), true);
    } else {
        let keys = row(inside, inside.height.saturating_sub(1));
        let close = model.cx.keymap.names(Act::Close);
        let text = [
            (copy, "copy"),
            (enter, "paste the answer"),
            (close, "cancel"),
        ];
        let mut x = keys.x;
        for (key, what) in text {
            x = pen.text(keys, x, keys.y, &key, theme.key);
            x = pen.text(keys, x + 1, keys.y, what, theme.dim) + 3;
        }
    }
}

fn draw_word(pen: &mut Pen<'_>, line: Rect, dialog: &AccessDialog, plan: &Plan) {
    let Some(word) = plan.word() else {
        return;
    };
    let text = format!("type {word}: ");
    let x = pen.text(line, line.x, line.y, &text, pen.theme.critical);
    let rest = Rect::new(x, line.y, line.right().saturating_sub(x), line.height);
    input::draw(pen, rest, &dialog.word, true);
}

/// Where a key is pasted.
fn draw_paste(model: &Model, pen: &mut Pen<'_>, dialog: &AccessDialog) {
    let area = layout::dialog(model.cx.size, 79, 7);
    let inside = pen.frame(area, dialog.wanted.title());
    let text =
        "Paste the one line of the .pub file: type, base64, comment. A private key is refused.";
    let room = usize::from(inside.width);
    let lines = wrap(text, room);
    for (y, line) in lines.iter().enumerate() {
        pen.line(row(inside, y as u16), line, Style::new());
    }
    let line = row(inside, lines.len() as u16 + 1);
    let x = pen.text(line, line.x, line.y, "key ", pen.theme.accent);
    let rest = Rect::new(x, line.y, line.right().saturating_sub(x), line.height);
    input::draw_text(pen, rest, dialog.pasted.reveal(), dialog.pasted.len(), true);
}

/// What the plan says: the difference line by line, and what to know first.
fn plan_rows(theme: &Theme, dialog: &AccessDialog, wide: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    match &dialog.plan {
        None => rows.push(Row::new("", "Making the plan.", theme.dim)),
        Some(Err(trouble)) => {
            for line in wrap(&trouble.summary, wide + 10) {
                rows.push(Row::new("", line, theme.critical));
            }
        }
        Some(Ok(plan)) => {
            let what = ("what", plan.summary.as_str());
            // What has to be known first stands where it is cut off last.
            let warnings = plan.warnings.iter().map(|text| ("warning", text.as_str()));
            let said = plan.lines.iter();
            let said = said.map(|(label, text)| (*label, text.as_str()));
            for (label, text) in std::iter::once(what).chain(warnings).chain(said) {
                let style = match label {
                    "warning" | "ends" => theme.warning,
                    "-" => theme.critical,
                    "+" => theme.fine,
                    _ => theme.text,
                };
                rows::say(&mut rows, label, text, wide, style);
            }
        }
    }
    rows
}

fn choices(theme: &Theme, dialog: &AccessDialog) -> Vec<Row> {
    let mut rows = Vec::new();
    if dialog.wanted.lasts() {
        let words: Vec<String> = LIFETIMES
            .iter()
            .enumerate()
            .map(|(index, (words, _))| {
                if index == dialog.lifetime {
                    format!("[{words}]")
                } else {
                    (*words).to_owned()
                }
            })
            .collect();
        rows.push(Row::new("lifetime", words.join("  "), theme.text));
    }
    if matches!(dialog.wanted, Wanted::Revoke(_)) {
        let text = if dialog.end_sessions {
            "yes, open sessions of this key are ended"
        } else {
            "no, open sessions of this key go on"
        };
        rows.push(Row::new("sessions", text, theme.text));
    }
    rows
}
