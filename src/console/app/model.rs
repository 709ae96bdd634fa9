//! Everything that the console knows. Plain data; `update` is its only writer, the screens only read.
//!
//! In: nothing. Out: [`Model`], and what follows from it at a glance: the scope in force, the row under the cursor.

use crate::change::Policy;
pub use crate::console::app::layer::{Layer, Palette};
use crate::console::app::update::Subject;
use crate::console::plan::access::Typing;
pub use crate::console::plan::sign_dialog::SignDialog;
use crate::console::screens::access::state::{Access, USUAL};
pub use crate::console::screens::activity::comparison::Verification;
use crate::console::screens::activity::job::Job;
use crate::console::screens::activity::state::PastChange;
pub use crate::console::screens::activity::state::{Activity, Part};
pub use crate::console::screens::change::What;
use crate::console::screens::path::page::Page;
use crate::console::screens::space::state::Space;
pub use crate::console::screens::store::state::Store;
pub use crate::console::screens::unsigned::state::{Unsigned, UnsignedLine};
use crate::console::types::action::Scope;
use crate::console::types::ask::Source;
use crate::console::types::context::Data;
use crate::console::types::key::Key;
use crate::console::types::keymap::Keymap;
use crate::console::types::marks::Marks;
use crate::console::types::screen::Screen;
use crate::console::types::server::Link;
use crate::console::types::server::ServerChoice;
pub use crate::console::types::text::Text;
use crate::console::widgets::layout::SMALLEST;
use crate::console::widgets::list::List;
use crate::console::widgets::theme::{Abilities, Theme};
use crate::domain::{Floor, When};
use crate::inventory::Row;
use crate::server::facts::Facts;
use std::collections::BTreeSet;
use std::sync::Arc;

/// All of it.
#[derive(Debug)]
pub struct Model {
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    /// When the last message came in; nothing here reads a clock.
    pub now: When,
    /// The themes to choose from.
    pub themes: Vec<Theme>,
    /// The theme in use.
    pub theme: usize,
    /// What the terminal may be sent.
    pub abilities: Abilities,
    /// The keys.
    pub keymap: Keymap,
    /// What may be done at all.
    pub policy: Policy,
    /// The server's name.
    pub server: String,
    /// `user@host`.
    pub place: String,
    /// All servers that can be gone to.
    pub servers: Vec<ServerChoice>,
    /// Keys that can sign.
    pub sources: Vec<Source>,
    /// Less disk than this left is a warning, and critical.
    pub limits: (Floor, Floor),
    /// The connection.
    pub link: Link,
    /// What the server is.
    pub facts: Option<Arc<Facts>>,
    /// What the store has.
    pub data: Data,
    /// The screen.
    pub screen: Screen,
    /// Where the overview's list is.
    pub overview: List,
    /// The check under its cursor, once it was moved.
    pub overview_anchor: Option<String>,
    /// The screen from whose line this one was opened, where `esc` goes back to.
    pub opened_from: Option<Screen>,
    /// Screen 2.
    pub store: Store,
    /// Screen 3.
    pub unsigned: Unsigned,
    /// Screen 4.
    pub access: Access,
    /// Screen 5.
    pub space: Space,
    /// Screen 6.
    pub activity: Activity,
    /// Pages of single paths, opened over screen 2, 3 or 5, the last one on top.
    pub pages: Vec<Page>,
    /// The marks of screens 2, 3 and 5.
    pub marks: Marks,
    /// What was last seen under the cursor.
    pub seen: Option<Subject>,
    /// What lies over the screen.
    pub layers: Vec<Layer>,
    /// The number of the plan whose warnings were all on the screen in its list.
    pub read: Option<u64>,
    /// The keys of which it was said that they do nothing.
    pub idle_keys: BTreeSet<(Scope, Key)>,
    /// A short message on the last line, until the next key or until it was there long enough to be read.
    pub toast: Option<String>,
    /// How many such messages there were, so that a new one is told from one that stays.
    pub toasts: u64,
    /// Jobs, the newest first.
    pub jobs: Vec<Job>,
    /// Commands of the palette, the newest last.
    pub history: Vec<String>,
    /// The last number given to a request.
    pub sequence: u64,
    /// Whether the loop is to end when the jobs that run have been cancelled and have left their receipts.
    pub leaving: bool,
    /// The same, and nobody is asked whether to stay: a signal has come, or the terminal is gone.
    pub stopped: bool,
    /// Whether the loop is to end.
    pub quit: bool,
}

/// What a model is made of before anything has come in.
#[derive(Debug)]
pub struct Beginning {
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    /// The time.
    pub now: When,
    /// The themes to choose from, at least one.
    pub themes: Vec<Theme>,
    /// The one to begin with.
    pub theme: usize,
    /// What the terminal may be sent.
    pub abilities: Abilities,
    /// The keys.
    pub keymap: Keymap,
    /// What may be done at all.
    pub policy: Policy,
    /// The server's name.
    pub server: String,
    /// `user@host`.
    pub place: String,
    /// All servers that can be gone to.
    pub servers: Vec<ServerChoice>,
    /// Keys here and in an agent that can sign.
    pub sources: Vec<Source>,
    /// Less disk than this left is a warning, and critical.
    pub limits: (Floor, Floor),
}

impl Model {
    /// The model of a console that has not connected yet.
    pub fn new(beginning: Beginning) -> Self {
        Self {
            size: beginning.size,
            now: beginning.now,
            themes: beginning.themes,
            theme: beginning.theme,
            abilities: beginning.abilities,
            keymap: beginning.keymap,
            policy: beginning.policy,
            server: beginning.server,
            place: beginning.place,
            servers: beginning.servers,
            sources: beginning.sources,
            limits: beginning.limits,
            link: Link::Connecting,
            facts: None,
            data: Data::default(),
            screen: Screen::Overview,
            overview: List::default(),
            overview_anchor: None,
            opened_from: None,
            store: Store::default(),
            unsigned: Unsigned::default(),
            access: Access {
                lifetime: USUAL,
                ..Access::default()
            },
            space: Space::default(),
            activity: Activity::default(),
            pages: Vec::new(),
            marks: Marks::default(),
            seen: None,
            layers: Vec::new(),
            read: None,
            idle_keys: BTreeSet::new(),
            toast: None,
            toasts: 0,
            jobs: Vec::new(),
            history: Vec::new(),
            sequence: 0,
            leaving: false,
            stopped: false,
            quit: false,
        }
    }

    /// The theme in use.
    pub fn theme(&self) -> &Theme {
        &self.themes[self.theme]
    }

    /// Whether the terminal is too small to draw in.
    pub fn too_small(&self) -> bool {
        self.size.0 < SMALLEST.0 || self.size.1 < SMALLEST.1
    }

    /// Which keys mean what; `None` while keys type a text.
    pub fn scope(&self) -> Option<Scope> {
        match self.layers.last() {
            Some(Layer::Palette(_) | Layer::Ask { .. }) => None,
            Some(Layer::Sign(dialog)) if dialog.writing => None,
            Some(Layer::Sign(_)) => Some(Scope::Sign),
            Some(Layer::Access(dialog)) if dialog.typing != Typing::Nothing => None,
            Some(Layer::Access(_)) => Some(Scope::Change),
            Some(Layer::Space(dialog)) if dialog.typing.is_some() => None,
            Some(Layer::Space(_)) => Some(Scope::Keep),
            Some(Layer::Help { .. } | Layer::Text(_)) => Some(Scope::Text),
            Some(Layer::Servers(_) | Layer::Verify(_)) => Some(Scope::Menu),
            Some(Layer::Quit) => Some(Scope::Quit),
            None if self.store.searching && self.screen == Screen::Store => None,
            None if self.edits_rules() => None,
            None => Some(self.screen_scope()),
        }
    }

    /// Whether keys type into the planner's form, unless a layer has them.
    pub fn edits_rules(&self) -> bool {
        self.screen == Screen::Space && self.page().is_none() && self.space.form.focus.is_some()
    }

    /// The scope below all layers.
    pub fn screen_scope(&self) -> Scope {
        if self.page().is_some() {
            Scope::Path
        } else if self.screen == Screen::Access && self.access.card.is_some() {
            Scope::Card
        } else {
            self.screen.scope()
        }
    }

    /// The page on top, where pages are shown.
    pub fn page(&self) -> Option<&Page> {
        self.pages.last().filter(|_| {
            matches!(
                self.screen,
                Screen::Store | Screen::Unsigned | Screen::Space
            )
        })
    }

    /// The path under the cursor.
    pub fn current_row(&self) -> Option<Row> {
        if let Some(page) = self.page() {
            return page.current(self.data.inventory.as_deref()?);
        }
        match self.screen {
            Screen::Store => self.store.rows.get(self.store.list.cursor).copied(),
            Screen::Unsigned => match self.unsigned.lines.get(self.unsigned.list.cursor)? {
                UnsignedLine::Group(group) => Some(self.unsigned.groups.get(*group)?.top),
                UnsignedLine::Row(group, row) => {
                    self.unsigned.groups.get(*group)?.rows.get(*row).copied()
                }
            },
            Screen::Space => self.space.current_row(),
            _ => None,
        }
    }

    /// What a change means when nothing is marked: the path under the cursor, or all paths of the group.
    pub fn current_rows(&self) -> Vec<Row> {
        if self.page().is_none()
            && self.screen == Screen::Unsigned
            && let Some(UnsignedLine::Group(group)) =
                self.unsigned.lines.get(self.unsigned.list.cursor)
            && let Some(group) = self.unsigned.groups.get(*group)
        {
            return group.rows.clone();
        }
        self.current_row().into_iter().collect()
    }

    /// Rows of the present list of paths.
    pub fn rows_shown(&self) -> usize {
        match self.screen {
            Screen::Store => self.store.rows.len(),
            Screen::Unsigned => self.unsigned.lines.len(),
            Screen::Space => self.space.rows(),
            _ => 0,
        }
    }

    /// The job under the cursor of the activity screen.
    pub fn current_job(&self) -> Option<&Job> {
        let changes = self.activity.part == Part::Changes;
        self.jobs.get(self.activity.list.cursor).filter(|_| changes)
    }

    /// The record of the audit log under the cursor of the activity screen.
    pub fn current_past(&self) -> Option<&PastChange> {
        let at = self.activity.list.cursor.checked_sub(self.jobs.len())?;
        let changes = self.activity.part == Part::Changes;
        self.past().get(at).filter(|_| changes)
    }

    /// The audit log as far as it was read.
    pub fn past(&self) -> &[PastChange] {
        match &self.activity.past {
            Some(Ok(past)) => past,
            _ => &[],
        }
    }

    /// Whether something on the screen counts seconds, so that it has to be drawn anew by itself.
    pub fn counts_seconds(&self) -> bool {
        self.jobs.iter().any(Job::is_running)
            || matches!(self.link, Link::Down { again: Some(_), .. })
    }

    /// A fresh number for a request.
    pub fn next_number(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }
}
