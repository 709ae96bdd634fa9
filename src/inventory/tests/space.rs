//! What is alive, what hangs on what, and when it was used: against fixpoints.

use super::*;
use crate::inventory::testing::{Model, model};

fn roots() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(any::<usize>(), 0..5)
}

fn rows_of(model: &Model, picks: &[usize]) -> Vec<Row> {
    picks.iter().map(|i| (i % model.len()) as Row).collect()
}

/// The other way round of `why_alive`'s path lengths: rounds until everything is reached.
fn distances(model: &Model, roots: &[Row]) -> Vec<Option<usize>> {
    let mut found = vec![None; model.len()];
    let mut round: BTreeSet<usize> = roots.iter().map(|r| *r as usize).collect();
    for distance in 0.. {
        round.retain(|i| model.present(*i) && found[*i].is_none());
        if round.is_empty() {
            break;
        }
        for i in &round {
            found[*i] = Some(distance);
        }
        round = round.iter().flat_map(|i| model.keeps(*i)).collect();
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn alive_is_what_the_fixpoint_says(model in model(true), picks in roots()) {
        let inventory = model.inventory();
        let roots = rows_of(&model, &picks);
        let liveness = Liveness::of(&inventory, &roots, &model.keep());
        let live = model.live(&roots);
        for i in 0..model.len() {
            prop_assert_eq!(liveness.is_live(i as Row), live.contains(&i), "{}", i);
        }
        let dead: BTreeSet<usize> = (0..model.len()).filter(|i| model.present(*i) && !live.contains(i)).collect();
        prop_assert_eq!(liveness.dead_rows().map(|r| r as usize).collect::<BTreeSet<_>>(), dead.clone());
        prop_assert_eq!(liveness.live(), (live.len(), model.bytes(&live)));
        prop_assert_eq!(liveness.dead(), (dead.len(), model.bytes(&dead)));
        prop_assert!(liveness.is_live(model.len() as Row), "what came in later is not judged");
    }

    #[test]
    fn nothing_is_dead_while_something_is_unread(model in model(true), picks in roots(), unread: usize) {
        let mut model = model;
        let unread = unread % model.len();
        model.items[unread].state = State::Unread;
        let inventory = model.inventory();
        let roots = rows_of(&model, &picks);
        let liveness = Liveness::of(&inventory, &roots, &model.keep());
        prop_assert_eq!(liveness.dead(), (0, 0));
        prop_assert_eq!(liveness.dead_rows().count(), 0);
        prop_assert_eq!(liveness.unread(), 1);
        let live = model.live(&roots);
        for i in (0..model.len()).filter(|i| model.present(*i)) {
            let expected = if live.contains(&i) { Life::Live } else { Life::Unknown };
            prop_assert_eq!(liveness.life(i as Row), expected);
        }
        prop_assert!(liveness.is_live(unread as Row));
    }

    #[test]
    fn exclusive_is_what_dies_when_the_link_goes(model in model(true), picks in roots()) {
        let inventory = model.inventory();
        let roots = rows_of(&model, &picks);
        let retained = Retained::of(&inventory, &roots, &model.keep());
        let live = model.live(&roots);
        for link in 0..roots.len() {
            let mut others = roots.clone();
            others.remove(link);
            let after = model.live(&others);
            let lost: BTreeSet<usize> = live.difference(&after).copied().collect();
            prop_assert_eq!(retained.of_root(link), (lost.len(), model.bytes(&lost)));
        }
        prop_assert_eq!(retained.of_root(roots.len()), (0, 0));
        // The same for a path, which goes with all that keeps it and is kept by it.
        let starts: Vec<usize> = live
            .iter()
            .filter(|i| !model.valid(**i))
            .copied()
            .chain(roots.iter().map(|r| *r as usize))
            .collect();
        for i in 0..model.len() {
            let expected = live.contains(&i).then(|| {
                let below = model.closure([i]);
                let unit = below.into_iter().filter(|j| model.closure([*j]).contains(&i)).collect();
                let after = model.closure_without(starts.iter().copied(), &unit);
                let lost: BTreeSet<usize> = live.difference(&after).copied().collect();
                (lost.len(), model.bytes(&lost))
            });
            prop_assert_eq!(retained.of_path(i as Row), expected, "{}", i);
        }
        let heaviest = retained.heaviest(3);
        prop_assert!(heaviest.windows(2).all(|pair| pair[0].2 >= pair[1].2));
        let most = live.iter().filter_map(|i| retained.of_path(*i as Row)).map(|(_, bytes)| bytes).max();
        prop_assert_eq!(heaviest.first().map(|(.., bytes)| *bytes), most);
        for (row, paths, bytes) in heaviest {
            prop_assert_eq!(retained.of_path(row), Some((paths, bytes)));
        }
    }

    #[test]
    fn used_is_the_latest_use_of_all_that_needs_it(model in model(true)) {
        let inventory = model.inventory();
        let usage = Usage::new(&inventory, &model.last_use());
        // Outputs count as users of their derivation, whatever Nix keeps.
        let mut model = model;
        model.derivations = true;
        model.outputs = false;
        let own = |i: usize| {
            let item = &model.items[i];
            let registered = model.valid(i).then_some(item.registered);
            item.touched.max(registered).unwrap_or(0)
        };
        for i in 0..model.len() {
            prop_assert_eq!(usage.own(i as Row).map(When::unix), model.items[i].touched);
            if model.present(i) {
                let users = (0..model.len()).filter(|j| model.closure([*j]).contains(&i));
                let latest = users.map(own).max().unwrap_or(0);
                prop_assert_eq!(usage.used(i as Row).unix(), latest, "{}", i);
            }
        }
    }

    #[test]
    fn a_chain_says_why_it_is_alive(model in model(true), picks in roots()) {
        let inventory = model.inventory();
        let roots = rows_of(&model, &picks);
        let distances = distances(&model, &roots);
        for (i, distance) in distances.into_iter().enumerate() {
            if !model.present(i) {
                continue;
            }
            let chain = inventory.why_alive(&roots, i as Row, &model.keep());
            prop_assert_eq!(chain.as_ref().map(|chain| chain.len() - 1), distance);
            if let Some(chain) = chain {
                prop_assert!(roots.contains(&chain[0]));
                prop_assert_eq!(chain[chain.len() - 1], i as Row);
                for pair in chain.windows(2) {
                    prop_assert!(model.keeps(pair[0] as usize).contains(&(pair[1] as usize)));
                }
            }
        }
    }

    #[test]
    fn units_are_circles_and_keepers_come_first(model in model(true)) {
        let inventory = model.inventory();
        let keep = model.keep();
        let edges = Edges::of(&Keeps::new(&inventory, &keep), |row| model.present(row as usize));
        let units = Units::of(&edges, (0..model.len() as Row).filter(|r| model.present(*r as usize)));
        let place = units.by_row(model.len());
        let reach: Vec<BTreeSet<usize>> = (0..model.len()).map(|i| model.closure([i])).collect();
        let present: Vec<usize> = (0..model.len()).filter(|i| model.present(*i)).collect();
        prop_assert_eq!(units.rows.len(), present.len());
        for i in &present {
            for j in &present {
                let circle = reach[*i].contains(j) && reach[*j].contains(i);
                prop_assert_eq!(place[*i] == place[*j], circle);
                if reach[*i].contains(j) {
                    prop_assert!(place[*i] <= place[*j]);
                }
            }
        }
    }

    #[test]
    fn a_tree_of_dominators_is_right_at_any_depth(edges in prop::collection::vec((0..60_u32, 0..60_u32), 0..200)) {
        // Node n may be reached from lower ones only, so the numbers are a topological order.
        let n = 60;
        let edges: Vec<(u32, u32)> = edges.into_iter().filter(|(a, b)| a < b).collect();
        let mut tree = Dominators::new(n);
        let mut into = vec![Vec::new(); n + 1];
        for node in 1..=n as u32 {
            for (from, _) in edges.iter().filter(|(_, to)| *to == node) {
                tree.reach(*from, node);
                into[node as usize].push(*from);
            }
            tree.settle(node);
            if into[node as usize].is_empty() {
                into[node as usize].push(0);
            }
        }
        // Sets of dominators by their definition.
        let mut sets: Vec<BTreeSet<u32>> = vec![BTreeSet::from([0])];
        for node in 1..=n as u32 {
            let mut from = into[node as usize].iter().map(|f| sets[*f as usize].clone());
            let first = from.next().unwrap();
            let mut set = from.fold(first, |a, b| a.intersection(&b).copied().collect());
            let nearest = *set.last().unwrap();
            prop_assert_eq!(tree.parent(node), nearest);
            set.insert(node);
            sets.push(set);
        }
    }
}

#[test]
fn a_deep_chain_and_a_wide_circle_need_no_stack() {
    let n = 200_000;
    let path = |i: usize| super::path(i, "x");
    let mut builder = Builder::new((0..n).map(path).collect());
    let entry = |i: usize, references: Vec<usize>| {
        let info = PathInfo {
            path: path(i),
            deriver: None,
            nar_hash: NarHash([0; 32]),
            nar_size: 1,
            references: references.into_iter().map(path).collect(),
            registered: When::from_unix(1),
            ultimate: false,
            signatures: Vec::new(),
            content_address: None,
        };
        let assessment = Assessment {
            class: TrustClass::Unsigned,
            signatures: Vec::new(),
        };
        (info, assessment)
    };
    for i in 0..n {
        // The lower half in a circle, the upper half a chain that leads to it, whose every link also leads to the circle:
        // without the jumps each of those edges would be a walk along the whole chain.
        let half = n / 2;
        let references = match i {
            _ if i < half => vec![(i + 1) % half],
            _ if i + 1 == n => vec![0],
            _ => vec![i + 1, 0],
        };
        let (info, assessment) = entry(i, references);
        builder.add(&info, &assessment);
    }
    let inventory = builder.finish();
    let top = (n / 2) as Row;
    let keep = Keep::default();
    let retained = Retained::of(&inventory, &[top, top], &keep);
    assert_eq!(retained.of_root(0), (0, 0));
    assert_eq!(retained.of_root(1), (0, 0));
    assert_eq!(retained.of_path(top), Some((n, n as u64)));
    assert_eq!(retained.of_path(0), Some((n / 2, (n / 2) as u64)));
    let one = Retained::of(&inventory, &[top], &keep);
    assert_eq!(one.of_root(0), (n, n as u64));
    let chain = inventory.why_alive(&[top], 7, &keep).unwrap();
    assert_eq!(chain.len(), 9);
}

#[test]
fn a_deriver_that_came_later_is_kept() {
    let output = path(1, "hello-2.12");
    let deriver = path(2, "hello-2.12.drv");
    let mut builder = Builder::new(vec![output.clone()]);
    let info = PathInfo {
        path: output.clone(),
        deriver: Some(deriver.clone()),
        nar_hash: NarHash([0; 32]),
        nar_size: 1,
        references: Vec::new(),
        registered: When::from_unix(1),
        ultimate: false,
        signatures: Vec::new(),
        content_address: None,
    };
    let assessment = Assessment {
        class: TrustClass::Unsigned,
        signatures: Vec::new(),
    };
    builder.add(&info, &assessment);
    let before = builder.finish();
    assert_eq!(before.deriver_row(0), None);
    let mut builder = Builder::resume(&before);
    builder.relist(&[output.clone(), deriver.clone()].into_iter().collect());
    let unread = builder.snapshot().counts().unread;
    assert_eq!(unread, 1);
    let info = PathInfo {
        path: deriver.clone(),
        deriver: None,
        ..info
    };
    builder.add(&info, &assessment);
    let after = builder.finish();
    let row = after.find(&deriver).unwrap();
    assert_eq!(after.deriver_row(0), Some(row));
    let liveness = Liveness::of(&after, &[0], &Keep::default());
    assert_eq!(liveness.live().0, 2);
    let mut builder = Builder::resume(&after);
    builder.gone(&deriver);
    assert_eq!(builder.finish().deriver_row(0), None);
}

proptest! {
    #[test]
    fn filters_by_use_and_roots_need_what_is_known(model in model(true), picks in roots(), pins in roots()) {
        let inventory = model.inventory();
        let (roots, pins) = (rows_of(&model, &picks), rows_of(&model, &pins));
        let keep = model.keep();
        let liveness = Liveness::of(&inventory, &roots, &keep);
        let pinned = inventory.kept_by(&pins, &keep);
        let usage = Usage::new(&inventory, &model.last_use());
        let at = When::from_unix(11_000);
        let of = |text: &str, known: SearchFacts<'_>| -> BTreeSet<usize> {
            let query = Query::parse(text).unwrap();
            let view = view(&inventory, &query, Sort::default(), false, at, known, &go()).unwrap();
            view.rows.iter().map(|row| *row as usize).collect()
        };
        let known = SearchFacts { liveness: Some(&liveness), pinned: Some(&pinned), usage: Some(&usage) };
        let present: BTreeSet<usize> = (0..model.len()).filter(|i| model.present(*i)).collect();
        let live = model.live(&roots);
        let held = model.closure(pins.iter().map(|r| *r as usize));
        let unlike = |set: &BTreeSet<usize>| present.difference(set).copied().collect::<BTreeSet<_>>();
        prop_assert_eq!(of("rooted", known), live.clone());
        prop_assert_eq!(of("!dead", known), live.clone());
        prop_assert_eq!(of("dead", known), unlike(&live));
        prop_assert_eq!(of("pinned", known), held.clone());
        prop_assert_eq!(of("!pinned", known), unlike(&held));
        let old: BTreeSet<usize> = present.iter().copied()
            .filter(|i| 11_000 - usage.used(*i as Row).unix() > 500).collect();
        prop_assert_eq!(of("used:>500s", known), old.clone());
        prop_assert_eq!(of("!used:>500s", known), unlike(&old));
        for text in ["rooted", "dead", "!dead", "pinned", "!pinned", "used:>0s", "!used:>0s"] {
            prop_assert!(of(text, SearchFacts::default()).is_empty(), "{}", text);
        }
        let query = Query::default();
        let sort = Sort { key: SortKey::Used, reverse: false };
        let sorted = view(&inventory, &query, sort, false, at, known, &go()).unwrap();
        prop_assert!(sorted.rows.windows(2).all(|pair| usage.used(pair[0]) >= usage.used(pair[1])));
    }
}

proptest! {
    #[test]
    fn heaviest_closures_are_the_heaviest_of_the_tops(model in model(true), count in 0..30_usize) {
        // Few enough that all are measured, so the estimate decides nothing.
        let inventory = model.inventory();
        let found = inventory.heaviest_closures(count, &go()).unwrap();
        let refers = |j: usize, i: usize| j != i && model.valid(j) && model.items[j].references.contains(&i);
        let mut tops: Vec<(u64, Row)> = (0..model.len())
            .filter(|i| model.present(*i) && !(0..model.len()).any(|j| refers(j, *i)))
            .map(|i| (inventory.closure_size(i as Row).1, i as Row))
            .collect();
        tops.sort_unstable_by_key(|(bytes, row)| (std::cmp::Reverse(*bytes), *row));
        tops.truncate(count);
        // With twice as many and sixteen looked at, none of thirty is left out.
        prop_assume!(count >= 7);
        prop_assert_eq!(found.iter().map(|(row, _, bytes)| (*bytes, *row)).collect::<Vec<_>>(), tops);
    }
}

#[test]
fn the_estimate_finds_the_heaviest() {
    // 800 packages of which each needs as many of 200 libraries as its number says, so that closures differ much.
    let libraries = 200;
    let entries: Vec<Entry> = (0..libraries + 800)
        .map(|i| Entry {
            path: path(i, "x"),
            size: 1000,
            at: 1,
            class: TrustClass::Unsigned,
            references: (0..libraries.min(i.saturating_sub(libraries) / 4)).collect(),
        })
        .collect();
    let inventory = full(&entries);
    let found = inventory.heaviest_closures(10, &go()).unwrap();
    assert_eq!(found.len(), 10);
    // The heaviest has 200 paths; those found have nearly as many.
    assert!(found.iter().all(|(_, paths, _)| *paths > 140), "{found:?}");
    assert!(
        inventory
            .heaviest_closures(10, &AtomicBool::new(true))
            .is_none()
    );
}
