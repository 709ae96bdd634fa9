//! Pushes to a server in memory, cut at every call.
//!
//! In: a closure, a call at which the link is lost. Out: that all of it is there and signed in the end, and nothing else is.

use super::fake::{Fake, World};
use super::tests::server_key;
use super::*;
use crate::change::plan::{Danger, Item, Plan};
use crate::change::push::{Added, PushOperation, contents};
use crate::change::testing::{info, ours, path, ring};
use crate::domain::{PathInfo, StorePath, Verdict};
use crate::judge::trust::assess;
use crate::spool::Journal;
use std::path::Path;
use std::sync::atomic::Ordering;

fn closure() -> Vec<PathInfo> {
    vec![
        info("a", &[], 1),
        info("b", &["a"], 1),
        info("c", &["b"], 1),
    ]
}

/// A server that has `other`, which is no part of the push, and nothing of it.
fn world() -> World {
    let other = info("other", &[], 60);
    World {
        infos: [(other.path.clone(), other)].into(),
        origin: closure(),
        reopens: true,
        ..World::default()
    }
}

fn plan(added: &[PathInfo], tops: &[&str]) -> Plan {
    Plan {
        change: "push",
        server: "prod".into(),
        summary: "push".into(),
        items: added
            .iter()
            .map(|info| Item::Path {
                path: info.path.clone(),
                nar_size: info.nar_size,
            })
            .collect(),
        commands: vec![],
        warnings: vec![],
        concerns: Vec::new(),
        amounts: None,
        push: None,
        second: None,
        lines: vec![],
        danger: Danger::Adds,
        operation: Operation::Push(Arc::new(PushOperation {
            from: None,
            tops: tops.iter().map(|name| path(name)).collect(),
            added: added
                .iter()
                .map(|info| Added {
                    path: info.path.clone(),
                    contents: contents(info),
                })
                .collect(),
            with: server_key(),
            key: ours().public(),
            pins: Vec::new(),
        })),
        reason: None,
    }
}

fn push(server: &Fake, state: &Path, plan: Plan) -> Receipt {
    push_until(server, state, plan, CancellationToken::new())
}

fn push_until(server: &Fake, state: &Path, plan: Plan, cancel: CancellationToken) -> Receipt {
    server.run(plan, CHUNK, Some(state.to_owned()), cancel).0
}

/// The names of what carries our signature.
fn signed(server: &Fake) -> Vec<String> {
    let world = server.world.lock().unwrap();
    let ours = (ours().name().to_string(), Verdict::Valid);
    let signed = world
        .infos
        .values()
        .filter(|info| assess(&ring(), info).signatures.contains(&ours));
    let mut names: Vec<String> = signed.map(|info| info.path.name().to_owned()).collect();
    names.sort();
    names
}

#[test]
fn copies_and_signs_what_was_missing_and_nothing_else() {
    let server = Fake::new(world());
    let state = tempfile::tempdir().unwrap();
    let receipt = push(&server, state.path(), plan(&closure(), &["c"]));
    assert_eq!(
        (receipt.result, receipt.done),
        (Outcome::Done, 3),
        "{receipt:?}"
    );
    assert_eq!(signed(&server), ["a", "b", "c"]);
    assert!(!Journal::of(state.path(), "prod").file().exists());
}

/// Whatever call is cut, with or without a part of it done: it goes on by itself.
#[test]
fn goes_on_after_a_lost_link() {
    for cut in 2..9 {
        for done_before_cut in 0..3 {
            let server = Fake::new(World {
                cut_at: Some(cut),
                done_before_cut,
                ..world()
            });
            let state = tempfile::tempdir().unwrap();
            let receipt = push(&server, state.path(), plan(&closure(), &["c"]));
            let at = format!("{cut} {done_before_cut}: {receipt:?}");
            assert_eq!((receipt.result, receipt.done), (Outcome::Done, 3), "{at}");
            assert_eq!(signed(&server), ["a", "b", "c"], "{at}");
            assert!(!Journal::of(state.path(), "prod").file().exists(), "{at}");
        }
    }
}

/// Without a new link, what was begun is in the journal, and is not called done.
#[test]
fn what_was_begun_is_kept_where_it_can_not_go_on() {
    for cut in 3..8 {
        let server = Fake::new(World {
            cut_at: Some(cut),
            done_before_cut: 2,
            reopens: false,
            ..world()
        });
        let state = tempfile::tempdir().unwrap();
        let receipt = push(&server, state.path(), plan(&closure(), &["c"]));
        assert_ne!(receipt.result, Outcome::Done, "{cut}: {receipt:?}");
        let begun = Journal::of(state.path(), "prod").begun().unwrap();
        assert_eq!(begun.len(), 1, "{cut}");
        assert_eq!(
            (begun[0].id.as_str(), begun[0].paths.len()),
            (receipt.id.as_str(), 3)
        );
        // Again, over a link that holds.
        server.down.store(false, Ordering::SeqCst);
        server.world.lock().unwrap().cut_at = None;
        let receipt = push(&server, state.path(), plan(&closure(), &["c"]));
        assert_eq!(
            (receipt.result, receipt.done),
            (Outcome::Done, 3),
            "{cut}: {receipt:?}"
        );
        assert_eq!(signed(&server), ["a", "b", "c"], "{cut}");
        assert!(!Journal::of(state.path(), "prod").file().exists(), "{cut}");
    }
}

/// Somebody else has put other contents under a name between the plan and the copy.
#[test]
fn other_contents_are_not_signed() {
    let mut theirs = info("b", &["a"], 1);
    theirs.nar_size += 1;
    let mut world = world();
    world.infos.insert(theirs.path.clone(), theirs);
    let server = Fake::new(world);
    let state = tempfile::tempdir().unwrap();
    let receipt = push(&server, state.path(), plan(&closure(), &["c"]));
    assert_eq!(
        (receipt.result, receipt.done),
        (Outcome::Partial, 2),
        "{receipt:?}"
    );
    assert!(
        receipt.failed[0].message.contains("other contents"),
        "{receipt:?}"
    );
    assert_eq!(signed(&server), ["a", "c"]);
}

/// One that Nix does not copy names Nix's words and stops no other.
#[test]
fn one_that_fails_stops_no_other() {
    let server = Fake::new(World {
        poison: [path("cursed")].into(),
        ..world()
    });
    let state = tempfile::tempdir().unwrap();
    let mut added = closure();
    added.push(info("cursed", &[], 1));
    let receipt = push(&server, state.path(), plan(&added, &["c", "cursed"]));
    assert_eq!(
        (receipt.result, receipt.done),
        (Outcome::Partial, 3),
        "{receipt:?}"
    );
    let failed: Vec<&str> = receipt
        .failed
        .iter()
        .map(|one| one.message.as_str())
        .collect();
    assert!(
        failed[0].contains("not copied") && failed[0].contains("is cursed"),
        "{failed:?}"
    );
    assert_eq!(signed(&server), ["a", "b", "c"]);
}

/// Nothing is begun that can't be noted.
#[test]
fn without_a_journal_nothing_is_copied() {
    let server = Fake::new(world());
    let state = tempfile::tempdir().unwrap();
    std::fs::write(state.path().join("push"), "a file").unwrap();
    let receipt = push(&server, state.path(), plan(&closure(), &["c"]));
    assert_eq!(
        (receipt.result, receipt.done),
        (Outcome::Failed, 0),
        "{receipt:?}"
    );
    let has = |path: &StorePath| server.world.lock().unwrap().infos.contains_key(path);
    assert!(!has(&path("a")) && !has(&path("c")));
}

/// A cancel cuts the copy off; what had come is signed by the next push.
#[test]
fn a_cancel_leaves_the_rest_to_the_next_push() {
    let cancel = CancellationToken::new();
    let server = Fake::new(World {
        cancel_at: Some((3, cancel.clone())),
        stuck_at: Some(3),
        ..world()
    });
    let state = tempfile::tempdir().unwrap();
    let receipt = push_until(&server, state.path(), plan(&closure(), &["c"]), cancel);
    assert_eq!(
        (receipt.result, receipt.done),
        (Outcome::Cancelled, 0),
        "{receipt:?}"
    );
    let why = &receipt.failed[0].message;
    assert!(why.contains("not copied: cancelled"), "{why}");
    assert!(!server.world.lock().unwrap().log.is_empty(), "recorded");
    assert_eq!(
        Journal::of(state.path(), "prod").begun().unwrap()[0]
            .paths
            .len(),
        3
    );
    let receipt = push(&server, state.path(), plan(&closure(), &["c"]));
    assert_eq!(
        (receipt.result, receipt.done),
        (Outcome::Done, 3),
        "{receipt:?}"
    );
}
