//! Asking all servers of the configuration at once.
//!
//! In: the configuration. Out: how each is, in its order. One that hangs holds up no other: when all that could be reached have
//! answered, those that are not even connected, although that took the others much less long, are told as such.

use super::examine::examine;
use super::report::{Asked, Report};
use crate::cli::args::Common;
use crate::cli::error::{CliError, Kind};
use crate::cli::progress::Progress;
use crate::cli::session::Session;
use crate::config::Config;
use crate::console::types::server::Health;
use crate::domain::count::number;
use crate::domain::notice;
use crate::link::NoPrompter;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// How long connecting may take whatever the others do: through a jump host and over a slow line.
const CONNECTING: Duration = Duration::from_secs(5);

/// How many times as long as the slowest of the others: where this machine is busy, all are slow.
const AS_LONG: u32 = 4;

/// What those that are not connected get after the last of the others has answered.
const GRACE: Duration = Duration::from_millis(500);

/// How long a server may take in all, if nothing else is said.
const IN_ALL: Duration = Duration::from_secs(60);

/// Asks them all; nobody is asked anything meanwhile.
pub(super) async fn ask(common: &Common, limit: Option<u64>) -> Result<Vec<Asked>, CliError> {
    let config = Config::load(common.config.as_deref())?;
    if config.servers.is_empty() {
        return Err(CliError::usage(notice!(
            "the configuration has no server",
            "add a section [servers.NAME] to it, or name a server instead of --all"
        )));
    }
    let names: Vec<String> = config
        .servers
        .iter()
        .map(|server| server.name.clone())
        .collect();
    let progress = Progress::new(common.quiet);
    progress.total(names.len());
    let began = Instant::now();
    let reached: Vec<OnceLock<Duration>> = names.iter().map(|_| OnceLock::new()).collect();
    let mut running: FuturesUnordered<_> = names
        .iter()
        .zip(&reached)
        .enumerate()
        .map(|(at, (name, reached))| {
            let asked = Box::pin(one(common, name, reached, limit));
            async move { (at, asked.await) }
        })
        .collect();
    let mut asked: Vec<Option<Asked>> = names.iter().map(|_| None).collect();
    let mut last = began;
    loop {
        let waiting = |at: usize| asked[at].is_none() && reached[at].get().is_some();
        let slowest = reached.iter().filter_map(OnceLock::get).max();
        let connecting = slowest.map_or(CONNECTING, |slowest| (*slowest * AS_LONG).max(CONNECTING));
        let deadline = if limit.is_some() || (0..names.len()).any(waiting) {
            None
        } else {
            Some((last + GRACE).max(began + connecting))
        };
        // Who connects meanwhile is waited for: the deadline is worked out anew at each look.
        match timeout(GRACE, running.next()).await {
            Ok(Some((at, answer))) => {
                last = Instant::now();
                asked[at] = Some(Asked::new(&names[at], answer));
                let done = asked.iter().filter(|asked| asked.is_some()).count();
                progress.done(done, "asking the servers");
            }
            Ok(None) => break,
            Err(_) if deadline.is_some_and(|deadline| deadline <= Instant::now()) => break,
            Err(_) => {}
        }
    }
    progress.finish();
    let took = began.elapsed();
    let told = names.iter().zip(asked);
    Ok(told
        .map(|(name, asked)| asked.unwrap_or_else(|| Asked::new(name, Err(hangs(took)))))
        .collect())
}

/// How one server is, for a list of servers.
pub(in crate::cli) async fn health(common: &Common, name: &str) -> Health {
    match one(common, name, &OnceLock::new(), None).await {
        Ok(report) => {
            let worst = report.checks.first();
            Health::Is(
                report.state,
                worst.map_or_else(String::new, |check| check.summary.clone()),
            )
        }
        Err(CliError::Message { notice, .. }) => Health::Unreachable(notice.message),
        Err(CliError::Closed) => Health::Unasked,
    }
}

async fn one(
    common: &Common,
    name: &str,
    reached: &OnceLock<Duration>,
    limit: Option<u64>,
) -> Result<Report, CliError> {
    let mut session = Session::new(common, name)?;
    session.quiet = true;
    let began = Instant::now();
    let asked = Box::pin(examine(&session, Arc::new(NoPrompter), || {
        let _ = reached.set(began.elapsed());
    }));
    within(limit.or(Some(IN_ALL.as_secs())), asked).await
}

/// Waits no longer than so many seconds.
pub(super) async fn within(
    seconds: Option<u64>,
    asked: impl Future<Output = Result<Report, CliError>>,
) -> Result<Report, CliError> {
    let Some(seconds) = seconds else {
        return asked.await;
    };
    let limit = Duration::from_secs(seconds);
    let asked = timeout(limit, asked).await;
    asked.unwrap_or_else(|_| Err(hangs(limit)))
}

/// It is not waited for any more.
pub(super) fn hangs(after: Duration) -> CliError {
    let seconds = number(after.as_secs().max(1) as usize);
    CliError::new(
        Kind::Connect,
        notice!(
            "it has not answered within {seconds} s",
            "look whether it is up and can be reached from here"
        ),
    )
}
