//! What queries are read as.

use crate::domain::TrustClass;
use crate::inventory::query::{Bound, Derivations, Query, Test, Word};
use proptest::prelude::*;

fn parse(text: &str) -> Query {
    Query::parse(text).unwrap()
}

#[test]
fn terms() {
    let query = parse("ledg unsigned older:30d size:>1G !newer:2h drv:yes !'gcc key:k-1");
    assert_eq!(
        query.words,
        [
            Word::Fuzzy {
                text: "ledg".into(),
                hash: false
            },
            Word::Contains {
                text: "gcc".into(),
                wanted: false
            }
        ]
    );
    assert_eq!(
        query.tests,
        [
            Test::Age(Bound::AtLeast(30 * 86_400)),
            Test::Size(Bound::More(1 << 30)),
            Test::Age(Bound::AtLeast(7200)),
            Test::Key {
                name: "k-1".into(),
                wanted: true
            },
        ]
    );
    assert_eq!(query.derivations, Derivations::Shown);
    assert!(query.wants(Some(TrustClass::Unsigned)));
    assert!(!query.wants(Some(TrustClass::Bad)));
    assert!(!query.wants(None));
}

#[test]
fn classes_add_up() {
    for text in [
        "refused",
        ":refused",
        "trust:bad,unsigned,unknown-key",
        "bad :unsigned unknown-key",
    ] {
        for class in TrustClass::ALL {
            assert_eq!(parse(text).wants(Some(class)), class.refused(), "{text}");
            assert_eq!(parse("!accepted").wants(Some(class)), class.refused());
        }
    }
    let query = parse("refused !bad");
    assert!(!query.wants(Some(TrustClass::Bad)) && query.wants(Some(TrustClass::Unsigned)));
    assert!(parse("").wants(None));
    assert!(!parse("!bad").wants(None));
}

#[test]
fn paths_and_hashes() {
    let prefix = |base: &str| {
        vec![Word::Prefix {
            base: base.into(),
            wanted: true,
        }]
    };
    let hash = "5wd5yzrxv6y0dj2mzzjqlyx5v1kh8vzr";
    assert_eq!(parse("/nix/store/5wd5y").words, prefix("5wd5y"));
    assert_eq!(
        parse(&format!("/nix/store/{hash}-demo-1.0/bin/demo")).words,
        prefix(&format!("{hash}-demo-1.0"))
    );
    assert_eq!(parse(hash).words, prefix(hash));
    assert_eq!(
        parse(&format!("{hash}-de")).words,
        prefix(&format!("{hash}-de"))
    );
    for beginning in [
        "/",
        "/nix",
        "/nix/",
        "/nix/sto",
        "/nix/store",
        "/nix/store/",
    ] {
        assert_eq!(parse(beginning).words, prefix(""), "{beginning}");
    }
    assert!(matches!(
        &parse("5wd5").words[..],
        [Word::Fuzzy { hash: true, .. }]
    ));
    assert!(matches!(
        &parse("gcc").words[..],
        [Word::Fuzzy { hash: false, .. }]
    ));
    assert!(matches!(&parse("/bin/sh").words[..], [Word::Fuzzy { .. }]));
}

#[test]
fn errors_name_the_term_and_the_nearest() {
    for (text, term, near) in [
        ("oldr:3d", "oldr:3d", "older:"),
        ("a trust:unsinged", "trust:unsinged", "unsigned"),
        (":refusd", ":refusd", "refused"),
        ("drv:all", "drv:all", "drv:"),
        ("older:3", "older:3", "older:30d"),
        ("size:1G", "size:1G", "size:>1G"),
        ("size:>x", "size:>x", "size:>1G"),
        ("key:", "key:", "key:cache"),
    ] {
        let error = Query::parse(text).unwrap_err().to_string();
        assert!(error.starts_with(term), "{error}");
        assert!(error.contains(near) || text == "drv:all", "{error}");
    }
    assert!(
        !Query::parse("\u{1b}[31m:x")
            .unwrap_err()
            .to_string()
            .contains('\u{1b}')
    );
}

#[test]
fn what_is_still_being_typed_is_no_error() {
    for text in ["", " ", "!", "'", "!'"] {
        assert!(parse(text).is_empty(), "{text:?}");
    }
}

proptest! {
    #[test]
    fn never_panics(text in "\\PC{0,40}", term in "!?(size|older|newer|trust|drv|key|)?:?[<>=!':a-z0-9/-]{0,12}") {
        let _ = Query::parse(&text);
        let _ = Query::parse(&term);
    }

    #[test]
    fn an_inverted_bound_is_the_opposite(value: u64, bound: u64) {
        for bound in [Bound::Less(bound), Bound::AtMost(bound), Bound::More(bound), Bound::AtLeast(bound)] {
            prop_assert_ne!(bound.holds(value), bound.wanted(false).holds(value));
        }
    }
}

#[test]
fn use_and_roots() {
    let query = parse("used:>30d !used:<=2h dead !rooted pinned !pinned");
    assert_eq!(
        query.tests,
        [
            Test::Used(Bound::More(30 * 86_400)),
            Test::Used(Bound::More(7200)),
            Test::Rooted(false),
            Test::Rooted(false),
            Test::Pinned(true),
            Test::Pinned(false),
        ]
    );
    assert!(query.asks_roots() && query.asks_use());
    assert!(!parse("older:1d dea").asks_roots() && !parse("older:1d").asks_use());
    assert_eq!(parse("'dead").words.len(), 1);
    for (text, part) in [
        ("used:30d", "write used:>30d or used:<30d"),
        ("!used:30d", "write used:>30d or used:<30d"),
        ("size:1G", "write size:>1G or size:<1G"),
        ("used:>x", "such as used:>30d"),
        ("usd:>1d", "did you mean used:?"),
    ] {
        let error = Query::parse(text).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn signs_of_comparison_are_understood() {
    for (typed, meant) in [
        ("size>1G", "size:>1G"),
        ("!size<1G", "!size:<1G"),
        ("used>90d", "used:>90d"),
        ("older>30d", "older:30d"),
        ("newer<2h", "newer:2h"),
        ("trust=ours", "trust:ours"),
        ("drv=no", "drv:no"),
    ] {
        assert_eq!(Query::parse(typed), Query::parse(meant), "{typed}");
        assert!(Query::parse(meant).is_ok(), "{meant}");
    }
    assert!(
        Query::parse("older<30d")
            .unwrap_err()
            .to_string()
            .ends_with("write older:30d")
    );
    // A store path's name may have the sign in it.
    assert!(Query::parse("a=b").unwrap().ranks());
}
