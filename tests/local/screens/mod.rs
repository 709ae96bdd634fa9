//! Every screen and dialog, with its styles, at the sizes that have to be right.
//!
//! A snapshot has the symbols and below them a run-length dump of the styles of each row: a highlight that moves shows.

mod access;
mod backup;
mod certificate;
mod chosen;
mod installed;
mod pins;
mod space;
mod way;

use crate::fixture::snapshot::{compare, snap};
use crate::fixture::{
    Console, NOW, beginning, facts, large_store, model, now, path, receipt, store,
};
use ratatui::style::{Color, Modifier};
use std::sync::Arc;
use storekeeper::change::Outcome;
use storekeeper::config::Colour;
use storekeeper::console::app::model::{Beginning, Model};
use storekeeper::console::app::msg::Msg;
use storekeeper::console::app::paint::Painter;
use storekeeper::console::app::view::draw;
use storekeeper::console::screens;
use storekeeper::console::screens::activity::job::State;
use storekeeper::console::types::ask::{Ask, AskKind};
use storekeeper::console::types::problem::Problem;
use storekeeper::console::types::server::{Health, ServerChoice};
use storekeeper::console::widgets::theme::{Colours, Glyphs, Theme};
use storekeeper::domain::When;
use storekeeper::domain::auto_sign::AutoSign;
use storekeeper::domain::policy_run::PolicyRun;

/// A ready console after some keys.
pub(crate) fn after(keys: &'static str) -> impl Fn((u16, u16), &str) -> Model {
    move |size, theme| {
        let mut console = Console::ready(size, theme, false);
        console.keys(keys);
        console.model
    }
}

/// A console that was connected, after some more messages.
fn with(size: (u16, u16), theme: &str, change: impl FnOnce(&mut Console)) -> Model {
    let mut console = Console::ready(size, theme, false);
    change(&mut console);
    console.model
}

#[test]
fn overview() {
    snap("overview", after(""));
}

#[test]
fn overview_connecting() {
    snap("overview-connecting", |size, theme| {
        Console::new(model(size, theme, false)).model
    });
}

#[test]
fn overview_failed() {
    snap("overview-failed", |size, theme| {
        let mut console = Console::new(model(size, theme, false));
        console.send(Msg::Failed(Problem::say(
            "root@cache.example.org accepted no login: tried ssh-agent SHA256:abc; add your public key there, load it with ssh-add, or name it with --identity",
        )));
        console.model
    });
}

#[test]
fn choosing_a_theme() {
    let size = (80, 24);
    compare("themes-80x24-dark", &draw(&after("Tjjjjj")(size, "dark")));
    compare("themes-80x24-mono", &draw(&after("T")(size, "mono")));
}

/// What differs is in a file for a light one, and for one with its own background; `snap` looks at every state in every theme.
#[test]
fn a_search_in_other_themes() {
    for theme in ["light", "blue", "high-contrast-light"] {
        let frame = draw(&after("2/ledg 4")((80, 24), theme));
        compare(&format!("store-search-80x24-{theme}"), &frame);
    }
}

#[test]
fn rotating_a_key() {
    snap("rotate-keys", after("3K"));
    snap("rotate", after("3K<enter>"));
}

#[test]
fn a_compromised_key() {
    snap("strip-keys", after("3:compromised<enter>"));
    snap("strip", after("3:compromised<enter>j<enter>"));
}

/// The policy timer on the Overview: its last run, and one that failed.
#[test]
fn policy_timer() {
    let shown = |lines: &'static str| {
        move |size: (u16, u16), theme: &str| {
            let mut console = Console::new(model(size, theme, false));
            console.connect();
            let mut facts = facts();
            facts.policy_timer = Some(PolicyRun::parse(true, false, lines.lines()));
            facts.policy_timer.as_mut().unwrap().at = Some(When::from_unix(NOW - 7200));
            console.send(Msg::Up(Arc::new(facts)));
            console.load(store(usize::MAX));
            console.model
        }
    };
    snap("policy-timer", shown("paths 12\nfreed 3145728"));
    snap(
        "policy-timer-failed",
        shown("problem there is no retention policy"),
    );
}

/// Signing that runs by itself: on the Overview that it is on, on screen 3 and on a page why it has left a path.
#[test]
fn auto_sign() {
    let state = |on: bool| {
        let lines = [
            format!("at {}", NOW - 180),
            "signed 2".to_owned(),
            "waiting 3".to_owned(),
            format!(
                "wait {} needs {}",
                path("storefront-2.0").base_name(),
                path("ledger-4.2").base_name()
            ),
            format!("wait {} name -", path("ledger-4.2").base_name()),
            format!("wait {} uploader -", path("ledger-4.2-doc").base_name()),
        ];
        AutoSign::parse(on, lines.iter().map(String::as_str))
    };
    let after = |keys: &'static str, on: bool| {
        move |size: (u16, u16), theme: &str| {
            let mut console = Console::new(model(size, theme, false));
            console.connect();
            let mut facts = facts();
            facts.auto_sign = Some(state(on));
            console.send(Msg::Up(Arc::new(facts)));
            console.load(store(usize::MAX));
            console.keys(keys);
            console.model
        }
    };
    snap("auto-sign", after("", true));
    snap("auto-sign-off", after("", false));
    snap("auto-sign-unsigned", after("3j<right>j", true));
    snap(
        "auto-sign-path",
        after("2/storefront-2.0<enter><enter>", true),
    );
}

#[test]
fn store_list() {
    snap("store", after("2jj<space>k"));
}

#[test]
fn store_search() {
    snap("store-search", after("2/ledg 4"));
}

#[test]
fn store_filter_and_sort() {
    snap("store-filter", after("2:filter refused<enter>oO"));
}

#[test]
fn store_query_error() {
    snap("store-query-error", after("2:filter oldr:3d<enter>j"));
}

#[test]
fn store_no_match() {
    snap("store-no-match", after("2/zzzzqq<enter>"));
}

#[test]
fn store_loading() {
    snap("store-loading", |size, theme| {
        let mut console = Console::new(model(size, theme, false));
        console.connect();
        console.send(Msg::Inventory {
            generation: 1,
            inventory: Arc::new(store(5)),
            loading: true,
            kept: None,
        });
        console.keys("2");
        console.model
    });
}

#[test]
fn store_not_listed_yet() {
    snap("store-not-listed", |size, theme| {
        let mut console = Console::new(model(size, theme, false));
        console.connect();
        console.keys("2");
        console.model
    });
}

#[test]
fn store_empty() {
    snap("store-empty", |size, theme| {
        let mut console = Console::new(model(size, theme, false));
        console.connect();
        console.load(storekeeper::inventory::Inventory::default());
        console.keys("2");
        console.model
    });
}

#[test]
fn store_disconnected() {
    snap("store-disconnected", |size, theme| {
        with(size, theme, |console| {
            console.keys("2");
            console.model.cx.data.at = Some(When::from_unix(now().unix() - 180));
            console.send(Msg::Down {
                problem: Problem::say(
                    "the connection to cache.example.org is lost: timed out; connect again",
                ),
                again: Some(When::from_unix(now().unix() + 8)),
            });
            console.keys("s");
        })
    });
}

#[test]
fn store_large() {
    snap("store-large", |size, theme| {
        let mut console = Console::new(model(size, theme, false));
        console.connect();
        console.load(large_store(3_000));
        console.keys("2<pgdn><pgdn>");
        console.model
    });
}

#[test]
fn path_page() {
    snap("path", after("2/ledger-4.2<enter><enter>jjjjjjjj"));
}

#[test]
fn path_page_tree() {
    snap(
        "path-tree",
        after("2/storefront-2.0<enter><enter>G<right>jj<right>"),
    );
}

#[test]
fn path_why() {
    snap(
        "path-why",
        after("2/storefront-2<enter><space><esc>/zlib<enter>w"),
    );
}

#[test]
fn unsigned() {
    snap("unsigned", after("3"));
}

#[test]
fn unsigned_open() {
    snap("unsigned-open", after("3j<right>j<space>"));
}

#[test]
fn unsigned_empty() {
    snap("unsigned-empty", |size, theme| {
        let mut console = Console::new(model(size, theme, false));
        console.connect();
        console.load(store(6));
        console.send(Msg::Inventory {
            generation: 5,
            inventory: Arc::new(storekeeper::inventory::Inventory::default()),
            loading: false,
            kept: None,
        });
        console.keys("3");
        console.model
    });
}

#[test]
fn not_yet_built() {
    snap("space", after("5"));
}

#[test]
fn activity() {
    snap("activity", after("6"));
}

#[test]
fn activity_with_a_running_job() {
    snap("activity-running", |size, theme| {
        with(size, theme, |console| {
            console.keys("3As<enter>");
            let job = console.runs[0].0;
            console.send(Msg::Activity(screens::activity::Msg::Progress {
                job,
                done: 3,
                total: 5,
                note: "storefront-2.0".to_owned(),
            }));
            console.keys("6");
        })
    });
}

#[test]
fn activity_empty() {
    snap("activity-empty", |size, theme| {
        let mut console = Console::new(model(size, theme, false));
        console.send(Msg::Up(Arc::new(facts())));
        console.send(Msg::Activity(screens::activity::Msg::Audit(Ok(vec![]))));
        console.keys("6");
        console.model
    });
}

#[test]
fn sign_dialog() {
    snap("sign", after("3As"));
    snap("sign-reason", after("3Asrnightly uploads"));
    snap("sign-list", after("3Asl"));
}

#[test]
fn receipt_of_a_job() {
    snap("receipt", |size, theme| {
        with(size, theme, |console| {
            console.keys("3As<enter>");
            let job = console.runs[0].0;
            let mut receipt = receipt(Outcome::Partial, 3);
            receipt.not_done = 1;
            receipt.failed = vec![storekeeper::change::Failure {
                item: crate::fixture::path("storefront-2.0").to_string(),
                message: "the connection was lost before the answer came; sign again".to_owned(),
            }];
            console.send(Msg::Activity(screens::activity::Msg::Ended {
                job,
                receipt,
            }));
            assert!(matches!(
                console.model.activity.jobs[0].state,
                State::Ended(_)
            ));
        })
    });
}

#[test]
fn help() {
    snap("help", after("2?"));
}

#[test]
fn palette() {
    snap("palette", after("2:sig"));
    snap("palette-filter", after("2:filter uns"));
}

#[test]
fn servers() {
    snap("servers", after("Sj"));
}

#[test]
fn the_choice_of_a_server_says_how_each_is() {
    use storekeeper::judge::health::State as Is;
    let all = [
        (
            "west",
            Health::Is(Is::Fine, "connected to root@west, round trip 12 ms".into()),
        ),
        (
            "east",
            Health::Unreachable("it has not answered within 60 s".into()),
        ),
        (
            "builders",
            Health::Is(
                Is::Critical,
                "Nix's daemon does not answer: clients get nothing".into(),
            ),
        ),
        (
            "attic",
            Health::Is(Is::Unknown, "who may log in is not known".into()),
        ),
    ];
    snap("servers-examined", |size, theme| {
        let mut model = model(size, theme, false);
        model.cx.server = String::new();
        for (name, _) in &all {
            model.servers.push(ServerChoice {
                name: (*name).to_owned(),
                read_only: *name == "attic",
                colour: (*name == "east").then_some(Colour::Red),
                ..model.servers[0].clone()
            });
        }
        let mut console = Console::new(model);
        for (name, health) in &all {
            let (server, health) = ((*name).to_owned(), health.clone());
            console.send(Msg::Examined { server, health });
        }
        console.keys("jj");
        console.model
    });
}

#[test]
fn quit_while_a_job_runs() {
    snap("quit", after("3As<enter>q"));
}

#[test]
fn questions() {
    let ask = |kind, title: &str, lines: &[&str], prompt: &str| Ask {
        id: 1,
        title: title.to_owned(),
        lines: lines.iter().map(|line| (*line).to_owned()).collect(),
        prompt: prompt.to_owned(),
        kind,
    };
    let host = ask(
        AskKind::Yes,
        "Unknown host",
        &[
            "No known_hosts file knows cache.example.org.",
            "ED25519 SHA256:dAdvu94LFqCZqMTxlJDFdLBI3w8GW97cQrhL9do7LBY",
            "Compare it with ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub on the server.",
        ],
        "type yes to trust it:",
    );
    let secret = ask(
        AskKind::Secret,
        "Passphrase",
        &["The key ~/.ssh/id_ed25519 is encrypted."],
        "passphrase:",
    );
    for (name, ask) in [("ask-host", host), ("ask-secret", secret)] {
        snap(name, move |size, theme| {
            let mut console = Console::new(model(size, theme, false));
            console.send(Msg::Ask(ask.clone()));
            console.keys("yes");
            console.model
        });
    }
}

#[test]
fn read_only() {
    snap("read-only", |size, theme| {
        let mut console = Console::ready(size, theme, true);
        console.keys("2s");
        console.model
    });
}

#[test]
fn too_small() {
    let console = Console::ready((59, 16), "dark", false);
    compare("screens__too-small-59x16", &draw(&console.model));
}

#[test]
fn no_colour_and_ascii() {
    let mut console = Console::new(Model::new(Beginning {
        themes: Theme::load(None, Colours::None).unwrap(),
        glyphs: Glyphs::Ascii,
        ..beginning((80, 24), "dark", false)
    }));
    console.connect();
    console.load(store(usize::MAX));
    console.keys("2j<space>");
    let frame = draw(&console.model);
    assert!(frame.content.iter().all(|cell| cell.symbol().is_ascii()
        && cell.fg == Color::Reset
        && cell.bg == Color::Reset));
    let selected = |row: &[ratatui::buffer::Cell]| {
        row[0].symbol() == ">"
            && row
                .iter()
                .any(|cell| cell.modifier.contains(Modifier::REVERSED))
    };
    assert_eq!(
        frame.content.chunks(80).filter(|row| selected(row)).count(),
        1
    );
    compare("screens__store-plain", &frame);
}

/// What a slow link pays for one step.
#[test]
fn a_cursor_step_is_cheap() {
    for screen in ["2", "3", "4", "5", "6"] {
        let mut console = Console::new(model((80, 24), "dark", false));
        console.connect();
        console.load(large_store(3_000));
        console.keys(screen);
        console.keys("jj");
        let mut painter = Painter::default();
        let whole = painter.frame(draw(&console.model)).len();
        assert!(whole < 6_000, "the first frame takes {whole} bytes");
        console.keys("j");
        let step = painter.frame(draw(&console.model)).len();
        assert!(step <= 700, "a step on screen {screen} takes {step} bytes");
        assert!(step > 0 || !["2", "3"].contains(&screen));
        // A key that means nothing says so once; then nothing is new, and nothing written.
        console.keys("Q");
        let said = painter.frame(draw(&console.model)).len();
        assert!(said > 0 && said <= 150, "{said} bytes");
        console.keys("Q");
        painter.frame(draw(&console.model));
        console.keys("Q");
        assert_eq!(painter.frame(draw(&console.model)), "");
    }
}

/// The header, tabs and `? help` are whole at every size that is drawn.
#[test]
fn the_help_hint_is_never_cut_off() {
    for width in 60..=130 {
        for keys in ["", "2", "2<enter>", "3", "4", "5", "6", "3As", "?"] {
            let mut console = Console::ready((width, 16), "dark", false);
            console.keys(keys);
            let frame = draw(&console.model);
            let last: String = frame.content[usize::from(width) * 15..]
                .iter()
                .map(ratatui::buffer::Cell::symbol)
                .collect();
            assert!(last.contains("? help"), "{width} {keys:?}: {last}");
        }
    }
}
