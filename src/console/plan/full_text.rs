//! A plan in full, as lines of text.

use crate::change::{Item, Plan};
use crate::console::plan::state::PlanDialog;
use crate::console::types::change::Family;
use crate::console::types::text::Text;
use crate::console::widgets::pen::wrap;
use crate::console::widgets::text;
use crate::domain::Bytes;
use crate::domain::count::count;
use crate::onboard::proof::letter;

/// Columns of what follows a label.
const WIDE: usize = 62;
/// Items that are listed, as far as a person would read.
const MOST: usize = 1_000;

/// The plan in full; `None` while there is none.
pub fn text(dialog: &PlanDialog) -> Option<Text> {
    let plan = dialog.made()?;
    let mut lines = columns(all(plan));
    let mut copy = plain(plan);
    let mut title = plan.summary.clone();
    let family = dialog.change.family();
    if family == Family::Sign {
        let total = plan.items.iter().map(Item::nar_size);
        let total = total.fold(0, u64::saturating_add);
        title = format!("{}, {}", count(plan.items.len(), "path"), Bytes(total));
    }
    // A change of access says all of it in its lines.
    if family != Family::Access {
        let items = plan.items.iter().take(MOST);
        lines.push(String::new());
        lines.extend(items.clone().map(item));
        let more = plan.items.len().saturating_sub(MOST);
        if more > 0 {
            lines.push(format!("… and {}", count(more, "more path")));
        }
        copy = items
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n");
    }
    Some(Text {
        title,
        lines,
        copy,
        top: 0,
        of: None,
    })
}

fn item(item: &Item) -> String {
    match (item, item.path()) {
        (Item::Path { .. }, Some(path)) => {
            format!("{:>8}  {}", text::size(item.nar_size()), path.base_name())
        }
        _ => item.to_string(),
    }
}

/// What `y` copies: what to send to a requester, else all that the plan says.
pub fn copied(dialog: &PlanDialog, host: Option<&str>) -> Option<String> {
    if let (Some(request), Some(host)) = (dialog.change.unanswered(), host) {
        return Some(letter(&request.key, &request.challenge(host)));
    }
    dialog.made().map(plain)
}

fn plain(plan: &Plan) -> String {
    let lines: Vec<String> = all(plan)
        .map(|(label, value)| format!("{label} {value}"))
        .collect();
    lines.join("\n")
}

fn warnings(plan: &Plan) -> impl Iterator<Item = (&'static str, &str)> {
    plan.warnings.iter().map(|text| ("warning", text.as_str()))
}

/// What a plan says, its warnings first, and the commands that do it by hand: label and value.
fn all(plan: &Plan) -> impl Iterator<Item = (&'static str, &str)> {
    let lines = plan.lines.iter();
    let commands = plan.commands.iter();
    warnings(plan)
        .chain(lines.map(|(label, value)| (*label, value.as_str())))
        .chain(commands.map(|command| ("same as", command.as_str())))
}

/// Labels and values in two columns.
fn columns<'a>(said: impl Iterator<Item = (&'static str, &'a str)>) -> Vec<String> {
    let mut lines = Vec::new();
    for (label, value) in said {
        for (index, part) in wrap(value, WIDE).into_iter().enumerate() {
            lines.push(format!("{:<9} {part}", if index == 0 { label } else { "" }));
        }
    }
    lines
}

/// Whether the list of this plan is scrolled down past its last warning, on a page of so many lines.
pub fn warnings_seen(dialog: &PlanDialog, text: &Text, page: usize) -> bool {
    dialog.made().is_some_and(|plan| {
        let warned = columns(warnings(plan));
        text.lines.starts_with(&warned) && text.top + page >= warned.len()
    })
}
