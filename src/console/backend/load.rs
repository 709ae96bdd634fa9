//! Reading a store into the console, and bringing single paths up to date.
//!
//! In: a connected server. Out: inventories, the first one as soon as the listing is there. A store that was read
//! before is read again over what is known: rows keep their numbers, and nothing disappears meanwhile.

use crate::console::app::msg::Msg;
use crate::console::backend::Sender;
use crate::console::backend::answer::Prompt;
use crate::console::backend::connect::State;
use crate::console::types::problem::Problem;
use crate::domain::count::count;
use crate::domain::{KeyRing, StorePath, TooLarge};
use crate::inventory::Builder;
use crate::judge::trust::assess_each;
use crate::server::{InfoReply, Server, ServerError, StoreEvent};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Batches that may wait to be judged.
const AHEAD: usize = 4;

/// Reads the whole store. Somebody who has asked for it is told that it is done; a reading that begins by itself, as after
/// a broken connection, leaves the last line alone.
pub(super) async fn load(
    server: &Server,
    state: &Arc<State>,
    send: &Sender,
    prompt: &Prompt,
    asked_for: bool,
) {
    let _writing = state.writing.lock().await;
    let ring = server.facts().keys.clone();
    let (sink, events) = mpsc::channel(AHEAD);
    let taking = {
        let (state, send) = (Arc::clone(state), send.clone());
        tokio::task::spawn_blocking(move || take(events, &ring, &state, &send))
    };
    let read = server.read_store(sink).await;
    let paths = taking.await.ok().flatten();
    match (read, paths) {
        // What was read stays on the screen.
        (_, Some(Err(what))) => {
            let place = server.spec().place.describe();
            let error = ServerError::too_large(&place, what);
            let _ = send.send(Msg::LoadFailed(Problem::new(&error)));
        }
        (Ok(_), Some(Ok(paths))) => {
            prompt.worked();
            if asked_for {
                let _ = send.send(Msg::Toast(format!("read {}", count(paths, "path"))));
            }
        }
        (Ok(_), None) => {}
        (Err(error), _) => {
            let _ = send.send(Msg::LoadFailed(Problem::new(&error)));
        }
    }
}

/// Takes events in until there are no more, or no more room. Gives back how many paths were listed.
fn take(
    mut events: mpsc::Receiver<StoreEvent>,
    ring: &KeyRing,
    state: &State,
    send: &Sender,
) -> Option<Result<usize, TooLarge>> {
    let Some(StoreEvent::Listed(paths)) = events.blocking_recv() else {
        return None;
    };
    let listed = paths.len();
    let known = state.newest();
    let again = known.is_some();
    let (generation, mut builder) = match known {
        Some((generation, inventory)) => {
            let mut builder = Builder::resume(&inventory);
            builder.relist(&paths);
            (generation, builder)
        }
        None => (State::new_generation(), Builder::new(paths)),
    };
    let first = builder.snapshot();
    // Before the answers are judged, which keeps all cores busy: the first rows are to be seen at once.
    first.order_by_name();
    state.publish(send, generation, first, listed > 0);
    let mut answered = 0;
    let mut told = std::time::Instant::now();
    while let Some(event) = events.blocking_recv() {
        let StoreEvent::Infos(replies) = event else {
            continue;
        };
        answered += replies.len();
        enter(&mut builder, ring, replies);
        if builder.check().is_err() {
            break;
        }
        // A store that is read again has nothing new to show until it is through; a first one grows before one's eyes.
        let waited = told.elapsed() >= std::time::Duration::from_secs(5);
        if answered < listed && (builder.due() || (!again && waited)) {
            told = std::time::Instant::now();
            state.publish(send, generation, builder.snapshot(), true);
        }
    }
    // Cut off in the middle is not done: what is missing stays to be read.
    let room = builder.check();
    state.publish(send, generation, builder.finish(), false);
    Some(room.map(|()| listed))
}

/// Judges on all cores, then enters.
fn enter(builder: &mut Builder, ring: &KeyRing, replies: Vec<InfoReply>) {
    let assessments = assess_each(ring, &replies, InfoReply::info);
    for judged in replies.into_iter().zip(assessments) {
        match judged {
            (InfoReply::Valid(info), Some(assessment)) => builder.add(&info, &assessment),
            // Every valid path was judged.
            (InfoReply::Valid(_), None) => {}
            (InfoReply::Invalid(path), _) => builder.gone(&path),
            (InfoReply::Failed(path, why), _) => builder.unreadable(&path, why),
        }
    }
}

/// Asks again for paths that a job has touched. What cannot be asked now is asked with the next refresh.
pub(super) async fn renew(server: &Server, state: &Arc<State>, send: &Sender, paths: &[StorePath]) {
    const CHUNK: usize = 2_000;
    let _writing = state.writing.lock().await;
    let Some((generation, inventory)) = state.newest() else {
        return;
    };
    let ring = Arc::new(server.facts().keys.clone());
    let mut builder = Builder::resume(&inventory);
    for chunk in paths.chunks(CHUNK) {
        let Ok(replies) = server.path_infos(chunk).await else {
            break;
        };
        let ring = Arc::clone(&ring);
        let work = tokio::task::spawn_blocking(move || {
            enter(&mut builder, &ring, replies);
            builder
        });
        match work.await {
            Ok(entered) => builder = entered,
            Err(_) => return,
        }
    }
    let (state, send) = (Arc::clone(state), send.clone());
    let work = tokio::task::spawn_blocking(move || {
        state.publish(&send, generation, builder.finish(), false);
    });
    let _ = work.await;
}
