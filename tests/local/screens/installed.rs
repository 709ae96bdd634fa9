//! What runs by itself: listed with its state, installed with what was typed, removed, and reached from where one would look for it.

use crate::fixture::snapshot::{dump, snap};
use crate::fixture::space::{self, known};
use crate::fixture::{Console, facts, installed, model, now, receipt, store};
use std::sync::Arc;
use storekeeper::change::keep::KeepStep;
use storekeeper::change::{Operation, Outcome, Plan};
use storekeeper::console::app::layer::Layer;
use storekeeper::console::app::msg::Msg;
use storekeeper::console::app::view::draw;
use storekeeper::console::screens;
use storekeeper::console::types::change::ChangeKind;
use storekeeper::console::types::problem::Problem;
use storekeeper::domain::auto_sign::AutoSign;
use storekeeper::domain::installable::Installable;
use storekeeper::domain::policy_run::PolicyRun;

/// Auto-sign has run three minutes ago, the policy timer two hours ago.
fn on(size: (u16, u16), theme: &str, installs: bool) -> Console {
    let mut console = Console::new(model(size, theme, false));
    console.space = Some(known());
    if installs {
        console.installed = installed::some();
    }
    console.connect();
    if installs {
        let mut facts = facts();
        let at = |ago: i64| format!("at {}", now().unix() - ago);
        facts.auto_sign = Some(AutoSign::parse(
            true,
            [at(180).as_str(), "signed 2", "waiting 3"],
        ));
        facts.policy_timer = Some(PolicyRun::parse(true, false, [at(7_200).as_str()]));
        console.send(Msg::Up(Arc::new(facts)));
    }
    console.load(store(usize::MAX));
    console
}

fn text(console: &Console) -> String {
    dump(&draw(&console.model))
}

/// What the dialog would change, and the plan that it shows.
fn planned(console: &Console) -> (ChangeKind, Option<Plan>) {
    let dialog = console.model.plan_dialog().unwrap();
    (dialog.change.clone(), dialog.made().cloned())
}

fn lines(plan: &Plan) -> String {
    let lines = plan.lines.iter();
    let lines = lines.map(|(label, text)| format!("{label} {text}"));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn pictures() {
    let after = |keys: &'static str, there| {
        move |size: (u16, u16), theme: &str| {
            let mut console = on(size, theme, there);
            console.keys(keys);
            console.model
        }
    };
    snap("installed-list", after("b", true));
    snap("installed-none", after("3b", false));
    snap(
        "install-auto-sign",
        after("3b<enter>ledger-* docs-*<enter>", false),
    );
    snap("install-gc", after("5b<enter>", false));
    snap("install-lease", after("bjj<enter>", false));
    snap("install-knock", after("4b<enter>", false));
    snap("remove-gc", after("5b<enter>", true));
    snap("remove-lease", after("bjj<enter>", true));
}

#[test]
fn each_screen_has_the_cursor_on_what_belongs_to_it() {
    for (keys, what) in [
        ("3b", Installable::AutoSign),
        ("5b", Installable::PolicyTimer),
        ("4b", Installable::Knock),
        ("1:setup lease", Installable::Lease),
        ("2:setup knock", Installable::Knock),
        ("6:install or rem<enter>", Installable::AutoSign),
    ] {
        let mut console = on((80, 24), "dark", false);
        console.keys(keys);
        console.keys("<enter>");
        let change = planned(&console).0;
        assert!(change.installs(what), "{keys}: {change:?}");
    }
    // Where it is there, it is removed.
    let mut console = on((80, 24), "dark", true);
    console.keys(":setup lease<enter>");
    assert!(matches!(
        planned(&console).0,
        ChangeKind::Remove(Installable::Lease)
    ));
    console.keys("<esc>:setup nothing<enter>");
    let toast = console.model.toast.clone().unwrap();
    assert!(toast.contains("auto-sign | gc | lease | knock"), "{toast}");
}

#[test]
fn the_lines_of_the_overview_lead_there() {
    for (line, at) in [("auto-sign is on", 0), ("policy timer is on", 1)] {
        let mut console = on((80, 24), "dark", true);
        console.keys("1g");
        for _ in 0..20 {
            let shown = text(&console);
            let current = shown.lines().find(|row| row.starts_with('>'));
            if current.is_some_and(|row| row.contains(line)) {
                break;
            }
            console.keys("j");
        }
        console.keys("<enter>");
        let Some(Layer::Installed(list)) = console.model.layers.last() else {
            panic!("{line}: {}", text(&console));
        };
        assert_eq!(list.list.cursor, at, "{line}");
        // And back.
        console.keys("<esc>");
        assert!(console.model.layers.is_empty());
    }
}

#[test]
fn what_is_typed_is_installed() {
    let mut console = on((80, 24), "dark", false);
    // Without a name there is nothing to plan.
    console.keys("3b<enter><enter>");
    let dialog = console.model.plan_dialog().unwrap();
    let why = dialog.plan.as_ref().unwrap().as_ref().unwrap_err();
    assert!(why.to_string().contains("without a name"), "{why}");
    console.keys("nledger-*<enter>x*-secret<enter>");
    let plan = planned(&console).1.unwrap();
    for part in ["+ name ledger-*", "+ never *-secret"] {
        assert!(lines(&plan).contains(part), "{part}: {}", lines(&plan));
    }
    console.keys("uada<enter>");
    let dialog = console.model.plan_dialog().unwrap();
    let why = dialog.plan.as_ref().unwrap().as_ref().unwrap_err();
    assert!(why.to_string().contains("no fingerprint"), "{why}");
    console.keys("u<ctrl-u><enter>rby the book<enter>");
    let runs = console.runs.len();
    // A warning that is not on the screen is read first.
    console.keys("lG<esc><enter>");
    assert_eq!(console.runs.len(), runs + 1, "{}", text(&console));
    let (job, plan) = console.runs.last().unwrap().clone();
    assert_eq!(
        (plan.change, plan.reason.as_deref()),
        ("install-auto-sign", Some("by the book"))
    );
    // It is looked at anew what says how it is.
    console.asked.clear();
    let receipt = receipt(Outcome::Done, 1);
    console.send(Msg::Activity(screens::activity::Msg::Ended {
        job,
        receipt,
    }));
    for wanted in ["Reprobe", "Access(Read)", "Space(Read {"] {
        let asked = console.asked.iter().any(|asked| asked.contains(wanted));
        assert!(asked, "{wanted}: {:?}", console.asked);
    }
}

#[test]
fn one_default_per_rule_and_what_is_typed_instead() {
    let mut console = on((80, 24), "dark", false);
    console.keys(":setup gc<enter>");
    assert!(lines(&planned(&console).1.unwrap()).contains("+ OnCalendar=daily"));
    console.keys("eSun 03:00<enter>p/opt/storekeeper<enter>");
    let plan = planned(&console).1.unwrap();
    assert!(
        lines(&plan).contains("+ OnCalendar=Sun 03:00"),
        "{}",
        lines(&plan)
    );
    assert!(
        lines(&plan).contains("effect a run would take"),
        "{}",
        lines(&plan)
    );
    console.keys("<esc>:setup lease<enter>");
    assert!(planned(&console).1.unwrap().summary.contains("14 days"));
    console.keys("e7<enter>");
    assert!(planned(&console).1.unwrap().summary.contains("7 days"));
    console.keys("e<ctrl-u>0<enter>");
    let dialog = console.model.plan_dialog().unwrap();
    let why = dialog.plan.as_ref().unwrap().as_ref().unwrap_err();
    assert!(why.to_string().contains("1 to 3650"), "{why}");
}

#[test]
fn what_is_there_is_removed_or_installed_with_other_choices() {
    let mut console = on((80, 24), "dark", true);
    console.keys("5b<enter>");
    let plan = planned(&console).1.unwrap();
    assert_eq!(plan.change, "remove-gc");
    assert!(
        plan.warnings[0].contains("somebody has edited it"),
        "{:?}",
        plan.warnings
    );
    assert!(lines(&plan).contains("timer.d, which storekeeper has not written"));
    let Operation::Keep(steps) = &plan.operation else {
        panic!()
    };
    assert!(matches!(&steps[..], [KeepStep::Remove(removal)] if removal.files.len() == 5));
    // What was chosen stands in the fields of the other plan.
    console.keys("o");
    let plan = planned(&console).1.unwrap();
    assert_eq!(plan.change, "install-gc");
    assert!(
        lines(&plan).contains("+ OnCalendar=Sun 03:00"),
        "{}",
        lines(&plan)
    );
    console.keys("o<enter>");
    assert_eq!(console.runs.last().unwrap().1.change, "remove-gc");
    // A lease goes by its word: what it alone keeps is dead then.
    console.keys("<esc>:setup lease<enter><enter>");
    let runs = console.runs.len();
    console.keys("no<enter>");
    assert_eq!(console.runs.len(), runs);
    console.keys("<ctrl-u>remove<enter>");
    assert_eq!(console.runs.last().unwrap().1.change, "remove-lease");
}

#[test]
fn nothing_is_chosen_before_it_is_known_and_nothing_done_under_read_only() {
    let mut console = Console::new(model((80, 24), "dark", true));
    console.space = Some(space::known());
    console.keys("b");
    let toast = console.model.toast.clone().unwrap();
    assert!(toast.starts_with("Cannot install: "), "{toast}");
    console.connect();
    console.load(store(usize::MAX));
    console.keys("b");
    if let Some(Layer::Installed(list)) = console.model.layers.last_mut() {
        list.all = None;
    }
    assert!(text(&console).contains("being looked at"));
    console.keys("<enter>");
    let toast = console.model.toast.clone().unwrap();
    assert!(toast.contains("still being looked at"), "{toast}");
    console.send(Msg::Installed(Err(Problem::say("the connection is gone"))));
    assert!(text(&console).contains("the connection is gone"));
    console.keys("<esc>bjj<enter><enter>");
    assert!(console.runs.is_empty(), "{:?}", console.runs);
    // A look that comes when the list is closed opens nothing.
    console.keys("<esc>");
    console.send(Msg::Installed(Ok(installed::none())));
    assert!(console.model.layers.is_empty());
}
