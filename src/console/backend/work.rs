//! Work on a connected server: plans, jobs, the audit log, keys.
//!
//! In: what is wanted. Out: messages.

use crate::change::audit::{self, Record};
use crate::change::sign::{self, KeyChoice};
use crate::change::{Confirmed, Failure, JobEvent, KeySource, Outcome, Receipt};
use crate::console::app::msg::Msg;
use crate::console::backend::Sender;
use crate::console::backend::connect::State;
use crate::console::backend::load;
use crate::console::screens;
use crate::console::screens::activity::state::PastChange;
use crate::console::types::JobId;
use crate::console::types::ask::Source;
use crate::console::types::problem::Problem;
use crate::domain::{StorePath, When};
use crate::link::agent::Agent;
use crate::server::facts::Facts;
use crate::server::{Followed, Server};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// How often a running job may draw.
const PACE: Duration = Duration::from_secs(1);

/// Measures the round trip.
pub(super) async fn ping(server: Server, send: Sender) {
    if let Ok(time) = server.link().round_trip().await {
        let _ = send.send(Msg::RoundTrip(time));
    }
}

/// Records of the audit log that are shown.
const MOST_PAST: usize = 10_000;

/// Reads the audit log, newest first. Only what is new of it comes over the link, unless somebody has asked for all.
pub(super) async fn read_audit(server: Server, state: Arc<State>, send: Sender) {
    let name = &server.spec().name;
    // One after the other: the second one goes on from the first.
    let mut followed = state.audit.lock().await;
    if state.audit_anew.swap(false, Ordering::Relaxed) {
        *followed = Followed::default();
    }
    let copy = audit::copy::read(state.folder.as_deref(), name);
    let past = match audit::look_on(&server, copy, MOST_PAST, &mut followed).await {
        Ok(look) => {
            if look.verification.is_broken() {
                let broken = look.verification.broken();
                let missing = look.verification.missing.first();
                let what = match (broken, missing) {
                    (Some(broken), _) => broken.at.to_string(),
                    (None, Some(missing)) => missing.to_string(),
                    (None, None) => "several lines".to_owned(),
                };
                let _ = send.send(Msg::Toast(format!(
                    "the audit log is not whole: {what}; storekeeper audit {name} --verify says more"
                )));
            }
            Ok(look.records.into_iter().rev().map(past).collect())
        }
        Err(error) => Err(Problem::new(&error)),
    };
    let _ = send.send(Msg::Activity(screens::activity::Msg::Audit(past)));
}

/// Reads all of the audit log, and says what was found in it.
pub(super) async fn verify_audit(server: Server, state: Arc<State>, send: Sender) {
    let name = &server.spec().name;
    let copy = audit::copy::read(state.folder.as_deref(), name);
    let look = audit::look(&server, copy, 0).await;
    let found = match look {
        Ok(look) => Ok(audit::summary(&server.spec().audit_log, &look.verification)),
        Err(error) => Err(Problem::new(&error)),
    };
    let _ = send.send(Msg::Activity(screens::activity::Msg::AuditVerified(found)));
}

fn past(record: Record) -> PastChange {
    let at = record
        .at
        .parse::<jiff::Timestamp>()
        .map_or_else(|_| When::default(), |at| When::from_unix(at.as_second()));
    let mut lines = vec![
        format!("change    {}", record.summary),
        format!("result    {}", record.result),
        format!("done      {} of {}", record.done, record.items_total),
        format!("by        {}", record.by),
        format!("at        {}", record.at),
        format!("took      {:.1} s", record.seconds),
        format!("receipt   {}", record.id),
    ];
    if let Some(reason) = &record.reason {
        lines.push(format!("reason    {reason}"));
    }
    if !record.failed.is_empty() {
        lines.push(String::new());
        lines.push(format!("Not done, {} in all:", record.failed_total));
        for failure in &record.failed {
            lines.push(failure.item.clone());
            lines.push(format!("  {}", failure.message));
        }
    }
    if !record.items.is_empty() {
        lines.push(String::new());
        lines.push(format!("Paths, {} in all:", record.items_total));
        lines.extend(record.items);
    }
    PastChange {
        id: record.id,
        at,
        by: record.by,
        what: record.summary,
        result: record.result,
        lines,
    }
}

/// Looks at a key that is to sign.
pub(super) async fn find_key(server: Server, send: Sender, choice: KeyChoice) {
    let choice = match choice {
        KeyChoice::Local(file) => {
            let home = crate::config::home::home();
            KeyChoice::Local(crate::config::home::expand(
                &file.to_string_lossy(),
                home.as_deref(),
            ))
        }
        other => other,
    };
    let source = sign::choose(&choice, &server.facts())
        .await
        .map(|key| source(key.source))
        .map_err(|error| Problem::new(&error));
    let _ = send.send(Msg::Source(source));
}

fn source(key: KeySource) -> Source {
    let label = match &key {
        KeySource::Server { file, name } => format!("{name}, the server's key {file}"),
        KeySource::Local { file, name } => format!("{name}, the file {} here", file.display()),
        KeySource::Agent { fingerprint, name } => {
            let short: String = fingerprint.chars().take(17).collect();
            format!("{name}, ssh-agent's {short}…")
        }
    };
    Source { label, key }
}

/// Keys of ssh-agent that are the cache's own, under the names that they have for it.
pub(super) async fn keys_in_agent(facts: &Facts) -> Vec<Source> {
    let Ok(agent) = Agent::connect().await else {
        return vec![];
    };
    let held = agent.identities().await.unwrap_or_default();
    let ours = facts.keys.ours();
    held.into_iter()
        .filter_map(|held| {
            let bytes = held.ed25519?;
            let key = ours.iter().find(|key| *key.as_bytes() == bytes)?;
            Some(source(KeySource::Agent {
                fingerprint: held.fingerprint,
                name: key.name().to_string(),
            }))
        })
        .collect()
}

/// Runs a confirmed plan, then asks again for what it has touched.
pub(super) async fn run(
    server: Server,
    state: Arc<State>,
    send: Sender,
    job: JobId,
    confirmed: Confirmed,
    cancel: CancellationToken,
) {
    let paths: Vec<StorePath> = confirmed
        .plan()
        .items
        .iter()
        .filter_map(|item| item.path().cloned())
        .collect();
    let (tell, events) = mpsc::unbounded_channel();
    let forward = tokio::spawn(forward(events, send.clone(), job));
    let folder = state.folder.clone();
    let receipt = crate::change::run_in(folder, confirmed, &server, tell, cancel.clone()).await;
    let _ = forward.await;
    let ended = Msg::Activity(screens::activity::Msg::Ended { job, receipt });
    let renew = async {
        if !paths.is_empty() {
            load::renew(&server, &state, &send, &paths).await;
        }
    };
    if cancel.is_cancelled() {
        // Leaving waits for it, and for nothing else.
        let _ = send.send(ended);
        renew.await;
    } else {
        renew.await;
        let _ = send.send(ended);
    }
}

/// Passes progress on, at most once a second; what is said, at once.
pub(super) async fn forward(
    mut events: mpsc::UnboundedReceiver<JobEvent>,
    send: Sender,
    job: JobId,
) {
    let mut newest = None;
    let mut next = tokio::time::Instant::now();
    loop {
        let event = tokio::select! {
            event = events.recv() => event,
            () = tokio::time::sleep_until(next), if newest.is_some() => {
                next = tokio::time::Instant::now() + PACE;
                if let Some(message) = newest.take() {
                    let _ = send.send(message);
                }
                continue;
            }
        };
        match event {
            Some(JobEvent::Progress { done, total, note }) => {
                newest = Some(Msg::Activity(screens::activity::Msg::Progress {
                    job,
                    done,
                    total,
                    note,
                }));
            }
            Some(JobEvent::Log(line)) => {
                let _ = send.send(Msg::Activity(screens::activity::Msg::Log { job, line }));
            }
            None => return,
        }
    }
}

/// The receipt of a job that could not even begin.
pub(super) fn not_connected(confirmed: &Confirmed) -> Receipt {
    Receipt {
        id: String::new(),
        by: String::new(),
        at: When::now(),
        result: Outcome::Failed,
        done: 0,
        failed: confirmed
            .plan()
            .items
            .iter()
            .map(|item| Failure {
                item: item.to_string(),
                message: "not done, because the connection was lost first; plan it again"
                    .to_owned(),
            })
            .collect(),
        seconds: 0.0,
        freed: None,
        not_done: confirmed.plan().items.len(),
        gone: None,
        conflict: None,
        waits: None,
        planned_by: None,
    }
}
