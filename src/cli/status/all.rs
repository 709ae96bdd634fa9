//! Asking all servers of the configuration at once.
//!
//! In: the configuration. Out: how each is, in its order. One that hangs holds up no other: when all that could be reached have
//! answered, those that are not even connected, although that took the others much less long, are reported as such.

use super::examine::examine;
use super::patience::{self, Answers, Asking};
use super::report::{Report, ServerStatus};
use crate::cli::args::Common;
use crate::cli::error::{CliError, Kind};
use crate::cli::progress::Progress;
use crate::cli::session::Session;
use crate::config::Config;
use crate::console::types::server::Health;
use crate::domain::count::number;
use crate::domain::notice;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// How often it is looked who has connected meanwhile.
const LOOK: Duration = Duration::from_millis(100);

/// How long a server may take in all, if nothing else is said.
const IN_ALL: Duration = Duration::from_secs(60);

/// Asks them all; nobody is asked anything meanwhile.
pub(super) async fn ask(
    common: &Common,
    limit: Option<u64>,
) -> Result<Vec<ServerStatus>, CliError> {
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
    let asking: Vec<_> = names.iter().map(|_| Arc::new(Asking::new())).collect();
    let mut running: FuturesUnordered<_> = names
        .iter()
        .zip(&asking)
        .enumerate()
        .map(|(at, (name, asking))| {
            let asked = Box::pin(one(common, name, asking, limit));
            async move { (at, asked.await) }
        })
        .collect();
    let mut asked: Vec<Option<ServerStatus>> = names.iter().map(|_| None).collect();
    let mut answers = Answers::default();
    // Who connects meanwhile is waited for: until when is worked out anew at each look.
    let silent = loop {
        match timeout(LOOK, running.next()).await {
            Ok(Some((at, answer))) => {
                answers.came(began.elapsed(), answer.is_ok());
                asked[at] = Some(ServerStatus::new(&names[at], answer));
                let done = asked.iter().filter(|asked| asked.is_some()).count();
                progress.done(done, "asking the servers");
            }
            Ok(None) => break false,
            Err(_) if limit.is_some() => {}
            Err(_) => {
                let all = asking.iter().zip(&asked);
                let all = all.map(|(asking, asked)| (&**asking, asked.is_some()));
                match patience::until(all, answers) {
                    Some((until, silent)) if until <= began.elapsed() => break silent,
                    _ => {}
                }
            }
        }
    };
    progress.finish();
    let took = began.elapsed();
    let missing = || Err(if silent { is_silent(took) } else { hangs(took) });
    let all = names.iter().zip(asked);
    Ok(all
        .map(|(name, asked)| asked.unwrap_or_else(|| ServerStatus::new(name, missing())))
        .collect())
}

/// How one server is, for a list of servers.
pub(in crate::cli) async fn health(common: &Common, name: &str) -> Health {
    match one(common, name, &Arc::new(Asking::new()), None).await {
        Ok(report) => {
            let worst = report.checks.first();
            Health::Is(
                report.state,
                worst.map_or_else(String::new, |check| check.summary.clone()),
            )
        }
        Err(CliError::Message { notice, .. }) => Health::Unreachable(notice.message),
        Err(CliError::Closed) => Health::Unknown,
    }
}

async fn one(
    common: &Common,
    name: &str,
    asking: &Arc<Asking>,
    limit: Option<u64>,
) -> Result<Report, CliError> {
    let mut session = Session::new(common, name)?;
    session.quiet = true;
    let prompter: Arc<Asking> = Arc::clone(asking);
    let asked = Box::pin(examine(&session, prompter, || asking.connected()));
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
    let seconds = seconds(after);
    CliError::new(
        Kind::Connect,
        notice!(
            "it has not answered within {seconds} s",
            "look whether it is up and can be reached from here"
        ),
    )
}

fn is_silent(after: Duration) -> CliError {
    let seconds = seconds(after);
    CliError::new(
        Kind::Connect,
        notice!(
            "it has not sent a byte within {seconds} s",
            "look whether it is up and can be reached from here; --timeout waits longer"
        ),
    )
}

fn seconds(after: Duration) -> String {
    number(after.as_secs().max(1) as usize)
}
