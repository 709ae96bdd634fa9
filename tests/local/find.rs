//! `/`, `n` and `N` on every list and page: where the cursor goes, what is kept, what is said.

use crate::fixture::{Console, access, large_store, space};
use storekeeper::console::app::msg::{Effect, Msg};
use storekeeper::console::app::update::update;
use storekeeper::console::app::view::draw;
use storekeeper::console::screens::activity::state::PastChange;

/// Everything known: the store, keys, roots, a plan, the audit log.
fn ready() -> Console {
    let mut console = Console::with_space((80, 24), "dark", false, space::known());
    console.send(Msg::Access(Ok(access::known(access::facts()))));
    let record = |number: usize, what: &str| PastChange {
        id: format!("r-{number}"),
        what: what.to_owned(),
        ..crate::fixture::past()
    };
    console.send(Msg::Audit(Ok(vec![
        record(3, "sign 2 paths"),
        record(2, "revoke a key of bob"),
        record(1, "sign 9 paths"),
    ])));
    console
}

/// The line under the cursor, as the screen shows it.
fn line(console: &Console) -> String {
    let lines = screen(console);
    let current = lines.iter().find(|line| line.starts_with('>'));
    current.cloned().unwrap_or_default()
}

fn screen(console: &Console) -> Vec<String> {
    let buffer = draw(&console.model);
    let width = usize::from(buffer.area.width);
    let rows = buffer.content.chunks(width);
    rows.map(|row| row.iter().map(ratatui::buffer::Cell::symbol).collect())
        .collect()
}

fn last_line(console: &Console) -> String {
    screen(console).pop().unwrap()
}

/// Of screen 5, the planner lists something by these.
const RULES: &str = ":newest<enter>:until<enter>:grace 1h<enter>";

/// How to get to a list, what is typed there, what the line under the cursor has then, and after `n`.
const LISTS: [(&str, &str, &str, &str); 10] = [
    ("2", "ledger", "ledger-4.0", "ledger-4.1"),
    ("3", "unit", "", ""),
    // It begins as something that is there does.
    ("3", "cli x", "", ""),
    ("3", "4.2", "  ledger-4.2", "ledger-4.2-doc"),
    ("4", "rsa eve", "eve@old", "eve@old"),
    ("5", "LEDGER", "ledger-cli-4.1", "ledger-cli-4.1"),
    ("5<right>", "storefront", "release", "release"),
    ("5<right><right>", "2", "storefront-2.0", "glibc-2.39"),
    ("6", "paths sign", "r-3", "r-1"),
    (
        "2/storefront-2<enter><enter>",
        "curl",
        "curl-8.7.1",
        "curl-8.7.1",
    ),
];

#[test]
fn every_list_and_page_is_searched_where_it_is() {
    for (list, words, first, second) in LISTS {
        let mut console = ready();
        console.keys(RULES);
        console.keys(list);
        let before = line(&console);
        let place = (console.model.screen, console.model.pages.len());
        console.keys("/");
        console.keys(words);
        assert!(console.model.scope().is_none(), "{list}: keys type");
        if first.is_empty() {
            assert!(last_line(&console).contains("no such line"), "{list}");
            console.keys("<enter>");
            let said = console.model.toast.clone().unwrap_or_default();
            assert_eq!(said, format!("no line here has {words:?}"));
            assert_eq!(line(&console), before, "{list}");
            continue;
        }
        console.keys("<enter>");
        let found = line(&console);
        assert!(found.contains(first), "{list}: {found}");
        console.keys("n");
        let next = line(&console);
        assert!(next.contains(second), "{list}: {next}");
        let said = console.model.toast.clone().unwrap_or_default();
        assert_eq!(
            said.starts_with("no other line has"),
            next == found,
            "{list}: {said}"
        );
        console.keys("N");
        assert_eq!(
            line(&console),
            found,
            "{list}: N goes back to where n came from"
        );
        assert_eq!(
            (console.model.screen, console.model.pages.len()),
            place,
            "{list}"
        );
    }
}

#[test]
fn a_search_is_kept_for_each_list() {
    let mut console = ready();
    console.keys("3/4.2<enter>4/eve<enter>6/revoke<enter>2/zlib<enter>");
    for (screen, text) in [("3", "4.2"), ("4", "eve"), ("6", "revoke")] {
        console.keys(screen);
        console.keys("gn");
        assert!(
            line(&console).contains(text),
            "{screen}: {}",
            line(&console)
        );
        // It can be edited.
        console.keys("/");
        let typed = last_line(&console);
        assert!(typed.starts_with(&format!(" /{text}")), "{typed}");
        console.keys("<enter>");
    }
    console.keys("2");
    assert_eq!(console.listed(), ["zlib-1.3.1"]);
    // Another list of the same screen has one of its own.
    console.keys("6on");
    let said = console.model.toast.clone().unwrap_or_default();
    assert_eq!(
        said,
        "Cannot go to the next match: nothing is searched on this list; / searches"
    );
}

#[test]
fn esc_clears_it_and_goes_back() {
    for (list, words) in [("3j", "cli"), ("4j", "eve"), ("6j", "9")] {
        let mut console = ready();
        console.keys(list);
        let before = line(&console);
        console.keys("/");
        console.keys(words);
        assert_ne!(line(&console), before, "{list}");
        console.keys("<backspace><esc>");
        assert_eq!(line(&console), before, "{list}");
        console.keys("n");
        let said = console.model.toast.clone().unwrap_or_default();
        assert!(said.contains("nothing is searched"), "{list}: {said}");
        // Going elsewhere ends the typing.
        console.keys("/");
        console.send(Msg::Paste("x\ny".to_owned()));
        assert!(last_line(&console).starts_with(" /x y"));
        assert!(console.model.layers.is_empty());
    }
}

#[test]
fn a_path_in_a_closed_group_is_found_and_a_key_acts_on_it() {
    let mut console = ready();
    console.keys("3/ledger-4.2 <enter>");
    // A head of its own is nearer than the same path in another group.
    console.keys("Gn");
    assert!(line(&console).contains("ledger-4.2"));
    console.keys("n");
    let found = line(&console);
    assert!(found.contains("ledger-4.2"), "{found}");
    console.keys("s");
    let plan = console.model.plan_dialog().expect("a plan");
    assert!(plan.made().is_some());
}

#[test]
fn a_long_list_is_looked_through_a_part_at_a_time() {
    let mut console = ready();
    console.load(large_store(60_000));
    console.keys("3G");
    let lines: usize = console
        .model
        .unsigned
        .groups
        .iter()
        .map(|group| 1 + group.rows.len())
        .sum();
    assert!(lines > 4_000, "{lines} lines");
    // Without the answers of the backend: a key looks at some lines and asks to go on.
    for key in ["/", "q", "%"] {
        let effects = update(
            &mut console.model,
            crate::fixture::now(),
            Msg::Key(key.parse().unwrap()),
        );
        let goes_on = effects
            .iter()
            .any(|effect| matches!(effect, Effect::FindOn));
        assert_eq!(goes_on, key != "/", "{key}: {effects:?}");
        let looked = console
            .model
            .finds
            .scan
            .as_ref()
            .map_or(0, |scan| scan.looked);
        assert!(looked < lines / 2, "{looked} of {lines}");
    }
    let mut parts = 0;
    loop {
        let effects = update(&mut console.model, crate::fixture::now(), Msg::FindOn);
        parts += 1;
        if !effects
            .iter()
            .any(|effect| matches!(effect, Effect::FindOn))
        {
            break;
        }
    }
    assert!(parts > 1 && last_line(&console).contains("no such line"));
    // On another screen nothing of it goes on.
    console.keys("<backspace><backspace>");
    update(
        &mut console.model,
        crate::fixture::now(),
        Msg::Key("%".parse().unwrap()),
    );
    console.keys("<enter>4");
    let before = console.model.access.list;
    assert!(update(&mut console.model, crate::fixture::now(), Msg::FindOn).is_empty());
    assert_eq!(console.model.access.list, before);
}
