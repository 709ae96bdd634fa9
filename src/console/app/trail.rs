//! Where one came from, step by step, for `esc` and for the header.
//!
//! In: the model before a jump. Out: the same place again, and the names of all places on the way here. Keys of screens begin a new way.

use crate::console::app::model::Model;
use crate::console::screens::activity::state::Part;
use crate::console::screens::path::page::Page;
use crate::console::screens::space::state::View;
use crate::console::types::access::Anchor;
use crate::console::types::screen::Screen;
use crate::console::widgets::pen::{fit, fit_middle};
use crate::domain::text::visible;
use crate::inventory::Inventory;
use unicode_width::UnicodeWidthStr as _;

/// Steps that are kept; nobody goes back further.
const MOST: usize = 32;

/// The way here, the last step on top.
#[derive(Debug, Default)]
pub struct Trail {
    stops: Vec<Stop>,
}

/// A place that was left by a jump.
#[derive(Debug)]
pub(super) enum Stop {
    /// A screen, with what was open on it.
    Screen(Box<Open>),
    /// Another server, by its name.
    Server(String),
}

/// A screen, and what was open on it.
#[derive(Debug)]
pub(super) struct Open {
    screen: Screen,
    pages: Vec<Page>,
    card: Option<usize>,
    key: Option<Anchor>,
    view: View,
    paths: bool,
    part: Part,
}

impl Open {
    fn take(model: &mut Model) -> Self {
        let pages = match model.page() {
            Some(_) => std::mem::take(&mut model.pages),
            None => Vec::new(),
        };
        Self {
            screen: model.screen,
            pages,
            card: model.access.card,
            key: model.access.anchor.clone(),
            view: model.space.view,
            paths: model.space.paths,
            part: model.activity.part,
        }
    }

    /// The screen that it is on.
    pub(super) const fn screen(&self) -> Screen {
        self.screen
    }

    /// Opens again what was open, on the screen that is shown by now.
    pub(super) fn restore(self, model: &mut Model) {
        match self.screen {
            Screen::Access => {
                if let Some(key) = &self.key {
                    model.access.go_to(key);
                }
                let same = model.access.anchor == self.key;
                model.access.card = self.card.filter(|_| same);
            }
            Screen::Space => {
                model.space.view = self.view;
                model.space.paths = self.paths;
                model.space.note_cursor();
            }
            Screen::Activity => model.activity.part = self.part,
            Screen::Overview | Screen::Store | Screen::Unsigned => {}
        }
        model.pages = self.pages;
    }
}

impl Trail {
    /// Takes the place of the model as the last step.
    pub(super) fn leave(model: &mut Model) {
        let open = Open::take(model);
        model.trail.push(Stop::Screen(Box::new(open)));
    }

    /// Another server was left for this one; one goes back to the last one only.
    pub(super) fn leave_server(&mut self, name: String) {
        self.stops.retain(|stop| !matches!(stop, Stop::Server(_)));
        if !name.is_empty() {
            self.push(Stop::Server(name));
        }
    }

    fn push(&mut self, stop: Stop) {
        if self.stops.len() >= MOST {
            self.stops.remove(0);
        }
        self.stops.push(stop);
    }

    /// The last step, which is taken back.
    pub(super) fn pop(&mut self) -> Option<Stop> {
        self.stops.pop()
    }

    /// A new way begins.
    pub(super) fn clear(&mut self) {
        self.stops.clear();
    }

    /// Rows have other numbers now, or another snapshot of them is there.
    pub(super) fn carry(&mut self, old: &Inventory, new: &Inventory, same_rows: bool) {
        for stop in &mut self.stops {
            if let Stop::Screen(open) = stop {
                let pages = std::mem::take(&mut open.pages).into_iter();
                let pages = pages.filter_map(|page| page.carry(old, new, same_rows));
                open.pages = pages.collect();
            }
        }
    }

    /// The store of this server goes; its pages with it.
    pub(super) fn without_pages(mut self) -> Self {
        for stop in &mut self.stops {
            if let Stop::Screen(open) = stop {
                open.pages.clear();
            }
        }
        self
    }
}

/// The names of all places on the way here, this one last.
pub fn crumbs(model: &Model) -> Vec<String> {
    let inventory = model.cx.data.inventory.as_deref();
    let mut all = Vec::new();
    let mut add = |screen: Screen, pages: &[Page], card: bool| {
        all.push(screen.title().to_owned());
        let name = |page: &Page| {
            let known = inventory.filter(|inventory| (page.row as usize) < inventory.len());
            known.map(|inventory| inventory.name(page.row).to_owned())
        };
        all.extend(pages.iter().filter_map(name));
        if card {
            all.push("card".to_owned());
        }
    };
    for stop in &model.trail.stops {
        match stop {
            Stop::Screen(open) => {
                let card = open.screen == Screen::Access && open.card.is_some();
                add(open.screen, &open.pages, card);
            }
            Stop::Server(_) => {}
        }
    }
    let pages = match model.page() {
        Some(_) => model.pages.as_slice(),
        None => &[],
    };
    let card = model.screen == Screen::Access && model.access.card.is_some();
    add(model.screen, pages, card);
    if let Some(Stop::Server(name)) = model
        .trail
        .stops
        .iter()
        .find(|stop| matches!(stop, Stop::Server(_)))
    {
        all.insert(0, format!("from {name}"));
    }
    all
}

/// `Overview > Access`, in so many columns; the middle goes first.
pub fn line(crumbs: &[String], width: usize) -> String {
    let shown: Vec<String> = crumbs
        .iter()
        .map(|name| fit_middle(&visible(name), 32))
        .collect();
    for cut in 0..shown.len() {
        let line = match (cut, shown.as_slice()) {
            (0, all) => all.join(" > "),
            (_, [first, rest @ ..]) if cut < rest.len() => {
                format!("{first} > … > {}", rest[cut..].join(" > "))
            }
            (_, [.., last]) => format!("… > {last}"),
            (_, []) => String::new(),
        };
        if line.width() <= width {
            return line;
        }
    }
    fit(shown.last().map_or("", String::as_str), width)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unicode_width::UnicodeWidthStr as _;

    #[test]
    fn the_middle_goes_first() {
        let crumbs = ["Overview", "Store", "storefront-2.0", "curl-8.7.1"].map(str::to_owned);
        let line = |width| super::line(&crumbs, width);
        assert_eq!(line(80), "Overview > Store > storefront-2.0 > curl-8.7.1");
        assert_eq!(line(42), "Overview > … > storefront-2.0 > curl-8.7.1");
        assert_eq!(line(41), "Overview > … > curl-8.7.1");
        assert_eq!(line(20), "… > curl-8.7.1");
        assert_eq!(line(10), "curl-8.7.1");
        assert_eq!(line(5), "curl…");
    }

    proptest! {
        #[test]
        fn it_never_is_wider(crumbs in proptest::collection::vec(".{0,40}", 0..6), width in 0usize..90) {
            prop_assert!(super::line(&crumbs, width).width() <= width);
        }
    }
}
