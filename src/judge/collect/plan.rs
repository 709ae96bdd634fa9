//! One plan: a pass along the order of deletion.
//!
//! In: what was prepared, and rules. Out: a [`Collection`], and its batches.

use super::{Collection, Estimate, Goal, Gone, Kept, Prepared, Rules, Situation, Target};
use crate::domain::{Bytes, Threshold, When};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

/// Units between two looks at the flag.
pub(super) const PIECE: usize = 8192;

const NO_DISK: &str = "how much is available on the store's file system is not known, so nothing is planned; say how much to take instead (reclaim)";

/// Why a unit stays, as bits.
pub(super) const GRACE: u8 = 1;
pub(super) const NEWEST: u8 = 2;
pub(super) const RECENT: u8 = 4;
pub(super) const QUOTA: u8 = 8;
pub(super) const IN_FLIGHT: u8 = 16;
pub(super) const UNSEEN: u8 = 32;

impl Prepared {
    /// What goes by these rules. `situation` is the one that this was prepared from, with any time and disk. `None` when
    /// cancelled. A job, but a short one: some ten milliseconds for a hundred thousand dead paths.
    pub fn plan(
        &self,
        situation: &Situation<'_>,
        rules: &Rules,
        cancel: &AtomicBool,
    ) -> Option<Collection> {
        let stays = self.stays(situation, rules, cancel)?;
        let mut targets = Targets::new(situation, rules);
        let mut kept = Kept {
            pinned: self.pinned,
            live: self.live,
            unreadable: self.unreadable,
            ..Kept::default()
        };
        let mut plan = Chosen::default();
        for (unit, why) in stays.iter().enumerate() {
            if unit % PIECE == 0 && cancel.load(Ordering::Relaxed) {
                return None;
            }
            let span = self.span(unit);
            let why = match *why {
                0 if targets.admit(self.units[unit].bytes) => {
                    plan.take(self, unit);
                    continue;
                }
                0 => &mut kept.left,
                why if why & UNSEEN != 0 => &mut kept.unseen,
                why if why & IN_FLIGHT != 0 => &mut kept.in_flight,
                why if why & GRACE != 0 => &mut kept.grace,
                why if why & NEWEST != 0 => &mut kept.newest,
                why if why & RECENT != 0 => &mut kept.recent,
                _ => &mut kept.quota,
            };
            *why += span.len();
        }
        let high = targets.taken;
        let (groups, members) = plan.groups(self);
        let last = plan.taken.last();
        Some(Collection {
            groups,
            members,
            used_until: last.map(|unit| when(self.units[*unit as usize].used)),
            order: plan.order,
            units: plan.ends,
            reasons: plan.reasons,
            bytes: Estimate {
                nar: high,
                low: targets.saved.map(|saved| high.saturating_sub(saved)),
                high,
            },
            kept,
            goal: targets.goal(),
            capped: targets.capped,
        })
    }

    /// The bits of each unit. What a unit keeps comes after it, so one pass carries them on.
    pub(super) fn stays(
        &self,
        situation: &Situation<'_>,
        rules: &Rules,
        cancel: &AtomicBool,
    ) -> Option<Vec<u8>> {
        let mut stays = match &rules.policy {
            Some(policy) => self.own(situation, policy, rules.in_flight, cancel)?,
            None => self.own_of_all(situation.now, rules, cancel)?,
        };
        if let Some(only) = &rules.only {
            for (at, why) in stays.iter_mut().enumerate() {
                if at % PIECE == 0 && cancel.load(Ordering::Relaxed) {
                    return None;
                }
                let mut rows = self.rows[self.span(at)].iter();
                if !rows.all(|row| only.has(&situation.inventory.path(*row))) {
                    *why |= UNSEEN;
                }
            }
        }
        for at in 0..stays.len() {
            let why = stays[at];
            if why != 0 {
                for to in &self.kept[self.edges_of(at)] {
                    stays[*to as usize] |= why;
                }
            }
        }
        Some(stays)
    }

    /// The bits that the same rules for all give each unit.
    fn own_of_all(&self, now: When, rules: &Rules, cancel: &AtomicBool) -> Option<Vec<u8>> {
        let now = u32::try_from(now.unix()).unwrap_or(u32::MAX);
        let before = |age: u64| now.saturating_sub(u32::try_from(age).unwrap_or(u32::MAX));
        let young = (rules.grace.0 > 0).then(|| before(rules.grace.0));
        let recent = rules.older_than.map(|age| before(age.0));
        let newest = u32::try_from(rules.keep_newest).unwrap_or(u32::MAX);
        let mut own = vec![0; self.units.len()];
        for (at, unit) in self.units.iter().enumerate() {
            if at % PIECE == 0 && cancel.load(Ordering::Relaxed) {
                return None;
            }
            let mut why: u8 = 0;
            if young.is_some_and(|limit| unit.registered > limit) {
                why |= GRACE;
            }
            if unit.newer < newest {
                why |= NEWEST;
            }
            if recent.is_some_and(|limit| unit.used > limit) {
                why |= RECENT;
            }
            if in_flight(rules.in_flight, unit.registered) {
                why |= IN_FLIGHT;
            }
            own[at] = why;
        }
        Some(own)
    }
}

/// Whether something was registered since then.
pub(super) fn in_flight(since: Option<When>, registered: u32) -> bool {
    since.is_some_and(|since| i64::from(registered) >= since.unix())
}

/// The targets on the way.
struct Targets {
    /// Bytes that must come free, by target; the larger one decides.
    need: Option<(u64, Target)>,
    max: u64,
    saved: Option<u64>,
    unknown: Option<String>,
    taken: u64,
    capped: bool,
}

impl Targets {
    fn new(situation: &Situation<'_>, rules: &Rules) -> Self {
        let mut unknown = None;
        let free = match (rules.until_free, situation.disk) {
            (Some(threshold), Some((size, available))) => {
                let wanted = match threshold {
                    Threshold::Size(bytes) => bytes.0,
                    Threshold::Percent(percent) => (size.0 as f64 * percent / 100.0).ceil() as u64,
                };
                Some((wanted.saturating_sub(available.0), Target::UntilFree))
            }
            (Some(_), None) => {
                unknown = Some(NO_DISK.to_owned());
                None
            }
            (None, _) => None,
        };
        let reclaim = rules.reclaim.map(|bytes| (bytes.0, Target::Reclaim));
        let need = match (free, reclaim) {
            (Some(free), Some(reclaim)) => Some(if free.0 >= reclaim.0 { free } else { reclaim }),
            (free, reclaim) => free.or(reclaim),
        };
        Self {
            need,
            max: rules.max.map_or(u64::MAX, |bytes| bytes.0),
            saved: situation.saved.map(|bytes| bytes.0),
            unknown,
            taken: 0,
            capped: false,
        }
    }

    /// What certainly has come free.
    fn low(&self) -> u64 {
        self.taken.saturating_sub(self.saved.unwrap_or(0))
    }

    fn reached(&self) -> bool {
        self.need.is_some_and(|(need, _)| self.low() >= need)
    }

    /// Whether a unit of so many bytes goes; it is taken into account if so.
    fn admit(&mut self, bytes: u64) -> bool {
        if self.capped || self.unknown.is_some() || self.reached() {
            return false;
        }
        let taken = self.taken.saturating_add(bytes);
        self.capped = taken > self.max;
        if !self.capped {
            self.taken = taken;
        }
        !self.capped
    }

    fn goal(&self) -> Goal {
        match (&self.unknown, self.need) {
            (Some(why), _) => Goal::Unknown(why.clone()),
            (None, None) => Goal::NoTarget,
            (None, Some((_, target))) if self.reached() => Goal::Reached(target),
            (None, Some((need, _))) => Goal::Short {
                by: Bytes(need - self.low()),
            },
        }
    }
}

/// The units that go.
#[derive(Default)]
struct Chosen {
    taken: Vec<u32>,
    order: Vec<u32>,
    ends: Vec<u32>,
    reasons: Vec<super::Reason>,
}

impl Chosen {
    fn take(&mut self, prepared: &Prepared, unit: usize) {
        let span = prepared.span(unit);
        self.order.extend_from_slice(&prepared.rows[span.clone()]);
        self.reasons.extend_from_slice(&prepared.reasons[span]);
        self.ends.push(self.order.len() as u32);
        self.taken.push(unit as u32);
    }

    /// The groups that have something that goes, and their paths.
    fn groups(&self, prepared: &Prepared) -> (Vec<Gone>, Vec<u32>) {
        let mut sums = vec![(0_u32, 0_u64); prepared.groups.len()];
        for unit in &self.taken {
            let (paths, bytes) = &mut sums[prepared.units[*unit as usize].group as usize];
            *paths += prepared.span(*unit as usize).len() as u32;
            *bytes = bytes.saturating_add(prepared.units[*unit as usize].bytes);
        }
        let mut gone = Vec::new();
        let mut next = vec![0; sums.len()];
        let mut start = 0;
        for (at, (group, (paths, bytes))) in prepared.groups.iter().zip(sums).enumerate() {
            if paths > 0 {
                next[at] = start;
                gone.push(Gone {
                    top: group.top,
                    shared: group.shared,
                    paths: paths as usize,
                    of: group.paths as usize,
                    bytes,
                    used: when(group.used),
                    start,
                });
                start += paths;
            }
        }
        let mut members = vec![0; self.order.len()];
        for unit in &self.taken {
            let slot = &mut next[prepared.units[*unit as usize].group as usize];
            for row in &prepared.rows[prepared.span(*unit as usize)] {
                members[*slot as usize] = *row;
                *slot += 1;
            }
        }
        (gone, members)
    }
}

fn when(seconds: u32) -> When {
    When::from_unix(i64::from(seconds))
}

/// The fewest and the most paths of a batch, where units allow.
const BATCH: Range<u64> = 64..8192;

/// Parts of `order` that go in one call each, all of whole units.
///
/// Each deleting call looks at every file of `.links` once, 4 microseconds a file (measured with Nix 2.8 to 2.34). A
/// deleted path takes some milliseconds. So one path for each 100 links keeps that look to about a tenth of the time,
/// within limits: at least 64, since each call also looks for roots; at most 8192, so that what is done and what is free
/// is looked at now and then. `links` is the number of files in `.links`, if it is known.
pub fn batches(collection: &Collection, links: Option<u64>) -> Vec<Range<usize>> {
    let wanted = links.map_or(1024, |links| links / 100);
    let wanted = wanted.clamp(BATCH.start, BATCH.end) as usize;
    let mut found = Vec::new();
    let mut start = 0;
    for (at, end) in collection.units.iter().enumerate() {
        let end = *end as usize;
        let last = at + 1 == collection.units.len();
        if end - start >= wanted || last {
            found.push(start..end);
            start = end;
        }
    }
    found
}
