//! The server's time for a login, which stands still while a person is asked.
//!
//! In: a [`Prompter`], and what the server is waited for. Out: the same questions and their answers, and the end of the wait.

use super::prompt::{Prompter, Question};
use futures_util::future::BoxFuture;
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, timeout};
use zeroize::Zeroizing;

/// Passes questions on, and measures how long they take.
pub(super) struct Clock<'a> {
    inner: &'a dyn Prompter,
    person: Mutex<Person>,
}

#[derive(Default)]
struct Person {
    /// Time for questions that are answered.
    took: Duration,
    /// Since when there is one that is not.
    since: Option<Instant>,
}

impl<'a> Clock<'a> {
    pub(super) fn new(inner: &'a dyn Prompter) -> Self {
        Self {
            inner,
            person: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Person> {
        self.person.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn person(&self) -> Duration {
        let person = self.lock();
        person.took + person.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Waits until `left` is used up by the server alone; `None` then.
    pub(super) async fn within<F: Future>(
        &self,
        left: &mut Duration,
        future: F,
    ) -> Option<F::Output> {
        let (began, before) = (Instant::now(), self.person());
        let server = || {
            began
                .elapsed()
                .saturating_sub(self.person().saturating_sub(before))
        };
        let mut future = std::pin::pin!(future);
        loop {
            let rest = left.saturating_sub(server());
            let done = timeout(rest, &mut future).await;
            if done.is_ok() || server() >= *left {
                *left = left.saturating_sub(server());
                return done.ok();
            }
        }
    }
}

impl Prompter for Clock<'_> {
    fn ask(&self, question: Question) -> BoxFuture<'_, Option<Zeroizing<String>>> {
        Box::pin(async move {
            self.lock().since = Some(Instant::now());
            let answer = self.inner.ask(question).await;
            let mut person = self.lock();
            if let Some(since) = person.since.take() {
                person.took += since.elapsed();
            }
            answer
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use tokio::time::sleep;

    struct Slow;

    impl Prompter for Slow {
        fn ask(&self, _question: Question) -> BoxFuture<'_, Option<Zeroizing<String>>> {
            Box::pin(async {
                sleep(Duration::from_secs(1000)).await;
                None
            })
        }
    }

    fn question() -> Question {
        Question::Passphrase {
            file: String::new(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_server_uses_it_up() {
        let clock = Clock::new(&Slow);
        let mut left = Duration::from_secs(150);
        let mixed = async {
            sleep(Duration::from_secs(60)).await;
            clock.ask(question()).await;
            sleep(Duration::from_secs(60)).await;
        };
        assert!(clock.within(&mut left, mixed).await.is_some());
        assert_eq!(left.as_secs(), 30);
        let began = Instant::now();
        assert!(clock.within(&mut left, pending::<()>()).await.is_none());
        assert_eq!(began.elapsed().as_secs(), 30);
        assert_eq!(left, Duration::ZERO);
        assert!(clock.within(&mut left, pending::<()>()).await.is_none());
    }
}
