//! `push`: copy closures of this machine to a cache, signed; at once, or by a spool.
//!
//! In: store paths and a key. Out: a plan that is carried out as every change is; or an entry of a spool; or what has become of those.

mod built;
mod drain;

use super::args::Common;
use super::args::push::Push;
use super::change::carry_out;
use super::error::{CliError, Kind};
use super::nothing::nothing;
use super::out::{Out, say};
use super::session::Session;
use super::signals::unless_stopped;
use crate::change::Plan;
use crate::change::audit::copy::state_folder;
use crate::change::keep::PinRequest;
use crate::change::push::{PushError, PushRequest, given, plan};
use crate::domain::text::visible;
use crate::domain::{StorePath, When, notice};
use crate::load::origin_closure;
use crate::server::{Origin, Server, keep_here};
use crate::spool::Spool;
use serde::Serialize;
use std::path::Path;

/// Runs it.
pub(super) async fn run(common: &Common, args: &Push, out: &mut Out) -> Result<u8, CliError> {
    match &args.spool {
        Some(folder) if args.drain => drain::run(common, args, folder, out).await,
        Some(folder) => spool(args, folder, out).await,
        None => now(common, args, out).await,
    }
}

/// Pushes at once.
async fn now(common: &Common, args: &Push, out: &mut Out) -> Result<u8, CliError> {
    let session = session(common, args)?;
    let paths = given::paths(&args.paths).map_err(CliError::usage)?;
    let pin = pin_of(args, &paths)?;
    let request = PushRequest {
        paths,
        from: from(args)?,
        pins: pin.into_iter().collect(),
        reason: args.change.reason.clone(),
    };
    let prepare = async {
        let server = session.connect().await?;
        let planned = prepare(&server, &request, args).await;
        Ok((server, planned))
    };
    let (server, planned) = unless_stopped(Box::pin(prepare)).await?;
    let code = match planned {
        Ok(plan) => carry_out(&session, &server, plan, &args.change, out).await,
        Err(PushError::Nothing(why)) => nothing(
            "push",
            session.name(),
            &PushError::Nothing(why).to_string(),
            out,
        ),
        Err(error) => Err(error.into()),
    };
    server.link().close().await;
    code
}

/// The session, which also looks at the key that was named.
fn session(common: &Common, args: &Push) -> Result<Session, CliError> {
    let mut session = Session::new(common, &args.server)?;
    if let Some(file) = &args.source.server_key {
        session.target.settings.signing_key = Some(file.clone());
    }
    Ok(session)
}

/// The address of the store that is pushed from, where it is not this machine's.
fn from(args: &Push) -> Result<Option<String>, CliError> {
    let address = args.from.as_deref().map(given::store).transpose();
    address.map_err(CliError::usage)
}

fn pin_of(args: &Push, paths: &[StorePath]) -> Result<Option<(StorePath, PinRequest)>, CliError> {
    let Some(name) = &args.pin else {
        return Ok(None);
    };
    let [path] = paths else {
        return Err(CliError::usage(notice!(
            "--pin can't name several paths",
            "push them one by one, or leave it out"
        )));
    };
    let wanted = PinRequest {
        name: Some(name.clone()),
        reason: args.change.reason.clone(),
        expires: args.expires.from(When::now()),
    };
    Ok(Some((path.clone(), wanted)))
}

/// Looks at both stores and makes the plan.
async fn prepare(server: &Server, request: &PushRequest, args: &Push) -> Result<Plan, PushError> {
    let origin = Origin::open(request.from.as_deref()).await?;
    let closure = origin_closure(&origin, &request.paths).await?;
    let state = state_folder();
    plan(
        server,
        closure,
        origin.place(),
        request,
        args.source.choice(),
        state.as_deref(),
        When::now(),
    )
    .await
}

#[derive(Serialize)]
struct Spooled<'a> {
    schema: u8,
    spooled: Spooling<'a>,
}

#[derive(Serialize)]
struct Spooling<'a> {
    entry: &'a str,
    paths: &'a [StorePath],
}

/// Adds an entry to a spool: what a hook of Nix calls while a build waits for it.
async fn spool(args: &Push, folder: &Path, out: &mut Out) -> Result<u8, CliError> {
    let with = &args.source;
    let later = [
        ("--from", args.from.is_some()),
        ("--key-file", with.key_file.is_some()),
        ("--server-key", with.server_key.is_some()),
        ("--ssh-agent", with.ssh_agent.is_some()),
        ("--dry-run", args.change.dry_run),
    ];
    if let Some((flag, _)) = later.into_iter().find(|(_, given)| *given) {
        return Err(CliError::usage(notice!(
            "{flag} has no meaning with --spool",
            "use it with --drain"
        )));
    }
    let paths = if args.paths.is_empty() {
        built::built().await?
    } else {
        given::paths(&args.paths).map_err(CliError::usage)?
    };
    pin_of(args, &paths)?;
    let failed = |error: std::io::Error| spool_failed(folder, &error);
    let spool = Spool::at(folder).map_err(failed)?;
    let entry = spool
        .add(&args.server, &paths, args.pin.as_ref())
        .map_err(failed)?;
    // The entry is written; a build must not fail for this.
    let kept = match spool.root(&entry) {
        Ok(link) => keep_here(&link, &paths)
            .await
            .map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    if let Err(why) = kept {
        say(&format!(
            "storekeeper: the paths of {entry} may be collected here before they are pushed: {why}"
        ));
    }
    if out.json() {
        out.document(&Spooled {
            schema: 1,
            spooled: Spooling {
                entry: &entry,
                paths: &paths,
            },
        })?;
    }
    Ok(0)
}

fn spool_failed(folder: &Path, error: &std::io::Error) -> CliError {
    let folder = visible(&folder.to_string_lossy()).into_owned();
    CliError::new(
        Kind::Server,
        notice!(
            "the spool {folder} can't be used: {error}",
            "give --spool a folder that this user may write"
        ),
    )
}

impl From<PushError> for CliError {
    fn from(error: PushError) -> Self {
        let kind = match error {
            PushError::Sign(error) => return (*error).into(),
            PushError::Pin(error) => return error.into(),
            PushError::Server(error) => return error.into(),
            PushError::NotHere { .. } => Kind::Usage,
            PushError::Nothing(_) | PushError::Unreadable { .. } | PushError::Journal { .. } => {
                Kind::Server
            }
        };
        Self::new(kind, error)
    }
}
