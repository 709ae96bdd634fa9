//! `rotate`: have a new key sign what only an old one has signed, and say when the old one can be dropped.
//!
//! In: the keys that go and the one that signs. Out: how far each key has got; with a key that goes, a plan of signatures that is
//! carried out, whether it can be dropped then, and what clients do.

use super::args::signing::Rotate as Args;
use super::change::{Ended, conduct};
use super::error::{CliError, Kind};
use super::load::load;
use super::out::Out;
use super::progress::Progress;
use super::session::Session;
use super::signals::unless_stopped;
use crate::change::sign::KeyChoice;
use crate::change::sign::rotate::{
    Rotate, RotateError, RotateRequest, Straggler, found, rotate, server_key,
};
use crate::change::{Plan, Receipt};
use crate::domain::count::number;
use crate::domain::text::visible;
use crate::domain::{KeyRing, Role, When, notice};
use crate::inventory::{Inventory, Query};
use crate::judge::rotation::{KeyCoverage, coverage};
use crate::onboard::rotation::{Keys, steps};
use crate::onboard::{Step, text};
use crate::server::Server;
use serde::Serialize;
use std::collections::HashSet;

/// Stragglers that are listed one by one in text.
const LISTED: usize = 20;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    schema: u8,
    server: &'a str,
    keys: &'a [KeyCoverage],
    #[serde(skip_serializing_if = "Option::is_none")]
    rotation: Option<Report<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<&'a Plan>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<&'a Receipt>,
}

/// Where a rotation stands at the end.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    from: &'a [String],
    to: &'a str,
    needing: usize,
    covered: usize,
    by_others: usize,
    content_addressed: usize,
    refused: usize,
    unread: usize,
    stragglers: &'a [Straggler],
    safe_to_drop: bool,
    verdict: String,
    clients: Clients,
}

/// What clients do.
#[derive(Serialize)]
struct Clients {
    overlap: Vec<String>,
    afterwards: Vec<String>,
    steps: Vec<Step>,
}

/// Runs it.
pub(super) async fn run(session: &mut Session, args: &Args, out: &mut Out) -> Result<u8, CliError> {
    if let Some(file) = &args.source.server_key {
        // The probe looks at this key file then, and derives its public half.
        session.target.settings.signing_key = Some(file.clone());
    }
    let except = args.except.as_deref().map(Query::parse).transpose();
    let except = except.map_err(CliError::usage)?;
    let prepare = async {
        let server = session.connect_to_read().await?;
        let inventory = read(session, &server).await?;
        Ok((server, inventory))
    };
    let (server, inventory) = unless_stopped(Box::pin(prepare)).await?;
    let code = Box::pin(on(session, &server, &inventory, args, except.as_ref(), out)).await;
    server.link().close().await;
    code
}

async fn read(session: &Session, server: &Server) -> Result<Inventory, CliError> {
    let loaded = load(session, server, &Progress::new(session.quiet), |_| Ok(())).await?;
    Ok(loaded.inventory)
}

async fn on(
    session: &Session,
    server: &Server,
    inventory: &Inventory,
    args: &Args,
    except: Option<&Query>,
    out: &mut Out,
) -> Result<u8, CliError> {
    let ring = server.facts().keys.clone();
    let keys = coverage(inventory, &ring);
    if !out.json() {
        table(&keys, out)?;
    }
    if args.from.is_empty() {
        if out.json() {
            out.document(&document(session, &keys, None, None))?;
        }
        return Ok(0);
    }
    let with = with(server, args)?;
    let look = |inventory: &Inventory| RotateRequest {
        from: args.from.clone(),
        except: except.map_or_else(HashSet::new, |query| found(inventory, query)),
    };
    let reason = args.change.reason.clone();
    let request = look(inventory);
    let asked = rotate(
        server,
        inventory,
        &request,
        with.clone(),
        reason,
        When::now(),
    );
    let mut rotated = unless_stopped(Box::pin(async { Ok(asked.await?) })).await?;
    let Some(plan) = rotated.plan.take() else {
        let reported = finish(session, &ring, &keys, &rotated, None, out);
        reported?;
        return Ok(exit(&rotated, &args.change));
    };
    let ended = conduct(session, server, plan, &args.change, &[], out).await?;
    if ended.receipt.is_none() || ended.is_stopped() {
        let reported = finish(session, &ring, &keys, &rotated, Some(&ended), out);
        return ended.end(reported);
    }
    // What has come in meanwhile counts as well.
    let inventory = read(session, server).await?;
    let keys = coverage(&inventory, &ring);
    let request = look(&inventory);
    let rotated = rotate(server, &inventory, &request, with, None, When::now()).await?;
    let reported = finish(session, &ring, &keys, &rotated, Some(&ended), out);
    Ok(match ended.end(reported)? {
        0 => exit(&rotated, &args.change),
        code => code,
    })
}

/// 0 where the old keys can go, or nothing was to be done; else a part of it failed.
fn exit(rotated: &Rotate, change: &super::args::Change) -> u8 {
    if rotated.is_safe_to_drop() || change.dry_run {
        return 0;
    }
    Kind::Server.code()
}

/// The key that signs.
fn with(server: &Server, args: &Args) -> Result<KeyChoice, CliError> {
    let choice = args.source.choice();
    let Some(name) = &args.to else {
        return Ok(choice);
    };
    let named = matches!(choice, KeyChoice::Server(None));
    match server_key(server, name) {
        Some(file) if named => Ok(KeyChoice::Server(Some(file))),
        _ if !named => Ok(choice),
        _ => {
            let name = visible(name);
            Err(CliError::usage(notice!(
                "no known key file of the server holds {name}",
                "name the file with --server-key, or sign with --key-file or --ssh-agent"
            )))
        }
    }
}

/// The keys that sign for the cache, with and without those that go.
fn clients(ring: &KeyRing, rotated: &Rotate) -> Clients {
    let own = ring.ours().into_iter().chain(ring.retired());
    let to = rotated.to.name();
    // The new one first, whatever part it plays.
    let all: Vec<_> = std::iter::once(&rotated.to)
        .chain(own.filter(|key| key.name() != to))
        .collect();
    let overlap: Vec<String> = all.iter().map(ToString::to_string).collect();
    let stays = all
        .iter()
        .filter(|key| !rotated.from.iter().any(|from| from == key.name().as_str()));
    let afterwards: Vec<String> = stays.map(ToString::to_string).collect();
    let steps = steps(&Keys {
        overlap: &overlap,
        afterwards: &afterwards,
    });
    Clients {
        overlap,
        afterwards,
        steps,
    }
}

fn document<'a>(
    session: &'a Session,
    keys: &'a [KeyCoverage],
    rotation: Option<Report<'a>>,
    ended: Option<&'a Ended>,
) -> Document<'a> {
    Document {
        schema: 1,
        server: session.name(),
        keys,
        rotation,
        plan: ended.map(|ended| &ended.plan),
        receipt: ended.and_then(|ended| ended.receipt.as_ref()),
    }
}

/// Tells where it stands now.
fn finish(
    session: &Session,
    ring: &KeyRing,
    keys: &[KeyCoverage],
    rotated: &Rotate,
    ended: Option<&Ended>,
    out: &mut Out,
) -> Result<(), CliError> {
    let clients = clients(ring, rotated);
    let rotation = &rotated.rotation;
    if out.json() {
        let report = Report {
            from: &rotated.from,
            to: rotated.to.name().as_str(),
            needing: rotation.needing.len(),
            covered: rotation.covered,
            by_others: rotation.by_others,
            content_addressed: rotation.addressed,
            refused: rotation.refused,
            unread: rotation.unread,
            stragglers: &rotated.stragglers,
            safe_to_drop: rotated.is_safe_to_drop(),
            verdict: rotated.verdict(),
            clients,
        };
        out.document(&document(session, keys, Some(report), ended))?;
        return out.flush();
    }
    out.line("")?;
    out.line(&visible(&rotated.verdict()))?;
    for straggler in rotated.stragglers.iter().take(LISTED) {
        out.line(&format!("  {}: {}", straggler.path, straggler.message))?;
    }
    if rotated.stragglers.len() > LISTED {
        let more = number(rotated.stragglers.len() - LISTED);
        out.line(&format!("  and {more} more; --json has all of them"))?;
    }
    if rotation.refused > 0 {
        let refused = number(rotation.refused);
        let name = session.name();
        out.line(&format!(
            "  {refused} more are refused today with any key; storekeeper paths {name} --refused lists them"
        ))?;
    }
    let head = "What clients do while the key changes";
    for line in text(head, &clients.steps).lines() {
        out.line(&visible(line))?;
    }
    out.flush()
}

fn table(keys: &[KeyCoverage], out: &mut Out) -> Result<(), CliError> {
    let wide = keys
        .iter()
        .map(|key| key.key.len())
        .max()
        .unwrap_or(0)
        .max(3);
    out.line(&format!(
        "{:<wide$}  {:<8}  {:>9}  {:>9}",
        "KEY", "ROLE", "SIGNS", "ALONE"
    ))?;
    for key in keys {
        let (name, role) = (visible(&key.key), key.role.word());
        let (signs, alone) = (number(key.signs), number(key.alone));
        out.line(&format!("{name:<wide$}  {role:<8}  {signs:>9}  {alone:>9}"))?;
    }
    if keys.iter().all(|key| key.role == Role::Upstream) {
        out.line(
            "no key of this cache is known; set public_keys for this server in the configuration",
        )?;
    }
    Ok(())
}

impl From<RotateError> for CliError {
    fn from(error: RotateError) -> Self {
        match error {
            RotateError::Plan(error) => error.into(),
            error => Self::usage(crate::domain::Explain::notice(&error)),
        }
    }
}
