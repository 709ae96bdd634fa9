//! What hangs on one thing alone.
//!
//! In: roots, and what keeps what. Out: [`Retained`]: for each root, and for each live path, what becomes dead when
//! exactly that goes.
//!
//! That is the size of a subtree in the dominator tree of the graph that begins with the roots. Units (paths that keep
//! each other in a circle) come in an order in which each follows all that keeps it, so one pass makes the tree: a unit
//! hangs on the nearest common ancestor of its keepers. An ancestor is found in logarithmic time by jump pointers (Myers,
//! "An applicative random-access stack", 1983), so that no graph that a server may claim makes it slow.

use super::keeps::{Edges, Keep, Keeps};
use super::liveness::{Liveness, unsure};
use super::units::Units;
use super::{Inventory, Row};
use std::cmp::Reverse;
use std::fmt;

/// A tree of dominators in the making. Node 0 is the source; a node is settled after all that lead to it.
pub struct Dominators {
    nodes: Vec<Node>,
}

#[derive(Clone, Copy)]
struct Node {
    parent: u32,
    jump: u32,
    depth: u32,
}

/// Nothing has led to a node yet.
const NONE: u32 = u32::MAX;

impl Dominators {
    /// A source, and so many other nodes that nothing leads to.
    pub fn new(others: usize) -> Self {
        let lone = Node {
            parent: NONE,
            jump: 0,
            depth: 0,
        };
        let mut nodes = vec![lone; others + 1];
        nodes[0].parent = 0;
        Self { nodes }
    }

    /// An edge from a settled node to one that is not settled.
    pub fn reach(&mut self, from: u32, to: u32) {
        let parent = match self.nodes[to as usize].parent {
            NONE => from,
            parent => self.common(parent, from),
        };
        self.nodes[to as usize].parent = parent;
    }

    /// All edges to the node have come; what nothing leads to hangs on the source.
    pub fn settle(&mut self, node: u32) {
        let at = |node: u32| self.nodes[node as usize];
        let own = at(node);
        let above = if own.parent == NONE { 0 } else { own.parent };
        let parent = at(above);
        let jump = at(parent.jump);
        let even = parent.depth - jump.depth == jump.depth - at(jump.jump).depth;
        self.nodes[node as usize] = Node {
            parent: above,
            jump: if even { jump.jump } else { above },
            depth: parent.depth + 1,
        };
    }

    /// Whether something has led to the node, or it is settled.
    pub fn is_reached(&self, node: u32) -> bool {
        self.nodes[node as usize].parent != NONE
    }

    /// What a settled node hangs on.
    pub fn parent(&self, node: u32) -> u32 {
        self.nodes[node as usize].parent
    }

    fn common(&self, mut a: u32, mut b: u32) -> u32 {
        if a == 0 || b == 0 {
            return 0;
        }
        let at = |node: u32| self.nodes[node as usize];
        let raise = |mut node: u32, depth: u32| {
            while at(node).depth > depth {
                let jump = at(node).jump;
                node = if at(jump).depth >= depth {
                    jump
                } else {
                    at(node).parent
                };
            }
            node
        };
        let depth = at(a).depth.min(at(b).depth);
        a = raise(a, depth);
        b = raise(b, depth);
        while a != b {
            let (left, right) = (at(a), at(b));
            (a, b) = if left.jump == right.jump {
                (left.parent, right.parent)
            } else {
                (left.jump, right.jump)
            };
        }
        a
    }
}

/// What each root, and each live path, keeps alive alone.
pub struct Retained {
    links: usize,
    /// By node: first the links, then the units.
    sums: Vec<(u32, u64)>,
    unit_of: Vec<u32>,
    /// A row of each unit that stands for it.
    tops: Vec<Row>,
}

impl Retained {
    /// Measures for each of the roots, which are links: two links to one target keep nothing alone. A job: it looks at every
    /// live row and all that it keeps.
    pub fn of(inventory: &Inventory, roots: &[Row], keep: &Keep<'_>) -> Self {
        let live = Liveness::of(inventory, roots, keep);
        let keeps = Keeps::new(inventory, keep);
        let edges = Edges::of(&keeps, |row| {
            live.is_live(row) && inventory.state(row).is_present()
        });
        let unsure = unsure(inventory);
        let present = |row: &&Row| inventory.state(**row).is_present();
        let starts = roots.iter().filter(present).chain(&unsure);
        let units = Units::of(&edges, starts.copied());
        let unit_of = units.by_row(inventory.len());

        let links = roots.len();
        let mut tree = Dominators::new(links + units.len());
        let node = |unit: u32| links as u32 + 1 + unit;
        for (link, target) in (1..).zip(roots) {
            tree.settle(link);
            if inventory.state(*target).is_present() {
                tree.reach(link, node(unit_of[*target as usize]));
            }
        }
        for row in &unsure {
            tree.reach(0, node(unit_of[*row as usize]));
        }
        for unit in 0..units.len() as u32 {
            tree.settle(node(unit));
            for row in units.unit(unit as usize) {
                for to in edges.from(*row) {
                    let to = unit_of[*to as usize];
                    if to != unit {
                        tree.reach(node(unit), node(to));
                    }
                }
            }
        }
        let mut sums = vec![(0, 0); 1 + links + units.len()];
        for unit in (0..units.len()).rev() {
            let at = node(unit as u32);
            for row in units.unit(unit) {
                add(
                    &mut sums[at as usize],
                    (1, inventory.nar_size(*row).unwrap_or(0)),
                );
            }
            let sum = sums[at as usize];
            add(&mut sums[tree.parent(at) as usize], sum);
        }
        sums.remove(0);
        let heaviest = |unit| {
            let rows = units.unit(unit).iter().copied();
            rows.max_by_key(|row| (inventory.nar_size(*row), Reverse(*row)))
        };
        let tops = (0..units.len()).filter_map(heaviest).collect();
        Self {
            links,
            sums,
            unit_of,
            tops,
        }
    }

    /// Paths and NAR bytes that become dead when the link of this index goes, and no other.
    pub fn of_root(&self, index: usize) -> (usize, u64) {
        let sum = self.sums[..self.links].get(index);
        sum.map_or((0, 0), |(paths, bytes)| (*paths as usize, *bytes))
    }

    /// Paths and NAR bytes that live because of this live path alone, itself included. `None` for a path that is not alive.
    pub fn of_path(&self, row: Row) -> Option<(usize, u64)> {
        let unit = *self.unit_of.get(row as usize)?;
        let (paths, bytes) = *self.sums.get(self.links.checked_add(unit as usize)?)?;
        Some((paths as usize, bytes))
    }

    /// The live paths that most bytes live because of, heaviest first, with paths and NAR bytes. Of paths that keep each
    /// other in a circle one stands for all. A job: it looks at every live path.
    pub fn heaviest(&self, count: usize) -> Vec<(Row, usize, u64)> {
        let mut order: Vec<u32> = (0..self.tops.len() as u32).collect();
        let key = |unit: &u32| {
            let (_, bytes) = self.sums[self.links + *unit as usize];
            (Reverse(bytes), self.tops[*unit as usize])
        };
        if count < order.len() {
            order.select_nth_unstable_by_key(count, key);
            order.truncate(count);
        }
        order.sort_unstable_by_key(key);
        order
            .into_iter()
            .map(|unit| {
                let (paths, bytes) = self.sums[self.links + unit as usize];
                (self.tops[unit as usize], paths as usize, bytes)
            })
            .collect()
    }
}

impl fmt::Debug for Retained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retained")
            .field("links", &self.links)
            .field("units", &self.tops.len())
            .finish_non_exhaustive()
    }
}

fn add(sum: &mut (u32, u64), other: (u32, u64)) {
    *sum = (sum.0 + other.0, sum.1.saturating_add(other.1));
}
