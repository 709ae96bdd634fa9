//! In: two states of a store or of its clients. Out: whether what happened between them is reported, and nothing else.

use super::*;
use crate::domain::path_info::tests::vector;
use crate::domain::{Assessment, PathInfo, StorePath, TrustClass, Verdict};
use crate::inventory::testing::model;
use crate::inventory::{Builder, Inventory};
use crate::judge::access::{Cause, Refused, Used};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn info(digit: char, names: &[&str]) -> (PathInfo, Assessment) {
    let base = format!("{}-p{digit}", String::from(digit).repeat(32));
    let mut info = vector();
    info.path = StorePath::parse(&format!("/nix/store/{base}")).unwrap();
    info.references = vec![];
    let class = if names.is_empty() {
        TrustClass::Unsigned
    } else {
        TrustClass::Ours
    };
    let signatures = names.iter();
    let assessment = Assessment {
        class,
        signatures: signatures
            .map(|name| ((*name).to_owned(), Verdict::Valid))
            .collect(),
    };
    (info, assessment)
}

fn store(paths: &[(PathInfo, Assessment)]) -> Inventory {
    let mut builder = Builder::new(paths.iter().map(|(info, _)| info.path.clone()).collect());
    for (info, assessment) in paths {
        builder.add(info, assessment);
    }
    builder.finish()
}

/// The kinds and what trust they name.
fn words(events: &[Event]) -> Vec<String> {
    let word = |event: &Event| match event {
        Event::Signature { keys, .. } => format!("signature {}", keys.join(",")),
        Event::RefusedPath { trust, .. } => format!("refused-path {trust}"),
        event => event.kind().word().to_owned(),
    };
    events.iter().map(word).collect()
}

#[test]
fn a_path_that_comes_in_is_signed_and_loses_its_signature() {
    let unsigned = info('0', &[]);
    let signed = info('0', &["a-1"]);
    let twice = info('0', &["a-1", "b-1", "b-1"]);
    let happened = |before: &[(PathInfo, Assessment)], now: &(PathInfo, Assessment)| {
        words(&of_path(&store(before), &now.0, &now.1))
    };
    assert_eq!(happened(&[], &signed), ["upload"]);
    assert_eq!(
        happened(&[], &unsigned),
        ["upload", "refused-path unsigned"]
    );
    assert_eq!(
        happened(std::slice::from_ref(&unsigned), &signed),
        ["signature a-1"]
    );
    assert_eq!(
        happened(std::slice::from_ref(&signed), &twice),
        ["signature b-1,b-1"]
    );
    assert_eq!(
        happened(std::slice::from_ref(&signed), &unsigned),
        ["refused-path unsigned"]
    );
    for same in [unsigned, signed, twice] {
        assert!(happened(std::slice::from_ref(&same), &same).is_empty());
    }
    // Referred to, which is not yet there.
    let mut other = info('1', &[]);
    other.0.references = vec![info('0', &[]).0.path];
    assert_eq!(happened(&[other], &info('0', &["a-1"])), ["upload"]);
}

#[test]
fn a_key_name_is_made_visible() {
    let (before, now) = (store(&[info('0', &[])]), info('0', &["\u{1b}[31mx-1"]));
    assert_eq!(
        words(&of_path(&before, &now.0, &now.1)),
        ["signature \\e[31mx-1"]
    );
}

proptest! {
    #[test]
    fn what_is_deleted_is_what_is_there_no_more(before in model(true), now in model(true)) {
        let gone = (0..before.len()).filter(|i| before.present(*i)).filter(|i| {
            let path = &before.items[*i].path;
            !(0..now.len()).any(|j| now.present(j) && now.items[j].path == *path)
        });
        let expected: Vec<u64> = gone
            .map(|i| if before.valid(i) { before.items[i].size } else { 0 })
            .collect();
        let found = deleted(&before.inventory(), &now.inventory());
        let expected = (!expected.is_empty()).then(|| Event::Deleted {
            paths: expected.len(),
            nar_size: expected.iter().sum(),
        });
        prop_assert_eq!(found, expected);
        prop_assert_eq!(deleted(&now.inventory(), &now.inventory()), None);
    }
}

fn refused(digit: char, times: u64, last: i64) -> Refused {
    let fingerprint = format!("SHA256:{}", String::from(digit).repeat(43));
    Refused {
        fingerprint: Fingerprint::parse(&fingerprint).unwrap(),
        comment: String::new(),
        times,
        last: Used {
            at: When::from_unix(last),
            from: "10.0.0.7".into(),
        },
        cause: Cause::Expired,
        message: "key expired".into(),
        fix: None,
    }
}

#[test]
fn a_client_is_told_when_it_is_refused_again() {
    let times = |before: &[Refused], now: &[Refused]| -> Vec<(char, u64)> {
        let times = logins(before, now).into_iter().map(|event| match event {
            Event::RefusedLogin {
                fingerprint, times, ..
            } => (fingerprint.to_string().chars().nth(7).unwrap(), times),
            other => panic!("{other:?}"),
        });
        times.collect()
    };
    let (one, more) = (refused('A', 2, 100), refused('A', 5, 110));
    assert_eq!(times(&[], std::slice::from_ref(&one)), [('A', 2)]);
    assert_eq!(
        times(std::slice::from_ref(&one), std::slice::from_ref(&one)),
        []
    );
    assert_eq!(
        times(std::slice::from_ref(&one), std::slice::from_ref(&more)),
        [('A', 3)]
    );
    // Within one second.
    assert_eq!(
        times(std::slice::from_ref(&one), &[refused('A', 3, 100)]),
        [('A', 1)]
    );
    // It came in between, so that the count began anew; the earlier one is reported first.
    let now = [refused('E', 1, 130), refused('A', 1, 120)];
    assert_eq!(times(&[more], &now), [('A', 1), ('E', 1)]);
}

#[test]
fn an_end_is_told_once_when_it_is_near_and_once_when_it_is_over() {
    const NOTHING: [bool; 0] = [];
    let (now, until) = (When::from_unix(1000), When::from_unix(2000));
    let key = |end: Option<i64>| crate::judge::access::tests::row(end.map(When::from_unix));
    let mut reported = BTreeSet::new();
    let mut ends = |keys: &[_], now| -> Vec<bool> {
        let events = endings(&mut reported, keys, now, until).into_iter();
        events
            .map(|event| match event {
                Event::KeyExpiring { expired, .. } => expired,
                other => panic!("{other:?}"),
            })
            .collect()
    };
    assert_eq!(ends(&[key(None), key(Some(2001))], now), NOTHING);
    let near = [key(Some(1500)), key(Some(1500))];
    assert_eq!(ends(&near, now), [false]);
    assert_eq!(ends(&near, now), NOTHING);
    assert_eq!(ends(&near, When::from_unix(1500)), [true]);
    assert_eq!(ends(&near, When::from_unix(1600)), NOTHING);
    // It was given a later end, and then this one again.
    assert_eq!(ends(&[key(Some(3000))], now), NOTHING);
    assert_eq!(ends(&near, now), [false]);
}

#[test]
fn the_form_of_the_contract() {
    let event = Event::Upload {
        path: "/nix/store/x".into(),
        nar_size: None,
        registered: When::from_unix(0),
        trust: "unsigned",
        refused: true,
    };
    assert_eq!(
        serde_json::to_string(&event).unwrap(),
        r#"{"event":"upload","path":"/nix/store/x","narSize":null,"registered":"1970-01-01T00:00:00Z","trust":"unsigned","refused":true}"#
    );
    let event = Event::Collection {
        state: Phase::Began,
    };
    assert_eq!(
        serde_json::to_string(&event).unwrap(),
        r#"{"event":"collection","state":"began"}"#
    );
    // Each kind has the word that a filter takes.
    for kind in EventKind::ALL {
        assert!(
            kind.word()
                .chars()
                .all(|c| c == '-' || c.is_ascii_lowercase())
        );
    }
    assert_eq!(
        serde_json::to_value(&event).unwrap()["event"],
        event.kind().word()
    );
}
