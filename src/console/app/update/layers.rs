//! Keys while a text is typed, and the layers over the screen.

use crate::console::app::help;
use crate::console::app::layer::Layer;
use crate::console::app::model::Model;
use crate::console::app::msg::Effect;
use crate::console::app::update::{activity, find, nav, palette};
use crate::console::types::ask::AskKind;
use crate::console::types::column::COLUMNS;
use crate::console::types::key::{Code, Key};
use crate::console::types::screen::Screen;
use crate::console::widgets::input;
use crate::console::widgets::layout;
use crate::console::widgets::list::Move;
use crate::domain::installable::Installable;

/// A key while a text is typed.
pub(super) fn typed(model: &mut Model, key: Key) -> Vec<Effect> {
    match model.layers.last() {
        Some(Layer::Palette(_)) => palette::key(model, key, is_interrupt(key)),
        Some(Layer::Plan(_)) => crate::console::app::update::plan::typed(model, key),
        Some(Layer::Ask { .. }) => ask_key(model, key),
        Some(Layer::Help(_)) => help_key(model, key),
        None if model.edits_rules() => crate::console::app::update::space::form_key(model, key),
        _ if model.screen == Screen::Activity && model.activity.typing => log_key(model, key),
        _ => match model.finds.typing {
            Some(typing) => find::key(model, typing, key, is_interrupt(key)),
            None => search_key(model, key),
        },
    }
}

/// A step in the list that is searched.
fn step_of(key: Key) -> Option<Move> {
    match key.code {
        Code::Named("up") => Some(Move::Up),
        Code::Named("down") => Some(Move::Down),
        Code::Named("pgup") => Some(Move::PageUp),
        Code::Named("pgdn") => Some(Move::PageDown),
        _ => None,
    }
}

fn log_key(model: &mut Model, key: Key) -> Vec<Effect> {
    if let Some(step) = step_of(key) {
        nav::step(model, step);
        return vec![];
    }
    activity::search_key(model, key, key.is("esc") || is_interrupt(key))
}

fn search_key(model: &mut Model, key: Key) -> Vec<Effect> {
    if let Some(step) = step_of(key) {
        nav::step(model, step);
        return vec![];
    }
    if key.is("enter") {
        model.store.searching = false;
        return vec![];
    }
    if key.is("esc") || is_interrupt(key) {
        model.store.searching = false;
        if model.store.search.value().is_empty() {
            return vec![];
        }
        model.store.search.reset();
        return nav::search_changed(model);
    }
    let before = model.store.search.value().to_owned();
    input::edit(&mut model.store.search, key);
    if model.store.search.value() == before {
        return vec![];
    }
    nav::search_changed(model)
}

/// The help is narrowed with each key.
fn help_key(model: &mut Model, key: Key) -> Vec<Effect> {
    if let Some(step) = step_of(key) {
        nav::step(model, step);
        return vec![];
    }
    let Some(Layer::Help(help)) = model.layers.last_mut() else {
        return vec![];
    };
    let leaves = key.is("esc") || is_interrupt(key);
    if key.is("enter") || leaves {
        help.typing = false;
    }
    if leaves {
        help.words.reset();
    }
    if input::edit(&mut help.words, key) {
        help.top = 0;
    }
    vec![]
}

fn ask_key(model: &mut Model, key: Key) -> Vec<Effect> {
    let Some(Layer::Ask { ask, answer }) = model.layers.last_mut() else {
        return vec![];
    };
    let id = ask.id;
    if key.is("esc") || is_interrupt(key) {
        model.layers.pop();
        return vec![Effect::Answer { id, answer: None }];
    }
    if key.is("enter") {
        if ask.kind == AskKind::Yes && answer.reveal() != "yes" {
            model.toast = Some("type yes in full, or press esc".to_owned());
            return vec![];
        }
        let answer = Some(std::mem::take(answer));
        model.layers.pop();
        return vec![Effect::Answer { id, answer }];
    }
    if key.is("backspace") {
        answer.pop();
    } else if let Some(c) = key.typed() {
        answer.push(c);
    }
    vec![]
}

/// Ctrl-C closes the text field; it never quits from here.
fn is_interrupt(key: Key) -> bool {
    key.ctrl && key.code == Code::Char('c')
}

/// Keeps scrolled texts within their lines.
pub(super) fn clamp_cursors(model: &mut Model) {
    let (_, page) = layout::text_box(model.cx.size);
    let lines = match model.layers.last() {
        Some(Layer::Help(shown)) => help::lines(model, shown).len(),
        _ => 0,
    };
    let (servers, themes) = (model.servers.len(), model.themes.len());
    match model.layers.last_mut() {
        Some(Layer::Help(shown)) => {
            shown.top = shown.top.min(lines.saturating_sub(help::page(page)));
        }
        Some(Layer::Text(text)) => text.top = text.top.min(text.lines.len().saturating_sub(page)),
        Some(Layer::Columns(list)) => list.clamp(COLUMNS.len(), page),
        Some(Layer::Servers(list)) => list.clamp(servers, page),
        Some(Layer::Themes(list)) => list.clamp(themes, page),
        Some(Layer::Clients(clients)) => clients.list.clamp(clients.all.len(), page),
        Some(Layer::SigningKeys(keys)) => keys.list.clamp(keys.all.len(), page),
        Some(Layer::Installed(installed)) => installed.list.clamp(Installable::ALL.len(), page),
        Some(Layer::Waiting(waiting)) => waiting.list.clamp(waiting.all.len(), page),
        _ => {}
    }
}
