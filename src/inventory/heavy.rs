//! The heaviest closures, without measuring all.
//!
//! In: an inventory. Out: the paths with the largest closures, measured; which ones to measure is found by estimate.
//!
//! Only paths that nothing else refers to are looked at, as a closure is never larger than that of what refers to it. The
//! estimate is that of Cohen ("Size-estimation framework with applications to transitive closure and reachability",
//! 1997): each path draws numbers from an exponential distribution with its size as the rate; the least of all numbers in
//! a closure is distributed likewise with the closure's size, and passes from path to path as a minimum.

use super::graph::PostOrder;
use super::{Inventory, Row};
use std::cmp::Reverse;
use std::sync::atomic::{AtomicBool, Ordering};

/// Numbers a path: the estimate is off by a quarter, typically.
const DRAWS: usize = 16;

/// How many more are measured than are wanted, since the estimate is none too good.
const SPARE: usize = 8;

impl Inventory {
    /// The paths with the most NAR bytes in their closures among those that nothing else refers to, heaviest first, with the
    /// paths and bytes of the closures. Of closures that differ by little the heavier one may be missed. A job: it looks at
    /// every reference. `None` when cancelled.
    pub fn heaviest_closures(
        &self,
        count: usize,
        cancel: &AtomicBool,
    ) -> Option<Vec<(Row, usize, u64)>> {
        let mut least = vec![[f32::INFINITY; DRAWS]; self.len()];
        let mut walk = PostOrder::new(&self.columns, self.len());
        let mut tops: Vec<(u64, Row)> = Vec::new();
        for start in 0..self.len() as Row {
            if start.is_multiple_of(1024) && cancel.load(Ordering::Relaxed) {
                return None;
            }
            walk.walk(start, |row| {
                let mut own = draws(row, self.nar_size(row).unwrap_or(0));
                for reference in self.references(row) {
                    for (own, other) in own.iter_mut().zip(least[*reference as usize]) {
                        *own = own.min(other);
                    }
                }
                least[row as usize] = own;
            });
        }
        for row in 0..self.len() as Row {
            let top = self.referrers(row).iter().all(|referrer| *referrer == row);
            if top && self.state(row).is_present() {
                let sum: f32 = least[row as usize].iter().sum();
                tops.push((((DRAWS - 1) as f32 / sum) as u64, row));
            }
        }
        drop(least);
        let few = count.saturating_add(SPARE).saturating_mul(2);
        if few < tops.len() {
            tops.select_nth_unstable_by_key(few, |(bytes, row)| (Reverse(*bytes), *row));
            tops.truncate(few);
        }
        let rows: Vec<Row> = tops.into_iter().map(|(_, row)| row).collect();
        if !self.measure_closures_of(&rows, cancel) {
            return None;
        }
        let mut found: Vec<(Row, usize, u64)> = rows
            .into_iter()
            .map(|row| {
                let (paths, bytes) = self.closure_size(row);
                (row, paths, bytes)
            })
            .collect();
        found.sort_unstable_by_key(|(row, _, bytes)| (Reverse(*bytes), *row));
        found.truncate(count);
        Some(found)
    }
}

/// Numbers for a path of this size (splitmix64, so that each run is the same).
fn draws(row: Row, size: u64) -> [f32; DRAWS] {
    let mut state = u64::from(row).wrapping_mul(0x2545_f491_4f6c_dd1d);
    std::array::from_fn(|_| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let share = ((z ^ (z >> 31)) >> 40) as f32 / (1_u64 << 24) as f32;
        // Without the end of the interval whose logarithm is none.
        -(1.0 - share).ln() / size.max(1) as f32
    })
}
