//! What holds for every plan.

use super::*;
use crate::inventory::State;
use crate::inventory::testing::model;
use crate::judge::retention::{Policy, Project, Rule};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Rules of every kind, in the sizes and times of the small stores.
fn rules() -> impl Strategy<Value = Rules> {
    (
        prop::option::of((0..30_u64, any::<bool>())),
        prop::option::of(0..30_u64),
        prop::option::of(0..30_u64),
        prop::option::of(0..12_u64),
        0..3_usize,
        0..8_u64,
    )
        .prop_map(|(free, reclaim, max, older, keep_newest, grace)| Rules {
            until_free: free.map(|(amount, percent)| {
                if percent {
                    Threshold::Percent(amount as f64)
                } else {
                    Threshold::Size(Bytes(amount * 1000))
                }
            }),
            reclaim: reclaim.map(|k| Bytes(k * 1000)),
            max: max.map(|k| Bytes(k * 1000)),
            older_than: older.map(|hundreds| Age(hundreds * 100)),
            keep_newest,
            grace: Age(grace * 100),
            ..Rules::default()
        })
}

#[derive(Debug, Clone)]
struct Case {
    model: Model,
    roots: Vec<Row>,
    pinned: Vec<Row>,
    rules: Rules,
    disk: Option<(Bytes, Bytes)>,
    saved: Option<Bytes>,
}

fn case() -> impl Strategy<Value = Case> {
    let rows = || prop::collection::vec(any::<usize>(), 0..3);
    (
        model(true),
        rows(),
        rows(),
        rules(),
        prop::option::of(0..20_u64),
        prop::option::of(0..4_u64),
    )
        .prop_map(|(model, roots, pinned, rules, free, saved)| {
            let row = |i: usize| (i % model.len()) as Row;
            Case {
                roots: roots.into_iter().map(row).collect(),
                pinned: pinned.into_iter().map(row).collect(),
                rules,
                disk: free.map(|k| (Bytes(100_000), Bytes(k * 1000))),
                saved: saved.map(|k| Bytes(k * 1000)),
                model,
            }
        })
}

impl Case {
    fn known(&self) -> Owned {
        // Pins are roots, but for one whose root the daemon has lost.
        let roots: Vec<Row> = self
            .roots
            .iter()
            .chain(self.pinned.iter().skip(1))
            .copied()
            .collect();
        Owned::new(&self.model, &roots, &self.pinned)
    }

    fn situation<'a>(&'a self, known: &'a Owned) -> Situation<'a> {
        Situation {
            disk: self.disk,
            saved: self.saved,
            ..known.situation(&self.model)
        }
    }

    fn plan(&self) -> Collection {
        let known = self.known();
        let situation = self.situation(&known);
        let prepared = Prepared::new(&situation).unwrap();
        prepared.plan(&situation, &self.rules, &go()).unwrap()
    }

    /// What may go if no rule speaks against it.
    fn dead(&self) -> BTreeSet<usize> {
        let both: Vec<Row> = self.roots.iter().chain(&self.pinned).copied().collect();
        let live = self.model.live(&both);
        let valid = (0..self.model.len()).filter(|i| self.model.valid(*i));
        valid.filter(|i| !live.contains(i)).collect()
    }

    /// The last use of each path: by all that needs it, then by all for which Nix keeps it.
    fn used(&self) -> Vec<i64> {
        let mut plain = self.model.clone();
        (plain.derivations, plain.outputs) = (true, false);
        let latest = |model: &Model, own: Vec<i64>| {
            let mut used = vec![0; own.len()];
            for (i, own) in own.into_iter().enumerate() {
                for needed in model.closure([i]) {
                    used[needed] = own.max(used[needed]);
                }
            }
            used
        };
        let own = self.model.items.iter().map(|item| match item.state {
            State::Valid => item.touched.unwrap_or(0).max(item.registered),
            _ => item.touched.unwrap_or(0),
        });
        latest(&self.model, latest(&plain, own.collect()))
    }

    /// What each rule keeps, with what that needs.
    fn seeds(&self) -> [BTreeSet<usize>; 3] {
        let model = &self.model;
        let dead = self.dead();
        let age = |at: i64| u64::try_from(NOW - at).unwrap();
        let grace = |i: &usize| age(model.items[*i].registered) < self.rules.grace.0;
        let mut names: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for i in (0..model.len()).filter(|i| model.valid(*i) && !model.is_drv(*i)) {
            let deriver = model.items[i].deriver.map(|d| model.items[d].path.name());
            names
                .entry(package(model.items[i].path.name(), deriver))
                .or_default()
                .push(i);
        }
        let mut newest = BTreeSet::new();
        for mut rows in names.into_values() {
            rows.sort_by_key(|i| (-model.items[*i].registered, *i));
            newest.extend(rows.into_iter().take(self.rules.keep_newest));
        }
        let used = self.used();
        let recent = |i: &usize| {
            let older = self.rules.older_than;
            older.is_some_and(|old| age(used[*i]) < old.0)
        };
        let below = |seeds: BTreeSet<usize>| -> BTreeSet<usize> {
            model.closure(seeds).intersection(&dead).copied().collect()
        };
        [
            below(dead.iter().filter(|i| grace(i)).copied().collect()),
            below(newest.intersection(&dead).copied().collect()),
            below(dead.iter().filter(|i| recent(i)).copied().collect()),
        ]
    }
}

/// Any rule of a project, in the sizes and times of the small stores.
fn rule() -> impl Strategy<Value = Rule> {
    let quota = prop::option::of(0..30_u64);
    (0..3_usize, 0..8_u64, prop::option::of(0..12_u64), quota).prop_map(
        |(newest, uploaded, used, quota)| Rule {
            newest,
            uploaded: Age(uploaded * 100),
            used: used.map(|hundreds| Age(hundreds * 100)),
            quota: quota.map(|k| Bytes(k * 1000)),
        },
    )
}

fn policy() -> impl Strategy<Value = Policy> {
    let project = ("[a-z*?]{0,2}\\*", rule()).prop_map(|(name, rule)| Project { name, rule });
    let projects = prop::collection::vec(project, 0..3);
    (projects, rule()).prop_map(|(projects, default)| Policy {
        projects,
        default,
        idle: None,
    })
}

proptest! {
    #[test]
    fn nothing_goes_that_is_not_among_what_was_seen(
        case in case(), seen in prop::collection::vec(any::<bool>(), 1..20),
    ) {
        let known = case.known();
        let situation = case.situation(&known);
        let was_seen = |row: usize| seen[row % seen.len()];
        let only = |some: &dyn Fn(usize) -> bool| {
            let rows = (0..case.model.len()).filter(|row| some(*row));
            let paths: Vec<_> = rows.map(|row| known.inventory.path(row as Row)).collect();
            let rules = Rules {
                only: Some(Arc::new(PathList::of(paths.iter()))),
                ..case.rules.clone()
            };
            Prepared::new(&situation).unwrap().plan(&situation, &rules, &go()).unwrap()
        };
        let taken = set(&only(&was_seen).order);
        prop_assert!(taken.iter().all(|row| was_seen(*row)));
        // What stays keeps what it needs, so Nix can delete the rest.
        let dead = case.dead();
        let stays = dead.difference(&taken).copied();
        prop_assert!(case.model.closure(stays).is_disjoint(&taken));
        prop_assert_eq!(only(&|_| true), case.plan());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// With one rule for all, a policy is what the rules of a plan are.
    #[test]
    fn a_policy_without_projects_is_the_rules(case in case()) {
        let mut by_policy = case.clone();
        by_policy.rules.policy = Some(Arc::new(Policy {
            idle: None,
            projects: vec![],
            default: Rule {
                newest: case.rules.keep_newest,
                uploaded: case.rules.grace,
                used: case.rules.older_than,
                quota: None,
            },
        }));
        prop_assert_eq!(by_policy.plan(), case.plan());
    }

    /// By any policy what stays has all that it needs, what was uploaded recently stays, and the dry run lists what the plan takes.
    #[test]
    fn by_a_policy_what_stays_is_whole(case in case(), policy in policy()) {
        let known = case.known();
        let situation = case.situation(&known);
        let prepared = Prepared::new(&situation).unwrap();
        let rules = Rules { policy: Some(Arc::new(policy.clone())), ..Rules::default() };
        let plan = prepared.plan(&situation, &rules, &go()).unwrap();
        let taken = set(&plan.order);
        let dead = case.dead();
        let stays = dead.difference(&taken).copied();
        prop_assert!(case.model.closure(stays).is_disjoint(&taken));
        let verdicts = prepared.verdicts(&situation, &policy, None);
        let present = (0..case.model.len()).filter(|i| case.model.present(*i)).count();
        prop_assert_eq!(verdicts.len(), present);
        let goes: Vec<Row> = verdicts.iter().filter(|v| v.2 == Verdict::Goes).map(|v| v.0).collect();
        prop_assert_eq!(set(&goes), taken);
        for (row, project, verdict) in &verdicts {
            let rule = policy.rule(*project);
            let quota_only = *verdict == Verdict::Quota;
            prop_assert!(!quota_only || rule.keeps_what_fits(), "{row}");
            let age = u64::try_from(NOW - case.model.items[*row as usize].registered).unwrap();
            let alone = situation.inventory.is_derivation(*row) || *verdict == Verdict::Root;
            prop_assert!(alone || age >= rule.uploaded.0 || *verdict != Verdict::Goes, "{row}");
        }
    }

    /// What was registered since then stays, by any rules, and nothing else stays for it but what that needs.
    #[test]
    fn what_is_in_flight_stays(case in case(), since in 0..12_000_i64) {
        let mut flight = case.clone();
        flight.rules.in_flight = Some(When::from_unix(since));
        let (without, with) = (set(&case.plan().order), set(&flight.plan().order));
        let fresh = |i: &usize| case.model.items[*i].registered >= since;
        prop_assert!(with.iter().all(|i| !fresh(i)));
        let fresh: Vec<usize> = case.dead().into_iter().filter(fresh).collect();
        let needed = case.model.closure(fresh);
        if case.rules.until_free.is_none() && case.rules.reclaim.is_none() && case.rules.max.is_none() {
            let stays: BTreeSet<usize> = without.difference(&needed).copied().collect();
            prop_assert_eq!(with, stays);
        } else {
            prop_assert!(with.is_disjoint(&needed));
        }
    }

    #[test]
    fn a_plan_takes_what_may_go_and_the_rest_is_counted(case in case()) {
        let plan = case.plan();
        let taken = set(&plan.order);
        prop_assert_eq!(taken.len(), plan.order.len(), "each once");
        let dead = case.dead();
        let [grace, newest, recent] = case.seeds();
        let stays: BTreeSet<usize> = grace.iter().chain(&newest).chain(&recent).copied().collect();
        let may: BTreeSet<usize> = dead.difference(&stays).copied().collect();
        prop_assert!(taken.is_subset(&may));
        prop_assert_eq!(plan.kept.grace, grace.len());
        prop_assert_eq!(plan.kept.newest, newest.difference(&grace).count());
        prop_assert_eq!(plan.kept.policy(), stays.len());
        prop_assert_eq!(plan.kept.left, may.len() - taken.len());
        let present = (0..case.model.len()).filter(|i| case.model.present(*i)).count();
        let kept = &plan.kept;
        prop_assert_eq!(taken.len() + kept.live + kept.pinned + kept.policy() + kept.left, present);
        let pinned = case.model.closure(case.pinned.iter().map(|r| *r as usize));
        prop_assert_eq!(kept.pinned, pinned.len());
        let unreadable = (0..case.model.len()).filter(|i| case.model.items[*i].state == State::Unreadable).count();
        prop_assert_eq!(kept.unreadable, unreadable);
    }

    #[test]
    fn every_prefix_of_units_leaves_a_whole_store(case in case()) {
        let plan = case.plan();
        let mut gone = BTreeSet::new();
        let mut start = 0;
        for end in &plan.units {
            let unit = &plan.order[start..*end as usize];
            prop_assert!(!unit.is_empty());
            // In a unit everything keeps everything.
            let whole = case.model.closure([unit[0] as usize]);
            prop_assert!(unit.iter().all(|row| whole.contains(&(*row as usize))));
            gone.extend(set(unit));
            for i in (0..case.model.len()).filter(|i| !gone.contains(i)) {
                prop_assert!(case.model.keeps(i).is_disjoint(&gone), "{} still needs something", i);
            }
            start = *end as usize;
        }
        prop_assert_eq!(start, plan.order.len());
        prop_assert_eq!(plan.reasons.len(), plan.order.len());
        for links in [None, Some(0), Some(1_000_000)] {
            let batches = batches(&plan, links);
            prop_assert_eq!(batches.iter().cloned().flatten().collect::<Vec<_>>(), (0..plan.order.len()).collect::<Vec<_>>());
            prop_assert!(batches.iter().all(|batch| plan.units.contains(&(batch.end as u32))));
        }
    }

    #[test]
    fn the_least_recently_used_goes_first(case in case()) {
        let plan = case.plan();
        let used = case.used();
        let mut times = Vec::new();
        let mut start = 0;
        for end in &plan.units {
            let unit = &plan.order[start..*end as usize];
            // A unit is as recently used as the latest of it and of what keeps it, also by the outputs that Nix keeps.
            times.push(unit.iter().map(|row| used[*row as usize]).max().unwrap());
            start = *end as usize;
        }
        prop_assert!(times.windows(2).all(|pair| pair[0] <= pair[1]), "{:?}", times);
        prop_assert_eq!(plan.used_until.map(When::unix), times.last().copied());
        // Nothing that may go and stays was used before something that goes.
        let [grace, newest, recent] = case.seeds();
        let taken = set(&plan.order);
        for i in case.dead() {
            let ruled = grace.contains(&i) || newest.contains(&i) || recent.contains(&i);
            if !taken.contains(&i) && !ruled && let Some(last) = times.last() {
                let unit = case.model.closure([i]).into_iter().filter(|j| case.model.closure([*j]).contains(&i));
                prop_assert!(unit.map(|j| used[j]).max().unwrap() >= *last);
            }
        }
    }

    #[test]
    fn targets_are_met_and_the_maximum_holds(case in case()) {
        let plan = case.plan();
        let rules = &case.rules;
        let nar = case.model.bytes(&set(&plan.order));
        let saved = case.saved.map_or(0, |saved| saved.0);
        prop_assert_eq!(plan.bytes, Estimate { nar, low: case.saved.map(|_| nar.saturating_sub(saved)), high: nar });
        prop_assert!(rules.max.is_none_or(|max| nar <= max.0));
        let free = match (rules.until_free, case.disk) {
            (None, _) => Some(0),
            (Some(Threshold::Size(wanted)), Some((_, free))) => Some(wanted.0.saturating_sub(free.0)),
            (Some(Threshold::Percent(percent)), Some((size, free))) =>
                Some(((size.0 as f64 * percent / 100.0).ceil() as u64).saturating_sub(free.0)),
            (Some(_), None) => None,
        };
        let Some(free) = free else {
            prop_assert!(matches!(plan.goal, Goal::Unknown(_)));
            prop_assert!(plan.order.is_empty());
            return Ok(());
        };
        let need = free.max(rules.reclaim.map_or(0, |bytes| bytes.0));
        let low = nar.saturating_sub(saved);
        let last = plan.units.len().checked_sub(2).map_or(0, |at| plan.units[at] as usize);
        let before = case.model.bytes(&set(&plan.order[..last]));
        match &plan.goal {
            Goal::NoTarget => {
                prop_assert!(rules.until_free.is_none() && rules.reclaim.is_none());
                prop_assert!(plan.capped || plan.kept.left == 0);
            }
            Goal::Reached(_) => {
                prop_assert!(low >= need);
                prop_assert!(plan.order.is_empty() || before.saturating_sub(saved) < need, "not more than needed");
            }
            Goal::Short { by } => {
                prop_assert_eq!(low + by.0, need);
                prop_assert!(plan.capped || plan.kept.left == 0, "{:?}", plan.kept);
            }
            Goal::Unknown(_) => prop_assert!(false, "the disk is known"),
        }
    }

    #[test]
    fn groups_part_the_plan(case in case()) {
        let plan = case.plan();
        let known = case.known();
        let mut seen = BTreeSet::new();
        let place = |row: Row| plan.order.iter().position(|other| *other == row).unwrap();
        let dead = case.dead();
        let reach: BTreeMap<usize, BTreeSet<usize>> = dead.iter().map(|i| (*i, case.model.closure([*i]))).collect();
        let circles: BTreeMap<usize, BTreeSet<usize>> = dead.iter()
            .map(|i| (*i, dead.iter().copied().filter(|j| reach[i].contains(j) && reach[j].contains(i)).collect()))
            .collect();
        for group in &plan.groups {
            let members = plan.members(group);
            prop_assert_eq!(members.len(), group.paths);
            prop_assert!(members.windows(2).all(|pair| place(pair[0]) < place(pair[1])));
            prop_assert_eq!(members[0], group.top);
            prop_assert_eq!(group.bytes, case.model.bytes(&set(members)));
            prop_assert!(group.of >= group.paths);
            prop_assert!(!group.words(&known.inventory).is_empty());
            // The circle around the top goes with it.
            let unit = &circles[&(group.top as usize)];
            let from_outside = |unit: &BTreeSet<usize>| {
                let keeps = |j: &usize| !case.model.keeps(*j).is_disjoint(unit);
                dead.iter().any(|j| !unit.contains(j) && keeps(j))
            };
            prop_assert_eq!(group.shared, from_outside(unit));
            // Everything else of the group can only be reached through it.
            let tops = dead.iter().copied().filter(|i| !from_outside(&circles[i]));
            let without = case.model.closure_without(tops, unit);
            for row in members {
                prop_assert!(seen.insert(*row));
                prop_assert!(!without.contains(&(*row as usize)));
            }
        }
        prop_assert_eq!(seen.len(), plan.order.len());
        prop_assert!(plan.groups.windows(2).all(|pair| place(pair[0].top) < place(pair[1].top)));
    }

    #[test]
    fn a_changed_rule_gives_the_same_as_planning_afresh(case in case(), others in prop::collection::vec(rules(), 1..4)) {
        let known = case.known();
        let situation = case.situation(&known);
        let prepared = Prepared::new(&situation).unwrap();
        for rules in others.iter().chain([&case.rules]) {
            prepared.plan(&situation, rules, &go());
        }
        prop_assert_eq!(prepared.plan(&situation, &case.rules, &go()).unwrap(), case.plan());
        prop_assert_eq!(prepared.plan(&situation, &case.rules, &AtomicBool::new(true)).is_none(), !prepared.is_empty());
    }
}
