//! The dialog before a collection, a pin, or a root that goes.

use crate::change::Plan;
use crate::console::app::dialogs::{draw_keys, labelled};
use crate::console::app::model::Model;
use crate::console::plan::rows::{self, Fitted, Row};
use crate::console::plan::space_dialog::Wanted;
use crate::console::plan::space_dialog::{SpaceDialog, Typing};
use crate::console::types::action::{Act, Scope};
use crate::console::widgets::Pen;
use crate::console::widgets::input;
use crate::console::widgets::layout;
use crate::console::widgets::pen::{row, wrap};
use crate::console::widgets::theme::Theme;
use ratatui::layout::Rect;
use tui_input::Input;

/// What can be typed: label, text, what it says while it is empty, and which part it is.
type Part<'a> = (&'static str, &'a Input, String, Typing);

/// Draws it.
pub fn draw(model: &Model, pen: &mut Pen<'_>, dialog: &SpaceDialog) {
    let fitted = rows(model, dialog);
    let parts = parts(model, dialog);
    let word = dialog.typing == Some(Typing::Word);
    let below = parts.len() + usize::from(word);
    let height = (fitted.rows.len() + below + 4) as u16;
    let area = layout::dialog(model.cx.size, 79, height);
    let inside = pen.frame(area, dialog.wanted.title());
    let mut y = 0;
    for line in &fitted.rows {
        labelled(pen, row(inside, y), &line.label, &line.value, line.style);
        y += 1;
    }
    for (label, text, empty, part) in &parts {
        let line = row(inside, y);
        let typing = dialog.typing == Some(*part);
        let x = pen.text(line, line.x, line.y, &format!("{label:<9} "), pen.theme.dim);
        let rest = Rect::new(x, line.y, line.right().saturating_sub(x), line.height);
        if text.value().is_empty() && !typing {
            pen.line(rest, empty, pen.theme.dim);
        } else {
            input::draw(pen, rest, text, typing);
        }
        y += 1;
    }
    if let (true, Some(Ok(plan))) = (word, &dialog.plan) {
        draw_word(pen, row(inside, y), dialog, plan);
    }
    let keys = row(inside, inside.height.saturating_sub(1));
    draw_keys(model, pen, keys, Scope::Keep);
}

/// The rows of the plan that are on the screen. What can be typed and the keys stay in view, whatever the plan has to say.
pub fn rows(model: &Model, dialog: &SpaceDialog) -> Fitted {
    let theme = model.theme();
    let wide = usize::from(layout::dialog(model.cx.size, 79, 24).width).saturating_sub(15);
    let lines = plan_rows(theme, dialog, wide);
    let word = usize::from(dialog.typing == Some(Typing::Word));
    let below = parts(model, dialog).len() + word;
    let area = layout::dialog(model.cx.size, 79, (lines.len() + below + 4) as u16);
    let room = usize::from(area.height.saturating_sub(2)).saturating_sub(below + 2);
    rows::fit(lines, room, theme.dim)
}

fn parts<'a>(model: &Model, dialog: &'a SpaceDialog) -> Vec<Part<'a>> {
    let key = |act: Act| model.cx.keymap.names(act);
    let mut parts = Vec::new();
    let Wanted::Pin(paths) = &dialog.wanted else {
        if matches!(dialog.wanted, Wanted::Generations) {
            let empty = format!("{} says how old they are", key(Act::KeepExpiry));
            parts.push(("older", &dialog.age, empty, Typing::Age));
        }
        let empty = format!("{} writes one for the audit log", key(Act::KeepNote));
        parts.push(("reason", &dialog.note, empty, Typing::Reason));
        return parts;
    };
    if paths.len() == 1 {
        let empty = "the path's own name".to_owned();
        parts.push(("name", &dialog.name, empty, Typing::Name));
    }
    let empty = format!("no end; {} sets one", key(Act::KeepExpiry));
    parts.push(("expires", &dialog.expires, empty, Typing::Expires));
    let empty = format!("{} says what it is for", key(Act::KeepNote));
    parts.push(("note", &dialog.note, empty, Typing::Note));
    parts
}

fn draw_word(pen: &mut Pen<'_>, line: Rect, dialog: &SpaceDialog, plan: &Plan) {
    let Some(word) = plan.word() else {
        return;
    };
    let text = format!("type {word}: ");
    let x = pen.text(line, line.x, line.y, &text, pen.theme.critical);
    let rest = Rect::new(x, line.y, line.right().saturating_sub(x), line.height);
    input::draw(pen, rest, &dialog.word, true);
}

/// What a plan says, in the order in which it matters where not all of it has room: what happens, what to beware of, what
/// follows; then the lists. A note that is typed below is not said twice.
fn told(plan: &Plan) -> Vec<(&'static str, &String)> {
    const FIRST: [&str; 5] = ["on", "what", "goal", "order", "effect"];
    let of = |first: bool| {
        plan.lines
            .iter()
            .filter(move |(label, _)| FIRST.contains(label) == first && *label != "note")
            .map(|(label, value)| (*label, value))
    };
    let warnings = plan.warnings.iter().map(|warning| ("warning", warning));
    of(true).chain(warnings).chain(of(false)).collect()
}

fn plan_rows(theme: &Theme, dialog: &SpaceDialog, wide: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    match &dialog.plan {
        None => rows.push(Row::new("", "Making the plan.", theme.dim)),
        Some(Err(trouble)) => {
            for line in wrap(&trouble.summary, wide) {
                rows.push(Row::new("", line, theme.critical));
            }
        }
        Some(Ok(plan)) => {
            let mut last = "";
            for (label, value) in told(plan) {
                let style = if label == "warning" {
                    theme.warning
                } else {
                    theme.text
                };
                let from = rows.len();
                rows::say(&mut rows, label, value, wide, style);
                // A label that is the same as the one before continues it.
                if let Some(row) = rows.get_mut(from).filter(|_| label == last) {
                    row.label.clear();
                }
                last = label;
            }
            if plan.items.is_empty() {
                let nothing = crate::change::Refusal::Nothing.to_string();
                rows.push(Row::new("", nothing, theme.warning));
            }
        }
    }
    rows
}
