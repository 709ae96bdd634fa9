//! What every screen may look at, whatever else it knows.
//!
//! In: what comes from the terminal and the server. Out: [`Context`]: a screen gets it beside its own state, and only reads it,
//! but for the numbers of its requests.

use crate::change::Policy;
use crate::console::types::keymap::Keymap;
use crate::console::types::marks::Marks;
use crate::console::types::problem::Problem;
use crate::console::types::server::Link;
use crate::console::types::watch::Watch;
use crate::domain::count::number;
use crate::domain::{Thresholds, When};
use crate::inventory::{Inventory, Row};
use crate::server::facts::Facts;
use std::sync::Arc;

/// What every screen may look at.
#[derive(Debug)]
pub struct Context {
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    /// When the last message came in; nothing here reads a clock.
    pub now: When,
    /// The keys.
    pub keymap: Keymap,
    /// What may be done at all.
    pub policy: Policy,
    /// The server's name.
    pub server: String,
    /// `user@host`.
    pub place: String,
    /// The limits of the health checks.
    pub limits: Thresholds,
    /// The connection.
    pub link: Link,
    /// Whether it is watched.
    pub watch: Watch,
    /// What the server is.
    pub facts: Option<Arc<Facts>>,
    /// What the store has.
    pub data: Data,
    /// The marks of screens 2, 3 and 5.
    pub marks: Marks,
    /// The last number given to a request.
    pub sequence: u64,
}

impl Context {
    /// A fresh number for a request.
    pub fn next_number(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// Whether there is a connection.
    pub const fn is_up(&self) -> bool {
        matches!(self.link, Link::Up { .. })
    }
}

impl Data {
    /// What is to be said beside sums over the store while it is not all there, or not of now.
    pub fn note(&self, now: When) -> Option<String> {
        let counts = self.inventory.as_ref()?.counts();
        if let Some(kept) = self.kept {
            return Some(format!("as of {} ago", kept.age(now)));
        }
        self.loading.then(|| match counts.unread {
            0 => "reading again".to_owned(),
            _ => format!(
                "loading {} of {}",
                number(counts.read()),
                number(counts.paths)
            ),
        })
    }
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
    /// When it was kept, while nothing newer than what this machine remembers is there.
    pub kept: Option<When>,
    /// When the last of it came in.
    pub at: Option<When>,
    /// Why it ended early.
    pub problem: Option<Problem>,
    /// Why it was last read through the daemon, path by path, where the database was wanted. A clause.
    pub fallback: Option<String>,
    /// The rows whose closures are being measured, so that they are asked for once.
    pub measuring: Vec<Row>,
}
