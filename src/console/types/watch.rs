//! Whether what is on the screen is kept up to date by itself, and why not.

use crate::console::types::problem::Problem;
use crate::domain::When;
use crate::server::Watched;

/// What is known by watching.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Watch {
    /// Whether the server is watched.
    pub state: WatchState,
    /// Since when nobody listens at the daemon's socket, by this machine's clock.
    pub daemon_down: Option<When>,
    /// Whether Nix's lock for collections is held, as far as the watch has seen.
    pub collects: bool,
    /// When a collection that the watch has not seen was looked for again.
    pub looked_again: Option<When>,
}

/// Whether the server is watched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum WatchState {
    /// Not begun.
    #[default]
    Off,
    /// Changes come in as they happen.
    Live {
        /// But for these, which this login can't see change.
        hidden: Vec<Watched>,
    },
    /// It could not begin or go on.
    Ended(Problem),
}

impl Watch {
    /// Whether changes of the store are not seen.
    pub fn store_is_snapshot(&self) -> bool {
        match &self.state {
            WatchState::Off => false,
            WatchState::Live { hidden } => hidden.contains(&Watched::Database),
            WatchState::Ended(_) => true,
        }
    }

    /// What is not seen to change: why, or which parts.
    pub fn not_live(&self) -> Option<String> {
        match &self.state {
            WatchState::Off => None,
            WatchState::Live { hidden } if hidden.is_empty() => None,
            WatchState::Live { hidden } => {
                let words: Vec<&str> = hidden.iter().map(|what| what.word()).collect();
                Some(format!("{} can't be watched", words.join(", ")))
            }
            WatchState::Ended(problem) => Some(problem.message.clone()),
        }
    }
}
