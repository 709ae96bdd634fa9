//! Grows the synthetic store, oldest path first, so that everything a path refers to is there before it.
//!
//! In: how many paths, of what kind, a seed, and a token that cancels it. Out: the columns of [`Store`].
//! The store is what a team's cache looks like after ninety days: some rounds of updates, each a closure of its own
//! over the same bottom; the cache's key replaced once; and at the end the uploads of two days that nobody signed.

use super::add::Draft;
use super::names::{self, Package};
use super::{Content, NONE, Store, StoreOptions};
use crate::demo::DemoError;
use crate::demo::keys::{Keys, Mark};
use crate::demo::random::{Purpose, Random};
use tokio_util::sync::CancellationToken;

const DAY: i64 = 86_400;
/// The oldest path is this old.
const SPAN: i64 = 90 * DAY;
/// The uploads of this long are unsigned.
const RECENT: i64 = 2 * DAY;
/// The cache's key was replaced this long ago.
const ROTATION: i64 = 60 * DAY;
/// Paths that are registered together.
const BURST: usize = 40;
/// Share of derivations that can be had without a store of derivations alone, in percent.
const MOST_DERIVATIONS: usize = 90;

/// How the paths are shared out.
struct Shares {
    /// Everything but the unsigned uploads.
    main: usize,
    /// Unsigned uploads.
    unsigned: usize,
    /// Signed by a key that nobody knows.
    unknown: usize,
    /// Signed wrongly.
    bad: usize,
}

impl Shares {
    fn new(options: &StoreOptions) -> Self {
        let paths = options.paths;
        let unsigned = options.unsigned.min(paths / 8);
        Self {
            main: paths - unsigned,
            unsigned,
            unknown: (paths / 60).min(7),
            bad: (paths / 60).min(5),
        }
    }
}

/// The packages of one round, by the paths that others refer to.
#[derive(Default)]
struct Round {
    outputs: Vec<u32>,
    derivations: Vec<u32>,
}

/// Where a package comes from, which says who has signed it.
#[derive(Clone, Copy)]
enum Origin {
    Base,
    Library,
    Own,
}

/// Grows a store.
pub(super) struct Builder<'a> {
    pub(super) options: &'a StoreOptions,
    shares: Shares,
    pub(super) store: Store,
    pub(super) random: Random,
    derivations: usize,
    cancelled: &'a CancellationToken,
}

impl<'a> Builder<'a> {
    pub(super) fn new(
        options: &'a StoreOptions,
        cancelled: &'a CancellationToken,
    ) -> Result<Self, DemoError> {
        let shares = Shares::new(options);
        let keys = Keys::new(options.seed).map_err(DemoError::Key)?;
        Ok(Self {
            options,
            shares,
            store: Store::empty(options, keys),
            random: Random::new(options.seed, Purpose::Shape, 0),
            derivations: 0,
            cancelled,
        })
    }

    pub(super) fn build(mut self) -> Result<Store, DemoError> {
        let rounds = (self.shares.main / 800).clamp(1, 50);
        let mut before = Round::default();
        for round in 0..rounds {
            let end = self.shares.main * (round + 1) / rounds;
            before = self.round(&before, (rounds - 1 - round) as u32, end)?;
        }
        self.uploads(&before)?;
        self.spoil();
        self.store.sort();
        Ok(self.store)
    }

    pub(super) fn len(&self) -> usize {
        self.store.len()
    }

    /// One round of updates, up to `end` paths in all.
    fn round(&mut self, before: &Round, rounds_ago: u32, end: usize) -> Result<Round, DemoError> {
        let mut round = Round::default();
        // The team's own packages come last; each takes about three paths.
        let own_from = end.saturating_sub(names::own_count() * 3);
        let (mut base, mut own, mut number) = (0, 0, 0);
        while self.len() < end {
            if self.cancelled.is_cancelled() {
                return Err(DemoError::Ended);
            }
            let (package, origin) = if self.len() >= own_from && own < names::own_count() {
                own += 1;
                (names::own(own - 1, rounds_ago), Origin::Own)
            } else if base < names::base_count() {
                base += 1;
                (names::base(base - 1, rounds_ago), Origin::Base)
            } else {
                number += 1;
                let package = names::library(number, rounds_ago, &mut self.random);
                (package, Origin::Library)
            };
            let mark = self.mark(origin);
            self.package(&package, mark, &mut round, before, end)?;
        }
        Ok(round)
    }

    /// How paths that are registered now are signed.
    fn mark(&mut self, origin: Origin) -> Mark {
        let ours = self.time() >= self.options.epoch.unix() - ROTATION;
        match (origin, self.random.below(100)) {
            (Origin::Base, 0..60) | (Origin::Library, 0..3) => Mark::Upstream,
            (Origin::Base, _) => Mark::OursAndUpstream,
            _ if ours => Mark::Ours,
            (_, 3..18) => Mark::Retired,
            _ => Mark::RetiredAndOurs,
        }
    }

    /// When the next path of the rounds is registered: uploads come in bursts, with seconds between their paths.
    fn time(&self) -> i64 {
        let (index, all) = (self.len() as i64, self.shares.main.max(1) as i64);
        let burst = BURST as i64;
        let span = SPAN - RECENT - 3600;
        let start = index / burst * burst * span / all;
        let gap = (burst * span / all / burst).min(2);
        self.options.epoch.unix() - SPAN + start + index % burst * gap
    }

    /// A package with its source, its derivation and its outputs, as far as there is room.
    fn package(
        &mut self,
        package: &Package,
        mark: Mark,
        round: &mut Round,
        before: &Round,
        end: usize,
    ) -> Result<(), DemoError> {
        let full = package.full_name();
        let mut inputs = Vec::with_capacity(3);
        if self.random.percent(7) && self.len() < end {
            inputs.push(self.source(&full)?);
        }
        let wanted = usize::from(self.options.derivations).min(MOST_DERIVATIONS);
        let behind = |builder: &Self| builder.derivations * 100 < wanted * (builder.len() + 1);
        while wanted > 0 && behind(self) && self.len() + 2 < end {
            let name = match inputs.len() {
                0 => format!("{full}.tar.gz.drv"),
                number => format!("{full}-vendor-{number}.drv"),
            };
            let references = self.some(&round.derivations, &before.derivations);
            inputs.push(self.derivation(&name, &references)?);
            // Whatever the share, one package has only so many steps.
            if inputs.len() > 12 {
                break;
            }
        }
        let mut deriver = NONE;
        if wanted > 0 && self.len() < end && self.random.percent(wanted * 2) {
            let mut references = self.some(&round.derivations, &before.derivations);
            references.extend(inputs);
            deriver = self.derivation(&format!("{full}.drv"), &references)?;
            round.derivations.push(deriver);
        }
        if self.len() >= end {
            return Ok(());
        }
        let references = self.some(&round.outputs, &before.outputs);
        let size = self.size(package.size);
        let itself = self.random.percent(60);
        let registered = self.time();
        let draft = Draft {
            name: &full,
            references: &references,
            itself,
            size,
            mark,
            content: Content::None,
            deriver,
            registered,
        };
        let main = self.add(&draft)?;
        round.outputs.push(main);
        for output in package.outputs {
            if self.len() >= end {
                break;
            }
            let headers = [main];
            let size = self.size_of_output(output, size);
            self.add(&Draft {
                name: &format!("{full}-{output}"),
                references: if *output == "dev" { &headers } else { &[] },
                itself: false,
                size,
                registered: self.time(),
                ..draft
            })?;
        }
        Ok(())
    }

    /// A derivation. Its path always follows from its text, and most are signed all the same.
    fn derivation(&mut self, name: &str, references: &[u32]) -> Result<u32, DemoError> {
        self.derivations += 1;
        let ours = self.time() >= self.options.epoch.unix() - ROTATION;
        let mark = match self.random.below(100) {
            0..12 => Mark::Unsigned,
            _ if ours => Mark::Ours,
            _ => Mark::RetiredAndOurs,
        };
        let size = self.size(2400);
        self.add(&Draft {
            name,
            references,
            itself: false,
            size,
            mark,
            content: Content::Text,
            deriver: NONE,
            registered: self.time(),
        })
    }

    /// Fetched or copied sources, which need no signature.
    fn source(&mut self, full: &str) -> Result<u32, DemoError> {
        let (name, content) = match self.random.below(3) {
            0 => (format!("{full}.tar.gz"), Content::Flat),
            1 => (format!("{full}-source"), Content::Recursive),
            _ => ("source".to_owned(), Content::Recursive),
        };
        let size = self.size(3 << 20);
        self.add(&Draft {
            name: &name,
            references: &[],
            itself: false,
            size,
            mark: Mark::Unsigned,
            content,
            deriver: NONE,
            registered: self.time(),
        })
    }

    /// What something new refers to: mostly the bottom of its round and what was built just before it.
    fn some(&mut self, near: &[u32], before: &[u32]) -> Vec<u32> {
        let wanted = 2 + self.random.below(8);
        let bottom = near.len().min(names::base_count());
        let mut references = Vec::with_capacity(wanted);
        for _ in 0..wanted {
            let picked = match self.random.below(100) {
                0..40 => {
                    // The lower, the more often.
                    let limit = 1 + self.random.below(bottom);
                    near.get(self.random.below(limit))
                }
                40..95 => {
                    let back = 1 + self.random.below(near.len().min(60));
                    near.len().checked_sub(back).and_then(|at| near.get(at))
                }
                _ => before.get(self.random.below(before.len().min(names::base_count()))),
            };
            references.extend(picked);
        }
        references.sort_unstable();
        references.dedup();
        references
    }

    /// Gives a few of the newest signed paths a signature that no client takes. A bad one is needed by nothing: no signature would help
    /// what needs it.
    fn spoil(&mut self) {
        let bad = [Mark::FlippedBit, Mark::AnotherPath, Mark::AnotherKey];
        let mut needed = vec![false; self.len()];
        for at in 0..self.len() as u32 {
            for to in self.store.references(at).iter().filter(|to| **to != at) {
                needed[*to as usize] = true;
            }
        }
        let signed: Vec<usize> = (0..self.len())
            .rev()
            .filter(|at| {
                self.store.contents[*at] == Content::None && self.store.marks[*at] == Mark::Ours
            })
            .collect();
        let tops = signed.iter().filter(|at| !needed[**at]);
        for (number, at) in tops.take(self.shares.bad).enumerate() {
            self.store.marks[*at] = bad[number % bad.len()];
        }
        let unknown = signed.into_iter().skip(self.shares.bad * 9).step_by(9);
        for at in unknown.take(self.shares.unknown) {
            if self.store.marks[at] == Mark::Ours {
                self.store.marks[at] = Mark::Unknown;
            }
        }
    }

    /// The unsigned uploads, oldest first, each with the dependencies that nothing else needs.
    fn uploads(&mut self, last: &Round) -> Result<(), DemoError> {
        let tops = names::UPLOADS.len().min(self.shares.unsigned);
        let mut left = self.shares.unsigned - tops;
        let all: usize = left;
        for (number, upload) in names::UPLOADS.iter().take(tops).enumerate().rev() {
            let registered = self.options.epoch.unix() - upload.minutes * 60;
            // What does not divide evenly goes to the newest, which comes last.
            let share = if number == 0 {
                left
            } else {
                (all * upload.private / names::PRIVATE).min(left)
            };
            left -= share;
            let mut own = Vec::with_capacity(share);
            for index in 0..share {
                let mut references = self.some(&last.outputs, &[]);
                references.extend(own.iter().rev().take(self.random.below(3)).copied());
                let name = names::private(upload.top, index, &mut self.random);
                let size = self.size(600 << 10);
                own.push(self.upload(&name, &references, size, registered)?);
            }
            let mut references = self.some(&last.outputs, &[]);
            references.extend(&own);
            self.upload(upload.top, &references, upload.size, registered)?;
        }
        Ok(())
    }

    fn upload(
        &mut self,
        name: &str,
        references: &[u32],
        size: u64,
        registered: i64,
    ) -> Result<u32, DemoError> {
        let itself = self.random.percent(50);
        self.add(&Draft {
            name,
            references,
            itself,
            size,
            mark: Mark::Unsigned,
            content: Content::None,
            deriver: NONE,
            registered,
        })
    }
}
