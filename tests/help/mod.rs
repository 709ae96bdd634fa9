//! What tests of every kind do again and again: wait for what the library does, connect, read a store, run a plan.

// Each test program includes this and uses its own part of it.
#![allow(dead_code)]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

pub(crate) mod terminal;

use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use storekeeper::change::{Answer, Plan, Policy, Receipt, run_in};
use storekeeper::inventory::Inventory;
use storekeeper::link::NoPrompter;
use storekeeper::load::{Loader, StoreSnapshot};
use storekeeper::server::{ReadSummary, Server, Spec};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::unbounded_channel;
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
    storekeeper::load::load(server).await.unwrap()
}

/// The same over what is known of it.
pub(crate) async fn read_over(
    server: &Server,
    known: Option<StoreSnapshot>,
) -> (StoreSnapshot, ReadSummary) {
    let mut loader = Loader::start(server, known);
    while loader.next().await.unwrap().is_some() {}
    let (inventory, read) = loader.finish();
    let known = StoreSnapshot {
        inventory: Arc::new(inventory),
        seen: read.seen.clone(),
    };
    (known, read)
}

/// Confirms a plan and runs it; `state` is where the copy of the audit log is kept.
pub(crate) async fn carry_out(
    server: &Server,
    plan: Plan,
    answer: &Answer,
    state: Option<PathBuf>,
) -> Receipt {
    let confirmed = plan.confirm(answer, Policy { read_only: false }).unwrap();
    let (events, _reported) = unbounded_channel();
    run_in(state, confirmed, server, events, CancellationToken::new()).await
}

/// A program of the server that does what it is called for, and then, where it was called with the words of the file
/// `ready`, never comes back: the file is `reached` then.
const STUCK: &str = r#"#!/bin/sh
name=${0##*/}
"$(PATH=/usr/bin:/bin:/usr/sbin:/sbin command -v "$name")" "$@"
code=$?
case "$name $*|" in
*"$(cat "${0%/*}/ready" 2>/dev/null || echo 'not ready')"*)
    mv "${0%/*}/ready" "${0%/*}/reached"
    sleep 60
    ;;
esac
exit $code
"#;

/// A folder of such programs, for the front of a server's search path.
pub(crate) fn stuck(scratch: &Path, programs: &[&str]) -> PathBuf {
    let first = scratch.join("first");
    fs::create_dir(&first).unwrap();
    for name in programs {
        fs::write(first.join(name), STUCK).unwrap();
        fs::set_permissions(first.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    // Programs with the cache user's rights run there too.
    fs::set_permissions(&first, fs::Permissions::from_mode(0o777)).unwrap();
    first
}

/// Ends what runs beside a test also where the test fails.
pub(crate) struct Ends<'a>(pub(crate) &'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// How a job is cut off in the middle of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Its sessions on the server are killed; new ones are served.
    Sessions,
    /// It is cancelled, and the call does not answer.
    Cancel,
}

/// Confirms a plan and runs it until a file is there that the server makes in the middle of a call, and cuts it off then.
pub(crate) fn cut_off(
    server: &Server,
    plan: Plan,
    reached: &Path,
    cut: Cut,
    kill: impl FnOnce(),
) -> Receipt {
    let answer = match plan.concerns.as_slice() {
        [] => Answer::Flag,
        concerns => Answer::Accepting(concerns.to_vec()),
    };
    let confirmed = plan.confirm(&answer, Policy { read_only: false }).unwrap();
    let (events, _reported) = unbounded_channel();
    let cancel = CancellationToken::new();
    wait(async {
        let job = run_in(None, confirmed, server, events, cancel.clone());
        let waiting = async {
            while !reached.exists() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::pin!(job);
        tokio::select! {
            receipt = &mut job => panic!("it ended before it could be cut off: {receipt:?}"),
            () = waiting => {}
        }
        match cut {
            Cut::Sessions => kill(),
            Cut::Cancel => cancel.cancel(),
        }
        job.await
    })
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
