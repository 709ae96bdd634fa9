//! The choice of servers: which there are, and how each is.
//!
//! In: the model. Out: what is asked when the choice is opened, and how it is drawn. How the one that is connected is, its own screens say.

use super::layer::Layer;
use super::model::Model;
use super::msg::Effect;
use crate::console::types::server::{Health, ServerChoice};
use crate::console::widgets::Pen;
use crate::console::widgets::columns::{Align, cell};
use crate::console::widgets::layout;
use crate::console::widgets::list::List;
use crate::judge::health::State;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

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
        .filter(|server| server.name != here && server.health != Health::Asked);
    let ask: Vec<String> = others
        .map(|server| {
            server.health = Health::Asked;
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
    let theme = pen.theme;
    let (most, height) = layout::text_box(model.cx.size);
    let rows = model.servers.len();
    let area = layout::dialog(model.cx.size, most.width, rows.min(height) as u16 + 2);
    let title = if model.cx.server.is_empty() {
        "Which server?"
    } else {
        "Switch server"
    };
    let inside = pen.frame(area, title);
    let widths = model.servers.iter().map(|server| server.name.width());
    let column = widths.max().unwrap_or(0).min(usize::from(inside.width) / 2);
    for (y, index) in list.view(rows, usize::from(inside.height)).enumerate() {
        let line = Rect::new(inside.x, inside.y + y as u16, inside.width, 1);
        let server = &model.servers[index];
        let current = index == list.cursor;
        let mark = if current { ">" } else { " " };
        pen.text(line, line.x, line.y, mark, theme.accent);
        let (mark, mark_style, words) = how(model, server, theme);
        pen.text(line, line.x + 2, line.y, mark, mark_style);
        let style = if current { theme.selected } else { theme.text };
        let style = theme.on_colour(style, server.colour);
        let name = cell(&server.name, column, Align::Left);
        let x = pen.text(line, line.x + 4, line.y, &name, style);
        let rest = Rect::new(x + 2, line.y, line.right().saturating_sub(x + 2), 1);
        let read_only = if server.read_only { "read-only; " } else { "" };
        pen.line(rest, &format!("{read_only}{words}"), theme.dim);
    }
}

/// How a server is: a mark, its style, and words.
fn how<'a>(
    model: &Model,
    server: &'a ServerChoice,
    theme: &crate::console::widgets::theme::Theme,
) -> (&'static str, Style, &'a str) {
    if server.name == model.cx.server {
        return (" ", theme.text, "(this one)");
    }
    match &server.health {
        Health::Unasked => (" ", theme.dim, ""),
        Health::Asked => (" ", theme.dim, "being looked at"),
        Health::Unreachable(why) => ("x", theme.critical, why),
        Health::Is(state, worst) => match state {
            State::Critical => ("x", theme.critical, worst),
            State::Warning => ("!", theme.warning, worst),
            State::Unknown => ("?", theme.unknown, worst),
            State::Fine => (".", theme.fine, worst),
        },
    }
}
