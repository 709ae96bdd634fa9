//! sshd's log on screen 6 as it grows: what is new comes in without a key, the cursor stays with its line or at the top, and a
//! filter leaves what is looked for.

use crate::fixture::access::{ed25519, facts, known, print};
use crate::fixture::snapshot::snap;
use crate::fixture::{Console, NOW, now};
use std::sync::Arc;
use storekeeper::console::app::msg::{Effect, Msg};
use storekeeper::console::app::update::update;
use storekeeper::console::app::view::draw;
use storekeeper::console::screens;
use storekeeper::console::types::access::AccessSnapshot;
use storekeeper::console::types::problem::Problem;
use storekeeper::domain::When;
use storekeeper::domain::access::{AccessFacts, LogEvent, LogKind, OwnConnection};
use storekeeper::server::{WatchEvent, Watched};

fn text(console: &Console) -> String {
    let buffer = draw(&console.model);
    let width = usize::from(buffer.area.width);
    let cells = buffer.content.iter().map(ratatui::buffer::Cell::symbol);
    let cells: Vec<&str> = cells.collect();
    let lines = cells.chunks(width).map(<[_]>::concat);
    lines.collect::<Vec<_>>().join("\n")
}

/// So many seconds ago: a login that was authorized, or refused.
fn event(ago: i64, from: &str, port: u16, key: &str, accepted: bool) -> LogEvent {
    let publickey = "publickey".to_owned();
    LogEvent {
        at: When::from_unix(NOW - ago),
        pid: Some(100 + u32::from(port)),
        kind: if accepted {
            LogKind::Accepted(publickey)
        } else {
            LogKind::Failed(publickey)
        },
        user: "nix-ssh".to_owned(),
        address: from.to_owned(),
        port,
        fingerprint: Some(print(key)),
        key_type: Some("ED25519".to_owned()),
    }
}

/// The usual two, and four of the console's own: its key is found, a login, what it ran, and its end. The first and the last
/// name no port.
fn with_ours() -> AccessFacts {
    let mut facts = facts();
    let own = ed25519(4, "root@admin");
    let login = event(600, "10.2.0.1", 50_000, &own, true);
    let session = LogEvent {
        kind: LogKind::Session {
            command: String::new(),
            forced: false,
        },
        ..login.clone()
    };
    let left = LogEvent {
        kind: LogKind::Disconnected,
        address: String::new(),
        port: 0,
        ..login.clone()
    };
    let found = LogEvent {
        at: When::from_unix(NOW - 605),
        kind: LogKind::Found {
            file: "/root/.ssh/authorized_keys".to_owned(),
            line: 1,
        },
        ..left.clone()
    };
    // The same port and the same process of long ago were somebody else's.
    let before = event(9 * 86_400, "10.2.0.1", 50_000, &own, true);
    let events = facts.events.as_mut().unwrap();
    events.extend([found, login, session, left, before]);
    events.sort_by_key(|event| event.at);
    facts.log.own.push(OwnConnection {
        address: "10.2.0.1".to_owned(),
        port: 50_000,
        since: When::from_unix(NOW - 3600),
        until: Some(When::from_unix(NOW - 300)),
    });
    facts
}

fn on(facts: AccessFacts) -> Console {
    let mut console = Console::ready((80, 24), "dark", false);
    console.send(Msg::Access(screens::access::Msg::Snapshot(Ok(known(
        facts,
    )))));
    console.keys("6oo");
    console
}

/// The log has grown by these.
fn grow(console: &mut Console, events: impl IntoIterator<Item = LogEvent>) {
    let changed = Msg::Watch(WatchEvent::Changed(Watched::LoginLog));
    let effects = update(&mut console.model, now(), changed);
    let Some(before) = effects.into_iter().find_map(|effect| match effect {
        Effect::Access(screens::access::Effect::FollowLog { known }) => Some(known),
        _ => None,
    }) else {
        panic!("what is new was not asked for");
    };
    let mut facts = before.facts.clone();
    facts.events.as_mut().unwrap().extend(events);
    console.send(Msg::Access(screens::access::Msg::Followed {
        before,
        known: Ok(known(facts)),
    }));
}

/// The line under the cursor.
fn line(console: &Console) -> String {
    let text = text(console);
    let line = text.lines().find(|line| line.starts_with('>'));
    line.unwrap_or_default().trim_end().to_owned()
}

#[test]
fn what_is_new_is_on_top_and_the_cursor_follows_there_or_stays_with_its_line() {
    let mut console = on(facts());
    let ada = ed25519(1, "ada@ci-3");
    assert!(line(&console).contains("refused"), "{}", text(&console));
    grow(&mut console, [event(9, "10.2.0.3", 1, &ada, true)]);
    // At the top it is followed, as by tail -f.
    assert!(line(&console).contains("ada@ci-3"), "{}", text(&console));
    console.keys("j");
    let at = line(&console);
    assert!(at.contains("refused"), "{at}");
    grow(
        &mut console,
        (0..50).map(|n| event(8, "10.2.0.4", 100 + n, &ada, true)),
    );
    assert_eq!(line(&console), at);
    assert_eq!(console.model.activity.list.cursor, 51);
    // Lines that say the same in the same second are different lines.
    console.keys("gj");
    let same = event(7, "10.2.0.5", 7, &ada, false);
    grow(&mut console, [same.clone(), same.clone()]);
    let cursor = console.model.activity.list.cursor;
    grow(&mut console, [same.clone(), same]);
    assert_eq!(console.model.activity.list.cursor, cursor + 2);
    console.keys("g");
    grow(&mut console, [event(1, "10.9.9.9", 9, &ada, true)]);
    assert!(line(&console).contains("10.9.9.9"), "{}", text(&console));
    assert_eq!(console.model.activity.list.cursor, 0);
}

#[test]
fn a_filter_goes_by_key_comment_address_user_and_what_was_refused() {
    let mut console = on(with_ours());
    let count = |console: &mut Console, keys: &str| {
        console.keys(keys);
        let shown = console.model.activity.log.shown.len();
        console.keys("<esc>");
        assert_eq!(console.model.activity.log.shown.len(), 3, "{keys}");
        shown
    };
    assert_eq!(count(&mut console, "/ADA<enter>"), 1);
    assert_eq!(count(&mut console, "/10.2.0.<enter>"), 3);
    assert_eq!(count(&mut console, "/nix-ssh 10.2.0.9<enter>"), 1);
    assert_eq!(count(&mut console, "/10.2.0.9 nobody<enter>"), 0);
    let print = print(&ed25519(1, "")).to_string();
    assert_eq!(count(&mut console, &format!("/{print}<enter>")), 1);
    assert_eq!(count(&mut console, "F"), 1);
    assert_eq!(count(&mut console, "F/ada<enter>"), 0);
    // While it is typed, what fits is seen, and comes in.
    console.keys("/10.2.0.7");
    assert!(
        text(&console).contains("find 10.2.0.7"),
        "{}",
        text(&console)
    );
    assert!(
        text(&console).contains("0 of 7 in sshd's log"),
        "{}",
        text(&console)
    );
    let ada = ed25519(1, "");
    let new = [
        event(3, "10.2.0.8", 1, &ada, true),
        event(2, "10.2.0.7", 2, &ada, false),
    ];
    grow(&mut console, new);
    assert!(
        text(&console).contains("1 of 9 in sshd's log"),
        "{}",
        text(&console)
    );
    console.keys("<enter>");
    assert!(line(&console).contains("10.2.0.7"), "{}", line(&console));
    // On the list of sessions the key goes to a line.
    console.keys("<esc>6oo/");
    assert!(console.model.finds.typing.is_some());
    assert!(!console.model.activity.typing && !console.model.store.searching);
}

#[test]
fn a_port_that_somebody_else_has_now_hides_nothing() {
    let mut facts = with_ours();
    let own = facts.log.own[0].clone();
    let key = ed25519(4, "root@admin");
    for at in [400, 200] {
        let later = event(at, &own.address, own.port, &key, true);
        facts.events.as_mut().unwrap().push(later);
    }
    // Of another run that had it between.
    facts.log.own.push(OwnConnection {
        since: When::from_unix(NOW - 250),
        until: Some(When::from_unix(NOW - 150)),
        ..own
    });
    let at = event(100, "10.2.0.1", 50_000, &key, true);
    facts.events.as_mut().unwrap().push(at);
    facts.events.as_mut().unwrap().sort_by_key(|event| event.at);
    let console = on(facts);
    let screen = text(&console);
    assert!(
        screen.contains("4 in sshd's log, 6 of ours hidden (m)"),
        "{screen}"
    );
}

#[test]
fn what_this_console_does_is_hidden_with_its_number_until_it_is_asked_for() {
    let mut console = on(with_ours());
    let screen = text(&console);
    assert!(
        screen.contains("3 in sshd's log, 4 of ours hidden (m)"),
        "{screen}"
    );
    assert!(!screen.contains("ours: "), "{screen}");
    console.keys("j");
    let at = line(&console);
    console.keys("m");
    let screen = text(&console);
    assert_eq!(screen.matches("  ours: ").count(), 4, "{screen}");
    assert!(screen.contains("7 in sshd's log"), "{screen}");
    assert_eq!(line(&console), at);
    console.keys("m");
    assert_eq!(line(&console), at);
    // Where nothing else is there, that is said.
    console.keys("/root@admin session<enter>");
    let screen = text(&console);
    assert!(
        screen.contains("Nothing but 1 of ours, by storekeeper; m shows"),
        "{screen}"
    );
    // From the other lists both keys lead there.
    for keys in ["6m", "6F", "6oF"] {
        console.keys("<esc>16oo");
        console.keys("o");
        console.keys(keys);
        assert!(
            text(&console).contains("in sshd's log"),
            "{keys}: {}",
            text(&console)
        );
    }
}

#[test]
fn one_look_at_a_time_and_what_was_read_otherwise_meanwhile_stays() {
    let mut console = on(facts());
    let changed = || Msg::Watch(WatchEvent::Changed(Watched::LoginLog));
    let follows = |effects: Vec<Effect>| -> Vec<Arc<AccessSnapshot>> {
        let known = effects.into_iter().filter_map(|effect| match effect {
            Effect::Access(screens::access::Effect::FollowLog { known }) => Some(known),
            _ => None,
        });
        known.collect()
    };
    let before = follows(update(&mut console.model, now(), changed())).remove(0);
    assert!(follows(update(&mut console.model, now(), changed())).is_empty());
    // Everything was read anew meanwhile, and has a key more.
    let newer = known(with_ours());
    console.send(Msg::Access(screens::access::Msg::Snapshot(Ok(Arc::clone(
        &newer,
    )))));
    let stale = Msg::Access(screens::access::Msg::Followed {
        before: Arc::clone(&before),
        known: Ok(before),
    });
    let again = follows(update(&mut console.model, now(), stale));
    assert!(Arc::ptr_eq(
        console.model.access.known.as_ref().unwrap(),
        &newer
    ));
    assert!(Arc::ptr_eq(&again[0], &newer));
    // One that failed leaves the list, and the next event asks again.
    let failed = Msg::Access(screens::access::Msg::Followed {
        before: newer,
        known: Err(Problem::say("lost")),
    });
    assert!(follows(update(&mut console.model, now(), failed)).is_empty());
    assert!(text(&console).contains("3 in sshd's log"));
    assert_eq!(
        follows(update(&mut console.model, now(), changed())).len(),
        1
    );
}

#[test]
fn very_many_entries_hold_nothing_up() {
    let mut console = on(facts());
    let ada = ed25519(1, "");
    let many = (0..50_000_u32).map(|n| event(5, "10.2.0.6", (n % 60_000) as u16, &ada, n % 2 == 0));
    grow(&mut console, many);
    let mut dropped = console.model.access.known.as_ref().unwrap().facts.clone();
    dropped.log.dropped = 12;
    console.send(Msg::Access(screens::access::Msg::Snapshot(Ok(known(
        dropped,
    )))));
    assert!(
        text(&console).contains("the newest 50,002 in sshd's log"),
        "{}",
        text(&console)
    );
    // A key press looks at what is ready: all of these together take a moment, also in a debug build on a busy machine.
    let begun = std::time::Instant::now();
    console.keys("F/10.2.0.6 nix");
    console.keys("<enter>jjjkkkG");
    assert_eq!(console.model.activity.log.shown.len(), 25_000);
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
}

#[test]
fn the_followed_log_looks_like_this() {
    let keys = |keys: &'static str| {
        move |size, theme: &str| {
            let mut console = Console::ready(size, theme, false);
            console.send(Msg::Access(screens::access::Msg::Snapshot(Ok(known(
                with_ours(),
            )))));
            console.keys("6oo");
            console.keys(keys);
            console.model
        }
    };
    snap("log-ours-hidden", keys("j"));
    snap("log-ours-shown", keys("m"));
    snap("log-filter-typed", keys("/10.2"));
    snap("log-refused", keys("F"));
    snap("log-nothing-matches", keys("/nobody<enter>"));
}
