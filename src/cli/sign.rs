//! `sign`: sign what clients would refuse.
//!
//! In: paths or `--all`, and a key. Out: a plan that is carried out as every change is.

use super::args::signing::Sign;
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
use crate::change::sign::{PlanError, Selection, plan};
use crate::domain::When;
use crate::server::Server;

/// Runs it.
pub(super) async fn run(session: &mut Session, args: &Sign, out: &mut Out) -> Result<u8, CliError> {
    if let Some(file) = &args.source.server_key {
        // The probe looks at this key file then, and derives its public half.
        session.target.settings.signing_key = Some(file.clone());
    }
    let planned = unless_stopped(Box::pin(prepare(session, args))).await?;
    let code = match planned {
        (server, Ok(plan)) => {
            let code = carry_out(session, &server, plan, &args.change, out).await;
            server.link().close().await;
            code?
        }
        (server, Err(reason)) => {
            server.link().close().await;
            nothing("sign", session.name(), &reason, out)?
        }
    };
    Ok(code)
}

/// Connects, reads the store and makes the plan; the reason if there is nothing to sign.
async fn prepare(
    session: &Session,
    args: &Sign,
) -> Result<(Server, Result<Plan, String>), CliError> {
    let server = session.connect_to_read().await?;
    let inventory = load(session, &server, &Progress::new(session.quiet), |_| Ok(()))
        .await?
        .inventory;
    let selection = if args.all {
        Selection::all()
    } else {
        Selection::rows(find::rows(&inventory, &args.paths)?)
    };
    let selection = selection
        .with_closure(args.closure)
        .with_upstream(args.upstream);
    let reason = args.change.reason.clone();
    match plan(
        &server,
        &inventory,
        &selection,
        args.source.choice(),
        reason,
        When::now(),
    )
    .await
    {
        Ok(plan) => Ok((server, Ok(plan))),
        // With paths that the server could not read, nothing to do is not known to be true.
        Err(error @ PlanError::Nothing(_)) if inventory.counts().unreadable == 0 => {
            Ok((server, Err(error.to_string())))
        }
        Err(error) => Err(error.into()),
    }
}

impl From<PlanError> for CliError {
    fn from(error: PlanError) -> Self {
        let kind = match &error {
            PlanError::Agent(error) => return error.clone().into(),
            PlanError::Server(error) => error.kind().into(),
            PlanError::NoServerKey
            | PlanError::NotAsked(_)
            | PlanError::NoPublicHalf(_)
            | PlanError::KeyFile { .. }
            | PlanError::NotAKeyFile { .. }
            | PlanError::KeyName { .. }
            | PlanError::NotInAgent(_)
            | PlanError::NotEd25519(_) => Kind::Usage,
            PlanError::KeyFileMode { .. } | PlanError::OtherKey(_) => Kind::Policy,
            PlanError::Nothing(_)
            | PlanError::ServerKey { .. }
            | PlanError::ReadOnlyStore(_)
            | PlanError::Unmendable(_) => Kind::Server,
        };
        Self::new(kind, error)
    }
}
