//! To another server, and back.

use crate::console::app::model::Model;
use crate::console::app::msg::Effect;
use crate::console::app::places::Place;
use crate::console::app::reasons;
use crate::console::screens::overview::state::Overview;
use crate::console::types::context::Data;
use crate::console::types::server::{Link, ServerChoice};
use crate::console::types::watch::Watch;

/// Goes to another server: nothing of the old one stays on the screen. Where one was there before, one is again.
fn switch(model: &mut Model, choice: &ServerChoice) -> Vec<Effect> {
    if choice.name == model.cx.server {
        return vec![];
    }
    let server = choice.name.clone();
    let place = Place::leave(model);
    let left = std::mem::replace(&mut model.cx.server, server.clone());
    model.places.insert(left, place);
    model.cx.policy.read_only = choice.read_only;
    model.cx.limits = choice.limits;
    model.sources.clear();
    model.cx.place.clear();
    model.cx.link = Link::Connecting;
    model.cx.watch = Watch::default();
    model.cx.facts = None;
    model.cx.data = Data::default();
    model.overview = Overview::default();
    model.returning = None;
    if let Some(place) = model.places.remove(&server) {
        place.restore(model);
    }
    vec![Effect::Connect { server }]
}

/// The same; `esc` comes back to the one that was left.
pub(super) fn to(model: &mut Model, choice: &ServerChoice) -> Vec<Effect> {
    let left = model.cx.server.clone();
    let effects = switch(model, choice);
    if !effects.is_empty() {
        model.trail.leave_server(left);
    }
    effects
}

/// `esc` after a switch: to the server that one came from.
pub(super) fn back(model: &mut Model, name: String) -> Vec<Effect> {
    if let Err(reason) = reasons::other_servers(model) {
        model.toast = Some(format!("Cannot go back to {name}: {reason}"));
        model.trail.leave_server(name);
        return vec![];
    }
    let Some(choice) = model.choice(&name).cloned() else {
        return vec![];
    };
    model.toast = Some(format!("back on {name}"));
    switch(model, &choice)
}

/// From the palette.
pub(super) fn by_name(model: &mut Model, name: &str) -> Vec<Effect> {
    if let Err(reason) = reasons::other_servers(model) {
        model.toast = Some(reason.into_owned());
        return vec![];
    }
    if let Some(choice) = model.choice(name).cloned() {
        return to(model, &choice);
    }
    model.toast = Some(format!("the configuration has no server {name:?}"));
    vec![]
}
