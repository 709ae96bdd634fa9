//! Which path is asked about next, shared between the connections that ask.
//!
//! In: a list of paths. Out: places in it, in chunks that alternate between the askers; what an asker has asked and got
//! no answer to goes back to it.

use crate::domain::PathList;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Places that one asker takes at a time.
const CHUNK: usize = 256;

/// The list.
#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) paths: PathList,
    next: AtomicUsize,
}

impl Queue {
    pub(crate) fn new(paths: PathList) -> Arc<Self> {
        Arc::new(Self {
            paths,
            next: AtomicUsize::new(0),
        })
    }
}

/// One asker's view of the list.
#[derive(Debug)]
pub(crate) struct Asker {
    pub(crate) queue: Arc<Queue>,
    own: Range<usize>,
    again: VecDeque<usize>,
}

impl Asker {
    pub(crate) fn new(queue: &Arc<Queue>) -> Self {
        Self {
            queue: Arc::clone(queue),
            own: 0..0,
            again: VecDeque::new(),
        }
    }

    /// The next place, which stays the next one until it is taken.
    pub(crate) fn peek(&mut self) -> Option<usize> {
        if let Some(at) = self.again.front() {
            return Some(*at);
        }
        if self.own.is_empty() {
            let start = self.queue.next.fetch_add(CHUNK, Ordering::Relaxed);
            let end = (start + CHUNK).min(self.queue.paths.len());
            self.own = start.min(end)..end;
        }
        (!self.own.is_empty()).then_some(self.own.start)
    }

    /// Takes the place that `peek` has shown.
    pub(crate) fn take(&mut self) {
        if self.again.pop_front().is_none() {
            self.own.start += 1;
        }
    }

    /// Puts places back, to be asked about before all others, in this order.
    pub(crate) fn give_back(&mut self, places: impl DoubleEndedIterator<Item = usize>) {
        for at in places.rev() {
            self.again.push_front(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::path_info::tests::vector;

    #[test]
    fn two_askers_share_all_and_lose_nothing() {
        let queue = Queue::new(std::iter::repeat_n(vector().path, 1000).collect());
        let mut askers = [Asker::new(&queue), Asker::new(&queue)];
        let mut seen = vec![0; 1000];
        let mut returned = false;
        loop {
            let mut any = false;
            for asker in &mut askers {
                if let Some(at) = asker.peek() {
                    assert_eq!(asker.peek(), Some(at));
                    asker.take();
                    any = true;
                    if at == 300 && !returned {
                        returned = true;
                        asker.give_back([300].into_iter());
                        assert_eq!(asker.peek(), Some(300));
                    } else {
                        seen[at] += 1;
                    }
                }
            }
            if !any {
                break;
            }
        }
        assert!(seen.iter().all(|count| *count == 1));
    }
}
