//! The choice of a plan that waits for a second administrator.

use crate::console::app::layer::{Layer, Waiting};
use crate::console::app::model::Model;
use crate::console::app::msg::Effect;
use crate::console::app::update::{plan, show};
use crate::console::app::waiting::{can_list, is_confirmable, plans};
use crate::console::plan::state::Field;
use crate::console::types::change::{ChangeKind, TwoChange};
use crate::console::widgets::list::List;
use tui_input::Input;

/// Lists them, or says why not.
pub(super) fn open(model: &mut Model) -> Vec<Effect> {
    if let Err(why) = can_list(model) {
        model.toast = Some(why.into_owned());
        return vec![];
    }
    let all = plans(model).map(|(two, _)| two.plans.clone());
    let waiting = Waiting {
        all: all.unwrap_or_default(),
        list: List::default(),
    };
    show::push(model, Layer::Waiting(Box::new(waiting)))
}

/// Plans the second confirmation of the one under the cursor, or that it is dropped.
pub(super) fn choose(model: &mut Model) -> Vec<Effect> {
    let Some(Layer::Waiting(waiting)) = model.layers.pop() else {
        return vec![];
    };
    let Some(found) = waiting.all.get(waiting.list.cursor) else {
        return vec![];
    };
    let chosen = Box::new(found.clone());
    let change = if is_confirmable(model, found) {
        TwoChange::Confirm(chosen)
    } else {
        TwoChange::Drop(chosen)
    };
    let change = ChangeKind::Two(change);
    if !change.signs() {
        return plan::open(model, change);
    }
    let authority = model.access.authority.clone();
    plan::open_with(model, change, |dialog| {
        if authority.is_empty() {
            dialog.typing = Some(Field::Authority);
        }
        dialog.texts.authority = Input::new(authority);
    })
}
