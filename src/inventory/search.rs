//! The rows that a list shows: filtered, searched, sorted.
//!
//! In: an inventory, a query, an order, a flag that cancels it. Out: rows, or nothing when cancelled. It looks at
//! the flag every few thousand rows, so that the newest of several requests need not wait for the older ones.
//!
//! Words go by a mask of the name's characters first, which turns most names away at the cost of one comparison. The rest is ranked
//! (`rank`), and only what can be shown is scored by the fuzzy matcher. A query that only adds to the one before looks among what
//! that one has found (`searcher`).

use super::arrange::{by_rank, by_value};
use super::graph::RowSet;
use super::names::{CHUNK, head, mask};
use super::query::{Derivations, Query, Test, Word};
use super::rank::{HASH, LAST, WITHIN};
use super::{Inventory, Life, Liveness, Row, State, Usage};
use crate::domain::{Verdict, When};
use fuzzy_matcher::FuzzyMatcher as _;
use fuzzy_matcher::skim::SkimMatcherV2;
use rayon::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// So many rows from the top, those of the same rank are put in order by the fuzzy matcher: more than any terminal shows at first.
pub(super) const SCORED: usize = 256;

/// Up to so many rows, closures are measured one by one instead of all of the store.
pub(super) const FEW: usize = 512;

/// What a list is sorted by. The natural direction is that of most interest first; ties go by name and then row, and
/// rows whose value is not known come last in both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SortKey {
    /// By name, a to z. While words are searched: the best match first.
    #[default]
    Name,
    /// By NAR size, largest first.
    Size,
    /// By closure size in bytes, largest first.
    Closure,
    /// By registration, newest first.
    Added,
    /// By last use, latest first.
    Used,
    /// By trust class, worst first.
    Trust,
}

/// An order for a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Sort {
    /// By what.
    pub key: SortKey,
    /// Against the natural direction of the key.
    pub reverse: bool,
}

/// What is known of the store beyond its paths, for one inventory. A query that asks for what is not given matches nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct SearchFacts<'a> {
    /// What is alive.
    pub liveness: Option<&'a Liveness>,
    /// What pins keep: [`Inventory::kept_by`] of their targets.
    pub pinned: Option<&'a [Row]>,
    /// When paths were used, with all that needs them. Without, what the inventory has of single paths.
    pub usage: Option<&'a Usage>,
}

impl SearchFacts<'_> {
    pub(super) fn last_used(&self, inventory: &Inventory, row: Row) -> Option<When> {
        match self.usage {
            Some(usage) => Some(usage.used(row)),
            None => inventory.last_used(row),
        }
    }
}

/// The rows of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// In the order wanted, each once.
    pub rows: Arc<[Row]>,
    /// How many derivations of the store are not looked at because they are hidden.
    pub hidden_drv: usize,
    /// Whether these are only the first ones, and another view has them all.
    pub partial: bool,
}

/// Filters and sorts; `None` when cancelled. Only paths of the store are shown, not rows that are gone or never were.
/// `hide_drv` holds unless the query says something of derivations. A job: it looks at every row.
pub fn view(
    inventory: &Inventory,
    query: &Query,
    sort: Sort,
    hide_drv: bool,
    now: When,
    known: SearchFacts<'_>,
    cancel: &AtomicBool,
) -> Option<View> {
    let derivations = query.derivations.or_hidden(hide_drv);
    let filter = Filter::new(inventory, query, derivations, now, known);
    let found = filter.all(cancel)?;
    filter.view(&found, sort, cancel)
}

/// A query made ready for one inventory.
pub(super) struct Filter<'a> {
    inventory: &'a Inventory,
    query: &'a Query,
    derivations: Derivations,
    now: When,
    known: SearchFacts<'a>,
    /// The paths that pins keep; empty unless the query asks for them and they are known.
    pinned: RowSet,
    /// The mask of each word that a name must have; `None` for a word that no name can match.
    masks: Vec<Option<u64>>,
    /// What all names must have that can match, whatever else is asked for.
    needed: u64,
    /// The mask of a derivation's ending.
    derivation: Option<u64>,
    /// Of each word that is looked for in the hash part too, what names must have that have it, and else the hash part.
    either: Vec<(Option<u64>, Option<u16>)>,
    /// The number of each key that is asked for, in the order of the tests; `None` if no path has it.
    keys: Vec<Option<u16>>,
}

impl<'a> Filter<'a> {
    pub(super) fn new(
        inventory: &'a Inventory,
        query: &'a Query,
        derivations: Derivations,
        now: When,
        known: SearchFacts<'a>,
    ) -> Self {
        let masks: Vec<Option<u64>> = query
            .words
            .iter()
            .map(|word| match word {
                Word::Fuzzy { text, .. } | Word::Contains { text, .. } => mask(text),
                Word::Prefix { .. } => Some(0),
            })
            .collect();
        let by_name = |word: &Word| {
            matches!(
                word,
                Word::Fuzzy { hash: false, .. } | Word::Contains { wanted: true, .. }
            )
        };
        let words = query.words.iter().zip(&masks);
        let needed = words
            .filter(|(word, _)| by_name(word))
            .fold(0, |needed, (_, mask)| needed | mask.unwrap_or(0));
        let words = query.words.iter().zip(&masks);
        let either = words
            .filter_map(|(word, mask)| match word {
                Word::Fuzzy { text, hash: true } => Some((*mask, head(text))),
                _ => None,
            })
            .collect();
        let keys = query.tests.iter().map(|test| match test {
            Test::Key { name, .. } => inventory.keys.number(name),
            _ => None,
        });
        let mut pinned = RowSet::new(inventory.len());
        for row in known
            .pinned
            .filter(|_| query.asks_roots())
            .unwrap_or_default()
        {
            pinned.insert(*row);
        }
        Self {
            inventory,
            query,
            derivations,
            now,
            known,
            pinned,
            masks,
            needed,
            derivation: mask(".drv"),
            either,
            keys: keys.collect(),
        }
    }

    /// All rows that match, each with its rank.
    pub(super) fn all(&self, cancel: &AtomicBool) -> Option<Vec<(Row, u8)>> {
        let rows = self.inventory.len();
        let found: Vec<Vec<(Row, u8)>> = (0..rows)
            .into_par_iter()
            .step_by(CHUNK)
            .map(|start| {
                let rows = start as Row..rows.min(start + CHUNK) as Row;
                those(rows, |row| self.rank(row), cancel)
            })
            .collect::<Option<_>>()?;
        Some(found.concat())
    }

    /// Those of these rows that match; they have passed everything but the words.
    pub(super) fn among(&self, rows: &[Row], cancel: &AtomicBool) -> Option<Vec<(Row, u8)>> {
        let found: Vec<Vec<(Row, u8)>> = rows
            .par_chunks(CHUNK)
            .map(|rows| those(rows.iter().copied(), |row| self.rank_again(row), cancel))
            .collect::<Option<_>>()?;
        Some(found.concat())
    }

    pub(super) fn view(
        &self,
        found: &[(Row, u8)],
        sort: Sort,
        cancel: &AtomicBool,
    ) -> Option<View> {
        let rows = match sort.key {
            SortKey::Name => {
                let mut rows = by_rank(self.inventory, found, cancel)?;
                self.score(&mut rows);
                if sort.reverse {
                    rows.reverse();
                }
                rows
            }
            _ => by_value(self.inventory, found, sort, self.known, cancel)?,
        };
        Some(View {
            rows: rows.into(),
            hidden_drv: self.hidden_drv(),
            partial: false,
        })
    }

    pub(super) fn hidden_drv(&self) -> usize {
        match self.derivations {
            Derivations::Hidden => self.inventory.counts().derivations,
            _ => 0,
        }
    }

    /// How a row matches, if it does; smaller is better.
    pub(super) fn rank(&self, row: Row) -> Option<u8> {
        let inventory = self.inventory;
        if !self.may_match(row) {
            return None;
        }
        if !inventory.state(row).is_present() || !self.query.wants(inventory.trust(row)) {
            return None;
        }
        let is_derivation = || self.may_be_derivation(row) && inventory.is_derivation(row);
        let shown = match self.derivations {
            Derivations::Unsaid | Derivations::Shown => true,
            Derivations::Only => is_derivation(),
            Derivations::Hidden => !is_derivation(),
        };
        let mut tests = self.query.tests.iter().zip(&self.keys);
        if !shown || !tests.all(|(test, key)| self.passes(row, test, *key)) {
            return None;
        }
        self.words(row)
    }

    /// The same for a row that has passed everything but the words.
    fn rank_again(&self, row: Row) -> Option<u8> {
        self.may_match(row).then(|| self.words(row))?
    }

    /// Whether its name's characters allow it to match.
    fn may_match(&self, row: Row) -> bool {
        let inventory = self.inventory;
        let mask = inventory.names.mask(row);
        let has = |needed: u64| mask & needed == needed;
        let possible = |(needed, digits): &(Option<u64>, Option<u16>)| {
            needed.is_some_and(has) || *digits == Some(inventory.names.head(row))
        };
        has(self.needed) && self.either.iter().all(possible)
    }

    /// The same for a derivation's name, so that most names are not looked at.
    fn may_be_derivation(&self, row: Row) -> bool {
        let needed = self.derivation.unwrap_or(0);
        self.inventory.names.mask(row) & needed == needed
    }

    /// The ranks of all words together.
    fn words(&self, row: Row) -> Option<u8> {
        let mut words = self.query.words.iter().zip(&self.masks);
        words.try_fold(0_u8, |ranks, (word, mask)| {
            let rank = self.word(row, word, *mask)?;
            Some(ranks.saturating_add(rank).min(LAST))
        })
    }

    /// Puts the rows that can be shown at first in order: within each rank by the fuzzy matcher, and then as they are.
    pub(super) fn score(&self, rows: &mut [Row]) {
        if !self.query.ranks() {
            return;
        }
        let shown = rows.len().min(SCORED);
        let matcher = SkimMatcherV2::default().ignore_case();
        let score = |row: Row| {
            let name = self.inventory.name(row);
            let words = self.query.words.iter().map(|word| match word {
                Word::Fuzzy { text, .. } => matcher.fuzzy_match(name, text).unwrap_or(0),
                Word::Contains { .. } | Word::Prefix { .. } => 0,
            });
            words.sum::<i64>()
        };
        let mut items: Vec<(Option<u8>, i64, Row)> = rows[..shown]
            .par_iter()
            .map(|row| (self.words(*row), -score(*row), *row))
            .collect();
        items.sort_by_key(|(rank, score, _)| (*rank, *score));
        for (place, (.., row)) in rows.iter_mut().zip(items) {
            *place = row;
        }
    }

    fn passes(&self, row: Row, test: &Test, key: Option<u16>) -> bool {
        let inventory = self.inventory;
        match test {
            Test::Age(bound) => inventory
                .registered(row)
                .is_some_and(|registered| bound.holds(registered.age(self.now).0)),
            Test::Size(bound) => inventory
                .nar_size(row)
                .is_some_and(|size| bound.holds(size)),
            Test::Used(bound) => self
                .known
                .last_used(inventory, row)
                .is_some_and(|used| bound.holds(used.age(self.now).0)),
            Test::Rooted(wanted) => match self.known.liveness.map(|live| live.life(row)) {
                Some(Life::Live) => *wanted,
                Some(Life::Dead) => !wanted,
                Some(Life::Unknown) | None => false,
            },
            Test::Pinned(wanted) => {
                self.known.pinned.is_some() && self.pinned.contains(row) == *wanted
            }
            Test::Key { wanted, .. } => {
                let (chunk, at) = inventory.columns.at(row);
                let has = chunk
                    .signatures
                    .get(at)
                    .iter()
                    .any(|signed| Some(signed.key) == key && signed.verdict == Verdict::Valid);
                chunk.state[at] == State::Valid && has == *wanted
            }
        }
    }

    fn word(&self, row: Row, word: &Word, mask: Option<u64>) -> Option<u8> {
        let inventory = self.inventory;
        // Whether the name has all characters of the word.
        let possible = mask.is_some_and(|mask| inventory.names.mask(row) & mask == mask);
        match word {
            Word::Fuzzy { text, hash } => {
                if *hash && inventory.base_name(row).starts_with(text.as_str()) {
                    return Some(HASH);
                }
                if !possible {
                    return None;
                }
                inventory.names.rank(row, text)
            }
            Word::Contains { text, wanted } => {
                let rank = || inventory.names.rank(row, text);
                let contained = possible && rank().is_some_and(|rank| rank <= WITHIN);
                (contained == *wanted).then_some(0)
            }
            Word::Prefix { base, wanted } => {
                let begins = inventory.base_name(row).starts_with(base.as_str());
                (begins == *wanted).then_some(0)
            }
        }
    }
}

/// Those of these rows that have a rank; `None` when cancelled.
fn those(
    rows: impl Iterator<Item = Row>,
    rank: impl Fn(Row) -> Option<u8>,
    cancel: &AtomicBool,
) -> Option<Vec<(Row, u8)>> {
    if cancel.load(Ordering::Relaxed) {
        return None;
    }
    Some(rows.filter_map(|row| Some((row, rank(row)?))).collect())
}
