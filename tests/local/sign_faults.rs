//! Signing while things go wrong, on the built-in server: whatever happens, the receipt is true of the store.

use crate::help::read;
use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use storekeeper::change::audit::{self, compare, verify};
use storekeeper::change::sign::{KeyChoice, Selection, plan};
use storekeeper::change::{Answer, Confirmed, JobEvent, Outcome, Policy, Receipt, run_in};
use storekeeper::demo::{Demo, Options, Plan as FaultPlan};
use storekeeper::domain::{KeyRing, StorePath, Verdict, When};
use storekeeper::judge::trust::assess;
use storekeeper::link::{self, NoPrompter};
use storekeeper::server::{Server, Spec};
use tokio::sync::mpsc::unbounded_channel;
use tokio_util::sync::CancellationToken;

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(120);

async fn start(paths: usize) -> Demo {
    Demo::start(Options {
        paths,
        unsigned: paths / 8,
        ..Options::new(PathBuf::from(env!("CARGO_BIN_EXE_storekeeper")))
    })
    .await
    .unwrap()
}

async fn connect(demo: &Demo) -> Server {
    let place = link::resolve(&link::Options {
        name: demo.address().ip().to_string(),
        user: Some("root".to_owned()),
        port: Some(demo.address().port()),
        identity_files: vec![demo.identity_file()],
        known_hosts: Some(demo.known_hosts_file()),
        ssh_config: Some(PathBuf::from("/dev/null")),
        ..link::Options::default()
    })
    .await
    .unwrap();
    let mut spec = Spec::new("demo", place);
    spec.signing_key = Some(demo.signing_key_file().to_string_lossy().into_owned());
    spec.retired_keys = vec![demo.store().retired_key()];
    spec.upstream_keys = vec![demo.store().upstream_key()];
    spec.audit_log = demo.audit_file().to_string_lossy().into_owned();
    Server::connect(spec, Arc::new(NoPrompter)).await.unwrap()
}

/// Plans to sign all that is refused, on a server where nothing goes wrong yet.
async fn planned(server: &Server, key: &KeyChoice) -> Confirmed {
    let inventory = read(server).await;
    let plan = plan(
        server,
        &inventory,
        &Selection::all(),
        key.clone(),
        None,
        When::now(),
    )
    .await
    .unwrap();
    plan.confirm(&Answer::Flag, Policy { read_only: false })
        .unwrap()
}

struct Ended {
    planned: Vec<StorePath>,
    receipt: Receipt,
}

async fn job(demo: &Demo, server: &Server, plan: Confirmed, cancel: CancellationToken) -> Ended {
    let items = &plan.plan().items;
    let planned = items
        .iter()
        .filter_map(|item| item.path().cloned())
        .collect();
    let (sender, _events) = unbounded_channel();
    let state = Some(demo.folder().join("state-here"));
    let running = run_in(state, plan, server, sender, cancel);
    let receipt = tokio::time::timeout(PATIENCE, running).await.unwrap();
    Ended { planned, receipt }
}

/// Whether the store has our valid signature for it.
fn is_signed(demo: &Demo, path: &StorePath) -> bool {
    let ours = KeyRing::new(vec![demo.public_key()], vec![], vec![]);
    let store = demo.store();
    store
        .find(path)
        .and_then(|at| store.info(at))
        .is_some_and(|info| {
            assess(&ours, &info)
                .signatures
                .iter()
                .any(|(_, verdict)| *verdict == Verdict::Valid)
        })
}

/// Compares a receipt with the store; gives back how many items it calls unconfirmed.
fn is_true(demo: &Demo, ended: &Ended) -> usize {
    let (mut done, mut unconfirmed) = (0, 0);
    let receipt = &ended.receipt;
    let stopped = receipt
        .failed
        .iter()
        .any(|failure| failure.message.starts_with("nothing was changed"));
    for path in &ended.planned {
        let said = receipt
            .failed
            .iter()
            .find(|failure| failure.item == path.to_string());
        match said.map(|failure| failure.message.as_str()) {
            None if stopped => assert!(!is_signed(demo, path)),
            None => {
                assert!(is_signed(demo, path), "{path} was called signed");
                done += 1;
            }
            Some(message) if message.starts_with("not confirmed") => unconfirmed += 1,
            Some(message) => assert!(!is_signed(demo, path), "{path}: {message}"),
        }
    }
    assert_eq!(done, receipt.done);
    assert_eq!(receipt.result == Outcome::Done, receipt.failed.is_empty());
    unconfirmed
}

/// What a receipt says, short enough to be read.
fn short(ended: &Ended) -> String {
    let mut counts = BTreeMap::new();
    for failure in &ended.receipt.failed {
        *counts.entry(failure.message.as_str()).or_insert(0) += 1;
    }
    let Receipt { result, done, .. } = &ended.receipt;
    format!("{result:?}, {done} done, {counts:#?}")
}

fn keys(demo: &Demo) -> [KeyChoice; 2] {
    [
        KeyChoice::Server(None),
        KeyChoice::Local(demo.signing_key_file()),
    ]
}

fn said<'a>(ended: &'a Ended, start: &str) -> usize {
    let failed: &'a [storekeeper::change::Failure] = &ended.receipt.failed;
    failed
        .iter()
        .filter(|failure| failure.message.starts_with(start))
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_at_any_byte_leaves_a_true_receipt() {
    // Everything from the first question to the record. The marker of the job and the paths that are asked for are about 105 kB;
    // then the server is told to sign in 10 kB, or is sent signatures in 30 kB; then the paths are asked for again.
    let few = [
        (200, 0),
        (20_000, 0),
        (104_000, 0),
        (112_000, 0),
        (150_000, 0),
        (113_000, 1),
        (121_000, 1),
        (131_000, 1),
        (160_000, 1),
    ]
    .map(|(cut_after, key)| (800, cut_after, key));
    // Of three chunks, somewhere after the first.
    let many = [(12_000, 1_000_000, 0), (12_000, 1_300_000, 1)];
    let mut outcomes = HashSet::new();
    for (paths, cut_after, key) in few.into_iter().chain(many) {
        let demo = start(paths).await;
        let server = connect(&demo).await;
        let confirmed = planned(&server, &keys(&demo)[key]).await;
        demo.faults().set(|plan| plan.cut_after = Some(cut_after));
        let ended = job(&demo, &server, confirmed, CancellationToken::new()).await;
        demo.faults().clear();
        // A new link could always be opened, so nothing is left in the dark.
        assert_eq!(is_true(&demo, &ended), 0, "{}", short(&ended));
        outcomes.insert(ended.receipt.result.word());
        // Where the link was cut before the first record there is none.
        let log = std::fs::read(demo.audit_file()).unwrap_or_default();
        assert_eq!(verify(&log).broken(), None);
        let copy = std::fs::read(audit::copy::file(&demo.folder().join("state-here"), "demo"));
        assert_eq!(compare(&log, &copy.unwrap_or_default()), None);
    }
    assert_eq!(outcomes, HashSet::from(["done", "partial", "failed"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_off_for_good() {
    for at in 0..2 {
        // How much goes by before the signatures do is a matter of the scripts: the first cut that leaves some in the dark.
        let mut cut_after = 100_000;
        while !is_cut_off_for_good(at, cut_after).await {
            cut_after += 3_000;
            assert!(cut_after < 400_000, "no cut fell into the signatures");
        }
    }
}

/// Cuts the link of a signing job for good; whether that fell between the first signature and the last answer.
async fn is_cut_off_for_good(at: usize, cut_after: u64) -> bool {
    let demo = start(800).await;
    let server = connect(&demo).await;
    let confirmed = planned(&server, &keys(&demo)[at]).await;
    let total = confirmed.plan().items.len();
    // What the reading leaves on its own connection must not count.
    tokio::time::sleep(Duration::from_millis(300)).await;
    demo.faults().set(|plan| {
        plan.cut_after = Some(cut_after);
        plan.latency = Duration::from_millis(2);
    });
    let faults = demo.faults().clone();
    let refusing = tokio::spawn(async move {
        while faults.plan().cut_after.is_some() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        faults.set(|plan| plan.refuse_connections = true);
    });
    let ended = job(&demo, &server, confirmed, CancellationToken::new()).await;
    assert!(
        demo.faults().plan().cut_after.is_none(),
        "the job ended before the cut"
    );
    refusing.await.unwrap();
    if is_true(&demo, &ended) == 0 {
        return false;
    }
    assert_eq!(ended.receipt.result, Outcome::Partial);
    assert_eq!(
        said(&ended, "this change is not in the server's audit log"),
        1
    );
    assert_eq!(ended.receipt.done + ended.receipt.failed.len(), total + 1);
    demo.faults().clear();
    let server = connect(&demo).await;
    let inventory = read(&server).await;
    let key = keys(&demo)[at].clone();
    let rest = plan(
        &server,
        &inventory,
        &Selection::all(),
        key,
        None,
        When::now(),
    )
    .await;
    if let Ok(plan) = rest {
        let confirmed = plan
            .confirm(&Answer::Flag, Policy { read_only: false })
            .unwrap();
        let again = job(&demo, &server, confirmed, CancellationToken::new()).await;
        assert_eq!(again.receipt.result, Outcome::Done);
    }
    assert!(ended.planned.iter().all(|path| is_signed(&demo, path)));
    true
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_single_paths_are_told_by_path() {
    type Fault = fn(&mut FaultPlan);
    let faults: [(Fault, &str); 3] = [
        (
            |plan| plan.gone_every = Some(5),
            "it is not in the store any more",
        ),
        (
            |plan| plan.error_every = Some(5),
            "the server can't read it",
        ),
        (
            |plan| plan.refuse_signatures_from = Some(11),
            "not signed: ",
        ),
    ];
    for (fault, words) in faults {
        for at in 0..2 {
            let demo = start(800).await;
            let server = connect(&demo).await;
            let confirmed = planned(&server, &keys(&demo)[at]).await;
            demo.faults().set(fault);
            let ended = job(&demo, &server, confirmed, CancellationToken::new()).await;
            demo.faults().clear();
            assert_eq!(is_true(&demo, &ended), 0);
            let reported = said(&ended, words);
            assert!(
                reported > 0 && reported == ended.receipt.failed.len(),
                "{}",
                short(&ended)
            );
            let result = ended.receipt.result;
            assert!(
                result == Outcome::Partial
                    || (ended.receipt.done == 0 && result == Outcome::Failed)
            );
            let again = planned(&server, &keys(&demo)[at]).await;
            let again = job(&demo, &server, again, CancellationToken::new()).await;
            assert_eq!(again.receipt.result, Outcome::Done, "{}", short(&again));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_in_the_middle() {
    let demo = start(12_000).await;
    let server = connect(&demo).await;
    let confirmed = planned(&server, &KeyChoice::Local(demo.signing_key_file())).await;
    let cancel = CancellationToken::new();
    // The first chunk is done for sure, the last one is not.
    demo.faults()
        .set(|plan| plan.latency = Duration::from_millis(5));
    let watch = {
        let (cancel, demo) = (cancel.clone(), &demo);
        let first = confirmed.plan().items[0].path().unwrap().clone();
        async move {
            while !is_signed(demo, &first) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            cancel.cancel();
        }
    };
    let (ended, ()) = tokio::join!(job(&demo, &server, confirmed, cancel.clone()), watch);
    assert_eq!(is_true(&demo, &ended), 0);
    assert_eq!(ended.receipt.result, Outcome::Cancelled);
    assert!(ended.receipt.done > 0, "{}", short(&ended));
    assert!(said(&ended, "not signed: cancelled") > 0);
    let log = std::fs::read(demo.audit_file()).unwrap();
    assert_eq!(audit::read(&log)[0].result, "cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_falls_silent_can_be_left() {
    let demo = start(800).await;
    let server = connect(&demo).await;
    let confirmed = planned(&server, &KeyChoice::Server(None)).await;
    let cancel = CancellationToken::new();
    let (sender, mut events) = unbounded_channel();
    let running = tokio::spawn({
        let (server, cancel) = (server.clone(), cancel.clone());
        let state = Some(demo.folder().join("state-here"));
        async move { run_in(state, confirmed, &server, sender, cancel).await }
    });
    // The job has begun: the log was asked.
    assert!(matches!(
        events.recv().await,
        Some(JobEvent::Progress { done: 0, .. })
    ));
    demo.faults().set(|plan| plan.stall = true);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let asked = Instant::now();
    cancel.cancel();
    let receipt = tokio::time::timeout(PATIENCE, running)
        .await
        .unwrap()
        .unwrap();
    assert!(
        asked.elapsed() < Duration::from_secs(30),
        "{:?}",
        asked.elapsed()
    );
    assert_ne!(receipt.result, Outcome::Done);
    demo.faults().clear();
}
