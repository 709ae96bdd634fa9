//! Screen 5: what comes in about space, the planner's form, the views.

use crate::console::app::layer::Layer;
use crate::console::app::model::Model;
use crate::console::app::msg::Effect;
use crate::console::screens::path::page::Page;
use crate::console::screens::space::form::{Field, Form};
use crate::console::screens::space::state::View;
use crate::console::types::judged::Judged;
use crate::console::types::key::{Code, Key};
use crate::console::types::problem::Problem;
use crate::console::types::screen::Screen;
use crate::console::types::space::{Planned, SpaceSnapshot};
use crate::console::types::text::Text;
use crate::console::widgets::list::{List, Move};
use crate::domain::Bytes;
use crate::domain::count::count;
use crate::inventory::Row;
use std::sync::Arc;

/// Looks at the server.
pub(super) fn read(model: &mut Model) -> Effect {
    let look = model.cx.next_number();
    model.space.look = look;
    Effect::ReadSpace { look }
}

/// The server was looked at, or could not be. Only the newest look counts.
pub(super) fn known(
    model: &mut Model,
    look: u64,
    known: Result<Arc<SpaceSnapshot>, Problem>,
) -> Vec<Effect> {
    if look != model.space.look {
        return vec![];
    }
    match known {
        Ok(known) => {
            let before = model.space.known.as_ref().and_then(|known| known.saved());
            let saved = known.saved();
            model.space.known = Some(known);
            model.space.trouble = None;
            let effects = judge(model);
            if effects.is_empty() && before != saved {
                return replan(model);
            }
            effects
        }
        Err(trouble) => {
            model.space.trouble = Some(trouble);
            vec![]
        }
    }
}

/// Asks for what follows from the look for the store, once both are whole.
pub(super) fn judge(model: &mut Model) -> Vec<Effect> {
    let Some(known) = model.space.known.clone() else {
        return vec![];
    };
    let whole = !model.cx.data.loading && model.cx.data.trouble.is_none();
    let Some(inventory) = model.cx.data.inventory.clone().filter(|_| whole) else {
        return vec![];
    };
    if known.roots.is_err() {
        model.space.judged = None;
        model.space.planned = None;
        return vec![];
    }
    if known.last_use.is_none() {
        return vec![];
    }
    let done = model.space.judged.as_ref().is_some_and(|judged| {
        judged.known.look == known.look && Arc::ptr_eq(&judged.inventory, &inventory)
    });
    if done {
        return vec![];
    }
    let asked = model.cx.next_number();
    model.space.judging = asked;
    model.space.working = true;
    vec![Effect::JudgeSpace {
        asked,
        generation: model.cx.data.generation,
        inventory,
        known,
    }]
}

/// It was worked out.
pub(super) fn judged(
    model: &mut Model,
    asked: u64,
    judged: Result<Arc<Judged>, Problem>,
) -> Vec<Effect> {
    if asked != model.space.judging {
        return vec![];
    }
    model.space.working = false;
    let judged = match judged {
        Ok(judged) if judged.generation == model.cx.data.generation => judged,
        Ok(_) => return vec![],
        Err(trouble) => {
            model.space.trouble = Some(trouble);
            return vec![];
        }
    };
    model.space.take(judged);
    let mut effects = replan(model);
    // Its times and marks are a column of the store's list and an order of it.
    effects.extend(crate::console::app::update::data::ask_view(model));
    effects
}

/// Asks for the plan by the rules of the form.
fn replan(model: &mut Model) -> Vec<Effect> {
    let Some(judged) = model.space.judged.clone() else {
        return vec![];
    };
    let saved = model.space.known.as_ref().and_then(|known| known.saved());
    let asked = model.cx.next_number();
    model.space.asked = asked;
    model.space.stale = true;
    vec![Effect::PlanCollection {
        asked,
        judged,
        rules: model.space.form.rules.clone(),
        saved,
    }]
}

/// The planner has planned.
pub(super) fn planned(model: &mut Model, asked: u64, planned: Planned) -> Vec<Effect> {
    if asked == model.space.asked && planned.judged.generation == model.cx.data.generation {
        model.space.replan(planned);
    }
    vec![]
}

/// Another view.
pub(super) fn turn(model: &mut Model, by: usize) -> Vec<Effect> {
    model.space.view = model.space.view.turn(by);
    model.space.settled();
    vec![]
}

/// Packages, or every path.
pub(super) fn every_path(model: &mut Model) -> Vec<Effect> {
    let space = &mut model.space;
    space.paths = !space.paths;
    space.plan = List::default();
    space.settled();
    vec![]
}

/// Begins to edit the rules.
pub(super) fn rules(model: &mut Model) -> Vec<Effect> {
    model.space.form.enter();
    vec![]
}

/// A rule, from the palette.
pub(super) fn rule(model: &mut Model, field: Field, text: &str) -> Vec<Effect> {
    let mut effects = crate::console::app::update::nav::go(model, Screen::Space);
    model.space.view = View::Plan;
    model.space.form.write(field, text);
    if let Some((_, why)) = &model.space.form.problem {
        model.toast = Some(why.clone());
    }
    effects.extend(replan(model));
    effects
}

/// Does something with the form; a change of the rules gives a new plan at once.
pub(super) fn form(model: &mut Model, change: impl FnOnce(&mut Form)) -> Vec<Effect> {
    let before = model.space.form.rules.clone();
    change(&mut model.space.form);
    if before == model.space.form.rules {
        return vec![];
    }
    replan(model)
}

/// A key while the form is edited.
pub(super) fn form_key(model: &mut Model, key: Key) -> Vec<Effect> {
    let interrupt = key.ctrl && key.code == Code::Char('c');
    if key.is("esc") || interrupt {
        return form(model, |form| form.leave(false));
    }
    if key.is("enter") {
        if let Some((_, why)) = &model.space.form.problem {
            model.toast = Some(why.clone());
            return vec![];
        }
        return form(model, |form| form.leave(true));
    }
    match key.code {
        Code::Named("tab" | "down") => form(model, |form| form.turn(1)),
        Code::Named("shift-tab" | "up") => form(model, |form| form.turn(Field::ALL.len() - 1)),
        _ => form(model, |form| form.edit(key)),
    }
}

/// Steps in the list in view.
pub(super) fn step(model: &mut Model, step: Move, height: usize) {
    let rows = model.space.rows();
    model.space.list_mut().step(step, rows, height);
    model.space.settled();
}

/// Opens the page of the path under the cursor.
pub(super) fn open(model: &mut Model) -> Vec<Effect> {
    if let (Some(inventory), Some(row)) = (&model.cx.data.inventory, model.space.current_row()) {
        model.pages.push(Page::new(inventory, row));
    }
    vec![]
}

/// `w`: what keeps the path under the cursor.
pub(super) fn why(model: &Model) -> Vec<Effect> {
    match (model.space.judged.clone(), model.current_row()) {
        (Some(judged), Some(row)) => vec![Effect::WhyAlive { judged, row }],
        _ => vec![],
    }
}

/// What keeps a path was looked for.
pub(super) fn alive(
    model: &mut Model,
    judged: &Judged,
    row: Row,
    chain: Option<Vec<Row>>,
) -> Vec<Effect> {
    let inventory = &judged.inventory;
    if row as usize >= inventory.len() || judged.generation != model.cx.data.generation {
        return vec![];
    }
    let name = inventory.name(row);
    let mut lines = Vec::new();
    if let Some(rows) = chain {
        let first = rows.first().copied().unwrap_or(row);
        let roots: Vec<String> = judged
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
