//! Paths in the order in which they keep each other.
//!
//! In: a table of what keeps what. Out: [`Units`]: paths that keep each other in a circle together, everything else by
//! itself, each after all that keeps it.
//!
//! A real store has circles only where derivations keep their outputs and outputs their derivations; a server may claim
//! any. It is Tarjan's algorithm in the form of Pearce ("A space-efficient algorithm for finding strongly connected
//! components", 2016), without recursion.

use super::Row;
use super::keeps::Edges;

/// A unit that was found, for a row in it.
const DONE: u32 = u32::MAX;

/// Units, keepers first.
pub struct Units {
    /// The rows of all units.
    pub rows: Vec<Row>,
    /// Where each unit ends in `rows`.
    pub ends: Vec<u32>,
}

impl Units {
    /// Finds the units of all that can be reached from the starts.
    pub fn of(edges: &Edges, starts: impl Iterator<Item = Row>) -> Self {
        let mut search = Search {
            edges,
            low: vec![0; edges.rows()],
            count: 0,
            steps: Vec::new(),
            open: Vec::new(),
            rows: Vec::new(),
            ends: Vec::new(),
        };
        for start in starts {
            search.walk(start);
        }
        let Search { mut rows, ends, .. } = search;
        // They were found with what is kept first.
        rows.reverse();
        let total = rows.len() as u32;
        let begins = ends.iter().rev().skip(1).map(|end| total - end);
        let ends = begins.chain((total > 0).then_some(total)).collect();
        Self { rows, ends }
    }

    /// How many units there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The rows of a unit.
    pub fn unit(&self, unit: usize) -> &[Row] {
        let start = unit.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.rows[start as usize..self.ends[unit] as usize]
    }

    /// The unit of each row; `u32::MAX` for rows in none.
    pub fn by_row(&self, rows: usize) -> Vec<u32> {
        let mut units = vec![u32::MAX; rows];
        for unit in 0..self.len() {
            for row in self.unit(unit) {
                units[*row as usize] = unit as u32;
            }
        }
        units
    }
}

struct Search<'a> {
    edges: &'a Edges,
    /// 0 for a row not seen; then the lowest number of an open row that it leads to; [`DONE`] once in a unit.
    low: Vec<u32>,
    count: u32,
    /// Rows on the way down: the row, its next edge, its number.
    steps: Vec<(Row, usize, u32)>,
    /// Rows that are left, whose unit still lacks rows.
    open: Vec<Row>,
    rows: Vec<Row>,
    ends: Vec<u32>,
}

impl Search<'_> {
    fn walk(&mut self, start: Row) {
        if self.low[start as usize] != 0 {
            return;
        }
        self.enter(start);
        while let Some((row, next, number)) = self.steps.last_mut() {
            let row = *row;
            if let Some(to) = self.edges.from(row).get(*next).copied() {
                *next += 1;
                match self.low[to as usize] {
                    0 => self.enter(to),
                    low => self.lower(row, low),
                }
                continue;
            }
            let number = *number;
            self.steps.pop();
            let low = self.low[row as usize];
            if low < number {
                self.open.push(row);
                if let Some((keeper, ..)) = self.steps.last() {
                    self.lower(*keeper, low);
                }
                continue;
            }
            while let Some(member) = self
                .open
                .pop_if(|other| self.low[*other as usize] >= number)
            {
                self.low[member as usize] = DONE;
                self.rows.push(member);
            }
            self.low[row as usize] = DONE;
            self.rows.push(row);
            self.ends.push(self.rows.len() as u32);
        }
    }

    fn enter(&mut self, row: Row) {
        self.count += 1;
        self.low[row as usize] = self.count;
        self.steps.push((row, 0, self.count));
    }

    fn lower(&mut self, row: Row, low: u32) {
        let own = &mut self.low[row as usize];
        *own = low.min(*own);
    }
}
