//! What is looked for in the lines of the lists, kept for each list.
//!
//! In: what was typed, and the lines a few at a time. Out: whether a line matches, and which lines are next. The store has a search
//! of its own, which shows what matches; here the cursor goes to it.

use crate::console::app::model::Model;
use crate::console::screens::activity::state::Part;
use crate::console::screens::space::state::View;
use crate::console::types::screen::Screen;
use crate::inventory::{Inventory, Row};
use std::collections::HashSet;
use std::ops::Range;
use tui_input::Input;

/// Lines that are looked at before the loop goes on: a list may have a million of them.
const AT_ONCE: usize = 2048;

/// A list whose lines can be looked through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Screen 3.
    Unsigned,
    /// Screen 4.
    Access,
    /// A view of screen 5.
    Space(View),
    /// The sessions of screen 6; the other lists there have a filter, which shows what matches.
    Sessions,
    /// The pages of paths.
    Path,
}

impl Place {
    /// The list that is shown, unless it is searched in another way.
    pub fn of(model: &Model) -> Option<Self> {
        if model.page().is_some() {
            return Some(Self::Path);
        }
        match model.screen {
            Screen::Overview | Screen::Store => None,
            Screen::Unsigned => Some(Self::Unsigned),
            Screen::Access => Some(Self::Access),
            Screen::Space => Some(Self::Space(model.space.view)),
            // The logs have a filter, which shows what matches.
            Screen::Activity => (model.activity.part == Part::Sessions).then_some(Self::Sessions),
        }
    }
}

/// What is looked for.
#[derive(Debug, Default)]
pub struct Finds {
    kept: Vec<(Place, Input)>,
    /// The list whose text is being typed.
    pub typing: Option<Typing>,
    /// The way into the closure to what was found there while it is typed; it is opened when that is kept.
    pub chain: Option<Vec<Row>>,
    /// What has not come to its end.
    pub scan: Option<Scan>,
}

/// A text that is being typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Typing {
    /// For this list.
    pub place: Place,
    /// Where the cursor was.
    pub origin: usize,
    /// The line that has it.
    pub found: Option<usize>,
    /// Whether no line has it.
    pub missed: bool,
}

/// A way through all lines of a list, beginning anywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// The list.
    pub place: Place,
    /// The words, in lower case.
    pub words: Vec<String>,
    /// The line to begin with.
    pub from: usize,
    /// Upwards.
    pub back: bool,
    /// How many were looked at.
    pub looked: usize,
    /// The closure of a path's page, as far as it was looked through; the page shows only what was opened.
    pub below: Below,
}

/// How far the closure below a page was looked through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Below {
    /// Not yet.
    Ahead,
    /// So far.
    Going(Box<Walk>),
    /// All of it.
    Done,
}

/// A walk through all that a path needs, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walk {
    /// What is to be visited next, the last first, with how deep it lies.
    stack: Vec<(Row, usize)>,
    /// The way to what is visited.
    chain: Vec<Row>,
    seen: HashSet<Row>,
    /// What the page shows already.
    shown: HashSet<Row>,
}

impl Walk {
    /// Below a path, without what the page shows of it.
    pub fn new(inventory: &Inventory, row: Row, shown: HashSet<Row>) -> Self {
        let mut walk = Self {
            stack: Vec::new(),
            chain: Vec::new(),
            seen: HashSet::from([row]),
            shown,
        };
        walk.push(inventory, row, 0);
        walk
    }

    fn push(&mut self, inventory: &Inventory, row: Row, depth: usize) {
        let below = inventory.references(row).iter().rev();
        let below = below.filter(|below| !self.seen.contains(below));
        self.stack.extend(below.map(|below| (*below, depth)));
    }

    /// Visits the next few: the way to one that is wanted; `None` if none of them is.
    pub fn next(
        &mut self,
        inventory: &Inventory,
        wanted: impl Fn(Row) -> bool,
    ) -> Option<Vec<Row>> {
        for _ in 0..AT_ONCE {
            let (row, depth) = self.stack.pop()?;
            if !self.seen.insert(row) {
                continue;
            }
            self.chain.truncate(depth);
            self.chain.push(row);
            self.push(inventory, row, depth + 1);
            if !self.shown.contains(&row) && wanted(row) {
                return Some(self.chain.clone());
            }
        }
        None
    }

    /// Whether there is no more.
    pub const fn is_over(&self) -> bool {
        self.stack.is_empty()
    }
}

impl Finds {
    /// What was searched, without what goes on.
    pub(super) fn at_rest(self) -> Self {
        Self {
            kept: self.kept,
            ..Self::default()
        }
    }

    fn of(&self, place: Place) -> Option<&Input> {
        let mut kept = self.kept.iter();
        kept.find(|(own, _)| *own == place).map(|(_, input)| input)
    }

    /// What was typed for a list.
    pub fn text(&self, place: Place) -> &str {
        self.of(place).map_or("", Input::value)
    }

    /// What is typed for a list: now this, as the closure leaves it.
    pub fn edit(&mut self, place: Place, edit: impl FnOnce(&mut Input)) {
        if let Some((_, input)) = self.kept.iter_mut().find(|(own, _)| *own == place) {
            return edit(input);
        }
        let mut input = Input::default();
        edit(&mut input);
        self.kept.push((place, input));
    }

    /// The text that is being typed, and whether no line has it.
    pub fn typed(&self) -> Option<(&Input, bool)> {
        let typing = self.typing?;
        Some((self.of(typing.place)?, typing.missed))
    }
}

impl Scan {
    /// Through a list from this line on.
    pub fn new(place: Place, text: &str, from: usize, back: bool) -> Self {
        Self {
            place,
            words: text.split_whitespace().map(str::to_lowercase).collect(),
            from,
            back,
            looked: 0,
            below: Below::Ahead,
        }
    }

    /// Whether the end of the page is reached, or its beginning on the way up: the closure comes next.
    pub const fn at_end(&self, lines: usize) -> bool {
        let from = self.from % if lines == 0 { 1 } else { lines };
        self.looked == if self.back { from + 1 } else { lines - from }
    }

    /// The lines that are next among so many, all in one piece; `None` when all were looked at.
    pub fn next(&self, lines: usize) -> Option<Range<usize>> {
        let left = lines.checked_sub(self.looked).filter(|left| *left > 0)?;
        let most = left.min(AT_ONCE);
        if self.back {
            let last = (self.from % lines + lines - self.looked) % lines;
            return Some(last + 1 - most.min(last + 1)..last + 1);
        }
        let first = (self.from + self.looked) % lines;
        Some(first..first + most.min(lines - first))
    }

    /// Whether a line has all words, in any order.
    pub fn matches(&self, line: &str) -> bool {
        let line = line.to_lowercase();
        self.words.iter().all(|word| line.contains(word.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_line_is_looked_at_once_in_order(lines in 1..9000_usize, from in 0..9000_usize, back: bool) {
            let from = from % lines;
            let mut scan = Scan::new(Place::Path, "x", from, back);
            let mut seen = Vec::new();
            while let Some(range) = scan.next(lines) {
                prop_assert!(!range.is_empty() && range.len() <= AT_ONCE);
                scan.looked += range.len();
                if back {
                    seen.extend(range.rev());
                } else {
                    seen.extend(range);
                }
            }
            let step = if back { lines - 1 } else { 1 };
            let expected: Vec<usize> = (0..lines).map(|at| (from + at * step) % lines).collect();
            prop_assert_eq!(seen, expected);
        }
    }

    #[test]
    fn words_match_in_any_order() {
        let scan = Scan::new(Place::Access, "ED25519 ada", 0, false);
        assert!(scan.matches("ada@example.org ssh-ed25519"));
        assert!(!scan.matches("ada@example.org ssh-rsa"));
    }
}
