//! Stores as administrators know them.

use super::*;
use crate::domain::{StorePath, nix32};
use crate::inventory::State;
use crate::inventory::testing::Item;

const DAY: i64 = 86_400;

/// A store in the making: paths by name, times in days before [`TODAY`].
#[derive(Default)]
struct Store(Vec<Item>);

const TODAY: i64 = 20_000 * DAY;

impl Store {
    fn path(&mut self, name: &str, size: u64, uploaded: i64, used: i64, references: &[Row]) -> Row {
        let mut digest = [0; 20];
        digest[0] = self.0.len() as u8 + 1;
        self.0.push(Item {
            path: StorePath::from_base_name(&format!("{}-{name}", nix32::encode(&digest))).unwrap(),
            state: State::Valid,
            size,
            registered: TODAY - uploaded * DAY,
            touched: Some(TODAY - used * DAY),
            references: set(references),
            deriver: None,
        });
        self.0.len() as Row - 1
    }

    fn model(self) -> Model {
        Model {
            items: self.0,
            derivations: true,
            outputs: false,
            pairs: Vec::new(),
        }
    }
}

fn plan(model: &Model, roots: &[Row], pinned: &[Row], rules: &Rules) -> (Owned, Collection) {
    let known = Owned::new(model, roots, pinned);
    let situation = Situation {
        now: When::from_unix(TODAY),
        disk: Some((Bytes(1000), Bytes(100))),
        saved: Some(Bytes(0)),
        ..known.situation(model)
    };
    let collection = Prepared::new(&situation)
        .unwrap()
        .plan(&situation, rules, &go())
        .unwrap();
    (known, collection)
}

/// What is used least recently goes beyond a quota, though another rule would keep it; what roots keep counts, and what was just
/// uploaded stays.
#[test]
fn a_project_has_a_quota() {
    let mut store = Store::default();
    let rooted = store.path("big-0", 100, 90, 90, &[]);
    let oldest = store.path("big-1", 100, 80, 60, &[]);
    let older = store.path("big-2", 100, 70, 50, &[]);
    let newer = store.path("big-3", 100, 60, 10, &[]);
    let _fresh = store.path("big-4", 100, 0, 0, &[]);
    let other = store.path("other-1", 500, 90, 90, &[]);
    let model = store.model();
    let with = |text: &str| {
        let policy = crate::judge::retention::Policy::parse(text).unwrap();
        let policy = Some(Arc::new(policy));
        plan(
            &model,
            &[rooted],
            &[],
            &Rules {
                policy,
                ..Rules::default()
            },
        )
    };
    let section = "[[project]]\nname = \"big*\"\n";
    let (_, collection) = with(&format!("{section}newest = 9\nquota = \"300B\"\n"));
    assert_eq!(collection.order, [oldest, older]);
    assert_eq!(
        collection.kept.newest, 2,
        "the newer one and the other project"
    );
    let (_, collection) = with(&format!("{section}quota = \"400B\"\n"));
    assert_eq!(collection.order, [oldest]);
    assert_eq!(collection.kept.quota, 2);
    let (_, collection) = with(&format!("{section}quota = \"0\"\n"));
    assert_eq!(collection.order, [oldest, older, newer]);
    assert_eq!(collection.kept.grace, 1);
    let words = collection.kept.sentences(&Rules {
        policy: Some(Arc::new(
            crate::judge::retention::Policy::parse("").unwrap(),
        )),
        ..Rules::default()
    });
    assert!(words.join("\n").contains("for its project"), "{words:?}");
    let (_, collection) = with("[default]\nuploaded = \"85d\"\n");
    assert_eq!(collection.order, [other]);
}

#[test]
fn who_keeps_using_a_package_keeps_it_while_there_are_older_things() {
    let mut store = Store::default();
    let libc = store.path("glibc-2.38", 50, 400, 400, &[]);
    // Uploaded long ago and used every day; its library was never touched again.
    let lib = store.path("openssl-3.0", 20, 300, 300, &[libc]);
    let used = store.path("storefront-1.0", 10, 300, 0, &[lib, libc]);
    let old = store.path("ledger-4.2", 30, 100, 90, &[libc]);
    let older = store.path("report-1.0", 40, 50, 45, &[libc]);
    let model = store.model();
    for reclaim in 1..=70 {
        let rules = Rules {
            reclaim: Some(Bytes(reclaim)),
            ..anything()
        };
        let (_, plan) = plan(&model, &[], &[], &rules);
        assert_eq!(plan.goal, Goal::Reached(Target::Reclaim));
        let expected = if reclaim <= 30 {
            vec![old]
        } else {
            vec![old, older]
        };
        assert_eq!(plan.order, expected, "{reclaim}");
    }
    // Only when nothing else is left it goes, with what it needs after it.
    let (_, plan) = plan(&model, &[], &[], &anything());
    assert_eq!(plan.order, [old, older, used, lib, libc]);
    assert_eq!(plan.used_until, Some(When::from_unix(TODAY)));
}

#[test]
fn the_rules_keep_what_they_say_and_what_that_needs() {
    let mut store = Store::default();
    let libc = store.path("glibc-2.38", 50, 400, 400, &[]);
    let one = store.path("app-1", 1, 40, 40, &[libc]);
    let two = store.path("app-2", 2, 30, 30, &[]);
    let three = store.path("app-3", 4, 20, 20, &[]);
    let doc = store.path("app-1-doc", 8, 40, 40, &[]);
    let fresh = store.path("new-1", 16, 0, 0, &[]);
    let pinned = store.path("pin-1", 32, 90, 90, &[]);
    let rooted = store.path("root-1", 64, 90, 90, &[]);
    let model = store.model();
    let of = |rules: Rules| plan(&model, &[rooted, pinned], &[pinned], &rules);
    let (_, plan) = of(Rules {
        grace: Age(86_400),
        ..anything()
    });
    assert_eq!(set(&plan.order), set(&[libc, one, two, three, doc]));
    assert_eq!(
        plan.kept,
        Kept {
            pinned: 1,
            live: 1,
            grace: 1,
            ..Kept::default()
        }
    );
    let (known, plan) = of(Rules {
        keep_newest: 2,
        ..anything()
    });
    assert_eq!(set(&plan.order), set(&[one]));
    assert_eq!(plan.kept.newest, 5);
    let text = plan
        .kept
        .sentences(&Rules {
            keep_newest: 2,
            ..anything()
        })
        .join("\n");
    assert_eq!(
        text,
        "1 path stays: kept alive by a GC root\n1 path stays: pinned\n5 paths stay: among the newest 2 of a name, or needed by what is"
    );
    assert_eq!(
        plan.groups[0].words(&known.inventory),
        "app-1 (1 dependency is kept)"
    );
    for rules in [
        Rules {
            keep_newest: 3,
            ..anything()
        },
        Rules::default(),
    ] {
        let (_, plan) = of(rules);
        assert!(plan.order.is_empty());
    }
    let (_, plan) = of(Rules {
        older_than: Some(Age(30 * 86_400)),
        ..anything()
    });
    assert_eq!(set(&plan.order), set(&[libc, one, two, doc]));
    assert_eq!(plan.kept.recent, 2);
    assert_eq!(plan.kept.grace, 0, "no grace time, nothing kept by it");
    assert_eq!(fresh, 5);
}

#[test]
fn a_group_is_a_package_with_what_it_alone_needs() {
    let mut store = Store::default();
    let libc = store.path("glibc-2.38", 5, 400, 400, &[]);
    let gconv = store.path("gconv-2.38", 5, 400, 400, &[]);
    store.0[libc as usize].references.insert(gconv as usize);
    let lib = store.path("cart-1.0", 3, 10, 10, &[libc]);
    let front = store.path("storefront-1.0", 2, 10, 10, &[lib, libc]);
    let ledger = store.path("ledger-4.2", 2, 9, 9, &[libc]);
    let model = store.model();
    let (known, plan) = plan(&model, &[], &[], &anything());
    let words: Vec<String> = plan
        .groups
        .iter()
        .map(|group| group.words(&known.inventory))
        .collect();
    assert_eq!(
        words,
        [
            "storefront-1.0 with 1 dependency",
            "ledger-4.2",
            "glibc-2.38 with 1 dependency, shared by several that go",
        ]
    );
    assert_eq!(plan.members(&plan.groups[0]), [front, lib]);
    assert_eq!(plan.members(&plan.groups[1]), [ledger]);
    assert_eq!(plan.reasons[0], Reason::Unused);
    assert_eq!(plan.reasons[1], Reason::OnlyDead);
}

#[test]
fn a_target_is_a_share_of_the_disk_and_hard_links_count_against_it() {
    let mut store = Store::default();
    for i in 0..20 {
        store.path(&format!("x-{i}"), 10, 100 - i, 100 - i, &[]);
    }
    let model = store.model();
    let known = Owned::new(&model, &[], &[]);
    let situation = |disk, saved| Situation {
        now: When::from_unix(TODAY),
        disk,
        saved,
        ..known.situation(&model)
    };
    let disk = Some((Bytes(1000), Bytes(100)));
    let prepared = Prepared::new(&situation(disk, None)).unwrap();
    let of =
        |situation: Situation<'_>, rules: &Rules| prepared.plan(&situation, rules, &go()).unwrap();
    let rules = Rules {
        until_free: Some(Threshold::Percent(15.0)),
        ..anything()
    };
    let plain = of(situation(disk, Some(Bytes(0))), &rules);
    assert_eq!(
        (plain.order.len(), &plain.goal),
        (5, &Goal::Reached(Target::UntilFree))
    );
    let shared = of(situation(disk, Some(Bytes(30))), &rules);
    assert_eq!(shared.order.len(), 8);
    assert_eq!(
        shared.bytes,
        Estimate {
            nar: 80,
            low: Some(50),
            high: 80
        }
    );
    let unknown = of(situation(disk, None), &rules);
    assert_eq!((unknown.order.len(), unknown.bytes.low), (5, None));
    assert!(
        unknown.goal_sentence().contains("not known"),
        "{}",
        unknown.goal_sentence()
    );
    let blind = of(situation(None, None), &rules);
    assert!(
        blind.order.is_empty()
            && matches!(&blind.goal, Goal::Unknown(why) if why.contains("reclaim"))
    );
    // Both: until both are reached. The maximum: never more, and it says so.
    let both = of(
        situation(disk, Some(Bytes(0))),
        &Rules {
            reclaim: Some(Bytes(95)),
            ..rules.clone()
        },
    );
    assert_eq!(
        (both.order.len(), &both.goal),
        (10, &Goal::Reached(Target::Reclaim))
    );
    let capped = of(
        situation(disk, Some(Bytes(0))),
        &Rules {
            max: Some(Bytes(42)),
            ..rules.clone()
        },
    );
    assert_eq!(
        (capped.order.len(), &capped.goal, capped.capped),
        (4, &Goal::Short { by: Bytes(10) }, true)
    );
    assert_eq!(
        capped.goal_sentence(),
        "target missed by 10 B; the next in order would pass the maximum"
    );
    let enough = of(situation(Some((Bytes(1000), Bytes(500))), None), &rules);
    assert!(enough.order.is_empty());
    assert_eq!(enough.goal, Goal::Reached(Target::UntilFree));
}

#[test]
fn an_output_and_its_derivation_go_together_where_nix_keeps_both() {
    let mut store = Store::default();
    let drv = store.path("app-1.drv", 1, 50, 50, &[]);
    let out = store.path("app-1", 10, 40, 40, &[]);
    store.0[out as usize].deriver = Some(drv as usize);
    let mut model = store.model();
    let (_, alone) = plan(&model, &[], &[], &anything());
    assert_eq!(
        (alone.order.as_slice(), alone.units.as_slice()),
        ([out, drv].as_slice(), [1, 2].as_slice())
    );
    assert_eq!(alone.reasons[1], Reason::Derivation);
    model.outputs = true;
    model.pairs = vec![(drv, out)];
    let (_, both) = plan(&model, &[], &[], &anything());
    assert_eq!(both.units, [2]);
    let (_, kept) = plan(&model, &[drv], &[], &anything());
    assert!(kept.order.is_empty());
    // A unit that does not fit under the maximum stays whole.
    let (_, small) = plan(
        &model,
        &[],
        &[],
        &Rules {
            max: Some(Bytes(10)),
            ..anything()
        },
    );
    assert!(small.order.is_empty() && small.capped);
}

#[test]
fn nothing_is_planned_before_the_store_is_read_and_what_cannot_be_read_stays() {
    let mut store = Store::default();
    let one = store.path("one-1", 1, 50, 50, &[]);
    let two = store.path("two-1", 1, 50, 50, &[]);
    let mut model = store.model();
    model.items[two as usize].state = State::Unread;
    let known = Owned::new(&model, &[], &[]);
    let refused = Prepared::new(&known.situation(&model))
        .unwrap_err()
        .to_string();
    assert!(
        refused.starts_with("nothing can be planned yet: 1 of 2 paths"),
        "{refused}"
    );
    model.items[two as usize].state = State::Unreadable;
    let (_, plan) = plan(&model, &[], &[], &anything());
    assert_eq!(plan.order, [one]);
    assert_eq!((plan.kept.live, plan.kept.unreadable), (1, 1));
    let said = plan.kept.sentences(&anything()).join("\n");
    assert!(said.contains("1 path cannot be read"), "{said}");
}

#[test]
fn batches_are_as_large_as_the_links_ask() {
    let mut store = Store::default();
    for i in 0..200 {
        store.path(&format!("x-{i}"), 10, 1, 1, &[]);
        store.0[i].path = {
            let mut digest = [0; 20];
            digest[..8].copy_from_slice(&(i as u64).to_le_bytes());
            StorePath::from_base_name(&format!("{}-x-{i}", nix32::encode(&digest))).unwrap()
        };
    }
    let model = store.model();
    let (_, plan) = plan(&model, &[], &[], &anything());
    let sizes = |links| {
        batches(&plan, links)
            .into_iter()
            .map(|b| b.len())
            .collect::<Vec<_>>()
    };
    assert_eq!(sizes(Some(0)), [64, 64, 64, 8]);
    assert_eq!(sizes(Some(10_000)), [100, 100]);
    assert_eq!(sizes(None), [200]);
    assert_eq!(sizes(Some(u64::MAX)), [200]);
}

#[test]
fn what_stays_by_the_rules_is_said() {
    assert_eq!(
        Rules::default().words(),
        "the newest 3 of each name stay, and what was uploaded within 1d"
    );
    assert_eq!(
        Rules::whole().words(),
        "nothing stays but what a root keeps"
    );
    let old = Rules {
        older_than: Some(Age(86_400)),
        ..anything()
    };
    assert_eq!(old.words(), "what was used within 1d stays");
}
