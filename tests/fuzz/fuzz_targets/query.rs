//! What is typed into the search line, and the list that comes of it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use std::sync::atomic::AtomicBool;
use storekeeper::domain::{StorePath, When};
use storekeeper::inventory::{Builder, Inventory, SearchFacts, Query, Sort, SortKey, view};

/// A few paths to search in.
static STORE: LazyLock<Inventory> = LazyLock::new(|| {
    let names = ["ledger-4.2", "ledger-4.2.drv", "storefront-2.0", "a"];
    let path = |(at, name): (usize, &&str)| StorePath::from_parts(&[at as u8; 20], name).ok();
    Builder::new(names.iter().enumerate().filter_map(path).collect()).finish()
});

fuzz_target!(|text: &str| {
    let Ok(query) = Query::parse(text) else {
        return;
    };
    let sort = Sort {
        key: SortKey::Name,
        reverse: false,
    };
    let now = When::from_unix(1_800_000_000);
    let never = AtomicBool::new(false);
    let found = view(&STORE, &query, sort, false, now, SearchFacts::default(), &never);
    assert!(found.is_some_and(|found| found.rows.len() <= STORE.len()));
});
