//! Habits of people who live in terminals: the row under the cursor, half pages, a path that can be read, details beside a list.

use crate::fixture::access::{facts, known};
use crate::fixture::snapshot::snap;
use crate::fixture::{Console, large_store, model};
use ratatui::style::Modifier;
use storekeeper::console::app::msg::Msg;
use storekeeper::console::app::paint::Painter;
use storekeeper::console::app::view::draw;
use storekeeper::console::screens;
use storekeeper::console::screens::overview::view::lines;
use storekeeper::console::types::access::Line;
use storekeeper::domain::{NarHash, PathInfo, StorePath};
use storekeeper::inventory::Builder;
use storekeeper::judge::trust::assess;

pub(crate) const SIZES: [(u16, u16); 2] = [(80, 24), (120, 40)];

/// A console that knows the store, who may log in, and what fills the disk.
pub(crate) fn whole(size: (u16, u16), theme: &str) -> Console {
    let mut console = Console::with_space(size, theme, false, crate::fixture::space::known());
    console.send(Msg::Access(screens::access::Msg::Snapshot(Ok(known(
        facts(),
    )))));
    console
}

/// What is on the screen, a line a row.
pub(crate) fn rows(console: &Console) -> Vec<String> {
    let frame = draw(&console.model);
    let width = usize::from(frame.area.width);
    let symbols =
        |row: &[ratatui::buffer::Cell]| row.iter().map(ratatui::buffer::Cell::symbol).collect();
    frame.content.chunks(width).map(symbols).collect()
}

/// Columns in which a row is shown as the one under the cursor.
fn reversed(console: &Console) -> Vec<usize> {
    let frame = draw(&console.model);
    let width = usize::from(frame.area.width);
    let lit = |row: &[ratatui::buffer::Cell]| {
        let cells = row
            .iter()
            .take_while(|cell| cell.modifier.contains(Modifier::REVERSED));
        cells.count()
    };
    let rows = frame.content.chunks(width);
    // Where a line begins with the cursor's sign, and nowhere else.
    rows.filter(|row| row[0].symbol() == ">" || lit(row) > 0)
        .map(lit)
        .collect()
}

/// Keys that show a list, and the columns of its rows at each size.
const LISTS: [(&str, [usize; 2]); 12] = [
    ("", [80, 120]),
    ("2j", [80, 79]),
    ("2<enter>jj", [80, 120]),
    ("2/storefront-2.0<enter><enter>G<right>j", [80, 120]),
    ("3j", [80, 79]),
    ("4j", [80, 79]),
    ("4G", [80, 79]),
    ("5<right>j", [80, 79]),
    ("5<right><right>j", [80, 79]),
    ("6", [80, 120]),
    ("6o", [80, 120]),
    ("6oo", [80, 120]),
];

#[test]
fn the_row_under_the_cursor_is_lit_over_its_whole_width() {
    for (keys, widths) in LISTS {
        for (size, width) in SIZES.into_iter().zip(widths) {
            for theme in ["dark", "light", "mono"] {
                let mut console = whole(size, theme);
                console.keys(keys);
                assert_eq!(reversed(&console), [width], "{keys:?} {size:?} {theme}");
                let cursor = rows(&console)
                    .iter()
                    .filter(|row| row.starts_with('>'))
                    .count();
                assert_eq!(
                    cursor, 1,
                    "{keys:?}: the sign stays for terminals without reverse"
                );
            }
        }
    }
}

/// What a slow link pays for one step, on each list.
#[test]
fn a_step_on_any_list_takes_at_most_700_bytes() {
    for (keys, _) in LISTS {
        let mut console = whole((80, 24), "dark");
        console.keys(keys);
        let mut painter = Painter::default();
        painter.frame(draw(&console.model));
        for step in ["k", "j"] {
            console.keys(step);
            let bytes = painter.frame(draw(&console.model)).len();
            assert!(bytes <= 700, "{step} after {keys:?} takes {bytes} bytes");
        }
    }
}

/// Half a page and a page, on every list and text: where the cursor or the first line is then.
#[test]
fn half_pages_and_pages() {
    for (size, half, page) in [((80, 24), 6, 11), ((120, 40), 17, 33)] {
        let mut console = Console::new(model(size, "dark", false));
        console.connect();
        console.load(large_store(300));
        console.keys("2");
        for (keys, expected) in [
            ("<ctrl-d>", half),
            ("<ctrl-d>", 2 * half),
            ("<ctrl-u>", half),
            ("<ctrl-f>", half + page),
            ("<ctrl-b>", half),
            ("<ctrl-b>", 0),
        ] {
            console.keys(keys);
            assert_eq!(console.model.store.list.cursor, expected, "{size:?} {keys}");
        }
        // While a text is typed the same keys edit it.
        console.keys("/packag<ctrl-u><ctrl-d>x");
        assert_eq!(console.model.store.search.value(), "x");
        assert_eq!(console.model.store.list.cursor, 0);
    }
    for size in SIZES {
        for keys in ["3", "4", "5<right>", "5<right><right>", "6oo", "2<enter>"] {
            let mut console = whole(size, "dark");
            console.keys(keys);
            console.keys("g");
            let before = rows(&console);
            for (down, up) in [("<ctrl-d>", "<ctrl-u>"), ("<ctrl-f>", "<ctrl-b>")] {
                console.keys(down);
                assert_ne!(rows(&console), before, "{size:?} {keys} {down}");
                console.keys(up);
                assert_eq!(rows(&console), before, "{size:?} {keys} {up}");
            }
        }
    }
}

#[test]
fn half_a_page_of_a_text() {
    let mut console = whole((80, 24), "dark");
    console.keys("2?");
    let first = |console: &Console| rows(console)[6].clone();
    let top = first(&console);
    console.keys("<ctrl-d>");
    let below = first(&console);
    assert_ne!(below, top);
    console.keys("<ctrl-u>");
    assert_eq!(first(&console), top);
}

/// A name as long as they are in stores of real caches.
const LONG: &str = "python3.12-opentelemetry-instrumentation-elasticsearch-0.48b0-unwrapped-dist";

fn long(size: (u16, u16), theme: &str) -> Console {
    let mut console = Console::new(model(size, theme, false));
    console.connect();
    let path = StorePath::from_parts(&[7; 20], LONG).unwrap();
    console.load(Builder::new(vec![path]).finish());
    console.keys("2<enter>");
    console
}

#[test]
fn a_paths_page_shows_all_of_the_path() {
    let path = StorePath::from_parts(&[7; 20], LONG).unwrap().to_string();
    for size in [(80, 24), (60, 16), (120, 40), (200, 50)] {
        let mut console = long((80, 24), "dark");
        console.send(Msg::Resize(size.0, size.1));
        let rows = rows(&console);
        let start = rows
            .iter()
            .position(|row| row.contains("/nix/store/"))
            .unwrap();
        let mut whole = String::new();
        for row in &rows[start..] {
            whole.push_str(row[14..].trim_end());
            if whole.len() >= path.len() {
                break;
            }
        }
        assert_eq!(whole, path, "{size:?}");
    }
    // What the cursor is on stays under it when the lines above it change.
    let mut console = long((80, 24), "dark");
    console.keys("G");
    let under = |console: &Console| rows(console).into_iter().find(|row| row.starts_with('>'));
    let before = under(&console).unwrap();
    console.send(Msg::Resize(200, 50));
    assert_eq!(under(&console).unwrap().trim_end(), before.trim_end());
}

#[test]
fn a_long_path() {
    snap("path-long", |size, theme| long(size, theme).model);
}

#[test]
fn a_help_that_is_searched() {
    snap("help-search", |size, theme| {
        let mut console = whole(size, theme);
        console.keys("2?/page");
        console.model
    });
}

#[test]
fn details_stand_beside_the_list_from_120_columns_on() {
    for (keys, label) in [("2j", "signatures"), ("3", "signatures"), ("4j", "SHA256")] {
        for (width, beside) in [(119, false), (120, true), (160, true)] {
            let mut console = whole((width, 40), "dark");
            console.keys(keys);
            let rows = rows(&console);
            let list = rows.iter().position(|row| row.starts_with('>')).unwrap();
            let right = |row: &String| {
                let half: String = row.chars().skip(usize::from(width) / 2).collect();
                half.contains(label)
            };
            let found = rows[5..].iter().any(right) && list > 3;
            assert_eq!(found, beside, "{keys} {width}");
        }
    }
}

/// The lines of the help that are on the screen.
fn help(console: &Console) -> String {
    rows(console)[4..].join("\n")
}

#[test]
fn help_is_in_groups_and_what_is_impossible_comes_last() {
    for size in SIZES {
        let mut console = Console::ready(size, "dark", true);
        console.keys("2?");
        let top = help(&console);
        assert!(top.contains("/ searches") && top.contains("Lists"), "{top}");
        console.keys("G");
        let end = help(&console);
        assert!(end.contains("read-only"), "{end}");
        let mut console = whole(size, "dark");
        console.keys("2?G");
        let end = help(&console);
        let not_now = end.find("Not possible now").unwrap();
        for line in end[not_now..]
            .lines()
            .skip(1)
            .filter(|line| line.contains('('))
        {
            assert!(line.starts_with('│') || line.contains('│'), "{line}");
        }
        assert!(
            !end[..not_now].contains("  ("),
            "a reason stands before: {end}"
        );
    }
}

#[test]
fn help_is_narrowed_by_what_is_searched() {
    for size in SIZES {
        let mut console = whole(size, "dark");
        console.keys("2?/half page");
        let found = help(&console);
        assert!(
            found.contains("Half a page down") && found.contains("Moving"),
            "{found}"
        );
        assert!(
            !found.contains("Next theme") && !found.contains("Sign the"),
            "{found}"
        );
        // Letters type; enter keeps the search, esc takes it back first.
        console.keys("<enter>");
        assert!(help(&console).contains("Half a page up"));
        console.keys("/<esc>");
        assert!(help(&console).contains("/ searches"));
        console.keys("/nothing of the kind");
        assert!(help(&console).contains("No key here does that."));
        console.send(Msg::Paste("x".to_owned()));
        console.keys("<esc><esc>");
        assert!(console.model.layers.is_empty());
    }
}

/// Clicks where this text begins, left of the details.
fn click(console: &mut Console, text: &str) {
    let half = usize::from(console.model.cx.size.0) / 2;
    let column = |row: &str| {
        let at = row[..row.find(text)?].chars().count();
        Some(at).filter(|at| *at < half)
    };
    let rows = rows(console);
    let mut places = rows.iter().enumerate();
    let (row, column) = places.find_map(|(y, row)| Some((y, column(row)?))).unwrap();
    console.send(Msg::Click(column as u16, row as u16));
}

#[test]
fn a_click_selects_and_a_second_one_opens() {
    for size in SIZES {
        let mut console = whole(size, "dark");
        // What is below the first line of the Overview belongs to it.
        for text in [
            "paths would be refused",
            "key requests wait",
            "fix: storekeeper",
        ] {
            click(&mut console, text);
            let at = console.model.overview.list.cursor;
            let under = &lines(&console.model.inputs())[at];
            let is_first = text.starts_with("fix") && at == 0;
            assert!(is_first || under.text.contains(text), "{text}: {under:?}");
        }
        click(&mut console, "Store");
        click(&mut console, "ledger-4.1");
        assert_eq!(console.current(), "ledger-4.1");
        assert!(console.model.page().is_none());
        click(&mut console, "ledger-4.1");
        assert!(console.model.page().is_some());
        click(&mut console, "Unsigned");
        click(&mut console, "orphan-tool");
        assert_eq!(console.current(), "orphan-tool-0.1");
        click(&mut console, "Access");
        click(&mut console, "bob@builder");
        assert!(
            matches!(console.model.access.current(), Some(Line::Key(entry)) if entry.row.comment == "bob@builder")
        );
        click(&mut console, "bob@builder");
        assert!(console.model.access.card.is_some());
        // The wheel moves; beside a list, and over a plan, a click does nothing.
        console.keys("2g");
        console.send(Msg::Wheel(3));
        assert_eq!(console.model.store.list.cursor, 3);
        console.send(Msg::Click(0, size.1 - 1));
        assert_eq!(console.model.store.list.cursor, 3);
        console.keys("3As");
        let runs = console.runs.len();
        for row in 0..size.1 {
            console.send(Msg::Click(size.0 / 2, row));
        }
        assert!(console.model.plan_dialog().is_some() && console.runs.len() == runs);
        // A choice.
        console.keys("<esc>S");
        click(&mut console, "staging");
        click(&mut console, "staging");
        assert_eq!(console.model.cx.server, "staging");
    }
}

/// A path that needs all others, through one another: link-0 needs link-1, and so on.
fn deep(size: (u16, u16), paths: usize) -> Console {
    let names: Vec<String> = (0..paths).map(|n| format!("link-{n}-x")).collect();
    let own: Vec<StorePath> = names
        .iter()
        .map(|name| crate::fixture::path(name))
        .collect();
    let mut builder = Builder::new(own.clone());
    for (n, path) in own.iter().enumerate() {
        let info = PathInfo {
            path: path.clone(),
            deriver: None,
            nar_hash: NarHash([1; 32]),
            nar_size: 1,
            references: own.get(n + 1).into_iter().cloned().collect(),
            registered: crate::fixture::now(),
            ultimate: false,
            signatures: vec![],
            content_address: None,
        };
        builder.add(&info, &assess(&crate::fixture::ring(), &info));
    }
    let mut console = Console::new(model(size, "dark", false));
    console.connect();
    console.load(builder.finish());
    console.keys("2/link-0-x<enter><enter>");
    console
}

#[test]
fn the_closure_is_searched_though_it_is_closed() {
    for size in SIZES {
        let mut console = whole(size, "dark");
        console.keys("2/storefront-2.0<enter><enter>/glibc");
        let row = |console: &Console| {
            rows(console)
                .into_iter()
                .find(|row| row.starts_with('>'))
                .unwrap()
        };
        // While it is typed nothing is opened.
        assert!(row(&console).contains("▸ Closure"), "{}", row(&console));
        console.keys("<enter>");
        assert_eq!(console.current(), "glibc-2.39");
        // Letters narrow, esc comes back to where it began.
        let mut console = whole(size, "dark");
        console.keys("2/storefront-2.0<enter><enter>jj/glibc<esc>");
        assert_eq!(console.model.page().unwrap().list.cursor, 2);
        assert!(!rows(&console).iter().any(|row| row.contains("▾ Closure")));
        console.keys("/no such path<enter>");
        let said = console.model.toast.clone().unwrap();
        assert_eq!(said, "no line here has \"no such path\"");
        // n goes on to what is further below, N comes back.
        let mut console = whole(size, "dark");
        console.keys("2/storefront-2.0<enter><enter>/openssl<enter>");
        assert_eq!(console.current(), "openssl-3.0.13");
        console.keys("/<ctrl-u>l<enter>");
        let first = console.current();
        console.keys("n");
        assert_ne!(console.current(), first);
        console.keys("N");
        assert_eq!(console.current(), first);
    }
}

#[test]
fn a_deep_closure_is_searched_a_part_at_a_time() {
    for size in SIZES {
        let mut console = deep(size, 6_000);
        console.asked.clear();
        console.keys("/link-5999<enter>");
        assert_eq!(console.current(), "link-5999-x");
        let parts = console
            .asked
            .iter()
            .filter(|asked| *asked == "FindOn")
            .count();
        assert!(parts >= 2, "{parts}");
    }
}

/// A key means what is on the screen, and not what is under a cursor elsewhere.
#[test]
fn keys_of_access_act_where_access_is_shown() {
    let mut console = whole((80, 24), "dark");
    console.keys("4");
    assert!(console.model.access.current().is_some());
    for keys in ["2", "3", "5", "6"] {
        for act in ["d", "r", "e"] {
            if (keys, act) == ("5", "d") || (keys, act) == ("5", "e") {
                continue;
            }
            console.keys(keys);
            console.keys(act);
            let said = console.model.toast.clone().unwrap_or_default();
            assert!(
                said.contains("this is done on screen 4"),
                "{keys}{act}: {said}"
            );
        }
    }
    assert!(console.model.layers.is_empty());
}
