//! The dialog before a collection, a pin, or a root that goes.

use crate::change::Plan;
use crate::console::actions::{Act, Scope};
use crate::console::layout;
use crate::console::model::Model;
use crate::console::screens::dialogs::{draw_keys, labelled};
use crate::console::space::Wanted;
use crate::console::space::dialog::{SpaceDialog, Typing};
use crate::console::widgets::Pen;
use crate::console::widgets::input;
use crate::console::widgets::pen::{row, wrap};
use ratatui::layout::Rect;
use ratatui::style::Style;
use tui_input::Input;

/// Rows that a long line of the plan may take; all of it is read with `l`.
const MOST: usize = 3;

type Lines = Vec<(String, String, Style)>;

/// What can be typed: label, text, what it says while it is empty, and which part it is.
type Part<'a> = (&'static str, &'a Input, String, Typing);

/// Draws it.
pub fn draw(model: &Model, pen: &mut Pen<'_>, dialog: &SpaceDialog) {
    let wide = usize::from(layout::dialog(model.size, 79, 24).width).saturating_sub(15);
    let mut lines = plan_lines(pen, dialog, wide);
    let parts = parts(model, dialog);
    let word = dialog.typing == Some(Typing::Word);
    let below = parts.len() + usize::from(word);
    let area = layout::dialog(model.size, 79, (lines.len() + below + 4) as u16);
    let inside = pen.frame(area, dialog.wanted.title());
    // What can be typed and the keys stay in view, whatever the plan has to say.
    let most = usize::from(inside.height).saturating_sub(below + 2);
    if lines.len() > most {
        lines.truncate(most.saturating_sub(1));
        let style = pen.theme.dim;
        lines.push((String::new(), "… l shows all of it".to_owned(), style));
    }
    let mut y = 0;
    for (label, value, style) in &lines {
        labelled(pen, row(inside, y), label, value, *style);
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

fn parts<'a>(model: &Model, dialog: &'a SpaceDialog) -> Vec<Part<'a>> {
    let key = |act: Act| model.keymap.names(act);
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

fn plan_lines(pen: &Pen<'_>, dialog: &SpaceDialog, wide: usize) -> Lines {
    let theme = pen.theme;
    let mut lines: Lines = Vec::new();
    match &dialog.plan {
        None => lines.push((String::new(), "Making the plan.".to_owned(), theme.dim)),
        Some(Err(trouble)) => {
            for line in wrap(&trouble.summary, wide) {
                lines.push((String::new(), line, theme.critical));
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
                let mut parts = wrap(value, wide);
                let cut = parts.len() > MOST;
                parts.truncate(MOST);
                if let (true, Some(part)) = (cut, parts.last_mut()) {
                    part.push('…');
                }
                for (index, part) in parts.into_iter().enumerate() {
                    // A label that is the same as the one before continues it.
                    let label = if index == 0 && label != last {
                        label
                    } else {
                        ""
                    };
                    lines.push((label.to_owned(), part, style));
                }
                last = label;
            }
            if plan.items.is_empty() {
                let nothing = crate::change::Refusal::Nothing.to_string();
                lines.push((String::new(), nothing, theme.warning));
            }
        }
    }
    lines
}
