//! Search as it is typed: a query that goes on finds what a fresh one finds.

use super::cases::entry;
use super::*;
use crate::inventory::Searcher;
use std::cell::RefCell;
use std::sync::Arc;

const STEMS: [&str; 9] = [
    "ledger",
    "Ledger",
    "led",
    "ledger-cli",
    "pyledger",
    "lodge",
    "zlib",
    "ed",
    "l-e-d",
];

/// Many paths with few names: every fourth is a derivation.
fn many(count: usize) -> Arc<Inventory> {
    let entries: Vec<Entry> = (0..count)
        .map(|i| {
            let end = if i % 4 == 3 { ".drv" } else { "" };
            let name = format!("{}-{}.{}{end}", STEMS[i * 7 % STEMS.len()], i % 5, i % 11);
            entry(i, &name, 1, TrustClass::ALL[i % 7], &[])
        })
        .collect();
    let inventory = full(&entries);
    inventory.order_by_name();
    Arc::new(inventory)
}

fn found(searcher: &mut Searcher, inventory: &Arc<Inventory>, text: &str, hide: bool) -> Vec<Row> {
    paged(searcher, inventory, text, hide).1
}

/// The first rows, where they came before the others, and all.
fn paged(
    searcher: &mut Searcher,
    inventory: &Arc<Inventory>,
    text: &str,
    hide: bool,
) -> (Option<Vec<Row>>, Vec<Row>) {
    let query = Query::parse(text).unwrap();
    let facts = SearchFacts::default();
    let sort = Sort::default();
    let page = RefCell::new(None);
    let first = |view: View| {
        assert!(view.partial && view.rows.len() > 200, "{text}");
        let before = page.replace(Some(view.rows.to_vec()));
        assert_eq!(before, None, "{text} has two first pages");
    };
    let view = searcher.view(inventory, &query, sort, hide, now(), facts, &go(), first);
    (page.into_inner(), view.unwrap().rows.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_query_that_goes_on_finds_what_a_fresh_one_finds(
        typed in "(!|'|:)?[ledgrz05w.-]{0,6}( (!|')?[ledgrz05w.-]{0,5}| size:>1B| unsigned| drv){0,2}",
        hide: bool,
        back in 0..4_usize,
    ) {
        let inventory = many(300);
        let mut searcher = Searcher::default();
        let ends = (0..=typed.len()).chain((typed.len().saturating_sub(back)..typed.len()).rev());
        for end in ends {
            let Ok(query) = Query::parse(&typed[..end]) else {
                continue;
            };
            let fresh = view(&inventory, &query, Sort::default(), hide, now(), SearchFacts::default(), &go());
            prop_assert_eq!(found(&mut searcher, &inventory, &typed[..end], hide), fresh.unwrap().rows.to_vec());
        }
    }

    #[test]
    fn the_order_of_words_does_not_matter(
        words in prop::collection::vec("'?[ledgrz05.-]{1,4}", 1..4),
        turn in 0..3_usize,
    ) {
        let inventory = many(200);
        let mut turned = words.clone();
        turned.rotate_left(turn % words.len());
        let sets = [words, turned].map(|words| {
            let mut rows = found(&mut Searcher::default(), &inventory, &words.join(" "), false);
            rows.sort_unstable();
            rows
        });
        prop_assert_eq!(&sets[0], &sets[1]);
    }
}

#[test]
fn the_first_page_is_the_beginning_of_the_whole() {
    let inventory = many(20_000);
    for text in [
        "l",
        "le",
        "led",
        "ledger",
        "LEDGER",
        "z",
        "e",
        "lo",
        "led unsigned",
        "1",
        "4.",
        "cli",
        "",
        "'led",
        "!z",
        "unsigned",
        "size:>1B 'd",
        // Neither of them begins a name, or it is not one word.
        "dge",
        "e r",
        "1 l",
        "'l ed",
    ] {
        for hide in [true, false] {
            let mut searcher = Searcher::default();
            let (page, whole) = paged(&mut searcher, &inventory, text, hide);
            let page = page.unwrap_or_else(|| panic!("{text} has no first page"));
            assert_eq!(page[..], whole[..page.len()], "{text}");
        }
    }
    for text in ["zz", "'zzz"] {
        let (page, _) = paged(&mut Searcher::default(), &inventory, text, true);
        assert_eq!(page, None, "{text}");
    }
}

#[test]
fn rows_are_found_while_everything_else_is_busy() {
    let inventory = many(20_000);
    let (busy, is_busy) = std::sync::mpsc::channel();
    let held: Vec<_> = (0..rayon::current_num_threads())
        .map(|_| {
            let (release, until) = std::sync::mpsc::channel::<()>();
            let busy = busy.clone();
            rayon::spawn(move || {
                busy.send(()).unwrap();
                let _ = until.recv();
            });
            release
        })
        .collect();
    for _ in &held {
        is_busy.recv().unwrap();
    }
    let (done, is_done) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let rows = found(&mut Searcher::default(), &inventory, "ledger", true);
        done.send(rows.len()).unwrap();
    });
    let rows = is_done.recv_timeout(std::time::Duration::from_secs(60));
    drop(held);
    assert!(rows.is_ok_and(|rows| rows > 0));
}

#[test]
fn exact_names_come_first_then_beginnings_then_parts_then_letters() {
    let names = [
        "l-e-d-ger-1",
        "pyledger-2",
        "big-ledger-1",
        "ledger-cli-4.1",
        "ledger-4.1",
        "Ledger",
        "zlib",
    ];
    let entries: Vec<Entry> = names
        .iter()
        .enumerate()
        .map(|(i, name)| entry(i, name, 1, TrustClass::Ours, &[]))
        .collect();
    let inventory = Arc::new(full(&entries));
    let rows = found(&mut Searcher::default(), &inventory, "ledger", false);
    let found: Vec<&str> = rows.iter().map(|row| inventory.name(*row)).collect();
    assert_eq!(
        found,
        [
            "ledger-4.1",
            "Ledger",
            "ledger-cli-4.1",
            "big-ledger-1",
            "pyledger-2",
            "l-e-d-ger-1"
        ]
    );
}

#[test]
fn another_store_is_searched_anew() {
    let mut searcher = Searcher::default();
    let (few, more) = (many(30), many(60));
    assert!(!found(&mut searcher, &few, "led", false).is_empty());
    let all = found(&mut Searcher::default(), &more, "ledg", false);
    assert_eq!(found(&mut searcher, &more, "ledg", false), all);
    assert!(all.iter().any(|row| *row >= 30));
}
