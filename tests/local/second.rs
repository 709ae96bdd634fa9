//! Plans that wait for a second administrator, in the console: found from the Overview and by a key, confirmed by another login, dropped by
//! one's own, and said before the first confirmation.

use crate::fixture::access::{certified, facts, known};
use crate::fixture::snapshot::snap;
use crate::fixture::space::{self, waiting, waiting_of};
use crate::fixture::{Console, receipt};
use crate::habits::rows;
use std::sync::Arc;
use storekeeper::change::{Outcome, Plan, Receipt, Second, Waits, two};
use storekeeper::console::app::layer::Layer;
use storekeeper::console::app::msg::Msg;
use storekeeper::console::screens;
use storekeeper::console::types::access::{AccessSnapshot, Line};
use storekeeper::console::types::space::SpaceSnapshot;
use storekeeper::domain::two_persons::{FoundPlan, Intent};

fn with(size: (u16, u16), theme: &str, read_only: bool, plans: Vec<FoundPlan>) -> Console {
    let known = SpaceSnapshot {
        two: Ok(space::two_persons(plans)),
        ..space::known()
    };
    let mut console = Console::with_space(size, theme, read_only, known);
    console.send(Msg::Access(screens::access::Msg::Snapshot(Ok(
        known_access(),
    ))));
    console
}

fn known_access() -> Arc<AccessSnapshot> {
    known(facts())
}

fn two() -> Vec<FoundPlan> {
    vec![waiting("7f3a0011", "ada", 1), waiting("8f3a0012", "bob", 2)]
}

/// Plans to revoke a key.
fn revoke(console: &mut Console) {
    console.keys("4g");
    for _ in 0..20 {
        if let Some(Line::Key(entry)) = console.model.access.current()
            && entry.row.comment == "ada@ci-3"
        {
            return console.keys("r");
        }
        console.keys("j");
    }
    panic!("{}", shown(console));
}

fn shown(console: &Console) -> String {
    rows(console).join("\n")
}

/// Puts the cursor of the Overview on the line with this text, and opens it.
fn open(console: &mut Console, text: &str) {
    console.keys("1g");
    for _ in 0..30 {
        let found = rows(console);
        let line = found.iter().find(|row| row.starts_with('>'));
        if line.is_some_and(|row| row.contains(text)) {
            console.keys("<enter>");
            return;
        }
        console.keys("j");
    }
    panic!("{}", shown(console));
}

#[test]
fn another_administrator_goes_from_the_overview_to_the_second_confirmation() {
    let mut console = with((80, 24), "dark", false, two());
    open(&mut console, "2 plans wait for a second administrator");
    let list = shown(&console);
    assert!(
        list.contains("7f3a0011") && list.contains("confirm: revoke"),
        "{list}"
    );
    assert!(list.contains("drop (your own)"), "{list}");
    console.keys("<enter>");
    let plan = console.model.plan_dialog().unwrap().made().unwrap();
    assert!(matches!(plan.second, Some(Second::Confirms(_))));
    assert_eq!(plan.reason.as_deref(), Some("the machine is gone"));
    assert!(
        shown(&console).contains("by root via ada@laptop"),
        "{}",
        shown(&console)
    );
    let runs = console.runs.len();
    // As any plan that takes something away: by its word.
    console.keys("<enter>revok<enter>");
    assert_eq!(console.runs.len(), runs);
    console.keys("e<enter>");
    assert_eq!(console.runs.len(), runs + 1);
    let job = console.runs.last().unwrap().0;
    let receipt = Receipt {
        planned_by: Some("root via ada@laptop".into()),
        ..receipt(Outcome::Done, 1)
    };
    console.send(Msg::Activity(screens::activity::Msg::Ended {
        job,
        receipt,
    }));
    assert!(
        shown(&console).contains("planned   by root via ada@laptop"),
        "{}",
        shown(&console)
    );
}

#[test]
fn one_s_own_is_dropped_and_not_confirmed() {
    let mut console = with((80, 24), "dark", false, two());
    console.keys("Jj<enter>");
    let plan = console.model.plan_dialog().unwrap().made().unwrap();
    assert_eq!((plan.change, plan.second.is_none()), ("drop-plan", true));
    let runs = console.runs.len();
    console.keys("<enter>drop<enter>");
    assert_eq!(console.runs.len(), runs + 1);
}

#[test]
fn where_none_waits_that_is_said_and_nothing_is_confirmed_under_read_only() {
    let mut console = with((80, 24), "dark", false, vec![]);
    console.keys("1");
    assert!(!shown(&console).contains("second administrator"));
    console.keys("J");
    assert!(
        shown(&console).contains("no plan waits"),
        "{}",
        shown(&console)
    );
    let mut console = with((80, 24), "dark", true, two());
    console.keys("J<enter><enter>revoke<enter>");
    assert!(console.runs.is_empty());
}

#[test]
fn the_first_is_told_before_and_after() {
    let mut console = with((80, 24), "dark", false, vec![]);
    revoke(&mut console);
    let Some(Layer::Plan(dialog)) = console.model.layers.last_mut() else {
        panic!()
    };
    let Some(Ok(plan)) = &mut dialog.plan else {
        panic!()
    };
    plan.second = Some(Second::Needed);
    let text = shown(&console);
    assert!(
        text.contains("it waits for another administrator"),
        "{text}"
    );
    console.keys("<enter>revoke<enter>");
    let job = console.runs.last().unwrap().0;
    let receipt = Receipt {
        result: Outcome::Waiting,
        waits: Some(Box::new(Waits {
            plan: "7f3a0011".into(),
            until: space::two_persons(vec![]).at,
            by: "root via ada@laptop".into(),
        })),
        ..receipt(Outcome::Done, 0)
    };
    console.send(Msg::Activity(screens::activity::Msg::Ended {
        job,
        receipt,
    }));
    let text = shown(&console);
    assert!(text.contains("waits     plan 7f3a0011"), "{text}");
    assert!(text.contains("Nothing was changed yet."), "{text}");
    assert!(
        console.model.undo().is_none(),
        "nothing was done that could be undone"
    );
}

/// What the dialog that is open would do.
fn made(console: &Console) -> Plan {
    let dialog = console.model.plan_dialog();
    let made = dialog.and_then(|dialog| dialog.made());
    made.unwrap_or_else(|| panic!("{}", shown(console))).clone()
}

/// Another administrator's console, where this plan waits.
fn where_waits(size: (u16, u16), theme: &str, plan: &Plan) -> Console {
    with(
        size,
        theme,
        false,
        vec![waiting_of(plan, "7f3a0011", "ada", 1)],
    )
}

const SMALL: (u16, u16) = (80, 24);

#[test]
fn a_collection_is_confirmed_by_the_second_from_what_the_first_has_seen() {
    let mut first = with(SMALL, "dark", false, vec![]);
    first.keys("5W");
    let plan = made(&first);
    let mut console = where_waits(SMALL, "dark", &plan);
    open(&mut console, "1 plan waits for a second administrator");
    assert!(
        shown(&console).contains("confirm: collect"),
        "{}",
        shown(&console)
    );
    console.keys("<enter>");
    let again = made(&console);
    assert!(matches!(again.second, Some(Second::Confirms(_))));
    assert_eq!(again.items, plan.items);
    console.keys("<enter>collect<enter>");
    assert_eq!(console.runs.len(), 1);
    assert_eq!(console.runs[0].1.items, plan.items);
}

#[test]
fn several_roots_are_confirmed_by_the_second() {
    let mut first = with(SMALL, "dark", false, vec![]);
    first.keys("5:generations 10d<enter>");
    let plan = made(&first);
    assert_eq!(plan.items.len(), 2);
    let mut console = where_waits(SMALL, "dark", &plan);
    console.keys("J<enter>");
    assert_eq!(made(&console).items, plan.items);
    console.keys("<enter>remove<enter>");
    assert_eq!(console.runs.len(), 1);
}

/// A certificate that another administrator wants, for a key of the fixture.
fn certificate() -> Plan {
    let mut first = with(SMALL, "dark", false, vec![]);
    first.send(Msg::Access(screens::access::Msg::Snapshot(Ok(known(
        certified(),
    )))));
    first.keys("4g");
    for _ in 0..20 {
        if let Some(Line::Key(entry)) = first.model.access.current()
            && entry.row.comment == "ada@ci-3"
        {
            first.keys("c~/team-ca.pub<enter>");
            return made(&first);
        }
        first.keys("j");
    }
    panic!("{}", shown(&first));
}

#[test]
fn a_certificate_takes_the_authority_s_key_of_the_second() {
    let plan = certificate();
    let mut console = where_waits(SMALL, "dark", &plan);
    console.keys("J<enter>");
    // What is typed first is the key's file; nothing else of it can be changed.
    console.keys("~/keys/team-ca<enter>");
    let again = made(&console);
    let signs = |plan: &Plan| match two::intent(plan) {
        Some(Intent::SignCert { serial, id, .. }) => (serial, id),
        other => panic!("{other:?}"),
    };
    assert_eq!(signs(&again), signs(&plan));
    let text = shown(&console);
    assert!(text.contains("authority ~/keys/team-ca"), "{text}");
    console.keys("p");
    assert_eq!(made(&console), again);
    console.keys("<enter>");
    assert_eq!(console.runs.len(), 1);
}

#[test]
fn pictures_of_collections_and_certificates() {
    let mut first = with(SMALL, "dark", false, vec![]);
    first.keys("5W");
    let collection = made(&first);
    snap("plans-confirm-collect", |size, theme| {
        let mut console = where_waits(size, theme, &collection);
        console.keys("J<enter>");
        console.model
    });
    let certificate = certificate();
    for (name, keys) in [
        ("plans-confirm-certificate-authority", "J<enter>"),
        ("plans-confirm-certificate", "J<enter>~/team-ca<enter>"),
    ] {
        snap(name, |size, theme| {
            let mut console = where_waits(size, theme, &certificate);
            console.keys(keys);
            console.model
        });
    }
}

#[test]
fn pictures() {
    let of = |size, theme: &str| with(size, theme, false, two());
    snap("plans-overview", |size, theme| of(size, theme).model);
    snap("plans-list", |size, theme| {
        let mut console = of(size, theme);
        console.keys("J");
        console.model
    });
    snap("plans-confirm", |size, theme| {
        let mut console = of(size, theme);
        console.keys("J<enter>");
        console.model
    });
    snap("plans-first", |size, theme| {
        let mut console = of(size, theme);
        revoke(&mut console);
        if let Some(Layer::Plan(dialog)) = console.model.layers.last_mut()
            && let Some(Ok(plan)) = &mut dialog.plan
        {
            plan.second = Some(Second::Needed);
        }
        console.model
    });
}
