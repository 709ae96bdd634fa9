//! Every jump and the way back: what `esc` returns to, and what the header says of the way here.

use crate::fixture::snapshot::snap;
use crate::fixture::{Console, access, space, store_shuffled};
use crate::screens::after;
use storekeeper::console::app::model::Model;
use storekeeper::console::app::msg::Msg;
use storekeeper::console::app::view::draw;
use storekeeper::console::screens;
use storekeeper::console::screens::space::state::View;
use storekeeper::console::types::screen::Screen;

const SIZES: [(u16, u16); 2] = [(80, 24), (120, 40)];

fn ready(size: (u16, u16)) -> Console {
    let mut console = Console::with_space(size, "dark", false, space::known());
    console.send(Msg::Access(screens::access::Msg::Snapshot(Ok(
        access::known(access::facts()),
    ))));
    console
}

/// The first row of the screen.
fn header(model: &Model) -> String {
    let buffer = draw(model);
    let width = usize::from(buffer.area.width);
    let row = &buffer.content[..width];
    row.iter().map(ratatui::buffer::Cell::symbol).collect()
}

/// Where one is: screen, pages, card, view, what is under the cursor.
fn place(console: &Console) -> String {
    let model = &console.model;
    format!(
        "{:?} {} {:?} {:?} {:?} {}",
        model.screen,
        model.page().map_or(0, |_| model.pages.len()),
        model.access.card,
        model.access.anchor,
        model.space.view,
        console.current(),
    )
}

/// How one gets to a place, what jumps from there, how many `esc` come back, and what the header says after the jump.
const JUMPS: [(&str, &str, usize, &str); 17] = [
    // Pages, one on the other.
    (
        "2/storefront-2<enter>",
        "<enter>",
        1,
        "Store > storefront-2.0",
    ),
    (
        "2/storefront-2<enter><enter>G<right>j",
        "<enter>",
        1,
        "Store > storefront-2.0 > curl-8.7.1",
    ),
    ("3j<right>j", "<enter>", 1, "Unsigned > "),
    ("5<right><right>j", "<enter>", 1, "Space > "),
    // A card.
    ("4j", "<enter>", 1, "Access > card"),
    // The palette, from wherever one is.
    ("4j", ":unsigned<enter>", 1, "Access > Unsigned"),
    (
        "4j<enter>",
        ":screen.store<enter>",
        1,
        "Access > card > Store",
    ),
    (
        "2jj<enter>",
        ":screen.access<enter>",
        1,
        "Store > ledger-4.0",
    ),
    ("5<right>j", ":screen.access<enter>", 1, "Space > Access"),
    ("4j", ":sort size<enter>", 1, "Access > Store"),
    ("4j", ":filter bad<enter>", 2, "Access > Store"),
    ("3j", ":columns<enter><esc>", 1, "Unsigned > Store"),
    ("2jj<enter>", ":newest 3<enter>", 1, "> Space"),
    ("5<right>", ":newest 3<enter>", 1, "Space > Space"),
    // Keys that lead to another screen.
    ("1", "/zlib<enter>", 2, "Overview > Store"),
    ("3j", "x", 1, "Unsigned > Space"),
    // One jump after the other.
    (
        "4j",
        ":unsigned<enter>:screen.store<enter>j<enter>",
        3,
        "Access > Unsigned > Store > ",
    ),
];

#[test]
fn esc_comes_back_from_every_jump() {
    for size in SIZES {
        for (before, jump, steps, crumbs) in JUMPS {
            let mut console = ready(size);
            console.keys(before);
            let from = place(&console);
            console.keys(jump);
            assert_ne!(place(&console), from, "{jump:?} after {before:?}");
            let header = header(&console.model);
            // A narrow header keeps both ends.
            if size.0 >= 120 {
                assert!(header.contains(crumbs), "{header} has {crumbs:?}");
            }
            for step in 1..=steps {
                assert_ne!(place(&console), from, "{step} after {before:?} {jump:?}");
                console.keys("<esc>");
            }
            assert_eq!(place(&console), from, "after {before:?} {jump:?}");
            // There is nothing left to go back to but what was open before.
            assert!(!header_has(&console, " > Store > Store"));
        }
    }
}

fn header_has(console: &Console, text: &str) -> bool {
    header(&console.model).contains(text)
}

/// Each line of the overview, with its pin, key or view, and back to the line.
#[test]
fn esc_comes_back_to_the_line_of_the_overview() {
    for size in SIZES {
        let lines = {
            let console = ready(size);
            storekeeper::console::screens::overview::view::lines(&console.model.inputs())
        };
        let mut jumps = 0;
        for (at, line) in lines.iter().enumerate() {
            let mut console = ready(size);
            console.keys(&format!("{}<enter>", "j".repeat(at)));
            let Some(screen) = line.screen else { continue };
            assert_eq!(console.model.screen, screen, "{line:?}");
            let crumbs = format!("Overview > {}", screen.title());
            assert!(header_has(&console, &crumbs), "{line:?}");
            console.keys("<esc>");
            assert_eq!(console.model.screen, Screen::Overview, "{line:?}");
            assert_eq!(console.model.overview.list.cursor, at);
            assert!(!header_has(&console, " > "));
            jumps += 1;
        }
        assert!(jumps > 3);
    }
}

#[test]
fn the_key_of_a_screen_begins_a_new_way() {
    let mut console = ready((80, 24));
    console.keys("4:unsigned<enter>");
    assert!(header_has(&console, "Access > Unsigned"));
    console.keys("2");
    assert!(!header_has(&console, " > "));
    console.keys("<esc>");
    assert_eq!(console.model.screen, Screen::Store);
}

/// `S` and `:server`: back on the server that was left, where one was there.
#[test]
fn esc_comes_back_from_another_server() {
    for size in SIZES {
        for switch in [":server staging<enter>", "Sj<enter>"] {
            let mut console = ready(size);
            console.keys("4j");
            let anchor = console.model.access.anchor.clone();
            console.keys(switch);
            assert_eq!(console.model.cx.server, "staging");
            assert!(header_has(&console, "from prod > "));
            // A page there is left first.
            console.connect();
            console.load(crate::fixture::store(usize::MAX));
            console.keys(":screen.store<enter><esc><esc>");
            assert_eq!(console.model.cx.server, "prod");
            assert_eq!(console.model.screen, Screen::Access);
            assert_eq!(console.model.access.anchor, anchor);
            assert_eq!(console.model.toast.as_deref(), Some("back on prod"));
            // Once is enough: it does not go to and fro.
            console.keys("<esc><esc>");
            assert_eq!(console.model.cx.server, "prod");
        }
        // However often one went to and fro, each server has one step back.
        let mut console = ready(size);
        console.keys(":server staging<enter>:server prod<enter>:server staging<enter>");
        let mut way = Vec::new();
        for _ in 0..4 {
            console.keys("<esc>");
            way.push(console.model.cx.server.clone());
        }
        assert_eq!(way, ["prod", "staging", "staging", "staging"]);
    }
}

#[test]
fn pages_on_the_way_go_with_their_paths() {
    let mut console = ready((80, 24));
    console.keys("2/storefront-2<enter><enter>:screen.access<enter>");
    console.load(store_shuffled("ledger-4.2-doc"));
    console.keys("<esc>");
    let page = console.model.page().unwrap().row;
    assert_eq!(page, console.row("storefront-2.0"));
}

#[test]
fn a_view_is_come_back_to() {
    let mut console = ready((80, 24));
    console.keys("5<right>x<esc>");
    assert_eq!(console.model.space.view, View::Roots);
}

#[test]
fn pictures() {
    snap(
        "trail-pages",
        after("2/storefront-2<enter><enter>G<right>j<enter>"),
    );
    snap("trail-overview", after("j<enter>"));
}
