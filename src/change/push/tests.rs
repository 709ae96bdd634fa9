//! What a push plans, of a server in memory.

use super::*;
use crate::change::sign::Key;
use crate::change::testing::{KEY_FILE, NOW, facts, info, ours, path, signed};
use crate::change::{Item, Operation};

struct House {
    about: About,
    facts: Facts,
    key: Key,
}

impl House {
    fn new() -> Self {
        Self {
            about: About {
                server: "prod".into(),
                address: "root@cache".into(),
                by: "root via ada@laptop".into(),
            },
            facts: facts(),
            key: Key {
                source: KeySource::Server {
                    file: KEY_FILE.into(),
                    name: ours().name().to_string(),
                },
                public: ours().public(),
                role: Some(crate::domain::Role::Ours),
            },
        }
    }

    fn plan(
        &self,
        there: &[PathInfo],
        begun: &[(&[&str], bool)],
        request: &PushRequest,
    ) -> Result<Plan, PushError> {
        let all = [
            info("a", &[], 1),
            info("b", &["a"], 1),
            info("c", &["b"], 1),
        ];
        let by_path = |infos: &[PathInfo]| -> HashMap<StorePath, PathInfo> {
            infos
                .iter()
                .map(|info| (info.path.clone(), info.clone()))
                .collect()
        };
        let push = |(names, recorded): &(&[&str], bool)| {
            let begun = Begun {
                id: "1".into(),
                at: When::from_unix(NOW),
                paths: names.iter().map(|name| path(name)).collect(),
            };
            (begun, *recorded)
        };
        let infos = by_path(&all);
        PushFacts {
            about: &self.about,
            facts: &self.facts,
            key: &self.key,
            inventory: inventory(&self.facts, &infos),
            infos,
            there: by_path(there),
            begun: begun.iter().map(push).collect(),
            pins: Vec::new(),
            folder: "/pins".into(),
        }
        .draw(request, When::from_unix(NOW))
    }
}

fn request() -> PushRequest {
    PushRequest {
        paths: vec![path("c")],
        ..PushRequest::default()
    }
}

fn names(plan: &Plan) -> Vec<&str> {
    let Operation::Push(push) = &plan.operation else {
        panic!("{plan:?}")
    };
    push.added.iter().map(|added| added.path.name()).collect()
}

#[test]
fn what_is_missing_references_first() {
    let house = House::new();
    let there = [signed(info("a", &[], 1), &ours())];
    let plan = house.plan(&there, &[], &request()).unwrap();
    assert_eq!(names(&plan), ["b", "c"]);
    assert_eq!(
        plan.summary,
        "push 2 paths (2.0 KiB) and sign them with cache.example.org-1"
    );
    let amounts = plan.push.as_ref().unwrap();
    assert_eq!((amounts.missing.paths, amounts.there.paths), (2, 1));
    assert_eq!(plan.warnings, Vec::<String>::new());
    let json = serde_json::to_value(&plan).unwrap();
    assert_eq!(json["missing"]["narSize"], 2000);
    assert_eq!(json["key"], "cache.example.org-1");
}

/// What was there before is not signed, and it is said that clients refuse it.
#[test]
fn what_was_there_stays_as_it_is() {
    let house = House::new();
    let plan = house.plan(&[info("a", &[], 1)], &[], &request()).unwrap();
    assert_eq!(names(&plan), ["b", "c"]);
    assert!(
        plan.warnings[0].starts_with("1 path there already is refused by clients"),
        "{plan:?}"
    );
    let all = ["a", "b", "c"].map(|name| info(name, &[], 1));
    let nothing = house.plan(&all, &[], &request());
    assert!(matches!(nothing, Err(PushError::Nothing(_))), "{nothing:?}");
}

#[test]
fn what_a_push_has_copied_before_it_was_cut_off_is_signed() {
    let house = House::new();
    let there = [info("a", &[], 1), signed(info("b", &["a"], 1), &ours())];
    // Without a record, all that it began is finished anew.
    let plan = house
        .plan(&there, &[(&["b", "c", "x"], false)], &request())
        .unwrap();
    assert_eq!(names(&plan), ["b", "c"]);
    assert_eq!(plan.push.unwrap().resumed.paths, 1);
    // With one, only what is not signed.
    let plan = house
        .plan(&there, &[(&["a", "b"], true)], &request())
        .unwrap();
    assert_eq!(names(&plan), ["a", "c"]);
    assert!(plan.summary.contains("sign 2 paths"), "{}", plan.summary);
}

#[test]
fn a_pin_comes_last() {
    let house = House::new();
    let wanted = PinRequest {
        name: Some("release".parse().unwrap()),
        ..PinRequest::default()
    };
    let request = PushRequest {
        pins: vec![(path("c"), wanted)],
        ..request()
    };
    let plan = house.plan(&[], &[], &request).unwrap();
    assert_eq!(plan.items.len(), 4);
    assert!(matches!(plan.items[3], Item::Pin { .. }));
    let Operation::Push(push) = &plan.operation else {
        panic!("{plan:?}")
    };
    assert_eq!((push.added.len(), push.pins.len()), (3, 1));
    assert!(plan.summary.ends_with("for ever"), "{}", plan.summary);
}

#[test]
fn what_is_not_here_is_named() {
    let replies = vec![
        InfoReply::Valid(info("a", &[], 1)),
        InfoReply::Invalid(path("b")),
    ];
    let error = all_here(replies, "this machine").unwrap_err().to_string();
    assert!(
        error.contains(&path("b").to_string()) && error.contains("--from"),
        "{error}"
    );
}
