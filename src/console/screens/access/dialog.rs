//! The dialog before a change of who may log in: the difference of the file, what follows from it, and how it is confirmed.

use crate::change::Plan;
use crate::console::access::{AccessDialog, LIFETIMES, Typing, Wanted};
use crate::console::actions::{Act, Scope};
use crate::console::layout;
use crate::console::model::Model;
use crate::console::screens::dialogs::{draw_keys, labelled};
use crate::console::widgets::Pen;
use crate::console::widgets::input;
use crate::console::widgets::pen::{row, wrap};
use crate::domain::key_request::Request;
use crate::domain::ssh_key::PublicSshKey;
use crate::domain::text::visible;
use crate::onboard::proof::command;
use ratatui::layout::Rect;
use ratatui::style::Style;
use tui_input::Input;

/// Rows that a long line of the plan may take; all of it is read with `l`.
const MOST: usize = 3;

type Lines = Vec<(String, String, Style)>;

/// Draws it.
pub fn draw(model: &Model, pen: &mut Pen<'_>, dialog: &AccessDialog) {
    match (&dialog.wanted, dialog.typing) {
        (_, Typing::Key) => return draw_paste(model, pen, dialog),
        (Wanted::Prove(request, None), _) => return draw_proof(model, pen, dialog, request),
        _ => {}
    }
    let wide = usize::from(layout::dialog(model.size, 79, 24).width).saturating_sub(15);
    let mut lines = plan_lines(pen, dialog, wide);
    let choices = choices(pen, dialog);
    let fields = fields(model, dialog);
    let word = dialog.typing == Typing::Word;
    let below = choices.len() + fields.len() + usize::from(word);
    let height = (lines.len() + below + 4) as u16;
    let area = layout::dialog(model.size, 79, height);
    let inside = pen.frame(area, dialog.wanted.title());
    // What can be chosen and the keys stay in view, whatever the plan has to say.
    let most = usize::from(inside.height).saturating_sub(below + 1);
    if lines.len() > most {
        lines.truncate(most.saturating_sub(1));
        lines.push((
            String::new(),
            "… l shows all of it".to_owned(),
            pen.theme.dim,
        ));
    }
    let mut y = 0;
    for (label, value, style) in lines.iter().chain(&choices) {
        labelled(pen, row(inside, y), label, value, *style);
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

/// A line that can be written.
struct Field<'a> {
    label: &'static str,
    input: &'a Input,
    typing: Typing,
    /// What stands there while it is empty.
    empty: String,
}

fn fields<'a>(model: &Model, dialog: &'a AccessDialog) -> Vec<Field<'a>> {
    let key = |act| model.keymap.names(act);
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
    let room = usize::from(layout::dialog(model.size, 79, 24).width).saturating_sub(4);
    let copy = model.keymap.names(Act::Copy);
    let enter = model.keymap.names(Act::ConfirmChange);
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
    let area = layout::dialog(model.size, 79, height);
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
        let close = model.keymap.names(Act::Close);
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
    let area = layout::dialog(model.size, 79, 7);
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
fn plan_lines(pen: &Pen<'_>, dialog: &AccessDialog, wide: usize) -> Lines {
    let theme = pen.theme;
    let mut lines: Lines = Vec::new();
    match &dialog.plan {
        None => lines.push((String::new(), "Making the plan.".to_owned(), theme.dim)),
        Some(Err(trouble)) => {
            for line in wrap(&trouble.summary, wide + 10) {
                lines.push((String::new(), line, theme.critical));
            }
        }
        Some(Ok(plan)) => {
            let what = ("what", plan.summary.clone());
            // What has to be known first stands where it is never cut off.
            let warnings = plan.warnings.iter().map(|text| ("warning", text.clone()));
            let said = plan
                .lines
                .iter()
                .map(|(label, text)| (*label, text.clone()));
            for (label, text) in std::iter::once(what).chain(warnings).chain(said) {
                let style = match label {
                    "warning" | "ends" => theme.warning,
                    "-" => theme.critical,
                    "+" => theme.fine,
                    _ => theme.text,
                };
                let parts = wrap(&text, wide);
                let cut = parts.len() > MOST;
                for (index, part) in parts.into_iter().take(MOST).enumerate() {
                    let label = if index == 0 { label } else { "" };
                    let part = if cut && index + 1 == MOST {
                        format!("{part}…")
                    } else {
                        part
                    };
                    lines.push((label.to_owned(), part, style));
                }
            }
        }
    }
    lines
}

fn choices(pen: &Pen<'_>, dialog: &AccessDialog) -> Lines {
    let theme = pen.theme;
    let mut lines: Lines = Vec::new();
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
        lines.push(("lifetime".to_owned(), words.join("  "), theme.text));
    }
    if matches!(dialog.wanted, Wanted::Revoke(_)) {
        let text = if dialog.end_sessions {
            "yes, open sessions of this key are ended"
        } else {
            "no, open sessions of this key go on"
        };
        lines.push(("sessions".to_owned(), text.to_owned(), theme.text));
    }
    lines
}
