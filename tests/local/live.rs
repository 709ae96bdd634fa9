//! What changes on the server by itself: an event, what is asked for then, what is on the screen; and that nothing is taken from
//! whoever is typing or reading meanwhile.

use crate::fixture::{Console, facts, now, store};
use std::sync::Arc;
use storekeeper::console::app::layer::Layer;
use storekeeper::console::app::msg::{Effect, Msg};
use storekeeper::console::app::paint::Painter;
use storekeeper::console::app::update::update;
use storekeeper::console::app::view::draw;
use storekeeper::console::screens;
use storekeeper::console::screens::space;
use storekeeper::console::types::problem::Problem;
use storekeeper::domain::Bytes;
use storekeeper::domain::When;
use storekeeper::domain::server_facts::Disk;
use storekeeper::server::{WatchEvent, Watched};

fn ready() -> Console {
    Console::ready((80, 24), "dark", false)
}

fn began(hidden: Vec<Watched>) -> Msg {
    Msg::Watch(WatchEvent::Began { hidden })
}

fn text(console: &Console) -> String {
    let buffer = draw(&console.model);
    let width = usize::from(buffer.area.width);
    let mut text = String::new();
    for (at, cell) in buffer.content.iter().enumerate() {
        if at > 0 && at % width == 0 {
            text.push('\n');
        }
        text.push_str(cell.symbol());
    }
    text
}

/// The effects of one event, in words.
fn asks(event: WatchEvent) -> Vec<String> {
    let mut console = ready();
    let effects = update(&mut console.model, now(), Msg::Watch(event));
    let words = effects.iter().map(|effect| match effect {
        Effect::Renew => "store".to_owned(),
        Effect::Access(screens::access::Effect::Read) => "access".to_owned(),
        Effect::Activity(screens::activity::Effect::ReadAudit) => "audit".to_owned(),
        Effect::Space(space::Effect::Read { .. }) => "space".to_owned(),
        Effect::Store(_) => "measure".to_owned(),
        other => format!("{other:?}"),
    });
    words.filter(|word| word != "measure").collect()
}

#[test]
fn each_event_asks_for_what_it_is_about_and_for_nothing_else() {
    let none: [&str; 0] = [];
    let changed = WatchEvent::Changed;
    assert_eq!(asks(changed(Watched::Database)), ["store"]);
    for what in [
        Watched::KeyFiles,
        Watched::Requests,
        Watched::LoginLog,
        Watched::SshdConfig,
    ] {
        assert_eq!(asks(changed(what)), ["access"], "{what:?}");
    }
    assert_eq!(asks(changed(Watched::AuditLog)), ["audit"]);
    assert_eq!(asks(changed(Watched::Settings)), ["Reprobe"]);
    assert_eq!(asks(changed(Watched::Jobs)), ["audit", "space"]);
    assert_eq!(asks(WatchEvent::GcLock(true)), ["space"]);
    assert_eq!(asks(WatchEvent::GcLock(false)), ["space"]);
    assert_eq!(asks(WatchEvent::Daemon(false)), none);
    assert_eq!(asks(WatchEvent::Alive), none);
}

/// A look may meet a collection that begins and ends between two looks of the watch.
#[test]
fn a_collection_that_the_watch_has_not_seen_is_looked_for_again() {
    let mut console = ready();
    console.send(began(vec![]));
    let mut looks = |event: Option<WatchEvent>, seconds: i64| {
        if let Some(event) = event {
            console.send(Msg::Watch(event));
        }
        console.model.space.known = Some(Arc::new(crate::fixture::space::full()));
        let later = When::from_unix(now().unix() + seconds);
        let effects = update(&mut console.model, later, Msg::Tick);
        let look = |effect: &Effect| matches!(effect, Effect::Space(space::Effect::Read { .. }));
        effects.iter().filter(|effect| look(effect)).count()
    };
    assert_eq!(looks(None, 60), 1);
    assert_eq!(looks(None, 61), 0);
    assert_eq!(looks(None, 120), 1);
    // One that it has seen, it also sees end.
    assert_eq!(looks(Some(WatchEvent::GcLock(true)), 180), 0);
    assert_eq!(looks(Some(WatchEvent::GcLock(false)), 240), 1);
}

#[test]
fn a_daemon_that_is_down_is_the_first_line_until_it_is_back() {
    let mut console = ready();
    console.send(began(vec![]));
    let before = text(&console);
    console.send(Msg::Watch(WatchEvent::Daemon(false)));
    let since: String = now().clock().chars().take(5).collect();
    let down = text(&console);
    let wanted = format!("x  nix-daemon does not listen, since {since}");
    let line = down.lines().position(|line| line.contains(&wanted));
    assert!(line.is_some_and(|line| line < 6), "{down}");
    console.send(Msg::Watch(WatchEvent::Daemon(true)));
    assert_eq!(text(&console), before);
    // Of a server that can't be seen it is not known.
    console.send(Msg::Watch(WatchEvent::Daemon(false)));
    console.send(Msg::WatchEnded(Problem::say("it has no session to spare")));
    assert!(!text(&console).contains("does not listen"));
}

#[test]
fn another_server_has_a_watch_of_its_own() {
    let mut console = ready();
    console.send(began(vec![Watched::Database]));
    console.send(Msg::Watch(WatchEvent::Daemon(false)));
    let here = console.model.cx.server.clone();
    let mut others = console.model.servers.iter().map(|server| &server.name);
    let other = others.find(|name| **name != here).unwrap().clone();
    console.keys(&format!(":server {other}<enter>"));
    assert_eq!(console.model.cx.server, other);
    console.send(Msg::Up(Arc::new(facts())));
    let screen = text(&console);
    assert!(
        !screen.contains("does not listen") && !screen.contains("not live"),
        "{screen}"
    );
}

#[test]
fn a_watch_that_begins_again_makes_everything_be_read_that_may_have_changed() {
    let mut console = ready();
    let begin = |console: &mut Console| {
        let effects = update(&mut console.model, now(), began(vec![]));
        let count = |wanted: fn(&Effect) -> bool| effects.iter().filter(|e| wanted(e)).count();
        [
            count(|effect| matches!(effect, Effect::Renew)),
            count(|effect| matches!(effect, Effect::Access(screens::access::Effect::Read))),
            count(|effect| {
                matches!(
                    effect,
                    Effect::Activity(screens::activity::Effect::ReadAudit)
                )
            }),
            count(|effect| matches!(effect, Effect::Space(space::Effect::Read { .. }))),
        ]
    };
    // After it has connected, everything is being read; the database may have been written to before the watch.
    assert_eq!(begin(&mut console), [1, 0, 0, 0]);
    console.send(Msg::WatchEnded(Problem::say("the script there has ended")));
    assert!(text(&console).contains("not live: the script there has ended"));
    assert_eq!(begin(&mut console), [1; 4]);
    assert!(!text(&console).contains("not live"));
    // Once.
    assert_eq!(begin(&mut console), [0; 4]);
}

#[test]
fn a_disk_that_fills_is_in_the_tab_and_on_the_overview_at_once() {
    let mut console = ready();
    let disk = Disk {
        size: Bytes(1000 << 30),
        used: Bytes(990 << 30),
        available: Bytes(10 << 30),
        inodes: 1000,
        inodes_used: 10,
    };
    assert!(!text(&console).contains("5 Space 99%"));
    console.send(Msg::Watch(WatchEvent::Disk(disk)));
    let full = text(&console);
    assert!(full.contains("5 Space 99%"), "{full}");
    assert!(full.contains("x "), "{full}");
}

#[test]
fn what_is_not_live_says_so_with_its_age_and_why() {
    let mut console = ready();
    console.send(began(vec![]));
    assert!(!text(&console).contains("not live"));
    console.send(Msg::WatchEnded(Problem::say("it has no session to spare")));
    // Wherever one is, the header has it.
    for key in ["1", "2", "3", "4", "5", "6"] {
        console.keys(key);
        let screen = text(&console);
        let header = screen.lines().next().unwrap();
        assert!(header.contains("not live, read "), "{header}");
    }
    console.keys("1");
    assert!(text(&console).contains("not live: it has no session to spare"));

    let mut console = ready();
    console.send(began(vec![Watched::Database, Watched::KeyFiles]));
    let screen = text(&console);
    assert!(
        screen.lines().next().unwrap().contains("not live, read "),
        "{screen}"
    );
    assert!(
        screen.contains("not live: the store, key files can't be watched"),
        "{screen}"
    );
    // A new connection has a watch of its own.
    console.send(Msg::Down {
        problem: Problem::say("lost"),
        again: None,
    });
    console.send(Msg::Up(Arc::new(facts())));
    assert!(!text(&console).contains("not live"));
}

#[test]
fn whoever_types_reads_or_has_a_plan_open_is_left_alone() {
    let all = || {
        let mut all: Vec<Msg> = [
            Watched::Database,
            Watched::KeyFiles,
            Watched::Requests,
            Watched::LoginLog,
            Watched::SshdConfig,
            Watched::AuditLog,
            Watched::Jobs,
        ]
        .map(|what| Msg::Watch(WatchEvent::Changed(what)))
        .into();
        all.push(Msg::Watch(WatchEvent::GcLock(true)));
        all.push(Msg::Watch(WatchEvent::GcLock(false)));
        all
    };
    for keys in ["2/led", "2jj<enter>", "3s", "?", ":si", "2jj", "4j", "6"] {
        let mut console = ready();
        console.keys(keys);
        let plan = |console: &Console| match console.model.layers.last() {
            Some(Layer::Plan(dialog)) => format!("{:?}", dialog.plan),
            other => format!("{:?}", other.is_some()),
        };
        let before = (text(&console), plan(&console), console.model.scope());
        for message in all() {
            console.send(message);
            // The store as it is read again: rows keep their numbers.
            let generation = console.model.cx.data.generation;
            console.send(Msg::Inventory {
                generation,
                inventory: Arc::new(store(usize::MAX)),
                loading: false,
                kept: None,
            });
        }
        let after = (text(&console), plan(&console), console.model.scope());
        assert_eq!(after, before, "{keys}");
    }
}

#[test]
fn a_minute_in_which_nothing_happens_costs_a_few_bytes() {
    for keys in ["1", "2", "3", "4", "5", "6", "2<enter>", "?"] {
        let mut console = ready();
        console.send(began(vec![]));
        console.keys(keys);
        let mut painter = Painter::default();
        let _ = painter.frame(draw(&console.model));
        for minute in 1..=60 {
            let later = When::from_unix(now().unix() + minute * 60);
            let _ = update(&mut console.model, later, Msg::Tick);
            let bytes = painter.frame(draw(&console.model)).len();
            assert!((1..=200).contains(&bytes), "{keys}: {bytes} bytes");
        }
    }
}

#[test]
fn what_is_kept_is_on_the_screen_before_the_connection_with_its_age() {
    let mut console = Console::new(crate::fixture::model((80, 24), "dark", false));
    let kept = When::from_unix(now().unix() - 3 * 3600);
    let send = |console: &mut Console, kept, loading| {
        console.send(Msg::Inventory {
            generation: 1,
            inventory: Arc::new(store(usize::MAX)),
            loading,
            kept,
        });
    };
    send(&mut console, Some(kept), true);
    let screens = ["1", "2", "3"].map(|key| {
        console.keys(key);
        text(&console)
    });
    for screen in &screens {
        assert!(screen.contains("as of 3h ago"), "{screen}");
    }
    // It is searched as always, and nothing of it can be changed.
    console.keys("2/ledger<enter>");
    assert!(text(&console).contains("ledger-4.2"), "{}", text(&console));
    console.keys("s");
    assert!(console.model.layers.is_empty());
    assert!(
        text(&console).contains("not connected"),
        "{}",
        text(&console)
    );
    // The server can't be reached: what is shown is as old as it is.
    console.send(Msg::Down {
        problem: Problem::say("refused"),
        again: None,
    });
    assert!(text(&console).contains("data 3h old"), "{}", text(&console));
    // Connected, and not read yet: a plan would be of what was.
    console.connect();
    console.keys("s");
    assert!(console.model.layers.is_empty());
    assert!(
        text(&console).contains("as it was kept"),
        "{}",
        text(&console)
    );
    // Read again later, it is what the server had a moment ago.
    send(&mut console, None, true);
    assert!(
        text(&console).contains("reading again"),
        "{}",
        text(&console)
    );
    send(&mut console, None, false);
    let after = text(&console);
    assert!(
        !after.contains("as of") && !after.contains("reading again"),
        "{after}"
    );
}

#[test]
fn why_the_store_is_read_through_the_daemon_is_said_beside_its_size_and_on_screen_2() {
    let mut console = ready();
    let read = |console: &mut Console, fallback: Option<&str>| {
        let fallback = fallback.map(str::to_owned);
        console.send(Msg::Read { fallback });
    };
    let before = text(&console);
    read(&mut console, None);
    assert_eq!(text(&console), before);
    read(&mut console, Some("no rights to copy it"));
    let screen = text(&console);
    let line = ".  read through the daemon: no rights to copy it";
    assert!(screen.contains(line), "{screen}");
    assert!(screen.contains("   read through the daemon"), "{screen}");
    // What it means, and what to do.
    let under = |console: &Console| {
        let screen = text(console);
        let mut rows = screen.lines();
        rows.any(|row| row.starts_with('>') && row.contains(line))
    };
    while !under(&console) {
        console.keys("j");
    }
    console.keys("<enter>");
    let page = text(&console);
    assert!(page.contains("reader = \"daemon\""), "{page}");
    console.keys("<esc>2");
    assert!(
        text(&console).contains(", through the daemon"),
        "{}",
        text(&console)
    );
    // The rights were fixed.
    read(&mut console, None);
    console.keys("1");
    assert!(!text(&console).contains("through the daemon"));
    // Another server's reason is its own.
    read(&mut console, Some("no rights"));
    let here = console.model.cx.server.clone();
    let mut others = console.model.servers.iter().map(|server| &server.name);
    let other = others.find(|name| **name != here).unwrap().clone();
    console.keys(&format!(":server {other}<enter>"));
    assert!(!text(&console).contains("through the daemon"));
}
