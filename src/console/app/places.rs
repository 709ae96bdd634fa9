//! Where one was on each server, for when one comes back.
//!
//! In: the model when a server is left, and when it is gone to again. Out: a [`Place`], and the same screen, search, order and cursors as before.
//! Rows are numbered anew by then, so paths are kept by name.

use super::find::Finds;
use super::model::Model;
use super::trail::Trail;
use crate::console::screens::activity::job::Job;
use crate::console::screens::activity::state::Part;
use crate::console::screens::activity::state::Words;
use crate::console::screens::path::page::Page;
use crate::console::screens::space::state::View;
use crate::console::screens::unsigned::state::Unsigned;
use crate::console::types::access::Anchor;
use crate::console::types::screen::Screen;
use crate::domain::StorePath;
use crate::inventory::{Inventory, Sort};
use tui_input::Input;

/// Where one was on a server.
#[derive(Debug, Default)]
pub struct Place {
    screen: Option<Screen>,
    search: Input,
    filter: String,
    sort: Sort,
    derivations: bool,
    row: Option<StorePath>,
    pages: Vec<StorePath>,
    key: Option<Anchor>,
    view: View,
    part: Part,
    words: Words,
    refused: bool,
    ours: bool,
    jobs: Vec<Job>,
    trail: Trail,
    finds: Finds,
}

impl Place {
    /// Leaves the server of the model. Nothing of it stays there but what holds for all servers: the order and the columns of the store, the planner's
    /// rules, the lifetime of an approval.
    pub(super) fn leave(model: &mut Model) -> Self {
        let inventory = model.cx.data.inventory.clone();
        let path = |row| inventory.as_ref().map(|inventory| inventory.path(row));
        let store = std::mem::take(&mut model.store);
        model.store.sort = store.sort;
        model.store.columns = store.columns.clone();
        model.unsigned = Unsigned::default();
        let access = std::mem::take(&mut model.access);
        model.access.lifetime = access.lifetime;
        let activity = std::mem::take(&mut model.activity);
        let space = std::mem::take(&mut model.space);
        model.space.form = space.form;
        model.space.look = space.look;
        model.cx.marks.clear();
        Self {
            screen: Some(model.screen),
            row: store.anchor.or_else(|| store.current_row()).and_then(path),
            search: store.search,
            filter: store.filter,
            sort: store.sort,
            derivations: store.derivations,
            pages: std::mem::take(&mut model.pages)
                .into_iter()
                .filter_map(|page| path(page.row))
                .collect(),
            key: access.anchor,
            view: space.view,
            part: activity.part,
            words: activity.words,
            jobs: activity.jobs,
            trail: std::mem::take(&mut model.trail).without_pages(),
            refused: activity.refused,
            ours: activity.ours,
            finds: std::mem::take(&mut model.finds).at_rest(),
        }
    }

    /// Goes back to it, as far as that can be before the server's store is there.
    pub(super) fn restore(mut self, model: &mut Model) {
        model.screen = self.screen.take().unwrap_or(model.screen);
        model.store.search = std::mem::take(&mut self.search);
        model.store.filter = std::mem::take(&mut self.filter);
        model.store.sort = self.sort;
        model.store.derivations = self.derivations;
        model.access.anchor = self.key.take();
        model.space.view = self.view;
        model.activity.part = self.part;
        model.activity.words = std::mem::take(&mut self.words);
        model.activity.refused = self.refused;
        model.activity.ours = self.ours;
        model.activity.jobs = std::mem::take(&mut self.jobs);
        model.trail = std::mem::take(&mut self.trail);
        model.finds = std::mem::take(&mut self.finds);
        model.returning = Some(Box::new(self));
    }

    /// Goes to its paths in the store that has come in, as far as they are there and nobody has gone elsewhere meanwhile.
    pub(super) fn arrive(&mut self, model: &mut Model, inventory: &Inventory) {
        if let Some(row) = self.row.as_ref().and_then(|path| inventory.find(path)) {
            self.row = None;
            model.store.anchor.get_or_insert(row);
        }
        let pages = self.pages.iter().filter_map(|path| inventory.find(path));
        let pages: Vec<Page> = pages
            .map(|row| Page::new(inventory, row, model.cx.size.0))
            .collect();
        if !pages.is_empty() {
            self.pages.clear();
            if model.pages.is_empty() {
                model.pages = pages;
            }
        }
    }
}
