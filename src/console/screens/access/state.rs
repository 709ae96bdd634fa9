//! What screen 4 knows.
//!
//! In: the facts of one look at the server. Out: [`AccessSnapshot`], judged once so that drawing only picks the rows in view.

pub use crate::change::access::{LIFETIMES, USUAL};
use crate::console::types::access::AccessSnapshot;
use crate::console::types::access::Anchor;
use crate::console::types::access::Line;
use crate::console::types::problem::Problem;
use crate::console::widgets::list::{List, near};
use std::sync::Arc;

/// Screen 4.
#[derive(Debug, Default)]
pub struct Access {
    /// What was found out last.
    pub known: Option<Arc<AccessSnapshot>>,
    /// Why the last look failed.
    pub problem: Option<Problem>,
    /// Whether new entries of sshd's log are being read, and whether there are more by now.
    pub following: Option<bool>,
    /// Whether a dialog waits for the next look before its plan is made.
    pub look_first: bool,
    /// Where the list is.
    pub list: List,
    /// What is under the cursor.
    pub anchor: Option<Anchor>,
    /// Whether the card of what is under the cursor is open, and where it is scrolled to.
    pub card: Option<usize>,
    /// The lifetime that an approval gives, by its place in [`LIFETIMES`].
    pub lifetime: usize,
}

impl Access {
    /// The line under the cursor.
    pub fn current(&self) -> Option<Line<'_>> {
        self.known.as_ref()?.line(self.list.cursor)
    }

    /// Takes a newer look in; the cursor stays on what it was on.
    pub fn take(&mut self, known: Arc<AccessSnapshot>) {
        let place = self.anchor.as_ref().and_then(|anchor| known.place(anchor));
        let neighbour = || {
            let old = self.known.as_ref()?;
            near(self.list.cursor, old.len())
                .filter_map(|at| old.line(at))
                .find_map(|line| known.place(&line.anchor()))
        };
        if let Some(place) = place.or_else(neighbour) {
            self.list.cursor = place;
        }
        let same = known
            .line(self.list.cursor)
            .is_some_and(|line| self.anchor.as_ref() == Some(&line.anchor()));
        if !same {
            // A card of something else under the same keys would mislead.
            self.card = None;
        }
        self.known = Some(known);
        self.problem = None;
        self.note_cursor();
    }

    /// Puts the cursor on this, where it is there.
    pub fn go_to(&mut self, anchor: &Anchor) {
        if let Some(place) = self.known.as_ref().and_then(|known| known.place(anchor)) {
            self.list.cursor = place;
            self.note_cursor();
        }
    }

    /// Remembers what is under the cursor.
    pub fn note_cursor(&mut self) {
        let rows = self.known.as_ref().map_or(0, |known| known.len());
        self.list.cursor = self.list.cursor.min(rows.saturating_sub(1));
        self.anchor = self.current().map(|line| line.anchor());
    }
}
