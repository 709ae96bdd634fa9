//! Single cases that a random store would rarely meet.

use super::*;

pub(super) fn entry(
    i: usize,
    name: &str,
    at: i64,
    class: TrustClass,
    references: &[usize],
) -> Entry {
    Entry {
        path: path(i, name),
        size: 10,
        at,
        class,
        references: references.to_vec(),
    }
}

#[test]
fn a_shared_path_is_in_the_group_of_each_top() {
    use TrustClass::{Bad, Ours, Unsigned};
    let entries = [
        entry(0, "shared", 1, Unsigned, &[]),
        entry(1, "old-top", 5, Unsigned, &[0]),
        entry(2, "new-top", 9, Unsigned, &[0, 3]),
        entry(3, "signed", 2, Ours, &[4]),
        entry(4, "below-signed", 7, Unsigned, &[]),
        entry(5, "bad", 8, Bad, &[6]),
        entry(6, "below-bad", 3, Unsigned, &[]),
        entry(7, "on-bad", 4, Unsigned, &[5]),
    ];
    let groups = unsigned_groups(&full(&entries));
    let on_bad = groups.iter().filter(|group| group.needs_bad);
    assert_eq!(on_bad.map(|group| group.top).collect::<Vec<_>>(), [7]);
    let short: Vec<(GroupKind, Row, Vec<Row>)> = groups
        .into_iter()
        .map(|group| (group.kind, group.top, group.rows))
        .collect();
    assert_eq!(
        short,
        [
            (GroupKind::Bad, 5, vec![5]),
            (GroupKind::Closure, 2, vec![2, 0, 4]),
            (GroupKind::Closure, 1, vec![1, 0]),
            (GroupKind::Closure, 7, vec![7, 6]),
        ]
    );
}

#[test]
fn the_best_match_comes_first() {
    let names = ["xlxexdxgxexr", "ledger-4.2", "my-ledger-4.1", "hello"];
    let entries: Vec<Entry> = names
        .iter()
        .enumerate()
        .map(|(i, name)| entry(i, name, 1, TrustClass::Ours, &[]))
        .collect();
    let inventory = full(&entries);
    let found = rows(&inventory, "ledger", Sort::default(), true);
    assert_eq!(found.len(), 3);
    assert_eq!(found[2], 0);
    let mut reversed = rows(
        &inventory,
        "ledger",
        Sort {
            key: SortKey::Name,
            reverse: true,
        },
        true,
    );
    assert_eq!(reversed[0], 0);
    reversed.sort_unstable();
    assert_eq!(reversed, [0, 1, 2]);
}

#[test]
fn states_of_a_row() {
    let listed = [path(0, "a"), path(1, "b"), path(2, "c.drv")];
    let mut builder = Builder::new(listed.to_vec());
    let entries = [
        entry(0, "a", 1, TrustClass::Ours, &[1]),
        entry(9, "never-listed", 1, TrustClass::Ours, &[]),
    ];
    let (info, assessment) = info(&entries, 0);
    builder.add(&info, &assessment);
    builder.unreadable(&listed[1], format!("{}é", "e".repeat(1023)));
    let inventory = builder.snapshot();
    // The only reference leads to a path that nobody listed.
    let foreign = inventory.find(&entries[1].path).unwrap();
    assert_eq!(foreign, 3);
    assert_eq!(inventory.state(foreign), State::Unlisted);
    assert!(inventory.problem(foreign).is_some());
    assert_eq!(inventory.referrers(foreign), [0]);
    assert_eq!(inventory.state(1), State::Unreadable);
    assert_eq!(inventory.problem(1).unwrap(), "e".repeat(1023));
    let counts = inventory.counts();
    assert_eq!(
        (
            counts.paths,
            counts.derivations,
            counts.unread,
            counts.unreadable
        ),
        (3, 1, 1, 1)
    );
    assert_eq!((inventory.len(), inventory.loaded()), (4, 2));
    assert_eq!(rows(&inventory, "", Sort::default(), true), [0, 1]);

    // A newer listing: `a` is gone, what was only referred to is now listed.
    let newer = [&listed[2], &listed[1], &listed[2], &entries[1].path];
    builder.relist(&newer.into_iter().cloned().collect());
    let unread: Vec<Row> = (0..4)
        .filter(|row| builder.snapshot().state(*row) == State::Unread)
        .collect();
    assert_eq!(unread, [2, 3]);
    builder.used(&listed[1], When::from_unix(77));
    let later = builder.finish();
    assert_eq!(later.state(0), State::Gone);
    assert_eq!(later.trust(0), None);
    assert!(later.references(0).is_empty() && later.referrers(foreign).is_empty());
    assert_eq!(later.state(foreign), State::Unread);
    assert_eq!(later.last_used(1), Some(When::from_unix(77)));
    assert_eq!(later.counts().paths, 3);
    assert_eq!(later.counts().bytes, 0);
    assert_eq!(inventory.counts().paths, 3);
    assert_eq!(inventory.state(0), State::Valid);
}

#[test]
fn cancelling_ends_every_job() {
    let entries: Vec<Entry> = (0..40)
        .map(|i| entry(i, "n", 1, TrustClass::Ours, &[i]))
        .collect();
    let inventory = full(&entries);
    let stop = AtomicBool::new(true);
    for key in KEYS {
        let sort = Sort {
            key,
            reverse: false,
        };
        assert_eq!(
            view(
                &inventory,
                &Query::default(),
                sort,
                true,
                now(),
                SearchFacts::default(),
                &stop
            ),
            None
        );
    }
    assert!(inventory.closures(&stop).is_none());
    assert_eq!(inventory.closure_size_known(0), None);
}

#[test]
fn signing_keeps_what_was_worked_out() {
    let entries: Vec<Entry> = (0..40)
        .map(|i| entry(i, "n", 1, TrustClass::Unsigned, &[i / 2]))
        .collect();
    let before = full(&entries);
    assert!(before.closures(&go()).is_some());
    let mut builder = Builder::resume(&before);
    let (info, mut assessment) = info(&entries, 7);
    assessment.class = TrustClass::Ours;
    assessment.signatures = vec![("key-0".into(), Verdict::Valid)];
    builder.add(&info, &assessment);
    let after = builder.finish();
    assert_eq!((before.counts().refused, after.counts().refused), (40, 39));
    assert_eq!(after.closure_size_known(7), before.closure_size_known(7));
    assert_eq!(before.closure_size_known(7).unwrap().0, 4);
    assert_eq!(coverage(&after), [("key-0".to_owned(), 1, 0)]);
}

#[test]
fn publishing_is_due_by_quarters() {
    let n = 5000;
    let entries: Vec<Entry> = (0..n)
        .map(|i| entry(i, "n", 1, TrustClass::Ours, &[]))
        .collect();
    let mut builder = Builder::new(entries.iter().map(|entry| entry.path.clone()).collect());
    let mut published = Vec::new();
    for i in 0..n {
        let (info, assessment) = info(&entries, i);
        builder.add(&info, &assessment);
        if builder.due() {
            published.push(builder.snapshot().loaded());
        }
    }
    assert_eq!(published[..4], [256, 512, 768, 1024]);
    assert_eq!(published.last(), Some(&n));
    assert!(published.len() < 16, "{published:?}");
    let work: usize = published.iter().sum();
    assert!(work < 6 * n);
}

#[test]
fn too_many_key_names_stay_apart_from_the_known() {
    let entries = [entry(0, "a", 1, TrustClass::UnknownKey, &[])];
    let (info, _) = info(&entries, 0);
    let mut builder = Builder::new(vec![info.path.clone()]);
    let names = (0..70_000).map(|i| (format!("k{i}"), Verdict::UnknownKey));
    builder.add(
        &info,
        &Assessment {
            class: TrustClass::UnknownKey,
            signatures: names.collect(),
        },
    );
    let inventory = builder.finish();
    let names: Vec<&str> = inventory.signatures(0).map(|(name, _)| name).collect();
    assert_eq!((names.len(), names[65_534]), (70_000, "k65534"));
    assert!(names[65_535..].iter().all(|name| name.contains("too many")));
    assert_eq!(coverage(&inventory).len(), 65_535);
}

#[test]
fn it_goes_from_task_to_task() {
    fn check<T: Send + Sync>() {}
    check::<Inventory>();
    check::<Builder>();
    check::<Query>();
    check::<View>();
}

#[test]
fn a_path_is_refused_with_what_it_needs() {
    use TrustClass::{Ours, Unsigned};
    use WithClosure::{Accepted, Refused};
    let entries = [
        entry(0, "unsigned", 1, Unsigned, &[0]),
        entry(1, "needs-it", 2, Ours, &[0]),
        entry(2, "needs-that", 3, Ours, &[1, 3]),
        entry(3, "fine", 4, Ours, &[]),
        entry(4, "in-a-circle", 5, Ours, &[5]),
        entry(5, "circle", 6, Ours, &[4, 3]),
    ];
    let inventory = full(&entries);
    let verdicts: Vec<WithClosure> = (0..6)
        .map(|at| inventory.with_closure(inventory.find(&entries[at].path).unwrap()))
        .collect();
    assert_eq!(
        verdicts,
        [Refused, Refused, Refused, Accepted, Accepted, Accepted]
    );
}

#[test]
fn a_verdict_is_kept_while_all_that_it_follows_from_is_as_it_was() {
    let entries = [
        entry(0, "a", 1, TrustClass::Ours, &[1]),
        entry(1, "b", 1, TrustClass::Unsigned, &[]),
    ];
    let inventory = full(&entries);
    let (info, assessment) = info(&entries, 0);
    assert_eq!(inventory.assessment(&info), Some(assessment));
    let change: [fn(&mut PathInfo); 7] = [
        |info| info.path = path(1, "b"),
        |info| info.nar_size += 1,
        |info| info.nar_hash.0[31] ^= 1,
        |info| info.references.clear(),
        |info| info.signatures.push("k:AA==".to_owned()),
        |info| info.signatures.clear(),
        |info| info.content_address = Some(String::new()),
    ];
    for (number, change) in change.iter().enumerate() {
        let mut other = info.clone();
        change(&mut other);
        let changed = other != info;
        assert_eq!(inventory.assessment(&other).is_none(), changed, "{number}");
    }
}
