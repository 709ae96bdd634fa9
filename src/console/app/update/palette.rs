//! Keys in the palette: what is typed, completed, taken back from before, and run.

use super::{act, nav};
use crate::console::app::layer::{Layer, Palette, Turn};
use crate::console::app::model::Model;
use crate::console::app::msg::Effect;
use crate::console::app::palette::complete::{Completion, complete};
use crate::console::app::palette::history::History;
use crate::console::app::palette::{Chosen, chosen};
use crate::console::types::action::Act;
use crate::console::types::key::{Code, Key};
use crate::console::widgets::input;
use tui_input::Input;

/// A key.
pub(super) fn key(model: &mut Model, key: Key, interrupt: bool) -> Vec<Effect> {
    if key.is("esc") || interrupt {
        model.layers.pop();
        return vec![];
    }
    if key.is("enter") {
        return run(model);
    }
    let completion = match model.layers.last() {
        Some(Layer::Palette(palette)) => complete(model, palette.typed()),
        _ => return vec![],
    };
    let history = &model.history;
    let Some(Layer::Palette(palette)) = model.layers.last_mut() else {
        return vec![];
    };
    let plain = !key.ctrl && !key.alt;
    match key.code {
        Code::Named("tab") if plain => turn(palette, &completion, |all| all.map_or(0, |at| at + 1)),
        Code::Named("shift-tab") if plain => back(palette, &completion),
        Code::Named("down") if plain && palette.past.is_none() => {
            let after = completion.usual().map_or(0, |at| at + 1);
            turn(palette, &completion, |all| all.map_or(after, |at| at + 1));
        }
        Code::Named("up") if plain && palette.turn.is_some() => back(palette, &completion),
        Code::Named("up") if plain => older(palette, history),
        Code::Char('p') if key.ctrl => older(palette, history),
        Code::Named("down") if plain => newer(palette, history),
        Code::Char('n') if key.ctrl => newer(palette, history),
        _ => {
            if input::edit(&mut palette.input, key) {
                palette.turn = None;
                palette.past = None;
            }
        }
    }
    vec![]
}

/// A pasted text.
pub(super) fn paste(palette: &mut Palette, text: &str) {
    input::paste(&mut palette.input, text);
    palette.turn = None;
    palette.past = None;
}

/// Runs what is there, and remembers it.
fn run(model: &mut Model) -> Vec<Effect> {
    let Some(Layer::Palette(palette)) = model.layers.pop() else {
        return vec![];
    };
    let typed = palette.input.value().trim().to_owned();
    let chosen = chosen(model, &typed);
    let kept = model.history.push(&typed);
    let mut effects = match chosen {
        Chosen::Nothing(why) => {
            model.toast = Some(why);
            return vec![];
        }
        Chosen::Act(Act::Go(screen)) => nav::jump(model, screen),
        Chosen::Act(act) => act::run(model, act),
        Chosen::Command(command) => act::command(model, command),
    };
    if kept {
        effects.push(Effect::Remember(typed));
    }
    effects
}

/// Goes to another candidate, past the last one to the first. A single one is no choice: what comes behind it is next.
fn turn(palette: &mut Palette, completion: &Completion, next: impl FnOnce(Option<usize>) -> usize) {
    let all = completion.all.len();
    let now = palette.turn.as_ref().map(|turn| turn.at);
    let Some(at) = next(now).checked_rem(all) else {
        return;
    };
    let typed = palette.typed().to_owned();
    let Some(text) = completion.text(&typed, at) else {
        return;
    };
    palette.input = Input::new(text);
    palette.past = None;
    palette.turn = (all > 1).then_some(Turn { typed, at });
}

/// To the candidate before.
fn back(palette: &mut Palette, completion: &Completion) {
    let all = completion.all.len();
    turn(palette, completion, |now| {
        now.filter(|at| *at > 0).unwrap_or(all).saturating_sub(1)
    });
}

/// Shows the line before that begins as what was typed.
fn older(palette: &mut Palette, history: &History) {
    let (from, typed) = match &palette.past {
        Some(past) => (Some(past.at), past.typed.clone()),
        None => (None, palette.input.value().to_owned()),
    };
    if let Some(at) = history.older(from, &typed) {
        show(palette, history, Turn { typed, at });
    }
}

/// Shows the line after it, and behind the newest what was typed.
fn newer(palette: &mut Palette, history: &History) {
    let Some(past) = palette.past.take() else {
        return;
    };
    match history.newer(past.at, &past.typed) {
        Some(at) => show(palette, history, Turn { at, ..past }),
        None => palette.input = Input::new(past.typed),
    }
}

fn show(palette: &mut Palette, history: &History, past: Turn) {
    let line = history.lines().get(past.at).cloned();
    palette.input = Input::new(line.unwrap_or_default());
    palette.turn = None;
    palette.past = Some(past);
}
