//! The way from a key to a confirmed plan. The gate itself is `change::Plan::confirm`.

use crate::change::{Answer, KeySource};
use crate::console::app::layer::Layer;
use crate::console::app::model::Model;
use crate::console::app::msg::Effect;
use crate::console::app::update::plan;
use crate::console::plan::sign_dialog::SignDialog;
use crate::console::screens::unsigned::state::UnsignedLine;
use crate::console::screens::unsigned::view::group_name;
use crate::console::types::ask::Source;
use crate::console::types::change::What;
use crate::console::types::problem::Problem;
use crate::console::types::screen::Screen;
use crate::console::types::text::Text;
use crate::console::widgets::text;
use crate::domain::count::count;
use crate::domain::text::visible;
use crate::domain::{Bytes, TrustClass};
use crate::inventory::{Row, WithClosure};

/// The keys that the server holds, as sources.
pub(super) fn server_sources(model: &Model) -> Vec<Source> {
    let Some(facts) = &model.cx.facts else {
        return vec![];
    };
    facts
        .signing_keys
        .iter()
        .filter_map(|key| {
            let name = key.name.clone()?;
            Some(Source {
                label: format!("{name}, the server's key {}", key.file),
                key: KeySource::Server {
                    file: key.file.clone(),
                    name,
                },
            })
        })
        .collect()
}

/// A key was looked at: it becomes a choice of the dialog.
pub(super) fn found(model: &mut Model, source: Result<Source, Problem>) -> Vec<Effect> {
    match source {
        Ok(source) => {
            if !model.sources.iter().any(|own| own.key == source.key) {
                model.toast = Some(format!("can sign with {}", source.label));
                model.sources.push(source);
            }
        }
        Err(trouble) => {
            crate::console::app::update::show_trouble(model, "This key cannot sign", &trouble);
        }
    }
    vec![]
}

/// Opens the dialog for what is marked, else for what is under the cursor; on the overview for all.
pub(super) fn open(model: &mut Model, all: bool) -> Vec<Effect> {
    let all = all || model.screen == Screen::Overview;
    let marked = !all && model.cx.marks.count() > 0;
    let what = if all {
        What::All
    } else if marked {
        What::Rows(model.cx.marks.rows().collect())
    } else {
        What::Rows(model.current_rows().into())
    };
    let under_cursor = model.current_rows();
    let elsewhere = marked && !under_cursor.iter().all(|row| model.cx.marks.has(*row));
    let instead_of = elsewhere.then(|| called(model)).flatten();
    let closure = match (&what, &model.cx.data.inventory) {
        (What::Rows(rows), Some(inventory)) => {
            let refused = |row: &Row| inventory.trust(*row).is_some_and(TrustClass::refused);
            let needs = |row: &Row| inventory.with_closure(*row) == WithClosure::Refused;
            // A page tells the verdict on the path with all that it needs. Elsewhere, of a path that is accepted itself there
            // is nothing to sign but what it needs.
            let page = model.page().is_some() && !marked;
            (page || !rows.iter().any(refused)) && rows.iter().any(needs)
        }
        _ => false,
    };
    model.layers.push(Layer::Sign(Box::new(SignDialog {
        what,
        instead_of,
        closure,
        upstream: false,
        source: 0,
        plan: None,
        reason: tui_input::Input::default(),
        writing: false,
        asked: 0,
    })));
    ask_plan(model)
}

/// What is under the cursor, as its line calls it.
fn called(model: &Model) -> Option<String> {
    let inventory = model.cx.data.inventory.as_ref()?;
    let unsigned = &model.unsigned;
    if model.screen == Screen::Unsigned
        && model.page().is_none()
        && let UnsignedLine::Group(at) = unsigned.lines.get(unsigned.list.cursor)?
    {
        return Some(group_name(inventory, unsigned.groups.get(*at)?));
    }
    Some(visible(inventory.name(model.current_row()?)).into_owned())
}

/// Asks for the plan that the dialog describes.
fn ask_plan(model: &mut Model) -> Vec<Effect> {
    let asked = model.cx.next_number();
    let Some(inventory) = model.cx.data.inventory.clone() else {
        return vec![];
    };
    let no_key = no_key(model);
    let Some(Layer::Sign(dialog)) = model.layers.last_mut() else {
        return vec![];
    };
    dialog.asked = asked;
    let Some(source) = model.sources.get(dialog.source) else {
        dialog.plan = Some(Err(no_key));
        return vec![];
    };
    dialog.plan = None;
    vec![Effect::Plan {
        asked,
        inventory,
        what: dialog.what.clone(),
        closure: dialog.closure,
        upstream: dialog.upstream,
        key: source.key.clone(),
    }]
}

/// Why there is nothing to sign with.
fn no_key(model: &Model) -> Problem {
    let problem = model.cx.facts.as_ref().and_then(|facts| {
        facts
            .signing_keys
            .iter()
            .find_map(|key| key.problem.clone().map(|why| (key, why)))
    });
    match problem {
        Some((key, why)) => {
            Problem::say(format!("the server's key {} cannot sign: {why}", key.file))
        }
        None => Problem::say(
            "no key can sign here; set secret-key-files in the server's nix.conf, signing_key in the configuration, or start with --key-file",
        ),
    }
}

/// Changes the dialog and asks for the plan anew.
pub(super) fn change(
    model: &mut Model,
    change: impl FnOnce(&mut SignDialog, usize),
) -> Vec<Effect> {
    let sources = model.sources.len().max(1);
    if let Some(Layer::Sign(dialog)) = model.layers.last_mut() {
        change(dialog, sources);
    }
    ask_plan(model)
}

/// Shows every path of the plan.
pub(super) fn list(model: &mut Model) -> Vec<Effect> {
    let Some(Layer::Sign(dialog)) = model.layers.last() else {
        return vec![];
    };
    let plan = match plan::made(dialog.plan.as_ref()) {
        Ok(plan) => plan,
        Err(why) => {
            model.toast = Some(why);
            return vec![];
        }
    };
    let paths: Vec<String> = plan.items.iter().map(ToString::to_string).collect();
    let mut lines = plan::columns(plan::said(plan));
    lines.push(String::new());
    lines.extend(plan.items.iter().map(|item| {
        format!(
            "{:>8}  {}",
            text::size(item.nar_size()),
            item.path()
                .map_or_else(|| item.to_string(), |path| path.base_name().to_string())
        )
    }));
    let total: u64 = plan
        .items
        .iter()
        .map(crate::change::Item::nar_size)
        .fold(0, u64::saturating_add);
    let text = Text {
        title: format!("{}, {}", count(plan.items.len(), "path"), Bytes(total)),
        lines,
        copy: paths.join("\n"),
        top: 0,
        of: None,
    };
    model.layers.push(Layer::Text(text));
    vec![]
}

/// Confirms the plan and starts the job.
pub(super) fn confirm(model: &mut Model) -> Vec<Effect> {
    let Some(Layer::Sign(dialog)) = model.layers.pop() else {
        return vec![];
    };
    let Some(Ok(mut plan)) = dialog.plan else {
        return vec![];
    };
    let reason = dialog.reason.value().trim();
    plan.reason = (!reason.is_empty()).then(|| reason.to_owned());
    plan::start(model, *plan, &Answer::Key)
}
