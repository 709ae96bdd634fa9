//! Small stores for tests, and a naive model of what is asked of them.

mod cases;
mod model;
mod query;
mod search;
mod space;

use super::*;
use crate::domain::{Assessment, NarHash, PathInfo, StorePath, TrustClass, Verdict, When, nix32};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;

const NAMES: [&str; 8] = [
    "ledger-4.2",
    "ledger-4.2-doc",
    "gcc-13.2.0",
    "Firefox-120",
    "glibc-2.38",
    "hello.drv",
    "x",
    "openssl-3.0.13",
];

/// One path of a model store.
#[derive(Debug, Clone)]
struct Entry {
    path: StorePath,
    size: u64,
    at: i64,
    class: TrustClass,
    references: Vec<usize>,
}

/// The path number `i` of every test.
fn path(i: usize, name: &str) -> StorePath {
    let mut digest = [3; 20];
    digest[12..].copy_from_slice(&(i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    StorePath::from_base_name(&format!("{}-{name}", nix32::encode(&digest))).unwrap()
}

fn info(entries: &[Entry], i: usize) -> (PathInfo, Assessment) {
    let entry = &entries[i];
    let verdict = match entry.class {
        TrustClass::Bad => Some(Verdict::Bad),
        TrustClass::UnknownKey => Some(Verdict::UnknownKey),
        TrustClass::Unsigned | TrustClass::ContentAddressed => None,
        _ => Some(Verdict::Valid),
    };
    let info = PathInfo {
        path: entry.path.clone(),
        deriver: i.is_multiple_of(3).then(|| path(i / 2 * 7, NAMES[5])),
        nar_hash: NarHash([i as u8; 32]),
        nar_size: entry.size,
        references: entry
            .references
            .iter()
            .map(|r| entries[*r].path.clone())
            .collect(),
        registered: When::from_unix(entry.at),
        ultimate: i.is_multiple_of(5),
        signatures: Vec::new(),
        content_address: (entry.class == TrustClass::ContentAddressed).then(|| format!("ca-{i}")),
    };
    let signatures = verdict.map(|verdict| (format!("key-{}", i % 2), verdict));
    let assessment = Assessment {
        class: entry.class,
        signatures: signatures.into_iter().collect(),
    };
    (info, assessment)
}

/// A store of up to 40 paths; circles are allowed, since a server may claim them.
fn store() -> impl Strategy<Value = Vec<Entry>> {
    (1..40_usize).prop_flat_map(|n| {
        let entry = (
            0..NAMES.len(),
            0..5_u64,
            0..6_i64,
            0..7_usize,
            prop::collection::vec(0..n, 0..5),
        );
        prop::collection::vec(entry, n).prop_map(|entries| {
            let make = |(i, (name, size, at, class, mut references)): (
                usize,
                (usize, u64, i64, usize, Vec<usize>),
            )| {
                references.sort_unstable();
                references.dedup();
                let class = TrustClass::ALL[class];
                Entry {
                    path: path(i, NAMES[name]),
                    size: size * 1000,
                    at: 1000 + at,
                    class,
                    references,
                }
            };
            entries.into_iter().enumerate().map(make).collect()
        })
    })
}

fn full(entries: &[Entry]) -> Inventory {
    let mut builder = Builder::new(entries.iter().map(|entry| entry.path.clone()).collect());
    for i in 0..entries.len() {
        let (info, assessment) = info(entries, i);
        builder.add(&info, &assessment);
    }
    builder.finish()
}

fn go() -> AtomicBool {
    AtomicBool::new(false)
}

fn now() -> When {
    When::from_unix(2000)
}

fn rows(inventory: &Inventory, query: &str, sort: Sort, hide: bool) -> Vec<Row> {
    let query = Query::parse(query).unwrap();
    view(
        inventory,
        &query,
        sort,
        hide,
        now(),
        SearchFacts::default(),
        &go(),
    )
    .unwrap()
    .rows
    .to_vec()
}

const KEYS: [SortKey; 6] = [
    SortKey::Name,
    SortKey::Size,
    SortKey::Closure,
    SortKey::Added,
    SortKey::Used,
    SortKey::Trust,
];
