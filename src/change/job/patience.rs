//! Waiting for a server that may be slow, silent or gone.
//!
//! In: a call. Out: its answer, or the error. After a cancel there is one deadline for all that follows: the call that runs
//! is cut off in time for the rest to be read back and for the record. A lost link is replaced by a new one, once.

use super::Job;
use super::cache::{CacheServer, CallError};
use crate::change::token::Token;
use crate::server::Beginning;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// The grace, in milliseconds.
const MILLIS: u64 = if cfg!(test) { 800 } else { 5000 };

/// How long a job may go on after a cancel, with all that ends it.
pub(super) const GRACE: Duration = Duration::from_millis(MILLIS);

/// How much of that a call has that ran when it was cancelled.
const CUT: Duration = Duration::from_millis(MILLIS / 5 * 2);

/// How much of it a look may take that only adds to what is reported, so that time is left for the record.
const LOOK: Duration = CUT;

/// What is shown for a server that is there and does not answer.
pub(super) const SILENT: &str = "the server stopped answering";

/// How long a new link, or a read over it, may take when the old one was lost.
pub(super) const REOPEN: Duration = Duration::from_secs(30);

/// How long a server that restarts is given before the second try of a new link.
pub(super) const RESTART: Duration = if cfg!(test) {
    Duration::from_millis(1)
} else {
    Duration::from_secs(2)
};

/// How long what was cut off there may go on.
pub(super) const SETTLING: Duration = if cfg!(test) {
    Duration::from_millis(1)
} else {
    Duration::from_millis(250)
};

/// The most looks until two agree.
pub(super) const LOOKS: usize = 12;

impl<C: CacheServer> Job<C> {
    /// When it was cancelled, from the first time on that somebody asks.
    fn cancelled_at(&self) -> Option<Instant> {
        let cancelled = self.cancel.is_cancelled();
        cancelled.then(|| *self.cancelled_at.get_or_init(Instant::now))
    }

    /// Waits for an answer. After a cancel a call that runs is cut off; one that begins then has what is left of the grace.
    pub(super) async fn patiently<T>(
        &self,
        answer: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        let patience = match self.cancelled_at() {
            Some(_) => GRACE,
            None => CUT,
        };
        let out_of_patience = async {
            self.cancel.cancelled().await;
            if let Some(at) = self.cancelled_at() {
                sleep_until(at + patience).await;
            }
        };
        tokio::select! {
            biased;
            answer = answer => answer,
            () = out_of_patience => Err(CallError::Stopped),
        }
    }

    /// The same for what ends something, for which there is no reason to wait long.
    pub(super) async fn briefly<T>(
        &self,
        answer: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        let answer = timeout(REOPEN, self.patiently(answer)).await;
        answer.unwrap_or(Err(CallError::Stopped))
    }

    /// The same for a look that only adds to what is reported. After a cancel, time is left for the record.
    pub(super) async fn look<T>(
        &self,
        answer: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        let most = match self.cancelled_at() {
            Some(_) => LOOK,
            None => REOPEN,
        };
        let answer = timeout(most, self.patiently(answer)).await;
        answer.unwrap_or(Err(CallError::Stopped))
    }

    /// One step; after a lost link once more over a new one, so each must be one that may be done twice.
    pub(super) async fn twice<T, A>(
        &mut self,
        step: impl Fn(C, Arc<Token>) -> A,
    ) -> Result<T, CallError>
    where
        A: Future<Output = Result<T, CallError>>,
    {
        for last in [false, true] {
            if let Some(why) = &self.cut_off {
                return Err(CallError::Lost(why.clone()));
            }
            let asked = step(self.cache.clone(), Arc::clone(&self.token));
            match self.patiently(asked).await {
                Err(CallError::Lost(why)) if !last => self.reopen(&why).await,
                answer => return answer,
            }
        }
        Err(CallError::Lost("the link was lost twice".to_owned()))
    }

    /// The answer to a step, or why not; what the server did not refuse may have been done.
    pub(super) fn confirmed<T>(&mut self, answer: Result<T, CallError>) -> Result<T, String> {
        answer.map_err(|error| {
            if !matches!(error, CallError::Refused(_)) {
                self.tally.unconfirmed = true;
            }
            match (&error, &self.cut_off) {
                (CallError::Lost(_), Some(why)) => format!("not confirmed: {why}"),
                _ => error.to_string(),
            }
        })
    }

    /// Opens a new link in the place of a lost one. Two tries: a server that restarts is back after a moment.
    pub(super) async fn reopen(&mut self, why: &str) {
        self.log(&format!(
            "the link was lost ({why}); connecting again to see what was done"
        ));
        for wait in [Duration::ZERO, RESTART] {
            let again = async {
                sleep(wait).await;
                self.cache.reopen().await
            };
            if let Ok(cache) = self.briefly(again).await {
                self.cache = cache;
                self.cut_off = None;
                self.hold_again().await;
                return;
            }
        }
        self.cut_off = Some("the link was lost".to_owned());
        self.log("no new link could be opened");
    }

    /// The lock went with the old link.
    async fn hold_again(&mut self) {
        if self.held.take().is_none() {
            return;
        }
        let asked = self
            .cache
            .begin(&self.token, &self.about, &[], Beginning::Again);
        match self.briefly(asked).await {
            Ok(held) => self.held = Some(held.lock),
            Err(error) => self.log(&format!(
                "this change may be reported as interrupted: {error}"
            )),
        }
    }
}
