//! `/`, `n` and `N` on every list and page: where the cursor goes, what is kept, what is said.

use crate::fixture::{Console, access, large_store, space};
use storekeeper::console::app::msg::{Effect, Msg};
use storekeeper::console::app::update::update;
use storekeeper::console::app::view::draw;
use storekeeper::console::screens;
use storekeeper::console::screens::activity::changes::Change;
use storekeeper::console::screens::activity::job::Job;
use storekeeper::console::screens::activity::state::PastChange;
use storekeeper::console::types::export::Rows;

/// Everything known: the store, keys, roots, a plan, the audit log.
fn ready() -> Console {
    let mut console = Console::with_space((80, 24), "dark", false, space::known());
    console.send(Msg::Access(screens::access::Msg::Snapshot(Ok(
        access::known(access::facts()),
    ))));
    let record = |number: usize, what: &str| PastChange {
        id: format!("r-{number}"),
        what: what.to_owned(),
        ..crate::fixture::past()
    };
    console.send(Msg::Activity(screens::activity::Msg::Audit(Ok(vec![
        record(3, "sign 2 paths"),
        record(2, "revoke a key of bob"),
        record(1, "sign 9 paths"),
    ]))));
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
const LISTS: [(&str, &str, &str, &str); 9] = [
    ("2", "ledger", "ledger-4.0", "ledger-4.1"),
    ("3", "unit", "", ""),
    // It begins as something that is there does.
    ("3", "cli x", "", ""),
    ("3", "4.2", "  ledger-4.2", "ledger-4.2-doc"),
    ("4", "rsa eve", "eve@old", "eve@old"),
    ("5", "LEDGER", "ledger-cli-4.1", "ledger-cli-4.1"),
    ("5<right>", "storefront", "release", "release"),
    ("5<right><right>", "2", "storefront-2.0", "glibc-2.39"),
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
    console.keys("3/4.2<enter>4/eve<enter>2/zlib<enter>");
    for (screen, text) in [("3", "4.2"), ("4", "eve")] {
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
    for (list, words) in [("3j", "cli"), ("4j", "eve")] {
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
fn changes_are_filtered_by_all_that_their_pages_show() {
    let mut console = ready();
    let key = "SHA256:Vq0aVnBKEPuNrB0hbu0R6zh3ZcHtxBhNRQmHVw2oDsw";
    let mut records = vec![crate::fixture::past(); 3];
    for (record, (id, what)) in records.iter_mut().zip([
        ("c", "sign 2 paths"),
        ("b", "revoke a key"),
        ("a", "sign 9 paths"),
    ]) {
        (record.id, record.what) = (id.to_owned(), what.to_owned());
    }
    records[1].lines.push(format!("- {key}"));
    console.send(Msg::Activity(screens::activity::Msg::Audit(Ok(
        records.clone()
    ))));
    let shown = |console: &Console| -> Vec<String> {
        let activity = &console.model.activity;
        let rows = 0..activity.rows(None);
        rows.filter_map(|at| match activity.change(at)? {
            Change::Past(past) => Some(past.id.clone()),
            Change::Job(job) => Some(job.title.clone()),
        })
        .collect()
    };
    console.keys("6");
    for (words, left) in [
        ("PATHS sign", &["c", "a"][..]),
        ("sign 9", &["a"]),
        (key, &["b"]),
        ("ada@laptop", &["c", "b", "a"]),
        ("nobody", &[]),
        ("  ", &["c", "b", "a"]),
    ] {
        console.keys("/");
        console.keys(words);
        assert_eq!(shown(&console), left, "{words}");
        let counted = format!("{} of 3", left.len());
        let counted = screen(&console).iter().any(|line| line.contains(&counted));
        assert!(counted, "{words}");
        console.keys("<enter><esc>");
        assert_eq!(shown(&console).len(), 3, "{words}: esc clears it");
    }
    // What it shows is what enter opens and what is exported, and the cursor stays with its record while others come in.
    console.keys("/revoke<enter>");
    let newer = PastChange {
        id: "d".to_owned(),
        what: "revoke two".to_owned(),
        ..records[0].clone()
    };
    records.insert(0, newer);
    console.send(Msg::Activity(screens::activity::Msg::Audit(Ok(records))));
    assert_eq!(shown(&console), ["d", "b"]);
    assert_eq!(console.model.activity.current_past().unwrap().id, "b");
    console.keys(":export all.json<enter>");
    let (_, list) = console.exported.last().unwrap();
    assert!(matches!(&list.rows, Rows::Values(rows) if rows.len() == 2));
    // sshd's log has words of its own, and a change that runs is never out of sight.
    console.keys("oo");
    assert_eq!(console.model.activity.words().value(), "");
    console.keys("o");
    assert_eq!(console.model.activity.words().value(), "revoke");
    let job = Job::new(
        7,
        "gc",
        "collect garbage".to_owned(),
        crate::fixture::now(),
        1,
    );
    console.model.activity.jobs.insert(0, job);
    console.keys("k");
    assert_eq!(shown(&console), ["collect garbage", "d", "b"]);
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
