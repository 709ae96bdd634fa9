//! Everything that the console knows. Plain data; `update` is its only writer, the screens only read.
//!
//! In: nothing. Out: [`Model`], and what follows from it at a glance: the scope in force, the row under the cursor.

use super::access::{Access, Typing, USUAL};
use super::actions::Scope;
use super::jobs::Job;
use super::keymap::Keymap;
use super::keys::Key;
use super::marks::Marks;
use super::msg::{PastChange, Source};
use super::page::Page;
use super::space::Space;
pub use super::state::{
    Activity, Layer, Palette, Part, SignDialog, Store, Text, Unsigned, UnsignedLine, Verification,
    What,
};
use super::theme::{Abilities, Theme};
use super::update::Subject;
use super::widgets::list::List;
use crate::change::Policy;
use crate::domain::{Threshold, When};
use crate::inventory::{Inventory, Row};
use crate::server::details;
use crate::server::facts::Facts;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// The fewest columns and rows with which everything can be drawn.
pub const SMALLEST: (u16, u16) = (60, 16);

/// The six screens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "they are what they are called")]
pub enum Screen {
    Overview,
    Store,
    Unsigned,
    Access,
    Space,
    Activity,
}

impl Screen {
    /// In the order of their keys.
    pub const ALL: [Self; 6] = [
        Self::Overview,
        Self::Store,
        Self::Unsigned,
        Self::Access,
        Self::Space,
        Self::Activity,
    ];

    /// Its name.
    pub const fn title(self) -> &'static str {
        self.scope().title()
    }

    /// Its keys.
    pub const fn scope(self) -> Scope {
        match self {
            Self::Overview => Scope::Overview,
            Self::Store => Scope::Store,
            Self::Unsigned => Scope::Unsigned,
            Self::Access => Scope::Access,
            Self::Space => Scope::Space,
            Self::Activity => Scope::Activity,
        }
    }
}

/// Something that went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// One sentence: the cause and the next step.
    pub summary: String,
    /// All there is to know, for copying.
    pub details: String,
}

impl Trouble {
    /// An error whose message is all there is.
    pub fn new(error: &dyn std::error::Error) -> Self {
        Self {
            summary: error.to_string(),
            details: details(error),
        }
    }

    /// From a sentence.
    pub fn say(summary: impl Into<String>) -> Self {
        let summary = summary.into();
        Self {
            details: summary.clone(),
            summary,
        }
    }
}

/// A server of the configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerChoice {
    /// Its name.
    pub name: String,
    /// Nothing may be changed on it.
    pub read_only: bool,
    /// Less disk than this left is a warning, and critical.
    pub limits: (Threshold, Threshold),
}

/// The state of the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// Being opened for the first time.
    Connecting,
    /// Open.
    Up {
        /// The last measured round trip.
        round_trip: Option<Duration>,
    },
    /// Lost; it is being opened again.
    Down {
        /// Why.
        trouble: Trouble,
        /// When the next attempt is made; `None` while one runs.
        again: Option<When>,
    },
    /// Not opened, and trying again by itself would not help.
    Failed(Trouble),
}

/// The store as far as it was read.
#[derive(Debug, Clone, Default)]
pub struct Data {
    /// What was read.
    pub inventory: Option<Arc<Inventory>>,
    /// Inventories of one generation number their rows alike.
    pub generation: u64,
    /// Whether more is coming.
    pub loading: bool,
    /// When the last of it came in.
    pub at: Option<When>,
    /// Why it ended early.
    pub trouble: Option<Trouble>,
    /// The rows whose closures are being measured, so that they are asked for once.
    pub measuring: Vec<Row>,
}

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
    pub limits: (Threshold, Threshold),
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
    pub limits: (Threshold, Threshold),
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
