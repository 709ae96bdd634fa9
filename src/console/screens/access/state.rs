//! What screen 4 knows.
//!
//! In: the facts of one look at the server. Out: [`AccessSnapshot`], assessed once so that drawing only picks the rows in view.

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
    /// Whether only the clients are listed that were refused lately.
    pub refused: bool,
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
    /// The file of the authority's key that made the last certificate.
    pub authority: String,
}

impl Access {
    /// How many lines the list has.
    pub fn rows(&self) -> usize {
        self.known.as_ref().map_or(0, |known| self.len_of(known))
    }

    /// A line of the list.
    pub fn line(&self, index: usize) -> Option<Line<'_>> {
        self.line_of(self.known.as_ref()?, index)
    }

    /// The line under the cursor.
    pub fn current(&self) -> Option<Line<'_>> {
        self.line(self.list.cursor)
    }

    fn len_of(&self, known: &AccessSnapshot) -> usize {
        if self.refused {
            known.refused.len()
        } else {
            known.len()
        }
    }

    fn line_of<'a>(&self, known: &'a AccessSnapshot, index: usize) -> Option<Line<'a>> {
        if self.refused {
            known.refused_line(index)
        } else {
            known.line(index)
        }
    }

    fn place_of(&self, known: &AccessSnapshot, anchor: &Anchor) -> Option<usize> {
        if !self.refused {
            return known.place(anchor);
        }
        let key = anchor.key()?;
        known.refused.iter().position(|one| one.fingerprint == *key)
    }

    /// Takes a newer look in; the cursor stays on what it was on.
    pub fn take(&mut self, known: Arc<AccessSnapshot>) {
        let place = self
            .anchor
            .as_ref()
            .and_then(|anchor| self.place_of(&known, anchor));
        let neighbour = || {
            near(self.list.cursor, self.rows())
                .filter_map(|at| self.line(at))
                .find_map(|line| self.place_of(&known, &line.anchor()))
        };
        if let Some(place) = place.or_else(neighbour) {
            self.list.cursor = place;
        }
        let same = self
            .line_of(&known, self.list.cursor)
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
        let Some(known) = &self.known else { return };
        // Of a client that stands nowhere, only its refusals are known.
        let refused = matches!(anchor, Anchor::Refused(_));
        self.refused = refused || self.refused && self.place_of(known, anchor).is_some();
        if let Some(place) = self.place_of(known, anchor) {
            self.list.cursor = place;
            self.note_cursor();
        }
    }

    /// Shows only the clients that were refused, or all; the cursor stays on its key where that is shown.
    pub fn filter(&mut self, refused: bool) {
        let anchor = self.anchor.take();
        self.refused = refused;
        self.card = None;
        self.list = List::default();
        if let (Some(known), Some(anchor)) = (&self.known, &anchor)
            && let Some(place) = self.place_of(known, anchor)
        {
            self.list.cursor = place;
        }
        self.note_cursor();
    }

    /// Remembers what is under the cursor.
    pub fn note_cursor(&mut self) {
        self.list.cursor = self.list.cursor.min(self.rows().saturating_sub(1));
        self.anchor = self.current().map(|line| line.anchor());
    }
}
