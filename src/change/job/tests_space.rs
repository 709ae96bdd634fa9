//! Collections against a server in memory with faults on call.
//!
//! In: a store and a plan, and what happens in between. Out: that nothing goes that is held, and that the receipt says what
//! is true of that store.

use super::fake::{Fake, World};
use super::fake_space::Space;
use super::tests::{Ended, job};
use super::*;
use crate::change::audit::{INTERRUPTED, read};
use crate::change::collect::CollectOperation;
use crate::change::plan::{Danger, Item, Plan};
use crate::change::receipt::Freed;
use crate::change::testing::{info, path};
use crate::domain::{Bytes, StorePath};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Name of the place: the later, the more it is needed by those before it.
fn name(at: usize) -> String {
    format!("p-{at:03}")
}

/// A chain of packages of three: the first two of each three refer to the last.
fn world(count: usize) -> World {
    let mut infos = BTreeMap::new();
    for at in 0..count {
        let needed = name(at / 3 * 3 + 2);
        let references: &[&str] = if at % 3 == 2 { &[] } else { &[&needed] };
        let info = info(&name(at), references, 60);
        infos.insert(info.path.clone(), info);
    }
    World {
        infos,
        reopens: true,
        ..World::default()
    }
}

fn needs(count: usize) -> Vec<Vec<u32>> {
    (0..count)
        .map(|at| {
            if at % 3 == 2 {
                vec![]
            } else {
                vec![(at / 3 * 3 + 2) as u32]
            }
        })
        .collect()
}

fn operation(count: usize, batch: usize) -> CollectOperation {
    let needs = needs(count);
    let needs: Vec<&[u32]> = needs.iter().map(Vec::as_slice).collect();
    let batches = (0..count)
        .step_by(batch)
        .map(|start| start..(start + batch).min(count))
        .collect();
    CollectOperation::new(&needs, batches)
}

fn plan(count: usize, operation: CollectOperation) -> Plan {
    let items = (0..count).map(|at| Item::Collect {
        path: path(&name(at)),
        nar_size: 1000,
        last_used: When::from_unix(7),
        reason: "no root",
    });
    Plan {
        change: "gc",
        server: "prod".into(),
        summary: "collect".into(),
        items: items.collect(),
        commands: vec![],
        warnings: vec![],
        concerns: Vec::new(),
        amounts: None,
        push: None,
        second: None,
        lines: vec![],
        danger: Danger::Destroys { word: "collect" },
        operation: Operation::Collect(Arc::new(operation)),
        reason: None,
    }
}

fn run(server: &Fake, plan: Plan) -> Ended {
    job(server, plan, CancellationToken::new())
}

/// How many items an entry stands for, by its own words.
fn stands_for(item: &str) -> usize {
    let first = item.split_once(" paths, from ").map(|(count, _)| count);
    first.map_or(1, |count| count.replace(',', "").parse().unwrap())
}

/// What is true of every collection, whatever went wrong: done is what is gone, each other path has a reason, and what
/// stays has all that it needs.
fn check(server: &Fake, count: usize, receipt: &Receipt) {
    let world = server.world.lock().unwrap();
    let gone = (0..count).filter(|at| !world.infos.contains_key(&path(&name(*at))));
    let gone = gone.count();
    assert_eq!(receipt.done, gone, "{receipt:?}");
    if receipt.result != Outcome::Done {
        let others = count - gone;
        let is_path = receipt
            .failed
            .iter()
            .all(|failure| !failure.item.contains("audit log"));
        assert!(
            !is_path || receipt.not_done == others,
            "{others}: {receipt:?}"
        );
    }
    for listed in 0..receipt.failed.len() {
        let behind = receipt.failed.iter().skip(listed);
        let items: usize = behind.map(|failure| stands_for(&failure.item)).sum();
        assert_eq!(receipt.not_listed(listed), Some(items), "{receipt:?}");
    }
    for info in world.infos.values() {
        for reference in &info.references {
            assert!(
                world.infos.contains_key(reference),
                "{} lost {reference}",
                info.path
            );
        }
    }
}

fn said(receipt: &Receipt, at: usize) -> String {
    let item = path(&name(at)).to_string();
    let found = receipt.failed.iter().find(|failure| failure.item == item);
    found.map_or(String::new(), |failure| failure.message.clone())
}

#[test]
fn all_of_a_plan_goes_in_its_batches() {
    let server = Fake::new(world(12));
    let ended = run(&server, plan(12, operation(12, 6)));
    assert_eq!(ended.receipt.result, Outcome::Done);
    assert_eq!(ended.receipt.freed, Some(Freed::counted(12 * 900)));
    check(&server, 12, &ended.receipt);
    let world = server.world.lock().unwrap();
    assert_eq!(world.space.collections, [6, 6]);
    assert!(world.left.is_empty(), "the list is removed");
    let record = read(&world.log).remove(0);
    assert_eq!(record.freed, Some(12 * 900));
}

#[test]
fn what_became_a_root_or_was_used_stays_with_what_it_needs() {
    let mut world = world(12);
    world.space = Space {
        roots: [path(&name(0))].into(),
        used: [
            (path(&name(4)), When::from_unix(50)),
            (path(&name(7)), When::from_unix(20)),
        ]
        .into(),
        ..Space::default()
    };
    let server = Fake::new(world);
    let mut operation = operation(12, 6);
    operation.used = vec![Some(When::from_unix(20)); 12];
    let ended = run(&server, plan(12, operation));
    check(&server, 12, &ended.receipt);
    assert_eq!(ended.receipt.result, Outcome::Partial);
    assert_eq!(ended.receipt.done, 8);
    for (at, word) in [
        (0, "GC root"),
        (2, "p-000 needs it"),
        (4, "was used"),
        (5, "p-004 needs it"),
    ] {
        let said = said(&ended.receipt, at);
        assert!(said.contains(word), "{at}: {said}");
    }
    assert_eq!(said(&ended.receipt, 7), "");
}

#[test]
fn an_upload_that_refers_to_a_planned_path_keeps_it() {
    let mut world = world(12);
    let upload = info("upload", &[&name(3)], 0);
    world.infos.insert(upload.path.clone(), upload);
    let server = Fake::new(world);
    let ended = run(&server, plan(12, operation(12, 12)));
    check(&server, 12, &ended.receipt);
    assert_eq!(ended.receipt.done, 10);
    assert!(said(&ended.receipt, 3).contains("upload refers to it"));
    assert!(said(&ended.receipt, 5).contains("p-003 needs it"));
}

#[test]
fn a_refusal_without_a_reason_ends_it() {
    let mut world = world(6);
    world.space.refuses = Some("the database is read-only");
    let server = Fake::new(world);
    let ended = run(&server, plan(6, operation(6, 3)));
    check(&server, 6, &ended.receipt);
    assert_eq!(ended.receipt.result, Outcome::Failed);
    assert_eq!(
        ended.receipt.freed,
        Some(Freed::counted(0)),
        "nothing is gone"
    );
    assert!(said(&ended.receipt, 0).contains("read-only"));
    assert!(ended.receipt.failed[3].item.starts_with("3 paths"));
}

#[test]
fn enough_is_enough() {
    let server = Fake::new(world(12));
    let mut operation = operation(12, 3);
    operation.until_free = Some(Bytes(6000));
    let ended = run(&server, plan(12, operation));
    check(&server, 12, &ended.receipt);
    assert_eq!(
        (ended.receipt.result, ended.receipt.done),
        (Outcome::Done, 6)
    );
}

#[test]
fn a_cancel_in_the_middle_tells_what_is_gone() {
    let cancel = CancellationToken::new();
    let mut world = world(12);
    world.space.hang_after = Some((4, cancel.clone()));
    let server = Fake::new(world);
    let ended = job(&server, plan(12, operation(12, 6)), cancel);
    check(&server, 12, &ended.receipt);
    assert_eq!(ended.receipt.result, Outcome::Cancelled);
    assert_eq!(ended.receipt.done, 4);
    // What was cut off has no count, so it is measured.
    let said = ended.receipt.freed_words().unwrap();
    assert_eq!(said, "3.9 KiB (measured on the disk)");
    let last = ended.receipt.failed.last().unwrap();
    assert!(last.item.starts_with("6 paths"), "{last:?}");
    // Of the first batch two, and the six of the second in one entry.
    assert_eq!((ended.receipt.failed.len(), ended.receipt.not_done), (3, 8));
    let record = read(&server.world.lock().unwrap().log).remove(0);
    assert_eq!(record.failed_total, 8);
}

/// The entry that stands for many is the last one, also where the record could not be written.
#[test]
fn an_entry_for_many_is_the_last() {
    let mut world = world(60);
    world.reopens = false;
    // The calls: begin, disk, roots, uses, collect.
    world.cut_at = Some(5);
    let server = Fake::new(world);
    let ended = run(&server, plan(60, operation(60, 30)));
    check(&server, 60, &ended.receipt);
    let failed = &ended.receipt.failed;
    assert!(failed[30].item.contains("audit log"), "{failed:?}");
    assert!(failed[31].item.starts_with("30 paths"), "{failed:?}");
    // Behind the first 20: 10 of the first batch, the log, and 30.
    assert_eq!((failed.len(), ended.receipt.not_listed(20)), (32, Some(41)));
}

#[test]
fn another_collection_of_ours_is_not_disturbed() {
    let mut world = world(3);
    let running = Unfinished {
        id: "00000001".into(),
        change: "gc".into(),
        at: When::from_unix(9),
        by: "root via eve@desk".into(),
        summary: "collect".into(),
        total: 3,
        running: Some(true),
    };
    world.left.insert("00000001".into(), (running, vec![]));
    let server = Fake::new(world);
    let ended = run(&server, plan(3, operation(3, 3)));
    assert_eq!(ended.receipt.result, Outcome::Failed);
    assert!(
        ended.receipt.failed[0]
            .message
            .contains("eve@desk runs a collection")
    );
    check(&server, 3, &ended.receipt);
    assert_eq!(server.world.lock().unwrap().left.len(), 1);
}

#[test]
fn one_that_was_killed_gets_its_record() {
    let mut world = world(3);
    let left = Unfinished {
        id: "00000001".into(),
        change: "gc".into(),
        at: When::from_unix(9),
        by: "root via eve@desk".into(),
        summary: "collect 4 paths".into(),
        total: 4,
        running: Some(false),
    };
    let planned = [path("x"), path("y"), path(&name(0)), path(&name(1))];
    let planned = planned.map(|path| path.base_name().to_owned()).into();
    world.left.insert("00000001".into(), (left, planned));
    let server = Fake::new(world);
    let ended = run(&server, plan(3, operation(3, 3)));
    assert_eq!(ended.receipt.result, Outcome::Done);
    let world = server.world.lock().unwrap();
    assert!(world.left.is_empty());
    let records = read(&world.log);
    assert_eq!(records.len(), 2);
    let first = &records[0];
    assert_eq!(
        (first.result.as_str(), first.done, first.items_total),
        (INTERRUPTED, 2, 4)
    );
    assert_eq!(first.by, "root via eve@desk");
}

#[test]
fn a_full_disk_is_made_room_on() {
    let mut world = world(3);
    world.full = true;
    let server = Fake::new(world);
    let ended = run(&server, plan(3, operation(3, 3)));
    check(&server, 3, &ended.receipt);
    assert_eq!(ended.receipt.done, 3);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]
    #[test]
    fn whatever_happens_the_receipt_is_true(
        batch in 1_usize..5,
        cut_at in proptest::option::of(1_usize..25),
        done_before_cut in 0_usize..6,
        reopens: bool,
        crash_after in proptest::option::of(0_usize..6),
        roots in proptest::collection::vec(0_usize..15, 0..3),
        upload in proptest::option::of(0_usize..15),
    ) {
        let mut world = world(15);
        world.cut_at = cut_at;
        world.done_before_cut = done_before_cut;
        world.reopens = reopens;
        world.space.crash_after = crash_after;
        world.space.roots = roots.into_iter().map(|at| path(&name(at))).collect();
        if let Some(at) = upload {
            let upload = info("upload", &[&name(at)], 0);
            world.infos.insert(upload.path.clone(), upload);
        }
        let roots: Vec<StorePath> = world.space.roots.iter().cloned().collect();
        let server = Fake::new(world);
        let receipt = run(&server, plan(15, operation(15, batch * 3))).receipt;
        let world = server.world.lock().unwrap();
        for root in &roots {
            prop_assert!(world.infos.contains_key(root));
        }
        for info in world.infos.values() {
            for reference in &info.references {
                prop_assert!(world.infos.contains_key(reference));
            }
        }
        let gone = 15 - (0..15).filter(|at| world.infos.contains_key(&path(&name(*at)))).count();
        prop_assert!(receipt.done <= gone);
        let unconfirmed = receipt.failed.iter().any(|failure| failure.message.contains("not confirmed"));
        if let Some(freed) = receipt.freed {
            let each = if freed.measured { 1000 } else { 900 };
            prop_assert_eq!(freed.bytes, gone as u64 * each, "{:?}", receipt);
        }
        // Unknown only where the server could not be asked any more.
        prop_assert!(receipt.freed.is_some() || cut_at.is_some(), "{receipt:?}");
        prop_assert!(receipt.done == gone || unconfirmed, "{} of {gone}: {receipt:?}", receipt.done);
        // Whole batches, and at most a part of the next.
        let first_kept = (0..15).find(|at| world.infos.contains_key(&path(&name(*at)))).unwrap_or(15);
        if roots.is_empty() && upload.is_none() {
            let last_gone = (0..15).rev().find(|at| !world.infos.contains_key(&path(&name(*at))));
            if let Some(last) = last_gone {
                prop_assert!(last / (batch * 3) <= first_kept / (batch * 3));
            }
        }
    }
}
