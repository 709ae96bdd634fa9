//! The rows that a list shows: filtered, searched, sorted.
//!
//! In: an inventory, a query, an order, a flag that calls it off. Out: rows, or nothing when called off. It looks at
//! the flag every few thousand rows, so that the newest of several requests need not wait for the older ones.
//!
//! Words go by a mask of the name's characters first, which turns most names away at the cost of one comparison; only
//! the rest is scored by the fuzzy matcher.

use super::graph::RowSet;
use super::names::{CHUNK, mask};
use super::query::{Derivations, Query, Test, Word};
use super::{Inventory, Life, Liveness, Row, State, Usage};
use crate::domain::{Verdict, When};
use fuzzy_matcher::FuzzyMatcher as _;
use fuzzy_matcher::skim::SkimMatcherV2;
use rayon::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a match at the beginning of the hash part scores: more than any name.
const HASH_SCORE: i64 = 1 << 20;

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
    fn last_used(&self, inventory: &Inventory, row: Row) -> Option<When> {
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
    let derivations = match query.derivations {
        Derivations::Unsaid if hide_drv => Derivations::Hidden,
        said => said,
    };
    let filter = Filter::new(inventory, query, derivations, now, known);
    let found: Vec<Vec<(Row, i64)>> = (0..inventory.len())
        .into_par_iter()
        .step_by(CHUNK)
        .map(|start| {
            if cancel.load(Ordering::Relaxed) {
                return None;
            }
            let end = inventory.len().min(start + CHUNK);
            let rows = (start as Row..end as Row).filter_map(|row| Some((row, filter.score(row)?)));
            Some(rows.collect())
        })
        .collect::<Option<_>>()?;
    let found: Vec<(Row, i64)> = found.into_iter().flatten().collect();
    let hidden_drv = match derivations {
        Derivations::Hidden => inventory.counts().derivations,
        _ => 0,
    };
    let rows = arrange(inventory, &found, query.ranks(), sort, known, cancel)?;
    Some(View { rows, hidden_drv })
}

/// A query made ready for one inventory.
struct Filter<'a> {
    inventory: &'a Inventory,
    query: &'a Query,
    derivations: Derivations,
    now: When,
    known: SearchFacts<'a>,
    /// The paths that pins keep; empty unless the query asks for them and they are known.
    pinned: RowSet,
    matcher: SkimMatcherV2,
    /// The mask of each word that a name must have; `None` for a word that no name can match.
    masks: Vec<Option<u64>>,
    /// The number of each key that is asked for, in the order of the tests; `None` if no path has it.
    keys: Vec<Option<u16>>,
}

impl<'a> Filter<'a> {
    fn new(
        inventory: &'a Inventory,
        query: &'a Query,
        derivations: Derivations,
        now: When,
        known: SearchFacts<'a>,
    ) -> Self {
        let masks = query.words.iter().map(|word| match word {
            Word::Fuzzy { text, .. } | Word::Contains { text, .. } => mask(text),
            Word::Prefix { .. } => Some(0),
        });
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
            matcher: SkimMatcherV2::default().ignore_case(),
            masks: masks.collect(),
            keys: keys.collect(),
        }
    }

    /// How well a row matches, if it does.
    fn score(&self, row: Row) -> Option<i64> {
        let inventory = self.inventory;
        if !inventory.state(row).is_present() || !self.query.wants(inventory.trust(row)) {
            return None;
        }
        let shown = match self.derivations {
            Derivations::Unsaid | Derivations::Shown => true,
            Derivations::Only => inventory.is_derivation(row),
            Derivations::Hidden => !inventory.is_derivation(row),
        };
        let mut tests = self.query.tests.iter().zip(&self.keys);
        if !shown || !tests.all(|(test, key)| self.passes(row, test, *key)) {
            return None;
        }
        let mut score = 0;
        for (word, mask) in self.query.words.iter().zip(&self.masks) {
            score += self.word(row, word, *mask)?;
        }
        Some(score)
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

    fn word(&self, row: Row, word: &Word, mask: Option<u64>) -> Option<i64> {
        let inventory = self.inventory;
        // Whether the name has all characters of the word.
        let possible = mask.is_some_and(|mask| inventory.names.mask(row) & mask == mask);
        match word {
            Word::Fuzzy { text, hash } => {
                if *hash && inventory.base_name(row).starts_with(text.as_str()) {
                    return Some(HASH_SCORE);
                }
                if !possible {
                    return None;
                }
                self.matcher.fuzzy_match(inventory.name(row), text)
            }
            Word::Contains { text, wanted } => {
                let contained = possible && contains(inventory.name(row), text);
                (contained == *wanted).then_some(0)
            }
            Word::Prefix { base, wanted } => {
                let begins = inventory.base_name(row).starts_with(base.as_str());
                (begins == *wanted).then_some(0)
            }
        }
    }
}

/// Whether a name contains a text in lower case, its own case ignored.
fn contains(name: &str, text: &str) -> bool {
    let (name, text) = (name.as_bytes(), text.as_bytes());
    text.is_empty()
        || name
            .windows(text.len())
            .any(|window| window.eq_ignore_ascii_case(text))
}

/// Puts rows in order.
fn arrange(
    inventory: &Inventory,
    found: &[(Row, i64)],
    ranked: bool,
    sort: Sort,
    known: SearchFacts<'_>,
    cancel: &AtomicBool,
) -> Option<Arc<[Row]>> {
    let by_name = sort.key == SortKey::Name && !ranked;
    // The order of all names is made once; for a few rows of a large store it is not worth it.
    let ranks = match inventory.order.known() {
        Some(ranks) => Some(ranks),
        None if found.len() > inventory.len() / 16 => {
            Some(inventory.order.ranks(&inventory.names, cancel)?)
        }
        None => None,
    };
    let keys = if by_name {
        vec![0; found.len()]
    } else {
        keys(inventory, found, sort, known, cancel)?
    };
    let items: Vec<(u64, u32, Row)> = found
        .iter()
        .zip(keys)
        .map(|((row, _), key)| (key, ranks.map_or(0, |ranks| ranks[*row as usize]), *row))
        .collect();
    let items = super::order::sort(
        items,
        |a, b| {
            let order = (a.0, a.1).cmp(&(b.0, b.1));
            match ranks {
                Some(_) => order,
                None => order
                    .then_with(|| inventory.name(a.2).cmp(inventory.name(b.2)))
                    .then(a.2.cmp(&b.2)),
            }
        },
        cancel,
    )?;
    let rows = items.iter().map(|(.., row)| *row);
    Some(if by_name && sort.reverse {
        rows.rev().collect()
    } else {
        rows.collect()
    })
}

/// The number by which each row is sorted, smallest first.
fn keys(
    inventory: &Inventory,
    found: &[(Row, i64)],
    sort: Sort,
    known: SearchFacts<'_>,
    cancel: &AtomicBool,
) -> Option<Vec<u64>> {
    let seconds = |when: Option<When>| when.and_then(|when| u64::try_from(when.unix()).ok());
    let closures = match sort.key {
        SortKey::Closure if found.len() > FEW => Some(inventory.closures(cancel)?),
        _ => None,
    };
    found
        .par_iter()
        .map(|(row, score)| {
            // Larger is more interesting; trust classes count from the worst up.
            let value = match sort.key {
                SortKey::Name => Some(score.saturating_add(1 << 40).max(0) as u64),
                SortKey::Size => inventory.nar_size(*row),
                SortKey::Closure if cancel.load(Ordering::Relaxed) => return None,
                SortKey::Closure => inventory.nar_size(*row).map(|_| match closures {
                    Some(closures) => closures.get(*row).1,
                    None => inventory.closure_size(*row).1,
                }),
                SortKey::Added => seconds(inventory.registered(*row)),
                SortKey::Used => seconds(known.last_used(inventory, *row)),
                SortKey::Trust => inventory.trust(*row).map(|class| 7 - class as u64),
            };
            // The last number is kept for what is not known.
            Some(value.map_or(u64::MAX, |value| {
                let key = if sort.reverse { value } else { !value };
                key.min(u64::MAX - 1)
            }))
        })
        .collect()
}
