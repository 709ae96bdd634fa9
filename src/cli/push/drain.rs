//! Drains a spool: pushes what lies there, oldest first, several entries at a time.
//!
//! In: a spool folder. Out: entries that are gone because their paths are there, signed and recorded; those that were set aside, with the
//! reason; and those that wait. What fails together is tried one by one. While the server can't be reached, nothing is counted
//! against an entry.

use super::super::args::Common;
use super::super::args::push::Push;
use super::super::change::{perform, print_receipt, show};
use super::super::error::{CliError, Kind};
use super::super::out::{Out, say};
use super::super::session::Session;
use super::super::signals::{interrupted, unless_stopped};
use super::{from, prepare, session, spool_failed};
use crate::change::keep::PinRequest;
use crate::change::push::{PushError, PushRequest};
use crate::change::{Outcome, Plan, Receipt};
use crate::domain::StorePath;
use crate::domain::count::number;
use crate::domain::notice;
use crate::domain::text::visible;
use crate::link::before_attempt;
use crate::server::{Server, keep_here};
use crate::spool::{Aside, Drain, Entry, Spool};
use serde::Serialize;
use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

/// Entries of one push.
const TOGETHER: usize = 50;

/// How often new entries are looked for.
const PACE: Duration = Duration::from_millis(500);

/// Tries of an entry that can't be pushed as it is, such as one whose path is gone here.
const TRIES: u32 = 3;

/// Tries of one that the server does not take, which may be the server's fault: with growing waits, a quarter of an hour.
const MORE_TRIES: u32 = 20;

/// What has become of the spool.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    pushed: Vec<Pushed>,
    set_aside: Vec<SetAside>,
    failed: Vec<SetAside>,
}

#[derive(Debug, Serialize)]
struct Pushed {
    entries: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<Plan>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<Receipt>,
}

#[derive(Debug, Serialize)]
struct SetAside {
    entry: String,
    reason: String,
}

#[derive(Serialize)]
struct Document<'a> {
    schema: u8,
    server: &'a str,
    #[serde(flatten)]
    report: &'a Report,
    waiting: usize,
}

/// How a try ended that did not push.
enum Failed {
    /// The server can't be reached, or not any more.
    Link(CliError),
    /// It is not for us to go on.
    End(CliError),
}

/// Runs it.
pub(super) async fn run(
    common: &Common,
    args: &Push,
    folder: &Path,
    out: &mut Out,
) -> Result<u8, CliError> {
    let session = session(common, args)?;
    let failed = |error: std::io::Error| spool_failed(folder, &error);
    let spool = Spool::at(folder).map_err(failed)?;
    let drain = spool.drain().map_err(failed)?.ok_or_else(|| {
        let folder = visible(&folder.to_string_lossy()).into_owned();
        CliError::new(
            Kind::Conflict,
            notice!(
                "{folder} is being drained already",
                "wait for that, or end it"
            ),
        )
    })?;
    let mut draining = Draining {
        session: &session,
        args,
        folder,
        drain,
        out,
        report: Report::default(),
        due: HashMap::new(),
        reported: None,
    };
    if args.follow {
        return draining.follow().await;
    }
    draining.once().await
}

struct Draining<'a> {
    session: &'a Session,
    args: &'a Push,
    folder: &'a Path,
    drain: Drain,
    out: &'a mut Out,
    report: Report,
    /// When an entry that has failed is tried again.
    due: HashMap<String, Instant>,
    /// What was said last of a server that can't be reached.
    reported: Option<String>,
}

impl Draining<'_> {
    /// Everything that waits, once.
    async fn once(&mut self) -> Result<u8, CliError> {
        let round = self.round().await;
        let waiting = self.entries()?.len();
        if self.out.json() {
            self.out.document(&Document {
                schema: 1,
                server: self.session.name(),
                report: &self.report,
                waiting,
            })?;
        } else if waiting > 0 {
            self.out.line(&format!("{} left", count_entries(waiting)))?;
        }
        match round {
            Ok(()) if self.report.failed.is_empty() && self.report.set_aside.is_empty() => Ok(0),
            Ok(()) => Ok(1),
            // The document is the answer; the sentence is for a person who reads along.
            Err(Failed::Link(error) | Failed::End(error)) if self.out.json() => {
                say(&format!("storekeeper: {error}"));
                Ok(error.code())
            }
            Err(Failed::Link(error) | Failed::End(error)) => Err(error),
        }
    }

    /// What waits and what comes, until it is stopped.
    async fn follow(&mut self) -> Result<u8, CliError> {
        let mut lost = 0;
        loop {
            let wait = match self.round().await {
                Ok(()) => {
                    lost = 0;
                    self.reported = None;
                    PACE
                }
                Err(Failed::Link(error)) => {
                    let text = error.to_string();
                    if self.reported.as_ref() != Some(&text) {
                        say(&format!(
                            "storekeeper: {text}; trying again for as long as it takes"
                        ));
                        self.reported = Some(text);
                    }
                    lost += 1;
                    before_attempt(lost - 1)
                }
                Err(Failed::End(error)) if error == interrupted() => return Ok(0),
                Err(Failed::End(error)) => return Err(error),
            };
            // What was done is reported already.
            self.report = Report::default();
            self.out.flush()?;
            let slept = async {
                tokio::time::sleep(wait).await;
                Ok(())
            };
            if unless_stopped(slept).await.is_err() {
                return Ok(0);
            }
        }
    }

    /// The entries for this server; what is none is set aside.
    fn entries(&mut self) -> Result<Vec<Entry>, CliError> {
        let waiting = self.drain.waiting();
        let (mut entries, aside) = waiting.map_err(|error| spool_failed(self.folder, &error))?;
        for one in aside {
            self.aside(one);
        }
        entries.retain(|entry| entry.server() == self.args.server);
        Ok(entries)
    }

    fn aside(&mut self, one: Aside) {
        say(&format!(
            "storekeeper: {} is set aside: {}",
            one.name, one.reason
        ));
        self.report.set_aside.push(SetAside {
            entry: one.name,
            reason: one.reason,
        });
    }

    async fn round(&mut self) -> Result<(), Failed> {
        let mut entries = self.entries().map_err(Failed::End)?;
        let now = Instant::now();
        entries.retain(|entry| self.due.get(&entry.name).is_none_or(|due| *due <= now));
        if entries.is_empty() {
            return Ok(());
        }
        for entry in &entries {
            self.root(entry).await;
        }
        let server = unless_stopped(Box::pin(self.session.connect())).await;
        let server = server.map_err(connected)?;
        let mut rest = entries;
        let mut ended = Ok(());
        while !rest.is_empty() && ended.is_ok() {
            let more = rest.split_off(rest.len().min(TOGETHER));
            ended = self.push(&server, rest).await;
            rest = more;
        }
        server.link().close().await;
        ended
    }

    /// Keeps the paths of an entry here, where its hook could not.
    async fn root(&self, entry: &Entry) {
        if self.args.from.is_some() || self.drain.is_rooted(entry) {
            return;
        }
        if let Ok(link) = self.drain.spool().root(&entry.name) {
            // What is not there any more is named when it is pushed.
            let _ = keep_here(&link, entry.paths()).await;
        }
    }

    /// Pushes some entries together, and each alone where that fails.
    async fn push(&mut self, server: &Server, entries: Vec<Entry>) -> Result<(), Failed> {
        match self.together(server, &entries).await? {
            None => return Ok(()),
            Some(_) if entries.len() > 1 => {}
            Some((why, most)) => return self.failed(entries, &why, most),
        }
        for entry in entries {
            let alone = vec![entry];
            if let Some((why, most)) = self.together(server, &alone).await? {
                self.failed(alone, &why, most)?;
            }
        }
        Ok(())
    }

    /// Pushes them in one job. Why that failed, and after how many tries it is given up.
    async fn together(
        &mut self,
        server: &Server,
        entries: &[Entry],
    ) -> Result<Option<(String, u32)>, Failed> {
        let request = self.request(entries).map_err(Failed::End)?;
        let planned = unless_stopped(async { Ok(prepare(server, &request, self.args).await) });
        let plan = match planned.await.map_err(Failed::End)? {
            Ok(plan) => plan,
            Err(PushError::Nothing(why)) => {
                self.pushed(entries, None, &why)?;
                return Ok(None);
            }
            Err(
                error @ (PushError::NotHere { .. }
                | PushError::Unreadable { .. }
                | PushError::Pin(_)),
            ) => return Ok(Some((error.to_string(), TRIES))),
            // A daemon that ends early may be the first sign of a link that is gone.
            Err(error) if server.link().round_trip().await.is_err() => {
                return Err(Failed::Link(error.into()));
            }
            Err(error) => return Err(reached(error.into())),
        };
        if !self.out.json() {
            show(&plan, self.out).map_err(Failed::End)?;
        }
        if self.args.change.dry_run {
            self.report.pushed.push(Pushed {
                entries: names(entries),
                plan: Some(plan),
                receipt: None,
            });
            return Ok(None);
        }
        let shown = plan.clone();
        let done = perform(self.session, server, plan, &self.args.change, &[]).await;
        let (receipt, stopped) = done.map_err(Failed::End)?;
        if !self.out.json() {
            print_receipt(&receipt, &shown, self.out).map_err(Failed::End)?;
        }
        if receipt.result == Outcome::Done {
            self.pushed(entries, Some((shown, receipt)), "")?;
            return Ok(None);
        }
        if stopped {
            return Err(Failed::End(interrupted()));
        }
        let failure = receipt.failed.first();
        let why = failure.map_or_else(String::new, |one| format!("{}: {}", one.item, one.message));
        if server.link().round_trip().await.is_err() {
            return Err(Failed::Link(CliError::new(Kind::Connect, why)));
        }
        Ok(Some((why, MORE_TRIES)))
    }

    fn request(&self, entries: &[Entry]) -> Result<PushRequest, CliError> {
        let mut paths: Vec<StorePath> = Vec::new();
        let mut pins = Vec::new();
        for entry in entries {
            paths.extend(entry.paths().iter().cloned());
            if let (Some(name), [path]) = (entry.pin(), entry.paths()) {
                let wanted = PinRequest {
                    name: Some(name.clone()),
                    ..PinRequest::default()
                };
                pins.push((path.clone(), wanted));
            }
        }
        paths.sort();
        paths.dedup();
        // The same path may be spooled twice under one name.
        pins.dedup();
        Ok(PushRequest {
            paths,
            from: from(self.args)?,
            pins,
            reason: self.args.change.reason.clone(),
        })
    }

    /// They are there, signed and recorded.
    fn pushed(
        &mut self,
        entries: &[Entry],
        done: Option<(Plan, Receipt)>,
        why: &str,
    ) -> Result<(), Failed> {
        if self.args.change.dry_run {
            return Ok(());
        }
        for entry in entries {
            let gone = self.drain.done(entry);
            gone.map_err(|error| Failed::End(spool_failed(self.folder, &error)))?;
            self.due.remove(&entry.name);
        }
        if !self.out.json() {
            let why = if why.is_empty() {
                String::new()
            } else {
                format!(": {why}")
            };
            let line = format!("{} done{why}", count_entries(entries.len()));
            self.out.line(&line).map_err(Failed::End)?;
        }
        let (plan, receipt) = done.unzip();
        self.report.pushed.push(Pushed {
            entries: names(entries),
            plan,
            receipt,
        });
        Ok(())
    }

    /// Counts a failure against the one entry, and sets it aside after too many.
    fn failed(&mut self, entries: Vec<Entry>, why: &str, most: u32) -> Result<(), Failed> {
        for mut entry in entries {
            let spool_failed = |error| Failed::End(spool_failed(self.folder, &error));
            if self.args.change.dry_run {
                say(&format!("storekeeper: {}: {}", entry.name, visible(why)));
            } else if entry.tries() + 1 >= most {
                let one = self.drain.set_aside(&entry, why).map_err(spool_failed)?;
                self.due.remove(&entry.name);
                self.aside(one);
                continue;
            } else {
                let wait = before_attempt(entry.tries() as usize);
                self.drain.failed(&mut entry).map_err(spool_failed)?;
                self.due.insert(entry.name.clone(), Instant::now() + wait);
                say(&format!(
                    "storekeeper: {} is tried again: {}",
                    entry.name,
                    visible(why)
                ));
            }
            self.report.failed.push(SetAside {
                entry: entry.name.clone(),
                reason: visible(why).into_owned(),
            });
        }
        Ok(())
    }
}

fn names(entries: &[Entry]) -> Vec<String> {
    entries.iter().map(|entry| entry.name.clone()).collect()
}

fn count_entries(entries: usize) -> String {
    match entries {
        1 => "1 entry".to_owned(),
        entries => format!("{} entries", number(entries)),
    }
}

/// What keeps from connecting is the server's, or the way there, but for a signal.
fn connected(error: CliError) -> Failed {
    match &error {
        CliError::Message {
            kind: Kind::Server, ..
        } => Failed::Link(error),
        _ => reached(error),
    }
}

/// Whether it is the way to the server.
fn reached(error: CliError) -> Failed {
    match &error {
        CliError::Message {
            kind: Kind::Connect | Kind::Auth | Kind::HostKey,
            ..
        } => Failed::Link(error),
        _ => Failed::End(error),
    }
}
