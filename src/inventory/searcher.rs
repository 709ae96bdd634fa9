//! A search that goes on while it is typed.
//!
//! In: one query after the other, over a shared inventory. Out: the answers of [`super::view`], sooner: a query that only adds to the
//! one before looks among the rows that that one has found, and the first rows of one word come from the order by name.

use super::query::{Derivations, Query, Test, Word};
use super::rank::{EXACT, PART, PREFIX};
use super::search::{Filter, SCORED, SearchFacts, Sort, View};
use super::{Inventory, Row};
use crate::domain::When;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Weak};

/// Names that are looked at for a first page: where more are turned away by other terms, all of the store is as fast.
const MOST_LOOKED: usize = 64 * SCORED;

/// A search that goes on. While a query grows, as when it is typed, each further one looks only among the rows that the one
/// before has found; the answers are those of [`super::view`].
#[derive(Debug, Default)]
pub struct Searcher {
    before: Option<Before>,
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
    /// The first rows of what [`Self::view`] will find, where they are found without looking at all of the store: there are enough
    /// names that begin with the one word that is searched or have a part that does, or nothing ranks them. Hash parts that do, which hardly any has, are left to the whole.
    pub fn first_page(
        &self,
        inventory: &Inventory,
        query: &Query,
        sort: Sort,
        hide_drv: bool,
        now: When,
        known: SearchFacts<'_>,
    ) -> Option<View> {
        let order = inventory.order.made().filter(|_| sort == Sort::default())?;
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
        let derivations = query.derivations.or_hidden(hide_drv);
        let filter = Filter::new(inventory, query, derivations, now, known);
        let mut looked = 0;
        let mut page = Vec::with_capacity(SCORED);
        for (places, wanted) in parts {
            for place in places.into_iter().flatten() {
                if page.len() == SCORED {
                    break;
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
        if page.len() < SCORED {
            return None;
        }
        filter.score(&mut page);
        Some(View {
            rows: page.into(),
            hidden_drv: filter.hidden_drv(),
            partial: true,
        })
    }

    /// As [`super::view`].
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
    ) -> Option<View> {
        let derivations = query.derivations.or_hidden(hide_drv);
        let filter = Filter::new(inventory, query, derivations, now, known);
        let among = self.before.as_ref().filter(|before| {
            std::ptr::eq(before.inventory.as_ptr(), Arc::as_ptr(inventory))
                && before.derivations == derivations
                && query.narrows(&before.query)
        });
        let found = match among {
            Some(before) => filter.among(&before.rows, cancel)?,
            None => filter.all(cancel)?,
        };
        let view = filter.view(&found, sort, cancel)?;
        self.before = (!query.words.is_empty()).then(|| Before {
            inventory: Arc::downgrade(inventory),
            query: query.clone(),
            derivations,
            rows: found.iter().map(|(row, _)| *row).collect(),
        });
        Some(view)
    }
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
