//! The order, the columns and the saved filters of the store's list.

use super::nav;
use crate::console::app::layer::Layer;
use crate::console::app::model::Model;
use crate::console::app::msg::{Effect, Setting};
use crate::console::types::column::{COLUMNS, Columns};
use crate::console::types::filter::Filter;
use crate::console::types::screen::Screen;
use crate::console::widgets::list::List;
use crate::inventory::SortKey;

/// `o`: by the next column.
pub(super) fn sort_next(model: &mut Model) -> Vec<Effect> {
    let keys: Vec<SortKey> = COLUMNS.iter().filter_map(|spec| spec.sort).collect();
    let at = keys.iter().position(|key| *key == model.store.sort.key);
    let next = at.map_or(0, |at| (at + 1) % keys.len());
    if let Some(key) = keys.get(next) {
        model.store.sort.key = *key;
    }
    model.store.sort.reverse = false;
    nav::search_changed(model)
}

/// By this column; again, the other way round.
pub(super) fn sort_by(model: &mut Model, key: SortKey) -> Vec<Effect> {
    let sort = &mut model.store.sort;
    sort.reverse = sort.key == key && !sort.reverse;
    sort.key = key;
    nav::search_changed(model)
}

/// From the palette: by this column.
pub(super) fn sort(model: &mut Model, key: SortKey) -> Vec<Effect> {
    let mut effects = nav::jump(model, Screen::Store);
    model.store.sort.reverse = false;
    model.store.sort.key = key;
    effects.extend(nav::search_changed(model));
    effects
}

/// From the palette: through a filter, or the saved one of this name.
pub(super) fn filter(model: &mut Model, text: String) -> Vec<Effect> {
    let saved = model.filters.iter().find(|filter| filter.name == text);
    let query = saved.map_or(text, |filter| filter.query.clone());
    let effects = nav::jump(model, Screen::Store);
    model.store.filter = query;
    let mut all = nav::search_changed(model);
    all.extend(effects);
    if let Some(error) = &model.store.query_error {
        model.toast = Some(error.clone());
    }
    all
}

/// Keeps the filter and the search under a name.
pub(super) fn save_filter(model: &mut Model, name: String) -> Vec<Effect> {
    let query = format!("{} {}", model.store.filter, model.store.search.value());
    let query = query.trim().to_owned();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let problem = if query.is_empty() {
        Some("no filter or search is set on screen 2; set one with :filter QUERY".to_owned())
    } else if name.is_empty() || !name.chars().all(plain) {
        Some("the name of a filter has letters, digits, - and _ only".to_owned())
    } else {
        model.store.query_error.clone()
    };
    if let Some(problem) = problem {
        model.toast = Some(format!("Cannot save the filter: {problem}"));
        return vec![];
    }
    let saved = Effect::Save(Setting::Filter {
        name: name.clone(),
        query: query.clone(),
    });
    model.filters.retain(|filter| filter.name != name);
    model.filters.push(Filter::new(name, query));
    vec![saved]
}

/// From the palette: these columns.
pub(super) fn columns(model: &mut Model, text: &str) -> Vec<Effect> {
    let effects = nav::jump(model, Screen::Store);
    if text.is_empty() {
        model.layers.push(Layer::Columns(List::default()));
        return effects;
    }
    let words = text
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty());
    match Columns::new(words) {
        Ok(columns) => {
            model.store.columns = columns;
            effects.into_iter().chain([keep_columns(model)]).collect()
        }
        Err(why) => {
            model.toast = Some(why);
            effects
        }
    }
}

/// Switches the column under the cursor of the dialog.
pub(super) fn switch_column(model: &mut Model) -> Vec<Effect> {
    let Some(Layer::Columns(list)) = model.layers.last() else {
        return vec![];
    };
    let Some(spec) = COLUMNS.get(list.cursor) else {
        return vec![];
    };
    let before = model.store.columns.clone();
    model.store.columns.switch(spec.column);
    if model.store.columns == before {
        model.toast = Some("the name is always shown".to_owned());
        return vec![];
    }
    vec![keep_columns(model)]
}

fn keep_columns(model: &Model) -> Effect {
    Effect::Save(Setting::Columns(model.store.columns.words()))
}
