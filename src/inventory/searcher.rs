//! A search that goes on while it is typed.
//!
//! In: one query after the other, over a shared inventory. Out: the answers of [`super::view`], sooner: a query that only adds to the
//! one before looks among the rows that that one has found. The first rows, which are all that a terminal shows at once, come before
//! the rest is put in order; those of one word often from the order by name, before anything is looked at.

use super::order::ByName;
use super::query::{Derivations, Query, Test, Word};
use super::rank::{EXACT, LAST, PART, PREFIX};
use super::search::{Filter, SCORED, SearchFacts, Sort, View};
use super::{Inventory, Row};
use crate::domain::When;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock, Weak};

/// Names that are looked at for a first page: where more are turned away by other terms, all of the store is as fast.
const MOST_LOOKED: usize = 64 * SCORED;

/// Rows that are worth to be shown in part before they are in order.
const MANY: usize = 16 * SCORED;

/// A search that goes on. While a query grows, as when it is typed, each further one looks only among the rows that the one
/// before has found; the answers are those of [`super::view`].
#[derive(Debug, Default)]
pub struct Searcher {
    before: Option<Before>,
    threads: Threads,
}

/// Threads of its own, where the system gives some: rows would else wait behind what keeps all cores busy, such as the verdicts on a
/// store that is being read. Made by the first search.
#[derive(Debug, Default)]
struct Threads(OnceLock<Option<ThreadPool>>);

impl Threads {
    fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let made = || ThreadPoolBuilder::new().build().ok();
        match self.0.get_or_init(made) {
            Some(threads) => threads.install(work),
            None => work(),
        }
    }
}

/// The rows of the query before.
#[derive(Debug)]
struct Before {
    /// Not held: a store that is not shown any more goes.
    inventory: Weak<Inventory>,
    query: Query,
    derivations: Derivations,
    rows: Vec<Row>,
}

impl Searcher {
    /// As [`super::view`]. Where that has many rows, `first` gets the first of them as soon as they are known.
    #[allow(clippy::too_many_arguments, reason = "those of `view`")]
    pub fn view(
        &mut self,
        inventory: &Arc<Inventory>,
        query: &Query,
        sort: Sort,
        hide_drv: bool,
        now: When,
        known: SearchFacts<'_>,
        cancel: &AtomicBool,
        first: impl Fn(View),
    ) -> Option<View> {
        let derivations = query.derivations.or_hidden(hide_drv);
        let filter = Filter::new(inventory, query, derivations, now, known);
        let threads = &self.threads;
        let page = |mut rows: Vec<Row>| {
            threads.run(|| filter.score(&mut rows));
            first(View {
                rows: rows.into(),
                hidden_drv: filter.hidden_drv(),
                partial: true,
            });
        };
        let order = inventory.order.made().filter(|_| sort == Sort::default());
        let begun = order.and_then(|order| beginning(inventory, query, &filter, order));
        let is_shown = begun.is_some();
        begun.into_iter().for_each(page);
        let among = self.before.as_ref().filter(|before| {
            std::ptr::eq(before.inventory.as_ptr(), Arc::as_ptr(inventory))
                && before.derivations == derivations
                && query.narrows(&before.query)
        });
        let found = match among {
            Some(before) => threads.run(|| filter.among(&before.rows, cancel))?,
            None => threads.run(|| filter.all(cancel))?,
        };
        if let Some(order) = order.filter(|_| !is_shown && found.len() > MANY) {
            page(best(&found, order));
        }
        let view = threads.run(|| filter.view(&found, sort, cancel))?;
        self.before = (!query.words.is_empty()).then(|| Before {
            inventory: Arc::downgrade(inventory),
            query: query.clone(),
            derivations,
            rows: found.iter().map(|(row, _)| *row).collect(),
        });
        Some(view)
    }
}

/// The first rows, where they are found without looking at all of the store: there are enough names that begin with the one word that
/// is searched or have a part that does, or nothing ranks them. Hash parts that do, which hardly any has, are left to the whole.
fn beginning(
    inventory: &Inventory,
    query: &Query,
    filter: &Filter<'_>,
    order: &ByName,
) -> Option<Vec<Row>> {
    let all = std::iter::once(0..inventory.len() as u32).collect();
    // A part counts when the ones before it were gone through.
    let parts = match &query.words[..] {
        [Word::Fuzzy { text, .. }] => {
            let beginning = order.beginning(&inventory.names, text);
            vec![
                (beginning.exact, EXACT),
                (beginning.all, PREFIX),
                (all, PART),
            ]
        }
        // All that match are alike.
        _ if !query.ranks() => vec![(all, 0)],
        _ => return None,
    };
    let mut looked = 0;
    let mut page = Vec::with_capacity(SCORED);
    for (places, wanted) in parts {
        for place in places.into_iter().flatten() {
            if page.len() == SCORED {
                return Some(page);
            }
            looked += 1;
            if looked > MOST_LOOKED {
                return None;
            }
            let row = order.row(place);
            if filter.rank(row) == Some(wanted) {
                page.push(row);
            }
        }
    }
    (page.len() == SCORED).then_some(page)
}

/// The first rows of what was found: by rank, then by name.
fn best(found: &[(Row, u8)], order: &ByName) -> Vec<Row> {
    let mut best: Vec<(u8, u32)> = Vec::with_capacity(2 * SCORED);
    // What comes behind this is not among them.
    let mut last = (LAST, u32::MAX);
    for (row, rank) in found {
        if *rank > last.0 {
            continue;
        }
        let place = (*rank, order.place(*row));
        if place > last {
            continue;
        }
        best.push(place);
        if best.len() == best.capacity() {
            best.select_nth_unstable(SCORED - 1);
            best.truncate(SCORED);
            last = best[SCORED - 1];
        }
    }
    best.sort_unstable();
    best.truncate(SCORED);
    best.into_iter()
        .map(|(_, place)| order.row(place))
        .collect()
}

impl Query {
    /// Whether every row that it finds was found by the query before, at any time: its words are those, perhaps grown, and
    /// perhaps there are more of them.
    fn narrows(&self, before: &Self) -> bool {
        let of_the_store = |test: &Test| matches!(test, Test::Size(_) | Test::Key { .. });
        self.tests == before.tests
            && self.tests.iter().all(of_the_store)
            && (self.classes, self.not_classes) == (before.classes, before.not_classes)
            && self.words.len() >= before.words.len()
            && self
                .words
                .iter()
                .zip(&before.words)
                .all(|(word, before)| word.narrows(before))
    }
}

impl Word {
    /// Whether it matches nothing that the one before has not matched.
    fn narrows(&self, before: &Self) -> bool {
        match (self, before) {
            // Where the hash part begins to count, others match too.
            (
                Self::Fuzzy { text, hash },
                Self::Fuzzy {
                    text: old,
                    hash: counted,
                },
            ) => text.starts_with(old.as_str()) && (*counted || !hash),
            (
                Self::Contains { text, wanted: true },
                Self::Contains {
                    text: old,
                    wanted: true,
                },
            )
            | (
                Self::Prefix {
                    base: text,
                    wanted: true,
                },
                Self::Prefix {
                    base: old,
                    wanted: true,
                },
            ) => text.starts_with(old.as_str()),
            _ => self == before,
        }
    }
}
