//! Daemons that are not Nix's own, as their sources have them: Lix, which speaks an older protocol and deletes what it can
//! before it refuses the rest, and Determinate Nix, which offers features of its own.

use crate::help::{json, text};
use crate::hostile_daemon::daemon::{Store, answer, bytes, called, path, serve};
use serde_json::Value;
use std::collections::HashSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use storekeeper::domain::{PathInfo, StorePath};
use storekeeper::wire::{
    Garbage, GcAction, Message, RemoteError, Request, WireError, encode_garbage,
};
use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixStream;
use tokio::runtime::Runtime;

const CLIENT_MAGIC: u64 = 0x6e69_7863;
const SERVER_MAGIC: u64 = 0x6478_696f;
/// The first that says whether the client is trusted: Lix takes no older client.
const TRUST: u64 = 0x123;
/// The first with features.
const FEATURES: u64 = 0x126;

/// A maker's daemon.
#[derive(Debug, Clone, Copy)]
struct Maker {
    /// As on the wire.
    speaks: u64,
    release: &'static str,
    offers: &'static [&'static str],
}

const NIX: Maker = Maker {
    speaks: FEATURES,
    release: "2.34.8",
    offers: &[],
};

const LIX: Maker = Maker {
    speaks: TRUST,
    release: "2.94.2",
    offers: &[],
};

const DETERMINATE: Maker = Maker {
    speaks: FEATURES,
    release: "2.34.1",
    offers: &[
        "realisation-with-path-not-hash",
        "delete-dead-specific-referrers",
        "queryActiveBuilds",
        "addTempRoots",
        "queryPathInfos",
        "provenance",
    ],
};

/// What the daemon has, and what became of it.
#[derive(Default)]
struct State {
    store: Store,
    /// Kept by a process that came after the roots were reported.
    kept: HashSet<StorePath>,
    /// Features that the client has offered.
    offered: Vec<String>,
    /// Requests that the daemon does not know.
    unknown: Vec<String>,
    /// Deleting calls, each with the number of its paths.
    calls: Vec<usize>,
}

struct Running {
    state: Arc<Mutex<State>>,
    folder: tempfile::TempDir,
    config: PathBuf,
    runtime: Option<Runtime>,
}

impl Running {
    fn new(maker: Maker, store: Store, kept: HashSet<StorePath>) -> Self {
        let state = Arc::new(Mutex::new(State {
            store,
            kept,
            ..State::default()
        }));
        let runtime = Runtime::new().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let shared = state.clone();
        let config = runtime.block_on(serve(folder.path(), move |stream| {
            let state = shared.clone();
            async move { converse(stream, maker, &state).await }
        }));
        Self {
            state,
            folder,
            config,
            runtime: Some(runtime),
        }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        run(arguments, &self.config, self.folder.path())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn run(arguments: &[&str], config: &Path, home: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_storekeeper"))
        .args(arguments)
        .arg("--config")
        .arg(config)
        .env("HOME", home)
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("XDG_STATE_HOME")
        .env_remove("XDG_CACHE_HOME")
        .env_remove("STOREKEEPER_LOG")
        .output()
        .unwrap()
}

/// One connection, from the greeting on. The order of the greeting is that of each maker's `daemon.cc`.
async fn converse(stream: UnixStream, maker: Maker, state: &Mutex<State>) -> Option<()> {
    let (mut reader, mut write) = called(stream).await?;
    if reader.integer().await.ok()? != CLIENT_MAGIC {
        return None;
    }
    let greeting = bytes(|out| {
        out.integer(SERVER_MAGIC).integer(maker.speaks);
    });
    write.write_all(&greeting).await.ok()?;
    let theirs = reader.integer().await.ok()?;
    if maker.speaks < FEATURES && theirs < TRUST {
        // "the Nix client version is too old"
        return None;
    }
    let spoken = theirs.min(maker.speaks);
    if spoken >= FEATURES {
        let offered = reader.texts("a feature", 100, 100).await.ok()?;
        state.lock().unwrap().offered.extend(offered);
        let features = bytes(|out| {
            out.texts(maker.offers);
        });
        write.write_all(&features).await.ok()?;
    }
    if reader.boolean().await.ok()? {
        reader.integer().await.ok()?;
    }
    reader.boolean().await.ok()?;
    let last = bytes(|out| {
        out.text(maker.release);
        if spoken >= TRUST {
            out.integer(1);
        }
        Message::Last.encode(out);
    });
    write.write_all(&last).await.ok()?;
    loop {
        match Request::read(&mut reader).await {
            Ok(Some(request)) => {
                let said = reply(&request, &mut state.lock().unwrap());
                write.write_all(&said).await.ok()?;
            }
            // A client that has what it wants may go before all that was sent to it is read.
            Err(WireError::Io(error)) if error.kind() == ErrorKind::ConnectionReset => return None,
            Ok(None) => return Some(()),
            Err(error) => {
                // Obsolete operations, and those that a maker does not have, end the connection.
                state.lock().unwrap().unknown.push(error.to_string());
                return None;
            }
        }
    }
}

fn reply(request: &Request, state: &mut State) -> Vec<u8> {
    match request {
        Request::CollectGarbage(GcAction::DeleteSpecific(paths)) => delete(paths, state),
        _ => answer(&state.store, request),
    }
}

/// As Lix deletes, since 2.93: what may go, and then an error that names the first ten of the others.
fn delete(paths: &[StorePath], state: &mut State) -> Vec<u8> {
    state.calls.push(paths.len());
    let listed: HashSet<&StorePath> = paths.iter().collect();
    // What is kept, or needed by what is kept or not listed.
    let mut stays: HashSet<StorePath> = state.kept.clone();
    let infos = &state.store.infos;
    let others = infos.iter().filter(|info| !listed.contains(&info.path));
    stays.extend(others.map(|info| info.path.clone()));
    let mut grows = true;
    while grows {
        let before = stays.len();
        let needed: Vec<StorePath> = (infos.iter())
            .filter(|info| stays.contains(&info.path))
            .flat_map(|info| info.references.clone())
            .collect();
        stays.extend(needed);
        grows = stays.len() > before;
    }
    let (left, gone): (Vec<StorePath>, Vec<StorePath>) = paths
        .iter()
        .cloned()
        .partition(|path| stays.contains(path) && state.store.info(path).is_some());
    state.store = state.store.without(&gone.iter().cloned().collect());
    bytes(|out| {
        for path in &gone {
            Message::Log(format!("deleting '{path}'\n")).encode(out);
        }
        if left.is_empty() {
            Message::Last.encode(out);
            let garbage = Garbage {
                paths: gone.iter().map(StorePath::to_string).collect(),
                bytes: gone.len() as u64 * 1000,
            };
            encode_garbage(&garbage, out);
            return;
        }
        let names: Vec<&str> = left.iter().take(10).map(StorePath::base_name).collect();
        Message::Error(RemoteError::new(format!(
            "Cannot delete some of the given paths because they are still alive. Paths not deleted:\n  {}\n\
             To find out why, use nix-store --query --roots and nix-store --query --referrers.",
            names.join("\n  ")
        )))
        .encode(out);
    })
}

/// A chain of ten below a root, and 30 paths that nothing keeps.
fn store() -> Store {
    let mut store = Store::new(40, |at| if at < 9 { vec![at + 1] } else { vec![] });
    store.roots = vec![("/roots/top".to_owned(), path(0))];
    store
}

#[test]
fn whoever_made_the_daemon_the_answers_are_the_same() {
    let top = path(0).to_string();
    let questions: [&[&str]; 4] = [
        &["paths", "hostile", "--json"],
        &["why", "hostile", &top, "--json"],
        &["roots", "hostile", "list", "--json"],
        &["gc", "hostile", "--whole", "--dry-run", "--json"],
    ];
    let answers = |maker: Maker| {
        let running = Running::new(maker, store(), HashSet::new());
        let answers: Vec<(Option<i32>, Value)> = (questions.iter())
            .map(|question| {
                let output = running.run(question);
                let mut document = json(&output);
                // When it was asked.
                document.as_object_mut().unwrap().remove("at");
                (output.status.code(), document)
            })
            .collect();
        let state = running.state.lock().unwrap();
        assert_eq!(state.offered, [] as [String; 0], "{maker:?}");
        assert_eq!(state.unknown, [] as [String; 0], "{maker:?}");
        answers
    };
    let usual = answers(NIX);
    assert_eq!(usual[0].1["paths"].as_array().unwrap().len(), 40);
    for maker in [LIX, DETERMINATE] {
        for ((question, usual), here) in questions.iter().zip(&usual).zip(answers(maker)) {
            assert_eq!(here, *usual, "{maker:?}: {question:?}");
        }
    }
}

#[test]
fn what_lix_deletes_before_it_refuses_is_counted_and_what_it_keeps_is_named() {
    // Twelve that a process keeps, and with the first of them one that it needs.
    let mut store = Store::new(40, |at| if at == 10 { vec![30] } else { vec![] });
    store.roots = vec![("/roots/top".to_owned(), path(0))];
    let kept: HashSet<StorePath> = (10..22).map(path).collect();
    let running = Running::new(LIX, store, kept.clone());
    let output = running.run(&["gc", "hostile", "--whole", "--yes", "--json"]);
    let said = text(&output.stderr);
    let receipt = &json(&output)["receipt"];
    let state = running.state.lock().unwrap();
    let left: HashSet<StorePath> = (state.store.infos.iter())
        .map(|info: &PathInfo| info.path.clone())
        .collect();
    let expected: HashSet<StorePath> = kept.into_iter().chain([path(0), path(30)]).collect();
    assert_eq!(left, expected);
    assert_eq!(receipt["done"], 40 - 14, "{receipt}: {said}");
    let failed = receipt["failed"].as_array().unwrap();
    assert_eq!(failed.len(), 13, "{receipt}");
    let why = failed[0].to_string();
    assert!(why.contains("because they are still alive"), "{why}");
    assert_eq!(why.matches("-p-").count(), 1, "{why}");
    // Ten are named at a time, and nothing is tried path by path.
    assert_eq!(state.calls, [39, 3], "{receipt}");
}

/// Since 2.35 Nix deletes the derivation of a path that stays, where it is asked for by name: `keep-derivations` is held here alone.
#[test]
fn a_derivation_that_is_kept_is_not_asked_for_where_the_daemon_would_delete_it() {
    let mut store = store();
    store.infos[5].deriver = Some(path(20));
    let running = Running::new(NIX, store, HashSet::new());
    let output = running.run(&["gc", "hostile", "--whole", "--yes", "--json"]);
    let receipt = &json(&output)["receipt"];
    let state = running.state.lock().unwrap();
    assert_eq!(receipt["done"], 29, "{receipt}: {}", text(&output.stderr));
    assert!(state.store.info(&path(20)).is_some());
    assert_eq!(state.calls, [29]);
}
