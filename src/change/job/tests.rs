//! Jobs against a server in memory with faults on call.
//!
//! In: a store, a call at which something goes wrong. Out: that the receipt says what is true of that store.

use super::fake::{Fake, World};
use super::*;
use crate::change::plan::{Danger, Item, KeySource, Plan};
use crate::change::testing::{KEY_FILE, info, key, ours, path, ring, signed};
use crate::domain::{SigningKey, StorePath, Verdict};
use crate::judge::trust::assess;
use proptest::prelude::*;
use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::Ordering;
use tokio::sync::mpsc::UnboundedReceiver;

pub(super) fn store(count: usize) -> World {
    World {
        infos: (0..count)
            .map(|at| info(&format!("p-{at:05}"), &[], 60))
            .map(|info| (info.path.clone(), info))
            .collect(),
        reopens: true,
        ..World::default()
    }
}

pub(super) fn paths(count: usize) -> Vec<StorePath> {
    (0..count).map(|at| path(&format!("p-{at:05}"))).collect()
}

pub(super) fn server_key() -> KeySource {
    KeySource::Server {
        file: KEY_FILE.into(),
        name: ours().name().to_string(),
    }
}

pub(super) fn plan(paths: Vec<StorePath>, with: KeySource) -> Plan {
    let item = |path: &StorePath| Item::Path {
        path: path.clone(),
        nar_size: 1000,
    };
    Plan {
        change: "sign",
        server: "prod".into(),
        summary: "sign".into(),
        items: paths.iter().map(item).collect(),
        commands: vec![],
        warnings: vec![],
        concerns: Vec::new(),
        amounts: None,
        push: None,
        second: None,
        lines: vec![],
        danger: Danger::Adds,
        operation: Operation::Sign {
            paths,
            with,
            key: Box::new(ours().public()),
        },
        reason: Some("test\u{1b}".into()),
    }
}

/// A job that has come to its end.
pub(super) struct Ended {
    pub(super) receipt: Receipt,
    pub(super) events: UnboundedReceiver<JobEvent>,
    state: tempfile::TempDir,
}

pub(super) fn job(server: &Fake, plan: Plan, cancel: CancellationToken) -> Ended {
    job_in_chunks(CHUNK, server, plan, cancel)
}

fn job_in_chunks(chunk: usize, server: &Fake, plan: Plan, cancel: CancellationToken) -> Ended {
    let state = tempfile::tempdir().unwrap();
    let (receipt, events) = server.run(plan, chunk, Some(state.path().to_owned()), cancel);
    Ended {
        receipt,
        events,
        state,
    }
}

fn run_plan(server: &Fake, plan: Plan) -> Receipt {
    job(server, plan, CancellationToken::new()).receipt
}

/// How many of the store's paths carry our valid signature.
fn is_signed(world: &World, path: &StorePath) -> bool {
    world.infos.get(path).is_some_and(|info| {
        assess(&ring(), info)
            .signatures
            .contains(&(ours().name().to_string(), Verdict::Valid))
    })
}

fn said<'a>(receipt: &'a Receipt, item: &str) -> &'a str {
    receipt
        .failed
        .iter()
        .find(|failure| failure.item.contains(item))
        .map_or("", |failure| &failure.message)
}

#[test]
fn signs_and_keeps_a_record() {
    let server = Fake::new(store(1200));
    let mut ended = job(
        &server,
        plan(paths(1200), server_key()),
        CancellationToken::new(),
    );
    let receipt = &ended.receipt;
    assert_eq!((receipt.result, receipt.done), (Outcome::Done, 1200));
    assert!(receipt.failed.is_empty());
    assert_eq!(receipt.id.len(), 8);
    assert!(receipt.by.starts_with("root via "));
    let world = server.world.lock().unwrap();
    assert!(paths(1200).iter().all(|path| is_signed(&world, path)));
    let records = audit::read(&world.log);
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].id, receipt.id);
    assert_eq!(
        (records[0].items.len(), records[0].items_total),
        (1000, 1200)
    );
    assert_eq!(records[0].reason.as_deref(), Some("test\\e"));
    assert_eq!(
        std::fs::read(audit::copy::file(ended.state.path(), "prod")).unwrap(),
        world.log
    );
    let mut shown = Vec::new();
    while let Ok(event) = ended.events.try_recv() {
        if let JobEvent::Progress { done, total, .. } = event {
            shown.push((done, total));
        }
    }
    assert_eq!(shown, [(0, 1200), (512, 1200), (1024, 1200), (1200, 1200)]);
}

#[test]
fn signs_with_a_key_of_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, key: &SigningKey| {
        use std::io::Write as _;
        use std::os::unix::fs::OpenOptionsExt as _;
        let file = folder.path().join(name);
        let mut options = std::fs::OpenOptions::new();
        let mut opened = options
            .write(true)
            .create(true)
            .mode(0o600)
            .open(&file)
            .unwrap();
        opened.write_all(key.to_secret_text().as_bytes()).unwrap();
        file
    };
    let source = |file: &Path, name: &str| KeySource::Local {
        file: file.to_owned(),
        name: name.into(),
    };
    let mut world = store(3);
    let sizeless = paths(3).remove(2);
    world.infos.get_mut(&sizeless).unwrap().nar_size = 0;
    let server = Fake::new(world);
    let file = write("ours", &ours());
    let receipt = run_plan(
        &server,
        plan(paths(3), source(&file, "cache.example.org-1")),
    );
    assert_eq!((receipt.result, receipt.done), (Outcome::Partial, 2));
    assert!(said(&receipt, "p-00002").contains("NAR size"));
    // The file has another key by now than the plan showed.
    let other = write("other", &key("new-1", 9));
    let receipt = run_plan(
        &server,
        plan(paths(1), source(&other, "cache.example.org-1")),
    );
    assert_eq!((receipt.result, receipt.done), (Outcome::Failed, 0));
    assert!(said(&receipt, "p-00000").contains("the key has changed since the plan"));
}

#[test]
fn a_second_run_has_nothing_left_to_do() {
    let server = Fake::new(store(2));
    for _ in 0..2 {
        let receipt = run_plan(&server, plan(paths(2), server_key()));
        assert_eq!((receipt.result, receipt.done), (Outcome::Done, 2));
    }
    let world = server.world.lock().unwrap();
    assert!(world.infos.values().all(|info| info.signatures.len() == 1));
}

#[test]
fn one_path_that_spoils_a_call_is_found() {
    let mut world = store(600);
    let (cursed, gone) = (path("p-00300"), path("p-00599"));
    world.poison.insert(cursed.clone());
    world.infos.remove(&gone);
    let server = Fake::new(world);
    let receipt = run_plan(&server, plan(paths(600), server_key()));
    assert_eq!((receipt.result, receipt.done), (Outcome::Partial, 598));
    assert_eq!(receipt.failed.len(), 2);
    assert_eq!(
        said(&receipt, "p-00300"),
        format!("not signed: {cursed} is cursed")
    );
    assert!(said(&receipt, "p-00599").contains("not in the store any more"));
}

#[test]
fn a_key_that_does_not_sign_ends_it_soon() {
    let mut world = store(2000);
    world.no_signing = Some("the key file is missing");
    let server = Fake::new(world);
    let receipt = run_plan(&server, plan(paths(2000), server_key()));
    assert_eq!((receipt.result, receipt.done), (Outcome::Failed, 0));
    assert_eq!(receipt.failed.len(), 2000);
    assert_eq!(
        said(&receipt, "p-00000"),
        "not signed: the key file is missing"
    );
    assert_eq!(
        said(&receipt, "p-01999"),
        "not tried: the key file is missing"
    );
    let events = job(
        &server,
        plan(paths(1), server_key()),
        CancellationToken::new(),
    );
    assert_eq!(events.receipt.result, Outcome::Failed);
}

#[test]
fn what_the_server_claims_is_not_enough() {
    let server = Fake::new(World {
        lies: true,
        ..store(2)
    });
    let receipt = run_plan(&server, plan(paths(2), server_key()));
    assert_eq!((receipt.result, receipt.done), (Outcome::Failed, 0));
    assert!(said(&receipt, "p-00001").contains("reported success, and no valid signature"));
}

#[test]
fn signed_and_still_refused() {
    let mut world = store(1);
    let only = world.infos.get_mut(&path("p-00000")).unwrap();
    only.signatures.push("old-1:AAAA".into());
    let server = Fake::new(world);
    let receipt = run_plan(&server, plan(paths(1), server_key()));
    assert_eq!((receipt.result, receipt.done), (Outcome::Failed, 0));
    assert!(said(&receipt, "p-00000").contains("clients still refuse it"));
    let other = signed(info("p-00000", &[], 60), &key("stranger", 9));
    let server = Fake::new(World {
        infos: BTreeMap::from([(other.path.clone(), other)]),
        ..store(0)
    });
    assert_eq!(run_plan(&server, plan(paths(1), server_key())).done, 1);
}

#[test]
fn without_a_log_nothing_is_changed() {
    let server = Fake::new(World {
        full: true,
        ..store(2)
    });
    let ended = job(
        &server,
        plan(paths(2), server_key()),
        CancellationToken::new(),
    );
    assert_eq!(
        (ended.receipt.result, ended.receipt.done),
        (Outcome::Failed, 0)
    );
    assert_eq!(
        said(&ended.receipt, "audit log"),
        "nothing was changed, because the audit log can't be written: no space is left on the device"
    );
    let world = server.world.lock().unwrap();
    assert!(!world.infos.keys().any(|path| is_signed(&world, path)));
}

#[test]
fn a_record_that_does_not_arrive_is_said_and_kept_here() {
    // The calls: probe, look, sign, look, record.
    let server = Fake::new(World {
        cut_at: Some(5),
        reopens: false,
        ..store(2)
    });
    let ended = job(
        &server,
        plan(paths(2), server_key()),
        CancellationToken::new(),
    );
    assert_eq!(
        (ended.receipt.result, ended.receipt.done),
        (Outcome::Partial, 2)
    );
    let message = said(&ended.receipt, "audit log");
    assert!(
        message.contains("not in the server's audit log"),
        "{message}"
    );
    assert!(message.contains("prod.jsonl here"), "{message}");
    let copy = std::fs::read(audit::copy::file(ended.state.path(), "prod")).unwrap();
    assert!(copy.starts_with(b"{\"prev\":null,\"id\":"));
    assert_eq!(audit::compare(b"", &copy), None);
}

#[test]
fn a_link_that_is_cut_while_signing() {
    let cut = |reopens| {
        let server = Fake::new(World {
            cut_at: Some(6),
            done_before_cut: 100,
            reopens,
            ..store(1100)
        });
        let receipt = run_plan(&server, plan(paths(1100), server_key()));
        assert_eq!(receipt.result, Outcome::Partial);
        (server, receipt)
    };
    // Another link could be opened: all of it is known.
    let (server, receipt) = cut(true);
    assert_eq!(receipt.done, 612);
    assert!(
        said(&receipt, "p-00612").starts_with("not signed: the link was lost before the signature")
    );
    assert!(
        said(&receipt, "p-01024").starts_with("not signed: the link was lost before it was tried")
    );
    assert_eq!(audit::read(&server.world.lock().unwrap().log)[0].done, 612);
    server.down.store(false, Ordering::SeqCst);
    let receipt = run_plan(&server, plan(paths(1100), server_key()));
    assert_eq!((receipt.result, receipt.done), (Outcome::Done, 1100));
    // None could: what was under way is not confirmed, and nothing else is said of it.
    let (_, receipt) = cut(false);
    assert_eq!(receipt.done, 512);
    for item in ["p-00512", "p-01023"] {
        assert!(said(&receipt, item).starts_with("not confirmed: the link was lost"));
    }
    assert!(
        said(&receipt, "p-01024").starts_with("not signed: the link was lost before it was tried")
    );
    assert!(said(&receipt, "audit log").contains("the link was lost"));
    assert_eq!(receipt.failed.len(), 589);
}

#[test]
fn stops_between_chunks_when_cancelled() {
    let cancel = CancellationToken::new();
    let server = Fake::new(World {
        cancel_at: Some((3, cancel.clone())),
        ..store(1100)
    });
    let ended = job(&server, plan(paths(1100), server_key()), cancel);
    assert_eq!(
        (ended.receipt.result, ended.receipt.done),
        (Outcome::Cancelled, 512)
    );
    assert_eq!(ended.receipt.failed.len(), 588);
    assert!(said(&ended.receipt, "p-01099").contains("cancelled before it was tried"));
    assert_eq!(
        audit::read(&server.world.lock().unwrap().log)[0].result,
        "cancelled"
    );
    let idle = CancellationToken::new();
    idle.cancel();
    let ended = job(&server, plan(paths(1100), server_key()), idle);
    assert_eq!(
        (ended.receipt.result, ended.receipt.done),
        (Outcome::Cancelled, 0)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Wherever the link is cut, and whatever is wrong besides: each path is counted once, what counts as done is
    /// signed, what is called unsigned is not, and signing again completes.
    #[test]
    fn the_receipt_is_true(
        count in 1_usize..50,
        cut_at in prop::option::of(1_usize..20),
        done_before_cut in 0_usize..12,
        reopens: bool,
        poison in prop::collection::vec(0_usize..50, 0..3),
        gone in prop::collection::vec(0_usize..50, 0..3),
    ) {
        let mut world = World { cut_at, done_before_cut, reopens, ..store(count) };
        world.poison = poison.iter().map(|at| path(&format!("p-{at:05}"))).collect();
        for at in &gone {
            world.infos.remove(&path(&format!("p-{at:05}")));
        }
        let server = Fake::new(world);
        let receipt = job_in_chunks(10, &server, plan(paths(count), server_key()), CancellationToken::new()).receipt;
        let failed: BTreeMap<&str, &str> = receipt
            .failed
            .iter()
            .map(|failure| (failure.item.as_str(), failure.message.as_str()))
            .collect();
        prop_assert_eq!(failed.len(), receipt.failed.len());
        let probe_failed = failed.values().any(|message| message.starts_with("nothing was changed"));
        {
            let world = server.world.lock().unwrap();
            let mut done = 0;
            for path in paths(count) {
                let message = failed.get(path.to_string().as_str());
                let signed = is_signed(&world, &path);
                match message {
                    None if probe_failed => prop_assert!(!signed),
                    None => { prop_assert!(signed); done += 1; }
                    Some(message) if message.starts_with("not confirmed") => {}
                    Some(_) => prop_assert!(!signed, "{}", path),
                }
            }
            prop_assert_eq!(done, receipt.done);
        }
        prop_assert_eq!(receipt.result == Outcome::Done, receipt.failed.is_empty());
        {
            let mut world = server.world.lock().unwrap();
            world.cut_at = None;
            world.poison.clear();
            server.down.store(false, Ordering::SeqCst);
        }
        let again = job_in_chunks(10, &server, plan(paths(count), server_key()), CancellationToken::new()).receipt;
        let missing = gone.iter().filter(|at| **at < count).collect::<HashSet<_>>().len();
        prop_assert_eq!(again.done, count - missing);
    }
}
