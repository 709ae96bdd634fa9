//! What keeps what from being collected.
//!
//! In: an inventory and Nix's two settings. Out: for each path those that live because it does, and the same as one
//! compact table for walks that pass over all edges.
//!
//! Source: `LocalStore::collectGarbage` in `gc.cc` and `computeFSClosure` in `misc.cc` of Nix.

use super::{Inventory, Row};

/// Nix's settings that make more alive than the references do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep<'a> {
    /// `keep-derivations` (default true): a live path keeps the derivation that it was built by.
    pub derivations: bool,
    /// `keep-outputs` (default false): a live derivation keeps its outputs.
    pub outputs: bool,
    /// Derivations and their outputs, in any order; they only matter with `outputs`.
    pub output_pairs: &'a [(Row, Row)],
}

impl Default for Keep<'_> {
    fn default() -> Self {
        Self {
            derivations: true,
            outputs: false,
            output_pairs: &[],
        }
    }
}

/// The settings made ready for one inventory.
pub struct Keeps<'a> {
    inventory: &'a Inventory,
    derivations: bool,
    /// By derivation; empty unless outputs are kept.
    pairs: Vec<(Row, Row)>,
}

impl<'a> Keeps<'a> {
    /// Makes ready. Pairs with a row that is no path of the store are left out.
    pub fn new(inventory: &'a Inventory, keep: &Keep<'_>) -> Self {
        let present =
            |row: Row| (row as usize) < inventory.len() && inventory.state(row).is_present();
        let known = |pair: &&(Row, Row)| present(pair.0) && present(pair.1);
        let mut pairs: Vec<(Row, Row)> = if keep.outputs {
            keep.output_pairs.iter().filter(known).copied().collect()
        } else {
            Vec::new()
        };
        pairs.sort_unstable();
        Self {
            inventory,
            derivations: keep.derivations,
            pairs,
        }
    }

    /// Calls with each path that lives because this one does: what it refers to, and what the settings add. Some may come
    /// twice; the path itself does not come.
    pub fn each(&self, row: Row, mut found: impl FnMut(Row)) {
        for reference in self.inventory.references(row) {
            if *reference != row {
                found(*reference);
            }
        }
        if !self.derivations && self.pairs.is_empty() {
            return;
        }
        if self.derivations
            && let Some(deriver) = self.inventory.deriver_row(row).filter(|d| *d != row)
        {
            found(deriver);
        }
        let start = self.pairs.partition_point(|pair| pair.0 < row);
        let outputs = self.pairs[start..].iter().take_while(|pair| pair.0 == row);
        for (_, output) in outputs.filter(|pair| pair.1 != row) {
            found(*output);
        }
    }
}

/// What keeps what, for the rows that were chosen, as one table.
pub struct Edges {
    starts: Vec<usize>,
    to: Vec<Row>,
}

impl Edges {
    /// Writes down the edges between rows for which `among` holds. A pass over all rows.
    pub fn of(keeps: &Keeps<'_>, among: impl Fn(Row) -> bool) -> Self {
        let rows = keeps.inventory.len();
        let mut starts = Vec::with_capacity(rows + 1);
        let mut to = Vec::new();
        starts.push(0);
        for row in 0..rows as Row {
            if among(row) {
                keeps.each(row, |other| {
                    if among(other) {
                        to.push(other);
                    }
                });
            }
            starts.push(to.len());
        }
        Self { starts, to }
    }

    /// What lives because of a row.
    pub fn from(&self, row: Row) -> &[Row] {
        let row = row as usize;
        &self.to[self.starts[row]..self.starts[row + 1]]
    }

    /// How many rows there are, chosen or not.
    pub fn rows(&self) -> usize {
        self.starts.len() - 1
    }

    /// How many edges there are.
    pub fn len(&self) -> usize {
        self.to.len()
    }

    /// Whether nothing keeps anything.
    pub fn is_empty(&self) -> bool {
        self.to.is_empty()
    }
}
