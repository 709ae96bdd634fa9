//! Taking a change back from its receipt: what is offered, that the server is looked at again, and that nothing is done unconfirmed.

use crate::fixture::access::{ed25519, facts, known, public, suspended};
use crate::fixture::snapshot::snap;
use crate::fixture::space;
use crate::fixture::{Console, receipt};
use crate::habits::{SIZES, rows};
use storekeeper::change::{Item, Outcome, Undo};
use storekeeper::console::app::layer::Layer;
use storekeeper::console::app::msg::Msg;
use storekeeper::console::screens;
use storekeeper::console::types::access::Line;
use storekeeper::console::widgets::theme::Theme;
use storekeeper::domain::access::AccessFacts;
use storekeeper::domain::key_request::Decision;

fn on_access(size: (u16, u16), facts: AccessFacts) -> Console {
    let mut console = Console::with_space(size, "dark", false, space::known());
    console.send(Msg::Access(screens::access::Msg::Snapshot(Ok(known(
        facts,
    )))));
    console.keys("4");
    console
}

/// Puts the cursor on whom a comment names.
fn go(console: &mut Console, owner: &str) {
    console.keys("g");
    for _ in 0..20 {
        let comment = match console.model.access.current() {
            Some(Line::Request(entry)) => entry.row.comment.clone(),
            Some(Line::Key(entry)) => entry.row.comment.clone(),
            _ => String::new(),
        };
        if comment == owner {
            return;
        }
        console.keys("j");
    }
    panic!("{owner} is not in the list");
}

/// The job that was begun last ends like this; what it offers then.
fn end(console: &mut Console, outcome: Outcome) -> Option<Undo> {
    let job = console.runs.last().unwrap().0;
    console.send(Msg::Activity(screens::activity::Msg::Ended {
        job,
        receipt: receipt(outcome, 1),
    }));
    console.asked.clear();
    console.model.undo().cloned()
}

fn shown(console: &Console) -> String {
    rows(console).join("\n")
}

/// The facts without the line of a key.
fn without(key: &str) -> AccessFacts {
    let mut facts = facts();
    let content = facts.files[0].content.clone().unwrap();
    let content = String::from_utf8(content).unwrap();
    let kept: Vec<&str> = content.lines().filter(|line| !line.contains(key)).collect();
    facts.files[0].content = Ok((kept.join("\n") + "\n").into_bytes());
    facts
}

#[test]
fn a_revoked_key_is_authorized_again_by_its_own_line() {
    for size in SIZES {
        let mut console = on_access(size, facts());
        go(&mut console, "ada@ci-3");
        console.keys("r<enter>revoke<enter>");
        let line = format!("restrict {}", ed25519(1, "ada@ci-3"));
        let Some(Undo::Authorize { new, .. }) = end(&mut console, Outcome::Done) else {
            panic!("nothing is offered");
        };
        assert_eq!(new.line().unwrap(), line.as_bytes());
        assert!(shown(&console).contains("undo      u shows the plan to authorize the key again"));
        let hints = rows(&console).pop().unwrap();
        assert!(hints.contains("u undo"), "{hints}");
        let runs = console.runs.len();
        console.keys("u");
        // The server is looked at before there is a plan; until then nothing can be confirmed.
        assert_eq!(console.asked, ["Access(Read)"]);
        assert!(shown(&console).contains("Making the plan."));
        console.keys("<enter>");
        assert_eq!(console.runs.len(), runs);
        console.send(Msg::Access(screens::access::Msg::Snapshot(Ok(known(
            without("ada@ci-3"),
        )))));
        let plan = console.model.plan_dialog().unwrap().made().unwrap();
        assert_eq!(plan.change, "authorize");
        let added = plan.lines.iter().find(|(label, _)| *label == "+");
        assert_eq!(added.unwrap().1.trim_end(), line);
        console.keys("<enter>");
        assert_eq!(console.runs.len(), runs + 1);
        assert!(matches!(
            end(&mut console, Outcome::Done),
            Some(Undo::Revoke(_))
        ));
    }
}

#[test]
fn a_receipt_that_offers_it() {
    snap("receipt-undo", |size, theme| {
        let mut console = on_access(size, facts());
        console.model.theme = Theme::position(&console.model.themes, theme).unwrap();
        go(&mut console, "root@mei-laptop");
        console.keys("d<enter>");
        end(&mut console, Outcome::Done);
        console.model
    });
}

#[test]
fn somebody_was_faster() {
    let mut console = on_access((80, 24), facts());
    go(&mut console, "ada@ci-3");
    console.keys("r<enter>revoke<enter>");
    end(&mut console, Outcome::Done);
    console.keys("u");
    // The key stands there again already.
    console.send(Msg::Access(screens::access::Msg::Snapshot(Ok(known(
        facts(),
    )))));
    assert!(console.model.plan_dialog().unwrap().made().is_none());
    console.keys("<enter>");
    assert_eq!(console.runs.len(), 1);
    // A look that fails makes no plan of what was known before.
    console.keys("<esc>6<enter>");
    console.keys("u");
    console.send(Msg::Access(screens::access::Msg::Snapshot(Err(
        storekeeper::console::types::problem::Problem::say("no answer"),
    ))));
    assert!(shown(&console).contains("no answer"));
    assert!(console.model.plan_dialog().unwrap().made().is_none());
}

#[test]
fn only_what_was_done_whole_and_can_be_had_again_is_offered() {
    for outcome in [Outcome::Partial, Outcome::Failed, Outcome::Cancelled] {
        let mut console = on_access((80, 24), facts());
        go(&mut console, "ada@ci-3");
        console.keys("r<enter>revoke<enter>");
        assert_eq!(end(&mut console, outcome), None, "{outcome:?}");
        assert!(!shown(&console).contains("u undo"));
        console.keys("u");
        let said = console.model.toast.clone().unwrap();
        assert!(said.starts_with("Cannot take the change back: "), "{said}");
    }
    // A line that this program would not write so: it ended, and has no restrictions.
    let mut console = on_access((80, 24), facts());
    go(&mut console, "eve@old");
    console.keys("r<enter>revoke<enter>");
    assert_eq!(end(&mut console, Outcome::Done), None);
    // Nor so, with an option of somebody's own.
    let mut own = facts();
    let content = own.files[0].content.clone().unwrap();
    let content = String::from_utf8(content).unwrap();
    own.files[0].content = Ok(content
        .replacen("restrict ", "restrict,no-pty ", 1)
        .into_bytes());
    let mut other = on_access((80, 24), own);
    go(&mut other, "ada@ci-3");
    other.keys("r<enter>revoke<enter>");
    assert_eq!(end(&mut other, Outcome::Done), None);
    // Signatures stay.
    console.keys("<esc>3As<enter>");
    assert_eq!(end(&mut console, Outcome::Done), None);
}

#[test]
fn a_suspended_key_is_resumed() {
    for size in SIZES {
        let mut console = on_access(size, facts());
        go(&mut console, "ada@ci-3");
        console.keys("z<enter>");
        let Some(Undo::Resume(key)) = end(&mut console, Outcome::Done) else {
            panic!("nothing is offered");
        };
        assert!(shown(&console).contains("undo      u shows the plan to resume the key"));
        console.keys("u");
        assert_eq!(console.asked, ["Access(Read)"]);
        console.send(Msg::Access(screens::access::Msg::Snapshot(Ok(known(
            suspended(),
        )))));
        let plan = console.model.plan_dialog().unwrap().made().unwrap();
        assert_eq!(plan.change, "resume");
        assert!(matches!(&plan.items[..], [Item::Key { fingerprint, .. }] if *fingerprint == key));
        console.keys("<enter>");
        assert_eq!(console.runs.len(), 2);
        // It is suspended again with a reason of its own.
        assert_eq!(end(&mut console, Outcome::Done), None);
    }
}

#[test]
fn a_denied_request_waits_again() {
    for size in SIZES {
        let mut console = on_access(size, facts());
        go(&mut console, "root@mei-laptop");
        console.keys("d<enter>");
        let Some(Undo::Reopen(request)) = end(&mut console, Outcome::Done) else {
            panic!("nothing is offered");
        };
        assert!(request.waits() && request.tries == 4);
        console.keys("u");
        let mut denied = facts();
        for request in denied.requests.as_mut().unwrap() {
            if request.key == public(&ed25519(5, "root@mei-laptop")) {
                request.decision = Some(Decision {
                    approved: false,
                    at: crate::fixture::now(),
                    by: "root".to_owned(),
                    reason: String::new(),
                });
            }
        }
        console.send(Msg::Access(screens::access::Msg::Snapshot(Ok(known(
            denied,
        )))));
        let plan = console.model.plan_dialog().unwrap().made().unwrap();
        assert_eq!(plan.change, "reopen");
        console.keys("<enter>");
        assert_eq!(console.runs.len(), 2);
    }
}

#[test]
fn a_pin_comes_and_goes() {
    for size in SIZES {
        let mut console = on_access(size, facts());
        console.keys("2/curl<enter>p<enter>");
        assert_eq!(console.runs.len(), 1);
        let Some(Undo::Unpin(name)) = end(&mut console, Outcome::Done) else {
            panic!("nothing is offered");
        };
        assert_eq!(name.as_str(), "curl-8.7.1");
        console.keys("u");
        assert!(console.model.plan_dialog().is_some());
        // A pin that was removed comes back with its note.
        let mut console = on_access(size, facts());
        console.keys("5<right>/release<enter>d<enter>unpin<enter>");
        assert_eq!(console.runs.len(), 1);
        assert!(matches!(
            end(&mut console, Outcome::Done),
            Some(Undo::Pin { .. })
        ));
        console.keys("u");
        let Some(Layer::Plan(dialog)) = console.model.layers.last() else {
            panic!("no plan");
        };
        assert_eq!(dialog.texts.name.value(), "release");
        assert_eq!(dialog.texts.reason.value(), "what runs in production");
        assert_eq!(console.runs.len(), 1);
    }
}
