//! `roots`: what keeps store paths from being collected, and removing one of them.
//!
//! In: a server; a root. Out: a list with what each keeps alone, or a plan that is carried out.

mod list;
pub(super) mod pins;

use super::args;
use super::args::roots::{Roots, RootsCommand};
use super::change::carry_out;
use super::error::{CliError, Kind};
use super::looked::Looked;
use super::nothing::nothing;
use super::out::Out;
use super::progress::Progress;
use super::session::Session;
use super::signals::unless_stopped;
use crate::change::Plan;
use crate::change::access::About;
use crate::change::keep::{KeepError, older_than, remove};
use crate::domain::Age;
use crate::server::Server;

/// What a subcommand plans: the plan, or why there is nothing to do.
type Planned = Result<Plan, KeepError>;

/// Runs it.
pub(super) async fn run(session: &Session, args: &Roots, out: &mut Out) -> Result<u8, CliError> {
    match &args.what {
        None | Some(RootsCommand::List) => unless_stopped(Box::pin(list::run(session, out))).await,
        Some(RootsCommand::Remove(args)) => match (&args.root, args.generations_older_than) {
            (_, Some(age)) => take(session, Goes::Generations(age), &args.change, out).await,
            (root, None) => {
                let root = root.as_deref().unwrap_or_default();
                take(session, Goes::One(root), &args.change, out).await
            }
        },
    }
}

/// What goes.
#[derive(Clone, Copy)]
pub(super) enum Goes<'a> {
    /// The root of this link.
    One(&'a str),
    /// Generations that are older.
    Generations(Age),
}

/// Plans that roots go, and carries it out.
pub(super) async fn take(
    session: &Session,
    goes: Goes<'_>,
    change: &args::Change,
    out: &mut Out,
) -> Result<u8, CliError> {
    let prepare = async {
        let server = session.connect_to_read().await?;
        let looked = Looked::at(session, &server, &Progress::new(session.quiet)).await?;
        let generations = server.generations(&looked.roots).await?;
        let keep = looked.keep();
        let about = About::of(&server);
        let kept = looked.kept(&keep);
        let planned = match goes {
            Goes::Generations(age) => older_than(&about, kept, &generations, age, looked.space.at),
            Goes::One(root) => remove(
                &about,
                kept,
                looked.pins()?,
                &server.pins_dir(),
                &generations,
                root,
            ),
        };
        Ok((server, planned))
    };
    let (server, planned) = unless_stopped(Box::pin(prepare)).await?;
    confirm_and_run(session, server, planned, change, "remove-root", out).await
}

/// Has a plan confirmed and runs it, or says that there is nothing to do; then closes the connection.
pub(super) async fn confirm_and_run(
    session: &Session,
    server: Server,
    planned: Planned,
    options: &args::Change,
    word: &'static str,
    out: &mut Out,
) -> Result<u8, CliError> {
    let code = match planned {
        Ok(mut plan) => {
            plan.reason.clone_from(&options.reason);
            carry_out(session, &server, plan, options, out).await
        }
        Err(KeepError::Nothing(why)) => nothing(word, session.name(), &why, out),
        Err(error) => Err(error.into()),
    };
    server.link().close().await;
    code
}

impl From<KeepError> for CliError {
    fn from(error: KeepError) -> Self {
        let kind = match &error {
            KeepError::Taken { .. } => Kind::Conflict,
            KeepError::NoPin(_) | KeepError::NoRoot(_) => Kind::Usage,
            KeepError::Refused(_) => Kind::Policy,
            KeepError::NotValid(_)
            | KeepError::Absent(_)
            | KeepError::Unknown(_)
            | KeepError::Nothing(_) => Kind::Server,
        };
        Self::new(kind, error)
    }
}
