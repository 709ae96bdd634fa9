//! `retention`: the policy by which a timer collects.
//!
//! In: a server; a policy. Out: the policy that is there; what it takes and why the rest stays, by the very planner that collects; or a
//! plan that writes another one.

use super::args::retention::{Check, Retention, RetentionCommand, Set};
use super::error::{CliError, Kind};
use super::given;
use super::ground::{Ground, policy, policy_file};
use super::nothing::nothing;
use super::out::Out;
use super::progress::Progress;
use super::roots::confirm_and_run;
use super::session::Session;
use super::signals::unless_stopped;
use crate::change::access::About;
use crate::change::keep::{Effect, retention};
use crate::domain::count::count;
use crate::domain::text::visible;
use crate::domain::{Bytes, Notice, StorePath, When};
use crate::inventory::Row;
use crate::judge::collect::{Prepared, Rules, Verdict};
use crate::judge::retention::Policy;
use crate::server::{PolicyFile, Server};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Runs it.
pub(super) async fn run(
    session: &Session,
    args: &Retention,
    out: &mut Out,
) -> Result<u8, CliError> {
    match &args.what {
        RetentionCommand::Show => unless_stopped(Box::pin(show(session, out))).await,
        RetentionCommand::Check(args) => unless_stopped(Box::pin(check(session, args, out))).await,
        RetentionCommand::Edit(options) => {
            Box::pin(super::retention_edit::run(session, options, out)).await
        }
        RetentionCommand::Set(args) => set(session, args, out).await,
    }
}

#[derive(Serialize)]
struct Shown<'a> {
    schema: u8,
    server: &'a str,
    file: &'a str,
    sha256: Option<&'a str>,
    text: Option<&'a str>,
}

async fn show(session: &Session, out: &mut Out) -> Result<u8, CliError> {
    let server = session.connect().await?;
    let found = policy_file(&server).await;
    server.link().close().await;
    let found = found?;
    let (text, sha256) = match &found.found {
        Some((text, sum)) => (Some(text.as_str()), Some(sum.as_str())),
        None => (None, None),
    };
    if out.json() {
        out.document(&Shown {
            schema: 1,
            server: session.name(),
            file: &found.file,
            sha256,
            text,
        })?;
    } else if let Some(text) = text {
        for line in text.lines() {
            out.line(&visible(line))?;
        }
    }
    match text {
        Some(_) => Ok(0),
        None if out.json() => Ok(Kind::Server.code()),
        None => Err(none(Kind::Server, &found)),
    }
}

pub(super) fn none(kind: Kind, found: &PolicyFile) -> CliError {
    CliError::new(
        kind,
        Notice::new(
            format!("there is no retention policy at {}", found.file),
            "`storekeeper retention SERVER edit` writes one",
        ),
    )
}

/// So many paths, and their NAR bytes.
#[derive(Debug, Default, Clone, Copy, Serialize)]
struct Sum {
    paths: usize,
    bytes: u64,
}

impl Sum {
    fn add(&mut self, bytes: u64) {
        self.paths += 1;
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

impl std::fmt::Display for Sum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, {}", count(self.paths, "path"), Bytes(self.bytes))
    }
}

/// A project and what becomes of its paths.
#[derive(Serialize)]
struct Project<'a> {
    name: &'a str,
    rule: String,
    goes: Sum,
    stays: Sum,
    /// What keeps those that stay: how many.
    why: BTreeMap<&'static str, usize>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Element<'a> {
    path: StorePath,
    project: &'a str,
    verdict: &'static str,
    nar_size: u64,
    last_used: When,
}

#[derive(Serialize)]
struct Document<'a> {
    schema: u8,
    server: &'a str,
    goes: Sum,
    projects: Vec<Project<'a>>,
    paths: Vec<Element<'a>>,
}

type Verdicts = Vec<(Row, Option<usize>, Verdict)>;

/// What becomes of each path, and those that go in the order of deletion.
fn judged(ground: &Ground, policy: &Policy) -> Result<(Verdicts, Vec<Row>), CliError> {
    let situation = ground.situation();
    let prepared =
        Prepared::new(&situation).map_err(|why| CliError::new(Kind::Server, why.to_string()))?;
    let rules = Rules {
        policy: Some(Arc::new(policy.clone())),
        in_flight: ground.in_flight,
        ..Rules::default()
    };
    let planned = prepared.plan(&situation, &rules, &AtomicBool::new(false));
    let order = planned.map(|planned| planned.order).unwrap_or_default();
    Ok((
        prepared.verdicts(&situation, policy, ground.in_flight),
        order,
    ))
}

async fn check(session: &Session, args: &Check, out: &mut Out) -> Result<u8, CliError> {
    // What is wrong with a file here is said before anything is connected to.
    let given = args.file.as_deref().map(given::policy).transpose()?;
    let given = given.map(|text| policy(&text)).transpose()?;
    let server = session.connect_to_read().await?;
    let progress = Progress::new(session.quiet);
    let looked = async {
        let policy = if let Some(policy) = given {
            policy
        } else {
            let found = policy_file(&server).await?;
            let text = found.found.as_ref().map(|(text, _)| policy(text));
            text.ok_or_else(|| none(Kind::Usage, &found))??
        };
        Ok::<_, CliError>((
            policy,
            Box::pin(Ground::look(session, &server, &progress)).await?,
        ))
    };
    let looked = Box::pin(looked).await;
    server.link().close().await;
    progress.finish();
    let (policy, ground) = looked?;
    let (verdicts, order) = judged(&ground, &policy)?;
    print(
        session.name(),
        &ground,
        &policy,
        (&verdicts, &order),
        args,
        out,
    )?;
    Ok(0)
}

fn print(
    server: &str,
    ground: &Ground,
    policy: &Policy,
    (verdicts, order): (&Verdicts, &[Row]),
    args: &Check,
    out: &mut Out,
) -> Result<(), CliError> {
    let (inventory, situation) = (&ground.inventory, ground.situation());
    let size = |row: Row| inventory.nar_size(row).unwrap_or(0);
    let sections = (0..policy.projects.len()).map(Some).chain([None]);
    let mut projects: Vec<Project<'_>> = sections
        .map(|at| Project {
            name: policy.name(at),
            rule: policy.rule(at).to_string(),
            goes: Sum::default(),
            stays: Sum::default(),
            why: BTreeMap::new(),
        })
        .collect();
    let last = projects.len() - 1;
    let mut goes = Sum::default();
    for (row, project, verdict) in verdicts {
        let project = &mut projects[project.unwrap_or(last)];
        if *verdict == Verdict::Goes {
            goes.add(size(*row));
            project.goes.add(size(*row));
        } else {
            project.stays.add(size(*row));
            *project.why.entry(verdict.word()).or_default() += 1;
        }
    }
    if out.json() {
        let elements = verdicts.iter().map(|(row, project, verdict)| Element {
            path: inventory.path(*row),
            project: policy.name(*project),
            verdict: verdict.word(),
            nar_size: size(*row),
            last_used: situation.usage.used(*row),
        });
        return out.document(&Document {
            schema: 1,
            server,
            goes,
            projects,
            paths: elements.collect(),
        });
    }
    for project in &projects {
        out.line(&format!("{}: {}", visible(project.name), project.rule))?;
        out.line(&format!("  goes      {}", project.goes))?;
        let why: Vec<String> = project
            .why
            .iter()
            .map(|(why, n)| format!("{why} {n}"))
            .collect();
        let why = if why.is_empty() {
            String::new()
        } else {
            format!(" ({})", why.join(", "))
        };
        out.line(&format!("  stays     {}{why}", project.stays))?;
    }
    out.line("")?;
    if args.paths {
        for (row, project, verdict) in verdicts {
            out.line(&format!(
                "{:<9} {:>9}  {}  {}",
                verdict.word(),
                Bytes(size(*row)).to_string(),
                inventory.path(*row),
                visible(policy.name(*project))
            ))?;
        }
    } else {
        for row in order {
            let used = situation.usage.used(*row);
            let size = Bytes(size(*row)).to_string();
            out.line(&format!(
                "{size:>9}  {}, last used {used}",
                inventory.path(*row)
            ))?;
        }
    }
    for note in &ground.notes {
        super::out::say(&format!("storekeeper: {}", visible(note)));
    }
    out.line(&format!("a collection by this policy takes {goes} now"))
}

/// What a collection by a policy would take now.
pub(super) async fn effect(
    session: &Session,
    server: &Server,
    policy: &Policy,
) -> Result<Effect, CliError> {
    let ground = Box::pin(Ground::look(session, server, &Progress::new(session.quiet))).await?;
    let (_, order) = judged(&ground, policy)?;
    let size = |row: &Row| ground.inventory.nar_size(*row).unwrap_or(0);
    Ok(Effect {
        paths: order.len(),
        bytes: Bytes(order.iter().map(size).sum()),
    })
}

async fn set(session: &Session, args: &Set, out: &mut Out) -> Result<u8, CliError> {
    let text = given::policy(&args.file)?;
    let wanted = policy(&text)?;
    let prepare = async {
        let server = session.connect_to_read().await?;
        let found = policy_file(&server).await?;
        if found
            .found
            .as_ref()
            .is_some_and(|(before, _)| *before == text)
        {
            return Ok((server, None));
        }
        let effect = effect(session, &server, &wanted).await?;
        let planned = retention(&About::of(&server), &found, &text, Some(effect));
        Ok((server, Some(planned)))
    };
    let (server, planned) = unless_stopped(Box::pin(prepare)).await?;
    let Some(planned) = planned else {
        server.link().close().await;
        let same = "that is the policy of the server already";
        return nothing("set-retention", session.name(), same, out);
    };
    confirm_and_run(session, server, planned, &args.change, "set-retention", out).await
}
