//! The way from a key to the plan that installs what runs by itself, or takes it away.

use crate::console::app::layer::{Installed, Layer};
use crate::console::app::model::Model;
use crate::console::app::msg::Effect;
use crate::console::app::update::{plan, show};
use crate::console::plan::install;
use crate::console::plan::state::Field;
use crate::console::types::change::ChangeKind;
use crate::console::types::problem::Problem;
use crate::console::types::screen::Screen;
use crate::console::widgets::list::List;
use crate::domain::installable::{Installable, Installation};

/// Lists them, with the cursor on the one that belongs to the screen.
pub(super) fn open(model: &mut Model) -> Vec<Effect> {
    let at = match model.screen {
        Screen::Space => Installable::PolicyTimer,
        Screen::Access => Installable::Knock,
        _ => Installable::AutoSign,
    };
    list(model, at, false)
}

/// The same with the cursor on this one. `go`: it is planned as soon as it is known how it is.
pub(super) fn list(model: &mut Model, at: Installable, go: bool) -> Vec<Effect> {
    if let Err(why) = model.cx.connected() {
        model.toast = Some(format!("Cannot install {}: {why}", at.name()));
        return vec![];
    }
    let cursor = Installable::ALL.iter().position(|what| *what == at);
    let installed = Installed {
        all: None,
        list: List {
            cursor: cursor.unwrap_or(0),
            ..List::default()
        },
        go,
    };
    let mut effects = show::push(model, Layer::Installed(Box::new(installed)));
    effects.push(Effect::ReadInstalled);
    effects
}

/// It is known how they are.
pub(super) fn read(model: &mut Model, found: Result<Vec<Installation>, Problem>) -> Vec<Effect> {
    let Some(Layer::Installed(installed)) = model.layers.last_mut() else {
        return vec![];
    };
    match found {
        Ok(found) => {
            installed.all = Some(found);
            if installed.go {
                return choose(model);
            }
        }
        Err(problem) => {
            model.layers.pop();
            show::show_problem(model, "What runs by itself", &problem);
        }
    }
    vec![]
}

/// Plans to install the one under the cursor, or to remove it where it is there.
pub(super) fn choose(model: &mut Model) -> Vec<Effect> {
    let Some(Layer::Installed(installed)) = model.layers.last() else {
        return vec![];
    };
    let Some(all) = &installed.all else {
        model.toast = Some("the server is still being looked at".to_owned());
        return vec![];
    };
    let Some(found) = all.get(installed.list.cursor).cloned() else {
        return vec![];
    };
    model.layers.pop();
    let (what, there) = (found.what, found.is_there());
    let change = if there {
        ChangeKind::Remove(what)
    } else {
        ChangeKind::Install(what)
    };
    plan::open_with(model, change, |dialog| {
        install::set(&mut dialog.texts, &found.chosen);
        // Without a name there is nothing to plan.
        if !there && what == Installable::AutoSign {
            dialog.typing = Some(Field::Signs);
        }
    })
}
