//! What tests of every kind do again and again: wait for what the library does, connect, read a store, run a plan.

// Each test program includes this and uses its own part of it.
#![allow(dead_code)]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

pub(crate) mod terminal;

use serde_json::Value;
use std::path::PathBuf;
use std::process::Output;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use storekeeper::change::{Answer, Plan, Policy, Receipt, run_in};
use storekeeper::inventory::{Builder, Inventory};
use storekeeper::judge::trust::assess;
use storekeeper::link::NoPrompter;
use storekeeper::server::{InfoReply, Server, Spec, StoreEvent};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{channel, unbounded_channel};
use tokio_util::sync::CancellationToken;

/// One runtime for all of a test: a connection ends with that which it was opened in.
pub(crate) fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().unwrap())
}

/// What the future comes to.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    runtime().block_on(future)
}

/// A connection that asks nobody anything.
pub(crate) async fn connect(spec: Spec) -> Server {
    Server::connect(spec, Arc::new(NoPrompter)).await.unwrap()
}

/// The whole store, assessed by the server's own keys.
pub(crate) async fn read(server: &Server) -> Inventory {
    let (sink, mut events) = channel(16);
    let facts = server.facts();
    let building = async {
        let mut builder = Builder::new(Vec::new());
        while let Some(event) = events.recv().await {
            let replies = match event {
                StoreEvent::Listed(paths) => {
                    builder = Builder::new(paths);
                    continue;
                }
                StoreEvent::Infos(replies) => replies,
            };
            for reply in replies {
                match reply {
                    InfoReply::Valid(info) => builder.add(&info, &assess(&facts.keys, &info)),
                    InfoReply::Invalid(path) => builder.gone(&path),
                    InfoReply::Failed(path, why) => builder.unreadable(&path, why),
                }
            }
        }
        builder.finish()
    };
    let (summary, inventory) = tokio::join!(server.read_store(sink), building);
    summary.unwrap();
    inventory
}

/// Confirms a plan and runs it; `state` is where the copy of the audit log is kept.
pub(crate) async fn carry_out(
    server: &Server,
    plan: Plan,
    answer: &Answer,
    state: Option<PathBuf>,
) -> Receipt {
    let confirmed = plan.confirm(answer, Policy { read_only: false }).unwrap();
    let (events, _told) = unbounded_channel();
    run_in(state, confirmed, server, events, CancellationToken::new()).await
}

/// How long this thread has had a processor, whatever else ran meanwhile; see schedstat in the kernel's documentation.
pub(crate) fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

/// What a program has printed.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The one document that a program has printed.
pub(crate) fn json(output: &Output) -> Value {
    let (document, errors) = (text(&output.stdout), text(&output.stderr));
    assert!(
        document.ends_with('\n') && document.lines().count() == 1,
        "{document}{errors}"
    );
    serde_json::from_str(&document).unwrap_or_else(|error| panic!("{error}: {document}{errors}"))
}
