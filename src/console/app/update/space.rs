//! Screen 5 within the whole: what comes in about space is given to it, and what others show of it is asked for anew.

use super::nav;
use crate::console::app::layer::Layer;
use crate::console::app::model::Model;
use crate::console::app::msg::Effect;
use crate::console::screens::space;
use crate::console::screens::space::form::{Field, Form};
use crate::console::screens::space::update;
use crate::console::types::assessment::SpaceAssessment;
use crate::console::types::key::Key;
use crate::console::types::problem::Problem;
use crate::console::types::space::SpaceSnapshot;
use crate::console::types::text::Text;
use crate::domain::Bytes;
use crate::domain::count::count;
use crate::inventory::Row;
use std::sync::Arc;

fn all(effects: Vec<space::Effect>) -> Vec<Effect> {
    effects.into_iter().map(Effect::Space).collect()
}

/// Looks at the server.
pub(super) fn read(model: &mut Model) -> Effect {
    Effect::Space(update::read(&mut model.space, &mut model.cx))
}

/// Looks at what is quick to find out; passes over the store's folders stay as they were.
pub(super) fn look_quickly(model: &mut Model) -> Effect {
    Effect::Space(update::look_quickly(&mut model.space, &mut model.cx))
}

/// The server was looked at, or could not be.
pub(super) fn known(
    model: &mut Model,
    look: u64,
    known: Result<Arc<SpaceSnapshot>, Problem>,
) -> Vec<Effect> {
    all(update::known(&mut model.space, &mut model.cx, look, known))
}

/// Asks for what follows from the look for the store, once both are whole.
pub(super) fn assess(model: &mut Model) -> Vec<Effect> {
    all(update::assess(&mut model.space, &mut model.cx))
}

/// It was worked out. Its times and marks are a column of the store's list and an order of it.
pub(super) fn assessed(
    model: &mut Model,
    request_id: u64,
    assessment: Result<Arc<SpaceAssessment>, Problem>,
) -> Vec<Effect> {
    let before = model.space.assessment.clone();
    let mut effects = all(update::assessed(
        &mut model.space,
        &mut model.cx,
        request_id,
        assessment,
    ));
    let same = match (&before, &model.space.assessment) {
        (Some(before), Some(now)) => Arc::ptr_eq(before, now),
        (before, now) => before.is_none() == now.is_none(),
    };
    if !same {
        effects.extend(nav::ask_view(model));
    }
    effects
}

/// The screen comes into view, or goes out of it.
pub(super) fn show(model: &mut Model, shown: bool) -> Vec<Effect> {
    all(update::show(&mut model.space, &mut model.cx, shown))
}

/// A rule, from the palette.
pub(super) fn rule(model: &mut Model, field: Field, text: &str) -> Vec<Effect> {
    let mut effects = nav::jump_to_planner(model);
    effects.extend(by_policy(model, false));
    model.space.form.write(field, text);
    if let Some((_, why)) = &model.space.form.problem {
        model.toast = Some(why.clone());
    }
    effects.extend(all(update::replan(&mut model.space, &mut model.cx)));
    effects
}

/// Plans by the server's policy, or by the rules.
pub(super) fn by_policy(model: &mut Model, on: bool) -> Vec<Effect> {
    all(update::by_policy(&mut model.space, &mut model.cx, on))
}

/// Does something with the form.
pub(super) fn form(model: &mut Model, change: impl FnOnce(&mut Form)) -> Vec<Effect> {
    all(update::form(&mut model.space, &mut model.cx, change))
}

/// A key while the form is edited.
pub(super) fn form_key(model: &mut Model, key: Key) -> Vec<Effect> {
    match update::form_key(&mut model.space, &mut model.cx, key) {
        Ok(effects) => all(effects),
        Err(why) => {
            model.toast = Some(why);
            vec![]
        }
    }
}

/// `w`: what keeps the path under the cursor.
pub(super) fn why(model: &Model) -> Vec<Effect> {
    match (model.space.assessment.clone(), model.current_row()) {
        (Some(assessment), Some(row)) => {
            vec![Effect::Space(space::Effect::WhyAlive { assessment, row })]
        }
        _ => vec![],
    }
}

/// What keeps a path was looked for.
pub(super) fn alive(
    model: &mut Model,
    assessment: &SpaceAssessment,
    row: Row,
    chain: Option<Vec<Row>>,
) -> Vec<Effect> {
    let inventory = &assessment.inventory;
    if row as usize >= inventory.len() || assessment.generation != model.cx.data.generation {
        return vec![];
    }
    let name = inventory.name(row);
    let mut lines = Vec::new();
    if let Some(rows) = chain {
        let first = rows.first().copied().unwrap_or(row);
        let roots: Vec<String> = assessment
            .roots_of(first)
            .map(|line| format!("{} {}", line.root.kind, line.root.link))
            .collect();
        lines.extend(roots.iter().take(20).cloned());
        if roots.len() > 20 {
            lines.push(format!("… and {} more", count(roots.len() - 20, "root")));
        }
        for (depth, row) in rows.iter().enumerate() {
            let indent = "  ".repeat((depth + 1).min(20));
            lines.push(format!("{indent}keeps {}", inventory.base_name(*row)));
        }
    } else {
        lines.push(format!(
            "Nothing keeps {name}: no root needs it. A collection may take it; p pins it."
        ));
        let referrers = inventory.referrers(row).len();
        if referrers > 0 {
            lines.push(format!(
                "{} it, dead as well: {}.",
                if referrers == 1 {
                    "One path refers to"
                } else {
                    "Paths refer to"
                },
                count(referrers, "path"),
            ));
        }
        let size = inventory.nar_size(row).unwrap_or(0);
        lines.push(format!("It is {}.", Bytes(size)));
    }
    model.layers.push(Layer::Text(Text {
        title: format!("Why alive: {name}"),
        copy: lines.join("\n"),
        lines,
        top: 0,
        of: None,
    }));
    vec![]
}
