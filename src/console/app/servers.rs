//! The choice of servers: which there are, and how each is.
//!
//! In: the model. Out: what is asked when the choice is opened, and how it is drawn. How the one that is connected is, its own screens say.

use super::layer::Layer;
use super::model::Model;
use super::msg::Effect;
use crate::console::types::server::{Health, ServerChoice};
use crate::console::widgets::Pen;
use crate::console::widgets::choice::{self, Choice};
use crate::console::widgets::list::List;
use crate::console::widgets::theme::Theme;
use crate::judge::health::State;
use ratatui::style::Style;

/// Opens the choice, and asks each server but the one on the screen how it is, unless that goes on.
pub(super) fn open(model: &mut Model) -> Vec<Effect> {
    let at = model
        .servers
        .iter()
        .position(|server| server.name == model.cx.server);
    model.layers.push(Layer::Servers(List {
        cursor: at.unwrap_or(0),
        ..List::default()
    }));
    let here = model.cx.server.clone();
    let others = model
        .servers
        .iter_mut()
        .filter(|server| server.name != here && server.health != Health::Loading);
    let ask: Vec<String> = others
        .map(|server| {
            server.health = Health::Loading;
            server.name.clone()
        })
        .collect();
    ask.into_iter()
        .map(|server| Effect::Examine { server })
        .collect()
}

/// Takes in how a server is.
pub(super) fn examined(model: &mut Model, name: &str, health: Health) {
    let mut servers = model.servers.iter_mut();
    if let Some(server) = servers.find(|server| server.name == name) {
        server.health = health;
    }
}

/// Draws it over the screen.
pub(super) fn draw(model: &Model, pen: &mut Pen<'_>, list: List) {
    let title = if model.cx.server.is_empty() {
        "Which server?"
    } else {
        "Switch server"
    };
    let all = model.servers.iter().map(|server| {
        let (mark, style, words) = how(model, server, pen.theme);
        let read_only = if server.read_only { "read-only; " } else { "" };
        Choice {
            mark: Some((mark, style)),
            name: &server.name,
            colour: server.colour,
            note: format!("{read_only}{words}"),
        }
    });
    let all: Vec<Choice<'_>> = all.collect();
    choice::draw(pen, model.cx.size, title, list, &all);
}

/// How a server is: a mark, its style, and words.
fn how<'a>(
    model: &Model,
    server: &'a ServerChoice,
    theme: &Theme,
) -> (&'static str, Style, &'a str) {
    if server.name == model.cx.server {
        return (" ", theme.text, "(this one)");
    }
    match &server.health {
        Health::Unknown => (" ", theme.dim, ""),
        Health::Loading => (" ", theme.dim, "being looked at"),
        Health::Unreachable(why) => ("x", theme.critical, why),
        Health::Is(state, worst) => match state {
            State::Critical => ("x", theme.critical, worst),
            State::Warning => ("!", theme.warning, worst),
            State::Unknown => ("?", theme.unknown, worst),
            State::Fine => (".", theme.fine, worst),
        },
    }
}
