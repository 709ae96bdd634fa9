//! Journeys: a state, keys, the state after; and what must hold for any keys at all.

use crate::fixture::{
    Console, any_key, large_store, model, now, path, receipt, store, store_before, store_shuffled,
};
use crate::help::processor_time;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;
use storekeeper::change::{KeySource, Outcome};
use storekeeper::console::app::layer::Layer;
use storekeeper::console::app::model::Model;
use storekeeper::console::app::msg::{Effect, Msg};
use storekeeper::console::app::update::update;
use storekeeper::console::app::view::draw;
use storekeeper::console::screens;
use storekeeper::console::screens::check::Target;
use storekeeper::console::types::action::Act;
use storekeeper::console::types::ask::{Ask, AskKind, Source};
use storekeeper::console::types::change::Family;
use storekeeper::console::types::key::Key;
use storekeeper::console::types::problem::Problem;
use storekeeper::console::types::screen::Screen;
use storekeeper::console::types::server::{Health, Link};
use storekeeper::domain::When;
use storekeeper::inventory::GroupKind;
use storekeeper::judge::health::State;

fn ready() -> Console {
    Console::ready((80, 24), "dark", false)
}

/// Keys, and what is then on the screen in one line.
type See = fn(&Console) -> String;

#[test]
#[expect(clippy::too_many_lines, reason = "one table, read from top to bottom")]
fn journeys() {
    let screen = |model: &Model| format!("{:?}", model.screen);
    let layer: See = |console| match console.model.layers.last() {
        None => "none".to_owned(),
        Some(Layer::Help(_)) => "help".to_owned(),
        Some(Layer::Palette(_)) => "palette".to_owned(),
        Some(Layer::Plan(dialog)) => match dialog.change.family() {
            Family::Sign => "sign".to_owned(),
            Family::Access => "access".to_owned(),
            Family::Space => "space".to_owned(),
        },
        Some(Layer::Text(text)) => text.title.clone(),
        Some(Layer::Ask { .. }) => "ask".to_owned(),
        Some(Layer::Clients(_)) => "clients".to_owned(),
        Some(Layer::SigningKeys(_)) => "signing keys".to_owned(),
        Some(Layer::Columns(_)) => "columns".to_owned(),
        Some(Layer::Servers(_)) => "servers".to_owned(),
        Some(Layer::Themes(_)) => "themes".to_owned(),
        Some(Layer::Waiting(_)) => "plans".to_owned(),
        Some(Layer::Installed(_)) => "runs by itself".to_owned(),
        Some(Layer::Verify(_)) => "verify".to_owned(),
        Some(Layer::Quit) => "quit".to_owned(),
    };
    let at: See = |console| console.current();
    let marks: See = |console| console.marked().join(" ");
    let toast: See = |console| console.model.toast.clone().unwrap_or_default();
    let _ = screen;
    let place: See = |console| format!("{:?}", console.model.screen);
    let quits: See = |console| console.model.quit.to_string();
    let journeys: &[(&str, See, &str)] = &[
        // Screens.
        ("3", place, "Unsigned"),
        ("<tab><tab>", place, "Unsigned"),
        ("<shift-tab>", place, "Activity"),
        ("<enter>", place, "Unsigned"),
        // Lists.
        ("2", at, "curl-8.7.1"),
        ("2j", at, "glibc-2.39"),
        ("2jjk", at, "glibc-2.39"),
        ("2G", at, "zlib-1.3.1"),
        ("2Gg", at, "curl-8.7.1"),
        ("2<down><pgdn>", at, "zlib-1.3.1"),
        // Search: keys type, enter keeps, esc clears.
        ("2/zlib", at, "zlib-1.3.1"),
        ("2/zlib<enter>q", quits, "true"),
        ("2/zlibq", quits, "false"),
        ("2/zlib<esc>", at, "curl-8.7.1"),
        ("2/zlib<enter><esc>", at, "curl-8.7.1"),
        ("/", place, "Store"),
        ("3/", place, "Unsigned"),
        // Order.
        ("2o", at, "storefront-2.0"),
        ("2oO", at, "ledger-4.2-doc"),
        ("2ooo", at, "storefront-2.0"),
        ("2./ledger.drv<enter>", at, "ledger-4.2.drv"),
        // Marks.
        ("2<space><space>", marks, "curl-8.7.1 glibc-2.39"),
        ("2<space>k<space>", marks, ""),
        ("2jvjjv", marks, "glibc-2.39 ledger-4.0 ledger-4.1"),
        ("2/store<enter>*", marks, "storefront-1.0 storefront-2.0"),
        ("2*u", marks, ""),
        (
            "2/storefront-2.0<enter>c",
            marks,
            "curl-8.7.1 glibc-2.39 ledger-4.2 openssl-3.0.13 storefront-2.0 zlib-1.3.1",
        ),
        (
            "2/storefront-2.0<enter>c",
            toast,
            "6 paths marked, 87.3 MiB",
        ),
        ("2/zlib<enter>c<esc>/storefront-2.0<enter>cu", marks, ""),
        (
            "3jc",
            marks,
            "curl-8.7.1 glibc-2.39 ledger-4.2 openssl-3.0.13 storefront-2.0 zlib-1.3.1",
        ),
        (
            "3*",
            marks,
            "ledger-4.2 ledger-4.2-doc ledger-cli-4.1 orphan-tool-0.1 storefront-2.0",
        ),
        ("3j<space>", marks, "ledger-4.2 storefront-2.0"),
        ("3j<right>j<space>", marks, "storefront-2.0"),
        // A rotation: the choice of a key, its plan, and back.
        ("3K", layer, "signing keys"),
        ("2:rotate a signing<enter>", layer, "signing keys"),
        ("3K<esc>", layer, "none"),
        ("3K<enter>", layer, "sign"),
        ("3K<enter><esc>", at, "ledger-cli-4.1"),
        (
            "3K<enter>c",
            toast,
            "Cannot sign closures: a rotation signs what only one key has signed, and nothing else",
        ),
        // A compromised key: its signatures go only by a word.
        ("3:compromised<enter>", layer, "signing keys"),
        ("3:compromised<enter><enter>", layer, "space"),
        (
            "3:compromised<enter><enter><enter>no<enter>",
            toast,
            "type strip, all of it, or press esc",
        ),
        // What runs by itself: the list, the plan of one, and back.
        ("b", layer, "runs by itself"),
        ("4:runs by itself<enter>", layer, "runs by itself"),
        ("b<esc>", layer, "none"),
        ("b<enter>", layer, "space"),
        ("b<enter><esc><esc>", layer, "none"),
        (":setup lease<enter>", layer, "space"),
        (
            ":setup cron<enter>",
            toast,
            "\"cron\" is none: write setup auto-sign | gc | lease | knock: installs it, or removes it",
        ),
        (
            ":setup knock<enter>x",
            toast,
            "Cannot name what is never signed: this installs no auto-sign",
        ),
        // Pages.
        ("2<enter>", at, "curl-8.7.1"),
        ("2<enter><esc>j", at, "glibc-2.39"),
        ("2/storefront-2<enter><enter>G<right>j", at, "curl-8.7.1"),
        (
            "2/storefront-2<enter><enter>G<right>j<right>j",
            at,
            "glibc-2.39",
        ),
        (
            "2/storefront-2<enter><enter>G<right>j<right>j<left><left>",
            at,
            "curl-8.7.1",
        ),
        // Why.
        (
            "2w",
            toast,
            "Cannot show why it is alive: the server has not been asked for its roots yet",
        ),
        (
            "2/storefront-2<enter><space><esc>/zlib<enter>w",
            layer,
            "Why depends",
        ),
        // Dialogs.
        ("?", layer, "help"),
        ("?<esc>", layer, "none"),
        ("?q", layer, "none"),
        ("?q", quits, "false"),
        (":", layer, "palette"),
        (":<esc>", layer, "none"),
        (":unsigned<enter>", place, "Unsigned"),
        (":filter bad<enter>", at, "ledger-cli-4.1"),
        (":filter bad<enter><esc>", at, "curl-8.7.1"),
        (":sort size<enter>", at, "storefront-2.0"),
        (
            ":sort colour<enter>",
            toast,
            "there is no column \"colour\"; sort name | size | closure | added | used | trust",
        ),
        (
            ":nothing of the kind<enter>",
            toast,
            "no action is called \"nothing of the kind\"; ? lists them",
        ),
        (
            ":pin<enter>",
            toast,
            "Cannot pin the marked paths: no path is marked or under the cursor",
        ),
        ("2C", layer, "verify"),
        ("2C<esc>", layer, "none"),
        (
            "2C<enter>",
            toast,
            "verify all 14 paths (152 MiB): running, 6 shows how far",
        ),
        ("S", layer, "servers"),
        ("S<esc>", layer, "none"),
        ("T", layer, "themes"),
        ("T<enter>", layer, "none"),
        (
            "Tj<enter>",
            toast,
            "theme light until you quit; theme = \"light\" in the configuration keeps it",
        ),
        // Elsewhere.
        (
            "a",
            toast,
            "Cannot approve the request: this is done on screen 4",
        ),
        ("x", place, "Space"),
        (
            "xx",
            toast,
            "Cannot plan a collection: the server has not been asked for its roots yet",
        ),
        ("5<tab>", place, "Activity"),
        ("2p", layer, "space"),
        // A key that does nothing says so, once.
        ("2Q", toast, "Q does nothing here; ? lists the keys"),
        ("2QQ", toast, ""),
        ("2Q1Q", toast, "Q does nothing here; ? lists the keys"),
        (":filter size>20M<enter>", at, "glibc-2.39"),
        // A toast goes with the next key.
        ("aj", toast, ""),
        // Signing.
        ("s", layer, "sign"),
        ("s<esc>", layer, "none"),
        ("2s", layer, "sign"),
        ("3As<enter>", layer, "none"),
        ("sl", layer, "5 paths, 65.2 MiB"),
        ("slq", layer, "sign"),
        ("srsq<enter>", layer, "sign"),
        ("s<enter>q", layer, "quit"),
        ("s<enter>q<esc>", layer, "none"),
        ("s<enter>qy", quits, "false"),
        ("s<enter>qyy", quits, "true"),
        ("q", quits, "true"),
        ("2q", quits, "true"),
    ];
    for (keys, see, expected) in journeys {
        let mut console = ready();
        console.keys(keys);
        assert_eq!(see(&console), *expected, "after {keys:?}");
    }
}

#[test]
fn leaving_waits_for_the_receipt_of_what_it_has_cancelled() {
    let mut console = ready();
    console.keys("3As<enter>qy");
    let job = console.runs[0].0;
    assert!(!console.model.quit && console.model.activity.jobs[0].cancelling);
    let receipt = receipt(Outcome::Cancelled, 1);
    console.send(Msg::Activity(screens::activity::Msg::Ended {
        job,
        receipt,
    }));
    assert!(console.model.quit);
    // A key held down does not quit at once, without the receipt.
    let mut console = ready();
    console.keys("3As<enter>qy");
    console.send(Msg::Held("y".parse().unwrap()));
    assert!(console.model.leaving && !console.model.quit);
    // Whoever closes the question stays, whatever becomes of the job.
    let mut console = ready();
    console.keys("3As<enter>qy<esc>");
    let job = console.runs[0].0;
    console.send(Msg::Activity(screens::activity::Msg::Ended {
        job,
        receipt: self::receipt(Outcome::Cancelled, 1),
    }));
    assert!(!console.model.quit);
}

/// A signal, or a terminal that is gone: what runs is cancelled and waited for, whatever lies over the screen.
#[test]
fn whoever_ends_it_waits_for_the_receipt_too() {
    let mut console = ready();
    console.keys("3As<enter>?");
    let job = console.runs[0].0;
    let effects = update(&mut console.model, now(), Msg::Terminate);
    assert!(matches!(effects[..], [Effect::Cancel(cancelled)] if cancelled == job));
    assert!(console.model.leaving && !console.model.quit);
    // The terminal goes a moment after the signal.
    update(&mut console.model, now(), Msg::Terminate);
    assert!(!console.model.quit);
    console.send(Msg::Activity(screens::activity::Msg::Ended {
        job,
        receipt: receipt(Outcome::Cancelled, 1),
    }));
    assert!(console.model.quit);
    let mut console = ready();
    console.keys("3As<enter>");
    update(&mut console.model, now(), Msg::Terminate);
    update(&mut console.model, now(), Msg::EndNow);
    assert!(console.model.quit);
}

#[test]
fn a_notice_that_comes_by_itself_gives_the_last_line_back() {
    let mut console = ready();
    console.keys("2<space>");
    let last = |console: &Console| {
        let frame = draw(&console.model);
        let row = frame.area.height - 1;
        (0..frame.area.width)
            .filter_map(|column| Some(frame.cell((column, row))?.symbol()))
            .collect::<String>()
    };
    assert!(last(&console).contains("1 marked"), "{}", last(&console));
    console.send(Msg::Toast("read 3,000 paths".to_owned()));
    let first = console.model.toasts;
    assert!(last(&console).contains("read 3,000 paths"));
    // Another notice has a time of its own.
    console.send(Msg::Toast("read 3,001 paths".to_owned()));
    console.send(Msg::ToastOver(first));
    assert!(last(&console).contains("read 3,001 paths"));
    console.send(Msg::ToastOver(console.model.toasts));
    assert!(last(&console).contains("1 marked"), "{}", last(&console));
}

#[test]
fn signing_from_the_keys() {
    let mut console = ready();
    console.keys("3As");
    assert!(console.runs.is_empty(), "a dialog changes nothing");
    console.keys("rnightly<enter>");
    assert!(
        console.runs.is_empty(),
        "the key that ends the reason confirms nothing"
    );
    console.keys("<enter>");
    let (job, plan) = console.runs[0].clone();
    assert_eq!(plan.items.len(), 5);
    assert_eq!(plan.reason.as_deref(), Some("nightly"));
    console.keys("<enter>6c");
    assert_eq!(console.runs.len(), 1);
    assert!(
        console
            .asked
            .iter()
            .any(|effect| effect == &format!("Cancel({job})"))
    );
    console.send(Msg::Activity(screens::activity::Msg::Ended {
        job,
        receipt: receipt(Outcome::Cancelled, 2),
    }));
    assert!(
        matches!(console.model.layers.last(), Some(Layer::Text(text)) if text.title == "Receipt")
    );
}

/// A plan with so many warnings, and the frame of its dialog at the smallest size.
fn warned(console: &mut Console, warnings: usize) {
    let plan = match console.model.layers.last_mut() {
        Some(Layer::Plan(dialog)) => dialog.plan.as_mut(),
        _ => None,
    };
    let plan = plan.and_then(|plan| plan.as_mut().ok()).unwrap();
    plan.warnings = (0..warnings)
        .map(|n| format!("{n} paths carry a wrong signature by cache.example.org-1, which stays beside the new one"))
        .collect();
}

#[test]
fn a_warning_that_is_not_on_the_screen_is_not_confirmed() {
    let text = |console: &Console| {
        let frame = draw(&console.model);
        let cells = frame.content().iter().map(ratatui::buffer::Cell::symbol);
        cells.collect::<String>()
    };
    // One warning has room even at the smallest size, and its last words are seen.
    let mut console = Console::ready((60, 16), "dark", false);
    console.keys("3As");
    warned(&mut console, 1);
    assert!(text(&console).contains("new one"), "{}", text(&console));
    console.keys("<enter>");
    assert_eq!(console.runs.len(), 1);
    // Several have not: the plan waits until they were read, to the last.
    let mut console = Console::ready((60, 16), "dark", false);
    console.keys("3As");
    warned(&mut console, 9);
    console.keys("<enter>");
    assert!(console.runs.is_empty());
    assert!(text(&console).contains("a warning is not on the screen"));
    console.keys("l<esc><enter>");
    assert!(
        console.runs.is_empty(),
        "the list was not scrolled to the last warning"
    );
    console.keys("lG<esc><enter>");
    assert_eq!(console.runs.len(), 1);
    // A larger terminal shows them.
    let mut console = Console::ready((120, 50), "dark", false);
    console.keys("3As");
    warned(&mut console, 9);
    console.keys("<enter>");
    assert_eq!(console.runs.len(), 1);
}

#[test]
fn what_a_line_names_is_what_is_signed() {
    let names = |console: &Console| {
        let items = console.runs[0].1.items.iter();
        let mut names: Vec<String> = items
            .filter_map(|item| Some(item.path()?.name().to_owned()))
            .collect();
        names.sort_unstable();
        names
    };
    let both = ["ledger-4.2", "storefront-2.0"];
    for keys in [
        "3js",
        "3j:sign.open<enter>",
        "3j<right>s",
        "3j<space>s",
        "3jvvs",
    ] {
        let mut console = ready();
        console.keys(keys);
        console.keys("<enter>");
        assert_eq!(console.runs.len(), 1, "after {keys:?}");
        assert_eq!(names(&console), both, "after {keys:?}");
    }
    // The page of a path tells of all that it needs.
    for keys in ["2/storefront-2<enter><enter>s", "3j<right>j<enter>s"] {
        let mut console = ready();
        console.keys(keys);
        console.keys("<enter>");
        assert_eq!(console.runs.len(), 1, "after {keys:?}");
        assert_eq!(names(&console), both, "after {keys:?}");
    }
    // A mark that was left elsewhere is named, and what is under the cursor is named as what is not signed.
    let mut console = ready();
    console.keys("2/orphan<enter><space><esc>3js");
    let frame = draw(&console.model);
    let text: String = frame
        .content()
        .iter()
        .map(ratatui::buffer::Cell::symbol)
        .collect();
    assert!(text.contains("Sign 1 path"), "{text}");
    assert!(text.contains("not storefront-2.0 and 1 it needs"), "{text}");
    console.keys("<esc>us<enter>");
    assert_eq!(names(&console), both);
}

/// Between a search, or another state of the store, and its answer the list still shows what was there before.
#[test]
fn all_that_is_shown_is_marked_or_written_once_it_is_all_there() {
    for screen in ["2", "3"] {
        let mut console = Console::ready((80, 24), "dark", false);
        console.keys(screen);
        let newer = Msg::Inventory {
            generation: console.model.cx.data.generation,
            inventory: Arc::new(store(usize::MAX)),
            loading: false,
            kept: None,
        };
        let effects = update(&mut console.model, now(), newer);
        console.keys("*:export all.json<enter>");
        assert_eq!(console.marked(), Vec::<String>::new());
        assert!(console.exported.is_empty());
        let said = console.model.toast.clone();
        let why = "the list is still being made; press it again";
        assert_eq!(said.as_deref(), Some(why));
        console.answer_all(effects);
        console.keys("*:export all.json<enter>");
        assert!(!console.marked().is_empty() && console.exported.len() == 1);
    }
    // A search whose answer has not come marks nothing of the list before it.
    let mut console = Console::ready((80, 24), "dark", false);
    console.keys("2/");
    let typed = Msg::Key(Key::char('l'));
    let effects = update(&mut console.model, now(), typed);
    console.keys("<enter>*");
    assert_eq!(console.marked(), Vec::<String>::new());
    console.answer_all(effects);
    console.keys("*");
    assert_eq!(console.marked().len(), console.listed().len());
    // Nor does one that is wrong.
    let mut console = Console::ready((80, 24), "dark", false);
    console.keys("2:filter oldr:3d<enter>*:export all.json<enter>");
    assert_eq!(console.marked(), Vec::<String>::new());
    assert!(console.exported.is_empty());
    assert!(console.model.toast.unwrap().contains("oldr"));
}

/// While the store is read, a line names what is known, the plan is that, and what comes in later gets lines of its own.
#[test]
fn a_group_that_grows_is_signed_as_it_was_named() {
    let mut console = Console::new(model((80, 24), "dark", false));
    console.connect();
    let send = |console: &mut Console, inventory, loading| {
        console.send(Msg::Inventory {
            generation: 1,
            inventory: Arc::new(inventory),
            loading,
            kept: None,
        });
    };
    let shown = |console: &Console| -> String {
        let frame = draw(&console.model);
        let cells = frame.content().iter();
        cells.map(ratatui::buffer::Cell::symbol).collect()
    };
    send(&mut console, store_before("ledger-4.2"), true);
    console.keys("3j");
    assert!(
        shown(&console).contains(">    storefront-2.0  "),
        "{}",
        shown(&console)
    );
    console.keys("s");
    let plan = shown(&console);
    assert!(plan.contains("Sign 1 path"), "{plan}");
    // More comes in while the dialog is open: it stays what it was.
    send(&mut console, store(14), false);
    assert!(
        shown(&console).contains("Sign 1 path"),
        "{}",
        shown(&console)
    );
    console.keys("<esc>s");
    assert!(
        shown(&console).contains("Sign 2 paths"),
        "{}",
        shown(&console)
    );
    console.keys("<esc>");
    assert!(
        shown(&console).contains("storefront-2.0 and 1 it needs"),
        "{}",
        shown(&console)
    );
}

#[test]
fn the_text_of_a_running_job_goes_on_with_it() {
    let mut console = ready();
    console.keys("3As<enter>6<enter>");
    let job = console.runs[0].0;
    let shown = |console: &Console| match console.model.layers.last() {
        Some(Layer::Text(text)) => format!("{}: {}", text.title, text.lines.join(" ")),
        _ => String::new(),
    };
    assert!(shown(&console).contains("0 of 5"), "{}", shown(&console));
    console.send(Msg::Activity(screens::activity::Msg::Progress {
        job,
        done: 3,
        total: 5,
        note: "signing".to_owned(),
    }));
    assert!(shown(&console).contains("3 of 5"), "{}", shown(&console));
    console.send(Msg::Activity(screens::activity::Msg::Log {
        job,
        line: "a line".to_owned(),
    }));
    assert!(shown(&console).contains("a line"), "{}", shown(&console));
    console.send(Msg::Activity(screens::activity::Msg::Ended {
        job,
        receipt: receipt(Outcome::Done, 5),
    }));
    assert!(shown(&console).contains("Receipt: "), "{}", shown(&console));
}

#[test]
fn a_key_that_is_held_down_confirms_nothing() {
    let enter: Key = "enter".parse().unwrap();
    for keys in ["3A", ":sign<enter>"] {
        let mut console = ready();
        console.keys(keys);
        if keys == "3A" {
            console.keys("s");
        }
        console.send(Msg::Held(enter));
        console.send(Msg::Held(enter));
        assert!(console.runs.is_empty(), "after {keys:?}");
        assert!(console.model.toast.as_ref().unwrap().contains("held down"));
        console.keys("<enter>");
        assert_eq!(console.runs.len(), 1);
    }
    // Elsewhere it does what it always does.
    let mut console = ready();
    console.keys("2");
    let first = console.current();
    console.send(Msg::Held("j".parse().unwrap()));
    assert_ne!(console.current(), first);
}

#[test]
fn marked_paths_are_signed_else_the_current_one() {
    for (keys, names) in [
        ("2/ledger-4.2-doc<enter>s", vec!["ledger-4.2-doc"]),
        ("3j<right>jj<space>gs", vec!["ledger-4.2"]),
        ("3js", vec!["ledger-4.2", "storefront-2.0"]),
        ("2/orphan<enter><space><esc>s", vec!["orphan-tool-0.1"]),
        // With its closure; what others have signed stays out of it.
        (
            "2/storefront-2<enter>sc",
            vec!["ledger-4.2", "storefront-2.0"],
        ),
        ("2/storefront-2<enter>s", vec!["storefront-2.0"]),
    ] {
        let mut console = ready();
        console.keys(keys);
        console.keys("<enter>");
        let mut signed: Vec<&str> = console.runs[0]
            .1
            .items
            .iter()
            .filter_map(|item| Some(item.path()?.name()))
            .collect();
        signed.sort_unstable();
        assert_eq!(signed, names, "after {keys:?}");
    }
}

#[test]
fn another_key_can_sign() {
    let mut console = ready();
    console.model.sources.push(Source {
        label: "k-2, the file /home/ada/k2.sec".to_owned(),
        key: KeySource::Local {
            file: "/home/ada/k2.sec".into(),
            name: "k-2".to_owned(),
        },
    });
    console.keys("sk<enter>");
    let storekeeper::change::Operation::Sign { with, .. } = &console.runs[0].1.operation else {
        panic!("another operation");
    };
    assert!(matches!(with, KeySource::Local { name, .. } if name == "k-2"));
}

#[test]
fn what_cannot_be_done_says_why() {
    let mut console = ready();
    console.send(Msg::Down {
        problem: Problem::say("gone"),
        again: Some(When::from_unix(now().unix() + 8)),
    });
    console.keys("2s");
    assert!(
        console
            .model
            .toast
            .as_deref()
            .unwrap()
            .contains("not connected")
    );
    assert!(console.model.layers.is_empty());
    // Lists stay usable.
    console.keys("j/zlib<enter>");
    assert_eq!(console.current(), "zlib-1.3.1");
    console.keys("R");
    assert_eq!(console.asked.last().unwrap(), "Reconnect");

    // A link that breaks while the dialog is open stops the confirmation too.
    let mut console = ready();
    console.keys("s");
    console.send(Msg::Down {
        problem: Problem::say("gone"),
        again: None,
    });
    console.keys("<enter>");
    assert!(console.runs.is_empty());
    assert!(
        console
            .model
            .toast
            .as_deref()
            .unwrap()
            .contains("not connected")
    );
}

#[test]
fn marks_cursor_and_pages_go_with_their_paths() {
    let mut console = ready();
    console.keys("2jj<space>j<space>");
    let (marked, current) = (console.marked(), console.current());
    assert_eq!(marked.len(), 2);
    console.load(store_shuffled("orphan-tool-0.1"));
    assert_eq!(
        (console.marked(), console.current()),
        (marked.clone(), current)
    );
    // What is gone loses its mark, and only that.
    console.load(store_shuffled(&marked[0]));
    assert_eq!(console.marked(), marked[1..]);
    // A page follows its path, or closes.
    console.load(store(usize::MAX));
    console.keys("/storefront-2<enter><enter>");
    console.load(store_shuffled("orphan-tool-0.1"));
    assert_eq!(console.current(), "storefront-2.0");
    console.load(store_shuffled("storefront-2.0"));
    assert!(console.model.page().is_none());
}

#[test]
fn a_plan_of_another_numbering_is_closed() {
    let mut console = ready();
    console.keys("2s");
    console.load(store_shuffled("zlib-1.3.1"));
    assert!(console.model.layers.is_empty());
    console.keys("<enter>");
    assert!(console.runs.is_empty());
}

#[test]
fn older_answers_are_dropped() {
    let mut console = ready();
    console.keys("2/zlib<enter>");
    let listed = console.listed();
    let (request_id, generation) = (
        console.model.store.request_id - 1,
        console.model.cx.data.generation,
    );
    console.send(Msg::Store(screens::store::Msg::View {
        request_id,
        generation,
        view: storekeeper::inventory::View {
            partial: false,
            rows: [0, 1].into(),
            hidden_drv: 0,
        },
    }));
    assert_eq!(console.listed(), listed);
}

#[test]
fn questions_take_a_whole_yes() {
    let ask = |id, kind| {
        Msg::Ask(Ask {
            id,
            title: "t".to_owned(),
            lines: vec![],
            prompt: "p".to_owned(),
            kind,
        })
    };
    let mut console = Console::new(model((80, 24), "dark", false));
    console.send(ask(1, AskKind::Yes));
    console.keys("y<enter>");
    assert!(console.answers.is_empty());
    console.keys("es<enter>");
    console.send(ask(2, AskKind::Secret));
    console.keys("hunter2");
    let debug = format!("{:?}", console.model);
    assert!(
        !debug.contains("hunter2"),
        "a secret is never in what is printed"
    );
    console.keys("<enter>");
    console.send(ask(3, AskKind::Secret));
    console.keys("x<esc>");
    assert_eq!(
        console.answers,
        [
            (1, Some("yes".to_owned())),
            (2, Some("hunter2".to_owned())),
            (3, None)
        ]
    );
    assert!(
        !console
            .asked
            .iter()
            .any(|effect| effect.contains("hunter2"))
    );
    // A pasted secret never confirms by its line end.
    console.send(ask(4, AskKind::Secret));
    console.send(Msg::Paste("pass phrase\n".to_owned()));
    assert_eq!(console.answers.len(), 3);
    console.keys("<enter>");
    assert_eq!(console.answers[3].1.as_deref(), Some("pass phrase"));
}

#[test]
fn a_paste_does_not_act() {
    let mut console = ready();
    console.send(Msg::Paste("sq\n".to_owned()));
    assert!(!console.model.quit && console.model.layers.is_empty());
    console.keys("2/");
    console.send(Msg::Paste("zl\nib".to_owned()));
    assert_eq!(console.model.store.search.value(), "zl ib");
}

#[test]
fn the_palette_remembers() {
    let mut console = ready();
    console.keys(":theme light<enter>:sort size<enter>:<up><up><enter>");
    assert_eq!(console.model.theme().name, "light");
    assert_eq!(console.model.history.lines(), ["sort size", "theme light"]);
}

#[test]
fn a_theme_is_tried_before_it_is_taken() {
    let shown = |console: &Console| console.model.theme().name.clone();
    for (keys, tried, after_esc) in [
        ("Tj", "light", "dark"),
        ("Tjk", "dark", "dark"),
        ("TG", "mist", "dark"),
        ("Tj<enter>TG", "mist", "light"),
        ("2Tjjjj?", "mono", "mono"),
    ] {
        let mut console = ready();
        console.keys(keys);
        assert_eq!(shown(&console), tried, "{keys}");
        console.keys("<esc>");
        assert_eq!(shown(&console), after_esc, "{keys}");
    }
    // The frame behind the dialog is drawn in it.
    let mut console = ready();
    console.keys("T");
    let before = draw(&console.model);
    console.keys("jj");
    let after = draw(&console.model);
    assert_ne!(before[(0, 0)].bg, after[(0, 0)].bg);
    console.keys("q");
    assert_eq!(draw(&console.model)[(0, 0)].bg, before[(0, 0)].bg);
}

#[test]
fn copying() {
    let mut console = ready();
    console.keys("2/zlib<enter>y");
    assert_eq!(console.copied, [path("zlib-1.3.1").to_string()]);
    assert!(
        console
            .model
            .toast
            .as_deref()
            .unwrap()
            .starts_with("copied")
    );
    let mut console = Console::new(model((80, 24), "dark", false));
    console.send(Msg::Failed(Problem {
        message: "no".to_owned(),
        hint: None,
        details: "no, because".to_owned(),
    }));
    console.keys("y");
    assert_eq!(console.copied, ["no, because"]);
}

#[test]
fn switching_servers_leaves_nothing_behind() {
    let mut console = ready();
    console.keys("2<space>Sj<enter>");
    assert_eq!(console.model.cx.server, "staging");
    assert!(console.model.cx.data.inventory.is_none() && console.model.cx.marks.count() == 0);
    assert_eq!(console.model.cx.link, Link::Connecting);
    assert!(console.asked.last().unwrap().contains("staging"));
    // Not while a job runs.
    let mut console = ready();
    console.keys("s<enter>S");
    assert!(console.model.layers.is_empty());
}

#[test]
fn without_a_server_one_is_chosen_first() {
    let mut unchosen = model((80, 24), "dark", false);
    unchosen.cx.server = String::new();
    let mut console = Console::new(unchosen);
    // Each is asked how it is, and none is connected to.
    assert!(matches!(
        console.model.layers.last(),
        Some(Layer::Servers(_))
    ));
    let asked = |console: &Console, what: &str| {
        console
            .asked
            .iter()
            .filter(|one| one.starts_with(what))
            .count()
    };
    assert_eq!(
        (asked(&console, "Examine"), asked(&console, "Connect")),
        (2, 0)
    );
    let health = Health::Is(State::Warning, "3 paths would be refused".to_owned());
    console.send(Msg::Examined {
        server: "staging".to_owned(),
        health: health.clone(),
    });
    console.keys("j<enter>");
    assert_eq!(
        (console.model.cx.server.as_str(), asked(&console, "Connect")),
        ("staging", 1)
    );
    assert_eq!(console.model.servers[1].health, health);
    // The one that is on the screen says itself how it is; what goes on is not asked for again.
    console.keys("S<esc>S");
    assert_eq!(asked(&console, "Examine"), 2);
    console.send(Msg::Examined {
        server: "prod".to_owned(),
        health: Health::Unreachable("away".to_owned()),
    });
    console.keys("<esc>S");
    assert_eq!(asked(&console, "Examine"), 3);
    console.keys("<esc>");
    assert!(!console.model.quit);

    // Behind the choice there is nothing.
    for leave in ["<esc>", "q"] {
        let mut unchosen = model((80, 24), "dark", false);
        unchosen.cx.server = String::new();
        let mut console = Console::new(unchosen);
        console.keys(leave);
        assert!(console.model.quit, "{leave}");
    }
}

#[test]
fn coming_back_to_a_server_is_coming_back_to_ones_place() {
    let mut console = ready();
    console.keys("2o./storefront<enter>j<enter>");
    let before = (
        console.current(),
        console.model.store.sort,
        console.model.pages.len(),
    );
    assert_eq!(before.2, 1);
    console.keys("Sj<enter>");
    // The same screen, and nothing of the search there.
    assert_eq!(console.model.screen, Screen::Store);
    assert_eq!(console.model.store.search.value(), "");
    console.keys("3Sk<enter>");
    assert_eq!(console.model.cx.server, "prod");
    // Another numbering, as a store has that was read anew.
    console.connect();
    console.load(store(usize::MAX));
    assert_eq!(console.model.screen, Screen::Store);
    assert_eq!(console.model.store.search.value(), "storefront");
    assert_eq!(
        (
            console.current(),
            console.model.store.sort,
            console.model.pages.len()
        ),
        before
    );
    console.keys("<esc>");
    let list = console.current();
    // Where one has gone since is not left again when more of the store comes in.
    console.keys("j");
    let moved = console.current();
    assert_ne!(moved, list);
    console.connect();
    console.load(store(usize::MAX));
    assert_eq!((console.current(), console.model.pages.len()), (moved, 0));
}

#[test]
fn too_small_lets_only_quit_act() {
    let mut console = ready();
    console.keys("2");
    console.send(Msg::Resize(59, 24));
    console.keys("s<enter>jj<space>3?");
    assert_eq!(console.model.screen, Screen::Store);
    assert!(console.model.layers.is_empty() && console.model.cx.marks.count() == 0);
    console.keys("q");
    assert!(console.model.quit);
}

#[test]
fn seconds_are_counted_only_where_they_are_shown() {
    let mut console = ready();
    assert!(!console.model.counts_seconds());
    console.keys("s<enter>");
    assert!(console.model.counts_seconds());
    let job = console.runs[0].0;
    console.send(Msg::Activity(screens::activity::Msg::Ended {
        job,
        receipt: receipt(Outcome::Done, 5),
    }));
    assert!(!console.model.counts_seconds());
}

#[test]
fn signed_paths_leave_the_unsigned_screen() {
    let mut console = ready();
    console.keys("3");
    assert_eq!(console.model.unsigned.groups.len(), 4);
    console.load(store(6));
    assert_eq!(console.model.unsigned.groups.len(), 0);
}

#[test]
fn a_step_looks_at_no_more_than_the_view() {
    // Not a measurement, a smell: a thousand steps through a store of forty thousand take no time to speak of.
    let mut console = Console::new(model((80, 24), "dark", false));
    console.connect();
    console.load(large_store(40_000));
    console.keys("2");
    let start = processor_time();
    for _ in 0..1_000 {
        update(&mut console.model, now(), Msg::Key(Key::char('j')));
    }
    let took = processor_time().saturating_sub(start);
    assert!(took < std::time::Duration::from_secs(2), "{took:?}");
}

/// Messages of a backend that has its good and bad days.
fn any_message() -> impl Strategy<Value = Message> {
    prop_oneof![
        12 => any_key().prop_map(Message::Key),
        1 => "\\PC{0,12}".prop_map(Message::Paste),
        1 => (0u16..140, 0u16..50).prop_map(|(width, height)| Message::Resize(width, height)),
        1 => Just(Message::Down),
        1 => Just(Message::Up),
        1 => (0usize..15).prop_map(Message::Loading),
        1 => Just(Message::Shuffle),
        1 => Just(Message::Ask),
        1 => Just(Message::Ended),
        1 => (-3i32..4).prop_map(Message::Wheel),
    ]
}

#[derive(Debug, Clone)]
enum Message {
    Key(Key),
    Paste(String),
    Resize(u16, u16),
    Down,
    Up,
    Loading(usize),
    Shuffle,
    Ask,
    Ended,
    Wheel(i32),
}

fn deliver(console: &mut Console, message: Message) {
    match message {
        Message::Key(key) => console.key(key),
        Message::Paste(text) => console.send(Msg::Paste(text)),
        Message::Resize(width, height) => console.send(Msg::Resize(width, height)),
        Message::Down => console.send(Msg::Down {
            problem: Problem::say("the link is gone"),
            again: Some(When::from_unix(now().unix() + 3)),
        }),
        Message::Up => console.connect(),
        Message::Loading(read) => {
            let generation = console.model.cx.data.generation + 1;
            console.send(Msg::Inventory {
                generation,
                inventory: Arc::new(store(read)),
                loading: true,
                kept: None,
            });
        }
        Message::Shuffle => console.load(store_shuffled("ledger-4.2")),
        Message::Ask => console.send(Msg::Ask(Ask {
            id: 1,
            title: "Question \u{1b}[2J".to_owned(),
            lines: vec!["a \u{202e} line".to_owned()],
            prompt: "p".to_owned(),
            kind: AskKind::Secret,
        })),
        Message::Ended => {
            if let Some((job, _)) = console.runs.last() {
                let job = *job;
                console.send(Msg::Activity(screens::activity::Msg::Ended {
                    job,
                    receipt: receipt(Outcome::Partial, 1),
                }));
            }
        }
        Message::Wheel(rows) => console.send(Msg::Wheel(rows)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Read-only: no sequence of keys starts a change.
    #[test]
    fn read_only_changes_nothing(keys in proptest::collection::vec(any_key(), 0..120)) {
        let mut console = Console::ready((80, 24), "dark", true);
        for key in keys {
            console.key(key);
        }
        prop_assert!(console.runs.is_empty());
        prop_assert!(!console.asked.iter().any(|effect| effect.starts_with("Run")));
    }

    /// The gate holds by itself: with every dialog open and every reason ignored, read-only confirms nothing.
    #[test]
    fn read_only_holds_at_the_gate(keys in proptest::collection::vec(any_key(), 0..60)) {
        let mut console = ready();
        console.keys("3As");
        console.model.cx.policy.read_only = true;
        for key in keys {
            console.key(key);
        }
        prop_assert!(console.runs.is_empty());
    }

    /// Any messages, any size: the frame can be drawn, and nothing hostile is in it.
    #[test]
    fn nothing_makes_it_fall(messages in proptest::collection::vec(any_message(), 0..80), width in 0u16..150, height in 0u16..50) {
        let mut console = Console::ready((width, height), "dark", false);
        for message in messages {
            deliver(&mut console, message);
            let frame = draw(&console.model);
            prop_assert_eq!((frame.area.width, frame.area.height), console.model.cx.size);
        }
        let frame = draw(&console.model);
        let hostile = |c: char| c.is_control() || u32::from(c) == 0x202e;
        prop_assert!(!frame.content.iter().any(|cell| cell.symbol().chars().any(hostile)));
    }

    /// The filtered list is a part of the whole, in any order a permutation.
    #[test]
    fn lists_hold_what_they_should(keys in "[oO.ZLDEUM]{0,8}", search in "[a-z0-9.-]{0,4}") {
        let mut console = ready();
        console.keys("2.");
        let mut whole = console.listed();
        console.keys(&keys);
        if keys.matches('.').count() % 2 == 0 {
            let mut sorted = console.listed();
            sorted.sort();
            whole.sort();
            prop_assert_eq!(&sorted, &whole);
        }
        console.keys("/");
        console.keys(&search);
        prop_assert!(console.listed().iter().all(|name| whole.contains(name) || name.rsplit_once('.').is_some_and(|(_, end)| end == "drv")));
    }

    /// Marks survive a refresh by identity, whatever was marked.
    #[test]
    fn marks_survive_a_refresh(keys in "[jkvGg *u]{0,30}") {
        let mut console = ready();
        console.keys("2");
        console.keys(&keys.replace(' ', "<space>"));
        let (marked, current) = (console.marked(), console.current());
        console.load(store_shuffled("nothing"));
        prop_assert_eq!(console.marked(), marked);
        prop_assert_eq!(console.current(), current);
    }

    /// A frame is changed only by what the model says: drawing twice gives the same.
    #[test]
    fn drawing_is_pure(messages in proptest::collection::vec(any_message(), 0..20)) {
        let mut console = ready();
        for message in messages {
            deliver(&mut console, message);
        }
        prop_assert_eq!(draw(&console.model), draw(&console.model));
    }
}

/// No key of a dialog that confirms is a control key, and none of the keys that open one confirms it.
#[test]
fn the_opening_key_does_not_confirm() {
    let console = ready();
    let confirms = console.model.cx.keymap.keys(Act::ConfirmPlan);
    for act in [Act::Sign, Act::SignAll] {
        for key in console.model.cx.keymap.keys(act) {
            assert!(!confirms.contains(key) && !key.ctrl);
        }
    }
}

#[test]
fn effects_of_an_ended_console_are_none() {
    let mut console = ready();
    let effects = update(&mut console.model, now(), Msg::Terminate);
    assert!(console.model.quit && effects.is_empty());
    let effects: Vec<Effect> = update(&mut console.model, now(), Msg::Tick);
    assert!(effects.is_empty());
}

fn with_access() -> Console {
    let mut console = ready();
    console.send(Msg::Access(screens::access::Msg::Snapshot(Ok(
        crate::fixture::access::known(crate::fixture::access::facts()),
    ))));
    console
}

fn approved() -> storekeeper::domain::access::AccessFacts {
    let mut facts = crate::fixture::access::facts();
    let requests = facts.requests.as_mut().unwrap();
    requests.remove(0);
    facts
}

#[test]
fn a_key_pressed_after_its_subject_has_gone_acts_on_nothing_else() {
    let mut console = with_access();
    console.keys("4gj");
    let before = console.model.access.anchor.clone();
    assert!(before.is_some());
    // Somebody else decided on the first request: the cursor stays on the second line's subject.
    console.send(Msg::Access(screens::access::Msg::Snapshot(Ok(
        crate::fixture::access::known(approved()),
    ))));
    assert_eq!(console.model.access.anchor, before);
    // What the cursor is on goes away: it goes to a neighbour, and the first key is refused.
    let mut console = with_access();
    console.keys("4gd<esc>");
    console.send(Msg::Access(screens::access::Msg::Snapshot(Ok(
        crate::fixture::access::known(approved()),
    ))));
    let act = match console.model.access.current().unwrap() {
        storekeeper::console::types::access::Line::Request(_) => "d",
        _ => "r",
    };
    console.keys(act);
    assert!(console.model.layers.is_empty(), "acted on another subject");
    let toast = console.model.toast.clone().unwrap_or_default();
    assert!(toast.contains("the list has changed"), "{toast}");
    console.keys(act);
    assert!(matches!(console.model.layers.last(), Some(Layer::Plan(_))));
}

#[test]
fn a_renumbered_store_does_not_turn_a_key_on_a_neighbour() {
    let mut console = ready();
    console.keys("2jj");
    let gone = console.current();
    console.load(store_shuffled(&gone));
    assert_ne!(console.current(), gone);
    console.keys("s");
    assert!(console.model.layers.is_empty());
    console.keys("s");
    assert!(matches!(console.model.layers.last(), Some(Layer::Plan(_))));
    // Another order is asked for by a key, so nothing of the old one is expected.
    let mut console = ready();
    console.keys("2jos");
    assert!(matches!(console.model.layers.last(), Some(Layer::Plan(_))));
}

#[test]
fn a_line_of_the_overview_leads_to_what_it_names_and_back() {
    let console = with_access();
    let lines = storekeeper::console::screens::overview::view::lines(&console.model.inputs());
    let (mut arrived, mut refused) = (0, BTreeSet::new());
    for (at, line) in lines.iter().enumerate() {
        let mut console = with_access();
        // Wherever the cursor of that screen was before.
        console.keys(if at % 2 == 0 { "3G4G1" } else { "" });
        console.keys(&format!("{}<enter>", "j".repeat(at)));
        match &line.target {
            Some(Target::Access(anchor)) => {
                assert_eq!(console.model.access.anchor.as_ref(), Some(anchor));
                arrived += 1;
            }
            Some(Target::Refused { bad }) => {
                let group = console.model.unsigned.current_group().unwrap();
                let first = if *bad {
                    GroupKind::Bad
                } else {
                    GroupKind::Closure
                };
                assert_eq!(group.kind, first, "{line:?}");
                refused.insert(*bad);
            }
            _ => {}
        }
        if line.screen.is_some() {
            assert_ne!(console.model.screen, Screen::Overview);
            console.keys("<esc>");
            assert_eq!(console.model.screen, Screen::Overview, "{line:?}");
            assert_eq!(console.model.overview.list.cursor, at);
        }
    }
    assert!(arrived > 1);
    assert_eq!(refused, [false, true].into());
}

#[test]
fn the_cursor_of_the_overview_stays_on_its_line_wherever_that_goes() {
    let ids = |console: &Console| -> Vec<String> {
        let lines = storekeeper::console::screens::overview::view::lines(&console.model.inputs());
        lines.into_iter().map(|line| line.id).collect()
    };
    // No request waits any more.
    let change = |console: &mut Console| {
        let mut facts = crate::fixture::access::facts();
        facts.requests = Ok(vec![]);
        console.send(Msg::Access(screens::access::Msg::Snapshot(Ok(
            crate::fixture::access::known(facts),
        ))));
    };
    let mut console = with_access();
    let before = ids(&console);
    change(&mut console);
    let after = ids(&console);
    let mut moved = 0;
    for (at, id) in before.iter().enumerate() {
        let Some(to) = after.iter().position(|other| other == id) else {
            continue;
        };
        let mut console = with_access();
        console.keys(&"j".repeat(at));
        change(&mut console);
        // Whose cursor was never moved sees what is first.
        if at > 0 {
            assert_eq!(console.model.overview.list.cursor, to, "{id}");
            moved += usize::from(at != to);
        }
    }
    assert!(moved > 0, "{before:?} {after:?}");
}

#[test]
fn a_path_that_the_server_cannot_read_is_gone_to_whatever_hides_it() {
    for before in ["", "2/curl<enter>1", ":filter bad<enter>1"] {
        let mut console = ready();
        console.load(crate::fixture::store_unreadable("storefront-1.0"));
        console.keys(before);
        let lines = storekeeper::console::screens::overview::view::lines(&console.model.inputs());
        let at = lines.iter().position(|line| line.id == "unreadable-paths");
        let steps = "j".repeat(at.unwrap());
        console.keys(&format!("g{steps}<enter>"));
        assert_eq!(console.model.screen, Screen::Store);
        assert_eq!(console.current(), "storefront-1.0", "after {before:?}");
        console.keys("<esc>");
        assert_eq!(console.model.screen, Screen::Overview);
    }
}

/// Each list: what is under the cursor stays under it when the list changes, and a key acts on nothing else.
#[test]
fn the_cursor_of_each_list_keeps_its_subject() {
    let lists: [(&str, See); 4] = [
        ("1jj", |console| {
            let lines =
                storekeeper::console::screens::overview::view::lines(&console.model.inputs());
            lines[console.model.overview.list.cursor].id.clone()
        }),
        ("2jjj", |console| console.current()),
        ("3j", |console| console.current()),
        ("2/storefront-2<enter><enter>G<right>j", |console| {
            console.current()
        }),
    ];
    for (keys, subject) in lists {
        let mut console = with_access();
        console.keys(keys);
        let before = subject(&console);
        // Rows have other numbers, and one path above is gone.
        console.load(store_shuffled("ledger-4.2-doc"));
        assert_eq!(subject(&console), before, "after {keys:?}");
        console.load(store(usize::MAX));
        assert_eq!(subject(&console), before, "after {keys:?}");
    }
}

#[test]
fn the_cursor_stays_on_its_record_when_a_newer_one_comes() {
    let mut console = ready();
    let record = |id: &str| storekeeper::console::screens::activity::state::PastChange {
        id: id.to_owned(),
        ..crate::fixture::past()
    };
    console.send(Msg::Activity(screens::activity::Msg::Audit(Ok(vec![
        record("b"),
        record("a"),
    ]))));
    console.keys("6");
    let id = |console: &Console| {
        console
            .model
            .activity
            .current_past()
            .map(|past| past.id.clone())
    };
    assert_eq!(id(&console).as_deref(), Some("b"));
    console.send(Msg::Activity(screens::activity::Msg::Audit(Ok(vec![
        record("c"),
        record("b"),
        record("a"),
    ]))));
    assert_eq!(id(&console).as_deref(), Some("b"));
}
