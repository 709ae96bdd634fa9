//! What a policy keeps of its own, before what that needs.
//!
//! In: what was prepared, a situation, a policy. Out: the reasons of each unit; for a dry run, each path of the store with its
//! project and what becomes of it. A unit belongs to the project of its first path that is no derivation.

use super::names::package;
use super::plan::{GRACE, IN_FLIGHT, NEWEST, PIECE, QUOTA, RECENT, in_flight};
use super::{Prepared, Rules, Situation};
use crate::domain::When;
use crate::inventory::{Inventory, Row};
use crate::judge::retention::Policy;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

/// What becomes of a path by a policy, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    /// It goes.
    Goes,
    /// A root or a pin keeps it.
    Root,
    /// It came in recently, or since a session began that is still open.
    Uploaded,
    /// It is among the newest of its name.
    Newest,
    /// It was used recently.
    Used,
    /// It is within the quota.
    Quota,
    /// Something needs it that stays.
    Needed,
}

impl Verdict {
    /// The stable word, as in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Goes => "goes",
            Self::Root => "root",
            Self::Uploaded => "uploaded",
            Self::Newest => "newest",
            Self::Used => "used",
            Self::Quota => "quota",
            Self::Needed => "needed",
        }
    }
}

/// The project of a path.
fn project_of(inventory: &Inventory, policy: &Policy, row: Row) -> Option<usize> {
    let name = inventory.name(row);
    let (package, _) = package(name, inventory.deriver_name(row).as_deref());
    policy.project(package)
}

impl Prepared {
    /// The bits of each unit that its own rule gives it. `None` when cancelled.
    pub(super) fn own(
        &self,
        situation: &Situation<'_>,
        policy: &Policy,
        since: Option<When>,
        cancel: &AtomicBool,
    ) -> Option<Vec<u8>> {
        let inventory = situation.inventory;
        let now = u32::try_from(situation.now.unix()).unwrap_or(u32::MAX);
        let before = |age: u64| now.saturating_sub(u32::try_from(age).unwrap_or(u32::MAX));
        let mut own = vec![0; self.units.len()];
        let mut projects = Vec::with_capacity(self.units.len());
        for (at, unit) in self.units.iter().enumerate() {
            if at % PIECE == 0 && cancel.load(Ordering::Relaxed) {
                return None;
            }
            let project = self.project(situation, policy, at);
            let rule = policy.rule(project);
            let mut why = 0;
            if rule.uploaded.0 > 0 && unit.registered > before(rule.uploaded.0) {
                why |= GRACE;
            }
            if (unit.newer as usize) < rule.newest {
                why |= NEWEST;
            }
            if rule.used.is_some_and(|age| unit.used > before(age.0)) {
                why |= RECENT;
            }
            if rule.keeps_what_fits() {
                why |= QUOTA;
            }
            if in_flight(since, unit.registered) {
                why |= IN_FLIGHT;
            }
            own[at] = why;
            projects.push(project);
        }
        let limited = policy
            .projects
            .iter()
            .any(|project| project.rule.quota.is_some());
        if limited || policy.default.quota.is_some() {
            let mut sums = self.rooted(inventory, policy, cancel)?;
            for (at, project) in projects.iter().enumerate() {
                if own[at] != 0 {
                    *sums.entry(*project).or_default() += self.units[at].bytes;
                }
            }
            // Least recently used first.
            for (at, project) in projects.iter().enumerate() {
                let (Some(quota), Some(sum)) = (policy.rule(*project).quota, sums.get_mut(project))
                else {
                    continue;
                };
                if *sum > quota.0 && own[at] != 0 && own[at] & (GRACE | IN_FLIGHT) == 0 {
                    own[at] = 0;
                    *sum -= self.units[at].bytes;
                }
            }
        }
        Some(own)
    }

    fn project(&self, situation: &Situation<'_>, policy: &Policy, unit: usize) -> Option<usize> {
        let rows = &self.rows[self.span(unit)];
        let inventory = situation.inventory;
        let plain = rows.iter().find(|row| !inventory.is_derivation(**row));
        project_of(inventory, policy, *plain.or_else(|| rows.first())?)
    }

    /// Bytes of each project that roots and pins keep.
    fn rooted(
        &self,
        inventory: &Inventory,
        policy: &Policy,
        cancel: &AtomicBool,
    ) -> Option<HashMap<Option<usize>, u64>> {
        let mut sums: HashMap<Option<usize>, u64> = HashMap::new();
        for row in self.kept_rows(inventory) {
            if (row as usize).is_multiple_of(PIECE) && cancel.load(Ordering::Relaxed) {
                return None;
            }
            if policy
                .rule(project_of(inventory, policy, row))
                .quota
                .is_some()
            {
                let sum = sums.entry(project_of(inventory, policy, row)).or_default();
                *sum = sum.saturating_add(inventory.nar_size(row).unwrap_or(0));
            }
        }
        Some(sums)
    }

    /// What the store has and no plan takes.
    fn kept_rows(&self, inventory: &Inventory) -> impl Iterator<Item = Row> + use<> {
        let mut dead = vec![false; inventory.len()];
        for row in &self.rows {
            dead[*row as usize] = true;
        }
        let present: Vec<Row> = (0..inventory.len() as Row)
            .filter(|row| !dead[*row as usize] && inventory.state(*row).is_present())
            .collect();
        present.into_iter()
    }

    /// Each path of the store with its project and what becomes of it by a policy, in the order of the store. Targets play no part.
    pub fn verdicts(
        &self,
        situation: &Situation<'_>,
        policy: &Policy,
        since: Option<When>,
    ) -> Vec<(Row, Option<usize>, Verdict)> {
        let never = AtomicBool::new(false);
        let own = self
            .own(situation, policy, since, &never)
            .unwrap_or_default();
        let rules = Rules {
            policy: Some(std::sync::Arc::new(policy.clone())),
            in_flight: since,
            ..Rules::default()
        };
        let stays = self.stays(situation, &rules, &never).unwrap_or_default();
        let mut all: Vec<(Row, Option<usize>, Verdict)> = self
            .kept_rows(situation.inventory)
            .map(|row| {
                let project = project_of(situation.inventory, policy, row);
                (row, project, Verdict::Root)
            })
            .collect();
        for (unit, (own, stays)) in own.iter().zip(&stays).enumerate() {
            let verdict = match *own {
                _ if *stays == 0 => Verdict::Goes,
                0 => Verdict::Needed,
                why if why & (GRACE | IN_FLIGHT) != 0 => Verdict::Uploaded,
                why if why & NEWEST != 0 => Verdict::Newest,
                why if why & RECENT != 0 => Verdict::Used,
                _ => Verdict::Quota,
            };
            let project = self.project(situation, policy, unit);
            let rows = self.rows[self.span(unit)].iter();
            all.extend(rows.map(|row| (*row, project, verdict)));
        }
        all.sort_unstable_by_key(|(row, ..)| *row);
        all
    }
}
