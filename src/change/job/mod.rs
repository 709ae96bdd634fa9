//! Running a confirmed plan.
//!
//! In: a confirmed plan and the server. Out: events while it runs, and a receipt that claims nothing that was not seen.
//! The order is fixed: the audit log must take a record before anything is changed, and the marker of the job is written beside it,
//! under a lock; then the operation; then the record, on the server and here, which removes the marker. So a job that is
//! killed is seen by the next one, which writes its record. A lost link ends the job: one new link is opened to read
//! back what was done.

mod access;
mod cache;
mod collect;
#[cfg(test)]
mod fake;
#[cfg(test)]
mod fake_run;
#[cfg(test)]
mod fake_space;
mod keep;
mod make;
mod patience;
mod push;
mod second;
mod server;
mod sign;
mod space;
mod strip;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_push;
#[cfg(test)]
mod tests_second;
#[cfg(test)]
mod tests_space;
#[cfg(test)]
mod tests_unfinished;
mod unfinished;

use super::audit::{self, Record};
use super::plan::{Confirmed, Operation, Plan};
use super::receipt::{Failure, Freed, Outcome, Receipt, Waits};
use super::sign::CHUNK;
use super::token::Token;
use crate::domain::When;
use crate::domain::path_info::hex;
use crate::domain::text::visible;
use crate::domain::two_persons::Rule;
use crate::domain::unfinished::Unfinished;
use crate::server::{Server, Whose};
use cache::{CacheServer, CallError};
use patience::{REOPEN, SILENT};
use std::any::Any;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Instant;
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

/// What a running job tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobEvent {
    /// How far it is.
    Progress {
        /// Items that are finished: done or failed.
        done: usize,
        /// Items of the plan.
        total: usize,
        /// What it is at, fit to be shown.
        note: String,
    },
    /// Something that happened, one sentence, fit to be shown.
    Log(String),
}

/// Runs a plan to its end, whatever that is.
pub async fn run(
    confirmed: Confirmed,
    server: &Server,
    events: UnboundedSender<JobEvent>,
    cancel: CancellationToken,
) -> Receipt {
    run_in(
        audit::copy::state_folder(),
        confirmed,
        server,
        events,
        cancel,
    )
    .await
}

/// The same, with the copy of the audit log in another state folder, or nowhere: for servers that are not for real.
pub async fn run_in(
    state: Option<PathBuf>,
    confirmed: Confirmed,
    server: &Server,
    events: UnboundedSender<JobEvent>,
    cancel: CancellationToken,
) -> Receipt {
    let job = run_on(confirmed, server.clone(), CHUNK, state, events, cancel);
    Box::pin(job).await
}

/// What became of the items of a plan.
#[derive(Debug, Default)]
struct Tally {
    /// Seen to be done.
    done: usize,
    /// Not done, or not seen to be done.
    failed: Vec<Failure>,
    /// Stopped on request with something left.
    cancelled: bool,
    /// Items that entries of `failed` stand for beside one each.
    more: usize,
    /// At least one item may have been done without having been seen.
    unconfirmed: bool,
    /// What somebody else has changed meanwhile, line by line.
    conflict: Option<String>,
    /// What came free, of a collection; `None` also where that is not known.
    freed: Option<Freed>,
    /// NAR sizes of what is gone, of a collection.
    gone: Option<u64>,
    /// The plan waits for a second administrator.
    waits: Option<Waits>,
}

impl Tally {
    fn fail(&mut self, item: impl std::fmt::Display, message: impl Into<String>) {
        self.failed.push(
            Failure {
                item: item.to_string(),
                message: message.into(),
            }
            .visible(),
        );
    }

    fn finished(&self) -> usize {
        self.done + self.not_done()
    }

    /// How many items were not done.
    const fn not_done(&self) -> usize {
        self.failed.len() + self.more
    }

    fn outcome(&self) -> Outcome {
        match (self.done, self.failed.is_empty()) {
            (_, true) if self.waits.is_some() => Outcome::Waiting,
            (_, true) => Outcome::Done,
            _ if self.cancelled => Outcome::Cancelled,
            (0, false) if !self.unconfirmed => Outcome::Failed,
            _ => Outcome::Partial,
        }
    }
}

/// The parts of a job that every operation uses.
struct Job<C> {
    /// Replaced by a new one when the link was lost and another could be opened.
    cache: C,
    token: Arc<Token>,
    events: UnboundedSender<JobEvent>,
    cancel: CancellationToken,
    /// When a cancel was noticed.
    cancelled_at: OnceLock<tokio::time::Instant>,
    tally: Tally,
    total: usize,
    /// Paths that are finished together.
    chunk: usize,
    /// Why the server can't be asked any more: the link is gone and no other could be opened, or it is silent.
    cut_off: Option<String>,
    /// What it is, for the next job.
    about: Unfinished,
    /// What holds its lock on the server.
    held: Option<Box<dyn Any + Send + Sync>>,
    /// Others that have no record yet.
    others: Vec<Unfinished>,
    /// The audit log has no room, and this job makes some.
    no_room: bool,
    /// The server's two-person rule, or why that is not known.
    rule: Result<Rule, String>,
}

impl<C: CacheServer> Job<C> {
    /// Nobody may be listening any more; the job goes on.
    fn log(&self, text: &str) {
        let _ = self.events.send(JobEvent::Log(visible(text).into_owned()));
    }

    fn progress(&self, note: &str) {
        self.progress_at(self.tally.finished(), note);
    }

    fn progress_at(&self, done: usize, note: &str) {
        let _ = self.events.send(JobEvent::Progress {
            done,
            total: self.total,
            note: visible(note).into_owned(),
        });
    }
}

async fn run_on<C: CacheServer>(
    confirmed: Confirmed,
    cache: C,
    chunk: usize,
    state: Option<PathBuf>,
    events: UnboundedSender<JobEvent>,
    cancel: CancellationToken,
) -> Receipt {
    let started = Instant::now();
    let (plan, token) = confirmed.into_parts();
    let by = audit::who::by(&cache.facts().user);
    let mut job = Job {
        about: Unfinished {
            id: new_id(),
            change: plan.change.to_owned(),
            at: When::now(),
            by: by.clone(),
            summary: visible(&plan.summary).into_owned(),
            total: plan.items.len(),
            running: Some(true),
        },
        held: None,
        others: Vec::new(),
        no_room: false,
        rule: Ok(Rule::default()),
        cache,
        token: Arc::new(token),
        events,
        cancel,
        cancelled_at: OnceLock::new(),
        tally: Tally::default(),
        total: plan.items.len(),
        chunk,
        cut_off: None,
    };
    let job_id = job.about.id.clone();
    let planned_by = second::planned_by(&plan);
    let log = job.cache.audit_log();
    let receipt = |tally: &Tally| Receipt {
        id: job_id.clone(),
        by: by.clone(),
        at: When::now(),
        result: tally.outcome(),
        done: tally.done,
        not_done: tally.not_done(),
        failed: tally.failed.clone(),
        seconds: (started.elapsed().as_secs_f64() * 1000.0).round() / 1000.0,
        freed: tally.freed,
        gone: tally.gone,
        conflict: tally.conflict.clone(),
        waits: tally.waits.clone().map(Box::new),
        planned_by: planned_by.clone(),
    };
    if let Err(error) = unfinished::begin(&mut job, &plan).await {
        job.tally.fail(
            format!("audit log {log}"),
            format!("nothing was changed, because the audit log can't be written: {error}"),
        );
        return receipt(&job.tally);
    }
    Box::pin(unfinished::close(&mut job, &plan.server, state.as_deref())).await;
    if Box::pin(second::may_run(&mut job, &plan)).await {
        carry_out(&mut job, &plan, state.as_deref()).await;
        Box::pin(second::remove_plan(&mut job, &plan)).await;
    }
    let mut receipt = receipt(&job.tally);
    let record = Record::new(&plan, &receipt);
    let kept = keep(
        &mut job,
        &record,
        Whose::Own,
        &plan.server,
        state.as_deref(),
    )
    .await;
    if let (Ok(()), Operation::Push(operation)) = (&kept, &plan.operation) {
        push::clear_journal(&job, operation, &plan.server, state.as_deref());
    }
    if let Err(missing) = kept {
        job.log(&missing);
        let many = job.tally.failed.pop_if(|_| job.tally.more > 0);
        job.tally.fail(format!("audit log {log}"), missing);
        // The entry that stands for many items is the last one.
        job.tally.failed.extend(many);
        receipt.failed.clone_from(&job.tally.failed);
        receipt.not_done = job.tally.not_done();
        if receipt.result == Outcome::Done {
            receipt.result = Outcome::Partial;
        }
    }
    receipt
}

/// Does what was confirmed.
async fn carry_out<C: CacheServer>(job: &mut Job<C>, plan: &Plan, state: Option<&Path>) {
    match &plan.operation {
        Operation::Sign { paths, with, key } => {
            sign::sign(job, paths, with, key).await;
        }
        Operation::Strip(what) => strip::run(job, what).await,
        Operation::Access(operation) => access::run(job, &plan.items, operation).await,
        Operation::Collect(operation) => {
            Box::pin(collect::run(job, &plan.items, operation)).await;
        }
        Operation::Keep(steps) => keep::run(job, &plan.items, steps).await,
        Operation::Push(operation) => {
            Box::pin(push::run(job, &plan.items, operation, &plan.server, state)).await;
        }
    }
}

/// Writes the record on the server and here. The copy here is a help, the log there is the duty: only the latter's
/// failure is one of the change.
async fn keep<C: CacheServer>(
    job: &mut Job<C>,
    record: &Record,
    whose: Whose,
    server: &str,
    state: Option<&Path>,
) -> Result<(), String> {
    let line = record.to_line();
    // Whether a first try arrived is not known where the link was lost; a record twice is better than none.
    let written = job
        .twice(|cache, token| {
            let (line, id) = (line.clone(), record.id.clone());
            async move {
                let asked = cache.append_audit(&token, &line, &id, whose);
                let answer = tokio::time::timeout(REOPEN, asked).await;
                answer.unwrap_or(Err(CallError::Stopped))
            }
        })
        .await;
    let written = written.map_err(|error| match error {
        CallError::Stopped => SILENT.to_owned(),
        error => error.to_string(),
    });
    if let (Whose::Left, Err(why)) = (whose, &written) {
        return Err(why.clone());
    }
    // Without `prev` the copy says by itself that the line never reached the server.
    let (copied, outcome) = match written {
        Ok(line) => (line, Ok(())),
        Err(why) => (format!("{{\"prev\":null,{}", &line[1..]), Err(why)),
    };
    let kept = match state {
        None => Err(audit::copy::CopyError::NoFolder),
        Some(state) => audit::copy::append(state, server, &copied),
    };
    if let Err(error) = &kept {
        job.log(&error.to_string());
    }
    if outcome.is_ok() {
        let asked = job.cache.sign_audit(&job.token, &copied, &record.id);
        if let Err(why) = job.briefly(asked).await {
            let text = format!(
                "the record is in the server's audit log, but not signed with audit_key: {why}"
            );
            match whose {
                Whose::Own => return Err(text),
                Whose::Left => job.log(&text),
            }
        }
    }
    outcome.map_err(|why| {
        let here = match (kept, state) {
            (Ok(()), Some(state)) => format!(
                "; the record is kept in {} here",
                audit::copy::file(state, server).display()
            ),
            _ => String::new(),
        };
        format!("this change is not in the server's audit log: {why}{here}")
    })
}

/// Eight hexadecimal digits.
fn new_id() -> String {
    let mut bytes = [0; 4];
    if getrandom::fill(&mut bytes).is_err() {
        bytes = (When::now().unix() as u32).to_be_bytes();
    }
    hex(&bytes)
}
