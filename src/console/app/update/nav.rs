//! Moving about: screens, lists, pages, search.

use crate::console::app::find::Place;
use crate::console::app::heights::list_height;
use crate::console::app::help;
use crate::console::app::layer::Layer;
use crate::console::app::model::Model;
use crate::console::app::msg::Effect;
use crate::console::app::trail::{Stop, Trail};
use crate::console::app::update::find;
use crate::console::screens;
use crate::console::screens::check::Target;
use crate::console::screens::path::page::{Line, Page};
use crate::console::screens::space::state::View;
use crate::console::screens::unsigned::state::UnsignedLine;
use crate::console::types::column::COLUMNS;
use crate::console::types::screen::Screen;
use crate::console::widgets::layout;
use crate::console::widgets::list::{Move, half};
use crate::domain::installable::Installable;
use crate::domain::roots::RootKind;
use crate::inventory::{GroupKind, Row, State};

/// Goes to a screen by its own key: a new way begins.
pub(super) fn go(model: &mut Model, screen: Screen) -> Vec<Effect> {
    model.trail.clear();
    show(model, screen)
}

/// Goes to a screen from something that leads there; `esc` comes back.
pub(super) fn jump(model: &mut Model, screen: Screen) -> Vec<Effect> {
    let open = model.page().is_some() || model.access.card.is_some();
    if model.screen != screen || open {
        Trail::leave(model);
    }
    show(model, screen)
}

/// Goes to the planner; `esc` comes back, also to another view.
pub(super) fn jump_to_planner(model: &mut Model) -> Vec<Effect> {
    if !crate::console::app::reasons::on_plan(model) {
        Trail::leave(model);
    }
    let effects = show(model, Screen::Space);
    model.space.view = View::Plan;
    model.space.note_cursor();
    effects
}

fn show(model: &mut Model, screen: Screen) -> Vec<Effect> {
    model.screen = screen;
    model.store.searching = false;
    model.finds.typing = None;
    model.finds.scan = None;
    model.activity.typing = false;
    model.pages.clear();
    model.access.card = None;
    model.space.form.leave(true);
    let mut effects = super::space::show(model, screen == Screen::Space);
    if screen == Screen::Activity && model.activity.past.is_none() && model.cx.facts.is_some() {
        effects.push(Effect::Activity(screens::activity::Effect::ReadAudit));
    }
    effects
}

/// Goes to the screen so many places on.
pub(super) fn turn(model: &mut Model, by: usize) -> Vec<Effect> {
    let at = Screen::ALL
        .iter()
        .position(|screen| *screen == model.screen)
        .unwrap_or(0);
    go(model, Screen::ALL[(at + by) % Screen::ALL.len()])
}

/// Steps in whatever list has the keys.
pub(super) fn step(model: &mut Model, step: Move) {
    let height = list_height(model);
    if let Some(layer) = model.layers.last_mut() {
        let (_, page) = layout::text_box(model.cx.size);
        match layer {
            Layer::Help(shown) => scroll(&mut shown.top, step, help::page(page)),
            Layer::Text(text) => scroll(&mut text.top, step, page),
            Layer::Columns(list) => list.step(step, COLUMNS.len(), page),
            Layer::Servers(list) => list.step(step, model.servers.len(), page),
            Layer::Themes(list) => list.step(step, model.themes.len(), page),
            Layer::Clients(clients) => clients.list.step(step, clients.all.len(), page),
            Layer::SigningKeys(keys) => keys.list.step(step, keys.all.len(), page),
            Layer::Installed(installed) => {
                installed.list.step(step, Installable::ALL.len(), page);
            }
            Layer::Waiting(waiting) => waiting.list.step(step, waiting.all.len(), page),
            _ => {}
        }
        return;
    }
    if let Some(inventory) = model.cx.data.inventory.clone()
        && model.page().is_some()
        && let Some(page) = model.pages.last_mut()
    {
        let rows = page.len(&inventory);
        page.list.step(step, rows, height);
        return;
    }
    match model.screen {
        Screen::Overview => {
            let lines = crate::console::screens::overview::view::lines(&model.inputs());
            model
                .overview
                .list
                .step(step, lines.len(), lines.len().max(1));
            let check = lines.get(model.overview.list.cursor);
            model.overview.anchor = check.map(|check| check.id.clone());
        }
        Screen::Store => {
            screens::store::update::step(&mut model.store, step, height);
        }
        Screen::Unsigned => {
            screens::unsigned::update::step(&mut model.unsigned, step, height);
        }
        Screen::Activity => {
            let rows = model.activity_rows();
            model.activity.list.step(step, rows, height);
        }
        Screen::Access => step_access(model, step, height),
        Screen::Space => model.space.step(step, height),
    }
}

/// On the list by rows, on a card by lines.
fn step_access(model: &mut Model, step: Move, height: usize) {
    let access = &mut model.access;
    if let Some(top) = &mut access.card {
        scroll(top, step, height);
        return;
    }
    let rows = access.rows();
    access.list.step(step, rows, height);
    access.note_cursor();
}

/// The card of what is under the cursor.
fn open_card(model: &mut Model) -> Vec<Effect> {
    if model.access.current().is_some() && model.access.card.is_none() {
        model.access.card = Some(0);
        model.access.note_cursor();
    }
    vec![]
}

/// A text is scrolled by its first line; the end is found when it is drawn.
fn scroll(top: &mut usize, step: Move, page: usize) {
    *top = match step {
        Move::Down => *top + 1,
        Move::Up => top.saturating_sub(1),
        Move::PageDown => *top + page,
        Move::PageUp => top.saturating_sub(page),
        Move::HalfDown => *top + half(page),
        Move::HalfUp => top.saturating_sub(half(page)),
        Move::First => 0,
        Move::Last => usize::MAX / 2,
    };
}

/// Opens what is under the cursor.
pub(super) fn open(model: &mut Model) -> Vec<Effect> {
    let Some(inventory) = model.cx.data.inventory.clone() else {
        return match model.screen {
            Screen::Overview => open_check(model),
            Screen::Access => open_card(model),
            _ => vec![],
        };
    };
    if model.page().is_some() {
        let line = model.page().and_then(|page| page.line(&inventory));
        match line {
            Some(Line::Path { row, .. }) => {
                model
                    .pages
                    .push(Page::new(&inventory, row, model.cx.size.0));
            }
            Some(Line::Head(_, _, open)) => {
                if let Some(page) = model.pages.last_mut() {
                    page.fold(&inventory, !open);
                }
            }
            _ => {}
        }
        return vec![];
    }
    match model.screen {
        Screen::Overview => open_check(model),
        Screen::Store | Screen::Space => open_page(model),
        Screen::Unsigned => {
            match model.unsigned.lines.get(model.unsigned.list.cursor) {
                Some(UnsignedLine::Group(group)) => {
                    let top = model.unsigned.groups.get(*group).map(|group| group.top);
                    let open = top.is_some_and(|top| model.unsigned.open.contains(&top));
                    screens::unsigned::update::fold(&mut model.unsigned, !open);
                }
                Some(UnsignedLine::Row(..)) => {
                    return open_page(model);
                }
                None => {}
            }
            vec![]
        }
        Screen::Activity => crate::console::app::update::activity::open(model),
        Screen::Access => open_card(model),
    }
}

fn open_check(model: &mut Model) -> Vec<Effect> {
    let lines = crate::console::screens::overview::view::lines(&model.inputs());
    if let Some(check) = lines.get(model.overview.list.cursor) {
        match check.target {
            Some(Target::Plans) => return super::waiting::open(model),
            Some(Target::Installed(what)) => return super::installed::list(model, what, false),
            _ => {}
        }
        if let Some(problem) = &check.problem {
            super::show::show_problem(model, "What went wrong", problem);
            return vec![];
        }
        if let Some(screen) = check.screen {
            let mut effects = jump(model, screen);
            if let Some(target) = &check.target {
                effects.extend(go_to(model, target));
            }
            return effects;
        }
    }
    vec![]
}

/// Puts the cursor of the screen on what a line of the overview names.
fn go_to(model: &mut Model, target: &Target) -> Vec<Effect> {
    match target {
        Target::Access(anchor) => model.access.go_to(anchor),
        Target::Refused { bad } => {
            let unsigned = &mut model.unsigned;
            let wanted = |line: &UnsignedLine| match line {
                UnsignedLine::Group(at) => unsigned
                    .groups
                    .get(*at)
                    .is_some_and(|group| (group.kind == GroupKind::Bad) == *bad),
                UnsignedLine::Row(..) => false,
            };
            if let Some(at) = unsigned.lines.iter().position(wanted) {
                unsigned.list.cursor = at;
                unsigned.note_cursor();
            }
        }
        Target::Pin(name) => {
            model.space.view = View::Roots;
            let place = model.space.assessment.as_ref().and_then(|assessment| {
                let named = |kind: &RootKind| matches!(kind, RootKind::Pin(own) if own == name);
                assessment
                    .roots
                    .iter()
                    .position(|line| named(&line.root.kind))
            });
            if let Some(at) = place {
                model.space.roots.cursor = at;
                model.space.note_cursor();
            }
        }
        Target::View(view) => model.space.view = *view,
        // Opened where one is.
        Target::Plans | Target::Installed(_) => {}
        Target::Unreadable => return go_to_unreadable(model),
    }
    vec![]
}

/// To the first path that the server can't read, though a search or a filter hides it now.
fn go_to_unreadable(model: &mut Model) -> Vec<Effect> {
    let Some(inventory) = model.cx.data.inventory.clone() else {
        return vec![];
    };
    let unreadable = |row: &Row| inventory.state(*row) == State::Unreadable;
    let store = &mut model.store;
    if let Some(at) = store.rows.iter().position(unreadable) {
        store.list.cursor = at;
        store.anchor = store.rows.get(at).copied();
        return vec![];
    }
    store.search.reset();
    store.filter.clear();
    store.anchor = (0..inventory.len() as Row).find(unreadable);
    let hidden = |row: Row| inventory.path(row).is_derivation();
    store.derivations |= store.anchor.is_some_and(hidden);
    ask_view(model)
}

/// `right` and `left`.
pub(super) fn fold(model: &mut Model, wanted: bool) {
    let inventory = model.cx.data.inventory.clone();
    match (inventory, model.page().is_some(), model.pages.last_mut()) {
        (Some(inventory), true, Some(page)) => {
            if !page.fold(&inventory, wanted) && !wanted {
                page.up_to_parent(&inventory);
            }
        }
        _ => screens::unsigned::update::fold(&mut model.unsigned, wanted),
    }
}

/// `esc` on a screen: one thing at a time.
pub(super) fn back(model: &mut Model) -> Vec<Effect> {
    if model.page().is_some() {
        model.pages.pop();
    } else if model.screen == Screen::Access && model.access.card.take().is_some() {
    } else if model.screen == Screen::Space && std::mem::take(&mut model.space.paths) {
        model.space.note_cursor();
    } else if model.store.range.take().is_some() || model.unsigned.range.take().is_some() {
    } else if model.screen == Screen::Store && !model.store.search.value().is_empty() {
        model.store.search.reset();
        return search_changed(model);
    } else if model.screen == Screen::Store && !model.store.filter.is_empty() {
        model.store.filter.clear();
        return search_changed(model);
    } else if model.screen == Screen::Activity && super::activity::clear(&mut model.activity) {
    } else if model.screen == Screen::Access && model.access.refused {
        model.access.filter(false);
    } else {
        return back_on_trail(model);
    }
    vec![]
}

/// To where one came from.
fn back_on_trail(model: &mut Model) -> Vec<Effect> {
    match model.trail.pop() {
        Some(Stop::Screen(open)) => {
            let effects = show(model, open.screen());
            open.restore(model);
            effects
        }
        Some(Stop::Server(name)) => super::switch::back(model, name),
        None => vec![],
    }
}

/// Begins to type a search: of the store, or on any other list for a line of it.
pub(super) fn search(model: &mut Model) -> Vec<Effect> {
    if let Some(place) = Place::of(model) {
        return find::begin(model, place);
    }
    if model.screen == Screen::Activity {
        return super::activity::search(model);
    }
    let effects = jump(model, Screen::Store);
    model.store.searching = true;
    effects
}

/// The search, the filter or the order is another one: the cursor goes to the top and the rows are asked for.
pub(super) fn search_changed(model: &mut Model) -> Vec<Effect> {
    let assessment = model.space.assessment.clone();
    let effect =
        screens::store::update::search_changed(&mut model.store, &mut model.cx, assessment);
    effect.map(Effect::Store).into_iter().collect()
}

/// Asks for the rows that match now.
pub(super) fn ask_view(model: &mut Model) -> Vec<Effect> {
    let assessment = model.space.assessment.clone();
    let effect = screens::store::update::ask_view(&mut model.store, &mut model.cx, assessment);
    effect.map(Effect::Store).into_iter().collect()
}

/// The page of the path under the cursor.
fn open_page(model: &mut Model) -> Vec<Effect> {
    if let (Some(inventory), Some(row)) = (&model.cx.data.inventory, model.current_row()) {
        model.pages.push(Page::new(inventory, row, model.cx.size.0));
    }
    vec![]
}
