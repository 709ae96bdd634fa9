//! Everything that the console knows. Plain data; `update` is its only writer, the screens only read.
//!
//! In: nothing. Out: [`Model`], and what follows from it at a glance: the scope in force, the row under the cursor.

use crate::change::{Policy, Undo};
use crate::config::Colour;
use crate::console::app::find::Finds;
pub use crate::console::app::layer::{Layer, Palette};
use crate::console::app::palette::history::History;
use crate::console::app::places::Place;
use crate::console::app::subject::Subject;
use crate::console::app::trail::Trail;
use crate::console::plan;
use crate::console::plan::state::PlanDialog;
use crate::console::screens::access::state::{Access, USUAL};
pub use crate::console::screens::activity::comparison::Verification;
use crate::console::screens::activity::job::Job;
pub use crate::console::screens::activity::state::{Activity, Part};
use crate::console::screens::check::Target;
use crate::console::screens::overview::state::Overview;
use crate::console::screens::overview::view::Inputs;
use crate::console::screens::path::page::Page;
use crate::console::screens::space::state::Space;
pub use crate::console::screens::store::state::Store;
pub use crate::console::screens::unsigned::state::{Unsigned, UnsignedLine};
use crate::console::types::access::Line;
use crate::console::types::ask::Source;
pub use crate::console::types::change::What;
use crate::console::types::column::Columns;
use crate::console::types::context::Context;
use crate::console::types::context::Data;
use crate::console::types::filter::{self, Filter};
use crate::console::types::key::Key;
use crate::console::types::keymap::Keymap;
use crate::console::types::marks::Marks;
use crate::console::types::scope::Scope;
use crate::console::types::screen::Screen;
use crate::console::types::server::Link;
use crate::console::types::server::ServerChoice;
pub use crate::console::types::text::Text;
use crate::console::types::watch::Watch;
use crate::console::widgets::layout::SMALLEST;
use crate::console::widgets::theme::{Glyphs, Theme};
use crate::domain::access::Session;
use crate::domain::{Thresholds, When};
use crate::inventory::Row;
use std::collections::{BTreeMap, BTreeSet};

/// All of it.
#[derive(Debug)]
pub struct Model {
    /// What every screen may look at.
    pub cx: Context,
    /// The themes to choose from.
    pub themes: Vec<Theme>,
    /// The theme in use.
    pub theme: usize,
    /// What the terminal can draw.
    pub glyphs: Glyphs,
    /// All servers that can be gone to.
    pub servers: Vec<ServerChoice>,
    /// Where one was on those that were left, by name.
    pub places: BTreeMap<String, Place>,
    /// Where one was on this one, until its store is there.
    pub returning: Option<Box<Place>>,
    /// Keys that can sign.
    pub sources: Vec<Source>,
    pub screen: Screen,
    /// Screen 1.
    pub overview: Overview,
    /// Where one came from, and where `esc` goes back to.
    pub trail: Trail,
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
    /// What is looked for in lists.
    pub finds: Finds,
    /// What was last seen under the cursor.
    pub seen: Option<Subject>,
    /// What lies over the screen.
    pub layers: Vec<Layer>,
    /// The keys of which it was said that they do nothing.
    pub idle_keys: BTreeSet<(Scope, Key)>,
    /// A short message on the last line, until the next key or until it was there long enough to be read.
    pub toast: Option<String>,
    /// How many such messages there were, so that a new one is distinguished from one that stays.
    pub toasts: u64,
    /// Filters that have a name.
    pub filters: Vec<Filter>,
    /// What was run from the palette.
    pub history: History,
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
    /// What the terminal can draw.
    pub glyphs: Glyphs,
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
    /// The limits of the health checks.
    pub limits: Thresholds,
    /// What was run from the palette before.
    pub history: History,
    /// Filters that have a name.
    pub filters: Vec<Filter>,
    /// The columns of the store's list.
    pub columns: Columns,
}

impl Model {
    /// The model of a console that has not connected yet.
    pub fn new(beginning: Beginning) -> Self {
        let toast = filter::problem(&beginning.filters);
        Self {
            cx: Context {
                size: beginning.size,
                now: beginning.now,
                keymap: beginning.keymap,
                policy: beginning.policy,
                server: beginning.server,
                place: beginning.place,
                limits: beginning.limits,
                watch: Watch::default(),
                link: Link::Connecting,
                facts: None,
                data: Data::default(),
                marks: Marks::default(),
                sequence: 0,
            },
            themes: beginning.themes,
            theme: beginning.theme,
            glyphs: beginning.glyphs,
            servers: beginning.servers,
            places: BTreeMap::new(),
            returning: None,
            sources: beginning.sources,
            screen: Screen::Overview,
            overview: Overview::default(),
            trail: Trail::default(),
            store: Store {
                columns: beginning.columns,
                ..Store::default()
            },
            unsigned: Unsigned::default(),
            access: Access {
                lifetime: USUAL,
                ..Access::default()
            },
            space: Space::default(),
            activity: Activity::default(),
            pages: Vec::new(),
            finds: Finds::default(),
            seen: None,
            layers: Vec::new(),
            idle_keys: BTreeSet::new(),
            toasts: u64::from(toast.is_some()),
            toast,
            filters: beginning.filters,
            history: beginning.history,
            leaving: false,
            stopped: false,
            quit: false,
        }
    }

    /// The key or request that keys of screen 4 act on: under its cursor, or what the line of screen 1 under the cursor is about.
    pub fn access_line(&self) -> Option<Line<'_>> {
        match self.screen {
            Screen::Access => return self.access.current(),
            Screen::Overview => {}
            // What is not on the screen is not acted on.
            _ => return None,
        }
        let known = self.access.known.as_ref()?;
        let checks = crate::console::screens::overview::view::lines(&self.inputs());
        match &checks.get(self.overview.list.cursor)?.target {
            Some(Target::Access(anchor)) => known.line(known.place(anchor)?),
            _ => None,
        }
    }

    /// A server of the configuration.
    pub fn choice(&self, name: &str) -> Option<&ServerChoice> {
        self.servers.iter().find(|server| server.name == name)
    }

    /// The colour of the server's name.
    pub fn colour(&self) -> Option<Colour> {
        self.choice(&self.cx.server)?.colour
    }

    /// The theme that is shown: the one under the cursor while one is chosen, else the one in use.
    pub fn theme(&self) -> &Theme {
        let tried = self.layers.iter().rev().find_map(|layer| match layer {
            Layer::Themes(list) => self.themes.get(list.cursor),
            _ => None,
        });
        tried.unwrap_or(&self.themes[self.theme])
    }

    /// Whether the terminal is too small to draw in.
    pub fn too_small(&self) -> bool {
        self.cx.size.0 < SMALLEST.0 || self.cx.size.1 < SMALLEST.1
    }

    /// Which keys mean what; `None` while keys type a text.
    pub fn scope(&self) -> Option<Scope> {
        match self.layers.last() {
            Some(Layer::Palette(_) | Layer::Ask { .. }) => None,
            Some(Layer::Plan(dialog)) if dialog.typing.is_some() => None,
            Some(Layer::Plan(dialog)) => Some(Scope::Plan(dialog.change.family())),
            Some(Layer::Help(help)) if help.typing => None,
            Some(Layer::Help(_)) => Some(Scope::Help),
            Some(Layer::Text(_)) => Some(Scope::Text),
            Some(
                Layer::Servers(_)
                | Layer::Themes(_)
                | Layer::Clients(_)
                | Layer::SigningKeys(_)
                | Layer::Waiting(_)
                | Layer::Installed(_)
                | Layer::Verify(_)
                | Layer::Columns(_),
            ) => Some(Scope::Menu),
            Some(Layer::Quit) => Some(Scope::Quit),
            None if self.store.searching && self.screen == Screen::Store => None,
            None if self.activity.typing && self.screen == Screen::Activity => None,
            None if self.edits_rules() || self.finds.typing.is_some() => None,
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
            return page.current(self.cx.data.inventory.as_deref()?);
        }
        match self.screen {
            Screen::Store => self.store.current_row(),
            Screen::Unsigned => self.unsigned.current_row(),
            Screen::Space => self.space.current_row(),
            _ => None,
        }
    }

    /// What a change means when nothing is marked: the path under the cursor, or all paths of the group.
    pub fn current_rows(&self) -> Vec<Row> {
        if self.page().is_none()
            && self.screen == Screen::Unsigned
            && let Some(group) = self.unsigned.current_group()
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

    /// The open session under the cursor of screen 6.
    pub fn current_session(&self) -> Option<&Session> {
        let known = self.access.known.as_deref();
        let known = known.filter(|_| self.screen == Screen::Activity);
        self.activity.current_session(known)
    }

    /// Lines of the list of screen 6.
    pub fn activity_rows(&self) -> usize {
        self.activity.rows(self.access.known.as_deref())
    }

    /// What takes back the change whose receipt is on top.
    pub fn undo(&self) -> Option<&Undo> {
        let Some(Layer::Text(text)) = self.layers.last() else {
            return None;
        };
        let mut jobs = self.activity.jobs.iter();
        let job = jobs.find(|job| text.of == Some(job.id))?;
        job.undo(self.cx.now)
    }

    /// The dialog of a plan, if it is on top.
    pub fn plan_dialog(&self) -> Option<&PlanDialog> {
        match self.layers.last()? {
            Layer::Plan(dialog) => Some(dialog),
            _ => None,
        }
    }

    /// The number of the plan in the dialog on top, once it is made.
    pub fn plan_shown(&self) -> Option<u64> {
        let dialog = self.plan_dialog()?;
        dialog.made().map(|_| dialog.request_id)
    }

    /// What the dialog of a plan reads besides the context.
    pub fn plan_inputs(&self) -> plan::state::Inputs<'_> {
        plan::state::Inputs {
            sources: &self.sources,
            access: self.access.known.as_ref(),
            assessment: self.space.assessment.as_ref(),
            theme: self.theme(),
        }
    }

    /// What the overview sums up.
    pub const fn inputs(&self) -> Inputs<'_> {
        Inputs {
            cx: &self.cx,
            unsigned: &self.unsigned,
            access: &self.access,
            space: &self.space,
            activity: &self.activity,
        }
    }

    /// Whether something on the screen counts seconds, so that it has to be drawn anew by itself.
    pub fn counts_seconds(&self) -> bool {
        self.activity.jobs.iter().any(Job::is_running)
            || matches!(self.cx.link, Link::Down { again: Some(_), .. })
    }
}
