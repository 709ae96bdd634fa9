//! One line of what needs attention, and where it leads.

use crate::console::screens::space::state::View;
use crate::console::types::access::Anchor;
use crate::console::types::problem::Problem;
use crate::console::types::screen::Screen;
use crate::domain::installable::Installable;
use crate::judge::health::State;

/// What a line names, where it names one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A request, a key, or a notice of screen 4.
    Access(Anchor),
    /// The refused paths, those with bad signatures or the others.
    Refused {
        /// Whether those with bad signatures are meant.
        bad: bool,
    },
    /// The first path that the server can't read.
    Unreadable,
    /// A pin, by its name.
    Pin(String),
    /// The plans that wait for a second administrator.
    Plans,
    /// What runs by itself.
    Installed(Installable),
    /// A view of screen 5.
    View(View),
}

/// One line of what needs attention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Which check it is, whatever its numbers are.
    pub id: String,
    /// How bad.
    pub level: State,
    /// What, for one row.
    pub text: String,
    /// The same in full.
    pub whole: String,
    /// What fixes it: a command, or what to do.
    pub fix: Option<String>,
    /// A detail, at the right.
    pub note: String,
    /// The screen that fixes it.
    pub screen: Option<Screen>,
    /// What on that screen.
    pub target: Option<Target>,
    /// What `enter` shows instead.
    pub problem: Option<Problem>,
}

impl Check {
    /// One about something that went wrong.
    pub fn problem(problem: &Problem) -> Self {
        Self {
            id: "problem".to_owned(),
            level: State::Critical,
            text: problem.to_string(),
            whole: problem.to_string(),
            fix: problem.hint.clone(),
            note: String::new(),
            screen: None,
            target: None,
            problem: Some(problem.clone()),
        }
    }
}
