//! The closure of a path as a tree that grows where it is opened.
//!
//! In: what is opened and closed. Out: its nodes from top to bottom. A path that several need stands below each of them.

use crate::inventory::{Inventory, Row};

/// A node of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Node {
    /// The path.
    pub(super) row: Row,
    /// How deep it lies; what the page's own path refers to has 1.
    pub(super) depth: usize,
    /// Whether what it refers to is shown below it.
    pub(super) open: bool,
}

/// The tree below one path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tree {
    /// From top to bottom.
    pub(super) nodes: Vec<Node>,
}

impl Tree {
    /// What a path refers to, all closed.
    pub(super) fn below(inventory: &Inventory, row: Row) -> Self {
        Self {
            nodes: nodes(inventory, row, 1).collect(),
        }
    }

    /// Opens or closes a node.
    pub(super) fn fold(&mut self, inventory: &Inventory, at: usize, wanted: bool) {
        let Some(node) = self.nodes.get_mut(at) else {
            return;
        };
        if node.open == wanted {
            return;
        }
        node.open = wanted;
        let node = *node;
        let next = at + 1;
        if wanted {
            let below = nodes(inventory, node.row, node.depth + 1);
            self.nodes.splice(next..next, below);
        } else {
            let end = self.nodes[next..]
                .iter()
                .position(|other| other.depth <= node.depth)
                .map_or(self.nodes.len(), |below| next + below);
            self.nodes.drain(next..end);
        }
    }

    /// The node that a node belongs to, unless it is one of the first.
    pub(super) fn parent(&self, at: usize) -> Option<usize> {
        let depth = self.nodes.get(at)?.depth;
        self.nodes[..at].iter().rposition(|node| node.depth < depth)
    }

    /// Opens the way to the last of these, each of which the one before refers to; its place.
    pub(super) fn reveal(&mut self, inventory: &Inventory, chain: &[Row]) -> Option<usize> {
        let mut at = None;
        for (above, row) in chain.iter().enumerate() {
            let first = match at {
                None => 0,
                Some(parent) => {
                    self.fold(inventory, parent, true);
                    parent + 1
                }
            };
            let below = self.nodes.get(first..)?.iter();
            let found = below
                .take_while(|node| node.depth > above)
                .position(|node| node.depth == above + 1 && node.row == *row)?;
            at = Some(first + found);
        }
        at
    }
}

fn nodes(inventory: &Inventory, row: Row, depth: usize) -> impl Iterator<Item = Node> + '_ {
    children(inventory, row).map(move |row| Node {
        row,
        depth,
        open: false,
    })
}

/// What a path refers to, but for itself.
pub(super) fn children(inventory: &Inventory, row: Row) -> impl Iterator<Item = Row> + '_ {
    inventory
        .references(row)
        .iter()
        .copied()
        .filter(move |reference| *reference != row)
}
