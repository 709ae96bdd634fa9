//! Small stores of any shape for the tests of what may be collected, and the naive answers.

use super::{Builder, Inventory, Keep, Row, State};
use crate::domain::space::{LastUse, UseSource};
use crate::domain::{Assessment, NarHash, PathInfo, StorePath, TrustClass, When, nix32};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Names with which the paths are made; every fourth is a derivation.
pub(crate) const NAMES: [&str; 8] = [
    "hello-2.12",
    "hello-2.12-doc",
    "gcc-13.2.0",
    "hello-2.12.drv",
    "glibc-2.38",
    "hello-2.10",
    "source",
    "gcc-13.2.0.drv",
];

/// One path.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) path: StorePath,
    pub(crate) state: State,
    pub(crate) size: u64,
    pub(crate) registered: i64,
    pub(crate) touched: Option<i64>,
    pub(crate) references: BTreeSet<usize>,
    pub(crate) deriver: Option<usize>,
}

/// A store, and Nix's settings. References may go in circles, since a server may claim them.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub(crate) items: Vec<Item>,
    pub(crate) derivations: bool,
    pub(crate) outputs: bool,
    pub(crate) pairs: Vec<(Row, Row)>,
}

/// A digest whose order is not that of the numbers.
fn path(i: usize, name: &str) -> StorePath {
    let mut digest = [9; 20];
    digest[12..].copy_from_slice(&(i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    StorePath::from_base_name(&format!("{}-{name}", nix32::encode(&digest))).unwrap()
}

/// A store of up to 30 paths. `states`: whether some are unread, unreadable, gone or only referred to.
pub(crate) fn model(states: bool) -> impl Strategy<Value = Model> {
    (2..30_usize).prop_flat_map(move |n| {
        let item = (
            0..NAMES.len(),
            0..40_usize,
            0..6_u64,
            0..9_i64,
            prop::option::of(0..9_i64),
            prop::collection::btree_set(0..n, 0..4),
            prop::option::of(0..n),
        );
        let items = prop::collection::vec(item, n);
        (items, any::<bool>(), any::<bool>()).prop_map(move |(raw, derivations, outputs)| {
            let items: Vec<Item> = raw
                .into_iter()
                .enumerate()
                .map(
                    |(i, (name, state, size, registered, touched, references, deriver))| Item {
                        path: path(i, NAMES[name]),
                        state: match state {
                            0 if states => State::Unreadable,
                            1 if states => State::Gone,
                            2 if states => State::Unlisted,
                            _ => State::Valid,
                        },
                        size: size * 1000,
                        registered: 10_000 + registered * 100,
                        touched: touched.map(|at| 10_000 + at * 100),
                        references,
                        deriver,
                    },
                )
                .collect();
            let mut model = Model {
                items,
                derivations,
                outputs,
                pairs: Vec::new(),
            };
            model.sort_out();
            model
        })
    })
}

impl Model {
    /// Makes derivers derivations, and pairs of all that have one.
    fn sort_out(&mut self) {
        let drv: Vec<bool> = self.items.iter().map(|i| i.path.is_derivation()).collect();
        for (i, item) in self.items.iter_mut().enumerate() {
            item.deriver = item.deriver.filter(|d| drv[*d] && !drv[i]);
        }
        let pairs = self.items.iter().enumerate();
        self.pairs = pairs
            .filter_map(|(i, item)| Some((item.deriver? as Row, i as Row)))
            .collect();
    }

    pub(crate) fn keep(&self) -> Keep<'_> {
        Keep {
            derivations: self.derivations,
            outputs: self.outputs,
            output_pairs: &self.pairs,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    pub(crate) fn is_drv(&self, i: usize) -> bool {
        self.items[i].path.is_derivation()
    }

    pub(crate) fn valid(&self, i: usize) -> bool {
        self.items[i].state == State::Valid
    }

    pub(crate) fn present(&self, i: usize) -> bool {
        self.items[i].state.is_present()
    }

    /// The inventory whose rows are the numbers of the items.
    pub(crate) fn inventory(&self) -> Inventory {
        let listed = self.items.iter().map(|item| item.path.clone());
        let mut builder = Builder::new(listed.collect());
        for item in &self.items {
            match item.state {
                State::Valid => builder.add(
                    &PathInfo {
                        path: item.path.clone(),
                        deriver: item.deriver.map(|d| self.items[d].path.clone()),
                        nar_hash: NarHash([1; 32]),
                        nar_size: item.size,
                        references: item
                            .references
                            .iter()
                            .map(|r| self.items[*r].path.clone())
                            .collect(),
                        registered: When::from_unix(item.registered),
                        ultimate: false,
                        signatures: Vec::new(),
                        content_address: None,
                    },
                    &Assessment {
                        class: TrustClass::Unsigned,
                        signatures: Vec::new(),
                    },
                ),
                State::Unreadable => builder.unreadable(&item.path, "corrupt".into()),
                State::Gone | State::Unlisted => builder.gone(&item.path),
                State::Unread => {}
            }
        }
        builder.finish()
    }

    pub(crate) fn last_use(&self) -> LastUse {
        let times = self.items.iter().filter_map(|item| {
            let at = When::from_unix(item.touched?);
            Some((item.path.digest(), at))
        });
        LastUse {
            source: UseSource::AccessTime,
            why: None,
            times: times.collect(),
        }
    }

    /// What lives because of a path, by the words of the manual.
    pub(crate) fn keeps(&self, i: usize) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        if self.valid(i) {
            found.extend(&self.items[i].references);
            if self.derivations {
                found.extend(self.items[i].deriver.filter(|d| self.present(*d)));
            }
        }
        if self.outputs && self.present(i) {
            let outputs = (0..self.len()).filter(|o| self.items[*o].deriver == Some(i));
            found.extend(outputs.filter(|o| self.present(*o)));
        }
        found.remove(&i);
        found
    }

    /// Everything that lives because of some paths, by rounds until nothing is added.
    pub(crate) fn closure(&self, starts: impl IntoIterator<Item = usize>) -> BTreeSet<usize> {
        self.closure_without(starts, &BTreeSet::new())
    }

    /// The same, were some paths not there.
    pub(crate) fn closure_without(
        &self,
        starts: impl IntoIterator<Item = usize>,
        without: &BTreeSet<usize>,
    ) -> BTreeSet<usize> {
        let there = |i: &usize| self.present(*i) && !without.contains(i);
        let mut found: BTreeSet<usize> = starts.into_iter().filter(there).collect();
        loop {
            let more: BTreeSet<usize> = found.iter().flat_map(|i| self.keeps(*i)).collect();
            let before = found.len();
            found.extend(more.into_iter().filter(there));
            if found.len() == before {
                return found;
            }
        }
    }

    /// What is alive: what the roots and the paths that nobody can read keep.
    pub(crate) fn live(&self, roots: &[Row]) -> BTreeSet<usize> {
        let unsure = (0..self.len())
            .filter(|i| matches!(self.items[*i].state, State::Unread | State::Unreadable));
        self.closure(roots.iter().map(|r| *r as usize).chain(unsure))
    }

    pub(crate) fn bytes<'a>(&self, rows: impl IntoIterator<Item = &'a usize>) -> u64 {
        let valid = rows.into_iter().filter(|i| self.valid(**i));
        valid.map(|i| self.items[*i].size).sum()
    }
}
