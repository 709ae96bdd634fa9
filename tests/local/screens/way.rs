//! The whole way of one client: from its key, and from a path; how it looks, and where the keys lead.

use crate::fixture::Console;
use crate::fixture::access::{facts, known, public};
use crate::fixture::snapshot::{dump, snap};
use storekeeper::console::app::layer::Layer;
use storekeeper::console::app::model::Model;
use storekeeper::console::app::msg::Msg;
use storekeeper::console::app::view::draw;
use storekeeper::console::screens;
use storekeeper::console::types::problem::Problem;
use storekeeper::domain::access::AccessFacts;

const SIZES: [(u16, u16); 2] = [(80, 24), (120, 40)];

/// A console that knows who may log in.
fn on(size: (u16, u16), theme: &str, facts: AccessFacts) -> Console {
    let mut console = Console::ready(size, theme, false);
    console.send(Msg::Access(screens::access::Msg::Snapshot(Ok(known(
        facts,
    )))));
    console
}

fn after(keys: &'static str) -> impl Fn((u16, u16), &str) -> Model {
    move |size, theme| {
        let mut console = on(size, theme, facts());
        console.keys(keys);
        console.model
    }
}

fn text(console: &Console) -> String {
    dump(&draw(&console.model))
}

fn toast(console: &Console) -> &str {
    console.model.toast.as_deref().unwrap_or_default()
}

#[test]
fn the_way_of_a_key() {
    snap("way-key", after("4jjjjw"));
}

#[test]
fn the_way_to_a_path() {
    snap("way-path", after("2/ledger-4.2<enter>W<enter>"));
}

#[test]
fn the_choice_of_a_client() {
    snap("way-clients", after("2/ledger-4.2<enter>Wj"));
}

#[test]
fn from_a_key_and_back() {
    for size in SIZES {
        let mut console = on(size, "dark", facts());
        console.keys("4jjjj");
        let before = text(&console);
        console.keys("w");
        let shown = text(&console);
        assert!(shown.contains("The way of eve@old"), "{shown}");
        assert!(shown.contains(" no: key expired "), "{shown}");
        assert!(shown.contains("x authorized key expired"), "{shown}");
        assert!(shown.contains("to any path"), "{shown}");
        // It is copied and scrolled as any text.
        console.keys("jjy");
        assert!(console.copied.last().unwrap().contains("x authorized"));
        console.keys("<esc>");
        assert!(console.model.layers.is_empty());
        assert_eq!(text(&console).lines().nth(6), before.lines().nth(6));
        // One marked path is the one that is meant; the card of the key has the same action.
        console.keys("2/ledger-4.2<enter> 4<enter>w");
        let shown = text(&console);
        assert!(shown.contains("-ledger-4.2"), "{shown}");
        console.keys("GG");
        assert!(text(&console).contains("signatures"), "{shown}");
        console.keys("<esc>");
        assert!(console.model.access.card.is_some());
        // Two are not.
        console.keys("<esc>2j 4w");
        assert!(text(&console).contains("to any path"));
    }
}

#[test]
fn from_a_path_by_a_choice_of_clients() {
    for size in SIZES {
        let mut console = on(size, "dark", facts());
        console.keys("2/ledger-4.2<enter>W");
        let Some(Layer::Clients(asked)) = console.model.layers.last() else {
            panic!("no choice");
        };
        let names: Vec<&str> = asked.all.iter().map(|one| one.name.as_str()).collect();
        // Who was refused stands first, and nobody twice.
        assert_eq!(names[0], "root@mei-laptop");
        assert_eq!(names.len(), 6, "{names:?}");
        assert!(text(&console).contains("its request waits"));
        console.keys("<esc>");
        assert!(console.model.layers.is_empty());
        console.keys("Wjjjjjjjjkkkk<enter>");
        let Some(Layer::Text(_)) = console.model.layers.last() else {
            panic!("no way");
        };
        console.keys("<esc>");
        // From the page of a path, too.
        console.keys("<enter>W<enter>");
        assert!(text(&console).contains("The way of root@mei-laptop"));
        console.keys("<esc>");
        assert!(console.model.page().is_some());
    }
}

#[test]
fn what_can_t_be_asked_says_why() {
    let mut console = on(SIZES[0], "dark", facts());
    console.keys("4Gw");
    assert!(
        toast(&console).contains("no key is under the cursor"),
        "{}",
        toast(&console)
    );
    assert!(console.model.layers.is_empty());
    let mut console = Console::ready(SIZES[0], "dark", false);
    console.keys("2W");
    assert!(
        toast(&console).contains("has not been read yet"),
        "{}",
        toast(&console)
    );
    let mut console = on(SIZES[0], "dark", facts());
    console.send(Msg::Down {
        problem: Problem::say("gone"),
        again: None,
    });
    for keys in ["4w", "2W"] {
        console.keys(keys);
        assert!(
            toast(&console).contains("not connected"),
            "{}",
            toast(&console)
        );
    }
    // What the server did not report, and what another server did.
    console.send(Msg::Access(screens::access::Msg::Way(Err(Problem::say(
        "no answer",
    )))));
    assert_eq!(toast(&console), "no answer");
    let key = public(&crate::fixture::access::ed25519(1, "")).fingerprint();
    let way = crate::fixture::access::way("other".to_owned(), &facts(), key, None);
    console.send(Msg::Access(screens::access::Msg::Way(Ok(Box::new(way)))));
    assert!(console.model.layers.is_empty());
}
