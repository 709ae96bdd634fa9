//! The invented store, looked at as a whole.

use super::*;

fn options(paths: usize) -> StoreOptions {
    StoreOptions {
        paths,
        derivations: 50,
        unsigned: 200,
        seed: 7,
        epoch: When::from_unix(1_767_323_045),
    }
}

fn infos(store: &Store) -> Vec<PathInfo> {
    (0..store.len() as u32)
        .map(|at| store.info(at).unwrap())
        .collect()
}

#[test]
fn the_same_seed_gives_the_same_store() {
    let first = infos(&Store::new(&options(600)).unwrap());
    assert_eq!(first, infos(&Store::new(&options(600)).unwrap()));
    let other = StoreOptions {
        seed: 8,
        ..options(600)
    };
    assert_ne!(first, infos(&Store::new(&other).unwrap()));
}

#[test]
fn every_number_of_paths_is_reached() {
    for paths in [0, 1, 2, 3, 10, 59, 60, 100, 161, 799, 1600, 4001] {
        let store = Store::new(&options(paths)).unwrap();
        assert_eq!(store.len(), paths);
        assert_eq!(infos(&store).len(), paths);
    }
    for derivations in [0, 10, 70, 100] {
        let store = Store::new(&StoreOptions {
            derivations,
            ..options(3000)
        })
        .unwrap();
        let found = infos(&store)
            .iter()
            .filter(|info| info.path.is_derivation())
            .count();
        let wanted = 30 * usize::from(derivations.min(90));
        assert!(
            found.abs_diff(wanted) < 330,
            "{found} derivations instead of {wanted}"
        );
        assert_eq!(store.len(), 3000);
    }
}

#[test]
fn it_looks_like_a_store() {
    let store = Store::new(&options(4000)).unwrap();
    let epoch = options(0).epoch.unix();
    let mut references = 0;
    let mut itself = 0;
    for (at, info) in infos(&store).into_iter().enumerate() {
        references += info.references.len();
        itself += usize::from(info.references.contains(&info.path));
        assert!(info.references.is_sorted());
        assert!(info.nar_size > 0 && info.nar_size % 8 == 0);
        let age = epoch - info.registered.unix();
        assert!((4 * 60..=90 * 86_400).contains(&age));
        for to in store.references(at as u32) {
            assert!(*to <= at as u32, "references form no loop but to itself");
            assert!(store.registered[*to as usize] <= info.registered.unix());
        }
        assert_eq!(store.find(&info.path), Some(at as u32));
        assert_eq!(store.find_hash_part(info.path.hash_part()), Some(at as u32));
        assert_eq!(
            info.content_address.is_some(),
            info.is_content_addressed(),
            "{}",
            info.path
        );
    }
    assert!((4 * 4000..8 * 4000).contains(&references), "{references}");
    assert!(itself > 800, "{itself}");
    let names: Vec<&str> = (0..4000).map(|at| store.name(at)).collect();
    for name in [
        "ledger-4.2",
        "ledger-4.1",
        "ledger-cli-4.1",
        "storefront-2.0",
        "orphan-tool-0.1",
        "curl-8.7.1",
    ] {
        assert!(names.contains(&name), "{name}");
    }
}

#[test]
fn unsigned_tops_are_needed_by_nothing() {
    let store = Store::new(&options(4000)).unwrap();
    let tops = (3800..4000)
        .filter(|at| store.referrers(*at).iter().all(|from| from == at))
        .count();
    assert!((18..60).contains(&tops), "{tops}");
    let all: usize = (0..4000).map(|at| store.referrers(at).len()).sum();
    assert_eq!(all, store.references.len());
    for to in [0_u32, 5, 3900] {
        for from in store.referrers(to) {
            assert!(store.references(*from).contains(&to));
        }
    }
}

/// Else no signature would help what needs it, and most of the uploads need much.
#[test]
fn what_is_signed_wrongly_is_needed_by_nothing() {
    let store = Store::new(&options(4000)).unwrap();
    let bad = [Mark::FlippedBit, Mark::AnotherPath, Mark::AnotherKey];
    let wrong: Vec<u32> = (0..4000)
        .filter(|at| bad.contains(&store.marks[*at as usize]))
        .collect();
    assert_eq!(wrong.len(), 5);
    for at in wrong {
        let name = store.name(at);
        assert!(store.referrers(at).iter().all(|from| *from == at), "{name}");
    }
}

#[test]
fn order_is_the_order_of_the_text() {
    let store = Store::new(&options(500)).unwrap();
    let paths: Vec<StorePath> = store
        .order()
        .iter()
        .filter_map(|at| store.path(*at))
        .collect();
    assert!(paths.is_sorted());
    assert_eq!(paths.len(), 500);
}

#[test]
fn signatures_are_added_once() {
    let store = Store::new(&options(1000)).unwrap();
    // The newest is an unsigned upload.
    assert!(store.info(999).unwrap().signatures.is_empty());
    assert!(store.sign(999, store.signing_key()));
    assert!(!store.sign(999, store.signing_key()));
    let signatures = store.info(999).unwrap().signatures;
    assert_eq!(signatures.len(), 1);
    store.add_signatures(999, ["a:AAAA".to_owned(), signatures[0].clone()]);
    assert_eq!(
        store.info(999).unwrap().signatures,
        ["a:AAAA".to_owned(), signatures[0].clone()]
    );
}

#[test]
fn a_hundred_thousand_are_quick() {
    let start = std::time::Instant::now();
    let store = Store::new(&options(100_000)).unwrap();
    assert_eq!(store.len(), 100_000);
    assert_eq!(store.order().len(), 100_000);
    assert!(store.info(99_999).is_some());
    // Not optimised, and with the machine shared, this is far more than it takes.
    assert!(start.elapsed().as_secs() < 30, "{:?}", start.elapsed());
}
