//! One runs, one waits: a newer piece of work replaces the one that waits.
//!
//! In: closures that take a while. Out: each is run on a thread of its own kind, but for those that were replaced.

use crate::console::backend::lock;
use std::sync::{Arc, Mutex};

type Work = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct State {
    running: bool,
    waiting: Option<Work>,
}

/// A place for work of one kind.
#[derive(Default, Clone)]
pub(super) struct Latest(Arc<Mutex<State>>);

impl Latest {
    /// Runs this when what runs now is done, instead of what waits now.
    pub(super) fn put(&self, work: impl FnOnce() + Send + 'static) {
        let mut state = lock(&self.0);
        state.waiting = Some(Box::new(work));
        if !state.running {
            state.running = true;
            let place = self.clone();
            tokio::task::spawn_blocking(move || place.work());
        }
    }

    fn work(&self) {
        loop {
            let work = {
                let mut state = lock(&self.0);
                let work = state.waiting.take();
                state.running = work.is_some();
                work
            };
            match work {
                Some(work) => work(),
                None => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Duration;

    #[tokio::test]
    async fn the_newest_waits_and_runs() {
        let latest = Latest::default();
        let (send, receive) = mpsc::channel();
        let (go, gate) = mpsc::channel::<()>();
        let first = send.clone();
        latest.put(move || {
            first.send(0).unwrap();
            gate.recv().unwrap();
        });
        let wait = Duration::from_secs(5);
        assert_eq!(receive.recv_timeout(wait), Ok(0));
        for n in 1..=5 {
            let send = send.clone();
            latest.put(move || send.send(n).unwrap());
        }
        go.send(()).unwrap();
        assert_eq!(receive.recv_timeout(wait), Ok(5));
        let again = send.clone();
        latest.put(move || again.send(6).unwrap());
        assert_eq!(receive.recv_timeout(wait), Ok(6));
    }
}
