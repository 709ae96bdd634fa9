//! The only writer of the model.
//!
//! In: the model, the time, a message. Out: the changed model, and the effects that follow. Pure: no clock, no terminal,
//! no waiting, so that a test is (state, keys, state).

mod access;
mod act;
mod activity;
mod backup;
mod click;
mod contents;
mod data;
mod export;
mod find;
mod installed;
mod keep;
mod layers;
mod leave;
mod live;
mod marks;
mod messages;
mod nav;
mod palette;
mod plan;
mod policy;
mod seen;
mod show;
mod sign;
mod space;
mod store;
mod switch;
mod undo;
mod waiting;
mod way;

use crate::console::app::heights::list_height;
use crate::console::app::servers;
use crate::console::plan::state::Field;

use crate::console::app::layer::Layer;
use crate::console::app::model::Model;
use crate::console::app::msg::{Effect, Msg};
use crate::console::types::action::{self, Act, Danger};
use crate::console::types::key::Key;
use crate::console::types::server::Link;
use crate::console::types::watch::{Watch, WatchState};
use crate::console::widgets::input;
use crate::console::widgets::layout;
use crate::console::widgets::list::Move;
use crate::domain::When;

/// Takes a message in.
#[allow(clippy::too_many_lines, reason = "one arm for each message")]
pub fn update(model: &mut Model, now: When, message: Msg) -> Vec<Effect> {
    model.cx.now = now;
    let before = model.toast.clone();
    let pressed = matches!(message, Msg::Key(_) | Msg::Held(_));
    let on_list = matches!(model.layers.last(), None | Some(Layer::Palette(_)));
    let by_key = matches!(
        message,
        Msg::Key(_) | Msg::Held(_) | Msg::Wheel(_) | Msg::Click(..) | Msg::Paste(_)
    ) && on_list;
    let places = seen::Places::of(model);
    let mut effects = match message {
        Msg::Start if model.cx.server.is_empty() => servers::open(model),
        Msg::Start => vec![Effect::Connect {
            server: model.cx.server.clone(),
        }],
        Msg::Key(key) => key_pressed(model, key, false),
        Msg::Held(key) => key_pressed(model, key, true),
        // It may be a private key by mistake.
        Msg::Paste(text) => paste(model, &zeroize::Zeroizing::new(text)),
        Msg::Wheel(rows) => wheel(model, rows),
        Msg::Click(column, row) => click::click(model, column, row),
        Msg::Resize(width, height) => {
            model.cx.size = (width, height);
            if let Some(inventory) = &model.cx.data.inventory {
                let pages = model.pages.iter_mut();
                pages.for_each(|page| page.resize(inventory, width));
            }
            // Even where it is the size that it was: it may have been another in between, and a terminal loses what does not fit.
            vec![Effect::Redraw]
        }
        Msg::Continued => vec![Effect::Redraw],
        Msg::Terminate => leave::terminate(model),
        Msg::EndNow => {
            model.quit = true;
            vec![]
        }
        Msg::Up(facts) => data::up(model, facts),
        Msg::RoundTrip(time) => {
            if let Link::Up { round_trip } = &mut model.cx.link {
                *round_trip = Some(time);
            }
            vec![]
        }
        Msg::Watch(event) => live::happened(model, event),
        Msg::WatchEnded(problem) => {
            model.cx.watch.state = WatchState::Ended(problem);
            model.cx.watch.daemon_down = None;
            vec![]
        }
        Msg::Down { problem, again } => {
            model.cx.watch = Watch::default();
            model.access.following = None;
            model.cx.link = Link::Down { problem, again };
            model.cx.data.loading = false;
            vec![]
        }
        Msg::Failed(problem) => {
            model.cx.link = Link::Failed(problem);
            model.cx.data.loading = false;
            vec![]
        }
        Msg::Ask(ask) => {
            model.layers.push(Layer::Ask {
                ask,
                answer: crate::console::types::secret::Secret::new(),
            });
            vec![]
        }
        Msg::AskOver(id) => {
            let over = |layer: &Layer| matches!(layer, Layer::Ask { ask, .. } if ask.id == id);
            model.layers.retain(|layer| !over(layer));
            vec![]
        }
        Msg::Inventory {
            generation,
            inventory,
            loading,
            kept,
        } => {
            model.cx.data.kept = kept;
            data::inventory(model, generation, inventory, loading)
        }
        Msg::Read { fallback } => {
            model.cx.data.fallback = fallback;
            vec![]
        }
        Msg::LoadFailed(problem) => {
            model.cx.data.loading = false;
            model.cx.data.problem = Some(problem);
            vec![]
        }
        Msg::Tick => live::passed(model),
        Msg::Examined { server, health } => {
            servers::examined(model, &server, health);
            vec![]
        }
        Msg::FindOn => find::go_on(model),
        Msg::Store(message) => messages::store(model, message),
        Msg::Unsigned(message) => messages::unsigned(model, message),
        Msg::Access(message) => messages::access(model, message),
        Msg::Space(message) => messages::space(model, message),
        Msg::Activity(message) => messages::activity(model, message),
        Msg::Planned { request_id, plan } => plan::planned(model, request_id, plan),
        Msg::Installed(found) => installed::read(model, found),
        Msg::Source(source) => sign::found(model, source),
        Msg::Place(place) => {
            model.cx.place = place;
            vec![]
        }
        Msg::Toast(text) => {
            model.toast = Some(text);
            vec![]
        }
        Msg::ToastOver(number) => {
            model.toast = model.toast.take().filter(|_| model.toasts != number);
            vec![]
        }
    };
    if model.toast.is_some() && (pressed || model.toast != before) {
        model.toasts += 1;
    }
    // Closing the question means to stay.
    let asked = |layer: &Layer| matches!(layer, Layer::Quit);
    model.leaving &= model.stopped || model.layers.iter().any(asked);
    model.activity.sift(model.access.known.as_ref());
    places.restore(model);
    clamp_cursors(model);
    plan::note_read(model);
    seen::note(model, by_key);
    effects.extend(data::measure(model));
    // Where no server was chosen there is nothing behind the choice.
    model.quit |= pressed && model.cx.server.is_empty() && model.layers.is_empty();
    if model.quit {
        effects.retain(|effect| matches!(effect, Effect::Answer { .. }));
    }
    effects
}

fn key_pressed(model: &mut Model, key: Key, held: bool) -> Vec<Effect> {
    model.toast = None;
    if model.too_small() {
        // What cannot be seen must not act; only leaving is possible, on the question that leaving may ask too.
        return leave::quit_only(model, key);
    }
    let Some(scope) = model.scope() else {
        if held && key.is("enter") && says_word(model) {
            return not_meant(model, key);
        }
        return layers::typed(model, key);
    };
    match model.cx.keymap.resolve(scope, key) {
        Some(act) if held && confirms(model, act) => not_meant(model, key),
        Some(act) => act::run(model, act),
        // Said once: a second press is meant.
        None => {
            if model.idle_keys.insert((scope, key)) {
                let lists = model.cx.keymap.names(Act::Help);
                model.toast = Some(format!("{key} does nothing here; {lists} lists the keys"));
            }
            vec![]
        }
    }
}

/// A key that nobody pressed for what is on the screen.
fn not_meant(model: &mut Model, key: Key) -> Vec<Effect> {
    model.toast = Some(format!(
        "{key} was held down or came too soon; press it again, by itself, to confirm"
    ));
    vec![]
}

/// Whether the word is typed that confirms a plan.
fn says_word(model: &Model) -> bool {
    let dialog = model.plan_dialog();
    dialog.is_some_and(|dialog| dialog.typing == Some(Field::Word))
}

/// Whether this begins something that a dialog asks about.
fn confirms(model: &Model, act: Act) -> bool {
    let asks = match model.layers.last() {
        Some(Layer::Verify(_)) => act == Act::Choose,
        Some(Layer::Quit) => return act == Act::QuitNow,
        Some(Layer::Plan(_)) => true,
        _ => false,
    };
    let danger = action::find(act).map(|action| action.danger);
    asks && (act == Act::Choose || danger == Some(Danger::Confirms))
}

fn paste(model: &mut Model, text: &str) -> Vec<Effect> {
    if model.too_small() {
        return vec![];
    }
    let typing = model.scope().is_none();
    let rules = model.edits_rules();
    let finding = model.finds.typing;
    match model.layers.last_mut() {
        Some(Layer::Palette(palette)) => {
            palette::paste(palette, text);
        }
        Some(Layer::Help(help)) if help.typing => {
            input::paste(&mut help.words, text);
            help.top = 0;
        }
        Some(Layer::Plan(_)) => return plan::paste(model, text),
        Some(Layer::Ask { answer, .. }) => {
            // A line end at the end of a pasted passphrase is not part of it.
            text.trim_end_matches(['\r', '\n'])
                .chars()
                .filter(|c| !c.is_control())
                .for_each(|c| answer.push(c));
        }
        None if rules => return space::form(model, |form| form.paste(text)),
        None if let Some(typing) = finding => return find::paste(model, typing, text),
        None if typing && model.activity.typing => {
            input::paste(model.activity.words_mut(), text);
            model.activity.list = crate::console::widgets::list::List::default();
        }
        None if typing => {
            input::paste(&mut model.store.search, text);
            return nav::search_changed(model);
        }
        _ => {}
    }
    vec![]
}

fn wheel(model: &mut Model, rows: i32) -> Vec<Effect> {
    let step = if rows > 0 { Move::Down } else { Move::Up };
    if !model.too_small() {
        for _ in 0..rows.unsigned_abs().min(10) {
            nav::step(model, step);
        }
    }
    vec![]
}

/// Brings cursors back into their lists, whatever happened.
fn clamp_cursors(model: &mut Model) {
    let height = list_height(model);
    let checks = crate::console::screens::overview::view::lines(&model.inputs());
    if let Some(anchor) = &model.overview.anchor {
        match checks.iter().position(|check| check.id == *anchor) {
            Some(at)
                if checks
                    .get(model.overview.list.cursor)
                    .map(|check| &check.id)
                    != Some(anchor) =>
            {
                model.overview.list.cursor = at;
            }
            _ => {}
        }
    }
    model.overview.list.clamp(checks.len(), checks.len().max(1));
    let rows = model.store.rows.len();
    model.store.list.clamp(
        rows,
        usize::from(layout::lists(model.cx.size, true).list.height),
    );
    let rows = model.unsigned.lines.len();
    let plain = usize::from(layout::lists(model.cx.size, false).list.height);
    model.unsigned.list.clamp(rows, plain);
    let rows = model.access.rows();
    let height_below = usize::from(layout::lists(model.cx.size, true).list.height);
    model.access.list.clamp(rows, height_below);
    let rows = model.activity_rows();
    model.activity.list.clamp(rows, plain);
    let rows = model.space.rows();
    let list = crate::console::screens::space::areas::areas(model.cx.size, &model.space).list;
    model.space.list_mut().clamp(rows, usize::from(list.height));
    if let (Some(inventory), Some(page)) = (&model.cx.data.inventory, model.pages.last_mut()) {
        page.list.clamp(page.len(inventory), height);
    }
    layers::clamp_cursors(model);
}
