//! The page of one path: all that is known of it, and its neighbours in the graph.
//!
//! In: a row, moves. Out: lines, each made when it is drawn; a page with a hundred thousand referrers costs what is in
//! view. The closure is a tree that grows where it is opened.

use crate::console::screens::path::tree::{Node, Tree, children};
use crate::console::screens::path::words::{closure_size, meaning, with_closure};
use crate::console::widgets::list::List;
use crate::console::widgets::pen::wrap;
use crate::domain::count::number;
use crate::domain::{Bytes, Verdict, When};
use crate::inventory::{Inventory, Row, State};
use unicode_width::UnicodeWidthStr as _;

/// The three lists of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// What the path refers to.
    References,
    /// What refers to it.
    Referrers,
    /// All that it needs, as a tree.
    Closure,
}

/// One line of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A label and a value.
    Info(&'static str, String),
    /// More of the value of this label, which does not fit on one line.
    More(&'static str, String),
    /// A signature, and what it is worth.
    Signature(String, Verdict),
    /// The head of a list, and whether it is open.
    Head(Part, usize, bool),
    /// A path of a list.
    Path {
        /// The path.
        row: Row,
        /// How deep it lies in the tree.
        depth: usize,
        /// Whether it is open, if there is something below.
        open: Option<bool>,
    },
}

impl Line {
    /// Whether both lines are about one thing, whatever they say of it.
    fn is_about(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Info(own, _), Self::Info(label, _))
            | (Self::More(own, _), Self::More(label, _)) => own == label,
            (Self::Signature(own, _), Self::Signature(name, _)) => own == name,
            (Self::Head(own, ..), Self::Head(part, ..)) => own == part,
            (
                Self::Path { row, depth, .. },
                Self::Path {
                    row: other,
                    depth: deep,
                    ..
                },
            ) => row == other && depth == deep,
            _ => false,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The path.
    pub row: Row,
    /// Where the page is.
    pub list: List,
    /// Columns of the terminal.
    width: u16,
    references: bool,
    referrers: bool,
    closure: bool,
    tree: Tree,
}

/// Columns of a label.
pub const LABEL: u16 = 12;
/// Columns of a line that no value has: the cursor's, the label's, and one at the right edge.
const MARGINS: u16 = 2 + LABEL + 1;
/// `/nix/store/`, 32 digits and a dash, all before the name.
const HASH_END: usize = 44;

/// A line of the page as so many lines that its value fits. A store path is broken before its name.
fn wrapped(line: Line, room: usize) -> Vec<Line> {
    let Line::Info(label, text) = line else {
        return vec![line];
    };
    if text.width() <= room {
        return vec![Line::Info(label, text)];
    }
    let store = text.starts_with("/nix/store/") && room >= HASH_END;
    let (head, rest) = match text.split_at_checked(HASH_END).filter(|_| store) {
        Some((head, name)) => (Some(head.to_owned()), name),
        None => (None, text.as_str()),
    };
    let parts = head.into_iter().chain(wrap(rest, room));
    let lines = parts.enumerate().map(|(at, part)| match at {
        0 => Line::Info(label, part),
        _ => Line::More(label, part),
    });
    lines.collect()
}

/// Up to so many, a list is open from the start.
const OPEN: usize = 12;

impl Page {
    /// The page of a row on a terminal of so many columns.
    pub fn new(inventory: &Inventory, row: Row, width: u16) -> Self {
        Self {
            row,
            width,
            list: List::default(),
            references: inventory.references(row).len() <= OPEN,
            referrers: inventory.referrers(row).len() <= OPEN,
            closure: false,
            tree: Tree::default(),
        }
    }

    /// Shows it on a terminal of so many columns; the cursor stays on its line.
    pub fn resize(&mut self, inventory: &Inventory, width: u16) {
        let under_cursor = self.line(inventory);
        self.width = width;
        if let Some(wanted) = under_cursor {
            self.go_back_to(inventory, &wanted);
        }
    }

    /// The lines above the lists. What does not fit on one line has several, so that all of it can be read.
    fn top(&self, inventory: &Inventory, now: When) -> Vec<Line> {
        let room = usize::from(self.width.saturating_sub(MARGINS)).max(1);
        let lines = self.facts(inventory, now).into_iter();
        lines.flat_map(|line| wrapped(line, room)).collect()
    }

    fn facts(&self, inventory: &Inventory, now: When) -> Vec<Line> {
        let row = self.row;
        let mut lines = vec![Line::Info("path", inventory.path(row).to_string())];
        match inventory.state(row) {
            State::Valid => {}
            State::Unread => lines.push(Line::Info("state", "not read yet".to_owned())),
            State::Gone => lines.push(Line::Info("state", "is valid no more".to_owned())),
            State::Unlisted => lines.push(Line::Info(
                "state",
                "not in the store; another path refers to it".to_owned(),
            )),
            State::Unreadable => lines.push(Line::Info(
                "problem",
                inventory.problem(row).unwrap_or("unknown").to_owned(),
            )),
        }
        if let Some(hash) = inventory.nar_hash(row) {
            lines.push(Line::Info("hash", format!("sha256:{}", hash.to_nix32())));
        }
        if let Some(size) = inventory.nar_size(row) {
            let exact = number(usize::try_from(size).unwrap_or(usize::MAX));
            lines.push(Line::Info("size", format!("{exact} B  ({})", Bytes(size))));
        }
        lines.push(Line::Info(
            "closure",
            format!(
                "{}; {}",
                with_closure(inventory, row),
                closure_size(inventory, row)
            ),
        ));
        if let Some(at) = inventory.registered(row) {
            let how = if inventory.ultimate(row) {
                "built here"
            } else {
                "uploaded or substituted"
            };
            lines.push(Line::Info(
                "added",
                format!("{at}  {} ago, {how}", at.age(now)),
            ));
        }
        // What the store does not say by itself is filled in where it is drawn.
        lines.push(Line::Info("last used", String::new()));
        lines.push(Line::Info("kept by", String::new()));
        let deriver = inventory.deriver(row);
        lines.push(Line::Info(
            "deriver",
            deriver.map_or_else(
                || "not known".to_owned(),
                |path| {
                    let here = inventory
                        .find(&path)
                        .is_some_and(|row| inventory.state(row).is_present());
                    format!("{path}{}", if here { "" } else { "  (not here)" })
                },
            ),
        ));
        if let Some(address) = inventory.content_address(row) {
            lines.push(Line::Info("content", address.to_owned()));
        }
        if let Some(meaning) = meaning(inventory, row) {
            lines.push(Line::Info("trust", meaning.to_owned()));
        }
        let signatures: Vec<Line> = inventory
            .signatures(row)
            .map(|(name, verdict)| Line::Signature(name.to_owned(), verdict))
            .collect();
        if signatures.is_empty() && inventory.state(row) == State::Valid {
            lines.push(Line::Info("signatures", "none".to_owned()));
        }
        lines.extend(signatures);
        lines
    }

    /// The lines in a range.
    pub fn lines(
        &self,
        inventory: &Inventory,
        now: When,
        range: std::ops::Range<usize>,
    ) -> Vec<Line> {
        let top = self.top(inventory, now);
        range
            .filter_map(|index| self.line_below(inventory, &top, index))
            .collect()
    }

    fn line_below(&self, inventory: &Inventory, top: &[Line], index: usize) -> Option<Line> {
        if let Some(line) = top.get(index) {
            return Some(line.clone());
        }
        let mut index = index - top.len();
        for (part, rows, open) in [
            (
                Part::References,
                inventory.references(self.row),
                self.references,
            ),
            (
                Part::Referrers,
                inventory.referrers(self.row),
                self.referrers,
            ),
        ] {
            if index == 0 {
                return Some(Line::Head(part, rows.len(), open));
            }
            index -= 1;
            if open {
                if let Some(row) = rows.get(index) {
                    return Some(Line::Path {
                        row: *row,
                        depth: 1,
                        open: None,
                    });
                }
                index -= rows.len();
            }
        }
        if index == 0 {
            let paths = inventory
                .closure_size_known(self.row)
                .map_or(0, |(paths, _)| paths);
            return Some(Line::Head(Part::Closure, paths, self.closure));
        }
        if !self.closure {
            return None;
        }
        let node = self.tree.nodes.get(index - 1)?;
        Some(Line::Path {
            row: node.row,
            depth: node.depth,
            open: children(inventory, node.row).next().map(|_| node.open),
        })
    }

    /// Number of lines.
    pub fn len(&self, inventory: &Inventory) -> usize {
        let open = |is: bool, rows: usize| 1 + if is { rows } else { 0 };
        self.top(inventory, When::default()).len()
            + open(self.references, inventory.references(self.row).len())
            + open(self.referrers, inventory.referrers(self.row).len())
            + open(self.closure, self.tree.nodes.len())
    }

    /// The line under the cursor.
    pub fn line(&self, inventory: &Inventory) -> Option<Line> {
        let top = self.top(inventory, When::default());
        self.line_below(inventory, &top, self.list.cursor)
    }

    /// The path that keys act on: the one under the cursor, else the page's own.
    pub fn current(&self, inventory: &Inventory) -> Option<Row> {
        match self.line(inventory) {
            Some(Line::Path { row, .. }) => Some(row),
            _ => Some(self.row),
        }
    }

    /// Opens or closes what is under the cursor; says whether there was something to open or close.
    pub fn fold(&mut self, inventory: &Inventory, wanted: bool) -> bool {
        match self.line(inventory) {
            Some(Line::Head(part, _, open)) if open != wanted => {
                match part {
                    Part::References => self.references = wanted,
                    Part::Referrers => self.referrers = wanted,
                    Part::Closure => {
                        self.closure = wanted;
                        self.tree = Tree::below(inventory, self.row);
                    }
                }
                true
            }
            Some(Line::Path {
                open: Some(open), ..
            }) if open != wanted => {
                let node = self.node(inventory);
                node.inspect(|at| self.tree.fold(inventory, *at, wanted))
                    .is_some()
            }
            _ => false,
        }
    }

    /// The cursor's place in the tree.
    fn node(&self, inventory: &Inventory) -> Option<usize> {
        let shown = self.tree.nodes.len();
        let first = self.len(inventory).checked_sub(shown)?;
        self.list
            .cursor
            .checked_sub(first)
            .filter(|at| self.closure && *at < shown)
    }

    /// The rows of the tree that are shown.
    pub fn in_tree(&self) -> impl Iterator<Item = Row> + '_ {
        let nodes = self.tree.nodes.iter().filter(|_| self.closure);
        nodes.map(|node| node.row)
    }

    /// The line of the closure's head.
    pub fn closure_head(&self, inventory: &Inventory) -> usize {
        let shown = if self.closure {
            self.tree.nodes.len()
        } else {
            0
        };
        self.len(inventory).saturating_sub(shown + 1)
    }

    /// Opens the closure down to the last of these, each of which the one before refers to, and goes there.
    pub fn reveal(&mut self, inventory: &Inventory, chain: &[Row]) {
        if !self.closure {
            self.closure = true;
            self.tree = Tree::below(inventory, self.row);
        }
        if let Some(at) = self.tree.reveal(inventory, chain) {
            self.list.cursor = self.closure_head(inventory) + 1 + at;
        }
    }

    /// Goes to the line above that the cursor's line belongs to.
    pub fn up_to_parent(&mut self, inventory: &Inventory) {
        if let Some(at) = self.node(inventory) {
            let above = self.tree.parent(at);
            self.list.cursor -= above.map_or(at + 1, |above| at - above);
        }
    }

    /// The same page in a newer inventory, its cursor on the same line; `None` if the path is there no more.
    pub fn carry(mut self, old: &Inventory, new: &Inventory, same_rows: bool) -> Option<Self> {
        let under_cursor = self.line(old);
        let carry = |row: Row| {
            if same_rows {
                Some(row)
            } else {
                new.find(&old.path(row))
            }
        };
        self.row = carry(self.row)?;
        let carried = |node: &Node| {
            Some(Node {
                row: carry(node.row)?,
                ..*node
            })
        };
        let nodes: Option<Vec<Node>> = self.tree.nodes.iter().map(carried).collect();
        self.closure &= nodes.is_some();
        self.tree.nodes = nodes.unwrap_or_default();
        let wanted = match under_cursor {
            None => return Some(self),
            Some(Line::Path { row, depth, open }) => Line::Path {
                row: carry(row).unwrap_or(self.row),
                depth,
                open,
            },
            Some(line) => line,
        };
        self.go_back_to(new, &wanted);
        Some(self)
    }

    /// Puts the cursor on the line that is about the same.
    fn go_back_to(&mut self, inventory: &Inventory, wanted: &Line) {
        let top = self.top(inventory, When::default());
        let places = 0..self.len(inventory);
        let same = places.filter(|at| {
            let line = self.line_below(inventory, &top, *at);
            line.is_some_and(|line| line.is_about(wanted))
        });
        // One path may stand in several lists of the page.
        let before = self.list.cursor;
        let nearest = same.min_by_key(|at| at.abs_diff(before));
        self.list.cursor = nearest.unwrap_or(before);
    }
}
