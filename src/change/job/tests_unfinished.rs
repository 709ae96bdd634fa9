//! Jobs that are killed, against a server in memory.
//!
//! In: a store, and what an earlier job has left on the server. Out: that it gets its record once, and that whoever runs keeps
//! a marker of itself there.

use super::fake::{Fake, World};
use super::patience::{GRACE, RESTART};
use super::tests::{Ended, job, paths, plan, server_key, store};
use super::*;
use crate::change::audit::{INTERRUPTED, read};
use crate::change::plan::{Answer, Policy};
use crate::server::Beginning;

fn run(server: &Fake) -> Ended {
    job(
        server,
        plan(paths(2), server_key()),
        CancellationToken::new(),
    )
}

impl Ended {
    /// All that was reported.
    fn said(&mut self) -> String {
        let mut said = String::new();
        while let Ok(event) = self.events.try_recv() {
            if let JobEvent::Log(line) = event {
                said.push_str(&line);
                said.push('\n');
            }
        }
        said
    }
}

/// What somebody's signing has left.
fn left(running: Option<bool>) -> (Unfinished, Vec<String>) {
    let what = Unfinished {
        id: "00000001".into(),
        change: "sign".into(),
        at: When::from_unix(9),
        by: "root via eve@desk".into(),
        summary: "sign 3 paths".into(),
        total: 3,
        running,
    };
    (what, vec!["a".into(), "b".into(), "c".into()])
}

fn with(running: Option<bool>) -> Fake {
    let mut world = store(2);
    world.left.insert("00000001".into(), left(running));
    Fake::new(world)
}

/// A job that never comes to its end: its future is dropped in the middle.
#[test]
fn a_job_that_is_killed_leaves_its_marker() {
    let server = Fake::new(World {
        hangs_at: Some(3),
        ..store(2)
    });
    let confirmed = plan(paths(2), server_key())
        .confirm(&Answer::Flag, Policy { read_only: false })
        .unwrap();
    let (events, _reported) = tokio::sync::mpsc::unbounded_channel();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let run = run_on(
        confirmed,
        server.clone(),
        CHUNK,
        None,
        events,
        CancellationToken::new(),
    );
    let killed = runtime.block_on(async { tokio::time::timeout(RESTART * 20, run).await });
    assert!(killed.is_err());
    let world = server.world.lock().unwrap();
    assert!(world.log.is_empty());
    let (what, items) = world.left.values().next().unwrap();
    assert_eq!((what.change.as_str(), what.total), ("sign", 2));
    assert_eq!(items[1], paths(2)[1].to_string());
}

#[test]
fn the_next_job_writes_the_record_of_one_that_was_killed() {
    let server = with(Some(false));
    let mut ended = run(&server);
    assert_eq!(ended.receipt.result, Outcome::Done);
    let world = server.world.lock().unwrap();
    assert!(world.left.is_empty());
    let records = read(&world.log);
    assert_eq!(records.len(), 2);
    let first = &records[0];
    assert_eq!(
        (
            first.id.as_str(),
            first.result.as_str(),
            first.change.as_str()
        ),
        ("00000001", INTERRUPTED, "sign")
    );
    assert_eq!(
        (first.done, first.items_total, first.items.len()),
        (0, 3, 3)
    );
    assert!(first.failed[0].message.contains("goes on where it stopped"));
    let said = ended.said();
    assert!(
        said.contains("the signing 00000001 that root via eve@desk began"),
        "{said}"
    );
}

/// Only collections keep each other out, and a job whose end is not known is left alone.
#[test]
fn one_that_runs_is_left_alone() {
    for running in [Some(true), None] {
        let server = with(running);
        assert_eq!(run(&server).receipt.result, Outcome::Done);
        let world = server.world.lock().unwrap();
        assert_eq!((world.left.len(), read(&world.log).len()), (1, 1));
    }
}

#[test]
fn over_a_new_link_it_is_held_again() {
    // The calls: begin, look, sign, look, record.
    let server = Fake::new(World {
        cut_at: Some(4),
        reopens: true,
        ..store(2)
    });
    assert_eq!(run(&server).receipt.done, 2);
    let world = server.world.lock().unwrap();
    assert_eq!(world.begun, [Beginning::First, Beginning::Again]);
    assert!(world.left.is_empty());
}

/// Whatever call a silent server is in when it is cancelled: one grace in all, and then a receipt.
#[test]
fn a_cancel_on_a_silent_server_takes_one_grace() {
    for at in 1..=5 {
        let cancel = CancellationToken::new();
        let server = Fake::new(World {
            hangs_at: Some(at),
            cancel_at: Some((at, cancel.clone())),
            ..store(2)
        });
        let started = Instant::now();
        let ended = job(&server, plan(paths(2), server_key()), cancel);
        let took = started.elapsed();
        assert!(took >= GRACE / 3, "{at}: {took:?}");
        assert!(took < GRACE + GRACE / 2, "{at}: {took:?}");
        assert_ne!(ended.receipt.result, Outcome::Done, "{at}");
        assert_eq!(
            ended.receipt.failed.last().unwrap().item,
            "audit log /var/lib/storekeeper/audit.jsonl"
        );
    }
}

/// A call that is cut off leaves time for what comes after it.
#[test]
fn a_cancel_of_a_slow_call_still_reads_back_and_writes_its_record() {
    let cancel = CancellationToken::new();
    // The calls: begin, look, sign, look, record.
    let server = Fake::new(World {
        stuck_at: Some(3),
        cancel_at: Some((3, cancel.clone())),
        ..store(2)
    });
    let ended = job(&server, plan(paths(2), server_key()), cancel);
    assert_eq!(
        (ended.receipt.result, ended.receipt.done),
        (Outcome::Cancelled, 0)
    );
    let world = server.world.lock().unwrap();
    assert_eq!(read(&world.log)[0].result, "cancelled");
    assert!(world.left.is_empty());
}
