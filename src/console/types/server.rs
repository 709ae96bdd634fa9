//! The server: which ones there are, and how the connection to this one is.

use crate::config::{Colour, Overrides, ServerConfig};
use crate::console::types::problem::Problem;
use crate::domain::{Thresholds, When};
use crate::judge::health::State;
use std::time::Duration;

/// A server of the configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerChoice {
    pub name: String,
    /// Nothing may be changed on it.
    pub read_only: bool,
    /// Of its name.
    pub colour: Option<Colour>,
    /// How it was when somebody last looked.
    pub health: Health,
    /// The limits of its health checks.
    pub limits: Thresholds,
}

impl ServerChoice {
    /// Of a server of the configuration, with what arguments say over it.
    pub fn new(server: &ServerConfig, overrides: &Overrides) -> Self {
        Self {
            name: server.name.clone(),
            read_only: server.read_only || overrides.read_only,
            colour: server.colour,
            health: Health::Unknown,
            limits: server.thresholds,
        }
    }

    /// Before one is chosen: it has no name.
    pub fn none(overrides: &Overrides) -> Self {
        Self::new(&ServerConfig::unconfigured(""), overrides)
    }
}

/// How a server is that is not on the screen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Health {
    /// Nobody has looked.
    #[default]
    Unknown,
    /// Being looked at.
    Loading,
    /// The state of all checks, and what the first of them says.
    Is(State, String),
    /// It can't be asked, and why.
    Unreachable(String),
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
        problem: Problem,
        /// When the next attempt is made; `None` while one runs.
        again: Option<When>,
    },
    /// Not opened, and trying again by itself would not help.
    Failed(Problem),
}
