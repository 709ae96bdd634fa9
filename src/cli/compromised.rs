//! `compromised`: what a compromised key has signed, and what is done about it.
//!
//! In: the key's name. Out: what it has signed and what clients accept for it alone; or a plan that is carried out: signatures by
//! another key, or that its own go.

use super::args::signing::{Compromised as Args, CompromisedCommand, StripArgs, Vouch};
use super::change::carry_out;
use super::error::{CliError, Kind};
use super::find;
use super::load::load;
use super::nothing::nothing;
use super::out::Out;
use super::progress::Progress;
use super::session::Session;
use super::signals::unless_stopped;
use crate::change::Plan;
use crate::change::sign::strip::{StripError, look, plan as plan_strip};
use crate::change::sign::{PlanError, Selection, plan};
use crate::domain::count::{count, number};
use crate::domain::text::visible;
use crate::domain::{Explain as _, KeyName, Notice, Role, StorePath, TrustClass, When};
use crate::inventory::{Inventory, Row};
use crate::judge::compromised::Compromised;
use crate::server::Server;
use serde::Serialize;
use std::collections::{BTreeSet, HashSet};

/// Paths that are listed one by one in text.
const LISTED: usize = 20;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    schema: u8,
    server: &'a str,
    key: &'a str,
    /// Its part for the clients; none where they are not known to trust it.
    role: Option<Role>,
    /// Key files of the server that hold it.
    key_files: Vec<&'a str>,
    carrying: usize,
    alone: usize,
    since: Option<When>,
    registered_since: Option<usize>,
    paths: Vec<Carrying>,
}

/// A path with a signature by its name.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Carrying {
    path: StorePath,
    registered: Option<When>,
    trust: Option<&'static str>,
    alone: bool,
}

/// Runs it.
pub(super) async fn run(session: &mut Session, args: &Args, out: &mut Out) -> Result<u8, CliError> {
    if let Err(problem) = KeyName::new(&args.key) {
        let text = format!("\"{}\" is no name of a key: {problem}", visible(&args.key));
        return Err(CliError::usage(Notice::new(
            text,
            "give the name, such as cache.example.org-1",
        )));
    }
    if let Some(CompromisedCommand::Sign(vouch)) = &args.what
        && let Some(file) = &vouch.source.server_key
    {
        session.target.settings.signing_key = Some(file.clone());
    }
    let session = &*session;
    let prepare = async {
        let server = session.connect_to_read().await?;
        let loaded = load(session, &server, &Progress::new(session.quiet), |_| Ok(())).await?;
        Ok((server, loaded.inventory))
    };
    let (server, inventory) = unless_stopped(Box::pin(prepare)).await?;
    let code = match &args.what {
        None | Some(CompromisedCommand::List) => list(session, &server, &inventory, args, out),
        Some(CompromisedCommand::Sign(vouch)) => {
            Box::pin(sign(session, &server, &inventory, args, vouch, out)).await
        }
        Some(CompromisedCommand::Strip(what)) => {
            Box::pin(go(session, &server, &inventory, args, what, out)).await
        }
    };
    server.link().close().await;
    code
}

fn list(
    session: &Session,
    server: &Server,
    inventory: &Inventory,
    args: &Args,
    out: &mut Out,
) -> Result<u8, CliError> {
    let facts = server.facts();
    let found = Compromised::new(inventory, &args.key, args.since);
    let alone: HashSet<Row> = found.alone.iter().copied().collect();
    let role = facts.keys.get(&args.key).map(|(role, _)| role);
    let files = facts.signing_keys.iter();
    let files = files.filter(|key| key.name.as_deref() == Some(args.key.as_str()));
    let key_files: Vec<&str> = files.map(|key| key.file.as_str()).collect();
    if out.json() {
        let paths = found.carrying.iter().map(|row| Carrying {
            path: inventory.path(*row),
            registered: inventory.registered(*row),
            trust: inventory.trust(*row).map(TrustClass::word),
            alone: alone.contains(row),
        });
        out.document(&Document {
            schema: 1,
            server: session.name(),
            key: &args.key,
            role,
            key_files,
            carrying: found.carrying.len(),
            alone: found.alone.len(),
            since: args.since,
            registered_since: args.since.map(|_| found.since.len()),
            paths: paths.collect(),
        })?;
        return Ok(0);
    }
    let key = visible(&args.key);
    let carrying = count(found.carrying.len(), "path");
    out.line(&format!("{carrying} with a signature by {key}"))?;
    let trusted = match role {
        Some(role) => format!("clients of this cache trust it ({})", role.word()),
        None => "clients of this cache are not known to trust it".to_owned(),
    };
    out.line(&format!(
        "  {trusted}; {} accepted for it alone",
        number(found.alone.len())
    ))?;
    if let Some(since) = args.since {
        let some = number(found.since.len());
        out.line(&format!("  {some} of them registered since {since}; when a path was signed is written down nowhere"))?;
    }
    for file in &key_files {
        out.line(&format!(
            "  the server holds it in {}; take it out of secret-key-files",
            visible(file)
        ))?;
    }
    let shown = if args.since.is_some() {
        &found.since
    } else {
        &found.carrying
    };
    for row in shown.iter().take(LISTED) {
        let mark = if alone.contains(row) { "alone" } else { "" };
        let at = inventory
            .registered(*row)
            .map_or_else(|| "?".to_owned(), |at| at.to_string());
        out.line(&format!("  {at:<20}  {mark:<5}  {}", inventory.path(*row)))?;
    }
    if shown.len() > LISTED {
        let more = number(shown.len() - LISTED);
        out.line(&format!("  and {more} more; --json has all of them"))?;
    }
    if !found.carrying.is_empty() {
        let name = session.name();
        out.line(&format!(
            "storekeeper compromised {name} {key} sign PATH… signs anew what you vouch for"
        ))?;
        out.line(&format!(
            "storekeeper compromised {name} {key} strip takes its signatures away"
        ))?;
    }
    Ok(0)
}

/// What is vouched for, of all that the key has signed.
fn vouched(inventory: &Inventory, args: &Args, vouch: &Vouch) -> Result<Vec<Row>, CliError> {
    let carrying = Compromised::new(inventory, &args.key, None).carrying;
    if vouch.all {
        return Ok(carrying);
    }
    if let Some(before) = vouch.before {
        let old = |row: &Row| inventory.registered(*row).is_some_and(|at| at < before);
        return Ok(carrying.into_iter().filter(old).collect());
    }
    let mut rows = find::rows(inventory, &vouch.paths)?;
    if vouch.closure {
        rows = inventory.closure_of(&rows);
    }
    let carrying: HashSet<Row> = carrying.into_iter().collect();
    rows.retain(|row| carrying.contains(row));
    Ok(rows)
}

async fn sign(
    session: &Session,
    server: &Server,
    inventory: &Inventory,
    args: &Args,
    vouch: &Vouch,
    out: &mut Out,
) -> Result<u8, CliError> {
    let rows = vouched(inventory, args, vouch)?;
    let selection = Selection::rows(rows).with_upstream(true);
    let with = vouch.source.choice();
    let reason = vouch.change.reason.clone();
    let planned = plan(server, inventory, &selection, with, reason, When::now());
    match unless_stopped(Box::pin(async { Ok(planned.await) })).await? {
        Ok(plan) if signs_itself(&plan, &args.key) => Err(CliError::usage(Notice::new(
            format!("{} can't sign in its own place", visible(&args.key)),
            "name another key with --server-key, --key-file or --ssh-agent",
        ))),
        Ok(plan) => carry_out(session, server, plan, &vouch.change, out).await,
        Err(error @ PlanError::Nothing(_)) if inventory.counts().unreadable == 0 => {
            nothing("sign", session.name(), &error.to_string(), out)
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether the plan signs with the very key.
fn signs_itself(plan: &Plan, key: &str) -> bool {
    matches!(&plan.operation, crate::change::Operation::Sign { with, .. } if with.name() == key)
}

async fn go(
    session: &Session,
    server: &Server,
    inventory: &Inventory,
    args: &Args,
    what: &StripArgs,
    out: &mut Out,
) -> Result<u8, CliError> {
    let only: Option<BTreeSet<StorePath>> = if what.paths.is_empty() {
        None
    } else {
        let rows = find::rows(inventory, &what.paths)?;
        Some(rows.iter().map(|row| inventory.path(*row)).collect())
    };
    let reason = what.change.reason.clone();
    let planned = async {
        let stored = look(server, &args.key).await?;
        plan_strip(&stored, inventory, &args.key, only.as_ref(), reason)
    };
    match unless_stopped(Box::pin(async { Ok(planned.await) })).await? {
        Ok(plan) => carry_out(session, server, plan, &what.change, out).await,
        Err(error @ StripError::Nothing(_)) => {
            nothing("strip", session.name(), &error.to_string(), out)
        }
        Err(error) => Err(error.into()),
    }
}

impl From<StripError> for CliError {
    fn from(error: StripError) -> Self {
        match error {
            StripError::Store(error) => (*error).into(),
            StripError::Server(error) => error.into(),
            error => Self::new(Kind::Server, error.notice()),
        }
    }
}
