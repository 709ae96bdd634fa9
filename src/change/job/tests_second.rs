//! What the two-person rule makes of a job: it waits, it is taken once, and a cut link makes nothing of it.

use super::CHUNK;
use super::fake::{Fake, World};
use crate::change::keep::KeepStep;
use crate::change::plan::{Danger, Operation, Plan};
use crate::change::second::{Confirms, Second};
use crate::change::testing::path;
use crate::change::{Item, Outcome, Receipt};
use crate::domain::When;
use crate::domain::pin::Shown;
use crate::domain::ssh_key::Fingerprint;
use crate::domain::two_persons::{Login, Rule, WaitingPlan};
use tokio_util::sync::CancellationToken;

fn unpin(second: Option<Second>) -> Plan {
    Plan {
        change: "unpin",
        server: "prod".into(),
        summary: "unpin a".into(),
        items: vec![Item::File {
            file: "pin a".into(),
        }],
        commands: vec![],
        warnings: vec![],
        concerns: vec![],
        amounts: None,
        push: None,
        second,
        lines: vec![],
        danger: Danger::Adds,
        operation: Operation::Keep(vec![KeepStep::Unpin {
            name: "a".parse().unwrap(),
            target: path("a"),
            shown: Shown::Bare,
        }]),
        reason: Some("why".into()),
    }
}

fn run(server: &Fake, plan: Plan) -> Receipt {
    server.run(plan, CHUNK, None, CancellationToken::new()).0
}

fn world() -> World {
    World {
        rule: Rule::parse("changes = [\"delete\"]").unwrap(),
        own_key: Some(Fingerprint::of(b"one")),
        reopens: true,
        ..World::default()
    }
}

fn log(server: &Fake) -> String {
    String::from_utf8(server.world.lock().unwrap().log.clone()).unwrap()
}

#[test]
fn a_change_that_is_named_waits_and_is_recorded_as_waiting() {
    for (cut, done) in [(None, 0), (Some(2), 0), (Some(2), 1)] {
        let server = Fake::new(World {
            cut_at: cut,
            done_before_cut: done,
            ..world()
        });
        let receipt = run(&server, unpin(None));
        assert_eq!(
            (receipt.result, receipt.done),
            (Outcome::Waiting, 0),
            "{receipt:?}"
        );
        let waits = receipt.waits.unwrap();
        assert!(
            waits.by.contains(&Fingerprint::of(b"one").to_string()),
            "{waits:?}"
        );
        let world = server.world.lock().unwrap();
        assert_eq!(world.plans.keys().collect::<Vec<_>>(), [&waits.plan]);
        let log = String::from_utf8(world.log.clone()).unwrap();
        assert!(log.contains("\"result\":\"waiting\""), "{log}");
    }
}

#[test]
fn what_is_not_known_or_can_t_wait_is_not_done() {
    let unknown = Fake::new(World {
        rule_why: Some("it is no text".into()),
        ..world()
    });
    let receipt = run(&unknown, unpin(None));
    assert_eq!(receipt.result, Outcome::Failed);
    assert!(
        receipt.failed[0].message.contains("it is no text"),
        "{receipt:?}"
    );
    let server = Fake::new(world());
    let receipt = run(
        &server,
        Plan {
            change: "remove-root",
            operation: Operation::Keep(vec![]),
            ..unpin(None)
        },
    );
    assert_eq!(receipt.result, Outcome::Failed);
    assert!(
        receipt.failed[0].message.contains("can't wait"),
        "{receipt:?}"
    );
    assert!(server.world.lock().unwrap().plans.is_empty());
}

#[test]
fn what_nobody_could_confirm_does_not_wait() {
    let server = Fake::new(World {
        own_key: None,
        ..world()
    });
    let receipt = run(&server, unpin(None));
    assert_eq!(receipt.result, Outcome::Failed);
    let why = &receipt.failed[0].message;
    assert!(why.contains("nobody could confirm it"), "{why}");
    assert!(server.world.lock().unwrap().plans.is_empty());
}

#[test]
fn a_plan_is_carried_out_once() {
    let server = Fake::new(world());
    let plan = run(&server, unpin(None)).waits.unwrap().plan;
    let waiting: WaitingPlan = server.world.lock().unwrap().plans[&plan].clone();
    let confirms = || {
        Some(Second::Confirms(Box::new(Confirms {
            plan: waiting.clone(),
            sha256: String::new(),
            login: Login {
                account: "root".into(),
                key: Some(Fingerprint::of(b"two")),
                by: "root via bob".into(),
            },
        })))
    };
    let first = run(&server, unpin(confirms()));
    // This server has no roots; what matters is that it was tried, and recorded with both.
    assert!(first.failed[0].message.contains("no roots"), "{first:?}");
    assert_eq!(
        first.planned_by.as_deref(),
        Some(waiting.first.to_string().as_str())
    );
    let log = log(&server);
    for part in ["plannedBy", "confirmedBy", "root via bob"] {
        assert!(log.contains(part), "{log}");
    }
    let second = run(&server, unpin(confirms()));
    assert!(second.conflict.is_some(), "{second:?}");
    assert!(
        second.failed[0]
            .message
            .contains("somebody else was quicker"),
        "{second:?}"
    );
    assert!(waiting.until > When::now());
}
