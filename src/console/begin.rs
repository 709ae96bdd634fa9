//! The console's first state.
//!
//! In: configuration, arguments, what was kept on this machine. Out: the model before the first message, and the backend's settings.

use super::run::{ConsoleError, Start};
use crate::change::Policy;
use crate::change::audit::copy::state_folder;
use crate::config::{Config, ServerConfig, home};
use crate::console::app::model::{Beginning, Model};
use crate::console::app::terminal::Guard;
use crate::console::backend::{Keeper, Targets};
use crate::console::types::column::Columns;
use crate::console::types::filter::Filter;
use crate::console::types::keymap::{Keymap, KeymapError};
use crate::console::types::server::ServerChoice;
use crate::console::widgets::theme::{Colours, Glyphs, Theme};
use crate::domain::{When, plain};
use std::collections::BTreeMap;

/// The backend's settings.
pub(super) type Kept = (Targets, Keeper);

/// The model of a console that is about to open.
pub(super) fn begin(start: Start) -> Result<(Model, Kept), ConsoleError> {
    let Start {
        config,
        overrides,
        target,
        examiner,
    } = start;
    let folder = home::config_home().map(|home| home.join("storekeeper/themes"));
    let themes = Theme::load(folder.as_deref(), Colours::here())?;
    let theme = Theme::position(&themes, config.theme.as_deref().unwrap_or("dark"))?;
    let choice = |server: &ServerConfig| ServerChoice::new(server, &overrides);
    let first = target.as_ref().map(|target| choice(&target.settings));
    let is_first = |name: &str| first.as_ref().is_some_and(|first| first.name == name);
    let others = config.servers.iter().filter(|one| !is_first(&one.name));
    let servers = first.iter().cloned().chain(others.map(choice)).collect();
    let none = || ServerChoice::none(&overrides);
    let shown = first.clone().unwrap_or_else(none);
    let own = target.as_ref().and_then(|target| target.state.clone());
    // What has a state folder of its own leaves nothing in the user's home.
    let file = match own {
        Some(_) => None,
        None => config.file.clone().or_else(Config::usual_file),
    };
    let keeper = Keeper::new(own.or_else(state_folder), file);
    let model = Model::new(Beginning {
        size: Guard::size()?,
        now: When::now(),
        themes,
        theme,
        glyphs: if config.ascii || plain::only_here() {
            Glyphs::Ascii
        } else {
            Glyphs::All
        },
        keymap: keymap(&config)?,
        policy: Policy {
            read_only: shown.read_only,
        },
        server: shown.name,
        place: target
            .as_ref()
            .map_or_else(String::new, |target| target.settings.host.clone()),
        limits: shown.limits,
        servers,
        sources: vec![],
        history: keeper.read(),
        filters: filters(&config),
        columns: columns(&config),
    });
    let targets = Targets {
        first: target,
        config,
        overrides,
        examiner,
    };
    Ok((model, (targets, keeper)))
}

fn filters(config: &Config) -> Vec<Filter> {
    let all = config.filters.iter();
    all.map(|(name, query)| Filter::new(name.clone(), query.clone()))
        .collect()
}

/// The words were checked when the file was read.
fn columns(config: &Config) -> Columns {
    let words = config.store_columns.as_deref();
    let chosen = words.and_then(|words| Columns::new(words.iter().map(String::as_str)).ok());
    chosen.unwrap_or_default()
}

fn keymap(config: &Config) -> Result<Keymap, ConsoleError> {
    let remaps: BTreeMap<String, Vec<String>> = config
        .keys
        .iter()
        .map(|remap| (remap.action.clone(), remap.keys.clone()))
        .collect();
    Keymap::new(&remaps).map_err(|error| {
        let named = |id: &str| config.keys.iter().find(|remap| remap.action == id);
        let remap = match &error {
            KeymapError::Unknown { id, .. } | KeymapError::Key { id, .. } => named(id),
            KeymapError::Collision { first, second, .. } => named(second).or_else(|| named(first)),
            KeymapError::Needed(id) => named(id),
        };
        let line = remap.map_or(0, |remap| remap.line);
        ConsoleError::Keys { error, line }
    })
}
