//! The inventory against a naive model: random small stores, filled in any order.

use super::*;
use std::collections::BTreeMap;

fn closure_model(entries: &[Entry], from: usize) -> BTreeSet<usize> {
    let mut closure = BTreeSet::from([from]);
    loop {
        let more: BTreeSet<usize> = closure
            .iter()
            .flat_map(|i| entries[*i].references.clone())
            .collect();
        let before = closure.len();
        closure.extend(more);
        if closure.len() == before {
            return closure;
        }
    }
}

const QUERIES: [&str; 16] = [
    "",
    "ledg 4",
    "led",
    "FIRE",
    "'2.",
    "!gcc",
    "refused",
    "!refused",
    "trust:ours,bad",
    "size:>1000B",
    "!size:>1000B",
    "older:997s",
    "newer:998s",
    "drv",
    "drv:only",
    "key:key-1",
];

/// Whether a path matches one of the queries above, said in other words than the code says it.
fn matches(query: &str, i: usize, entry: &Entry) -> bool {
    let name = entry.path.name();
    let lower = name.to_lowercase();
    let subsequence = |word: &str| {
        let mut letters = lower.chars();
        word.to_lowercase().chars().all(|c| letters.any(|l| l == c))
    };
    let valid = matches!(
        entry.class,
        TrustClass::Ours | TrustClass::Retired | TrustClass::Upstream
    );
    match query {
        "" | "drv" => true,
        "ledg 4" => subsequence("ledg") && subsequence("4"),
        "led" | "FIRE" => subsequence(query),
        "'2." => name.contains("2."),
        "!gcc" => !name.contains("gcc"),
        "refused" => entry.class.refused(),
        "!refused" => !entry.class.refused(),
        "trust:ours,bad" => matches!(entry.class, TrustClass::Ours | TrustClass::Bad),
        "size:>1000B" => entry.size > 1000,
        "!size:>1000B" => entry.size <= 1000,
        "older:997s" => 2000 - entry.at >= 997,
        "newer:998s" => 2000 - entry.at < 998,
        "drv:only" => entry.path.is_derivation(),
        "key:key-1" => valid && i % 2 == 1,
        other => panic!("no model for {other}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_value_comes_back(entries in store()) {
        let inventory = full(&entries);
        prop_assert!(inventory.len() >= entries.len());
        prop_assert_eq!(inventory.loaded(), entries.len());
        for (i, entry) in entries.iter().enumerate() {
            let (info, assessment) = info(&entries, i);
            let row = inventory.find(&entry.path).unwrap();
            prop_assert_eq!(row as usize, i);
            prop_assert_eq!(inventory.by_digest(&entry.path.digest()), Some(row));
            prop_assert_eq!(inventory.path(row), info.path);
            prop_assert_eq!(inventory.name(row), entry.path.name());
            prop_assert_eq!(inventory.deriver_name(row), info.deriver.as_ref().map(|deriver| deriver.name().into()));
            prop_assert_eq!(inventory.deriver(row), info.deriver);
            prop_assert_eq!(inventory.nar_hash(row), Some(info.nar_hash));
            prop_assert_eq!(inventory.nar_size(row), Some(info.nar_size));
            prop_assert_eq!(inventory.registered(row), Some(info.registered));
            prop_assert_eq!(inventory.ultimate(row), info.ultimate);
            prop_assert_eq!(inventory.content_address(row), info.content_address.as_deref());
            prop_assert_eq!(inventory.trust(row), Some(assessment.class));
            prop_assert_eq!(inventory.problem(row), None);
            let signatures: Vec<(String, Verdict)> =
                inventory.signatures(row).map(|(name, verdict)| (name.to_owned(), verdict)).collect();
            prop_assert_eq!(signatures, assessment.signatures);
            let references: Vec<usize> = inventory.references(row).iter().map(|r| *r as usize).collect();
            prop_assert_eq!(&references, &entry.references);
            let referrers: Vec<usize> = inventory.referrers(row).iter().map(|r| *r as usize).collect();
            let model: Vec<usize> = (0..entries.len()).filter(|j| entries[*j].references.contains(&i)).collect();
            prop_assert_eq!(referrers, model);
        }
        prop_assert_eq!(inventory.find(&path(999_999, "not-here")), None);
    }

    #[test]
    fn closures_are_those_of_the_model(entries in store()) {
        let inventory = full(&entries);
        let walked: Vec<(usize, u64)> = (0..entries.len()).map(|i| inventory.closure_size(i as Row)).collect();
        prop_assert_eq!(inventory.closure_size_known(0), None);
        prop_assert!(inventory.closures(&go()).is_some());
        for (i, walked) in walked.into_iter().enumerate() {
            let model = closure_model(&entries, i);
            let closure = inventory.closure(i as Row);
            prop_assert_eq!(closure[0] as usize, i);
            prop_assert_eq!(closure.len(), model.len());
            prop_assert_eq!(&closure.iter().map(|r| *r as usize).collect::<BTreeSet<_>>(), &model);
            let size = (model.len(), model.iter().map(|j| entries[*j].size).sum());
            prop_assert_eq!(walked, size);
            prop_assert_eq!(inventory.closure_size_known(i as Row), Some(size));
        }
    }

    #[test]
    fn the_closure_of_several_is_all_of_theirs_once(entries in store(), starts in prop::collection::vec(0..40_usize, 0..6)) {
        let inventory = full(&entries);
        let starts: Vec<Row> = starts.iter().map(|start| (start % entries.len()) as Row).collect();
        let closure = inventory.closure_of(&starts);
        let model: BTreeSet<usize> = starts.iter().flat_map(|start| closure_model(&entries, *start as usize)).collect();
        prop_assert_eq!(closure.len(), model.len());
        prop_assert_eq!(closure.iter().map(|row| *row as usize).collect::<BTreeSet<_>>(), model);
    }

    #[test]
    fn chains_are_chains_and_shortest(entries in store(), from in 0..40_usize) {
        let inventory = full(&entries);
        let from = from % entries.len();
        // Distances by rounds.
        let mut distance = BTreeMap::from([(from, 0)]);
        for round in 0..entries.len() {
            let reached: Vec<usize> = distance.iter().filter(|(_, d)| **d == round).map(|(i, _)| *i).collect();
            for i in reached {
                for next in &entries[i].references {
                    distance.entry(*next).or_insert(round + 1);
                }
            }
        }
        for to in 0..entries.len() {
            let chain = inventory.why_depends(from as Row, to as Row);
            prop_assert_eq!(chain.as_ref().map(|chain| chain.len() - 1), distance.get(&to).copied());
            if let Some(chain) = chain {
                prop_assert_eq!((chain[0] as usize, chain[chain.len() - 1] as usize), (from, to));
                for pair in chain.windows(2) {
                    prop_assert!(inventory.references(pair[0]).contains(&pair[1]));
                }
            }
        }
    }

    #[test]
    fn references_come_first(entries in store(), picks in prop::collection::vec(0..40_usize, 0..20)) {
        // Without circles: only references to lower numbers.
        let mut entries = entries;
        for (i, entry) in entries.iter_mut().enumerate() {
            entry.references.retain(|r| *r <= i);
        }
        let inventory = full(&entries);
        let picks: Vec<Row> = picks.into_iter().map(|i| (i % entries.len()) as Row).collect();
        let ordered = inventory.order_references_first(&picks);
        let set: BTreeSet<Row> = picks.into_iter().collect();
        prop_assert_eq!(&ordered.iter().copied().collect::<BTreeSet<_>>(), &set);
        prop_assert_eq!(ordered.len(), set.len());
        for (at, row) in ordered.iter().enumerate() {
            let below = closure_model(&entries, *row as usize);
            prop_assert!(ordered[at + 1..].iter().all(|later| !below.contains(&(*later as usize))));
        }
    }

    #[test]
    fn filters_find_what_the_model_finds(entries in store(), hide: bool) {
        let inventory = full(&entries);
        for query in QUERIES {
            let found: BTreeSet<usize> =
                rows(&inventory, query, Sort::default(), hide).into_iter().map(|r| r as usize).collect();
            let hidden = hide && !query.starts_with("drv");
            let model: BTreeSet<usize> = (0..entries.len())
                .filter(|i| matches(query, *i, &entries[*i]) && !(hidden && entries[*i].path.is_derivation()))
                .collect();
            prop_assert_eq!(found, model, "{}", query);
        }
        let view = view(&inventory, &Query::default(), Sort::default(), hide, now(), SearchFacts::default(), &go()).unwrap();
        prop_assert_eq!(view.rows.len() + view.hidden_drv, entries.len());
        for (i, entry) in entries.iter().enumerate() {
            let row = i as Row;
            prop_assert_eq!(rows(&inventory, entry.path.hash_part(), Sort::default(), false), vec![row]);
            prop_assert_eq!(rows(&inventory, &entry.path.to_string(), Sort::default(), false), vec![row]);
            prop_assert_eq!(rows(&inventory, &entry.path.hash_part()[..13], Sort::default(), false)[0], row);
        }
    }

    #[test]
    fn sorting_is_a_permutation_in_order(entries in store(), reverse: bool, with_ranks: bool) {
        let inventory = full(&entries);
        if with_ranks {
            assert!(inventory.order.make(&inventory.names, &go()).is_some());
        }
        let value = |key: SortKey, row: Row| match key {
            SortKey::Name | SortKey::Used => 0,
            SortKey::Size => inventory.nar_size(row).unwrap(),
            SortKey::Closure => inventory.closure_size(row).1,
            SortKey::Added => inventory.registered(row).unwrap().unix() as u64,
            SortKey::Trust => 7 - inventory.trust(row).unwrap() as u64,
        };
        for key in KEYS {
            let sorted = rows(&inventory, "", Sort { key, reverse }, false);
            prop_assert_eq!(sorted.iter().copied().collect::<BTreeSet<_>>().len(), entries.len());
            prop_assert_eq!(sorted.len(), entries.len());
            for pair in sorted.windows(2) {
                let by_value = value(key, pair[0]).cmp(&value(key, pair[1]));
                let by_value = if reverse { by_value } else { by_value.reverse() };
                let by_name = (inventory.name(pair[0]), pair[0]).cmp(&(inventory.name(pair[1]), pair[1]));
                let by_name = if reverse && key == SortKey::Name { by_name.reverse() } else { by_name };
                prop_assert!(by_value.then(by_name).is_lt(), "{:?}", key);
            }
        }
    }

    #[test]
    fn a_snapshot_is_what_had_come_in(
        entries in store(),
        order in prop::collection::vec(any::<u64>(), 40),
        cut in 0..40_usize,
    ) {
        let n = entries.len();
        let cut = cut % (n + 1);
        let mut turn: Vec<usize> = (0..n).collect();
        turn.sort_by_key(|i| order[*i]);
        let mut builder = Builder::new(entries.iter().map(|entry| entry.path.clone()).collect());
        let add = |builder: &mut Builder, i: usize| {
            let (info, assessment) = info(&entries, i);
            builder.add(&info, &assessment);
        };
        for i in &turn[..cut] {
            add(&mut builder, *i);
        }
        let early = builder.snapshot();
        let mut other = Builder::new(entries.iter().map(|entry| entry.path.clone()).collect());
        for i in &turn[..cut] {
            add(&mut other, *i);
        }
        for i in &turn[cut..] {
            add(&mut builder, *i);
        }
        let late = builder.finish();
        let prefix = other.finish();
        for row in 0..n as Row {
            let known = turn[..cut].contains(&(row as usize));
            prop_assert_eq!(early.state(row), if known { State::Valid } else { State::Unread });
            prop_assert_eq!(early.trust(row).is_some(), known);
            prop_assert_eq!(early.references(row), prefix.references(row));
            prop_assert_eq!(early.referrers(row), prefix.referrers(row));
            prop_assert_eq!(late.state(row), State::Valid);
        }
        prop_assert_eq!(early.counts(), prefix.counts());
        prop_assert_eq!(early.loaded(), cut);
        prop_assert_eq!(early.counts().unread, n - cut);
        prop_assert_eq!(late.counts(), full(&entries).counts());
        // Searchable from the first rows on.
        prop_assert_eq!(rows(&early, "", Sort::default(), false).len(), n);
    }

    #[test]
    fn replacing_is_like_building_anew(entries in store(), others in store()) {
        // The second store replaces as many rows of the first as it has, on an inventory that has been used.
        let n = entries.len().min(others.len());
        let mut changed = entries.clone();
        for i in 0..n {
            let references = others[i].references.iter().map(|r| r % entries.len()).collect::<BTreeSet<_>>();
            changed[i] = Entry {
                path: entries[i].path.clone(),
                references: references.into_iter().collect(),
                ..others[i].clone()
            };
        }
        let before = full(&entries);
        before.closures(&go());
        rows(&before, "", Sort { key: SortKey::Closure, reverse: false }, false);
        let mut builder = Builder::resume(&before);
        for i in 0..n {
            let (info, assessment) = info(&changed, i);
            builder.add(&info, &assessment);
        }
        let after = builder.finish();
        let anew = full(&changed);
        prop_assert_eq!(after.counts(), anew.counts());
        let used = |inventory: &Inventory| -> Vec<(String, usize, usize)> {
            coverage(inventory).into_iter().filter(|(_, valid, bad)| valid + bad > 0).collect()
        };
        prop_assert_eq!(used(&after), used(&anew));
        for row in 0..entries.len() as Row {
            prop_assert_eq!(after.references(row), anew.references(row));
            prop_assert_eq!(after.referrers(row), anew.referrers(row));
            prop_assert_eq!(after.closure_size(row), anew.closure_size(row));
        }
        for key in KEYS {
            let sort = Sort { key, reverse: false };
            prop_assert_eq!(rows(&after, "", sort, true), rows(&anew, "", sort, true));
        }
    }

    #[test]
    fn a_group_is_what_its_top_needs(entries in store()) {
        let inventory = full(&entries);
        let groups = unsigned_groups(&inventory);
        let refused = |i: usize| entries[i].class.refused();
        let bad = |i: usize| entries[i].class == TrustClass::Bad;
        let mut seen = BTreeSet::new();
        for (at, group) in groups.iter().enumerate() {
            prop_assert_eq!(group.rows[0], group.top);
            prop_assert_eq!(group.kind == GroupKind::Bad, bad(group.top as usize));
            prop_assert!(at == 0 || group.kind == GroupKind::Closure);
            prop_assert_eq!(group.size, group.rows.iter().map(|r| entries[*r as usize].size).sum::<u64>());
            let rows: BTreeSet<usize> = group.rows.iter().map(|row| *row as usize).collect();
            prop_assert_eq!(rows.len(), group.rows.len());
            if group.kind == GroupKind::Bad {
                prop_assert_eq!(&rows, &(0..entries.len()).filter(|i| bad(*i)).collect::<BTreeSet<_>>());
            } else {
                let closure = closure_model(&entries, group.top as usize);
                prop_assert_eq!(group.needs_bad, closure.iter().any(|i| bad(*i)));
                let wanted: BTreeSet<usize> =
                    closure.into_iter().filter(|i| refused(*i) && !bad(*i)).collect();
                prop_assert_eq!(&rows, &wanted);
            }
            seen.extend(rows);
        }
        let all: BTreeSet<usize> = (0..entries.len()).filter(|i| refused(*i)).collect();
        prop_assert_eq!(&seen, &all);
        let closures: Vec<&Group> = groups.iter().filter(|g| g.kind == GroupKind::Closure).collect();
        prop_assert!(closures.windows(2).all(|pair| pair[0].registered >= pair[1].registered));
        // A path that no other mendable path needs stands on top.
        for row in all.into_iter().filter(|i| !bad(*i)) {
            let needs = |i: usize| i != row && refused(i) && !bad(i) && closure_model(&entries, i).contains(&row);
            let top = !(0..entries.len()).any(needs);
            if top {
                prop_assert!(closures.iter().any(|group| group.top as usize == row));
            }
        }
    }
}
