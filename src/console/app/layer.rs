//! What lies over the screen.
//!
//! In: nothing. Out: plain data, a part of the model.

use crate::console::plan::state::PlanDialog;
use crate::console::screens::activity::comparison::Verification;
use crate::console::types::ask::Ask;
use crate::console::types::client::Client;
use crate::console::types::key_purpose::KeyPurpose;
use crate::console::types::scope::Scope;
use crate::console::types::secret::Secret;
use crate::console::types::text::Text;
use crate::console::widgets::list::List;
use crate::domain::StorePath;
use crate::domain::installable::Installation;
use crate::domain::two_persons::FoundPlan;
use crate::judge::rotation::KeyCoverage;
use tui_input::Input;

/// What lies over the screen; the last one has the keys.
#[derive(Debug)]
pub enum Layer {
    /// The keys that work in a scope.
    Help(Help),
    /// `:`.
    Palette(Palette),
    /// Before a change.
    Plan(Box<PlanDialog>),
    /// A text.
    Text(Text),
    /// A question of the connection.
    Ask {
        /// The question.
        ask: Ask,
        /// The answer so far.
        answer: Secret,
    },
    /// Compare so much?
    Verify(Box<Verification>),
    /// A choice of clients, whose way to a path is to be shown.
    Clients(Box<Clients>),
    /// A choice of signing keys.
    SigningKeys(Box<SigningKeys>),
    /// A choice of plans that wait for a second administrator.
    Waiting(Box<Waiting>),
    /// What runs by itself on the server.
    Installed(Box<Installed>),
    /// The columns of the store's list, to switch on and off.
    Columns(List),
    /// A choice of servers.
    Servers(List),
    /// A choice of themes.
    Themes(List),
    /// Quit although a job runs?
    Quit,
}

/// A choice of clients for a path.
#[derive(Debug)]
pub struct Clients {
    pub path: StorePath,
    /// All of them.
    pub all: Vec<Client>,
    /// Where the list is.
    pub list: List,
}

/// A choice of signing keys.
#[derive(Debug)]
pub struct SigningKeys {
    /// What for.
    pub purpose: KeyPurpose,
    /// The cache's own, with how far each has got.
    pub all: Vec<KeyCoverage>,
    /// Where the list is.
    pub list: List,
}

/// A choice of plans that wait.
#[derive(Debug)]
pub struct Waiting {
    /// All of them.
    pub all: Vec<FoundPlan>,
    /// Where the list is.
    pub list: List,
}

/// A choice of what runs by itself.
#[derive(Debug)]
pub struct Installed {
    /// How each is; `None` while the server is looked at.
    pub all: Option<Vec<Installation>>,
    /// Where the list is.
    pub list: List,
    /// The one under the cursor is planned as soon as that is known.
    pub go: bool,
}

#[derive(Debug)]
pub struct Help {
    /// Where it was asked for.
    pub scope: Scope,
    /// Where it is scrolled to.
    pub top: usize,
    /// What is searched in it.
    pub words: Input,
    /// Whether that is being typed.
    pub typing: bool,
}

impl Help {
    /// Of a scope, all of it.
    pub fn of(scope: Scope) -> Self {
        Self {
            scope,
            top: 0,
            words: Input::default(),
            typing: false,
        }
    }
}

/// The command palette.
#[derive(Debug, Default)]
pub struct Palette {
    /// What is typed, or was completed.
    pub input: Input,
    /// While one goes through what can come next.
    pub turn: Option<Turn>,
    /// While one goes through what was run before.
    pub past: Option<Turn>,
}

/// What is shown instead of what was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// What was typed.
    pub typed: String,
    /// The place in the list.
    pub at: usize,
}

impl Palette {
    /// With the beginning of a command.
    pub fn with(typed: &str) -> Self {
        Self {
            input: Input::new(typed.to_owned()),
            ..Self::default()
        }
    }

    /// What was typed by hand, of which the list shows what can come next.
    pub fn typed(&self) -> &str {
        match &self.turn {
            Some(turn) => &turn.typed,
            None => self.input.value(),
        }
    }
}
