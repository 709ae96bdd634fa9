//! Pins that move, their revisions, and pins whose time is over.

use crate::fixture::snapshot::{dump, snap};
use crate::fixture::space::{known, revised};
use crate::fixture::{Console, path};
use storekeeper::change::Item;
use storekeeper::console::app::view::draw;
use storekeeper::console::types::space::SpaceSnapshot;

fn on(size: (u16, u16), theme: &str, known: SpaceSnapshot) -> Console {
    let mut console = Console::with_space(size, theme, false, known);
    console.keys("5");
    console
}

fn text(console: &Console) -> String {
    dump(&draw(&console.model))
}

/// From a path to the dialog, with the name of a pin that leads elsewhere.
const NAMED: &str = "2/storefront-1<enter>pn<ctrl-u>release<enter>";

#[test]
fn pictures() {
    snap("space-pin-moves", |size: (u16, u16), theme: &str| {
        let mut console = on(size, theme, revised());
        console.keys(NAMED);
        console.keys("v2 14d<enter>");
        console.model
    });
    snap("space-roots-revision", |size: (u16, u16), theme: &str| {
        let mut console = on(size, theme, revised());
        console.keys("<right>/20260912<enter>");
        console.model
    });
}

#[test]
fn a_pin_moves_only_where_revisions_are_kept() {
    let mut console = on((80, 24), "dark", revised());
    console.keys(NAMED);
    let shown = text(&console);
    assert!(
        shown.contains("the pin release is there already"),
        "{shown}"
    );
    console.keys("vmany<enter>");
    let shown = text(&console);
    assert!(shown.contains("\"many\" says no revisions"), "{shown}");
    console.keys("v<ctrl-u>2 14d<enter>");
    assert!(
        console.runs.is_empty(),
        "the key that ends a text confirms nothing"
    );
    console.keys("<enter>");
    let plan = &console.runs[0].1;
    assert_eq!(
        plan.summary,
        format!(
            "move the pin release to {}",
            path("storefront-1.0").base_name()
        )
    );
    let lines: Vec<String> = plan
        .lines
        .iter()
        .map(|(label, text)| format!("{label} {text}"))
        .collect();
    let all = lines.join("\n");
    // What it led to is kept under a dated name, and the one that is over leaves.
    assert!(
        all.contains(&format!(" -> {} until ", path("storefront-2.0"))),
        "{all}"
    );
    assert!(
        all.contains("- /nix/var/nix/gcroots/storekeeper/release+20260801T060000Z"),
        "{all}"
    );
    // Several paths have no name of a pin.
    console.keys("2<esc><esc>g<space><space>pv");
    let toast = console.model.toast.clone().unwrap();
    assert!(toast.contains("none moves"), "{toast}");
}

/// By their keys and from the palette; a word confirms.
#[test]
fn what_has_expired_is_unpinned() {
    for (keys, gone) in [
        ("I", &["release+20260801T060000Z"][..]),
        (":unpin the revisions<enter>", &["release+20260801T060000Z"]),
        ("U", &["old-demo", "release+20260801T060000Z"]),
        (
            ":unpin all<enter>",
            &["old-demo", "release+20260801T060000Z"],
        ),
    ] {
        let mut console = on((80, 24), "dark", revised());
        console.keys(keys);
        assert!(text(&console).contains("Unpin"), "{}", text(&console));
        console.keys("<enter>unpin<enter>");
        let plan = &console.runs[0].1;
        let names: Vec<&str> = plan
            .items
            .iter()
            .map(|item| match item {
                Item::Pin { pin, .. } => pin.as_str(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(names, gone, "{keys}");
    }
    let mut console = on((80, 24), "dark", known());
    console.keys("I");
    let toast = console.model.toast.clone().unwrap();
    assert!(
        toast.contains("no revision of a pin has expired"),
        "{toast}"
    );
}
