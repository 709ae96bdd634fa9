//! The dialog before a change of who may log in: the difference of the file, what follows from it, and how it is confirmed.

use crate::change::{Danger, Plan};
use crate::console::access::{AccessDialog, LIFETIMES, Typing, Wanted};
use crate::console::actions::{Act, Scope};
use crate::console::layout;
use crate::console::model::Model;
use crate::console::screens::dialogs::{draw_keys, labelled};
use crate::console::widgets::Pen;
use crate::console::widgets::input;
use crate::console::widgets::pen::{row, wrap};
use ratatui::layout::Rect;
use ratatui::style::Style;

/// Rows that a long line of the plan may take; all of it is read with `l`.
const MOST: usize = 3;

type Lines = Vec<(String, String, Style)>;

/// Draws it.
pub fn draw(model: &Model, pen: &mut Pen<'_>, dialog: &AccessDialog) {
    if dialog.typing == Typing::Key {
        return draw_paste(model, pen, dialog);
    }
    let wide = usize::from(layout::dialog(model.size, 79, 24).width).saturating_sub(15);
    let mut lines = plan_lines(pen, dialog, wide);
    let choices = choices(pen, dialog);
    let word = dialog.typing == Typing::Word;
    let height = (lines.len() + choices.len() + 5 + usize::from(word)) as u16;
    let area = layout::dialog(model.size, 79, height);
    let inside = pen.frame(area, dialog.wanted.title());
    // What can be chosen and the keys stay in view, whatever the plan has to say.
    let most = usize::from(inside.height).saturating_sub(choices.len() + 2 + usize::from(word));
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
    let line = row(inside, y);
    let what = match dialog.wanted {
        Wanted::Approve(_) | Wanted::Deny(_) => "note",
        _ => "reason",
    };
    let x = pen.text(line, line.x, line.y, &format!("{what:<9} "), pen.theme.dim);
    let rest = Rect::new(x, line.y, line.right().saturating_sub(x), line.height);
    if dialog.reason.value().is_empty() && dialog.typing != Typing::Reason {
        let key = model.keymap.names(Act::ChangeReason);
        let text = format!("{key} writes one for the audit log");
        pen.line(rest, &text, pen.theme.dim);
    } else {
        input::draw(pen, rest, &dialog.reason, dialog.typing == Typing::Reason);
    }
    if let (true, Some(Ok(plan))) = (word, &dialog.plan) {
        draw_word(pen, row(inside, y + 1), dialog, plan);
    }
    let keys = row(inside, inside.height.saturating_sub(1));
    draw_keys(model, pen, keys, Scope::Change);
}

fn draw_word(pen: &mut Pen<'_>, line: Rect, dialog: &AccessDialog, plan: &Plan) {
    let Danger::Destroys { word } = plan.danger else {
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
    input::draw_text(pen, rest, dialog.key.reveal(), dialog.key.len(), true);
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
