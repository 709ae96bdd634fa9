//! Reading a store into the console, and bringing single paths up to date.
//!
//! In: a connected server. Out: inventories, the first one as soon as the listing is there. A store that was read
//! before is read again over what is known: rows keep their numbers, and nothing disappears meanwhile.

use crate::console::app::msg::Msg;
use crate::console::backend::Sender;
use crate::console::backend::answer::Prompt;
use crate::console::backend::connect::State;
use crate::console::types::problem::Problem;
use crate::domain::StorePath;
use crate::domain::count::count;
use crate::load::{Entered, Kept, Loader};
use crate::server::{Server, ServerError};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

/// How long a first reading may go on without showing what it has.
const UNSHOWN: Duration = Duration::from_secs(5);

/// Reads the whole store. Who has asked for it is shown that it is done; a reading that begins by itself, as after
/// a broken connection, leaves the last line alone.
pub(super) async fn load(
    server: &Server,
    state: &Arc<State>,
    send: &Sender,
    prompt: &Prompt,
    asked_for: bool,
) {
    let _writing = state.writing.lock().await;
    let stop = CancellationToken::new();
    let _stopped_with_this = stop.clone().drop_guard();
    let taking = {
        let (server, state, send) = (server.clone(), Arc::clone(state), send.clone());
        // Snapshots cost too much for a thread that drains connections.
        tokio::task::spawn_blocking(move || take(&server, &state, &send, &stop))
    };
    match taking.await {
        Ok(Ok(paths)) => {
            prompt.worked();
            if asked_for {
                let _ = send.send(Msg::Toast(format!("read {}", count(paths, "path"))));
            }
        }
        // What was read stays on the screen.
        Ok(Err(error)) => {
            let _ = send.send(Msg::LoadFailed(Problem::new(&error)));
        }
        Err(_) => {}
    }
}

/// Reads until there is no more. Gives back how many paths were listed.
fn take(
    server: &Server,
    state: &State,
    send: &Sender,
    stop: &CancellationToken,
) -> Result<usize, ServerError> {
    // Rows of other keys' verdicts are numbered anew, see `Loader::start`.
    let keys = &server.facts().keys;
    let known = state
        .newest()
        .filter(|(_, known)| known.inventory.is_assessed_with(keys));
    let again = known.is_some();
    if !again {
        state.is_read();
    }
    let (generation, known) = match known {
        Some((generation, known)) => (generation, Some(known)),
        None => (State::new_generation(), None),
    };
    let runtime = Handle::current();
    let _entered = runtime.enter();
    let mut loader = Loader::start(server, known);
    let (mut listed, mut answered) = (None, 0);
    let mut shown = Instant::now();
    let end = loop {
        match runtime.block_on(next(&mut loader, stop)) {
            Ok(Some(Entered::Listed(paths))) => {
                listed = Some(paths);
                let first = loader.builder().snapshot();
                // Before the answers are assessed, which keeps all cores busy: the first rows are to be seen at once.
                first.order_by_name();
                state.publish(send, generation, first, paths > 0);
            }
            Ok(Some(Entered::Paths(batch))) => {
                answered += batch.len();
                // A store that is read again has nothing new to show until it is through; a first one grows before one's eyes.
                let waited = !again && shown.elapsed() >= UNSHOWN;
                if listed > Some(answered) && (loader.builder().due() || waited) {
                    shown = Instant::now();
                    state.publish(send, generation, loader.builder().snapshot(), true);
                }
            }
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    if listed.is_some() {
        if end.is_ok() {
            state.is_read();
        }
        let changed = !loader.is_unchanged();
        let (inventory, read) = loader.finish();
        // Cut off in the middle is not done: what is missing stays to be read.
        state.publish(send, generation, inventory, false);
        if end.is_ok() {
            let fallback = read.fallback;
            let _ = send.send(Msg::Read { fallback });
        }
        state.has_seen(read.seen);
        let whole = state.newest().filter(|_| end.is_ok() && changed);
        if let Some((kept, (_, known))) = Kept::of(server.spec()).zip(whole) {
            state.keep(&kept, &known);
        }
    }
    end.map(|()| listed.unwrap_or_default())
}

async fn next(
    loader: &mut Loader,
    stop: &CancellationToken,
) -> Result<Option<Entered>, ServerError> {
    tokio::select! {
        entered = loader.next() => entered,
        () = stop.cancelled() => Err(ServerError::Stopped),
    }
}

/// Asks again for paths that a job has touched. What cannot be asked now is asked with the next refresh.
pub(super) async fn renew(server: &Server, state: &Arc<State>, send: &Sender, paths: &[StorePath]) {
    let _writing = state.writing.lock().await;
    let Some((generation, known)) = state.newest() else {
        return;
    };
    if let Some(renewed) = crate::load::renew(server, &known.inventory, paths).await {
        state.publish(send, generation, renewed, false);
    }
}
