//! The rows of a plan in its dialog: what is on the screen, and what is not.
//!
//! In: the dialog, and the room for it. Out: the rows that are drawn, and whether a warning is not among them. Drawing and the gate
//! of confirming ask the same functions, so that no warning is confirmed unseen.

use crate::change::access::LIFETIMES;
use crate::change::{Plan, Refusal, Second};
use crate::console::plan::certificate;
use crate::console::plan::install;
use crate::console::plan::state::{Field, Inputs, PlanDialog};
use crate::console::types::action::Act;
use crate::console::types::change::{ChangeKind, SpaceChange, TwoChange, What};
use crate::console::types::context::Context;
use crate::console::widgets::layout;
use crate::console::widgets::pen::{self, wrap};
use crate::console::widgets::theme::Theme;
use crate::domain::count::count;
use crate::domain::ssh_key::PublicSshKey;
use crate::domain::text::visible;
use ratatui::style::Style;

/// Columns of the dialog.
pub const WIDTH: u16 = 79;

/// A row of a dialog.
#[derive(Debug, Clone)]
pub struct Row {
    /// What it is about; empty if it continues the row before.
    pub label: String,
    /// What it says.
    pub value: String,
    /// In this style.
    pub style: Style,
    /// Whether it is a part of a warning.
    pub warns: bool,
}

impl Row {
    /// A row that warns of nothing.
    pub fn new(label: impl Into<String>, value: impl Into<String>, style: Style) -> Self {
        Self {
            label: label.into(),
            value: value.into(),
            style,
            warns: false,
        }
    }
}

/// Rows of a plan, cut to the room that there is.
#[derive(Debug)]
pub struct Fitted {
    /// What is drawn.
    pub rows: Vec<Row>,
    /// A warning is cut off.
    pub hides_warning: bool,
}

/// Rows that a long line of the plan may take; all of it is read with `l`.
const MOST: usize = 3;

/// Adds what a plan says. A warning is never shortened.
fn say(rows: &mut Vec<Row>, label: &str, text: &str, wide: usize, style: Style, warns: bool) {
    let mut parts = wrap(text, wide);
    if label.is_empty() && !warns {
        // What goes on with the line before has one row.
        parts = vec![pen::fit(text, wide)];
    }
    if parts.len() > MOST && !warns {
        parts.truncate(MOST);
        if let Some(last) = parts.last_mut() {
            last.push('…');
        }
    }
    for (index, part) in parts.into_iter().enumerate() {
        rows.push(Row {
            warns,
            ..Row::new(if index == 0 { label } else { "" }, part, style)
        });
    }
}

/// Cuts rows to the room for them; the last one then says how to read the others.
fn fit(mut rows: Vec<Row>, room: usize, dim: Style) -> Fitted {
    if rows.len() <= room {
        return Fitted {
            rows,
            hides_warning: false,
        };
    }
    let cut = rows.split_off(room.saturating_sub(1));
    rows.push(Row::new("", "… l shows all of it", dim));
    Fitted {
        rows,
        hides_warning: cut.iter().any(|row| row.warns),
    }
}

/// The rows of the plan that are on the screen. What can be chosen and typed, and the keys, stay in view, whatever the plan has to
/// say; it is read in full in its list.
pub fn of(dialog: &PlanDialog, cx: &Context, inputs: &Inputs<'_>) -> Fitted {
    let theme = inputs.theme;
    let width = layout::dialog(cx.size, WIDTH, cx.size.1).width;
    let lines = plan_rows(dialog, usize::from(width).saturating_sub(15), theme);
    let below = below(dialog, cx, inputs).len();
    let area = layout::dialog(cx.size, WIDTH, (lines.len() + below + 4) as u16);
    let room = usize::from(area.height.saturating_sub(2)).saturating_sub(below + 1);
    fit(lines, room, theme.dim)
}

/// A line below the plan.
#[derive(Debug)]
pub enum Below {
    /// What is chosen.
    Choice(Row),
    /// What can be typed: its label, and what stands there while it is empty.
    Text(Field, &'static str, String),
}

/// What can be chosen and typed, from top to bottom.
pub fn below(dialog: &PlanDialog, cx: &Context, inputs: &Inputs<'_>) -> Vec<Below> {
    let mut rows: Vec<Below> = choices(dialog, inputs)
        .into_iter()
        .map(Below::Choice)
        .collect();
    let key = |act: Act| cx.keymap.names(act);
    let change = &dialog.change;
    if change.writes_line() {
        let empty = format!("anywhere; {} limits it", key(Act::PlanFrom));
        rows.push(Below::Text(Field::From, "from", empty));
        let own = change.key().map(PublicSshKey::comment);
        let empty = match own.filter(|own| !own.is_empty()) {
            Some(own) => format!(
                "{}; {} writes another",
                visible(&own),
                key(Act::PlanComment)
            ),
            None => format!("none; {} writes one", key(Act::PlanComment)),
        };
        rows.push(Below::Text(Field::Comment, "comment", empty));
    }
    if change.signs() {
        rows.extend(certificate::below(dialog, &cx.keymap));
    }
    if change.rotates() {
        let empty = format!(
            "nothing; {} leaves out what a filter finds",
            key(Act::PlanExcept)
        );
        rows.push(Below::Text(Field::Except, "except", empty));
    }
    if let ChangeKind::Space(SpaceChange::Strip(_, Some(only))) = change {
        let only = format!(
            "{} only; esc and u take the marks away",
            count(only.len(), "marked path")
        );
        rows.push(Below::Choice(Row::new("from", only, inputs.theme.warning)));
    }
    rows.extend(install::below(change, &cx.keymap, inputs.theme));
    match change {
        ChangeKind::Space(SpaceChange::RemoveGenerations) => {
            let empty = format!("{} says how old they are", key(Act::PlanExpiry));
            rows.push(Below::Text(Field::Age, "older", empty));
        }
        ChangeKind::Push(paths) if paths.len() == 1 => {
            let empty = format!("none; {} pins the path under a name", key(Act::PlanName));
            rows.push(Below::Text(Field::Name, "pin", empty));
            let empty = format!("no end; {} sets one", key(Act::PlanExpiry));
            rows.push(Below::Text(Field::Expires, "expires", empty));
        }
        ChangeKind::Space(SpaceChange::Pin(_)) => {
            if change.names_pin() {
                let empty = "the path's own name".to_owned();
                rows.push(Below::Text(Field::Name, "name", empty));
                let empty = format!(
                    "none; {} moves a pin of this name here and keeps some",
                    key(Act::PlanRevisions)
                );
                rows.push(Below::Text(Field::Revisions, "revisions", empty));
            }
            let empty = format!("no end; {} sets one", key(Act::PlanExpiry));
            rows.push(Below::Text(Field::Expires, "expires", empty));
        }
        _ => {}
    }
    if dialog
        .made()
        .is_some_and(|plan| plan.second == Some(Second::Needed))
    {
        let text = "needed: once confirmed, it waits for another administrator";
        rows.push(Below::Choice(Row::new(
            "second",
            text,
            inputs.theme.warning,
        )));
    }
    // The first has said why.
    if matches!(change, ChangeKind::Two(TwoChange::Confirm(_))) {
        return rows_with_word(dialog, rows);
    }
    let empty = match change {
        ChangeKind::Space(SpaceChange::Pin(_)) => {
            format!("{} says what it is for", key(Act::PlanReason))
        }
        _ => format!("{} writes one for the audit log", key(Act::PlanReason)),
    };
    rows.push(Below::Text(Field::Reason, "reason", empty));
    rows_with_word(dialog, rows)
}

/// The word that confirms, where it is being typed.
fn rows_with_word(dialog: &PlanDialog, mut rows: Vec<Below>) -> Vec<Below> {
    if let (Some(Field::Word), Some(word)) = (dialog.typing, dialog.word()) {
        rows.push(Below::Text(Field::Word, "type", word.to_owned()));
    }
    rows
}

/// What a plan says. Where something has to be known first, it stands right behind what happens, where it is cut off last. What
/// is typed below is not said twice.
fn reported<'a>(plan: &'a Plan, change: &ChangeKind) -> Vec<(&'static str, &'a str)> {
    let warned = !plan.warnings.is_empty();
    let mut about = "";
    let (first, rest): (Vec<_>, Vec<_>) = plan
        .lines
        .iter()
        .filter(|(label, _)| *label != "reason")
        .filter(|(label, _)| !certificate::is_below(change, label))
        .map(|(label, value)| (*label, value.as_str()))
        .partition(|(label, _)| {
            // A line without a label continues the one before.
            about = if label.is_empty() { about } else { label };
            warned && matches!(about, "what" | "goal")
        });
    let says_what = plan.lines.iter().any(|(label, _)| *label == "what");
    let summary = (!says_what).then_some(("what", plan.summary.as_str()));
    let warnings = plan.warnings.iter().map(|text| ("warning", text.as_str()));
    // Of the rest, with what it is done and what follows from it are cut off last.
    let (next, last): (Vec<_>, Vec<_>) = rest
        .into_iter()
        .partition(|(label, _)| warned && matches!(*label, "with" | "effect"));
    let mut said: Vec<_> = summary.into_iter().chain(first).collect();
    said.extend(warnings);
    said.extend(next);
    said.extend(last);
    said
}

fn plan_rows(dialog: &PlanDialog, wide: usize, theme: &Theme) -> Vec<Row> {
    let mut rows = Vec::new();
    match &dialog.plan {
        None => rows.push(Row::new("", "Making the plan.", theme.dim)),
        Some(Err(problem)) => {
            for line in wrap(&problem.to_string(), wide) {
                rows.push(Row::new("", line, theme.critical));
            }
        }
        Some(Ok(plan)) => {
            let mut last = "";
            for (label, value) in reported(plan, &dialog.change) {
                let style = match label {
                    "warning" | "ends" => theme.warning,
                    "-" => theme.critical,
                    "+" => theme.fine,
                    _ => theme.text,
                };
                // A label that is the same as the one before continues it, but for lines of a file.
                let again = label == last && !matches!(label, "+" | "-");
                say(
                    &mut rows,
                    if again { "" } else { label },
                    value,
                    wide,
                    style,
                    label == "warning",
                );
                last = label;
            }
            if plan.items.is_empty() {
                let nothing = Refusal::Nothing.to_string();
                rows.push(Row::new("", nothing, theme.warning));
            }
        }
    }
    rows
}

fn choices(dialog: &PlanDialog, inputs: &Inputs<'_>) -> Vec<Row> {
    let text = inputs.theme.text;
    let choices = &dialog.choices;
    let mut rows = Vec::new();
    if let ChangeKind::Push(_) = dialog.change {
        rows.extend(signer(dialog, inputs));
    }
    if let ChangeKind::Sign(what) = &dialog.change {
        rows.extend(signer(dialog, inputs));
        if let Some(other) = &dialog.instead_of {
            let text = format!("what is marked, not {other}; esc and u take the marks away");
            rows.push(Row::new("signs", text, inputs.theme.warning));
        }
        // A rotation has chosen its paths.
        if !matches!(what, What::Rotation(_)) {
            let yes = |on: bool| if on { "yes" } else { "no" };
            let (closure, upstream) = (yes(choices.closure), yes(choices.upstream));
            let with = format!("{closure}     upstream's paths  {upstream}");
            rows.push(Row::new("closures", with, text));
        }
    }
    if dialog.change.has_lifetime() {
        let words = LIFETIMES.iter().enumerate().map(|(index, (words, _))| {
            if index == choices.lifetime {
                format!("[{words}]")
            } else {
                (*words).to_owned()
            }
        });
        let words: Vec<String> = words.collect();
        rows.push(Row::new("lifetime", words.join("  "), text));
    }
    if dialog.change.ends_sessions() {
        let ends = if choices.end_sessions {
            "yes, open sessions of this key are ended"
        } else {
            "no, open sessions of this key go on"
        };
        rows.push(Row::new("sessions", ends, text));
    }
    rows
}

/// What signs, unless the plan says it and there is no other.
fn signer(dialog: &PlanDialog, inputs: &Inputs<'_>) -> Option<Row> {
    let sources = inputs.sources;
    let label = match sources.get(dialog.choices.source) {
        Some(source) if sources.len() > 1 => {
            // In front, where a long name of a file cannot push it off the screen.
            let at = dialog.choices.source + 1;
            format!("({at} of {}) {}", sources.len(), source.label)
        }
        Some(source) => source.label.clone(),
        None => "none".to_owned(),
    };
    let mut lines = dialog.made().into_iter().flat_map(|plan| &plan.lines);
    let said = sources.len() < 2 && lines.any(|(label, _)| *label == "with");
    (!said).then(|| Row::new("key", label, inputs.theme.text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_that_is_cut_off_is_reported() {
        let rows = |warns: [bool; 4]| {
            let row = |warns| Row {
                warns,
                ..Row::new("", "", Style::new())
            };
            warns.map(row).to_vec()
        };
        let hides = |warns, room| fit(rows(warns), room, Style::new()).hides_warning;
        assert!(!hides([false, false, false, true], 4));
        assert!(hides([false, false, false, true], 3));
        assert!(!hides([true, true, false, false], 3));
        assert!(hides([true, true, true, false], 3));
        assert!(hides([true, true, false, false], 0));
        assert_eq!(fit(rows([true; 4]), 2, Style::new()).rows.len(), 2);
    }
}
