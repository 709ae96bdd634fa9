//! What is signed: the keys that can, and the paths that are meant.

use crate::change::KeySource;
use crate::console::app::layer::{Layer, SigningKeys};
use crate::console::app::model::Model;
use crate::console::app::msg::Effect;
use crate::console::app::update::{keep, plan, show};
use crate::console::screens::unsigned;
use crate::console::screens::unsigned::state::UnsignedLine;
use crate::console::screens::unsigned::view::group_name;
use crate::console::types::action::Act;
use crate::console::types::ask::Source;
use crate::console::types::change::{ChangeKind, SpaceChange, What};
use crate::console::types::key_purpose::KeyPurpose;
use crate::console::types::problem::Problem;
use crate::console::types::screen::Screen;
use crate::console::widgets::list::List;
use crate::domain::text::visible;
use crate::domain::{Role, TrustClass};
use crate::inventory::{Row, WithClosure};
use crate::judge::rotation::KeyCoverage;
use std::sync::Arc;

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
        Err(problem) => {
            show::show_problem(model, "This key cannot sign", &problem);
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
    plan::open_with(model, ChangeKind::Sign(what), |dialog| {
        dialog.instead_of = instead_of;
        dialog.choices.closure = closure;
    })
}

/// Opens the dialog for paths of this machine.
pub(super) fn push(model: &mut Model, paths: Vec<String>) -> Vec<Effect> {
    if let Err(reason) = crate::console::app::reasons::of(model, Act::Push) {
        model.toast = Some(format!("Cannot push: {reason}"));
        return vec![];
    }
    plan::open(model, ChangeKind::Push(paths.into()))
}

/// Asks how far each key has got.
pub(super) fn ask_key(model: &Model, purpose: KeyPurpose) -> Vec<Effect> {
    match (&model.cx.data.inventory, &model.cx.facts) {
        (Some(inventory), Some(facts)) => vec![Effect::Unsigned(unsigned::Effect::Keys {
            inventory: Arc::clone(inventory),
            facts: Arc::clone(facts),
            purpose,
        })],
        _ => vec![],
    }
}

/// They were counted: which one goes?
pub(super) fn keys(
    model: &mut Model,
    purpose: KeyPurpose,
    mut all: Vec<KeyCoverage>,
) -> Vec<Effect> {
    // An administrator who has gone on meanwhile is not interrupted.
    if model.scope() != Some(model.screen_scope()) {
        return vec![];
    }
    all.retain(|key| key.role != Role::Upstream);
    if all.is_empty() {
        model.toast =
            Some("no key of this cache is known; set public_keys in the configuration".to_owned());
        return vec![];
    }
    // What is on its way out first.
    all.sort_by_key(|key| key.role != Role::Retired);
    let keys = SigningKeys {
        purpose,
        all,
        list: List::default(),
    };
    show::push(model, Layer::SigningKeys(Box::new(keys)))
}

/// This one: the dialog begins with a key that is another one.
pub(super) fn choose_key(model: &mut Model) -> Vec<Effect> {
    let Some(Layer::SigningKeys(keys)) = model.layers.pop() else {
        return vec![];
    };
    let Some(key) = keys.all.get(keys.list.cursor) else {
        return vec![];
    };
    if keys.purpose == KeyPurpose::Strip {
        let marked = (model.cx.marks.count() > 0).then(|| keep::paths(model).into());
        let change = SpaceChange::Strip(key.key.as_str().into(), marked);
        return plan::open(model, ChangeKind::Space(change));
    }
    let other = |source: &Source| source.key.name() != key.key;
    let source = model.sources.iter().position(other).unwrap_or(0);
    let change = ChangeKind::Sign(What::Rotation(key.key.as_str().into()));
    plan::open_with(model, change, |dialog| dialog.choices.source = source)
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
