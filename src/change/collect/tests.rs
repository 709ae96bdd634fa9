//! Plans of collections, on a small store.

use super::*;
use crate::change::plan::{Answer, Policy, Refusal};
use crate::change::testing::{NOW, info, inventory, path};
use crate::domain::Age;
use crate::domain::space::LastUse;
use crate::inventory::{Inventory, Keep, Liveness, Row, Usage};
use crate::judge::collect::Prepared;
use std::sync::atomic::AtomicBool;

const DAY: i64 = 86_400;

/// No rule for the newest of each name: each name is there once.
pub(in crate::change) fn all() -> Rules {
    Rules {
        keep_newest: 0,
        ..Rules::default()
    }
}

/// `app` needs `lib`, `old` needs `lib`; `top` is a root and needs `kept`.
fn store() -> Inventory {
    inventory(&[
        info("app", &["lib"], 40 * DAY),
        info("old", &["lib"], 90 * DAY),
        info("lib", &[], 90 * DAY),
        info("top", &["kept"], 50 * DAY),
        info("kept", &[], 50 * DAY),
        info("fresh", &[], 60),
    ])
}

pub(in crate::change) fn with<T>(
    rules: &Rules,
    source: UseSource,
    then: impl FnOnce(&About<'_>) -> T,
) -> T {
    let inventory = store();
    let row = |name: &str| -> Row { inventory.find(&path(name)).unwrap() };
    let last_use = LastUse {
        source,
        why: (source == UseSource::Registration).then(|| "it is mounted with noatime".into()),
        times: match source {
            UseSource::Registration => vec![],
            _ => vec![(path("app").digest(), When::from_unix(NOW - 5 * DAY))],
        },
    };
    let keep = Keep::default();
    let situation = Situation {
        inventory: &inventory,
        liveness: &Liveness::of(&inventory, &[row("top")], &keep),
        pinned: &[],
        usage: &Usage::new(&inventory, &last_use),
        keep,
        now: When::from_unix(NOW),
        disk: Some((Bytes(100_000), Bytes(10_000))),
        saved: None,
    };
    let collection = Prepared::new(&situation)
        .unwrap()
        .plan(&situation, rules, &AtomicBool::new(false))
        .unwrap();
    then(&About {
        server: "prod\u{1b}",
        reached: "root@cache",
        situation: &situation,
        rules,
        collection: &collection,
        links: None,
        notes: &["a note\u{7}".to_owned()],
    })
}

#[test]
fn oldest_use_first_and_what_is_needed_after_it() {
    let plan = with(&all(), UseSource::AccessTimeDaily, |about| {
        plan(about, Some("full".into())).unwrap()
    });
    let names: Vec<&str> = plan
        .items
        .iter()
        .filter_map(|item| item.path().map(crate::domain::StorePath::name))
        .collect();
    assert_eq!(names, ["old", "app", "lib"]);
    let Operation::Collect(operation) = &plan.operation else {
        panic!("another operation");
    };
    assert_eq!(operation.needs(0), [2]);
    assert_eq!(operation.needs(1), [2]);
    assert_eq!(operation.needs(2), [0_u32; 0]);
    assert_eq!(operation.used.len(), 3);
    assert_eq!(operation.used[1], Some(When::from_unix(NOW - 5 * DAY)));
    assert_eq!(operation.batches.as_slice(), std::slice::from_ref(&(0..3)));
    assert_eq!(plan.danger, Danger::Destroys { word: WORD });
    let write = Policy { read_only: false };
    assert_eq!(
        plan.confirm(&Answer::Key, write).err(),
        Some(Refusal::Word(WORD))
    );
}

#[test]
fn the_form_that_scripts_read() {
    let plan = with(&all(), UseSource::AccessTimeDaily, |about| {
        plan(about, None).unwrap()
    });
    let json = serde_json::to_value(&plan).unwrap();
    let item = &json["items"][0];
    assert_eq!(item["path"], path("old").to_string());
    assert_eq!(item["narSize"], 1000);
    assert_eq!(
        item["lastUsed"],
        When::from_unix(NOW - 90 * DAY).to_string()
    );
    assert!(item["reason"].as_str().unwrap().contains("no root"));
    assert_eq!(
        json["bytes"].to_string(),
        r#"{"nar":3000,"onDiskLow":null,"onDiskHigh":3000}"#
    );
    assert_eq!(
        json["kept"].to_string(),
        r#"{"live":2,"pinned":0,"policy":1}"#
    );
    let keys: Vec<&String> = json.as_object().unwrap().keys().collect();
    assert_eq!(keys.len(), 8, "{keys:?}");
}

#[test]
fn words_say_what_is_not_known() {
    let rules = Rules {
        reclaim: Some(Bytes(1 << 40)),
        ..all()
    };
    let plan = with(&rules, UseSource::Registration, |about| {
        plan(about, None).unwrap()
    });
    let warnings = plan.warnings.join("\n");
    for word in [
        "noatime",
        "does not reach the goal",
        "hard links",
        "a note\\u{7}",
    ] {
        assert!(warnings.contains(word), "{word}: {warnings}");
    }
    let lines: Vec<String> = plan
        .lines
        .iter()
        .map(|(label, text)| format!("{label}: {text}"))
        .collect();
    let text = lines.join("\n");
    for word in [
        "on: prod\\e",
        "3 paths, 2.9 KiB of NARs",
        "uploaded after",
        "2 paths stay: kept alive by a GC root",
        "1 path stays: registered within",
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }
    let Operation::Collect(operation) = plan.operation else {
        panic!("another operation");
    };
    assert!(operation.used.is_empty());
}

#[test]
fn nothing_is_said_with_its_reason() {
    let of = |rules: &Rules| {
        with(rules, UseSource::AccessTime, |about| {
            plan(about, None).unwrap_err().to_string()
        })
    };
    let old = Rules {
        older_than: Some(Age(100 * 86_400)),
        ..all()
    };
    assert!(of(&old).contains("used within"), "{}", of(&old));
    let capped = Rules {
        max: Some(Bytes(10)),
        ..all()
    };
    assert!(of(&capped).contains("raise --max"), "{}", of(&capped));
    let reached = Rules {
        until_free: Some(Threshold::Percent(5.0)),
        ..all()
    };
    assert!(of(&reached).contains("reached already"), "{}", of(&reached));
}

#[test]
fn it_ends_when_enough_is_free() {
    let of = |rules: &Rules| {
        let plan = with(rules, UseSource::AccessTime, |about| {
            plan(about, None).unwrap()
        });
        match plan.operation {
            Operation::Collect(operation) => operation.until_free,
            _ => None,
        }
    };
    let mut rules = Rules {
        until_free: Some(Threshold::Percent(11.0)),
        ..all()
    };
    assert_eq!(of(&rules), Some(Bytes(11_000)));
    rules.reclaim = Some(Bytes(1));
    assert_eq!(of(&rules), None, "both have to be reached");
}
